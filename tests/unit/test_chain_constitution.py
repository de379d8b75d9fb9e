"""The constitution file: what it may say, and what is refused with the field that is wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from hub.chain.artifacts import REGISTERS
from hub.chain.codec import encode_call
from hub.chain.constitution import Constitution
from hub.chain.enums import BallotKind, Role
from hub.errors import ConfigurationWrong

DAY = 86_400
RULE = {
    "quorum_ppm": 500_000,
    "approval_ppm": 500_001,
    "min_voting": 3_600,
    "max_voting": 30 * DAY,
    "delay": DAY,
    "execute_within": 14 * DAY,
}


def founding() -> dict[str, Any]:
    return {
        "members": [
            {
                "member": member,
                "kind": "full",
                "parent": parent,
                "officers": [
                    {
                        "account": "0x" + f"{place + 1:02x}" * 20,
                        "roles": ["voter", "registrar"],
                        "valid_until": "2036-01-01T00:00:00+08:00",
                    }
                ],
            }
            for place, (member, parent) in enumerate([(310000, 0), (320500, 320000)])
        ],
        "rules": {kind.name.lower(): dict(RULE) for kind in BallotKind},
        "pause": {"max_duration": 3 * DAY, "cooldown": 7 * DAY},
        "transfers": {
            "new_counterparty_wait": DAY,
            "min_lifetime": 3_600,
            "max_lifetime": 30 * DAY,
            "cosign_above_kg": 1_000_000,
        },
    }


def load(tmp_path: Path, content: dict[str, Any]) -> Constitution:
    file = tmp_path / "constitution.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return Constitution.load(file)


def test_structs__as_the_contracts_take_them(tmp_path: Path) -> None:
    constitution = load(tmp_path, founding())
    assert constitution.members[1].as_struct() == (
        320500,
        1,
        320000,
        [("0x" + "02" * 20, int(Role.VOTER | Role.REGISTRAR), 2_082_729_600)],
    )
    addresses = {name: "0x" + f"{place:02x}" * 20 for place, name in enumerate(REGISTERS)}
    for register in ("Consortium", "CreditLedger"):
        assert encode_call(register, "initialize", constitution.initialisation(register, addresses))


def test_digest__same_for_the_same_moment_in_another_zone_other_for_another_rule(tmp_path: Path) -> None:
    original = load(tmp_path, founding()).digest()
    elsewhere = founding()
    elsewhere["members"][0]["officers"][0]["valid_until"] = "2035-12-31T16:00:00Z"
    assert load(tmp_path, elsewhere).digest() == original
    changed = founding()
    changed["rules"]["pause"]["delay"] = 0
    assert load(tmp_path, changed).digest() != original


def _set(content: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(content)
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    inside: Any = changed
    for step in way:
        inside = inside[step]
    if value is None:
        del inside[last]
    else:
        inside[last] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value", "where", "why"),
    [
        ("members", [], "members", "at least 1"),
        ("members.0.member", 1_000_001, "members.0", "no id of a full member"),
        ("members.0.kind", "programme", "members.0", "no id of a programme member"),
        ("members.0.kind", "observer", "members.0.kind", "full"),
        ("members.0.officers", [], "", "310000 has no voter"),
        ("members.1.member", 310000, "", "twice"),
        ("members.0.officers.0.roles", ["voter", "king"], "members.0.officers.0.roles.1", "voter"),
        ("members.0.officers.0.roles", [], "members.0.officers.0.roles", "at least 1"),
        ("members.0.officers.0.account", "0x12", "members.0.officers.0.account", "40 hexadecimal"),
        ("members.0.officers.0.account", "0x" + "02" * 20, "", "serves one member"),
        ("members.0.officers.0.valid_until", "2036-01-01T00:00:00", "valid_until", "timezone"),
        ("rules.hold", None, "", "hold"),
        ("rules.hold.quorum_ppm", 1_000_001, "rules.hold.quorum_ppm", "1000000"),
        ("rules.hold.delay", 2**32, "rules.hold.delay", "4294967296"),
        ("transfers.cosign_above_kg", 1.5, "transfers.cosign_above_kg", "integer"),
        ("pause.comment", "new", "pause.comment", "Extra"),
    ],
)
def test_wrong_field__refused_with_its_place(tmp_path: Path, path: str, value: Any, where: str, why: str) -> None:
    with pytest.raises(ConfigurationWrong) as refused:
        load(tmp_path, _set(founding(), path, value))
    assert refused.value.code == "constitution_invalid"
    assert where in (refused.value.where or "")
    assert why in refused.value.message


def test_no_file_or_no_json__refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationWrong) as missing:
        Constitution.load(tmp_path / "nowhere.json")
    assert missing.value.code == "constitution_missing"
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigurationWrong) as broken:
        Constitution.load(tmp_path / "broken.json")
    assert broken.value.code == "constitution_invalid"

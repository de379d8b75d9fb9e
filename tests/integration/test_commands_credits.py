"""A city without an adapter, by command: transfers, retirements, corrections, pledges, each record carried out once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from hub.chain.keys import LocalSigner, Strength, checksum_address, import_key
from hub.demo.cities import CITIES, HANGZHOU, HEFEI, SHANGHAI, SUZHOU, password_file
from mutual_recognition.identifiers import beneficiary_commitment
from mutual_recognition.periods import Period
from mutual_recognition.records import (
    Issuance,
    MethodologyFiling,
    MethodologyKey,
    ProjectRegistration,
    SeriesRegistration,
    Verification,
)
from mutual_recognition.serials import SerialRange
from tests.integration.command_home import Commands, Home, founded

pytestmark = pytest.mark.slow

REGISTRY = "hangzhou-illustrative"
ISSUED_KG = 10_000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Hangzhou has issued 10,000 serials of 1 kg."""
    with founded(tmp_path_factory.mktemp("commands")) as home:
        key = MethodologyKey("DEMO-HZ-01", "V1")
        with home.desk(HANGZHOU, REGISTRY) as desk:
            for record in (
                MethodologyFiling(native_id="FF-1", key=key, valid_from=date(2024, 1, 1), definition={"formula": "x"}),
                ProjectRegistration(
                    native_id="XM-1",
                    methodology=key,
                    crediting=Period(date(2024, 1, 1), date(2030, 12, 31)),
                    declaration={"other_mechanism": "none"},
                ),
                SeriesRegistration(code="DEMO-HZ", kg_per_serial=1),
                Verification(
                    native_id="HZ-1",
                    project="XM-1",
                    period=Period(date(2024, 1, 1), date(2024, 12, 31)),
                    verified_kg=ISSUED_KG,
                ),
                Issuance(
                    native_id="QF-1",
                    series="DEMO-HZ",
                    serials=SerialRange(1, ISSUED_KG),
                    quantity_kg=ISSUED_KG,
                    verification="HZ-1",
                    vintage=2024,
                ),
            ):
                assert desk.carry_out(record).written
        yield home


@pytest.fixture
def yrdhub(home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    return Commands(home, capsys, monkeypatch)


@pytest.fixture(scope="module")
def recognised() -> dict[str, bool]:
    return {}


@pytest.fixture
def hefei_recognises(yrdhub: Commands, recognised: dict[str, bool]) -> None:
    """Hefei takes Hangzhou's credits at half their quantity; voted once a module."""
    if recognised:
        return
    ballot = yrdhub(
        HEFEI, "ballot", "open", "recognise", "--methodology", "FF-1", "--by", HEFEI.member, "--factor", "0.5",
        "--every-project", "--voting", "1h",
    )["ballot"]  # fmt: skip
    for city in CITIES:
        yrdhub(city, "ballot", "vote", ballot, "yes")
    yrdhub(None, "ballot", "execute", ballot)
    recognised["done"] = True


def propose(yrdhub: Commands, record: str, first: int, last: int, to: int) -> dict[str, Any]:
    told: dict[str, Any] = yrdhub(
        HANGZHOU, "transfer", "propose", "--record", record, "--to", to, "--series", "DEMO-HZ",
        "--first", first, "--last", last,
    )  # fmt: skip
    return told


def held_kg(yrdhub: Commands, holder: int, status: str) -> int:
    holdings = yrdhub(None, "credits", "totals")["holdings"]
    return sum(one["kg"][status] for one in holdings if one["holder"] == holder)


def test_transfer__proposed_and_accepted_by_command__cuts_by_the_factor(
    yrdhub: Commands, hefei_recognises: None
) -> None:
    proposed = propose(yrdhub, "ZC-1", 1, 1001, HEFEI.member)
    (transfer,) = proposed["transfers"]
    again = propose(yrdhub, "ZC-1", 1, 1001, HEFEI.member)
    assert (again["written"], again["transfers"]) == ([], [transfer])
    accepted = yrdhub(HEFEI, "transfer", "accept", transfer[:12], "--record", "ZR-1")
    assert accepted["transfer"]["kept_kg"] == 1001 // 2
    assert yrdhub(HEFEI, "transfer", "accept", transfer, "--record", "ZR-1")["written"] == []
    # its serials were split and went further meanwhile: it is still the same record
    later = propose(yrdhub, "ZC-1", 1, 1001, HEFEI.member)
    assert (later["written"], later["transfers"]) == ([], [transfer])
    assert held_kg(yrdhub, HEFEI.member, "available") == 500
    assert yrdhub(None, "credits", "totals")["adds_up"]


def test_accept__by_a_member_that_recognises_nothing__is_refused_by_name(yrdhub: Commands) -> None:
    (transfer,) = propose(yrdhub, "ZC-2", 2001, 2100, SUZHOU.member)["transfers"]
    code, refused = yrdhub.attempt(SUZHOU, "transfer", "accept", transfer, "--record", "ZR-2")
    assert (code, refused["chain_error"]) == (65, "NotRecognised")
    before = held_kg(yrdhub, HANGZHOU.member, "available")
    yrdhub(SUZHOU, "transfer", "reject", transfer, "--record", "ZR-3")
    assert held_kg(yrdhub, HANGZHOU.member, "available") == before + 100


def test_withdraw__gives_the_serials_back__and_expire_waits_for_its_time(yrdhub: Commands) -> None:
    (transfer,) = propose(yrdhub, "ZC-3", 3001, 3010, SHANGHAI.member)["transfers"]
    code, refused = yrdhub.attempt(None, "transfer", "expire", transfer)
    assert (code, refused["chain_error"]) == (65, "TransferNotOver")
    yrdhub(HANGZHOU, "transfer", "withdraw", transfer, "--record", "CH-3")
    (listed,) = [one for one in yrdhub(None, "transfer", "list") if one["transfer"] == transfer]
    assert listed["status"] == "withdrawn"


def test_propose__serials_never_issued__says_so(yrdhub: Commands) -> None:
    code, refused = yrdhub.attempt(
        HANGZHOU, "transfer", "propose", "--record", "ZC-9", "--to", HEFEI.member, "--series", "DEMO-HZ",
        "--first", ISSUED_KG, "--last", ISSUED_KG + 1,
    )  # fmt: skip
    assert (code, refused["error"]) == (65, "serials_unknown")


def retire(yrdhub: Commands, record: str, first: int, last: int, beneficiary: str) -> tuple[int, Any]:
    return yrdhub.attempt(
        HANGZHOU, "credits", "retire", "--record", record, "--series", "DEMO-HZ", "--first", first, "--last", last,
        "--purpose", "voluntary", "--beneficiary", beneficiary,
    )  # fmt: skip


def test_retire__certificate_proves_the_beneficiary__and_once_is_once(yrdhub: Commands) -> None:
    code, told = retire(yrdhub, "ZX-1", 5001, 5100, "示例公益组织")
    assert code == 0, told
    certificate = json.loads(Path(told["certificate"]).read_text(encoding="utf-8"))
    commitment = beneficiary_commitment(bytes.fromhex(certificate["salt"]), "示例公益组织", "")
    assert told["commitment"] == "0x" + commitment.hex()
    life = yrdhub(None, "serial", "show", "DEMO-HZ", 5050)
    assert life["retirement"]["beneficiary"] == told["commitment"]
    assert "示例公益组织" not in json.dumps(life, ensure_ascii=False)
    code, again = retire(yrdhub, "ZX-1", 5001, 5100, "示例公益组织")
    assert (code, again["written"]) == (0, [])
    code, refused = retire(yrdhub, "ZX-1", 5001, 5100, "somebody else")
    assert (code, refused["error"]) == (78, "certificate_exists")
    code, refused = retire(yrdhub, "ZX-2", 5001, 5100, "somebody else")
    assert (code, refused["chain_error"]) == (65, "BlockNotAvailable")


def test_correct__cancels_and_frees(yrdhub: Commands) -> None:
    before = held_kg(yrdhub, HANGZHOU.member, "cancelled")
    yrdhub(
        HANGZHOU, "credits", "correct", "--record", "GZ-1", "--series", "DEMO-HZ", "--first", 6001, "--last", 6010,
        "--reason", "a meter was read wrongly (illustrative)", "--registry", REGISTRY,
    )  # fmt: skip
    assert held_kg(yrdhub, HANGZHOU.member, "cancelled") == before + 10


def test_pledge__offered_by_an_institution_and_released(yrdhub: Commands, home: Home) -> None:
    password = password_file(home.folder / "keys", HANGZHOU).read_text().strip()
    keystore = import_key(home.folder / "keys" / "hangzhou" / "bank", b"\x07" * 32, password, Strength.LIGHT)
    bank = checksum_address(LocalSigner(b"\x07" * 32).address)
    assert keystore.file.exists()
    yrdhub(HANGZHOU, "member", "officers", "set", bank, "--role", "financial_institution", "--until", "2035-01-01")
    offer = home.folder / "pledge.json"
    yrdhub(
        HANGZHOU, "credits", "pledge-offer", "--series", "DEMO-HZ", "--first", 7001, "--last", 7100,
        "--until", "2035-01-01", "--out", offer,
    )  # fmt: skip
    yrdhub(HANGZHOU, "credits", "pledge", offer, member=False)
    assert held_kg(yrdhub, HANGZHOU.member, "pledged") == 100
    yrdhub(HANGZHOU, "credits", "release", "--series", "DEMO-HZ", "--first", 7001)
    assert held_kg(yrdhub, HANGZHOU.member, "pledged") == 0


def test_serial_show__unknown__says_so(yrdhub: Commands) -> None:
    code, refused = yrdhub.attempt(None, "serial", "show", "DEMO-HZ", ISSUED_KG + 1)
    assert (code, refused["error"]) == (65, "serial_unknown")

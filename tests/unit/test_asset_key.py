"""The consortium's asset key in a home: made once, never shown, compared by its fingerprint; and a trial's two keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hub.chain.keys import Strength, create_keystore
from hub.cli import run

EXPECTED = "64 hex digits"


def said(capsys: pytest.CaptureFixture[str], home: Path, *words: str) -> tuple[int, Any]:
    capsys.readouterr()
    code = run(["--home", str(home), "--json", *words])
    return code, json.loads(capsys.readouterr().out)


def test_asset__new__is_made_once_and_only_its_fingerprint_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "home" / "asset.key"
    assert said(capsys, file.parent, "keys", "asset")[1] == {"file": str(file), "fingerprint": None}
    code, made = said(capsys, file.parent, "keys", "asset", "--new")
    key = file.read_text(encoding="ascii").strip()
    assert (code, len(bytes.fromhex(key)), file.stat().st_mode & 0o777) == (0, 32, 0o600)
    assert made["fingerprint"] not in key
    assert said(capsys, file.parent, "keys", "asset")[1] == made
    code, again = said(capsys, file.parent, "keys", "asset", "--new")
    assert (code, again["error"]) == (78, "asset_key_exists")
    assert file.read_text(encoding="ascii").strip() == key


@pytest.mark.parametrize("content", ["not hex", "6b" * 31])
def test_asset__that_cannot_be_used__says_its_form(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (tmp_path / "asset.key").touch(mode=0o600)
    (tmp_path / "asset.key").write_text(content, encoding="ascii")
    code, told = said(capsys, tmp_path, "keys", "asset")
    assert (code, told["error"]) == (78, "asset_key_unusable")
    assert EXPECTED in told["remedy"]


def test_trial__founded_by_the_first_two_keys__with_fewer_none_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = [create_keystore(tmp_path / "keys", "illustrative", Strength.LIGHT)]
    code, told = said(capsys, tmp_path, "deploy", "--example", "--trial")
    assert (code, told["error"]) == (78, "key_missing")
    stores += [create_keystore(tmp_path / "keys", "illustrative", Strength.LIGHT) for _ in range(2)]
    code, told = said(capsys, tmp_path, "deploy", "--example", "--trial")
    accounts = [officer["account"] for member in told["members"] for officer in member["officers"]]
    assert accounts == sorted(store.address for store in stores)[:2]
    assert told["rules"]["membership"]["min_voting"] == 1

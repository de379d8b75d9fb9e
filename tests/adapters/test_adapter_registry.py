"""Adapters by name: what is installed, what is configured, and what is said of a configuration that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.protocol import RegistryAdapter
from adapters.registry import configured, installed, open_adapter
from hub.errors import ConfigurationWrong

SUZHOU = {"adapter": "suzhou", "member": 320500, "registry": "suzhou-sandbox", "folder": "exchange"}


def configure(home: Path, name: str, content: Any) -> Path:
    file = home / "adapters" / f"{name}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


def test_installed__are_the_adapters_of_this_project() -> None:
    assert {"cdm", "shanghai", "suzhou"} <= set(installed()), "stale metadata: run `make setup`"


def test_open__by_the_name_of_its_configuration(tmp_path: Path) -> None:
    configure(tmp_path, "gusu", SUZHOU)
    configure(tmp_path, "cdm", {"folder": "reports"})
    assert configured(tmp_path) == ["cdm", "gusu"]
    adapter = open_adapter(tmp_path, "gusu")
    assert isinstance(adapter, RegistryAdapter)
    assert (adapter.profile.name, adapter.profile.member) == ("gusu", 320500)
    secret = tmp_path / "adapters" / "gusu.secret"
    assert secret.stat().st_mode & 0o077 == 0
    kept = secret.read_bytes()
    open_adapter(tmp_path, "gusu").close()
    assert secret.read_bytes() == kept
    assert str(tmp_path / "adapters" / "exchange") in str(adapter.health().detail)
    assert open_adapter(tmp_path, "cdm").profile.member > 1_000_000


@pytest.mark.parametrize(
    ("content", "code", "named"),
    [
        ("{", "adapter_configuration_unreadable", "gusu.json"),
        ("[]", "adapter_configuration_unreadable", "list"),
        ({**SUZHOU, "adapter": "nowhere"}, "adapter_unknown", "nowhere"),
        ({**SUZHOU, "membre": 1}, "adapter_setting_invalid", "membre"),
        ({**SUZHOU, "member": "Suzhou"}, "adapter_setting_invalid", "member"),
        ({"adapter": "suzhou", "member": 320500, "registry": "r"}, "adapter_setting_invalid", "folder"),
        ({"adapter": "shanghai", "member": 310000, "registry": "r", "url": "x", "token_file": "t"}, None, "url"),
    ],
)
def test_open__configuration_unusable__is_named(tmp_path: Path, content: Any, code: str | None, named: str) -> None:
    configure(tmp_path, "gusu", content)
    with pytest.raises(ConfigurationWrong) as caught:
        open_adapter(tmp_path, "gusu")
    assert caught.value.code == (code or "adapter_setting_invalid")
    assert named in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize(("name", "code"), [("../etc", "adapter_name_invalid"), ("absent", "adapter_not_configured")])
def test_open__no_such_configuration__is_said(tmp_path: Path, name: str, code: str) -> None:
    with pytest.raises(ConfigurationWrong) as caught:
        open_adapter(tmp_path, name)
    assert caught.value.code == code


def test_secret__open_to_others_or_cut_short__is_not_used(tmp_path: Path) -> None:
    configure(tmp_path, "gusu", SUZHOU)
    open_adapter(tmp_path, "gusu").close()
    secret = tmp_path / "adapters" / "gusu.secret"
    secret.chmod(0o644)
    with pytest.raises(ConfigurationWrong, match="other users"):
        open_adapter(tmp_path, "gusu")
    secret.chmod(0o600)
    secret.write_text("abcd\n")
    with pytest.raises(ConfigurationWrong, match="fewer than 32 bytes"):
        open_adapter(tmp_path, "gusu")

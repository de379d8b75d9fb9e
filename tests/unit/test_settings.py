"""Settings from the environment, and passwords that others can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.errors import ConfigurationWrong
from hub.settings import LogFormat, load_settings


def test_settings__by_default__lie_in_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("YRDHUB_HOME", str(tmp_path))
    settings = load_settings()
    assert settings.home == tmp_path
    assert settings.database_url == f"sqlite:///{tmp_path / 'hub.sqlite'}"
    assert settings.log_format is LogFormat.CONSOLE


def test_settings__home_option_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("YRDHUB_HOME", str(tmp_path / "environment"))
    assert load_settings(tmp_path / "option").home == tmp_path / "option"


def test_settings__without_a_home__take_the_xdg_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("YRDHUB_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert load_settings().home == tmp_path / "yrdhub"


@pytest.mark.parametrize(
    ("name", "value"),
    [("YRDHUB_API_PORT", "seventy"), ("YRDHUB_RPC_URL", "localhost:8545"), ("YRDHUB_LOG_FORMAT", "xml")],
)
def test_settings__value_that_does_not_fit__names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationWrong, match=name) as raised:
        load_settings()
    assert raised.value.what == value


def test_password__from_a_file_that_only_its_owner_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("correct horse\n")
    file.chmod(0o600)
    monkeypatch.setenv("YRDHUB_PASSWORD_FILE", str(file))
    assert load_settings().read_password(whose="Shanghai's registrar") == "correct horse"


def test_password__file_open_to_others__is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("correct horse\n")
    file.chmod(0o644)
    monkeypatch.setenv("YRDHUB_PASSWORD_FILE", str(file))
    with pytest.raises(ConfigurationWrong, match="other users") as raised:
        load_settings().read_password(whose="Shanghai's registrar")
    assert "correct horse" not in str(raised.value)


def test_password__nowhere__says_how_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("YRDHUB_PASSWORD", raising=False)
    with pytest.raises(ConfigurationWrong, match="YRDHUB_PASSWORD_FILE"):
        load_settings().read_password(whose="Suzhou's voter")


def test_password__never_shows_in_a_settings_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YRDHUB_PASSWORD", "correct horse")
    assert "correct horse" not in repr(load_settings())

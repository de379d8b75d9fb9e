"""Settings: read once from the environment (`YRDHUB_...`), each with a default that works on one machine.

A password never stands in a setting or on a command line: it comes from a file named by `YRDHUB_PASSWORD_FILE`, or
from `YRDHUB_PASSWORD` where the environment is the operator's vault.
"""

from __future__ import annotations

import stat
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

import platformdirs
from pydantic import AfterValidator, Field, HttpUrl, SecretStr, TypeAdapter, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from hub.errors import ConfigurationWrong

ENVIRONMENT_PREFIX = "YRDHUB_"


def default_home() -> Path:
    """The XDG data folder for this user (`~/.local/share/yrdhub` on Linux)."""
    return Path(platformdirs.user_data_dir("yrdhub", appauthor=False))


class LogFormat(StrEnum):
    """How log lines look: for a person at a terminal, or one JSON object a line for a collector."""

    CONSOLE = "console"
    JSON = "json"


def _http_url(value: str) -> str:
    TypeAdapter(HttpUrl).validate_python(value)
    return value


class Settings(BaseSettings):
    """Everything that can be set, with its default. `home` holds all state unless another setting moves a part."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, extra="ignore", frozen=True)

    home: Path = Field(default_factory=default_home, description="folder that holds all state")
    database_url: str = Field(default="", description="hub database (SQLAlchemy URL); default: SQLite in home")
    rpc_url: Annotated[str, AfterValidator(_http_url)] | None = Field(
        default=None, description="JSON-RPC endpoint; default: the embedded chain's"
    )
    log_format: LogFormat = Field(default=LogFormat.CONSOLE, description="console or json")
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    anvil: Path | None = Field(default=None, description="anvil binary; default: node_modules, then PATH")
    password: SecretStr | None = Field(default=None, description="keystore password, when no file is named")
    password_file: Path | None = Field(default=None, description="file whose first line is the keystore password")
    data: Path | None = Field(default=None, description="folder of published registry data; default ../shared/data")
    api_host: str = Field(default="127.0.0.1")
    api_port: int = Field(default=8700, ge=1, le=65535)

    @model_validator(mode="after")
    def _make_home_absolute(self) -> Self:
        # frozen for everybody else; a relative home would move with the working directory
        object.__setattr__(self, "home", self.home.expanduser().absolute())
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite:///{self.home / 'hub.sqlite'}")
        return self

    def read_password(self, *, whose: str) -> str:
        """The keystore password for `whose` key. Raises ConfigurationWrong: none set, or others can read the file."""
        if self.password_file is not None:
            return _password_from(self.password_file, whose=whose)
        if self.password is not None and self.password.get_secret_value():
            return self.password.get_secret_value()
        raise ConfigurationWrong(
            f"no password for the keystore of {whose}",
            where="environment",
            remedy="write it to a file that only you can read and set YRDHUB_PASSWORD_FILE to its path",
            code="password_missing",
        )


def load_settings(home: Path | None = None) -> Settings:
    """Settings from the environment, `home` (of `--home`) before `YRDHUB_HOME`.

    Raises ConfigurationWrong that names the variable and why its value does not fit.
    """
    try:
        return Settings(home=home) if home is not None else Settings()
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
        name = ENVIRONMENT_PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigurationWrong(
            f"{name} is not usable: {first['msg']}",
            what=None if "PASSWORD" in name else first["input"],
            where=f"environment variable {name}",
            remedy=f"correct or unset {name}",
            code="setting_invalid",
        ) from invalid


def _password_from(file: Path, *, whose: str) -> str:
    try:
        mode = file.stat().st_mode
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as unreadable:
        raise ConfigurationWrong(
            f"the password file for {whose} cannot be read: {unreadable.strerror}",
            where=str(file),
            remedy="create it, or set YRDHUB_PASSWORD_FILE to the right path",
            code="password_missing",
        ) from unreadable
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        raise ConfigurationWrong(
            f"the password file for {whose} can be read by other users",
            what=oct(stat.S_IMODE(mode)),
            where=str(file),
            remedy=f"chmod 600 {file}",
            code="password_file_open",
        )
    if not lines or not lines[0]:
        raise ConfigurationWrong(
            f"the password file for {whose} is empty",
            where=str(file),
            remedy="write the password on its first line",
            code="password_missing",
        )
    return lines[0]

"""What every city adapter is configured with, and the secret from which beneficiaries' salts are derived."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from adapters.city.canonical import City
from hub.errors import ConfigurationWrong
from mutual_recognition.documents import Json
from mutual_recognition.purposes import Purpose

SECRET_BYTES = 32


class CitySettings(BaseModel):
    """`name` is the adapter's own; `peers` names the registry of each other member whose serials may be held here.

    `secret_file` is beside the configuration file when it is not named.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    adapter: str = ""
    member: Annotated[int, Field(gt=0, lt=1_000_000)]
    registry: Annotated[str, Field(min_length=1, max_length=100)]
    title: str = ""
    peers: dict[int, str] = {}
    secret_file: Path | None = None
    configured_in: Path | None = None

    def city(self, purposes: Mapping[str, Purpose], *, latest_only: bool = False) -> City:
        """Who this registry is. `latest_only`: see `City`. Raises ConfigurationWrong for a secret that is no use."""
        beside = self.configured_in.with_suffix(".secret") if self.configured_in else None
        secret_file = self.secret_file or beside
        if secret_file is None:
            raise ConfigurationWrong(
                "no file is named for the registry's secret",
                code="secret_unusable",
                where=f"configuration of adapter {self.name}",
                remedy="set `secret_file`; it is made on first use",
            )
        secret = read_secret(secret_file)
        return City(self.member, self.registry, dict(self.peers), purposes, secret, latest_only)


S = TypeVar("S", bound=BaseModel)


def read_settings(model: type[S], given: Mapping[str, Json]) -> S:
    """`given` as `model`; paths are relative to the configuration's folder. Raises ConfigurationWrong that names the
    setting."""
    try:
        return model.model_validate(dict(given) | _paths(model, given))
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigurationWrong(
            f"the adapter's setting {name!r} is not usable: {first['msg']}",
            code="adapter_setting_invalid",
            what=None if first["type"] == "missing" else first["input"],
            where=f"configuration of adapter {given.get('name', '')}",
            remedy=f"correct {name!r} in the adapter's configuration file",
        ) from invalid


def _paths(model: type[BaseModel], given: Mapping[str, Json]) -> dict[str, Path]:
    """Every setting that is a path, found from where the configuration stands (as `adapters.registry` says)."""
    configured_in = given.get("configured_in")
    beside = Path(str(configured_in)).parent if configured_in else Path()
    named = {name for name, field in model.model_fields.items() if field.annotation in (Path, Path | None)}
    found = {name: given.get(name) for name in named - {"configured_in"}}
    return {name: beside / Path(value).expanduser() for name, value in found.items() if isinstance(value, str)}


def read_secret(file: Path) -> bytes:
    """The city's secret: 32 random bytes in hex, made on first use, readable by its owner alone.

    Whoever loses it can no longer show whose a retirement was; whoever deletes it has erased that, for all of them.
    """
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                pass  # another process of this city made it in between
            else:
                with os.fdopen(handle, "w") as stream:
                    stream.write(secrets.token_hex(SECRET_BYTES) + "\n")
        mode = file.stat().st_mode
        secret = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as unusable:
        raise _secret_wrong(file, f"cannot be read: {unusable}", "restore it from its backup") from unusable
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise _secret_wrong(file, "can be read by other users", f"chmod 600 {file}")
    if len(secret) < SECRET_BYTES:
        raise _secret_wrong(file, f"has fewer than {SECRET_BYTES} bytes", "restore it from its backup")
    return secret


def _secret_wrong(file: Path, why: str, remedy: str) -> ConfigurationWrong:
    return ConfigurationWrong(
        f"the file with the registry's secret {why}", code="secret_unusable", where=str(file), remedy=remedy
    )

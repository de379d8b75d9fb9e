"""What a city's sync needs besides its keys: the consortium's key for assets' ids."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from pathlib import Path

from hub.errors import ConfigurationWrong
from hub.settings import Settings

_LEAST_BYTES = 32


def asset_key_file(settings: Settings) -> Path:
    """HOME/asset.key: the key in hex digits, at least 64, readable by its owner only."""
    return settings.home / "asset.key"


def new_asset_key(settings: Settings) -> None:
    """Makes one, for a consortium that has none yet. Raises ConfigurationWrong where there is one: with another key the
    same meter would look like another one."""
    file = asset_key_file(settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as there:
        raise ConfigurationWrong(
            "there is an asset key already, and all members use the same one",
            where=str(file),
            remedy="keep it; compare it with another member's by `yrdhub keys asset`",
            code="asset_key_exists",
        ) from there
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(secrets.token_hex(_LEAST_BYTES) + "\n")


def fingerprint(key: bytes) -> str:
    """What members compare instead of the key itself: 16 hex digits of a hash of it."""
    return hashlib.sha256(b"yrdhub asset key" + key).hexdigest()[:16]


def asset_key(settings: Settings) -> bytes | None:
    """The consortium's key for assets' ids in HOME/asset.key, hex; None where this city has none yet."""
    file = asset_key_file(settings)
    if not file.exists():
        return None
    try:
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ValueError("other users can read it")
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
        if len(key) < _LEAST_BYTES:
            raise ValueError(f"it has fewer than {_LEAST_BYTES} bytes")
    except (OSError, ValueError) as unusable:
        raise ConfigurationWrong(
            f"the consortium's asset key cannot be used: {unusable}",
            where=str(file),
            remedy="write the key that the consortium gave you: 64 hex digits or more on one line, nothing else; "
            "and chmod 600 the file",
            code="asset_key_unusable",
        ) from unusable
    return key

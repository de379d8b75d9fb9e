"""What a city's sync needs besides its keys: the consortium's key for assets' ids."""

from __future__ import annotations

import stat

from hub.errors import ConfigurationWrong
from hub.settings import Settings


def asset_key(settings: Settings) -> bytes | None:
    """The consortium's key for assets' ids in HOME/asset.key, hex; None where this city has none yet."""
    file = settings.home / "asset.key"
    if not file.exists():
        return None
    try:
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ValueError("other users can read it")
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
        if len(key) < 32:
            raise ValueError("it has fewer than 32 bytes")
    except (OSError, ValueError) as unusable:
        raise ConfigurationWrong(
            f"the consortium's asset key cannot be used: {unusable}",
            where=str(file),
            remedy="write the key that the consortium gave you as hex, and chmod 600 the file",
            code="asset_key_unusable",
        ) from unusable
    return key

"""The account that holds money on the embedded chain: its key is made here, once per chain, and kept as a keystore.

The password lies beside the keystore, readable by its owner only: on a chain where gas is free the key guards nothing,
and a chain that must be reset by hand because a password was lost would help nobody.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from hub.chain.keys import LocalSigner, Strength, create_keystore, list_keystores, open_keystore
from hub.errors import ConfigurationWrong


def open_funder(folder: Path) -> LocalSigner:
    """The funder's signer from `folder`, made when there is none. Raises ConfigurationWrong: its password is gone."""
    password_file = folder / "password"
    if not password_file.exists():
        if keystores := list_keystores(folder):
            raise ConfigurationWrong(
                "the funder's keystore has lost its password file",
                where=str(password_file),
                remedy=f"remove {keystores[0].file}; the next start makes and funds a new funder",
                code="password_missing",
            )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(secrets.token_urlsafe(24) + "\n")
    password = password_file.read_text(encoding="utf-8").strip()
    keystores = list_keystores(folder)
    # a password of 192 random bits needs no slow derivation
    keystore = keystores[0] if keystores else create_keystore(folder, password, Strength.LIGHT)
    return open_keystore(keystore.file, password)

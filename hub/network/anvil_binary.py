"""Where anvil is: the native binary inside npm's package, so that starting it needs no node."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from hub.errors import ConfigurationWrong

ANVIL_RELEASE = "1.7.1"

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_CHECKOUT = Path(__file__).resolve().parent.parent.parent


def npm_package() -> str:
    """The npm package that carries anvil for this machine, such as @foundry-rs/anvil-linux-amd64."""
    machine = _MACHINES.get(platform.machine().lower(), platform.machine().lower())
    return f"@foundry-rs/anvil-{platform.system().lower()}-{machine}"


def find_anvil(chosen: Path | None = None) -> Path:
    """The anvil to run: `chosen` (YRDHUB_ANVIL), else node_modules of the checkout or here, else the PATH.

    Raises ConfigurationWrong with the way to get one.
    """
    if chosen is not None:
        if os.access(chosen, os.X_OK) and chosen.is_file():
            return chosen.absolute()
        raise ConfigurationWrong(
            "YRDHUB_ANVIL does not name a program",
            what=str(chosen),
            where="environment variable YRDHUB_ANVIL",
            remedy="set it to the path of an anvil binary, or unset it",
            code="anvil_missing",
        )
    inside = Path("node_modules", npm_package(), "bin", "anvil")
    for root in (_CHECKOUT, Path.cwd()):
        if os.access(root / inside, os.X_OK):
            return root / inside
    if on_path := shutil.which("anvil"):
        return Path(on_path)
    raise ConfigurationWrong(
        "the embedded chain needs anvil, and there is none",
        where=f"{inside}, PATH",
        remedy=(
            "run `make setup` in a checkout; or `npm install --ignore-scripts "
            f"{npm_package()}@{ANVIL_RELEASE}` here; or set YRDHUB_ANVIL to a binary of your own"
        ),
        code="anvil_missing",
    )

"""How the demo's registries are connected: the configuration file that a city writes, and the adapter by that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from adapters.protocol import RegistryAdapter
from adapters.registry import FOLDER, open_adapter
from adapters.sandbox.process import SandboxProcess
from hub.demo.cities import CITIES, City


def configure_adapter(home: Path, city: City, process: SandboxProcess) -> RegistryAdapter:
    """Writes HOME/adapters/CITY.json for a registry that runs, and opens its adapter as `yrdhub sync` would."""
    settings: dict[str, Any] = {
        "adapter": city.name,
        "member": city.member,
        "registry": city.registry,
        "peers": {other.member: other.registry for other in CITIES if other is not city},
        "secret_file": str(home / "keys" / city.name / "beneficiaries.secret"),
        **process.configuration(),
    }
    file = home / FOLDER / f"{city.name}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(settings, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return open_adapter(home, city.name)

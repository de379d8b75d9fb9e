"""Adapters by name: which are installed (entry points of the group `yrdhub.adapters`), and how each registry is
configured.

A registry's configuration is HOME/adapters/NAME.json, an object whose `adapter` names the entry point (NAME when it
is left out) and whose other fields are that adapter's own settings. Paths in it are relative to the file's folder. The
factory gets these with `name`, `adapter` and `configured_in` (the file) filled in. A package of somebody else's adds
an adapter by an entry point of its own; nothing here has to change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final, TypeAlias

from adapters.protocol import RegistryAdapter
from hub.errors import ConfigurationWrong
from mutual_recognition.documents import Json

GROUP: Final = "yrdhub.adapters"
FOLDER: Final = "adapters"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
_PATHS: Final = ("folder", "token_file", "password_file", "secret_file", "workbook", "memory_file")

Factory: TypeAlias = Callable[[Mapping[str, Json]], RegistryAdapter]


def installed() -> dict[str, EntryPoint]:
    """The adapters that are installed, by name."""
    return {point.name: point for point in entry_points(group=GROUP)}


def configured(home: Path) -> list[str]:
    """Names of the registries configured under `home`."""
    return sorted(path.stem for path in (home / FOLDER).glob("*.json") if _NAME.fullmatch(path.stem))


def open_adapter(home: Path, name: str) -> RegistryAdapter:
    """The adapter of the registry configured as `name`. The caller closes it. Raises ConfigurationWrong."""
    settings = read_configuration(home, name)
    return factory(str(settings.get("adapter") or name))(settings)


def factory(adapter: str) -> Factory:
    """What makes adapters of this kind. Raises ConfigurationWrong for one that is not installed or cannot be
    imported."""
    point = installed().get(adapter)
    if point is None:
        raise ConfigurationWrong(
            f"no adapter {adapter!r} is installed",
            code="adapter_unknown",
            what=adapter,
            where=f"entry points {GROUP}",
            remedy=f"use one of {', '.join(sorted(installed())) or '(none: run `make setup`)'}, or install its package",
        )
    try:
        made: Factory = point.load()
    except (ImportError, AttributeError) as broken:
        raise ConfigurationWrong(
            f"the adapter {adapter!r} cannot be loaded: {broken}",
            code="adapter_broken",
            what=point.value,
            where=f"entry points {GROUP}",
            remedy="install its package again, with what it needs",
        ) from broken
    return made


def read_configuration(home: Path, name: str) -> dict[str, Json]:
    """The settings of the registry `name`, its paths made absolute. Raises ConfigurationWrong."""
    if not _NAME.fullmatch(name):
        raise ConfigurationWrong(
            f"{name!r} is no name of a registry",
            code="adapter_name_invalid",
            what=name,
            remedy="a name has 1 to 40 of a-z 0-9 _ - and begins with a letter or digit",
        )
    file = home / FOLDER / f"{name}.json"
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationWrong(
            f"the registry {name!r} is not configured",
            code="adapter_not_configured",
            what=name,
            where=str(file),
            remedy=f"write its configuration there; configured are: {', '.join(configured(home)) or 'none'}",
        ) from None
    except (OSError, ValueError) as unreadable:
        raise ConfigurationWrong(
            f"the configuration of {name!r} cannot be read: {unreadable}",
            code="adapter_configuration_unreadable",
            where=str(file),
            remedy="correct the file: one JSON object in UTF-8",
        ) from unreadable
    if not isinstance(settings, dict):
        raise ConfigurationWrong(
            f"the configuration of {name!r} is no JSON object",
            code="adapter_configuration_unreadable",
            what=type(settings).__name__,
            where=str(file),
            remedy="correct the file: one JSON object in UTF-8",
        )
    for setting in _PATHS:
        if isinstance(settings.get(setting), str):
            settings[setting] = str(file.parent / Path(settings[setting]).expanduser())
    settings.setdefault("name", name)
    return settings | {"adapter": settings.get("adapter") or name, "configured_in": str(file)}

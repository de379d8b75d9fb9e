"""Sources of scenario records by name (entry points of the group `yrdhub.scenario_sources`).

Each is configured in HOME/scenarios/NAME.json, whose `source` names the entry point (NAME when it is left out)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final, TypeAlias

from adapters.city.settings import read_secret
from adapters.scenarios.pseudonyms import Pseudonyms
from adapters.scenarios.source import ScenarioSource
from adapters.scenarios.store import ScenarioStore
from hub.errors import ConfigurationWrong
from mutual_recognition.documents import Json

GROUP: Final = "yrdhub.scenario_sources"
FOLDER: Final = "scenarios"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)

Factory: TypeAlias = Callable[[Mapping[str, Json]], ScenarioSource]


def installed() -> dict[str, EntryPoint]:
    """The sources that are installed, by name."""
    return {point.name: point for point in entry_points(group=GROUP)}


def configured(home: Path) -> list[str]:
    """Names of the sources configured under `home`."""
    return sorted(path.stem for path in (home / FOLDER).glob("*.json") if _NAME.fullmatch(path.stem))


def open_source(home: Path, name: str) -> ScenarioSource:
    """The source configured as `name`. The caller closes it. Raises ConfigurationWrong."""
    settings = read_configuration(home, name)
    kind = str(settings.pop("source", "") or name)
    point = installed().get(kind)
    if point is None:
        raise ConfigurationWrong(
            f"no source {kind!r} of scenario records is installed",
            code="source_unknown",
            what=kind,
            where=f"entry points {GROUP}",
            remedy=f"use one of {', '.join(sorted(installed())) or '(none: run `make setup`)'}",
        )
    make: Factory = point.load()
    return make(settings)


@contextmanager
def open_store(home: Path, name: str) -> Iterator[ScenarioStore]:
    """The city's store of the source `name`: HOME/scenarios/NAME.sqlite, with the secret in NAME.secret beside it (made
    on first use; back it up, show it to nobody)."""
    read_configuration(home, name)
    secret = read_secret(home / FOLDER / f"{name}.secret")
    store = ScenarioStore(home / FOLDER / f"{name}.sqlite", Pseudonyms(secret, name))
    try:
        yield store
    finally:
        store.close()


def read_configuration(home: Path, name: str) -> dict[str, Json]:
    """The settings of the source `name`. Raises ConfigurationWrong."""
    file = home / FOLDER / f"{name}.json"
    if not _NAME.fullmatch(name) or not file.is_file():
        raise ConfigurationWrong(
            f"no source of scenario records is configured as {name!r}",
            code="source_not_configured",
            what=name,
            where=str(file),
            remedy=f"write its configuration there; configured are: {', '.join(configured(home)) or 'none'}",
        )
    try:
        settings = json.loads(file.read_text(encoding="utf-8"), parse_float=str)
    except (OSError, ValueError) as unreadable:
        raise ConfigurationWrong(
            f"the configuration of {name!r} cannot be read: {unreadable}",
            code="source_configuration_unreadable",
            where=str(file),
            remedy="correct the file: one JSON object in UTF-8",
        ) from unreadable
    if not isinstance(settings, dict):
        raise ConfigurationWrong(
            f"the configuration of {name!r} is no JSON object",
            code="source_configuration_unreadable",
            where=str(file),
            remedy="correct the file: one JSON object in UTF-8",
        )
    return settings | {"name": name, "configured_in": str(file)}

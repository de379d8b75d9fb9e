"""All sources by name. To add one: a file with its columns and mapping, and its SOURCES here."""

from __future__ import annotations

from typing import Final

from hub.errors import ConfigurationWrong

from . import acr, arb, art_trees, car, cdm, cercarbono, gold_standard, isometric, verra, vrod
from .source import ObservedSource

SOURCES: Final[dict[str, ObservedSource]] = {
    source.name: source
    for programme in (cdm, gold_standard, verra, acr, car, art_trees, arb, cercarbono, isometric, vrod)
    for source in programme.SOURCES
}


def source_named(name: str) -> ObservedSource:
    """Raises ConfigurationWrong that lists the sources there are."""
    if name not in SOURCES:
        raise ConfigurationWrong(
            "there is no such source of observed records",
            code="source_unknown",
            what=name,
            remedy=f"use one of {', '.join(SOURCES)}",
        )
    return SOURCES[name]

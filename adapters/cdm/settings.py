"""The CDM adapter from its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from adapters.cdm.adapter import CdmAdapter
from adapters.city.settings import read_settings
from mutual_recognition.documents import Json
from mutual_recognition.identifiers import FIRST_PROGRAMME


class CdmSettings(BaseModel):
    """`folder` holds the published reports; `member` is the programme's id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "cdm"
    adapter: str = ""
    configured_in: Path | None = None
    folder: Path
    member: Annotated[int, Field(ge=FIRST_PROGRAMME, lt=2**24)] = FIRST_PROGRAMME
    every_registered_project: bool = False


def create(settings: Mapping[str, Json]) -> CdmAdapter:
    """An adapter from its configuration. Raises ConfigurationWrong."""
    read = read_settings(CdmSettings, settings)
    return CdmAdapter(read.folder, member=read.member, every_registered_project=read.every_registered_project)

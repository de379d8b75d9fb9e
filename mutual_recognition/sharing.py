"""What cities share as documents of their own making, typed: methodologies, projects, parameter sets, project
information; the notice that withdraws one; the yearly inventory.

A shape says which fields there are and what may stand in them, so that an importing city can use what it gets without
reading it first. Numbers that mean a quantity are decimal strings. The content of a document is the shape's own dump,
so that two programs that mean the same write the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from stdnum.cn import uscc

from mutual_recognition.definitions import Definition, DefinitionRefused
from mutual_recognition.documents import DocumentKind, Json
from mutual_recognition.identifiers import methodology_id
from mutual_recognition.personal_data import refuse_personal_data
from mutual_recognition.refusal import Refusal

NUMBERS = frozenset(
    {"value", "lower", "upper", "confidence_percent", "capacity", "amount", "longitude", "latitude", "kg"}
)
"""Fields that hold decimal strings: whatever their digits, they are quantities."""

DecimalText = Annotated[str, Field(pattern=r"^-?(0|[1-9][0-9]{0,19})(\.[0-9]{1,20})?$")]
Text = Annotated[str, Field(min_length=1, max_length=20_000)]
Short = Annotated[str, Field(min_length=1, max_length=400)]
Digest = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
MemberCode = Annotated[int, Field(gt=0, lt=2**24)]


class SharedRefused(Refusal):
    """Content that does not fit the shape of its kind; the reason names the field."""

    code = "shared_content_refused"


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class MethodologyName(_Shape):
    """A methodology as its home calls it."""

    member: MemberCode
    registry: Annotated[str, Field(min_length=1, max_length=100)]
    code: Short
    version: Annotated[str, Field(min_length=1, max_length=100)]

    def identifier(self) -> str:
        """Its id on the chain, as 0x-hex."""
        return "0x" + methodology_id(self.member, self.registry, self.code, self.version).hex()


class Lineage(_Shape):
    """Which shared document this one was made from."""

    digest: Digest
    member: MemberCode
    registry: Short
    record: Short
    version: Annotated[int, Field(ge=1)]


class _Titled(_Shape):
    title_zh: Short | None = None
    title_en: Short | None = None

    @model_validator(mode="after")
    def _has_a_title(self) -> _Titled:
        if self.title_zh is None and self.title_en is None:
            raise ValueError("give title_zh or title_en, or both")
        return self


class Uncertainty(_Shape):
    """A range around the value, in the value's unit; `confidence_percent` of it, where the source says so."""

    lower: DecimalText
    upper: DecimalText
    confidence_percent: DecimalText | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Uncertainty:
        if Decimal(self.lower) > Decimal(self.upper):
            raise ValueError(f"lower {self.lower} is above upper {self.upper}")
        return self


class SharedParameter(_Shape):
    """One value of one symbol, from a day on (and until a day, both included)."""

    symbol: Annotated[str, Field(min_length=1, max_length=60)]
    title_zh: Short | None = None
    title_en: Short | None = None
    value: DecimalText
    unit: Annotated[str, Field(min_length=1, max_length=40)]
    effective_from: date
    effective_until: date | None = None
    source: Annotated[str, Field(min_length=1, max_length=1_000)]
    uncertainty: Uncertainty | None = None
    status: Literal["official", "illustrative"]

    @model_validator(mode="after")
    def _sound(self) -> SharedParameter:
        if self.effective_until is not None and self.effective_until < self.effective_from:
            raise ValueError(f"effective_until {self.effective_until} is before effective_from {self.effective_from}")
        u = self.uncertainty
        if u is not None and not Decimal(u.lower) <= Decimal(self.value) <= Decimal(u.upper):
            raise ValueError(f"the value {self.value} is outside its uncertainty, {u.lower} to {u.upper}")
        return self


class ParameterSet(_Titled):
    """Parameters that belong together, such as the emission factors of one methodology."""

    methodology: MethodologyName | None = None
    parameters: Annotated[list[SharedParameter], Field(min_length=1, max_length=5_000)]
    notes: Text | None = None
    lineage: list[Lineage] = []

    @model_validator(mode="after")
    def _one_value_a_day(self) -> ParameterSet:
        ordered = sorted(self.parameters, key=lambda one: (one.symbol, one.effective_from))
        for earlier, later in pairwise(ordered):
            if earlier.symbol == later.symbol and (
                earlier.effective_until is None or earlier.effective_until >= later.effective_from
            ):
                raise ValueError(f"{later.symbol} has two values in effect on {later.effective_from}")
        return self


class MethodologyText(_Titled):
    """A methodology in words, and as a definition that computes where there is one."""

    code: Short
    version: Annotated[str, Field(min_length=1, max_length=100)]
    issuer: Short | None = None
    scope: Text | None = None
    boundary: Text | None = None
    gases: list[Annotated[str, Field(min_length=1, max_length=20)]] = []
    baseline: Text | None = None
    additionality: Text | None = None
    quantification: Text | None = None
    monitoring: Text | None = None
    data_sources: Text | None = None
    valid_from: date | None = None
    valid_until: date | None = None
    crediting_period_years: Annotated[int, Field(ge=1, le=100)] | None = None
    supersedes: Short | None = None
    lineage_text: Annotated[str, Field(max_length=400, description="such as AMS-I.F.")] | None = None
    definition: dict[str, Json] | None = None
    lineage: list[Lineage] = []

    @field_validator("definition")
    @classmethod
    def _computes(cls, definition: dict[str, Json] | None) -> dict[str, Json] | None:
        if definition is not None:
            try:
                Definition.parse(definition)
            except DefinitionRefused as refused:
                raise ValueError(refused.reason) from refused
        return definition


class Proponent(_Shape):
    """The organisation whose project it is. A person or household is not named: leave the proponent out."""

    name_zh: Short
    name_en: Short | None = None
    credit_code: Annotated[str, Field(description="unified social credit code, GB 32100")]

    @field_validator("credit_code")
    @classmethod
    def _checked(cls, code: str) -> str:
        if not uscc.is_valid(code):
            raise ValueError("not a unified social credit code: 18 characters with a check digit (GB 32100)")
        return str(uscc.compact(code))


class Asset(_Shape):
    """A plant, pile, vehicle fleet or meter of an organisation. Those of households are only counted."""

    kind: Literal["meter", "plant", "pile", "vehicle", "other"]
    identifier: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    of_households: bool
    count: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _households_are_counted(self) -> Asset:
        if self.of_households and self.identifier is not None:
            raise ValueError("assets of households are only counted: leave the identifier out (L7)")
        return self


class Quantity(_Shape):
    """An amount with its unit."""

    amount: DecimalText
    unit: Annotated[str, Field(min_length=1, max_length=40)]


class StatusSince(_Shape):
    """A status of the project's registry, and since when."""

    status: Short
    since: date


class ProjectText(_Shape):
    """A project as it is shared: names, methodology, crediting period."""

    name_zh: Short | None = None
    name_en: Short | None = None
    methodology: MethodologyName
    crediting_from: date
    crediting_until: date
    lineage: list[Lineage] = []

    @model_validator(mode="after")
    def _sound(self) -> ProjectText:
        if self.name_zh is None and self.name_en is None:
            raise ValueError("give name_zh or name_en, or both")
        if self.crediting_until < self.crediting_from:
            raise ValueError("crediting_until is before crediting_from")
        return self


class ProjectInformation(ProjectText):
    """A project in full: who, where, how large, since when, and what it claims elsewhere (domain.md, "Records")."""

    proponent: Proponent | None = None
    site: Short | None = None
    longitude: DecimalText | None = None
    latitude: DecimalText | None = None
    capacity: Quantity | None = None
    commissioned_on: date | None = None
    life_years: Annotated[int, Field(ge=1, le=100)] | None = None
    assets: list[Asset] = []
    other_mechanism: Annotated[str, Field(min_length=1, max_length=400, description="`none`, or which")]
    ets_site: bool
    statuses: list[StatusSince] = []
    co_benefits: list[Short] = []
    rural_revitalisation: bool | None = None
    notes: Text | None = None

    @model_validator(mode="after")
    def _on_earth(self) -> ProjectInformation:
        for name, most in (("longitude", 180), ("latitude", 90)):
            text = getattr(self, name)
            if text is not None and abs(Decimal(text)) > most:
                raise ValueError(f"{name} {text} is beyond {most} degrees")
        return self


class Withdrawal(_Shape):
    """The notice that a shared document no longer stands; the document stays readable to those who could read it."""

    withdraws: Digest
    reason: Annotated[str, Field(min_length=1, max_length=1_000)]
    replaced_by: Digest | None = None


class _InventoryView(_Shape):
    zh: Short
    en: Short
    totals_kg: dict[str, DecimalText]
    lines: list[dict[str, Json]]
    in_transit_kg: DecimalText | None = None
    circulation_kg: dict[str, DecimalText] | None = None
    since_the_beginning_kg: dict[str, DecimalText] | None = None

    @model_validator(mode="after")
    def _closes(self) -> _InventoryView:
        kg = {name: Decimal(text) for name, text in self.totals_kg.items()}
        more = sum(kg.get(name, Decimal(0)) for name in ("opening", "issued", "received"))
        less = sum(kg.get(name, Decimal(0)) for name in ("moved_out", "retired", "cancelled", "cut"))
        if more - less != kg.get("closing"):
            raise ValueError(f"does not close: {more} less {less} is not {kg.get('closing')} kg")
        return self


class InventoryText(_Shape):
    """A yearly home inventory; each view closes."""

    year: Annotated[int, Field(ge=1970, le=9998)]
    unit: Literal["kgCO2e"]
    complete: bool
    as_of: dict[str, Json]
    holder_view: _InventoryView
    home_view: _InventoryView


SHAPES: dict[DocumentKind, type[_Shape]] = {
    DocumentKind.METHODOLOGY: MethodologyText,
    DocumentKind.PROJECT: ProjectText,
    DocumentKind.PARAMETERS: ParameterSet,
    DocumentKind.PROJECT_INFORMATION: ProjectInformation,
    DocumentKind.INVENTORY: InventoryText,
    DocumentKind.WITHDRAWAL: Withdrawal,
}
"""The shape of each kind that is published by hand."""

ALWAYS_TYPED = frozenset(
    {
        DocumentKind.PARAMETERS,
        DocumentKind.PROJECT_INFORMATION,
        DocumentKind.INVENTORY,
        DocumentKind.WITHDRAWAL,
    }
)
"""Kinds that a hub takes in their shape only; methodologies and projects also come from filings, in other words."""


def shared_content(kind: DocumentKind, content: Mapping[str, Any], where: str = "") -> dict[str, Json]:
    """`content` in the shape of its kind, as a document carries it.

    Raises SharedRefused that names the field at fault, or PersonalData.
    """
    refuse_personal_data(dict(content), NUMBERS, where)
    try:
        read = SHAPES[kind].model_validate(dict(content))
    except KeyError:
        known = ", ".join(one.value for one in SHAPES)
        raise SharedRefused(
            kind.value, f"documents of this kind are not published by hand; use {known}", where
        ) from None
    except ValidationError as invalid:
        first = invalid.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "content"
        raise SharedRefused(_brief(first.get("input")), f"{field}: {first['msg']}", where) from invalid
    told: dict[str, Json] = read.model_dump(mode="json", exclude_none=True)
    return told


def require_shape(kind: DocumentKind, content: Mapping[str, Any], where: str = "") -> None:
    """That a document's content is exactly what `shared_content` makes of it. Raises SharedRefused or PersonalData."""
    if kind in ALWAYS_TYPED and shared_content(kind, content, where) != content:
        raise SharedRefused(kind.value, "content is not in the form that its shape writes", where)


def _brief(value: object) -> str:
    return str(value)[:80]

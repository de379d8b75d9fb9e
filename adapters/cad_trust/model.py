# ruff: noqa: N815 (field names are those of CAD Trust)
"""The data model of CAD Trust under `/v1`, as pydantic models: projects, units, and what hangs on them.

Field names, what is required, and picklists are those of the CAD Trust service (README.md says where each was read).
Quantities (`unitCount`) are tonnes of CO2 equivalent, Decimal, never a binary float. A model is strict about what the
service refuses; what a file has beside these fields is the reader's affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

DATA_MODEL: Final = "CAD Trust data model v1, as served under /v1 by cadt 1.7"


@dataclass(frozen=True, slots=True)
class FromPicklist:
    """Marks a field whose values a picklist of this name holds. `advised`: the service does not refuse another."""

    name: str
    advised: bool = False


def _text(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return value
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _moment(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        raise PydanticCustomError(
            "not_a_date", "not a date: write it as 2025-12-31, or as ISO 8601 with time"
        ) from None


def _tonnes(value: Any) -> Any:
    if isinstance(value, bool | float):
        raise PydanticCustomError("not_a_quantity", "not a quantity: a whole number of tonnes")
    if isinstance(value, str):
        try:
            value = Decimal(value.strip())
        except InvalidOperation:
            raise PydanticCustomError("not_a_quantity", "not a quantity: a whole number of tonnes") from None
    if isinstance(value, int | Decimal):
        number = Decimal(value)
        if not number.is_finite() or number < 0:
            raise PydanticCustomError("not_a_quantity", "not a quantity: a whole number of tonnes")
        if number != number.to_integral_value():
            raise PydanticCustomError("not_whole_tonnes", "not whole tonnes, which CAD Trust counts in")
    return value


Text: TypeAlias = Annotated[str, BeforeValidator(_text), Field(min_length=1)]
Moment: TypeAlias = Annotated[date | datetime, BeforeValidator(_moment)]
Tonnes: TypeAlias = Annotated[Decimal, BeforeValidator(_tonnes)]
Rating: TypeAlias = Annotated[Decimal, BeforeValidator(_tonnes)]
Year: TypeAlias = Annotated[int, Field(ge=1900, le=3000)]


def _in_order(start: date | datetime | None, end: date | datetime | None, names: str) -> None:
    def day(value: date | datetime) -> date:
        return value.date() if isinstance(value, datetime) else value

    if start is not None and end is not None and day(end) < day(start):
        raise PydanticCustomError("inverted_period", "{names}: it ends before it begins", {"names": names})


class CadTrustRecord(BaseModel):
    """What every record may carry. `orgUid` and the times are the service's own, set when it takes the record."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    orgUid: Text | None = None
    timeStaged: Any = None
    createdAt: Any = None
    updatedAt: Any = None


class ChildRecord(CadTrustRecord):
    """A record under a project (and, for issuances and labels, under units)."""

    id: Text | None = None
    warehouseProjectId: Text | None = None


class Project(CadTrustRecord):
    """A project as its registry lists it."""

    warehouseProjectId: Text | None = None
    currentRegistry: Text | None = None
    projectId: Text
    originProjectId: Text
    registryOfOrigin: Text
    program: Text | None = None
    projectName: Text
    projectLink: Text
    projectDeveloper: Text
    sector: Text
    projectType: Text
    projectTags: Text | None = None
    coveredByNDC: Annotated[Text, FromPicklist("coveredByNDC")]
    ndcInformation: Text | None = None
    projectStatus: Annotated[Text, FromPicklist("projectStatusValues")]
    projectStatusDate: Moment
    unitMetric: Annotated[Text, FromPicklist("unitMetric")]
    methodology: Text
    methodology2: Text | None = None
    validationBody: Text | None = None
    validationDate: Moment | None = None
    description: Text | None = None


class ProjectLocation(ChildRecord):
    """Where a project is."""

    country: Annotated[Text, FromPicklist("countries")]
    inCountryRegion: Text | None = None
    geographicIdentifier: Text


class Issuance(ChildRecord):
    """A monitoring period that was verified and issued for."""

    startDate: Moment
    endDate: Moment
    verificationApproach: Text
    verificationReportDate: Moment
    verificationBody: Text

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _in_order(self.startDate, self.endDate, "startDate, endDate")
        return self


class Label(ChildRecord):
    """A label: an endorsement, qualification or certification by somebody, for a time and a quantity."""

    label: Text
    labelType: Annotated[Text, FromPicklist("labelType")]
    creditingPeriodStartDate: Moment
    creditingPeriodEndDate: Moment
    validityPeriodStartDate: Moment
    validityPeriodEndDate: Moment
    unitQuantity: Tonnes
    labelLink: Text

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        names = "validityPeriodStartDate, validityPeriodEndDate"
        _in_order(self.validityPeriodStartDate, self.validityPeriodEndDate, names)
        names = "creditingPeriodStartDate, creditingPeriodEndDate"
        _in_order(self.creditingPeriodStartDate, self.creditingPeriodEndDate, names)
        return self


class CoBenefit(ChildRecord):
    """A benefit beside the reduction."""

    cobenefit: Annotated[Text, FromPicklist("coBenefits", advised=True)]


class RelatedProject(ChildRecord):
    """Another project, or another mechanism's entry of this one."""

    relatedProjectId: Text | None = None
    relationshipType: Text | None = None
    registry: Text | None = None


class ProjectRating(ChildRecord):
    """A rating by somebody."""

    ratingType: Annotated[Text, FromPicklist("ratingType", advised=True)]
    ratingRangeLowest: Rating
    ratingRangeHighest: Rating
    rating: Rating
    ratingLink: Text


class Estimation(ChildRecord):
    """Units expected of a crediting period."""

    creditingPeriodStart: Moment
    creditingPeriodEnd: Moment
    unitCount: Tonnes


class Unit(CadTrustRecord):
    """A block of units: its serials, how many tonnes, whose, in which status and why."""

    warehouseUnitId: Text | None = None
    issuanceId: Text | None = None
    projectLocationId: Text | None = None
    unitOwner: Text | None = None
    countryJurisdictionOfOwner: Annotated[Text, FromPicklist("countries")]
    inCountryJurisdictionOfOwner: Text | None = None
    unitBlockStart: Text
    unitBlockEnd: Text
    unitCount: Tonnes
    vintageYear: Year
    unitType: Annotated[Text, FromPicklist("unitType")]
    marketplace: Text | None = None
    marketplaceLink: Text | None = None
    marketplaceIdentifier: Text | None = None
    unitTags: Text | None = None
    unitStatus: Annotated[Text, FromPicklist("unitStatus")]
    unitStatusReason: Text | None = None
    unitRegistryLink: Text
    correspondingAdjustmentDeclaration: Annotated[Text, FromPicklist("correspondingAdjustmentDeclaration")]
    correspondingAdjustmentStatus: Annotated[Text, FromPicklist("correspondingAdjustmentStatus")]
    serialNumberBlock: Text | None = None
    serialNumberPattern: Text | None = None


class LabelUnit(CadTrustRecord):
    """Which unit has which label."""

    id: Text | None = None
    labelId: Text
    warehouseUnitId: Text


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of record: its name in JSON, its sheet, its model, and the column by which a sheet names the parent."""

    name: str
    sheet: str
    model: type[CadTrustRecord]
    key: str
    parent: str = ""
    recognised_by: frozenset[str] = frozenset()
    """Columns that a sheet of another title must have to be taken for this table."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns in the order in which they are written, the parent's last, as the service writes them."""
        own = [name for name in self.model.model_fields if name not in _SERVICE_OWN | _OF_OLD]
        own.sort(key=lambda name: name != self.key)
        return (*own, *((self.parent,) if self.parent else ()))


_SERVICE_OWN = {"orgUid", "timeStaged", "createdAt", "updatedAt"}
_OF_OLD = {"serialNumberBlock", "serialNumberPattern", "methodology2"}
"""Fields that older records have, and that nothing of ours fills."""

PROJECTS = Table("project", "projects", Project, "warehouseProjectId", "", frozenset(("projectName", "projectId")))
UNITS = Table("unit", "units", Unit, "warehouseUnitId", "", frozenset(("unitBlockStart", "unitBlockEnd")))
LOCATIONS = Table("projectLocations", "projectLocations", ProjectLocation, "id", "projectId")
ISSUANCES = Table("issuances", "issuances", Issuance, "id", "projectId")
LABELS = Table("labels", "labels", Label, "id", "projectId")
CO_BENEFITS = Table("coBenefits", "coBenefits", CoBenefit, "id", "projectId")
RELATED = Table("relatedProjects", "relatedProjects", RelatedProject, "id", "projectId")
RATINGS = Table("projectRatings", "projectRatings", ProjectRating, "id", "projectId")
ESTIMATIONS = Table("estimations", "estimations", Estimation, "id", "projectId")
LABEL_UNITS = Table("label_units", "label_units", LabelUnit, "id")

CHILDREN = (LOCATIONS, ISSUANCES, LABELS, CO_BENEFITS, RELATED, RATINGS, ESTIMATIONS)
"""What a project has lists of, under these names in JSON."""

TABLES = (PROJECTS, *CHILDREN, UNITS, LABEL_UNITS)
BY_NAME = {table.name: table for table in TABLES}


def table_of(title: str, columns: frozenset[str]) -> Table | None:
    """The table that a sheet holds: by its title, else by its columns; None for neither."""
    wanted = title.strip().casefold()
    for table in TABLES:
        if wanted in {table.sheet.casefold(), table.name.casefold(), table.sheet.casefold().rstrip("s")}:
            return table
    for table in (UNITS, PROJECTS):
        if table.recognised_by <= columns:
            return table
    return None

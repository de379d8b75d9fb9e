"""The CDM registry's own records, typed: what one row of each published report says, and nothing more.

One serial is one tonne of CO2 equivalent. The reports give times without a zone; they are read as UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from adapters.transports.tables import Source
from mutual_recognition.serials import SerialRange

KG_PER_SERIAL = 1000


class UnitType(Enum):
    """Kyoto units that the CDM issues: CERs, and temporary and long-term CERs from afforestation and
    reforestation.
    """

    CER = "CER"
    TEMPORARY = "tCER"
    LONG_TERM = "lCER"


class CancellationKind(Enum):
    """Voluntary: retired by its holder. Administrative: cancelled because it was issued in error."""

    VOLUNTARY = "voluntary"
    ADMINISTRATIVE = "administrative"


class ProjectStatus(Enum):
    """What the project list's first column says: a date means registered."""

    REGISTERED = "registered"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class CdmIssuance:
    """A completed issuance of `serials`, unique within `party` (ISO 3166-1 alpha-2)."""

    source: Source
    completed_at: datetime
    party: str
    serials: SerialRange
    unit_type: UnitType
    commitment_period: int
    project_number: int

    @property
    def quantity_t(self) -> int:
        """Tonnes issued; the row's own figure has been checked against the range."""
        return self.serials.count

    @property
    def native_id(self) -> str:
        """ "CN 657700167 - 658143754": the registry gives transactions no public number, the range names one."""
        return f"{self.party} {self.serials}"


@dataclass(frozen=True, slots=True)
class CdmCancellation:
    """A completed cancellation of `serials`, a part or the whole of one issuance of `party`.

    `commitment_period` is None in the administrative report, which has no such column. `from_platform` says
    whether it came through the Voluntary Cancellation Platform (None in the administrative report). `reason`
    is the administrative report's, a "See above" replaced by what stands above.
    """

    source: Source
    kind: CancellationKind
    completed_at: datetime
    party: str
    project_number: int
    serials: SerialRange
    unit_type: UnitType
    commitment_period: int | None
    from_platform: bool | None
    reason: str

    @property
    def quantity_t(self) -> int:
        """Tonnes cancelled; the row's own figure has been checked against the range."""
        return self.serials.count

    @property
    def native_id(self) -> str:
        """Kind, party and range: no serial is cancelled twice."""
        return f"{self.kind.value} {self.party} {self.serials}"


@dataclass(frozen=True, slots=True)
class CdmProject:
    """A row of the project list. `methodology` is its text ("AMS-I.D. ver. 4"), `host_parties` are country
    names.
    """

    source: Source
    number: int
    title: str
    status: ProjectStatus
    registered_on: date | None
    host_parties: tuple[str, ...]
    other_parties: tuple[str, ...]
    methodology: str
    annual_reductions_t: int


@dataclass(frozen=True, slots=True)
class Reissue:
    """An issuance that took the place of administratively cancelled ones.

    `stated` says whether the reason text gives the reissue's date; else it follows from project, party and
    quantity.
    """

    cancellations: tuple[CdmCancellation, ...]
    issuances: tuple[CdmIssuance, ...]
    stated: bool

"""The enums of the interfaces by name and number.

The ABI carries only their numbers; a test holds these against the sources.
Those that the domain itself knows stand in `mutual_recognition`, without a name for 0.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

from mutual_recognition.purposes import Purpose
from mutual_recognition.unit_blocks import BlockStatus

__all__ = [
    "SOLIDITY_ENUMS",
    "BallotKind",
    "BallotStatus",
    "BlockStatus",
    "Choice",
    "HoldReason",
    "LockStatus",
    "MemberKind",
    "MethodologyStatus",
    "Outcome",
    "ProjectStatus",
    "Purpose",
    "RevocationEffect",
    "Role",
    "TransferStatus",
    "in_words",
]


class MemberKind(IntEnum):
    """IConsortium.MemberKind."""

    NONE = 0
    FULL = 1
    ASSOCIATE = 2
    PROGRAMME = 3


class Role(IntFlag):
    """The officer roles, IConsortium.ROLE_*."""

    VOTER = 1
    REGISTRAR = 2
    ETS_AUTHORITY = 4
    AUDITOR = 8
    FINANCIAL_INSTITUTION = 16


class BallotKind(IntEnum):
    """IConsortium.BallotKind."""

    MEMBERSHIP = 0
    OFFICERS = 1
    RULES = 2
    RECOGNITION = 3
    STATUS = 4
    HOLD = 5
    PAUSE = 6
    UPGRADE = 7


class BallotStatus(IntEnum):
    """IConsortium.BallotStatus."""

    NONE = 0
    OPEN = 1
    EXECUTED = 2


class Outcome(IntEnum):
    """IConsortium.Outcome."""

    UNKNOWN = 0
    VOTING = 1
    FAILED = 2
    DELAYED = 3
    EXECUTABLE = 4
    EXPIRED = 5
    EXECUTED = 6


class Choice(IntEnum):
    """IConsortium.Choice."""

    NONE = 0
    YES = 1
    NO = 2
    ABSTAIN = 3


class MethodologyStatus(IntEnum):
    """IMethodologies.MethodologyStatus."""

    NONE = 0
    FILED = 1
    SUPERSEDED = 2
    WITHDRAWN = 3
    SUSPENDED = 4


class ProjectStatus(IntEnum):
    """IProjects.ProjectStatus."""

    NONE = 0
    REGISTERED = 1
    WITHDRAWN = 2
    SUSPENDED = 3


class LockStatus(IntEnum):
    """IProjects.LockStatus."""

    NONE = 0
    FROZEN = 1
    CANCELLED = 2
    RELEASED = 3


class RevocationEffect(IntEnum):
    """IRecognition.RevocationEffect."""

    NONE = 0
    USABLE = 1
    RETURN_ONLY = 2
    FROZEN = 3


class HoldReason(IntEnum):
    """IHolds.HoldReason."""

    NONE = 0
    SUSPECTED_DUPLICATE = 1
    RECONCILIATION = 2
    IRREGULARITY = 3
    LEGAL_ORDER = 4
    OTHER = 5


class TransferStatus(IntEnum):
    """ICreditLedger.TransferStatus."""

    NONE = 0
    PROPOSED = 1
    ACCEPTED = 2
    REJECTED = 3
    WITHDRAWN = 4
    EXPIRED = 5


SOLIDITY_ENUMS: dict[str, type[IntEnum]] = {
    kind.__name__: kind
    for kind in (
        MemberKind,
        BallotKind,
        BallotStatus,
        Outcome,
        Choice,
        MethodologyStatus,
        ProjectStatus,
        LockStatus,
        RevocationEffect,
        HoldReason,
        BlockStatus,
        Purpose,
        TransferStatus,
    )
}
"""By their Solidity name, as the ABI's internal types say it."""


def in_words(kind: type[IntEnum], value: int) -> str:
    """The name as a person reads it (`in transit`); the number itself for one that this version does not know."""
    if value in set(kind):
        return kind(value).name.lower().replace("_", " ")
    return str(value) if value else "none"

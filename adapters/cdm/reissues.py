"""Which issuance took the place of which wrongly issued one: stated in words in the report, linked here.

The administrative report gives reasons in English ("... were reissued correctly on 27 November 2013"). A date
after the cancellation names the reissue's day; where none stands, the next issuances of the same project
within REISSUE_DAYS that add up to exactly what was cancelled are taken, and marked as not stated. No guess
goes further than that.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from itertools import groupby
from typing import Final

from .native import CdmCancellation, CdmIssuance, Reissue

REISSUE_DAYS: Final = 60

_DAY: Final = re.compile(r"\b([0-9]{1,2}) ([A-Za-z]+) ([0-9]{4})\b", re.ASCII)
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        (
            "january",
            "february",
            "march",
            "april",
            "may",
            "june",
            "july",
            "august",
            "september",
            "october",
            "november",
            "december",
        ),
        1,
    )
}


def link_reissues(cancellations: Iterable[CdmCancellation], issuances: Iterable[CdmIssuance]) -> list[Reissue]:
    """One `Reissue` for each correction that has one; cancellations of one project for one reason belong
    together.
    """
    by_project: dict[tuple[str, int], list[CdmIssuance]] = defaultdict(list)
    for issuance in issuances:
        by_project[issuance.party, issuance.project_number].append(issuance)

    def correction(cancelled: CdmCancellation) -> tuple[str, int, str]:
        return cancelled.party, cancelled.project_number, cancelled.reason

    found = []
    for (party, number, reason), grouped in groupby(sorted(cancellations, key=correction), key=correction):
        together = tuple(sorted(grouped, key=lambda cancelled: cancelled.completed_at))
        cancelled_at = together[-1].completed_at
        later = [i for i in by_project[party, number] if i.completed_at > cancelled_at]
        stated_day = _reissue_day(reason, cancelled_at)
        if stated_day is not None:
            reissued = tuple(i for i in later if i.completed_at.date() == stated_day)
        else:
            reissued = _same_quantity(later, sum(cancelled.quantity_t for cancelled in together), cancelled_at)
        if reissued:
            found.append(Reissue(together, reissued, stated_day is not None))
    return found


def _reissue_day(reason: str, cancelled_at: datetime) -> date | None:
    days = []
    for day, month, year in _DAY.findall(reason):
        if month.lower() in _MONTHS:
            try:
                days.append(date(int(year), _MONTHS[month.lower()], int(day)))
            except ValueError:
                continue
    latest = max(days, default=None)
    return latest if latest is not None and latest > cancelled_at.date() else None


def _same_quantity(later: list[CdmIssuance], wanted_t: int, cancelled_at: datetime) -> tuple[CdmIssuance, ...]:
    taken: list[CdmIssuance] = []
    total = 0
    for issuance in sorted(later, key=lambda i: i.completed_at):
        if (issuance.completed_at - cancelled_at).days > REISSUE_DAYS:
            break
        taken.append(issuance)
        total += issuance.quantity_t
        if total >= wanted_t:
            break
    return tuple(taken) if total == wanted_t else ()

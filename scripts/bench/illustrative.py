"""An illustrative registry as large as wanted, in the form of the CDM's published reports, for where those are absent.

Of our own making: parties XA to XH do not exist (ISO 3166-1 leaves these codes to users). Per 1,000 records it has 320
issuances and 680 voluntary cancellations, as the real one roughly has, and a project to every four issuances.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from adapters.cdm.sample import ISSUANCE_HEADER, TITLE, VOLUNTARY_HEADER, issuance_row, voluntary_row, write_workbook

_PARTIES = tuple(f"X{letter}" for letter in "ABCDEFGH")
_SERIALS = 10_000
_PIECE = 100
_PIECES = 90
_BEGIN = datetime(2020, 1, 1)  # noqa: DTZ001 - the reports state no zone


def write_reports(folder: Path, records: int) -> None:
    """Reports of `records` issuances and cancellations, in `folder`."""
    issuances = max(1, records * 32 // 100)
    projects = max(1, issuances // 4)
    issued, cancelled = [], []
    for number in range(issuances):
        party = _PARTIES[number % len(_PARTIES)]
        first = number // len(_PARTIES) * _SERIALS + 1
        day = (_BEGIN + timedelta(hours=number)).isoformat()
        issued.append(issuance_row(day, f"{first} - {first + _SERIALS - 1}", party, number % projects + 1, _SERIALS))
    for number in range(max(0, min(records - issuances, issuances * _PIECES))):
        which, piece = number % issuances, number // issuances
        party = _PARTIES[which % len(_PARTIES)]
        first = which // len(_PARTIES) * _SERIALS + piece * _PIECE + 1
        day = (_BEGIN + timedelta(hours=which, minutes=piece + 1)).isoformat()
        project = f"{party}-{which % projects + 1}"
        cancelled.append(voluntary_row(day, f"{first} - {first + _PIECE - 1}", project, _PIECE))
    lines = ["Registered,Project title,Host parties,Other Parties,Methodology,Reductions,Ref"]
    lines += [f"01/01/2020,Illustrative {n},Xanadu,,ACM0002 ver. 12,4000,{n:04}" for n in range(1, projects + 1)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "projects.csv").write_bytes(("\n".join(lines) + "\n").encode("cp1252"))
    write_workbook(folder / "issuances_2020-12.xlsx", "Illustrative issuances", [ISSUANCE_HEADER, *issued])
    name = folder / "voluntary_cancellations_2020-12.xlsx"
    write_workbook(name, "Illustrative cancellations", [[TITLE], VOLUNTARY_HEADER, *cancelled])

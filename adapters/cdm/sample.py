"""An illustrative registry in the form of the CDM's published reports: small, of our own making, and as
awkward as the real.

Its parties XA and XB (codes that ISO 3166-1 leaves to users) do not exist. It has what the real reports have:
a title row above the header, a total row with a formula, a footnote, cp1252 in the project list, issuances
out of serial order, one project missing from the list, a correction with its reissue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import openpyxl

TITLE: Final = "ILLUSTRATIVE voluntary cancellations, not of any real registry"

ISSUANCE_HEADER: Final = (
    "Completion date",
    "Transaction type",
    "Status",
    "SERIAL RANGE",
    "Unit Type",
    "CP",
    "PARTY CODE",
    "Project number",
    "Total",
)
VOLUNTARY_HEADER: Final = (
    "Completion Date",
    "Transaction Type",
    "Serial Range",
    "Project Identifier",
    "Status",
    "CP (Commitment Period)",
    "Unit",
    "Total",
    "VCP (From Voluntary Cancellation Platform)",
)
ADMINISTRATIVE_HEADER: Final = (
    "COMPLETION DATE",
    "TRANSACTION TYPE",
    "STATUS",
    "TRANSACTION TOTAL",
    "SERIAL RANGE",
    "PROJECT IDENTIFIER",
    "Unit Type",
    "UNIT BLOCK TOTAL",
    "REASON FOR CANCELLATION",
)

PROJECT_LIST: Final = (
    "Registered,Project title,Host parties,Other Parties,Methodology,Reductions,Ref\n"
    '18/11/2019,"Illustrative landfill gas, Sainte-Énimie",Xanadu,,AM0003 ver. 1,1000,0001\n'
    "20/01/2020,Illustrative wind farm \u2013 phase 1,Xanadu/ Xeros,Utopia,ACM0002 ver. 12,4000,0002\n"
    "Withdrawn,Illustrative hydro,Xeros,,AMS-I.D. ver. 17,500,0004\n"
    ",Illustrative solar,Xeros,,AMS-I.D. ver. 17,700,0005\n"
)


def issuance_row(day: str, serials: str, party: str, project: int, total: object, **other: object) -> list[object]:
    """A row of the issuance report; `other` may set unit, cp, kind or status."""
    return [
        datetime.fromisoformat(day),
        other.get("kind", "Issuance (1)"),
        other.get("status", "4 - Completed"),
        serials,
        other.get("unit", "CER"),
        other.get("cp", "2"),
        party,
        str(project),
        total,
    ]


def voluntary_row(day: str, serials: str, project: str, total: object, **other: object) -> list[object]:
    """A row of the voluntary cancellation report."""
    return [
        datetime.fromisoformat(day),
        "Cancellation (4)",
        serials,
        project,
        other.get("status", "4 - Completed"),
        other.get("cp", "2"),
        other.get("unit", "CER"),
        total,
        other.get("vcp", "Yes"),
    ]


def administrative_row(day: str, serials: str, project: str, total: object, reason: str) -> list[object]:
    """A row of the administrative cancellation report."""
    return [
        datetime.fromisoformat(day),
        "Cancellation (4)",
        "4 - Completed",
        total,
        serials,
        project,
        "CER",
        total,
        reason,
    ]


ISSUANCES: Final = (
    issuance_row("2020-02-01T10:00:00", "1 - 1000", "XA", 1, 1000),
    issuance_row("2020-02-01T10:00:01", "1 - 500", "XB", 2, 500),
    issuance_row("2020-03-01T10:00:00", "3001 - 3500", "XA", 3, 500),
    issuance_row("2020-03-01T10:00:02", "1001\u00a0- 3000", "XA", 2, 2000),
    issuance_row("2020-05-20T09:00:00", "3501 - 3700", "XA", 2, 200, cp="1"),
)
VOLUNTARY: Final = (
    voluntary_row("2020-06-02T00:00:00", "101 - 200", "XA-1", 100),
    voluntary_row("2020-06-01T08:00:00", "1 - 100", "XA-1", 100, vcp="No"),
    voluntary_row("2020-06-03T08:00:00", "1 - 500", "XB-2", 500),
    voluntary_row("2020-06-04T08:00:00", "1001 - 1001", "XA-2", 1),
)
ADMINISTRATIVE: Final = (
    administrative_row(
        "2020-05-01T12:00:00",
        "2801 - 2900",
        "XA-2",
        100,
        "Issued in error on 1 March 2020, cancelled on 1 May 2020 and reissued on 20 May 2020.",
    ),
    administrative_row("2020-05-01T12:01:00", "2901 - 3000", "XA-2", 100, "See above"),
)
NEXT_ISSUANCES: Final = (*ISSUANCES, issuance_row("2020-07-01T10:00:00", "501 - 900", "XB", 5, 400))
NEXT_VOLUNTARY: Final = (*VOLUNTARY, voluntary_row("2020-07-02T10:00:00", "501 - 600", "XB-5", 100))


def write_sample(folder: Path, month: str = "2020-06", *, next_month: bool = False) -> None:
    """The reports of `month` in `folder`; with `next_month` the cumulative ones that follow, with two rows
    more.
    """
    issuances, voluntary = (NEXT_ISSUANCES, NEXT_VOLUNTARY) if next_month else (ISSUANCES, VOLUNTARY)
    folder.mkdir(parents=True, exist_ok=True)
    write_workbook(folder / f"issuances_{month}.xlsx", "Illustrative issuances", [ISSUANCE_HEADER, *issuances])
    write_workbook(
        folder / f"voluntary_cancellations_{month}.xlsx",
        "Illustrative cancellations",
        [[TITLE], VOLUNTARY_HEADER, *voluntary, ["Total", *[None] * 6, f"=SUM(H3:H{len(voluntary) + 2})"]],
    )
    write_workbook(
        folder / f"administrative_cancellations_{month}.xlsx",
        "Illustrative corrections",
        [
            ["ILLUSTRATIVE administrative cancellations*"],
            ADMINISTRATIVE_HEADER,
            *ADMINISTRATIVE,
            ["TOTAL", None, None, "=SUM(D3:D4)", None, None, None, "=SUM(H3:H4)"],
            [],
            ["* Units issued in error are cancelled here. This note belongs to no row."],
        ],
    )
    (folder / "projects.csv").write_bytes(PROJECT_LIST.encode("cp1252"))


def write_workbook(path: Path, title: str, rows: Iterable[Sequence[Any]]) -> None:
    """A workbook of one sheet."""
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    workbook.save(path)

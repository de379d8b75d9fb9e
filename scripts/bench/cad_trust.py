"""CAD Trust: a listing exported from the database, and a listing imported, beside a raw write of the same cells.

Projects, issuances and blocks are illustrative rows put straight into the projections, so that what is measured is the
listing alone. The peer's figures are of CADT 1.7.24 with its simulator: a spreadsheet of 1,000 projects.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import xlsxwriter
from rich.table import Table
from sqlalchemy import JSON, Boolean, Engine, LargeBinary, String, Text, insert
from sqlalchemy import Table as DatabaseTable

from adapters.cad_trust.model import TABLES
from adapters.cad_trust.observed import open_cad_trust
from adapters.cad_trust.writing import rows_of, write_records
from hub.cad_trust.export import export_records
from hub.db import tables as t
from hub.db.engine import open_engine
from hub.db.migrate import migrate
from hub.observed.store import load_export
from mutual_recognition import identifiers as ids
from mutual_recognition.documents import Document, DocumentKind
from scripts.bench.bounds import Bound, Side
from scripts.bench.memory import PeakMemory

PROJECTS = 1_000
ALL_PROJECTS = 10_000
PEER_EXPORT_SECONDS = 0.56
PEER_IMPORT_SECONDS = 10.8
MOST_TIMES_RAW = 4.0
MOST_MEMORY_MIB = 512

_MEMBER = 310000
_REGISTRY = "illustrative"
_BATCH = 1000
_ARRIVALS = count(1)


@dataclass(frozen=True, slots=True)
class CadTrustFigures:
    """Seconds of one run on one machine; `cells` is what the workbook holds, the headings left out."""

    projects: int
    units: int
    cells: int
    export_seconds: float
    raw_seconds: float
    json_seconds: float
    import_seconds: float
    export_peak_bytes: int

    @property
    def times_raw(self) -> float:
        """The export beside writing the same cells from memory, without reading or mapping anything."""
        return self.export_seconds / self.raw_seconds

    def bounds(self) -> list[Bound]:
        """What has to be kept."""
        return [
            Bound("CAD Trust: export to XLSX / raw write of its cells", self.times_raw, Side.AT_MOST, MOST_TIMES_RAW),
            Bound(
                "CAD Trust: memory while exporting",
                self.export_peak_bytes / 2**20,
                Side.AT_MOST,
                MOST_MEMORY_MIB,
                " MiB",
            ),
        ]

    def to_json(self) -> dict[str, object]:
        """As --json prints it."""
        return {
            "projects": self.projects,
            "units": self.units,
            "cells": self.cells,
            "export_xlsx_seconds": round(self.export_seconds, 3),
            "export_json_seconds": round(self.json_seconds, 3),
            "raw_xlsx_seconds": round(self.raw_seconds, 3),
            "import_seconds": round(self.import_seconds, 3),
            "times_raw": round(self.times_raw, 2),
            "peer": {"export_seconds": PEER_EXPORT_SECONDS, "import_seconds": PEER_IMPORT_SECONDS},
        }

    def table(self) -> Table:
        """As people read it."""
        title = f"CAD Trust: {self.projects:,} projects with {self.units:,} units, ILLUSTRATIVE"
        table = Table(title=title, title_justify="left", min_width=len(title))
        for number, column in enumerate(("", "seconds", "cells a second")):
            table.add_column(column, justify="right" if number else "left")
        for name, seconds in (
            ("export to XLSX, from the database", self.export_seconds),
            ("the same cells by xlsxwriter alone", self.raw_seconds),
            ("export to JSON, from the database", self.json_seconds),
            ("import of that workbook", self.import_seconds),
        ):
            table.add_row(name, f"{seconds:.2f}", f"{self.cells / seconds:,.0f}")
        table.caption = (
            f"For scale: CADT exports 1,000 projects in {PEER_EXPORT_SECONDS} s and has imported them "
            f"{PEER_IMPORT_SECONDS} s later; its projects have no units here."
        )
        return table


def measure_cad_trust(*, full: bool = False) -> CadTrustFigures:
    """Fills a database, exports it twice, writes the same cells raw, imports the workbook into another database."""
    projects = ALL_PROJECTS if full else PROJECTS
    with tempfile.TemporaryDirectory(prefix="yrdhub-bench-") as scratch:
        home = Path(scratch)
        engine = _open(home / "hub.sqlite")
        _fill(engine, projects)
        workbook, text = home / "listing.xlsx", home / "listing.json"
        with engine.connect() as connection:
            with PeakMemory() as memory:
                began = time.perf_counter()
                counts = write_records(workbook, export_records(connection, _MEMBER))
                export_seconds = time.perf_counter() - began
            began = time.perf_counter()
            write_records(text, export_records(connection, _MEMBER))
            json_seconds = time.perf_counter() - began
            rows = _rows(export_records(connection, _MEMBER))
        engine.dispose()
        raw_seconds = _write_raw(home / "raw.xlsx", rows)
        other = _open(home / "other.sqlite")
        began = time.perf_counter()
        with open_cad_trust(workbook) as exports:
            for one in exports:
                load_export(other, one, date(2026, 1, 1))
        import_seconds = time.perf_counter() - began
        other.dispose()
    cells = sum(len(row) for sheet in rows.values() for row in sheet)
    return CadTrustFigures(
        projects,
        counts["units"],
        cells,
        export_seconds,
        raw_seconds,
        json_seconds,
        import_seconds,
        memory.peak,
    )


def _rows(records: Iterator[dict[str, Any]]) -> dict[str, list[list[Any]]]:
    """What the workbook holds, made beforehand: sheet by sheet, in its columns."""
    found: dict[str, list[list[Any]]] = {table.sheet: [list(table.columns)] for table in TABLES}
    for record in records:
        own = "warehouseUnitId" in record
        for table, row in rows_of(record):
            if not (own and table.sheet == "issuances"):
                found[table.sheet].append([row.get(name) for name in table.columns])
    return found


def _write_raw(file: Path, sheets: dict[str, list[list[Any]]]) -> float:
    began = time.perf_counter()
    workbook = xlsxwriter.Workbook(str(file), {"constant_memory": True, "strings_to_urls": False})
    for title, rows in sheets.items():
        worksheet = workbook.add_worksheet(title)
        for at, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, str):
                    worksheet.write_string(at, column, value)
                elif value is not None:
                    worksheet.write_number(at, column, value)
    workbook.close()
    return time.perf_counter() - began


def _open(file: Path) -> Engine:
    engine = open_engine(f"sqlite:///{file}", durable=False)
    migrate(engine)
    return engine


def _fill(engine: Engine, projects: int) -> None:
    """Members, a methodology, a recognition, and for each project a verification, an issuance and two blocks."""
    series = "0x" + ids.series_id(_MEMBER, _REGISTRY, "PV").hex()
    methodology = "0x" + ids.methodology_id(_MEMBER, _REGISTRY, "EXAMPLE", "1").hex()
    subject = "0x" + ids.subject(ids.Kind.METHODOLOGY, bytes.fromhex(methodology[2:])).hex()
    content: dict[str, Any] = {"code": "EXAMPLE", "version": "1", "title_en": "Distributed PV (illustrative)"}
    filed = Document(kind=DocumentKind.METHODOLOGY, member=_MEMBER, registry=_REGISTRY, record="M", content=content)
    content = {"code": "PV", "kg_per_serial": 1000}
    words = Document(kind=DocumentKind.SERIES, member=_MEMBER, registry=_REGISTRY, record="PV", content=content)
    with engine.begin() as connection:
        _put(
            connection,
            t.members,
            [{"member": _MEMBER, "kind": 1, "accounts": []}, {"member": 320500, "kind": 1, "accounts": []}],
        )
        _put(connection, t.documents, [_document(filed, methodology), _document(words, series)])
        _put(connection, t.methodologies, [{"methodology": methodology, "member": _MEMBER, "document": _digest(filed)}])
        _put(connection, t.series, [{"series": series, "member": _MEMBER, "kg_per_serial": 1000}])
        terms: dict[str, Any] = {
            "terms": 1,
            "subject": subject,
            "member": 320500,
            "factor_ppm": 800_000,
            "valid_until": 2**40 - 1,
        }
        _put(connection, t.terms, [terms | {"covers_every_project": True, "valid_from": 1_600_000_000}])
        home: dict[str, Any] = {"home": _MEMBER, "kind": int(ids.Kind.METHODOLOGY), "terms": 1}
        _put(connection, t.recognitions, [{"subject": subject, "member": 320500} | home])
        for start in range(0, projects, _BATCH):
            _fill_projects(connection, range(start, min(projects, start + _BATCH)), series, methodology)


def _fill_projects(connection: Any, numbers: range, series: str, methodology: str) -> None:
    rows: dict[DatabaseTable, list[dict[str, Any]]] = {}
    for number in numbers:
        native, first = f"PV-{number}", 1 + 100 * number
        project = "0x" + ids.project_id(_MEMBER, _REGISTRY, native).hex()
        verification = "0x" + ids.verification_id(_MEMBER, _REGISTRY, native).hex()
        content = {"name_en": f"Roof {number} (illustrative)", "latitude": "31.2", "longitude": "121.5"}
        said = Document(kind=DocumentKind.PROJECT, member=_MEMBER, registry=_REGISTRY, record=native, content=content)
        place = {"block_number": number, "block_time": 1_767_225_600}
        mine = {"member": _MEMBER, "project": project}
        of_issuance = {"series": series, "first": first, "last": first + 99, "verification": verification}
        block = {"series": series, "issuance": first, "holder": _MEMBER, "status": 1}
        rows.setdefault(t.documents, []).append(_document(said, project))
        rows.setdefault(t.projects, []).append(
            mine | place | {"methodology": methodology, "document": _digest(said), "status": 1, "crediting_end": 23_000}
        )
        rows.setdefault(t.verifications, []).append(
            place | {"verification": verification, "project": project, "period_stated": True, "period_end": 20_000}
        )
        rows.setdefault(t.issuances, []).append(mine | place | of_issuance | {"vintage": 2025, "kg": 100_000})
        rows.setdefault(t.unit_blocks, []).extend(
            [block | {"first": first, "last": first + 39}, block | {"first": first + 40, "last": first + 99}]
        )
    for table, batch in rows.items():
        _put(connection, table, batch)


def _digest(document: Document) -> str:
    return "0x" + document.digest().hex()


def _document(document: Document, describes: str) -> dict[str, Any]:
    same: dict[str, Any] = {
        "kind": document.kind.value,
        "member": _MEMBER,
        "registry": _REGISTRY,
        "record": document.record,
    }
    text = {"canonical": document.canonical(), "audience": "public", "describes": describes, "version": 1}
    return same | text | {"digest": _digest(document), "arrived": next(_ARRIVALS)}


def _put(connection: Any, table: DatabaseTable, rows: list[dict[str, Any]]) -> None:
    """Rows with every column that they leave out at nothing."""
    nothing = {column.name: _nothing(column.type) for column in table.columns if not column.nullable}
    connection.execute(insert(table), [nothing | row for row in rows])


def _nothing(kind: Any) -> Any:
    if isinstance(kind, LargeBinary):
        return b""
    if isinstance(kind, JSON):
        return []
    if isinstance(kind, Boolean):
        return False
    return "" if isinstance(kind, String | Text) else 0

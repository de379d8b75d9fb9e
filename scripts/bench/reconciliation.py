"""How fast two sides that hold a million unit blocks find that they agree, and what a change costs.

The chain's side goes through the index's own code into its own tables, range by range; the registry's side through the
books' own code, as a process of its own (`kept_books.py`). Blocks are illustrative (`illustrative_books.py`).
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table
from sqlalchemy import Connection, func, select

from hub.db import tables as t
from hub.db.engine import open_engine
from hub.index.holdings import SeriesNodes, root_of, series_tops, update_holdings
from hub.index.rows import Rows
from mutual_recognition.holdings import of_block
from mutual_recognition.holdings_tree import Place, Run, Tree, apply, build, differences, joined, member_root
from mutual_recognition.identifiers import series_id
from mutual_recognition.unit_blocks import BlockStatus
from scripts.bench.bounds import Bound, Side
from scripts.bench.illustrative_books import MEMBER, REGISTRY, SERIES, illustrative_blocks
from scripts.compile import ROOT

BLOCKS, ALL_BLOCKS = 100_000, 1_000_000
_RANGE = 2_000
_CHANGES = 200
_DAY_RATIO = 10
_ZERO32 = "0x" + "00" * 32


@dataclass(frozen=True, slots=True)
class ReconciliationFigures:
    """What was measured; seconds of this machine, bytes of memory."""

    blocks: int
    nodes: int
    index_seconds: float
    trees_seconds: float
    compare_seconds: float
    change_seconds: float
    scratch_seconds: float
    swap_seconds: float
    swap_found: bool
    lines: int
    lines_changed: int
    first_seconds: float
    whole_seconds: float
    day_seconds: float
    day_exact: bool
    kept_bytes: int
    books_peak: int
    tenth_peak: int
    agree: bool

    @property
    def ratio(self) -> float:
        """How many times a root from scratch costs what a change costs."""
        return self.scratch_seconds / self.change_seconds

    @property
    def day_ratio(self) -> float:
        """How many times the registry's books read whole cost what a day's changes of them cost."""
        return self.whole_seconds / self.day_seconds

    def bounds(self) -> list[Bound]:
        """What must hold."""
        return [
            Bound("reconciliation: both roots the same", float(self.agree), Side.AT_LEAST, 1),
            Bound("reconciliation: swap of two serials found", float(self.swap_found), Side.AT_LEAST, 1),
            Bound("reconciliation: comparing the roots", self.compare_seconds * 1000, Side.AT_MOST, 50, " ms"),
            Bound("reconciliation: root from scratch / a change", self.ratio, Side.AT_LEAST, self.blocks / 2_000, "x"),
            Bound("reconciliation: books followed are the books", float(self.day_exact), Side.AT_LEAST, 1),
            Bound("reconciliation: books whole / 0.1 % changed", self.day_ratio, Side.AT_LEAST, _DAY_RATIO, "x"),
            Bound(
                "reconciliation: memory of the books, whole beyond a tenth",
                (self.books_peak - self.tenth_peak) / 2**20,
                Side.AT_MOST,
                32,
                " MiB",
            ),
        ]

    def to_json(self) -> dict[str, Any]:
        """As --json prints it."""
        return asdict(self) | {"ratio": self.ratio, "day_ratio": self.day_ratio}

    def table(self) -> Table:
        """For a terminal."""
        table = Table(title=f"Reconciliation of {self.blocks:,} blocks that agree", title_justify="left")
        table.add_column("", no_wrap=True)
        table.add_column("measured", justify="right")
        rows = {
            "the roots compared": f"{self.compare_seconds * 1000:.2f} ms",
            "a change brought up to the root (index, written)": f"{self.change_seconds * 1000:.2f} ms",
            "the root from scratch, of all blocks": f"{self.scratch_seconds:,.2f} s",
            "from scratch / a change": f"{self.ratio:,.0f} x",
            "trees' share of a block's way into the index": f"{self.trees_seconds / self.blocks * 1e6:,.1f} us",
            "nodes kept": f"{self.nodes:,}",
            "a swap of two serials, equal in quantity, found": f"{self.swap_seconds * 1000:.2f} ms",
            f"the registry's {self.lines:,} lines read whole, sorted and hashed": f"{self.whole_seconds:,.1f} s",
            "the same, kept for following (the first time)": f"{self.first_seconds:,.1f} s",
            f"followed: {self.lines_changed:,} lines changed, up to the root, written": f"{self.day_seconds:,.2f} s",
            "read whole / followed": f"{self.day_ratio:,.0f} x",
            "kept on disk": f"{self.kept_bytes >> 20} MiB",
            "memory of all that (a tenth of the books)": f"{self.books_peak >> 20} MiB ({self.tenth_peak >> 20} MiB)",
        }
        for label, value in rows.items():
            table.add_row(label, value)
        return table


def measure_reconciliation(blocks: int = BLOCKS) -> ReconciliationFigures:
    """Measures with so many blocks a side."""
    with tempfile.TemporaryDirectory(prefix="yrdhub-bench-") as scratch:
        engine = open_engine(f"sqlite:///{Path(scratch) / 'index.sqlite'}", durable=False)
        t.metadata.create_all(engine)
        began = time.perf_counter()
        index = _Index()
        trees = 0.0
        for part in _parts(illustrative_blocks(blocks), _RANGE):
            with engine.begin() as connection:
                trees += index.take(connection, part)
        index_seconds = time.perf_counter() - began
        whole, tenth = _books(blocks), _books(blocks // 10)
        with engine.connect() as connection:
            began = time.perf_counter()
            root = root_of(connection, MEMBER)[0]
            agree = root.hex() == whole["root"]
            compare_seconds = time.perf_counter() - began
            began = time.perf_counter()
            from_scratch = _root_from_scratch(connection)
            scratch_seconds = time.perf_counter() - began
            nodes = connection.execute(select(func.count()).select_from(t.holding_nodes)).scalar_one()
            swap_seconds, swap_found = _find_a_swap(connection)
        if from_scratch != root:
            raise AssertionError("the root kept up to date is not the root from scratch")
        change_seconds = _change(engine, index)
        engine.dispose()
    return ReconciliationFigures(
        blocks,
        nodes,
        index_seconds,
        trees,
        compare_seconds,
        change_seconds,
        scratch_seconds,
        swap_seconds,
        swap_found,
        int(whole["lines"]),
        int(whole["changed"]),
        whole["first_seconds"],
        whole["whole_seconds"],
        whole["day_seconds"],
        bool(whole["exact"]),
        whole["size"],
        whole["peak"],
        tenth["peak"],
        agree,
    )


def series_of(number: int) -> bytes:
    """Id of one of the series."""
    return series_id(MEMBER, REGISTRY, f"S{number}")


class _Index:
    """The index's own unit of work, fed with blocks instead of events."""

    def __init__(self) -> None:
        self._rows = Rows((t.unit_blocks, t.transfers, t.serial_events, t.holding_nodes, t.holding_roots))
        self._number = 0

    def take(self, connection: Connection, blocks: list[tuple[int, int, int, int, BlockStatus]]) -> float:
        """One range of blocks; seconds that the trees took of it."""
        self._rows.begin(connection)
        self._number += 1
        for place, block in enumerate(blocks):
            row = _row(*block)
            self._rows.put(t.unit_blocks, row)
            seen = {"block_number": self._number, "log_index": place, "part": 0, "block_time": self._number}
            names = ("series", "issuance", "first", "last")
            told = {"event": "issued", "member": row["holder"], "other": 0, "reference": _ZERO32}
            self._rows.put(t.serial_events, seen | {name: row[name] for name in names} | told)
        began = time.perf_counter()
        update_holdings(self._rows, connection)
        took = time.perf_counter() - began
        self._rows.flush()
        return took


def _change(engine: Any, index: _Index) -> float:
    """Seconds that one block, retired in a range of its own, takes to be in the root, written; the median of many."""
    rng = random.Random(7)
    with engine.connect() as connection:
        b = t.unit_blocks.c
        some = connection.execute(
            select(b.series, b.first, b.last).where(b.holder == MEMBER, b.status == BlockStatus.AVAILABLE.value)
        ).all()
    by_name = {"0x" + series_of(number).hex(): number for number in range(SERIES)}
    taken = []
    for row in rng.sample(some, _CHANGES):
        with engine.begin() as connection:
            began = time.perf_counter()
            index.take(connection, [(by_name[row.series], row.first, row.last, MEMBER, BlockStatus.RETIRED)])
            taken.append(time.perf_counter() - began)
    return sorted(taken)[len(taken) // 2]


def _root_from_scratch(connection: Connection) -> bytes:
    """What a side without a tree does: read all blocks and hash them."""
    b = t.unit_blocks.c
    tops = {}
    for series in (series_of(number) for number in range(SERIES)):
        query = select(b.first, b.last, b.holder, b.status).where(b.series == "0x" + series.hex()).order_by(b.first)
        runs = (
            Run(row.first, row.last, of_block(MEMBER, MEMBER, row.holder, row.status, 0))
            for row in connection.execute(query.execution_options(yield_per=5_000))
        )
        top = build(joined(runs), Tree())
        if top is not None:
            tops[series] = top.hash()
    return member_root(MEMBER, tops)


def _find_a_swap(connection: Connection) -> tuple[float, bool]:
    """Books that have two serials the wrong way round: seconds to find them, and whether exactly these are found."""
    series = sorted(series_tops(connection, MEMBER))[0]
    nodes = SeriesNodes(connection, MEMBER, series)
    b = t.unit_blocks.c

    def first_of(status: BlockStatus) -> int:
        query = select(b.first).where(b.series == "0x" + series.hex(), b.status == status.value, b.holder == MEMBER)
        return int(connection.execute(query.order_by(b.first.desc()).limit(1)).scalar_one())

    one, other = first_of(BlockStatus.AVAILABLE), first_of(BlockStatus.RETIRED)
    swapped = _Swapped(nodes, {one: "retired", other: "available"})
    began = time.perf_counter()
    found = list(differences(swapped, nodes))
    took = time.perf_counter() - began
    return took, {serial for d in found for serial in range(d.first, d.last + 1)} == {one, other}


class _Swapped:
    """The nodes of a series with some serials in another status, the rest read through: books that are nearly right."""

    def __init__(self, nodes: SeriesNodes, places: dict[int, str]) -> None:
        self._below = nodes
        self._own = Tree()
        self._gone: set[tuple[int, int]] = set()
        apply(self, [Run(serial, serial, Place(MEMBER, places[serial])) for serial in sorted(places)])

    def get(self, level: int, prefix: int) -> Any:
        if (level, prefix) in self._gone:
            return None
        return self._own.get(level, prefix) or self._below.get(level, prefix)

    def put(self, node: Any) -> None:
        self._gone.discard((node.level, node.prefix))
        self._own.put(node)

    def drop(self, level: int, prefix: int) -> None:
        self._own.drop(level, prefix)
        self._gone.add((level, prefix))


def _row(series: int, first: int, last: int, holder: int, status: BlockStatus) -> dict[str, Any]:
    return {
        "series": "0x" + series_of(series).hex(),
        "first": first,
        "last": last,
        "issuance": first,
        "holder": holder,
        "status": status.value,
        "holds": 0,
        "factor_ppm": 1_000_000,
        "entry": 0,
        "purpose": 0,
        "compliance_year": 0,
        "beneficiary": _ZERO32,
        "transfer": _ZERO32,
        "pledged_to": "0x" + "00" * 20,
        "pledged_until": 0,
    }


def _parts(blocks: Iterator[Any], size: int) -> Iterator[list[Any]]:
    part: list[Any] = []
    for block in blocks:
        part.append(block)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def _books(count: int) -> dict[str, Any]:
    """The registry's side in a process of its own: roots, seconds, and peak of memory."""
    command = [sys.executable, "-m", "scripts.bench.kept_books", "--lines", str(count)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    told: dict[str, Any] = json.loads(ended.stdout)
    return told

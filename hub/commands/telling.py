"""How a step of the demo's story looks at a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.console import RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from hub.demo.steps import Sheet, Step


def shown(step: Step, number: int) -> Iterator[RenderableType]:
    """The step's title, lines and tables."""
    yield f"\n[bold]{number}. {escape(step.title)}[/bold]"
    for line in step.lines:
        indent = 3 + len(line) - len(line.lstrip())
        text = escape(line.strip())
        yield Padding(text if step.agrees else f"[red]{text}[/red]", (0, 0, 0, indent))
    for sheet in step.sheets:
        yield Padding(_table(sheet), (0, 0, 0, 3))


_LONG_HEX = re.compile(r"0x[0-9a-f]{8,}")


def _shortened(cell: str) -> str:
    """Ids cut to their beginning: a table of a story is for reading; `--json` has them whole."""
    return _LONG_HEX.sub(lambda found: found[0][:10] + "...", cell)


def _table(sheet: Sheet) -> Table:
    table = Table(title=sheet.title, title_justify="left", title_style="dim", box=None, pad_edge=False)
    for place, column in enumerate(sheet.columns):
        numbers = all(isinstance(row[place], int) for row in sheet.rows)
        table.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in sheet.rows:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else escape(_shortened(cell)) for cell in row))
    return table

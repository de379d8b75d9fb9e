"""What `yrdhub observe` says: one load in a paragraph, sources, columns and loads as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from hub.observed.store import Outcome
from mutual_recognition.observed_exports import Accepted, SourceCard
from mutual_recognition.periods import UTC_PLUS_8


def describe(outcome: Outcome) -> str:
    """One load in a few lines."""
    head = f"{outcome.source}: {outcome.file}, of {outcome.stated_on} (by {outcome.dated_by})"
    if outcome.repeated:
        return f"{head}: the same file as before, nothing changed"
    lines = [
        f"{head}: {outcome.rows:,} rows, {outcome.records:,} records in {outcome.milliseconds / 1000:.1f} s",
        f"  new {outcome.appeared:,}, changed {outcome.changed:,} (status {outcome.status_changed:,}), "
        f"unchanged {outcome.unchanged:,}, gone {outcome.gone:,}, returned {outcome.returned:,}"
        + (f", read differently {outcome.remapped:,}" if outcome.remapped else ""),
    ]
    if not outcome.disappearances_judged:
        lines.append("  disappearances not judged: the file is a part, or rows of it cannot be read")
    for label, counted in (
        ("columns changed", outcome.fields_changed),
        ("serials", {name: number for name, number in outcome.serials.items() if name != "none"}),
        ("rows kept aside", outcome.refused),
        ("statuses not known here", outcome.unknown_statuses),
    ):
        if counted:
            lines.append(f"  {label}: {_counted(counted)}")
    return "\n".join(lines)


def states_table(states: Sequence[Mapping[str, Any]]) -> Table:
    """How each source stands."""
    table = Table("source", "of", "loaded", "known", "gone", "stopped by", box=None, pad_edge=False)
    for state in states:
        last, drift = state["last_load"], state["stopped_by"]
        table.add_row(
            state["source"],
            last["stated_on"] if last else "never",
            _moment(last["loaded_at"]) if last else "",
            f"{state['records']['known']:,}",
            f"{state['records']['gone']:,}",
            "; ".join(finding["words"] for finding in drift["findings"]) + f" ({drift['file']})" if drift else "",
        )
    return table


def columns_table(card: SourceCard, accepted: Accepted) -> Table:
    """A source's columns: what each is for, and what was accepted since."""
    table = Table("column", "feeds", "not mapped because", "accepted", box=None, pad_edge=False)
    for column in card.columns:
        note = f"now {accepted.renamed[column.heading]}" if column.heading in accepted.renamed else ""
        if column.heading in accepted.absent:
            note = "may be absent"
        if not column.required:
            note = note or "optional"
        table.add_row(column.heading, column.use if column.mapped else "", "" if column.mapped else column.use, note)
    for heading in sorted(accepted.ignored):
        table.add_row(heading, "", "", "ignored")
    return table


def loads_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """What was loaded."""
    table = Table(
        "load", "file", "of", "loaded", "records", "new", "changed", "gone", "kept aside", "s", box=None, pad_edge=False
    )
    for row in rows:
        counts = row["counts"]
        table.add_row(
            str(row["id"]),
            row["file"],
            row["stated_on"],
            _moment(row["loaded_at"]),
            *(f"{counts[name]:,}" for name in ("records", "appeared", "changed", "gone")),
            f"{sum(counts['refused'].values()):,}",
            f"{row['milliseconds'] / 1000:.1f}",
        )
    return table


def _counted(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counted.items())


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone(UTC_PLUS_8).strftime("%Y-%m-%d %H:%M")

"""Schema drift of a source: found, told, kept open until a person accepts it. While it is open, nothing is taken in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from hub.db import tables as t
from hub.errors import ConfigurationWrong, JsonValue, RecordRefused
from mutual_recognition.observed_exports import Accepted, OpenExport, SourceCard
from mutual_recognition.schema_drift import ColumnProfile, Drift, DriftKind, column_key, compare_columns

COMPARED_ROWS = 2_000
"""Rows of a drifted file that are read for what its columns hold."""


class SchemaDrift(ConfigurationWrong):
    """The columns of a file are not those of its source. Nothing of the file was taken in."""

    default_code = "schema_drift"
    title = "The source has changed its columns"

    def __init__(self, source: str, file: str, findings: Sequence[Drift]) -> None:
        super().__init__(
            "; ".join(finding.in_words() for finding in findings),
            code="schema_drift",
            what=source,
            where=file,
            remedy=f"look at the file, then `yrdhub observe accept-drift {source}` with --rename OLD=NEW, --ignore NEW "
            "or --absent OLD, and load it again; other sources are not stopped",
        )
        self.findings = tuple(findings)

    def details(self) -> dict[str, JsonValue]:
        """Old and new names, and how sure a rename is."""
        return {"findings": [dict(finding.to_json()) for finding in self.findings]}


def find_drift(export: OpenExport, accepted: Accepted, last_profiles: Mapping[str, Any]) -> list[Drift]:
    """What differs between the file's columns and those known, less what was accepted; empty when nothing does.

    `last_profiles` are those of the last load: they tell whether a new name stands over old values.
    """
    actual = {column_key(new): known for known, new in accepted.renamed.items()}
    header = [
        actual.get(column_key(heading), heading)
        for heading in export.header
        if column_key(heading) not in {column_key(ignored) for ignored in accepted.ignored}
    ]
    known = [
        replace(column, required=False) if column.heading in accepted.absent else column
        for column in export.card.columns
    ]
    if not compare_columns(known, header):
        return []
    old = {heading: ColumnProfile.from_json(kept) for heading, kept in last_profiles.items()}
    return compare_columns(known, header, old_values=old, new_values=export.profiles(COMPARED_ROWS))


def accepted_of(connection: Connection, source: str) -> Accepted:
    """What was accepted of a source's drift until now."""
    table = t.observed_accepted
    rows = connection.execute(select(table).where(table.c.source == source)).mappings().all()
    return Accepted(
        renamed={row["heading"]: row["actual"] for row in rows if row["kind"] == "renamed"},
        ignored=frozenset(row["heading"] for row in rows if row["kind"] == "ignored"),
        absent=frozenset(row["heading"] for row in rows if row["kind"] == "absent"),
    )


def record_drift(connection: Connection, export: OpenExport, findings: Sequence[Drift], now: int) -> None:
    """Keeps the findings open; those of an earlier file of the source are replaced."""
    settle_drift(connection, export.card.name, now)
    connection.execute(
        insert(t.observed_drifts).values(
            source=export.card.name,
            file=export.name,
            sha256=export.sha256,
            findings=[finding.to_json() for finding in findings],
            found_at=now,
            settled_at=None,
        )
    )


def settle_drift(connection: Connection, source: str, now: int) -> None:
    """Nothing is open for `source` any more."""
    table = t.observed_drifts
    connection.execute(
        update(table).where(table.c.source == source, table.c.settled_at.is_(None)).values(settled_at=now)
    )


def open_drift(connection: Connection, source: str) -> dict[str, Any] | None:
    """What stops the source, if anything does."""
    table = t.observed_drifts
    query = select(table).where(table.c.source == source, table.c.settled_at.is_(None)).order_by(table.c.id.desc())
    found = connection.execute(query).mappings().first()
    return None if found is None else dict(found)


def accept_drift(
    connection: Connection,
    card: SourceCard,
    *,
    renamed: Mapping[str, str],
    ignored: Iterable[str],
    absent: Iterable[str],
    reason: str,
    now: int,
) -> list[str]:
    """Persists what a person decided; returns what of the open findings is still not accepted, in words.

    A column may be ignored only if the source does not know it, be absent only if no field depends on it, and a rename
    must be of a known column. Raises RecordRefused otherwise.
    """
    known = {column_key(column.heading): column for column in card.columns}
    rows: list[dict[str, Any]] = []
    for old, new in renamed.items():
        column = known.get(column_key(old))
        if column is None:
            raise _refused(f"{card.name} has no column of this name", old, card)
        if column_key(new) in known:
            raise _refused("this is a known column already: it cannot be another's new name", new, card)
        rows.append({"kind": "renamed", "heading": column.heading, "actual": new})
    for heading in ignored:
        if column_key(heading) in known:
            raise _refused("a known column cannot be ignored", heading, card)
        rows.append({"kind": "ignored", "heading": heading, "actual": ""})
    for heading in absent:
        column = known.get(column_key(heading))
        if column is None:
            raise _refused(f"{card.name} has no column of this name", heading, card)
        if column.mapped and _IDENTITY & set(column.use.replace(",", " ").replace(":", " ").split()):
            raise _refused(f"records cannot do without it: it gives {column.use}", heading, card)
        rows.append({"kind": "absent", "heading": column.heading, "actual": ""})
    if not rows:
        raise RecordRefused("nothing was named to accept", code="nothing_accepted", where=card.name)
    table = t.observed_accepted
    for row in rows:
        same = (table.c.source == card.name, table.c.kind == row["kind"], table.c.heading == row["heading"])
        connection.execute(delete(table).where(*same))
        connection.execute(insert(table).values(source=card.name, reason=reason, accepted_at=now, **row))
    return _left(connection, card.name, now)


_IDENTITY = frozenset({"native_id", "project", "quantity_kg", "name", "programme"})


def _refused(message: str, heading: str, card: SourceCard) -> RecordRefused:
    return RecordRefused(
        message,
        code="drift_not_acceptable",
        value=heading,
        where=card.name,
        remedy=f"`yrdhub observe sources {card.name}` lists its columns",
    )


def _left(connection: Connection, source: str, now: int) -> list[str]:
    found = open_drift(connection, source)
    if found is None:
        return []
    accepted = accepted_of(connection, source)
    ignored = {column_key(heading) for heading in accepted.ignored}
    left = [finding for finding in found["findings"] if not _covered(finding, accepted, ignored)]
    if not left:
        settle_drift(connection, source, now)
    return [finding["words"] for finding in left]


def _covered(finding: Mapping[str, Any], accepted: Accepted, ignored: set[str]) -> bool:
    renamed_to = {column_key(new) for new in accepted.renamed.values()}
    gone = finding["old"] in accepted.absent or finding["old"] in accepted.renamed
    came = column_key(finding["new"]) in ignored | renamed_to
    match DriftKind(finding["kind"]):
        case DriftKind.DISAPPEARED:
            return gone
        case DriftKind.APPEARED:
            return came
        case DriftKind.RENAMED:
            return gone and came
        case DriftKind.REPEATED:
            return False

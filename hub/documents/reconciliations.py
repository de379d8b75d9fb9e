"""Results of reconciliations, as the cities' registrars sealed them: kept beside their documents, to be searched."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from hub.db import tables as t
from hub.documents.seals import CheckedDocument
from hub.errors import RecordRefused
from hub.index.queries import Listing, Row
from mutual_recognition.documents import DocumentKind
from mutual_recognition.reconciliation import Status

_HASH = r"^0x[0-9a-f]{64}$"
_LARGEST = 2**63 - 1


class _Snapshot(BaseModel):
    block_number: int = Field(ge=0, le=_LARGEST)
    block_time: int = Field(ge=0, le=_LARGEST)


class Figures(BaseModel):
    """What every result says, whatever else is in it."""

    model_config = ConfigDict(extra="ignore")

    reconciliation: str = Field(min_length=1, max_length=200)
    status: Status
    started_at: int = Field(ge=0, le=_LARGEST)
    snapshot: _Snapshot
    registry_root: str = Field(pattern=_HASH)
    chain_root: str = Field(pattern=_HASH)
    differing_serials: int = Field(ge=0, le=_LARGEST)
    disputed_block_count: int = Field(ge=0, le=2**31 - 1)


def figures_of(checked: CheckedDocument, where: str) -> Figures:
    """The figures of a document of kind `reconciliation`. Raises RecordRefused for one without them."""
    document = checked.document
    try:
        found = Figures.model_validate(document.content)
        if found.reconciliation != document.record:
            raise ValueError(f"its content is called {found.reconciliation!r}")
    except (ValidationError, ValueError) as wrong:
        raise RecordRefused(
            f"{document.record} is no result of a reconciliation: {str(wrong)[:300]}",
            code="reconciliation_malformed",
            field=where,
            value=document.record,
            remedy="send what `yrdhub reconcile` made, unchanged",
        ) from wrong
    return found


def keep_reconciliations(connection: Connection, documents: Iterable[CheckedDocument], now: int) -> None:
    """A row for each result among documents that are new here, in their transaction. A version stays as it came first.

    Raises RecordRefused.
    """
    rows = [
        _row(one, figures_of(one, f"documents[{place}].content"), now)
        for place, one in enumerate(documents)
        if one.document.kind is DocumentKind.RECONCILIATION
    ]
    if rows:
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(insert(t.reconciliations).on_conflict_do_nothing(), rows)


def _row(checked: CheckedDocument, figures: Figures, now: int) -> Row:
    return {
        "reconciliation": figures.reconciliation,
        "version": checked.document.version,
        "member": checked.document.member,
        "registry": checked.document.registry,
        "status": int(figures.status),
        "block_number": figures.snapshot.block_number,
        "block_time": figures.snapshot.block_time,
        "registry_root": figures.registry_root,
        "chain_root": figures.chain_root,
        "differing_serials": figures.differing_serials,
        "disputed_blocks": figures.disputed_block_count,
        "started_at": figures.started_at,
        "document": checked.digest,
        "received_at": now,
    }


_readable = (
    select(
        t.reconciliations,
        t.documents.c.audience,
        t.documents.c.canonical,
    )
    .join(t.documents, t.documents.c.digest == t.reconciliations.c.document)
    .subquery("reconciliations_shared")
)

LISTING = Listing(
    "reconciliations",
    _readable,
    order=(_readable.c.received_at, _readable.c.reconciliation, _readable.c.version),
    filters={name: _readable.c[name] for name in ("member", "registry", "status", "reconciliation")},
    without=("canonical",),
)
"""Results with the audience of their documents; `readable_by` is applied to it."""

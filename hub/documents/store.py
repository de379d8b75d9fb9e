"""The documents' store: put a sealed batch, get one by digest, list. Every answer keeps to its reader's audience."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from hub.chain.deployment import Deployment
from hub.db import tables as t
from hub.documents.audience import Reader, readable_by
from hub.documents.seals import CheckedBatch, CheckedDocument, SealedBatch, check_batch, require_registrar
from hub.index.queries import Listing, Row
from mutual_recognition import identifiers as ids
from mutual_recognition.documents import DocumentKind
from mutual_recognition.refusal import Refusal

KEEP_ACCESSES = 3 * 366 * 86_400
"""Seconds: who read what is shared is kept for three years (domain.md, "Data law")."""

_ID_OF = {
    DocumentKind.PROJECT: ids.project_id,
    DocumentKind.VERIFICATION: ids.verification_id,
    DocumentKind.SERIES: ids.series_id,
}

LISTING = Listing(
    "documents",
    t.documents,
    order=(t.documents.c.received_at, t.documents.c.digest),
    without=("canonical",),
    filters={
        name: t.documents.c[name] for name in ("kind", "member", "registry", "record", "version", "describes", "seal")
    },
)


@dataclass(frozen=True, slots=True)
class Stored:
    """What `put` did: the batch's digests in its order, how many of them were new, and under which seal."""

    manifest: str
    digests: tuple[str, ...]
    new: int


class DocumentStore:
    """Writes and reads documents in the hub's database. `engine` writes; who only reads uses the functions."""

    def __init__(self, engine: Engine, deployment: Deployment, reading: Engine | None = None) -> None:
        self._engine = engine
        # a batch that is refused takes no writer's lock
        self._reading = reading or engine
        self._deployment = deployment

    def put(self, batch: SealedBatch, now: int) -> Stored:
        """Keeps a batch that arrived; `now` is Unix seconds. A repeated batch or document changes nothing.

        Raises RecordRefused, and then nothing of the batch is kept.
        """
        checked = check_batch(batch, self._deployment.domain, now)
        with self._reading.connect() as connection:
            require_registrar(connection, self._deployment, checked, now)
        with self._engine.begin() as connection:
            fresh = _unknown(connection, checked.documents)
            if fresh:
                connection.execute(_insert(connection, t.seals), _seal_row(checked, now))
                rows = [_document_row(document, checked.seal.manifest, now) for document in fresh]
                connection.execute(_insert(connection, t.documents), rows)
        return Stored(checked.seal.manifest, tuple(document.digest for document in checked.documents), len(fresh))

    def note_access(self, reader: Reader, rows: Iterable[Row], how: str, now: int) -> None:
        """Records that `reader` was shown these documents, but for public ones. Before they are sent, not after."""
        seen = [row["digest"] for row in rows if row["audience"] != "public"]
        if seen:
            same = {"at": now, "reader": reader.address, "member": reader.member, "how": how}
            with self._engine.begin() as connection:
                connection.execute(insert(t.document_accesses), [same | {"digest": digest} for digest in seen])

    def forget_old_accesses(self, now: int) -> int:
        """Deletes what has been kept long enough; returns how many rows."""
        with self._engine.begin() as connection:
            old = t.document_accesses.c.at < now - KEEP_ACCESSES
            return connection.execute(delete(t.document_accesses).where(old)).rowcount


def get(connection: Connection, digest: str, reader: Reader) -> Row | None:
    """The document and its seal, or None: where there is none, and where `reader` may not know that there is."""
    query = (
        select(
            t.documents,
            t.seals.c.signer,
            t.seals.c.sealed_at,
            t.seals.c.signature,
            t.seals.c.member.label("sealed_by"),
        )
        .join(t.seals, t.seals.c.manifest == t.documents.c.seal)
        .where(t.documents.c.digest == digest, readable_by(reader))
    )
    found = connection.execute(query).mappings().first()
    return None if found is None else dict(found)


def revision(connection: Connection) -> int:
    """A number that changes whenever documents do: none is ever deleted or replaced."""
    return int(connection.execute(select(func.count()).select_from(t.documents)).scalar_one())


def _unknown(connection: Connection, documents: tuple[CheckedDocument, ...]) -> list[CheckedDocument]:
    digests = [document.digest for document in documents]
    known = set(connection.execute(select(t.documents.c.digest).where(t.documents.c.digest.in_(digests))).scalars())
    return [document for document in documents if document.digest not in known]


def _insert(connection: Connection, table: Any) -> Any:
    kind = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return kind(table).on_conflict_do_nothing()


def _seal_row(batch: CheckedBatch, now: int) -> Row:
    digests = sorted(bytes.fromhex(document.digest[2:]) for document in batch.documents)
    return {
        "manifest": batch.seal.manifest,
        "member": batch.seal.member,
        "signer": batch.signer,
        "sealed_at": batch.seal.sealed_at,
        "signature": batch.signature,
        "digests": b"".join(digests),
        "received_at": now,
    }


def _document_row(checked: CheckedDocument, manifest: str, now: int) -> Row:
    document = checked.document
    code = document.content.get("code")
    version = document.content.get("version")
    if isinstance(code, str) and document.kind is DocumentKind.METHODOLOGY:
        code = f"{code} {version}" if version else code
    return {
        "digest": checked.digest,
        "kind": document.kind.value,
        "member": document.member,
        "registry": document.registry,
        "record": document.record,
        "version": document.version,
        "audience": document.audience,
        "describes": _describes(checked),
        "code": code[:200] if isinstance(code, str) else None,
        "title_zh": _text(document.content, "title_zh", "name_zh"),
        "title_en": _text(document.content, "title_en", "name_en", "title", "name"),
        "canonical": checked.canonical,
        "seal": manifest,
        "received_at": now,
    }


def _describes(checked: CheckedDocument) -> str | None:
    """The id of the record that the document speaks of, where its own words say which."""
    document = checked.document
    try:
        if document.kind is DocumentKind.METHODOLOGY:
            code, version = str(document.content["code"]), str(document.content["version"])
            return "0x" + ids.methodology_id(document.member, document.registry, code, version).hex()
        if document.kind in _ID_OF:
            return "0x" + _ID_OF[document.kind](document.member, document.registry, document.record).hex()
    except (KeyError, Refusal):
        return None
    return None


def _text(content: dict[str, Any], *names: str) -> str | None:
    for name in names:
        if isinstance(content.get(name), str) and content[name].strip():
            return str(content[name]).strip()[:400]
    return None

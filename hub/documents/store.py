"""The documents' store: put a sealed batch, get one by digest, list. Every answer keeps to its reader's audience."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, exists, func, select
from sqlalchemy.dialects import postgresql, sqlite

from hub.chain.deployment import Deployment
from hub.db import tables as t
from hub.documents.accesses import Accesses
from hub.documents.audience import Reader, readable_by
from hub.documents.reconciliations import keep_reconciliations
from hub.documents.seals import CheckedBatch, CheckedDocument, SealedBatch, check_batch, require_registrar
from hub.documents.search import keep_words
from hub.errors import RecordRefused
from hub.index.queries import Row
from mutual_recognition import identifiers as ids
from mutual_recognition.documents import Document, DocumentKind
from mutual_recognition.refusal import Refusal
from mutual_recognition.sharing import ALWAYS_TYPED, SHAPES, MethodologyName, require_shape

_ID_OF = {
    DocumentKind.PROJECT: ids.project_id,
    DocumentKind.PROJECT_INFORMATION: ids.project_id,
    DocumentKind.VERIFICATION: ids.verification_id,
    DocumentKind.SERIES: ids.series_id,
}


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
        self.accesses = Accesses(engine)

    def put(self, batch: SealedBatch, now: int) -> Stored:
        """Keeps a batch that arrived; `now` is Unix seconds. A repeated batch or document changes nothing.

        Raises RecordRefused, and then nothing of the batch is kept.
        """
        checked = check_batch(batch, self._deployment.domain, now)
        for place, one in enumerate(checked.documents):
            _require_shape(one, f"documents[{place}]")
        with self._reading.connect() as connection:
            require_registrar(connection, self._deployment, checked, now)
        with self._engine.begin() as connection:
            _in_turn(connection)
            fresh = _unknown(connection, checked.documents)
            withdrawn: dict[str, Row] = {}
            if fresh:
                _require_versions_apart(fresh)
                for one in fresh:
                    _require_new_version(connection, one)
                    withdrawn[one.digest] = _require_withdrawable(connection, one)
                arrivals = _arrivals(connection, len(fresh), now)
                connection.execute(_insert(connection, t.seals).on_conflict_do_nothing(), _seal_row(checked, now))
                rows = [
                    _document_row(document, checked.seal.manifest, now, arrived) | withdrawn[document.digest]
                    for document, arrived in zip(fresh, arrivals, strict=True)
                ]
                connection.execute(_insert(connection, t.documents).on_conflict_do_nothing(), rows)
                _mark(connection, rows)
                keep_words(connection, [(a, one.document) for a, one in zip(arrivals, fresh, strict=True)])
                keep_reconciliations(connection, fresh, now)
        return Stored(checked.seal.manifest, tuple(document.digest for document in checked.documents), len(fresh))

    def note_access(self, reader: Reader, rows: Iterable[Row], how: str, now: int) -> None:
        """See `Accesses.note`."""
        self.accesses.note(reader, rows, how, now)


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


def get_seal(connection: Connection, manifest: str, reader: Reader) -> Row | None:
    """A seal, to whoever may read at least one document under it; to others it is not there."""
    under = exists().where(t.documents.c.seal == t.seals.c.manifest, readable_by(reader))
    found = connection.execute(select(t.seals).where(t.seals.c.manifest == manifest, under)).mappings().first()
    return None if found is None else dict(found)


def revision(connection: Connection, reader: Reader) -> str:
    """Changes whenever a document arrives that `reader` may read, and never by one that it may not: none is ever
    deleted or replaced."""
    m = t.document_marks.c
    query = select(m.audience, m.member, m.newest).where(readable_by(reader, m)).order_by(m.audience, m.member)
    return " ".join(f"{row.audience},{row.member},{row.newest}" for row in connection.execute(query))


def how_many_public(connection: Connection) -> int:
    """Public documents kept. How many there are for others is not told to whoever reads the metrics."""
    public = t.documents.c.audience == "public"
    return int(connection.execute(select(func.count()).select_from(t.documents).where(public)).scalar_one())


_LARGEST_STEP = 1_000


def _in_turn(connection: Connection) -> None:
    """One batch after the other: who reads on from an arrival must not miss one that is committed later."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE document_marks IN EXCLUSIVE MODE")


def _arrivals(connection: Connection, count: int, now: int) -> list[int]:
    """Places in the order of arrival for `count` documents: microseconds that only grow.

    The steps between them are random, so that a gap does not say that something came that is for others.
    """
    newest = connection.execute(select(func.max(t.documents.c.arrived))).scalar_one() or 0
    place, found = max(int(newest), now * 1_000_000), []
    for _ in range(count):
        place += 1 + secrets.randbelow(_LARGEST_STEP)
        found.append(place)
    return found


def _mark(connection: Connection, rows: list[Row]) -> None:
    newest = {(row["audience"], row["member"]): row["arrived"] for row in rows}
    for (audience, member), arrived in newest.items():
        row = _insert(connection, t.document_marks).values(audience=audience, member=member, newest=arrived)
        connection.execute(
            row.on_conflict_do_update(index_elements=["audience", "member"], set_={"newest": row.excluded.newest})
        )


def _require_shape(checked: CheckedDocument, where: str) -> None:
    try:
        require_shape(checked.document.kind, checked.document.content, where)
    except Refusal as refused:
        raise RecordRefused(
            f"{checked.document.record}: {refused.reason}",
            code=refused.code,
            field=where,
            value=refused.value,
            remedy="give the content the shape of its kind: yrdhub share shapes",
        ) from refused


def _require_versions_apart(batch: list[CheckedDocument]) -> None:
    seen: set[tuple[object, ...]] = set()
    for one in (checked.document for checked in batch if checked.document.kind in ALWAYS_TYPED):
        key = (one.kind, one.registry, one.record, one.version)
        if key in seen:
            raise _version_taken(one, "in the same batch")
        seen.add(key)


def _version_taken(document: Document, where: str) -> RecordRefused:
    return RecordRefused(
        f"version {document.version} of {document.record} has other contents {where}",
        code="version_taken",
        field="version",
        value=document.version,
        remedy="share it as the next version",
    )


def _require_new_version(connection: Connection, checked: CheckedDocument) -> None:
    """A version that others may have read keeps its words. Filings have versions of their own."""
    one, c = checked.document, t.documents.c
    if one.kind not in ALWAYS_TYPED:
        return
    query = select(c.digest).where(
        c.member == one.member,
        c.kind == one.kind.value,
        c.record == one.record,
        c.registry == one.registry,
        c.version == one.version,
    )
    if (other := connection.execute(query).scalar()) is not None:
        raise _version_taken(one, f"already: {other}")


def _require_withdrawable(connection: Connection, checked: CheckedDocument) -> Row:
    """A notice withdraws a shared document of the same member, and goes to the same audience.

    What of its row follows from the document that it withdraws; nothing where it is no notice.
    """
    one, c = checked.document, t.documents.c
    if one.kind is not DocumentKind.WITHDRAWAL:
        return {}
    query = select(c.kind, c.audience, c.methodology).where(
        c.digest == one.content["withdraws"], c.member == one.member
    )
    found = connection.execute(query).first()
    kinds = {kind.value for kind in SHAPES} - {DocumentKind.WITHDRAWAL.value}
    if found is None or found.kind not in kinds:
        raise RecordRefused(
            "a notice withdraws a document that its own member shared",
            code="withdraws_unknown",
            field="content.withdraws",
            value=one.content["withdraws"],
            remedy="name the digest of a document of yours: yrdhub share search --from YOUR-CODE",
        )
    if found.audience != one.audience:
        raise RecordRefused(
            f"the notice is for {one.audience}, what it withdraws is for {found.audience}",
            code="audience_differs",
            field="audience",
            value=one.audience,
            remedy="give the notice the audience of the document",
        )
    return {"methodology": found.methodology}


def _unknown(connection: Connection, documents: tuple[CheckedDocument, ...]) -> list[CheckedDocument]:
    digests = [document.digest for document in documents]
    known = set(connection.execute(select(t.documents.c.digest).where(t.documents.c.digest.in_(digests))).scalars())
    return [document for document in documents if document.digest not in known]


def _insert(connection: Connection, table: Any) -> Any:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


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


def _document_row(checked: CheckedDocument, manifest: str, now: int, arrived: int) -> Row:
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
        "arrived": arrived,
        "methodology": _methodology(checked),
        "withdraws": document.content["withdraws"] if document.kind is DocumentKind.WITHDRAWAL else None,
    }


def _methodology(checked: CheckedDocument) -> str | None:
    """The id of the methodology that the document is about, or is made under, where its own words say which."""
    if checked.document.kind is DocumentKind.METHODOLOGY:
        return _describes(checked)
    try:
        return MethodologyName.model_validate(checked.document.content.get("methodology")).identifier()
    except (ValueError, Refusal):
        return None


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

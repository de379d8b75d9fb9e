"""Seals: one registrar's signature over a batch of documents, and what a batch has to be before anything believes it.

A batch is the documents' canonical bytes and one seal. Its manifest is SHA-256 over the sorted digests of the
documents, 32 bytes each, so that one signature speaks for many and for no other ones.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from hub.chain.deployment import Deployment
from hub.chain.enums import Role
from hub.chain.events import RawLog, decode, topics_of
from hub.chain.orders import Domain, recover_digest
from hub.db import tables as t
from hub.documents.messages import DocumentSeal, digest
from hub.errors import RecordRefused
from mutual_recognition.documents import MAX_BYTES, Document, DocumentRefused

MOST_DOCUMENTS = 1_000
MOST_BYTES = 16_000_000
"""Of all documents of one batch together."""

CLOCKS_MAY_DIFFER = 300
"""Seconds that a seal may lie in the future."""

_ID32 = re.compile(r"0x[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """What arrives: canonical bytes, the seal over them, and the signature (65 bytes) on the seal."""

    documents: tuple[bytes, ...]
    seal: DocumentSeal
    signature: bytes


@dataclass(frozen=True, slots=True)
class CheckedDocument:
    """A document that was parsed, with its digest (0x-hex) and the bytes it came in."""

    digest: str
    document: Document
    canonical: bytes


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """A batch whose form and signature hold. `signer` made the signature; whether it may is `require_registrar`'s to
    say."""

    documents: tuple[CheckedDocument, ...]
    seal: DocumentSeal
    signature: bytes
    signer: str


def manifest_of(digests: Iterable[bytes]) -> bytes:
    """SHA-256 over the sorted digests (32 bytes each)."""
    return hashlib.sha256(b"".join(sorted(digests))).digest()


def check_batch(batch: SealedBatch, domain: Domain, now: int) -> CheckedBatch:
    """The batch, parsed: bounds, canonical form, one member, the manifest, the time, a readable signature.

    Raises RecordRefused that names the place of the document at fault.
    """
    seal = batch.seal
    _check_bounds(batch.documents)
    if not (0 < seal.member < 2**24 and 0 < seal.sealed_at < 2**40 and _ID32.fullmatch(seal.manifest)):
        raise RecordRefused("the seal cannot be read", code="seal_malformed", field="seal", value=seal.message())
    if seal.sealed_at > now + CLOCKS_MAY_DIFFER:
        raise RecordRefused(
            f"the seal is of a time {seal.sealed_at - now} seconds ahead",
            code="seal_in_future",
            field="seal.sealed_at",
            value=seal.sealed_at,
            remedy="set the clock of the machine that seals",
        )
    documents = tuple(_parse(data, place, seal.member) for place, data in enumerate(batch.documents))
    digests = {bytes.fromhex(document.digest[2:]) for document in documents}
    if len(digests) != len(documents):
        raise RecordRefused("a document is in the batch twice", code="document_repeated", field="documents")
    manifest = "0x" + manifest_of(digests).hex()
    if manifest != seal.manifest:
        raise RecordRefused(
            f"the seal is on the manifest {seal.manifest}, these documents make {manifest}",
            code="manifest_differs",
            field="seal.manifest",
            value=seal.manifest,
            remedy="send exactly the documents that were sealed, unchanged",
        )
    signer = recover_digest(digest(seal, domain), batch.signature)
    return CheckedBatch(documents, seal, batch.signature, signer)


def require_registrar(connection: Connection, deployment: Deployment, batch: CheckedBatch, now: int) -> None:
    """That the signer is a registrar of the seal's member, by the index.

    A registrar of then, who is none now, is believed only for documents whose digests the chain carries already: the
    time of sealing is the signer's own word, and a key that was taken away must not make new documents. Raises
    RecordRefused (`signer_no_registrar`).
    """
    member, signer = batch.seal.member, batch.signer
    officer = connection.execute(select(t.officers).where(t.officers.c.account == signer)).first()
    if (
        officer is not None
        and officer.member == member
        and officer.roles & Role.REGISTRAR
        and officer.valid_until > now
    ):
        return
    if _was_registrar(connection, deployment, member, signer, batch.seal.sealed_at) and not (
        {document.digest for document in batch.documents} - _on_chain(connection, [d.digest for d in batch.documents])
    ):
        return
    raise RecordRefused(
        f"{signer} is no registrar of member {member}",
        code="signer_no_registrar",
        field="seal.signature",
        value=signer,
        remedy="seal with a registrar's key of that member, for the chain and the deployment of this hub",
    )


def sealed_by_registrar(
    connection: Connection, deployment: Deployment, seal: DocumentSeal, signature: bytes, now: int
) -> bool:
    """For a reader of what was sealed long ago: True where the signer is a registrar of the seal's member now, False
    where it was one at the time that the seal states, by the stored logs.

    The time is the signer's own word; that the hub took the document while the key was good is the hub's. Raises
    RecordRefused (`signer_no_registrar`), and what `recover_digest` raises.
    """
    signer = recover_digest(digest(seal, deployment.domain), signature)
    officer = connection.execute(select(t.officers).where(t.officers.c.account == signer)).first()
    if officer is not None and officer.member == seal.member and officer.roles & Role.REGISTRAR:
        if officer.valid_until > now:
            return True
        if seal.sealed_at < officer.valid_until:
            return False
    if _was_registrar(connection, deployment, seal.member, signer, seal.sealed_at):
        return False
    raise RecordRefused(
        f"{signer} was no registrar of member {seal.member} when it sealed",
        code="signer_no_registrar",
        field="seal.signature",
        value=signer,
    )


def _check_bounds(documents: Sequence[bytes]) -> None:
    if not 0 < len(documents) <= MOST_DOCUMENTS:
        raise RecordRefused(
            f"a batch has 1 to {MOST_DOCUMENTS} documents, this one {len(documents)}",
            code="batch_size",
            field="documents",
            value=len(documents),
        )
    total = sum(map(len, documents))
    if total > MOST_BYTES:
        raise RecordRefused(
            f"a batch has at most {MOST_BYTES} bytes of documents, this one {total}",
            code="batch_size",
            field="documents",
            value=total,
        )


def _parse(data: bytes, place: int, member: int) -> CheckedDocument:
    where = f"documents[{place}]"
    try:
        if len(data) > MAX_BYTES:
            raise DocumentRefused(f"{len(data)} bytes", f"a document has at most {MAX_BYTES} bytes", where)
        document = Document.parse(data, where)
    except (DocumentRefused, RecursionError) as refused:
        reason = refused.reason if isinstance(refused, DocumentRefused) else "nested too deeply"
        raise RecordRefused(
            f"document {place} of the batch: {reason}",
            code="document_refused",
            field=where,
            value=data[:80].decode(errors="replace"),
            remedy="send the canonical bytes (RFC 8785) of a document of the published schema",
        ) from refused
    if document.member != member:
        raise RecordRefused(
            f"document {place} of the batch is member {document.member}'s, the seal {member}'s",
            code="document_of_another",
            field=f"{where}.member",
            value=document.member,
        )
    return CheckedDocument("0x" + hashlib.sha256(data).hexdigest(), document, data)


def _was_registrar(connection: Connection, deployment: Deployment, member: int, account: str, at: int) -> bool:
    """Whether the last word on `account` up to block time `at`, in the stored logs, made it a registrar of `member`."""
    topics = {event.name: bytes.fromhex(topic[2:]) for topic, event in topics_of("Consortium").items()}
    of_member = member.to_bytes(32)
    of_account = bytes.fromhex(account[2:]).rjust(32, b"\0")
    changed = topics["OfficerChanged"] + of_member + of_account
    departed = topics["MemberDeparted"] + of_member
    logs = t.raw_logs.c
    query = (
        select(t.raw_logs)
        .join(t.blocks, t.blocks.c.number == logs.block_number)
        .where(
            logs.address == deployment.addresses["Consortium"],
            t.blocks.c.time <= at,
            (func.substr(logs.topics, 1, len(changed)) == changed)
            | (func.substr(logs.topics, 1, len(departed)) == departed),
        )
        .order_by(logs.block_number.desc(), logs.log_index.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return False
    packed = bytes(row["topics"])
    words = tuple("0x" + packed[place : place + 32].hex() for place in range(0, len(packed), 32))
    raw = RawLog(
        row["block_number"], "", row["tx_hash"], 0, row["log_index"], row["address"], words, bytes(row["data"])
    )
    event = decode(raw, deployment)
    if event.name != "OfficerChanged":
        return False
    return bool(event.args["roles"] & Role.REGISTRAR and event.args["validUntil"] > at)


def _on_chain(connection: Connection, digests: Sequence[str]) -> set[str]:
    """Those of `digests` that a record on the chain carries."""
    carriers = (
        t.methodologies.c.document,
        t.methodologies.c.definition,
        t.projects.c.document,
        t.projects.c.declaration,
        t.verifications.c.document,
        t.issuances.c.document,
        t.cancellations.c.document,
        t.ballots.c.document,
        t.holds.c.evidence,
    )
    return {
        found
        for column in carriers
        for found in connection.execute(select(column).where(column.in_(digests))).scalars()
    }

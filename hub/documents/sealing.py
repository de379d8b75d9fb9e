"""Making seals, at the city: what the adapter's side does with a registrar's key before documents travel."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from hub.chain.keys import Signer
from hub.chain.orders import Domain
from hub.documents.messages import DocumentSeal, ReadOrder, digest
from hub.documents.seals import SealedBatch, manifest_of


def seal_documents(
    signer: Signer, domain: Domain, member: int, documents: Sequence[bytes], sealed_at: int
) -> SealedBatch:
    """A batch of canonical documents of `member`, sealed by its registrar's key; repeated documents go once."""
    once = tuple(dict.fromkeys(documents))
    manifest = manifest_of(hashlib.sha256(document).digest() for document in once)
    seal = DocumentSeal(member, "0x" + manifest.hex(), sealed_at)
    return SealedBatch(once, seal, signer.sign_digest(digest(seal, domain)))


def by_audience(documents: Sequence[bytes]) -> list[list[bytes]]:
    """Canonical documents in groups of one audience each.

    A seal shows the digests of its whole batch, so that documents for some are not sealed among those for others.
    """
    groups: dict[bytes, list[bytes]] = {}
    for document in documents:
        # names are sorted in canonical form: the audience is the first
        groups.setdefault(document.partition(b",")[0], []).append(document)
    return list(groups.values())


def as_json(batch: SealedBatch) -> dict[str, object]:
    """A batch as POST /v1/documents takes it."""
    return {
        "documents": [data.decode() for data in batch.documents],
        "seal": {
            "member": batch.seal.member,
            "manifest": batch.seal.manifest,
            "sealed_at": batch.seal.sealed_at,
            "signature": "0x" + batch.signature.hex(),
        },
    }


def reading_authorization(signer: Signer, domain: Domain, expires: int) -> str:
    """The `Authorization` header by which `signer` reads what its member may read, until `expires` (at most ten
    minutes ahead)."""
    signature = signer.sign_digest(digest(ReadOrder(signer.address, expires), domain))
    return f"Yrdhub {signer.address}:{expires}:0x{signature.hex()}"

"""What a city believes of a document that it got: only what it has checked itself, against the chain it follows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection

from hub.chain.deployment import Deployment
from hub.chain.orders import recover_digest
from hub.documents.messages import digest as message_digest
from hub.documents.seals import manifest_of, sealed_by_registrar
from hub.errors import RecordRefused
from hub.sharing.exchange import Fetched
from mutual_recognition.documents import Document, DocumentRefused
from mutual_recognition.refusal import Refusal
from mutual_recognition.sharing import require_shape


@dataclass(frozen=True, slots=True)
class Checked:
    """A document that is what it is called, sealed by whom it says. `former`: the registrar's key is none any more."""

    document: Document
    fetched: Fetched
    signer: str
    former: bool


def check(connection: Connection, deployment: Deployment, fetched: Fetched, reader_member: int, now: int) -> Checked:
    """Digest, form, seal, the chain's officers, and the audience, for an officer of `reader_member`.

    `connection` is on the city's own index. Raises RecordRefused: `digest_differs`, `document_refused`,
    `manifest_differs`, `document_of_another`, `signer_no_registrar`, `audience_differs`, or what a shape refuses with.
    """
    if "0x" + hashlib.sha256(fetched.canonical).hexdigest() != fetched.digest:
        raise _refused("the bytes are not those of this digest", "digest_differs", fetched)
    try:
        document = Document.parse(fetched.canonical, fetched.digest)
        require_shape(document.kind, document.content, fetched.digest)
    except DocumentRefused as refused:
        raise _refused(refused.reason, "document_refused", fetched) from refused
    except Refusal as refused:
        raise _refused(refused.reason, refused.code, fetched) from refused
    manifest = "0x" + manifest_of(bytes.fromhex(one[2:]) for one in fetched.batch).hex()
    if manifest != fetched.seal.manifest or fetched.digest not in fetched.batch:
        raise _refused("the seal is not over this document", "manifest_differs", fetched)
    if document.member != fetched.seal.member:
        raise _refused(
            f"a document of member {document.member} under the seal of member {fetched.seal.member}",
            "document_of_another",
            fetched,
        )
    current = sealed_by_registrar(connection, deployment, fetched.seal, fetched.signature, now)
    signer = recover_digest(message_digest(fetched.seal, deployment.domain), fetched.signature)
    audience = document.audience
    if audience.startswith("member:") and reader_member not in {int(audience[7:]), document.member}:
        raise _refused(f"it is for {audience}: the hub should not have given it", "audience_differs", fetched)
    return Checked(document, fetched, signer, former=not current)


def _refused(message: str, code: str, fetched: Fetched) -> RecordRefused:
    return RecordRefused(
        message,
        code=code,
        value=fetched.digest,
        where=f"document {fetched.digest}",
        remedy="tell the hub's operator and the member that shared it; nothing of it was kept",
    )

"""A report on its way: the facts' canonical bytes and the registrar's signature over them (EIP-712 `StatusSeal`)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from hub.chain.keys import Signer
from hub.chain.orders import Domain
from hub.documents.messages import StatusSeal, digest
from mutual_recognition.sync_facts import SyncFacts


@dataclass(frozen=True, slots=True)
class SealedReport:
    """What arrives: canonical bytes of `SyncFacts`, and 65 bytes of signature."""

    canonical: bytes
    signature: bytes

    def as_json(self) -> dict[str, str]:
        """As POST /v1/sync takes it."""
        return {"report": self.canonical.decode(), "signature": "0x" + self.signature.hex()}


def seal_of(facts: SyncFacts) -> StatusSeal:
    """What the registrar signs for these facts."""
    return StatusSeal(facts.member, "0x" + hashlib.sha256(facts.canonical()).hexdigest(), facts.at)


def seal_report(signer: Signer, domain: Domain, facts: SyncFacts) -> SealedReport:
    """The facts, signed by a registrar of their member."""
    return SealedReport(facts.canonical(), signer.sign_digest(digest(seal_of(facts), domain)))

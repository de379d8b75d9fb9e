"""What the journal gives out: a record to decide, a write that was planned, a transaction that was signed."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.protocol import NativeRecord
from adapters.sync.plan import HeldBack, Write
from mutual_recognition.documents import Document


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A record read and not yet decided (or held, and looked at again)."""

    id: int
    record: NativeRecord
    waits_for: str


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A write that was planned."""

    id: int
    inbox_id: int
    request: bytes
    contract: str
    function: str
    call: bytes


@dataclass(frozen=True, slots=True)
class Submission:
    """A signed transaction, as it will be sent again until its fate is known."""

    id: int
    contract: str
    nonce: int
    tx_hash: str
    raw: bytes


@dataclass(slots=True)
class Decision:
    """What was decided about an inbox row: writes, their documents, and why the rest of it is held, if it is."""

    inbox_id: int
    writes: list[Write] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    held: HeldBack | None = None

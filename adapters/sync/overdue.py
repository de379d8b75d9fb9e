"""A member's own transfers that time has ended: one of its passes ends them, through the same outbox as all else.

No record of the registry asks for that; the chain does. So the record is of our own making, in the inbox like the
others, and the request is the transfer's own id, under which the index says that it ended, whoever ended it.
"""

from __future__ import annotations

from adapters.protocol import NativeRecord
from adapters.sync.plan import Write
from adapters.sync.rows import Decision
from hub.chain.codec import encode_call

OVERDUE = "overdue transfer"


def overdue_record(transfer: bytes) -> NativeRecord:
    """The record that stands for a transfer whose deadline has passed."""
    return NativeRecord(OVERDUE, f"0x{transfer.hex()}", 1, {}, "the chain")


def expiry(inbox_id: int, record: NativeRecord) -> Decision:
    """What such a record asks for."""
    transfer = bytes.fromhex(record.native_id[2:])
    call = encode_call("CreditLedger", "expire", [transfer])
    return Decision(inbox_id, [Write("CreditLedger", "expire", call, transfer, record.native_id)])

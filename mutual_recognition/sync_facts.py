"""How the sync of one registry stands: four separate facts, and how full each step is. One form for everyone.

Reachable, last attempt, last success and lag never stand for each other: a registry that answered a minute ago may be
away now, and one that answers may be far behind. What never happened is None, which every reader shows as "never" or
"not known", never as a success.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from mutual_recognition.refusal import Refusal

SCHEMA = "yrdhub.sync-facts/1"
MAX_BYTES = 65_536

Seconds = Annotated[int, Field(ge=0, lt=2**40)]
"""Since 1970, by the clock of the machine that syncs."""

Count = Annotated[int, Field(ge=0, lt=2**53)]
Counts = Annotated[dict[Annotated[str, Field(max_length=80)], Count], Field(max_length=200)]
Words = Annotated[str, Field(max_length=2_000)]


class FactsRefused(Refusal):
    """A report that is no canonical report of a sync."""

    code = "sync_report_refused"


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Lag(_Form):
    """What is still on its way. `oldest_record_at`, `oldest_effect_at`: since when the oldest waits; None: none does.

    `records`: read from the registry and not yet final on the chain (new, decided, or waiting for something by name;
    what is held for good is told apart). `effects`: happened on the chain and not yet told.
    """

    oldest_record_at: Seconds | None
    records: Count
    oldest_effect_at: Seconds | None
    effects: Count

    def seconds(self, now: int) -> int:
        """The age of the oldest thing on its way, 0 where nothing is."""
        oldest = [at for at in (self.oldest_record_at, self.oldest_effect_at) if at is not None]
        return max(0, now - min(oldest)) if oldest else 0


class SyncFacts(_Form):
    """One registry's sync at `at`.

    `reachable`: whether the registry answered when it was last asked; None: it was never asked. `trouble` and `cursor`
    are for the member itself; `held` counts what is held back, by code; `todo`: what a person has to book.
    """

    schema_name: Annotated[str, Field(alias="schema", pattern=f"^{SCHEMA}$")] = SCHEMA
    member: Annotated[int, Field(gt=0, lt=2**24)]
    registry: Annotated[str, Field(min_length=1, max_length=100)]
    at: Seconds
    reachable: bool | None
    last_attempt_at: Seconds | None
    last_success_at: Seconds | None
    lag: Lag
    chain_block: Count | None
    inbox: Counts
    outbox: Counts
    effects: Counts
    documents: Counts
    unreadable: Count
    held: Counts
    dead_letters: Count
    todo: Count
    trouble: Words
    cursor: Words

    def canonical(self) -> bytes:
        """The report's bytes by RFC 8785 (keys are ASCII, numbers whole)."""
        told = self.model_dump(mode="json", by_alias=True)
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()

    def to_json(self) -> dict[str, Any]:
        """The report as JSON values."""
        return self.model_dump(mode="json", by_alias=True)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """A report from bytes that arrived; only the canonical form is accepted. Raises FactsRefused."""
        if len(data) > MAX_BYTES:
            raise FactsRefused(f"{len(data)} bytes", f"a report has at most {MAX_BYTES} bytes")
        try:
            facts = cls.model_validate_json(data, strict=True)
            same = facts.canonical() == data
        except ValueError as invalid:
            raise FactsRefused(data[:80].decode(errors="replace"), f"is no report of a sync: {invalid}") from invalid
        if not same:
            raise FactsRefused(facts.registry, "is not in canonical form (RFC 8785)")
        return facts

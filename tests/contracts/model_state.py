"""What the model of the laws is made of: tables that can be taken back, refusals with their reasons, and calls."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from tests.contracts.chain import Key

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_ABSENT: Any = object()


class Journal:
    """What was written since the last checkpoint, so that it can be taken back, or compared record by record."""

    def __init__(self) -> None:
        self.entries: list[tuple[Table[Any, Any], Any, Any]] = []

    def roll_back(self, mark: int) -> None:
        while len(self.entries) > mark:
            table, key, before = self.entries.pop()
            table.put_back(key, before)

    def take(self) -> dict[tuple[str, Any], None]:
        """Names of the records touched since the last `take`, in order."""
        touched = {(table.name, key): None for table, key, _ in self.entries}
        self.entries.clear()
        return touched


class Table(Generic[K, V]):
    """Immutable records by key. A missing one reads as the default, as in a Solidity mapping."""

    def __init__(self, journal: Journal, name: str, default: Any = None) -> None:
        self.name = name
        self.rows: dict[K, V] = {}
        self._journal = journal
        self._default = default

    def __getitem__(self, key: K) -> V:
        row: V = self.rows.get(key, self._default)
        return row

    def __setitem__(self, key: K, value: V) -> None:
        self._journal.entries.append((self, key, self.rows.get(key, _ABSENT)))
        self.rows[key] = value

    def __contains__(self, key: object) -> bool:
        return key in self.rows

    def __len__(self) -> int:
        return len(self.rows)

    def change(self, key: K, **fields: Any) -> V:
        """Replaces some fields of a named tuple."""
        changed: Any = self[key]
        changed = changed._replace(**fields)
        self[key] = changed
        return self[key]

    def put_back(self, key: K, before: Any) -> None:
        if before is _ABSENT:
            del self.rows[key]
        else:
            self.rows[key] = before


class Reason(NamedTuple):
    """A custom error that the laws call for, with its values; an Ellipsis stands for a value that is not predicted."""

    error: str
    values: tuple[Any, ...]

    def fits(self, error: str, values: Sequence[Any]) -> bool:
        if self.error != error or self.values == (...,):
            return self.error == error
        pairs = zip(self.values, values, strict=False)
        return len(self.values) == len(values) and all(mine is ... or mine == theirs for mine, theirs in pairs)


class Refused(Exception):
    """The laws forbid the call, for one or more reasons. Which of several a contract names first is its own choice."""

    def __init__(self, reasons: Sequence[Reason], path: tuple[tuple[str, int], ...] = ()) -> None:
        super().__init__("; ".join(reason.error for reason in reasons))
        self.reasons = list(reasons)
        self.path = path

    def within(self, error: str, index: int) -> Refused:
        """The same refusal seen from outside a batch or a ballot."""
        return Refused(self.reasons, ((error, index), *self.path))


class Why:
    """Collects reasons: everything that is wrong, as far as it can be known, before anything is written."""

    def __init__(self) -> None:
        self.reasons: list[Reason] = []

    def no(self, error: str, *values: Any) -> None:
        self.reasons.append(Reason(error, values))

    def stop(self) -> None:
        """Refuses where there is any reason."""
        if self.reasons:
            raise Refused(self.reasons)


MALFORMED = "malformed"
ALTERED = "altered"
"""In place of a signer: bytes that are no signature; a signature over something else (it recovers to a stranger)."""


@dataclass(slots=True)
class Call:
    """One call, in the words of the ABI, with what the model needs beside the bytes."""

    register: str
    function: str
    args: tuple[Any, ...]
    sender: Key | str
    signers: tuple[str, ...] = ()
    """Of each signature among the arguments, in order: the address that made it, MALFORMED or ALTERED."""
    items: tuple[Call, ...] = ()
    """The calls inside a batch or a ballot."""
    hashes: tuple[bytes, ...] = field(default=())
    """Struct hash of the order among the arguments, and its digest."""
    note: str = ""
    """The error that a planned action aims at."""

    @property
    def operation(self) -> str:
        return f"{self.register}.{self.function}"

    @property
    def sender_address(self) -> str:
        return (self.sender if isinstance(self.sender, str) else self.sender.address).lower()

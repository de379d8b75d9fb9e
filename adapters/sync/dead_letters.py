"""What does not go on by itself, of every family in one list: why, and what an operator can do about it.

Families: records that are held back, rows that could not be read, effects that the registry refused or left unanswered,
documents that the hub refused. Nothing is ever dropped from them: an item leaves by a retry, by a newer version of the
record, or by a person's word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from adapters.protocol import Effect, SeesBookings
from adapters.sync.documents_out import DOCUMENT
from adapters.sync.effect_queue import MOST_UNANSWERED
from adapters.sync.journal import Journal
from hub.errors import RecordRefused

_DOCUMENT_KEY = re.compile(r"0x[0-9a-f]{64}")
_FAULT_KEY = re.compile(r"fault:([0-9]{1,12})", re.ASCII)


class Family(StrEnum):
    """What kind of thing is held."""

    RECORD = "record"
    UNREADABLE = "unreadable"
    EFFECT = "effect"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Held:
    """One item. `key` is what `retry` takes; `by_itself`: it is tried again without anybody's doing."""

    family: Family
    key: str
    code: str
    what: str
    why: str
    todo: str
    by_itself: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """For `--json`: the columns, and what else the journal knows of it."""
        told = {"family": self.family.value, "key": self.key, "code": self.code, "what": self.what, "why": self.why}
        return told | {"todo": self.todo, "by_itself": self.by_itself} | dict(self.facts)


def all_held(journal: Journal, name: str) -> Iterator[Held]:
    """Everything that is held, family by family, oldest first. `name`: the registry's, for the advice."""
    for row in journal.held():
        yield _record(row, name)
    for row in journal.faults():
        yield _document(row, name) if row["source"].startswith(DOCUMENT) else _unreadable(row, name)
    for row in journal.refused_effects():
        yield _effect(row, name)


def retry(journal: Journal, keys: Sequence[str]) -> dict[Family, int]:
    """Everything held (no keys), or what these keys name, is tried anew at the next pass; how many, by family.

    Raises RecordRefused (`not_held`) for a key under which nothing is held; what came before it stays retried.
    """
    if not keys:
        return {
            Family.RECORD: journal.retry(),
            Family.UNREADABLE: journal.read_again(),
            Family.EFFECT: journal.offer_again(),
            Family.DOCUMENT: journal.offer_parked(),
        }
    done = dict.fromkeys(Family, 0)
    for key in keys:
        family, count = _retry_one(journal, key)
        if not count:
            raise RecordRefused(
                f"nothing that could be tried again is held under {key}",
                code="not_held",
                field="KEY",
                value=key,
                remedy="take a key from `yrdhub sync held`",
            )
        done[family] += count
    return done


def _retry_one(journal: Journal, key: str) -> tuple[Family, int]:
    if found := _FAULT_KEY.fullmatch(key):
        return Family.UNREADABLE, journal.read_again([int(found[1])])
    if _DOCUMENT_KEY.fullmatch(key):
        return Family.DOCUMENT, journal.offer_parked([bytes.fromhex(key[2:])])
    offered = journal.offer_again([key])
    return (Family.EFFECT, offered) if offered else (Family.RECORD, journal.retry(key))


def put_back(journal: Journal, bookings: SeesBookings | None = None) -> int:
    """The registry was put back from a backup (`Journal.restored`). Of what a person booked there, what still stands in
    its `bookings` is booked, and the rest comes on the work list again. Returns how many effects are told anew.

    Raises as `SeesBookings.sightings` does; then nothing has changed.
    """
    still = bookings.sightings(journal.booked()) if bookings is not None else {}
    return journal.restored(still)


# -------------------------------------------------------------------- by family


def _record(row: Mapping[str, Any], name: str) -> Held:
    reason = row["reason"] or {}
    code = str(reason.get("chain_error") or row["code"])
    again = f"then `yrdhub sync retry {name} {row['native_id']}`"
    if row["waits_for"]:
        todo = f"nothing: it goes on by itself {_until(row['waits_for'])}"
    elif reason.get("remedy"):
        todo = f"{reason['remedy']}; {again}"
    else:
        todo = _DO.get(row["code"], "correct the record at the registry, which gives it a new version") + f"; {again}"
    facts = {key: row[key] for key in ("native_id", "kind", "version", "source", "reason", "waits_for")}
    what = f"{row['kind']} {row['native_id']}, version {row['version']}"
    why = _with_value(str(reason.get("message", "")), reason.get("what"))
    return Held(Family.RECORD, row["native_id"], code, what, why, todo, bool(row["waits_for"]), facts)


def _with_value(message: str, value: object) -> str:
    """What was wrong, with the value that was: a table shows nothing else of the reason."""
    shown = "" if value is None else str(value)
    return message if not shown or shown in message else f"{message} (it says: {shown[:100]})"


_DO = {
    "asset_key_missing": "write the consortium's asset key to HOME/asset.key, 64 hex digits, chmod 600 (another member "
    "has it; on a chain of your own `yrdhub keys asset --new` makes one)",
    "issuance_changed": "correct the issuance at the registry and issue anew under a new id",
    "methodology_changed": "file the change as a new version at the registry",
    "series_changed": "open a new series at the registry: what a serial weighs never changes",
    "verification_changed": "void the verification, and verify under a new id",
    "inside_ets": "nothing, while the site is under the trading system",
    "other_mechanism": "have the project leave the other mechanism, and correct its declaration",
    "too_many_blocks": "split the record at the registry",
}
"""What to do, by the code of a refusal, where the refusal itself does not say."""


def _until(waits_for: str) -> str:
    kind, _, name = waits_for.partition(":")
    match kind:
        case "retry":
            return "once the reason has gone; every pass tries"
        case "methodology" | "project" | "series" | "verification" | "transfer":
            return f"once its {kind} is on the chain"
        case "serials":
            return "once its serials are issued"
        case _:
            return f"once {name or kind} has come"


def _unreadable(row: Mapping[str, Any], name: str) -> Held:
    key = f"fault:{row['id']}"
    what = f"{row['source']}, field {row['field']}: {row['value']}"
    todo = "mend it at the registry: where that gives a new version it comes by itself, "
    todo += f"else `yrdhub sync retry {name} {key}` reads it again"
    facts = {column: row[column] for column in ("source", "field", "value", "seen_at")}
    return Held(Family.UNREADABLE, key, row["code"], what, row["reason"], todo, facts=facts)


def _document(row: Mapping[str, Any], name: str) -> Held:
    digest = row["source"].removeprefix(DOCUMENT)
    what = f"the document of {row['field']} {row['value']}"
    todo = f"mend what the hub names, then `yrdhub sync retry {name} {digest}` hands it in again"
    facts = {"digest": digest, "seen_at": row["seen_at"]}
    return Held(Family.DOCUMENT, digest, row["code"], what, row["reason"], todo, facts=facts)


def _effect(row: Mapping[str, Any], name: str) -> Held:
    effect, why = Effect.from_json(row["body"]), row["reason"]
    again = f"`yrdhub sync retry {name} {effect.key}`"
    by_hand = f"or book it there by hand, and say so: `yrdhub sync done {name} {effect.key} --reference R --by WHO`"
    if row["status"] == "unanswered":
        code, why = "unanswered", f"offered {MOST_UNANSWERED} times without an answer; the last: {why}"
        todo = f"see why the registry does not answer, then {again}; {by_hand}"
    elif row["settled_at"]:
        code, why = "refused_by_hand", f"{row['settled_by']}: {why}"
        todo = f"nothing, where that stands; {again} puts it before a person again"
    else:
        code, todo = "refused_by_registry", f"mend it at the registry, then {again}; {by_hand}"
    return Held(Family.EFFECT, effect.key, code, in_words(effect), why, todo, facts={"effect": effect.to_json()})


def in_words(effect: Effect) -> str:
    """What happened, in a line: kind, serials and the other member, where it has them."""
    words = [effect.kind.value.replace("_", " ")]
    if effect.series is not None and effect.serials is not None:
        words.append(f"{effect.series.code} {effect.serials.first}-{effect.serials.last}")
    if "from" in effect.detail and "to" in effect.detail:
        words.append(f"from {effect.detail['from']} to {effect.detail['to']}")
    return ", ".join(words)

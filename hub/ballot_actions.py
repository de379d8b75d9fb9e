"""What ballots do: actions built from plain words, and read back into them for whoever is about to vote.

A voter signs the hash of the actions; these words come from the actions' own bytes, never from what the proposer wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hub.chain.codec import decode_call, encode_call
from hub.chain.constitution import ALLOWED_CALLS
from hub.chain.deployment import Deployment
from hub.chain.enums import BallotKind, MemberKind, RevocationEffect, Role, in_words
from hub.chain.orders import Action
from hub.errors import RecordRefused
from mutual_recognition.identifiers import Kind, parse_subject
from mutual_recognition.periods import UTC_PLUS_8
from mutual_recognition.purposes import ALL_USES, uses_of

NO_CAP = 2**64 - 1
Name = Callable[[str], str]
"""From an id (0x-hex) to what a person calls it; "" where nobody said."""


@dataclass(frozen=True, slots=True)
class TermsFor:
    """Terms that one member votes for: factor in ppm, uses as a mask, times as Unix seconds, cap in kg."""

    member: int
    factor_ppm: int
    valid_from: int
    valid_until: int
    uses: int = ALL_USES
    annual_cap_kg: int = NO_CAP
    covers_every_project: bool = False

    def as_entry(self) -> dict[str, Any]:
        """`IRecognition.TermsEntry`."""
        return {
            "member": self.member,
            "terms": {
                "factorPpm": self.factor_ppm,
                "uses": self.uses,
                "validFrom": self.valid_from,
                "validUntil": self.valid_until,
                "annualCapKg": self.annual_cap_kg,
                "coversEveryProject": self.covers_every_project,
            },
        }


def action(deployment: Deployment, contract: str, function: str, arguments: Any) -> Action:
    """One call of a register as a ballot's action. Raises RecordRefused for a value that does not fit."""
    return Action(deployment.address(contract), encode_call(contract, function, arguments))


def recognise(deployment: Deployment, subject: bytes, terms: Sequence[TermsFor]) -> Action:
    """Recognition of `subject` (32 bytes) on each member's own terms."""
    return action(deployment, "Recognition", "recognise", [subject, [one.as_entry() for one in terms]])


def kind_of(deployment: Deployment, actions: Sequence[Action]) -> BallotKind:
    """The kind of ballot that decides these actions. Raises RecordRefused: none does, or they belong to several."""
    kinds = set()
    for one in actions:
        contract = deployment.register_at(one.target)
        function = decode_call(contract, one.data).function if contract else ""
        fitting = [kind for kind, calls in ALLOWED_CALLS.items() if (contract, function) in calls]
        if not fitting:
            raise RecordRefused(
                f"no ballot may call {contract or one.target}.{function or one.data[:4].hex()}",
                code="call_not_allowed",
                field="actions",
                value=f"{contract}.{function}",
                remedy="see `yrdhub ballot kinds`",
            )
        kinds.update(fitting)
    if len(kinds) != 1:
        raise RecordRefused(
            f"one ballot decides one kind of thing; these belong to {', '.join(sorted(k.name.lower() for k in kinds))}",
            code="kinds_differ",
            field="actions",
            value=len(actions),
            remedy="open a ballot for each",
        )
    return kinds.pop()


def in_plain_words(deployment: Deployment, actions: Sequence[Action], name: Name = lambda _: "") -> list[str]:
    """Each action as a sentence, read from its bytes through the ABI."""
    return [_sentence(deployment, one, name) for one in actions]


def _sentence(deployment: Deployment, one: Action, name: Name) -> str:
    contract = deployment.register_at(one.target)
    if contract is None:
        return f"calls {one.target}, which is no register of this hub, with 0x{one.data.hex()}"
    call = decode_call(contract, one.data)
    a = call.arguments
    match contract, call.function:
        case "Recognition", "recognise":
            of_methodology = bytes.fromhex(a["subject"][2:])[0] == Kind.METHODOLOGY
            terms = "; ".join(_terms(entry, of_methodology) for entry in a["entries"])
            return f"recognise {subject_in_words(a['subject'], name)}: {terms}"
        case "Recognition", "suspend" | "lift":
            return f"{call.function} member {a['member']}'s recognition of {subject_in_words(a['subject'], name)}"
        case "Recognition", "revoke":
            effect = in_words(RevocationEffect, a["effect"] or RevocationEffect.RETURN_ONLY)
            subject = subject_in_words(a["subject"], name)
            return f"revoke member {a['member']}'s recognition of {subject}; credits already there: {effect}"
        case "Methodologies" | "Projects", "suspend" | "lift":
            identifier = next(iter(a.values()))
            what = "methodology" if contract == "Methodologies" else "project"
            return f"{call.function} {what} {_named(identifier, name)}"
        case "CreditLedger", "cancelByBallot":
            series = _named(a["series"], name)
            return f"cancel serials {a['first']}-{a['last']} of series {series} (document {a['document']})"
        case "Consortium", "admit":
            officers = ", ".join(f"{o['account']} ({_roles(o['roles'])})" for o in a["newOfficers"])
            return f"admit member {a['member']} as {in_words(MemberKind, a['kind'])} with officers {officers or 'none'}"
        case "Consortium", "expel":
            return f"expel member {a['member']}"
        case "Consortium", "setRule":
            return f"set the rule of {in_words(BallotKind, a['kind'])} ballots: {_fields(a['rule'])}"
        case "CreditLedger", "setTransferRules":
            return f"set the rules of transfers: {_fields(a['rules'])}"
        case "Consortium", "pauseByBallot":
            return f"stop all registrars' writes until {moment(a['until'])} (reason {a['reason']})"
        case "Consortium", "endPause":
            return "end the pause"
        case "Holds", "placeByBallot":
            subjects = ", ".join(subject_in_words(one, name) for one in a["subjects"])
            return f"hold {subjects} until {moment(a['until'])} (evidence {a['evidence']})"
        case "Holds", "liftByBallot":
            return f"lift hold {a['hold']}"
        case _:
            return f"{contract}.{call.function}({_fields(a)})"


def subject_in_words(subject: str, name: Name = lambda _: "") -> str:
    """A subject (32 bytes, 0x-hex) as a person reads it."""
    kind, identifier, first = parse_subject(bytes.fromhex(subject[2:]))
    words = f"{kind.name.lower()} {_named('0x' + identifier.hex(), name)}"
    return words + (f" from serial {first}" if kind in {Kind.ISSUANCE, Kind.BLOCK} else "")


def factor_in_words(ppm: int) -> str:
    """A factor of parts per million as a decimal: 545454 is 0.545454."""
    whole, rest = divmod(ppm, 1_000_000)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".") if rest else f"{whole}.0"


def uses_in_words(mask: int) -> str:
    """Permitted uses by name."""
    return "every use" if mask == ALL_USES else ", ".join(purpose.code for purpose in uses_of(mask)) or "no use"


def moment(seconds: int) -> str:
    """A block time as a person in the delta reads it."""
    if not 0 < seconds < 253_402_300_800:  # the end of year 9999: further out, and "for ever" where a limit is open
        return "further notice" if seconds else "the beginning"
    return datetime.fromtimestamp(seconds, UTC).astimezone(UTC_PLUS_8).strftime("%Y-%m-%d %H:%M:%S (UTC+8)")


def _terms(entry: dict[str, Any], of_methodology: bool) -> str:
    t = entry["terms"]
    cap = "no cap" if t["annualCapKg"] == NO_CAP else f"at most {t['annualCapKg']:,} kg a year"
    scope = ""
    if of_methodology:
        scope = ", every project" if t["coversEveryProject"] else ", each project by a recognition of its own"
    return (
        f"member {entry['member']} at factor {factor_in_words(t['factorPpm'])}, {uses_in_words(t['uses'])}, "
        f"{moment(t['validFrom'])} to {moment(t['validUntil'])}, {cap}{scope}"
    )


def _named(identifier: str, name: Name) -> str:
    called = name(identifier)
    return f"{called} ({identifier})" if called else identifier


def _roles(roles: int) -> str:
    return "+".join((role.name or "").lower() for role in Role if role & roles)


def _fields(values: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())

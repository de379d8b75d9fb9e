"""Terms that members vote, and credits that enter under them with a key in the ledger's place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from tests.contracts import ids
from tests.contracts.chain import Key, Receipt
from tests.contracts.deployment import (
    DAY,
    FOREVER,
    GUANGDONG,
    SHANGHAI,
    SUZHOU,
    BallotKind,
    Deployment,
)

LEDGER = Key.named("absent CreditLedger")
NO_CAP = 2**64 - 1
ALL_USES = 0x1FE
VOLUNTARY, NEUTRALITY = 6, 2
SERIES = SHANGHAI.to_bytes(3, "big") + b"\x05" * 9


class Effect(IntEnum):
    """RevocationEffect."""

    NONE = 0
    USABLE = 1
    RETURN_ONLY = 2
    FROZEN = 3


@dataclass
class World:
    """A methodology and a project of Shanghai, in a consortium whose ledger is a key."""

    hub: Deployment
    methodology: bytes
    project: bytes

    @property
    def by_methodology(self) -> bytes:
        return ids.subject(ids.METHODOLOGY, self.methodology)

    @property
    def by_project(self) -> bytes:
        return ids.subject(ids.PROJECT, self.project)

    def enter(self, member: int = SUZHOU, kg: int = 1_000, **changed: Any) -> tuple[int, int]:
        """Credits of the project arrive; answers factor and entry."""
        factor, entry = self.enter_receipt(member, kg, **changed).value
        return int(factor), int(entry)

    def enter_receipt(self, member: int = SUZHOU, kg: int = 1_000, **changed: Any) -> Receipt:
        asked = {"methodology": self.methodology, "project": self.project, "series": SERIES, "issuance": 1} | changed
        receipt: Receipt = self.hub.recognition.enter(
            member, asked["methodology"], asked["project"], asked["series"], asked["issuance"], kg, sender=LEDGER
        )
        return receipt


def terms(**changed: Any) -> dict[str, Any]:
    """Terms under which everything enters whole; what the test is about is changed."""
    return {
        "factorPpm": 1_000_000, "uses": ALL_USES, "validFrom": 0, "validUntil": FOREVER,
        "annualCapKg": NO_CAP, "coversEveryProject": False,
    } | changed  # fmt: skip


def recognise(
    hub: Deployment, subject: bytes, member: int = SUZHOU, no: Sequence[int] = (), **changed: Any
) -> tuple[bytes, Receipt]:
    """A ballot by which `member` recognises the subject, unless it is among those that vote no."""
    entry = {"member": member, "terms": terms(**changed)}
    invited = [member] if member == GUANGDONG else []
    action = hub.recognition.action("recognise", subject, [entry])
    return hub.pass_ballot(BallotKind.RECOGNITION, [action], no=no, invited=invited)


def by_ballot(
    hub: Deployment, function: str, subject: bytes, *more: int, member: int = SUZHOU
) -> tuple[bytes, Receipt]:
    return hub.pass_ballot(BallotKind.STATUS, [hub.recognition.action(function, subject, member, *more)])


def covering(world: World, member: int = SUZHOU, **changed: Any) -> None:
    """The member recognises the methodology with every project under it."""
    recognise(world.hub, world.by_methodology, member, coversEveryProject=True, **changed)


def end(
    hub: Deployment, subject: bytes, effect: Effect = Effect.NONE, member: int = SUZHOU, key: Key | None = None
) -> Receipt:
    order = {
        "subject": subject, "member": member, "effect": int(effect), "request": hub.request(),
        "deadline": hub.chain.now + DAY,
    }  # fmt: skip
    signature = hub.sign("EndRecognitionOrder", order, key or hub.members[member].voters[0])
    receipt: Receipt = hub.recognition.end(order, signature, sender=hub.anyone)
    return receipt

"""Credits of our own making (illustrative): a series of 1,000 kg a serial, issued from one verified project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from eth_utils.crypto import keccak

from tests.contracts import filings, ids
from tests.contracts.chain import Key, Receipt
from tests.contracts.deployment import DAY, FOREVER, SHANGHAI, SUZHOU, BallotKind, Deployment
from tests.contracts.filings import CREDITING_START
from tests.contracts.ids import ZERO

KG = 1_000
PERIOD_DAYS = 365


class Status(IntEnum):
    """BlockStatus."""

    NONE = 0
    AVAILABLE = 1
    IN_TRANSIT = 2
    PLEDGED = 3
    RETIRED = 4
    CANCELLED = 5


class Purpose(IntEnum):
    NONE = 0
    ETS_COMPLIANCE = 1
    EVENT_NEUTRALITY = 3
    VOLUNTARY = 6
    POINTS_AND_REWARDS = 8
    CONVERSION_CUT = 9
    WRONG_ISSUANCE = 10
    ORDERED_BY_BALLOT = 11


class Moved(IntEnum):
    """TransferStatus."""

    NONE = 0
    PROPOSED = 1
    ACCEPTED = 2
    REJECTED = 3
    WITHDRAWN = 4
    EXPIRED = 5


@dataclass
class Credits:
    """What a ledger test starts from; `member`'s first registrar acts unless a test says otherwise."""

    hub: Deployment
    methodology: bytes
    project: bytes
    series: bytes
    verification: bytes
    member: int = SHANGHAI

    def registrar(self, member: int | None = None, number: int = 0) -> Key:
        return self.hub.members[member or self.member].registrars[number]

    # ------------------------------------------------------------ verbs

    def verification_request(self, **changed: Any) -> dict[str, Any]:
        """The year after the one that is verified already, right behind it."""
        return {
            "request": self.hub.request(),
            "native": keccak(text="second year"),
            "project": self.project,
            "periodStart": CREDITING_START + PERIOD_DAYS,
            "periodEnd": CREDITING_START + 2 * PERIOD_DAYS - 1,
            "verifiedKg": 1_000 * KG,
            "document": keccak(text="verification document"),
            "predecessor": CREDITING_START,
            "externalLock": ZERO,
        } | changed

    def verify(self, **changed: Any) -> bytes:
        asked = self.verification_request(**changed)
        return bytes(self.hub.ledger.verify(asked, sender=self.registrar(ids.home_of(asked["project"]))).value)

    def issue_request(self, first: int, last: int, predecessor: int = 0, **changed: Any) -> dict[str, Any]:
        return {
            "request": self.hub.request(),
            "series": self.series,
            "first": first,
            "last": last,
            "predecessor": predecessor,
            "verification": self.verification,
            "vintage": 2026,
            "origin": keccak(self.hub.request()),
            "document": keccak(text="issuance document"),
            "reissueOf": 0,
        } | changed

    def issue(self, first: int, last: int, predecessor: int = 0, **changed: Any) -> Receipt:
        asked = self.issue_request(first, last, predecessor, **changed)
        receipt: Receipt = self.hub.ledger.issue(asked, sender=self.registrar())
        return receipt

    def correct(self, first: int, last: int, block: int | None = None) -> Receipt:
        asked = self._part(first, last, block) | {"document": keccak(text="why it was wrong")}
        receipt: Receipt = self.hub.ledger.correct(asked, sender=self.registrar())
        return receipt

    def proposal(self, first: int, last: int, block: int | None = None, **changed: Any) -> dict[str, Any]:
        asked = self._part(first, last, block) | {"to": SUZHOU, "deadline": self.hub.chain.now + 10 * DAY}
        return asked | changed

    def propose(self, first: int, last: int, block: int | None = None, **changed: Any) -> bytes:
        """Proposed by whoever holds the block."""
        asked = self.proposal(first, last, block, **changed)
        holder = self.block(asked["blockFirst"]).holder
        return bytes(self.hub.ledger.propose(asked, sender=self.registrar(holder)).value)

    def accept(self, transfer: bytes) -> Receipt:
        to = self.hub.ledger.getTransfer(transfer).to
        receipt: Receipt = self.hub.ledger.accept(transfer, self.hub.request(), sender=self.registrar(to))
        return receipt

    def move(self, first: int, last: int, to: int, block: int | None = None) -> Receipt:
        """Proposes, waits as long as a first transfer must, and accepts."""
        transfer = self.propose(first, last, block, to=to)
        self.hub.chain.pass_time(DAY)
        return self.accept(transfer)

    def retirement(self, first: int, last: int, block: int | None = None, **changed: Any) -> dict[str, Any]:
        use = {"purpose": Purpose.VOLUNTARY, "beneficiary": keccak(text="salted beneficiary"), "complianceYear": 0}
        return self._part(first, last, block) | use | changed

    def retire(self, first: int, last: int, block: int | None = None, **changed: Any) -> Receipt:
        asked = self.retirement(first, last, block, **changed)
        holder = self.block(asked["blockFirst"]).holder
        receipt: Receipt = self.hub.ledger.retire(asked, sender=self.registrar(holder))
        return receipt

    def _part(self, first: int, last: int, block: int | None) -> dict[str, Any]:
        return {
            "request": self.hub.request(),
            "series": self.series,
            "blockFirst": first if block is None else block,
            "first": first,
            "last": last,
        }

    # ------------------------------------------------------------ by others

    def recognise(self, member: int, **changed: Any) -> None:
        """By ballot: the methodology with every project under it, whole and for every use unless changed."""
        terms = {
            "factorPpm": 1_000_000,
            "uses": 0x1FE,
            "validFrom": 0,
            "validUntil": FOREVER,
            "annualCapKg": 2**64 - 1,
            "coversEveryProject": True,
        } | changed
        subject = ids.subject(ids.METHODOLOGY, self.methodology)
        action = self.hub.recognition.action("recognise", subject, [{"member": member, "terms": terms}])
        self.hub.pass_ballot(BallotKind.RECOGNITION, [action])

    def hold(self, first: int) -> bytes:
        """A voter of Suzhou holds the block for a day, on evidence of its own."""
        hub = self.hub
        order = {
            "member": SUZHOU,
            "subjects": [ids.subject(ids.BLOCK, self.series, first)],
            "reason": 1,
            "evidence": keccak(hub.request()),
            "until": hub.chain.now + DAY,
            "request": hub.request(),
            "deadline": hub.chain.now,
        }
        signature = hub.sign("HoldOrder", order, hub.members[SUZHOU].voters[0])
        return bytes(hub.holds.place(order, signature, sender=hub.anyone).value)

    def lift(self, hold: bytes) -> None:
        """By a voter of Suzhou, which placed it, and one of the home member."""
        hub = self.hub
        order = {"hold": hold, "request": hub.request(), "deadline": hub.chain.now}
        placing, home = (
            hub.sign("LiftOrder", order, hub.members[member].voters[0]) for member in (SUZHOU, self.member)
        )
        hub.holds.lift(order, placing, [home], sender=hub.anyone)

    def cancel_by_ballot(self, first: int, last: int, block: int | None = None) -> tuple[bytes, Receipt]:
        block = first if block is None else block
        action = self.hub.ledger.action("cancelByBallot", self.series, block, first, last, keccak(text="decision"))
        return self.hub.pass_ballot(BallotKind.STATUS, [action])

    # ------------------------------------------------------------ what stands

    def block(self, first: int) -> Any:
        return self.hub.ledger.getBlock(self.series, first)

    def blocks(self) -> list[tuple[int, int, int, Status]]:
        """First, last, holder and status of every block, found by walking the issuances; checks L1 and L2 on the way.

        Each issuance must be covered by its blocks without gap or overlap, and its tally must be their sum.
        """
        found = []
        first, end = self.hub.ledger.getSeries(self.series).head, 0
        while first:
            issuance, tally = self.hub.ledger.getIssuance(self.series, first)
            assert first > end, "issuances overlap or are out of order"
            at, counted = first, Counter[Status]()
            while at <= issuance.last:
                block = self.block(at)
                assert block.issuance == first
                assert at <= block.last <= issuance.last
                status = Status(block.status)
                counted[status] += block.last - at + 1
                found.append((at, block.last, block.holder, status))
                at = block.last + 1
            assert tuple(tally) == tuple(counted[status] for status in list(Status)[1:])
            first, end = issuance.next, issuance.last
        return found

    def drawn_kg(self, verification: bytes | None = None) -> int:
        return int(self.hub.ledger.getVerification(verification or self.verification).drawnKg)


def found(hub: Deployment) -> Credits:
    """Files, registers, verifies the first year of the crediting period (1,000 t), and registers the series."""
    methodology = filings.file(hub)
    return found_under(hub, methodology, SHANGHAI)


def found_under(hub: Deployment, methodology: bytes, member: int, assets: Sequence[bytes] = ()) -> Credits:
    """A project of `member` under the methodology, with its first verification and a series."""
    project = filings.register(hub, methodology, member=member, assets=assets).value
    registrar = hub.members[member].registrars[0]
    series = hub.ledger.registerSeries(member, keccak(text="series"), KG, hub.request(), sender=registrar).value
    credits_ = Credits(hub, methodology, project, series, b"", member)
    credits_.verification = credits_.verify(
        native=keccak(text="first year"),
        periodStart=CREDITING_START,
        periodEnd=CREDITING_START + PERIOD_DAYS - 1,
        predecessor=0,
    )
    return credits_

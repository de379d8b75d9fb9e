"""Where random operations come from: a world of members and keys, and generators that aim at a success or at one error.

A generator proposes a plausible call; with a `flaw` (the name of a custom error) it tries to make that error the only
thing wrong with it. It may answer None when the world has nothing to do it with. Whether a proposal does what it aims
at is for the model to say; the generators know no more of the laws than where to look.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from tests.contracts import ids, orders
from tests.contracts.chain import Key
from tests.contracts.deployment import DAY, Deployment, Kind, Role, actions_hash
from tests.contracts.model import Call, Model, founded_model
from tests.contracts.model_state import ALTERED, MALFORMED, Refused, Table

T = TypeVar("T")
Generator = Callable[["World", str | None], Call | None]

SUCCESS: dict[str, list[Generator]] = {}
"""Generators by operation."""
AIMS: dict[str, list[tuple[str, Generator]]] = {}
"""(operation, generator) by the error that the generator can aim at."""
BY_BALLOT: dict[str, int] = {}
"""Kind of ballot of each operation that only ballots carry out."""


def operation(name: str, *flaws: str, ballot: int | None = None) -> Callable[[Generator], Generator]:
    """Registers a generator of an operation, and the errors it can aim at. `ballot`: the kind that its actions need."""

    def register(generator: Generator) -> Generator:
        SUCCESS.setdefault(name, []).append(generator)
        for flaw in flaws:
            AIMS.setdefault(flaw, []).append((name, generator))
        if ballot is not None:
            BY_BALLOT[name] = ballot
        return generator

    return register


BY_REGISTRAR = ("NotOfficer", "Paused", "MemberLeft")
BY_ORDER = ("NotOfficer", "OrderExpired", "OrderRepeated", "SignatureInvalid", "MemberLeft", "MemberUnknown")


class World:
    """One deployment with its model and everything a generator draws from."""

    def __init__(self, hub: Deployment, rng: random.Random) -> None:
        self.hub = hub
        self.model: Model = founded_model(hub)
        self.rng = rng
        self.keys: dict[str, Key] = {}
        self.done: list[Call] = []
        """Calls that succeeded, the latest last."""
        for member in hub.members.values():
            for key in (*member.voters, *member.registrars, member.auditor, *member.institutions):
                self.know(key)
        self.stranger = self.know(Key.named("stranger"))
        self.plans: list[tuple[int, Call]] = []
        """Actions that somebody wants a ballot for, and the kind of ballot."""
        self.flawed: dict[bytes, str] = {}
        """Ballots that will fail when executed, and by which error."""
        self.live: list[bytes] = []
        """Ballots that have not come to an end."""
        self.may_grow = True
        """Whether further full members may be admitted."""

    @property
    def now(self) -> int:
        return self.model.now

    def know(self, key: Key) -> Key:
        self.keys[key.address.lower()] = key
        return key

    def new_key(self) -> Key:
        return self.know(Key.named(f"officer {self.rng.getrandbits(64)}"))

    def unique(self) -> bytes:
        return self.rng.randbytes(32)

    # ------------------------------------------------------------ choosing

    def pick(self, choices: Iterable[T]) -> T | None:
        listed = list(choices)
        return self.rng.choice(listed) if listed else None

    def sample(self, table: Table[Any, Any], fits: Callable[[Any, Any], object] | None = None, tries: int = 40) -> Any:
        """A random key of a table whose record fits, or None."""
        keys = list(table.rows)
        if not keys:
            return None
        for _ in range(tries):
            # Recent records are more likely to be in the middle of something.
            at = int(len(keys) * self.rng.random() ** 0.6)
            key = keys[min(at, len(keys) - 1)]
            if fits is None or fits(key, table.rows[key]):
                return key
        return None

    def members(self, *kinds: Kind, left: bool = False) -> list[int]:
        return [
            member
            for member, row in self.model.members.rows.items()
            if (not kinds or row.kind in kinds) and bool(row.left_at) == left
        ]

    def officer(self, member: int, role: Role) -> Key | None:
        """A key that serves `member` in `role` now."""
        return self.pick(
            self.keys[account]
            for account in sorted(self.model.officers_of[member])
            if account in self.keys and self.model.serves(member, role, account)
        )

    def wrong_officer(self, member: int, role: Role) -> Key:
        """A key that does not: a stranger, another role, or the right role of another member."""
        choice = self.rng.randrange(4)
        if choice == 0:
            return self.stranger
        if choice == 1:
            other_role = Role.AUDITOR if role != Role.AUDITOR else Role.VOTER
            return self.officer(member, other_role) or self.stranger
        others = [other for other in self.members() if other != member]
        other = self.rng.choice(others) if others else member
        return self.officer(other, role) or self.stranger

    def registrar(self, member: int, flaw: str | None = None) -> Key:
        if flaw == "NotOfficer":
            return self.wrong_officer(member, Role.REGISTRAR)
        return self.officer(member, Role.REGISTRAR) or self.stranger

    def anyone(self) -> Key:
        return self.hub.anyone

    def home(self, flaw: str | None, *kinds: Kind) -> int:
        """A member to act at its own registry."""
        if flaw == "MemberLeft" and (gone := self.members(*kinds, left=True)):
            return self.rng.choice(gone)
        return self.rng.choice(self.members(*kinds) or self.members())

    # ------------------------------------------------------------ calls

    def call(self, register: str, function: str, *args: Any, sender: Key | str) -> Call:
        return Call(register, function, args, sender)

    def action(self, register: str, function: str, *args: Any) -> Call:
        """A call as a ballot makes it."""
        return Call(register, function, args, self.hub.consortium.address)

    def signature(self, order_type: str, order: Mapping[str, Any], key: Key, flaw: str | None) -> tuple[bytes, str]:
        """Bytes, and who the model is to take for the signer."""
        if flaw == "SignatureInvalid":
            whole = self.hub.sign(order_type, order, key)
            return self.rng.choice(
                (whole[:64], b"", whole[:64] + b"\x05", whole[:32] + b"\xff" * 32 + whole[64:])
            ), MALFORMED
        if flaw == "NotOfficer" and self.rng.random() < 0.3:
            changed = dict(order)
            changed["request" if "request" in order else "revision"] = self.unique() if "request" in order else 9999
            return self.hub.sign(order_type, changed, key), ALTERED
        return self.hub.sign(order_type, order, key), key.address.lower()

    def ordered(
        self,
        register: str,
        function: str,
        order_type: str,
        order: dict[str, Any],
        key: Key,
        flaw: str | None = None,
        sender: Key | None = None,
    ) -> Call:
        """A call whose arguments are an order and one signature."""
        if flaw == "OrderExpired":
            order["deadline"] = self.now - self.rng.randint(1, 1000)
        signature, signer = self.signature(order_type, order, key, flaw)
        hashed = orders.struct_hash(order_type, order)
        return Call(
            register,
            function,
            (order, signature),
            sender or self.anyone(),
            (signer,),
            hashes=(hashed, orders.digest(self.hub.domain, hashed)),
        )

    def signer(self, member: int, role: Role, flaw: str | None) -> Key:
        if flaw == "NotOfficer":
            return self.wrong_officer(member, role)
        return self.officer(member, role) or self.stranger

    def repeat(self, operation_name: str) -> Call | None:
        """An order that was carried out, sent again while its deadline runs."""
        return self.pick(
            call
            for call in self.done[-400:]
            if call.operation == operation_name and call.args[0].get("deadline", self.now) >= self.now
        )

    def soon(self, least: int = 600, most: int = 40 * DAY) -> int:
        return self.now + self.rng.randint(least, most)

    # ------------------------------------------------------------ asking the model

    def foresee(self, call: Call) -> Refused | None:
        """What the model says of the call, without doing it."""
        mark = len(self.model.journal.entries)
        try:
            self.model.perform(call)
        except Refused as refused:
            return refused
        self.model.journal.roll_back(mark)
        return None

    def calldata(self, call: Call) -> bytes:
        return self.hub.registers[call.register].calldata(call.function, *call.args)

    def as_actions(self, calls: Sequence[Call]) -> list[tuple[str, bytes]]:
        return [(self.hub.registers[call.register].address, self.calldata(call)) for call in calls]


def batch_of(world: World, register: str, items: Sequence[Call]) -> Call:
    """One transaction of several calls by the sender of the first."""
    data = [world.calldata(item) for item in items]
    return Call(register, "batch", (data,), items[0].sender, items=tuple(items))


def ballot_call(
    world: World, proposer: int, kind: int, items: Sequence[Call], invited: Sequence[int], flaw: str | None
) -> Call:
    """openBallot with these actions."""
    rule = world.model.rules[kind]
    actions = world.as_actions(items)
    closes = world.now + world.rng.randint(max(rule.min_voting, 36 * 3_600), min(rule.max_voting, 4 * DAY))
    if flaw == "BallotPeriodInvalid":
        closes = world.rng.choice((world.now, world.now + rule.min_voting - 1, world.now + rule.max_voting + 1))
    given = actions_hash(actions)
    order = {
        "proposer": proposer,
        "kind": kind,
        "actionsHash": world.unique() if flaw == "ActionsMismatch" else given,
        "document": world.unique(),
        "closesAt": closes,
        "invited": list(invited),
        "request": world.unique(),
    }
    key = world.signer(proposer, Role.VOTER, flaw)
    signature, signer = world.signature("BallotOrder", order, key, flaw)
    hashed = orders.struct_hash("BallotOrder", order)
    return Call(
        "Consortium",
        "openBallot",
        (order, actions, signature),
        world.anyone(),
        (signer,),
        tuple(items),
        (hashed, orders.digest(world.hub.domain, hashed), given),
    )


__all__ = [
    "AIMS",
    "BY_BALLOT",
    "BY_ORDER",
    "BY_REGISTRAR",
    "SUCCESS",
    "Call",
    "Generator",
    "World",
    "ballot_call",
    "batch_of",
    "ids",
    "operation",
]

"""A run of random operations on one world, each done by the contracts and by the model, and compared."""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.contracts import (  # noqa: F401  (importing registers the generators)
    operations_consortium,
    operations_credits,
    operations_filings,
    operations_holds,
    operations_issuing,
    operations_recognition,
)
from tests.contracts.chain import Receipt, Reverted
from tests.contracts.deployment import DAY, Deployment
from tests.contracts.model import Call, Refused
from tests.contracts.model_ballots import DELAYED, EXECUTABLE, VOTING
from tests.contracts.model_issuing import PROPOSED
from tests.contracts.model_views import Diverged, Views
from tests.contracts.operations import AIMS, BY_BALLOT, SUCCESS, World, batch_of
from tests.contracts.operations_ballots import execution, open_ballots, vote
from tests.contracts.operations_holds import HELD, hold_what_waits

ONLY_REFUSED = {"Consortium.initialize", "CreditLedger.initialize", "Consortium.spendOrder", "Recognition.enter"} | {
    f"{register}.mark" for register in ("Methodologies", "Projects", "CreditLedger")
}
"""Operations that are only ever refused to an outsider: the registers call them within others."""

UNPAUSED = {
    "Consortium.vote",
    "Consortium.setOfficer",
    "Holds.place",
    "Holds.lift",
    "Holds.finish",
    "CreditLedger.expire",
}
"""Operations that go on while everything is paused."""


LIVELY = {
    "Methodologies.file": 0.3,
    "CreditLedger.registerSeries": 0.3,
    "Projects.register": 4,
    "CreditLedger.verify": 6,
    "CreditLedger.issue": 18,
    "CreditLedger.propose": 14,
    "CreditLedger.accept": 30,
    "CreditLedger.retire": 5,
    "CreditLedger.pledge": 4,
    "CreditLedger.release": 3,
    "CreditLedger.lapse": 3,
    "CreditLedger.cosign": 6,
    "CreditLedger.expire": 4,
    "CreditLedger.correct": 3,
    "Holds.place": 1,
    "Holds.finish": 2,
    "Holds.lift": 0.5,
    "Projects.cancelExternal": 2,
    "Projects.freezeExternal": 2,
}
"""Operations that a world lives on, and how much more often than others they are tried."""

PAIR_WEIGHT = 12
"""An error met once by one operation counts as met so often, against errors of any operation."""

PACE = 70 / 20_000
"""Successes of each operation per operation, below which it is preferred."""


@dataclass
class Tally:
    """How often each operation was asked for and done, and each error met, over all worlds."""

    operations: int = 0
    succeeded: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    met: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often an operation was refused with an error."""
    tried: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often a generator of an operation aimed at an error."""


class Run:
    """Random operations on one world. Raises Diverged, with the last operations, when anything differs."""

    every = 1_000
    """Operations between comparisons of everything."""
    succeed = 0.5
    """Share of operations that are meant to succeed."""
    decide = 0.64
    """Share of those that carry ballots on."""

    def __init__(self, hub: Deployment, seed: int, tally: Tally) -> None:
        self.rng = random.Random(seed)
        self.world = World(hub, self.rng)
        self.hub = hub
        self.tally = tally
        self.views = Views(hub, self.world.model)
        self._last: deque[str] = deque(maxlen=25)
        self._here = 0
        self._succeeded_here = 0
        self.world.model.journal.take()

    # ------------------------------------------------------------ one operation

    def do(self, call: Call) -> bool:
        """Does one operation on both sides. Answers whether it succeeded."""
        world, tally = self.world, self.tally
        refused: Refused | None = None
        try:
            world.model.perform(call)
        except Refused as why:
            refused = why
        touched = world.model.journal.take()
        outcome, failed = self._on_chain(call)
        self._note(call, refused, failed)
        self._compare_outcomes(call, refused, failed)
        tally.operations += 1
        self._here += 1
        tally.asked[call.operation] += 1
        if failed:
            tally.errors.update([failed.error, *(error for error, _ in failed.path)])
            tally.met[call.operation, failed.error] += 1
        else:
            assert outcome is not None
            tally.succeeded += 1
            self._succeeded_here += 1
            self._count_done(call)
            self._remember(call)
            self._hold_events(call, outcome)
            try:
                self.views.compare(touched)
            except Diverged as different:
                raise self._diverged(str(different)) from None
        if self._here % self.every == 0:
            self.compare_everything()
        return failed is None

    def _on_chain(self, call: Call) -> tuple[Receipt | None, Reverted | None]:
        register = self.hub.registers[call.register]
        function = register.functions[call.function]
        try:
            return self.hub.chain.transact(call.sender, register.address, function.encode(call.args), function), None
        except Reverted as failed:
            return None, failed

    def _compare_outcomes(self, call: Call, refused: Refused | None, failed: Reverted | None) -> None:
        if refused is None and failed is None:
            return
        if refused is None:
            raise self._diverged(f"the laws allow it, the contract refuses: {failed}")
        if failed is None:
            raise self._diverged(f"the laws forbid it ({refused}), the contract does it")
        if failed.path != refused.path:
            raise self._diverged(f"refused at {failed.path}, expected at {refused.path}")
        values = list(failed.values.values())
        if not any(reason.fits(failed.error, values) for reason in refused.reasons):
            raise self._diverged(f"the contract says {failed}, the laws say {refused.reasons}")

    def _count_done(self, call: Call) -> None:
        self.tally.done[call.operation] += 1
        if call.function in ("batch", "execute"):
            for item in call.items:
                self.tally.asked[item.operation] += 1
                self._count_done(item)

    def _remember(self, call: Call) -> None:
        self.world.done.append(call)
        if len(self.world.done) > 3_000:
            del self.world.done[:1_000]
        if call.function == "openBallot":
            self.world.live.append(call.hashes[1])
            if call.items[0].note:
                self.world.flawed[call.hashes[1]] = call.items[0].note

    def _hold_events(self, call: Call, receipt: Receipt) -> None:
        """Every log can be decoded, and a register's write says its request id."""
        events = receipt.events
        request = request_of(self.hub, call)
        if request is not None and not any(event.values.get("request") == request for event in events):
            raise self._diverged(f"no event carries request {request.hex()}: {events}")

    def _note(self, call: Call, refused: Refused | None, failed: Reverted | None) -> None:
        came = f"refused: {failed}" if failed else "done"
        meant = f" (expected {refused})" if bool(refused) != bool(failed) else ""
        self._last.append(
            f"  {self.tally.operations} at {self.world.now} {call.operation}{_brief(call.args)}: {came}{meant}"
        )

    def _diverged(self, what: str) -> Diverged:
        return Diverged("\n".join(["the last operations:", *self._last, what]))

    def compare_everything(self) -> int:
        """Every record of the model beside the views, and the laws from the views alone."""
        try:
            compared = self.views.compare_everything()
            self.views.hold_the_laws()
        except Diverged as different:
            raise self._diverged(str(different)) from None
        return compared

    def try_to(self, name: str) -> bool:
        """Does an operation of this name, if the world has one that is allowed."""
        for _ in range(20):
            call = self.rng.choice(SUCCESS[name])(self.world, None)
            if call is not None and self.world.foresee(call) is None:
                return self.do(call)
        return False

    # ------------------------------------------------------------ which operation

    def step(self) -> None:
        """Lets some time pass and does one operation."""
        self._let_time_pass()
        wants_error = self._succeeded_here > self.succeed * self._here
        call = self._an_error() if wants_error else self._a_success()
        if call is not None:
            self.do(call)

    def _let_time_pass(self) -> None:
        rng = self.rng
        longest = rng.choices((0, 300, 3_600, 6 * 3_600), (50, 40, 9, 1))[0]
        time = self.world.now + rng.randint(0, longest)
        if rng.random() < (0.25 if self.world.model.paused() else 0.007):
            time = max(time, self._something_due())
        self.world.model.now = time
        if time > self.hub.chain.now:
            self.hub.chain.warp(time)

    def _something_due(self) -> int:
        """The time of something that waits: the end of a pause, a ballot's delay, a transfer's or a hold's end."""
        model = self.world.model
        if model.paused():
            return model.pause_ends["all"]
        due = [
            model.ballots[ballot].closes_at + model.ballots[ballot].rule.delay
            for ballot in self.world.live
            if model.outcome(ballot) in (VOTING, DELAYED)
        ]
        transfers = [row for row in list(model.transfers.rows.values())[-200:] if row.status == PROPOSED]
        due += [self.rng.choice((row.accept_from, row.deadline)) for row in transfers]
        due += [row.until for row in list(model.holds.rows.values())[-40:] if not row.ended]
        due += [until for _, until in list(model.pledges.rows.values())[-60:]]
        soon = [time for time in due if self.world.now < time < self.world.now + 12 * DAY]
        return self.rng.choice(soon) if soon else self.world.now + DAY

    def _a_success(self) -> Call | None:
        world, rng = self.world, self.rng
        if rng.random() < self.decide:
            call = self._on_with_ballots()
            if call is not None:
                return call
        if rng.random() < 0.11:
            call = self._a_batch(None)
            if call is not None:
                return call
        names = [name for name in SUCCESS if name not in BY_BALLOT and name not in ONLY_REFUSED]
        if world.model.paused():
            names = sorted(UNPAUSED)
        weights = self._weights(names)
        for _ in range(12):
            name = rng.choices(names, weights)[0]
            for _ in range(3):
                call = rng.choice(SUCCESS[name])(world, None)
                if call is not None and world.foresee(call) is None:
                    return call
        return self._on_with_ballots()

    def _weights(self, names: Sequence[str]) -> list[float]:
        return [max(LIVELY.get(name, 0.02), 4 if self._is_behind(name) else 0) for name in names]

    def _is_behind(self, name: str) -> bool:
        return self.tally.done[name] <= PACE * self.tally.operations

    def _on_with_ballots(self) -> Call | None:
        """Executes, votes on, or opens a ballot, whatever is due."""
        world = self.world
        for ballot in open_ballots(world, EXECUTABLE):
            if ballot in world.flawed:
                continue
            call = execution(world, ballot)
            if world.foresee(call) is None:
                return call
        if len(open_ballots(world, VOTING)) >= 3 or self.rng.random() < 0.7:
            for _ in range(4):
                call = vote(world, None)  # type: ignore[assignment]
                if call is not None and world.foresee(call) is None:
                    return call
        self._plan(None)
        for generator in SUCCESS["Consortium.openBallot"]:
            opened = generator(world, None)
            if opened is not None and world.foresee(opened) is None:
                return opened
        return None

    def _plan(self, flaw: str | None) -> None:
        """Wants a ballot: for the operation done least so far, or for an error that only ballots meet."""
        world = self.world
        if flaw is None:
            if any(not action.note for _, action in world.plans):
                return
            behind = [name for name in BY_BALLOT if self._is_behind(name)]
            behind.sort(key=lambda name: self.tally.done[name] + self.rng.random() * 6)
            names = [*behind, "Recognition.recognise"]
            names.insert(0, self.rng.choices(("Recognition.recognise", "Consortium.admit", names[0]), (25, 12, 63))[0])
            for name in names:
                action = self.rng.choice(SUCCESS[name])(world, None)
                if action is not None:
                    world.plans.append((BY_BALLOT[name], action))
                    return
            return
        aims = [(name, generator) for name, generator in AIMS[flaw] if name in BY_BALLOT]
        waiting = [call.note for _, call in world.plans]
        running = [
            note
            for ballot, note in world.flawed.items()
            if world.model.outcome(ballot) in (VOTING, DELAYED, EXECUTABLE)
        ]
        if not aims or flaw in waiting or flaw in running or len(world.plans) > 5:
            return
        name, generator = self.rng.choice(aims)
        action = generator(world, flaw)
        if action is not None:
            action.note = flaw
            world.plans.append((BY_BALLOT[name], action))

    def _an_error(self) -> Call | None:
        """A call that is refused, by an error that was met seldom so far."""
        rng, world = self.rng, self.world
        # Some errors are met in one kind of world only, and must make up for the others. A ballot that fails is used
        # several times, for it takes many votes to come to it.
        met: dict[str, float] = {}
        for flaw, aims in AIMS.items():
            met[flaw] = self.tally.errors[flaw] - (70 if flaw in ("SeatsTaken", "LastFullMember") else 0)
            if all(name in BY_BALLOT for name, _ in aims):
                met[flaw] -= met[flaw] % 6 + 3
            for name, _ in aims:
                if name not in BY_BALLOT:
                    weight = 1 if name in ONLY_REFUSED else PAIR_WEIGHT
                    met[flaw] = min(met[flaw], weight * self._seldom(name, flaw))
        flaws = sorted(AIMS, key=lambda flaw: met[flaw] + rng.random() * 4)
        flaws = [flaw for flaw in flaws if flaw not in ("Paused",) or world.model.paused()]
        if rng.random() < 0.12:
            rng.shuffle(flaws)
        for flaw in flaws[:40]:
            call = self._aim(flaw)
            if call is not None:
                return call
        return self._a_batch("NotOfficer")

    def _aim(self, flaw: str) -> Call | None:
        world, rng = self.world, self.rng
        for ballot, note in list(world.flawed.items()):
            if note == flaw and world.model.outcome(ballot) == EXECUTABLE:
                call = execution(world, ballot)
                if self._meets(call, flaw):
                    return call
        aims = AIMS[flaw]
        if any(name in BY_BALLOT for name, _ in aims):
            self._plan(flaw)
        direct = [(name, generator) for name, generator in aims if name not in BY_BALLOT]
        direct.sort(key=lambda aim: self._seldom(aim[0], flaw) + rng.random() / 2)
        for name, generator in direct[:4]:
            self.tally.tried[name, flaw] += 1
            for _ in range(3):
                proposed = generator(world, flaw)
                if proposed is not None and self._meets(proposed, flaw):
                    return proposed
            if flaw in HELD and name == "CreditLedger.accept":  # too rare to wait for
                hold = hold_what_waits(world, flaw)
                if hold is not None and world.foresee(hold) is None:
                    return hold
        return self._a_batch(flaw) if rng.random() < 0.004 else None

    def _seldom(self, name: str, flaw: str) -> float:
        """How often an operation met an error; what was tried in vain counts a little.

        The same error of different operations is a different check, above all whose key it asks for.
        """
        return self.tally.met[name, flaw] + self.tally.tried[name, flaw] * 0.15

    def _meets(self, call: Call, flaw: str) -> bool:
        refused = self.world.foresee(call)
        if refused is None:
            return False
        errors = {reason.error for reason in refused.reasons}
        # Who left or never was has no officers either.
        return errors == {flaw} or (flaw in ("MemberLeft", "MemberUnknown") and errors == {flaw, "NotOfficer"})

    def _a_batch(self, flaw: str | None) -> Call | None:
        """Some calls to one register by one sender; with a flaw, the last of them is refused."""
        world, rng = self.world, self.rng
        registers = ["CreditLedger", "Projects", "Methodologies", "Holds", "Consortium", "Recognition"]
        register = min(rng.choices(registers, k=3), key=lambda name: self.tally.done[f"{name}.batch"])
        names = [name for name in SUCCESS if name.startswith(register + ".") and name not in BY_BALLOT]
        names = [name for name in names if name not in ONLY_REFUSED]
        items: list[Call] = []
        mark = len(world.model.journal.entries)
        weights = self._weights(names)
        for _ in range(25):
            item = rng.choice(SUCCESS[rng.choices(names, weights)[0]])(world, None)
            if item is None or (items and item.sender != items[0].sender):
                continue
            try:
                world.model.perform(item)
            except Refused:
                continue
            items.append(item)
            if len(items) >= (1 if register == "Recognition" else 5):  # what it batches only ends recognitions
                break
        if flaw is not None and items:
            wrong = self._flawed_item(names, items[0])
            if wrong is not None:
                items.insert(rng.randrange(len(items) + 1), wrong)
        world.model.journal.roll_back(mark)
        if not items:
            return None
        call = batch_of(world, register, items)
        refused = world.foresee(call)
        return call if (refused is not None) == (flaw is not None) else None

    def _flawed_item(self, names: list[str], like: Call) -> Call | None:
        for _ in range(12):
            flaw, aims = self.rng.choice(list(AIMS.items()))
            fitting = [generator for name, generator in aims if name in names]
            if not fitting:
                continue
            item = self.rng.choice(fitting)(self.world, flaw)
            if item is not None:
                item.sender = like.sender
                return item
        return None


def request_of(hub: Deployment, call: Call) -> bytes | None:
    """The request id among the arguments of a register's write; events of Consortium's own orders carry none."""
    if call.register == "Consortium" or call.function == "batch":
        return None
    names = hub.registers[call.register].functions[call.function].names
    for name, value in zip(names, call.args, strict=True):
        if name == "request" and isinstance(value, bytes):
            return value
        if isinstance(value, dict) and isinstance(value.get("request"), bytes):
            return bytes(value["request"])
    return None


def _brief(args: Sequence[Any]) -> str:
    text = repr(_readable(list(args)))
    return text if len(text) < 900 else text[:900] + "..."


def _readable(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex() if len(value) <= 32 else f"{len(value)} bytes"
    if isinstance(value, dict):
        return {name: _readable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(inner) for inner in value]
    return value

"""The books of a sandbox registry add up, whatever is asked of it and in whatever order."""

from __future__ import annotations

import ast
import random
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from stdnum.cn import uscc

from adapters import sandbox
from adapters.sandbox import requests as ask
from adapters.sandbox import shanghai_wire, suzhou_files
from adapters.sandbox.balances import holdings, inconsistencies
from adapters.sandbox.city import SHANGHAI, SUZHOU, CityProfile
from adapters.sandbox.effects import Effect, Effects
from adapters.sandbox.errors import RegistryRefusal
from adapters.sandbox.records import (
    Issuance,
    Project,
    Record,
    TransferIn,
    TransferOut,
    UnitRange,
    Verification,
)
from adapters.sandbox.registry import Registry
from adapters.sandbox.samples import load_samples, sample_uscc
from adapters.sandbox.storage import Storage
from adapters.sandbox.units import Holding

NOW = datetime(2026, 3, 5, 6, 0, tzinfo=UTC)


def registry_of(city: CityProfile, folder: Path) -> Registry:
    registry = Registry(city, Storage(folder / "registry.sqlite"))
    load_samples(registry)
    return registry


@pytest.fixture
def shanghai(tmp_path: Path) -> Registry:
    return registry_of(SHANGHAI, tmp_path)


def effect(kind: str, **fields: Any) -> Effect:
    return Effect.model_validate({"kind": kind, "occurred_at": NOW, "proof": "0x01", **fields})


def refused(code: str) -> Any:
    return pytest.raises(RegistryRefusal, check=lambda error: error.code == code)


class Clerk:
    """Does something at random: an operation of the city, or an effect from the hub, valid or not."""

    def __init__(self, registry: Registry, seed: int) -> None:
        self.random = random.Random(seed)
        self.registry = registry
        self.effects = Effects(registry)
        self.keys = 0
        self.foreign = 1
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def step(self) -> None:
        action = self.random.choice(
            (
                *("issue", "verify", "transfer", "withdraw", "retire", "correct", "move", "book", "decide"),
                *("end", "end", "end", "finish", "finish", "elsewhere", "elsewhere", "cancel", "hold", "lift"),
            )
        )
        try:
            getattr(self, action)()
        except RegistryRefusal as refusal:
            self.refused[f"{action}:{refusal.code}"] += 1
        else:
            self.done[action] += 1

    def book_effect(self, kind: str, **fields: Any) -> None:
        self.keys += 1
        self.effects.book(f"random-{self.keys:08d}", effect(kind, **fields))

    def some(self, record_type: type[Record]) -> Any:
        records = self.registry.storage.all_of(record_type)
        if not records:
            raise RegistryRefusal("NOTHING_YET", f"no {record_type.__name__} yet")
        return self.random.choice(records)

    def holding(self, *statuses: str) -> Holding:
        rows = [row for row in self.registry.units.rows() if not statuses or row.status in statuses]
        return self.random.choice(rows or self.registry.units.rows())

    def part_of(self, units: UnitRange) -> UnitRange:
        first = self.random.randint(units.first, units.last)
        return units.model_copy(update={"first": first, "last": self.random.randint(first, units.last)})

    def verify(self) -> None:
        year = self.random.randint(2023, 2031)
        start, end = date(year, self.random.randint(1, 6), 1), date(year, self.random.randint(7, 12), 28)
        kwh = Decimal(self.random.randint(1_000, 900_000))
        self.registry.verify(
            ask.Verify(project=self.some(Project).native_id, period_start=start, period_end=end, activity_kwh=kwh)
        )

    def issue(self) -> None:
        quantity = self.random.choice([None, self.random.randint(1, 40) * 1000, self.random.randint(1, 9_999)])
        self.registry.issue(ask.Issue(verification=self.some(Verification).native_id, quantity_kg=quantity))

    def transfer(self) -> None:
        units = self.part_of(self.holding("available").units)
        self.registry.request_transfer(ask.RequestTransfer(ranges=[units], to_member="330100"))

    def withdraw(self) -> None:
        self.registry.withdraw_transfer(ask.WithdrawTransfer(native_id=self.some(TransferOut).native_id))

    def retire(self) -> None:
        account = self.holding("available").account
        quantity = self.random.randint(1, 50) * self.random.choice([1000, 1000, 1])
        purpose = self.random.choice(list(self.registry.city.purposes))
        self.registry.retire(
            ask.Retire(account=account, quantity_kg=quantity, purpose=purpose, beneficiary="示例受益人")
        )

    def correct(self) -> None:
        issuance = self.some(Issuance).native_id
        reissue = self.random.choice([None, self.random.randint(1, 5) * 1000])
        force = self.random.random() < 0.3
        self.registry.correct(ask.Correct(issuance=issuance, reason="示例更正", reissue_kg=reissue, force=force))

    def move(self) -> None:
        target = self.some(Project).uscc
        units = self.part_of(self.holding("available").units)
        self.registry.move(ask.Move(ranges=[units], to_account=target))

    def end(self) -> None:
        transfer: TransferOut = self.some(TransferOut)
        if self.random.random() < 0.5:
            kind = self.random.choice(["transfer_rejected", "transfer_expired", "transfer_withdrawn"])
            part = self.random.choice([{}, {"ranges": [self.part_of(self.random.choice(transfer.ranges))]}])
            self.book_effect(kind, transfer=transfer.native_id, **part)
            return
        kept, cut = [self.random.choice(transfer.ranges)], []
        if self.random.random() < 0.5 and kept[-1].first < kept[-1].last:
            middle = self.random.randint(kept[-1].first, kept[-1].last - 1)
            cut = [kept[-1].model_copy(update={"first": middle + 1})]
            kept[-1] = kept[-1].model_copy(update={"last": middle})
        self.book_effect("transfer_accepted", transfer=transfer.native_id, member="330100", kept=kept, cut=cut)

    def book(self) -> None:
        self.registry.incoming_policy(ask.IncomingPolicy(policy=self.random.choice(["accept", "manual"])))
        if self.random.random() < 0.5:
            units = self.part_of(self.holding("transferred_out").units)
        else:
            size = self.random.randint(1, 500)
            units = UnitRange(
                home_member="330100", series="HZ", kg_per_serial=1000, first=self.foreign, last=self.foreign + size
            )
            self.foreign += self.random.choice([0, size + 1])
        self.book_effect("incoming_pending", transfer=f"t{self.keys}", member="330100", ranges=[units])

    def decide(self) -> None:
        decision = self.random.choice(["accept", "reject"])
        waiting = [t for t in self.registry.storage.all_of(TransferIn) if t.decision == "undecided"]
        native_id = (self.random.choice(waiting) if waiting else self.some(TransferIn)).native_id
        self.registry.decide_transfer(ask.DecideTransfer.model_validate({"native_id": native_id, "decision": decision}))

    def finish(self) -> None:
        transfer: TransferIn = self.some(TransferIn)
        if self.random.random() < 0.4:
            self.book_effect("incoming_returned", transfer=transfer.native_id, reason="expired")
        else:
            kept = [self.part_of(units) for units in transfer.ranges]
            self.book_effect("incoming_final", transfer=transfer.native_id, kept=kept)

    def elsewhere(self) -> None:
        units = self.part_of(self.holding("transferred_out").units)
        kind, more = self.random.choice(
            [
                ("retired_elsewhere", {"purpose": "voluntary"}),
                ("cancelled_elsewhere", {"reason": "conversion"}),
                ("moved_elsewhere", {}),
            ]
        )
        self.book_effect(kind, ranges=[units], member="340100", **more)

    def cancel(self) -> None:
        units = self.part_of(self.holding("available", "locked", "transferred_out").units)
        self.book_effect("cancelled", ranges=[units.model_copy(update={"last": units.first})], reason="ballot 7")

    def hold(self) -> None:
        units = self.part_of(self.holding().units)
        self.book_effect(
            "held", ranges=[units], subject_kind="units", subject=f"h{self.keys % 5}", member="330100", reason="case"
        )

    def lift(self) -> None:
        rows = [row for row in self.registry.units.rows() if row.held]
        ranges = [rows[0].units] if rows else []
        subject = f"h{self.random.randint(0, 4)}"
        self.book_effect("lifted", ranges=ranges, subject_kind="units", subject=subject, member="330100")


@pytest.mark.parametrize("city", [SHANGHAI, SUZHOU], ids=["shanghai", "suzhou"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_books__after_random_operations__add_up(city: CityProfile, seed: int, tmp_path: Path) -> None:
    registry = registry_of(city, tmp_path)
    clerk = Clerk(registry, seed)
    for count in range(600):
        clerk.step()
        if count % 25 == 0:
            assert inconsistencies(registry) == []
    assert inconsistencies(registry) == []
    books = holdings(registry)
    assert sum(books["by_status_kg"].values()) == sum(row["quantity_kg"] for row in books["holdings"])
    issued = sum(i.quantity_kg for i in registry.storage.all_of(Issuance))
    assert sum(books["by_home_member_kg"][city.member].values()) == issued
    # The run must have done something of everything, and have been refused things too.
    assert set(clerk.done) == {"issue", "verify", "transfer", "withdraw", "retire", "correct", "move"} | {
        "end",
        "book",
        "decide",
        "finish",
        "elsewhere",
        "cancel",
        "hold",
        "lift",
    }
    assert sum(clerk.refused.values()) > 50
    assert sum(clerk.done.values()) > 100


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("UPDATE holding SET last = last - 1 WHERE id = 1", "kg in holdings"),
        ("UPDATE holding SET first = 2 WHERE id = 2", "overlap"),
        ("UPDATE holding SET status = 'retired' WHERE id = 3", "retired units of"),
        ("UPDATE record SET body = replace(body, '示例', '例') WHERE kind = 'project'", "journal"),
        ("UPDATE record SET seq = 1 WHERE kind = 'verification'", "journal"),
    ],
)
def test_books__damaged__say_what_does_not_add_up(shanghai: Registry, damage: str, words: str) -> None:
    with shanghai.storage.transaction() as db:
        changed = db.execute(damage).rowcount
    problems = " ".join(inconsistencies(shanghai))
    assert changed > 0
    assert words in problems


def test_journal__every_change__raises_sequence_and_version(shanghai: Registry) -> None:
    before = shanghai.storage.latest_seq()
    project = shanghai.storage.all_of(Project)[0]
    shanghai.edit_project(ask.EditProject(native_id=project.native_id, changes={"capacity_kw": "985.5"}))
    changes = shanghai.storage.changes_after(before, 10)
    assert [(c.kind, c.native_id, c.version) for c in changes] == [("project", project.native_id, 2)]
    assert changes[0].seq > before
    assert changes[0].updated_at.tzinfo is not None


def test_samples__published_check_values__hold(shanghai: Registry) -> None:
    by_kwh = {v.activity_kwh: v.verified_kg for v in shanghai.storage.all_of(Verification)}
    assert by_kwh[Decimal(1100000)] == 462_000
    assert by_kwh[Decimal(467000)] == 196_140


@pytest.mark.parametrize("city", [SHANGHAI, SUZHOU], ids=["shanghai", "suzhou"])
def test_samples__built_twice__are_equal_and_labelled(city: CityProfile, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = registry_of(city, tmp_path / "a"), registry_of(city, tmp_path / "b")
    records = [change.record for change in one.storage.changes_after(0, 1000)]
    assert records == [change.record for change in two.storage.changes_after(0, 1000)]
    assert all("示例" in record.label and "illustrative" in record.label for record in records)


def test_samples__credit_codes__have_right_check_characters() -> None:
    assert all(uscc.is_valid(sample_uscc("310000", number)) for number in range(1, 50))


def test_issue__beyond_verified__refused(shanghai: Registry) -> None:
    verification = shanghai.storage.all_of(Verification)[0]
    with refused("BEYOND_VERIFIED"):
        shanghai.issue(ask.Issue(verification=verification.native_id, quantity_kg=1))


def test_verify__overlapping_period__refused(shanghai: Registry) -> None:
    known = shanghai.storage.all_of(Verification)[0]
    with refused("PERIOD_OVERLAPS"):
        shanghai.verify(
            ask.Verify(
                project=known.project,
                period_start=known.period_end,
                period_end=date(2025, 6, 30),
                activity_kwh=Decimal(1),
            )
        )


def test_register_project__asset_of_another__refused(shanghai: Registry) -> None:
    known = shanghai.storage.all_of(Project)[0]
    with refused("ASSET_TAKEN"):
        shanghai.register_project(known.model_copy(update={"native_id": ""}))


def test_retire__locked_units__refused(shanghai: Registry) -> None:
    units = shanghai.units.rows()[0].units.model_copy(update={"last": 100})
    shanghai.request_transfer(ask.RequestTransfer(ranges=[units], to_member="320500"))
    with refused("UNITS_NOT_AVAILABLE"):
        shanghai.retire(ask.Retire(ranges=[units.model_copy(update={"first": 100})], purpose="06", beneficiary="示例"))


def test_correct__then_reissue__frees_what_was_verified(shanghai: Registry) -> None:
    issuance = shanghai.storage.all_of(Issuance)[0]
    correction = shanghai.correct(
        ask.Correct(issuance=issuance.native_id, reason="示例", reissue_kg=issuance.quantity_kg - 1)
    )
    reissue = shanghai.storage.get(Issuance, correction.reissue)
    assert (reissue.reissue_of, reissue.quantity_kg) == (issuance.native_id, issuance.quantity_kg - 1)
    assert reissue.serial_first > issuance.serial_last
    assert shanghai.storage.get(Issuance, issuance.native_id).status == "corrected"
    assert inconsistencies(shanghai) == []


def test_misfile__same_serials__is_published_but_not_booked(shanghai: Registry) -> None:
    before = holdings(shanghai)["by_status_kg"]
    issuance = shanghai.storage.all_of(Issuance)[0]
    wrong = shanghai.misfile(ask.Misfile(kind="issuance", like=issuance.native_id, changes={}))
    published = shanghai.storage.changes_after(0, 1000)[-1].record
    assert published == wrong
    assert isinstance(published, Issuance)
    assert published.serial_first == issuance.serial_first
    assert holdings(shanghai)["by_status_kg"] == before
    assert inconsistencies(shanghai) == []


def test_way_home__own_units_return__are_available_again(shanghai: Registry) -> None:
    effects = Effects(shanghai)
    units = shanghai.units.rows()[0].units.model_copy(update={"last": 1000})
    out = shanghai.request_transfer(ask.RequestTransfer(ranges=[units], to_member="320500"))
    effects.book("key-00001", effect("transfer_accepted", transfer=out.native_id, member="320500", kept=[units]))
    home = {"transfer": "0xabc", "member": "320500", "ranges": [units]}
    effects.book("key-00002", effect("incoming_pending", **home))
    assert holdings(shanghai)["by_status_kg"]["pending"] == 1000
    effects.book("key-00003", effect("incoming_returned", transfer="0xabc", reason="expired"))
    assert holdings(shanghai)["by_status_kg"]["transferred_out"] == 1000
    effects.book("key-00004", effect("incoming_pending", **{**home, "transfer": "0xabd"}))
    effects.book("key-00005", effect("incoming_final", transfer="0xabd", kept=[units]))
    assert set(holdings(shanghai)["by_status_kg"]) == {"available"}
    assert inconsistencies(shanghai) == []


def test_incoming__own_serials_never_sent__refused(shanghai: Registry) -> None:
    units = shanghai.units.rows()[0].units
    with refused("UNITS_NOT_AVAILABLE"):
        Effects(shanghai).book(
            "key-00001", effect("incoming_pending", transfer="0xabc", member="320500", ranges=[units])
        )


def test_accepted__units_corrected_at_home_meanwhile__refused_whole(shanghai: Registry) -> None:
    issuance = shanghai.storage.all_of(Issuance)[0]
    units = shanghai.range_of(issuance)
    out = shanghai.request_transfer(ask.RequestTransfer(ranges=[units], to_member="320500"))
    shanghai.correct(ask.Correct(issuance=issuance.native_id, reason="示例", force=True))
    accepted = effect("transfer_accepted", transfer=out.native_id, member="320500", kept=[units])
    with refused("TRANSFER_ENDED"):
        Effects(shanghai).book("key-00001", accepted)
    assert Effects(shanghai).lookup("key-00001") is None
    assert inconsistencies(shanghai) == []


def test_transfer__over_two_issuances__ends_range_by_range(shanghai: Registry) -> None:
    effects = Effects(shanghai)
    first, second = shanghai.storage.all_of(Issuance)[:2]
    assert first.account == second.account
    kg = first.quantity_kg + 5000
    out = shanghai.request_transfer(ask.RequestTransfer(account=first.account, quantity_kg=kg, to_member="320500"))
    assert [units.quantity_kg for units in out.ranges] == [first.quantity_kg, 5000]
    proposed = effect("transfer_proposed", transfer=out.native_id, reference="0xa1")
    effects.book("key-00001", proposed)
    assert shanghai.storage.get(TransferOut, out.native_id).status == "submitted"
    kept = out.ranges[0].model_copy(update={"last": out.ranges[0].last - 1000})
    cut = out.ranges[0].model_copy(update={"first": kept.last + 1})
    effects.book(
        "key-00002",
        effect("transfer_accepted", transfer=out.native_id, member="320500", kept=[kept], cut=[cut]),
    )
    assert shanghai.storage.get(TransferOut, out.native_id).status == "submitted"
    assert inconsistencies(shanghai) == []
    effects.book("key-00003", effect("transfer_expired", transfer=out.native_id, ranges=[out.ranges[1]]))
    ended = shanghai.storage.get(TransferOut, out.native_id)
    assert (ended.status, ended.accepted_kg, ended.cut_kg, ended.returned_kg, ended.open_kg) == (
        "accepted",
        kept.quantity_kg,
        1000,
        5000,
        0,
    )
    assert inconsistencies(shanghai) == []


def test_accepted__units_locked_for_another_transfer__refused(shanghai: Registry) -> None:
    account = shanghai.storage.all_of(Issuance)[0].account
    one, other = (
        shanghai.request_transfer(ask.RequestTransfer(account=account, quantity_kg=1000, to_member="320500"))
        for _ in range(2)
    )
    with refused("RANGES_DIFFER"):
        Effects(shanghai).book(
            "key-00001",
            effect("transfer_accepted", transfer=one.native_id, member="320500", kept=other.ranges),
        )
    assert inconsistencies(shanghai) == []


def test_effect__same_key_twice__one_effect(shanghai: Registry) -> None:
    effects = Effects(shanghai)
    status = effect("record_status", record_kind="issuance", record_id="x", status="recorded")
    first = effects.book("key-00001", status)
    seq = shanghai.storage.latest_seq()
    again = effects.book("key-00001", status)
    assert (first.repeated, again.repeated, again.seq) == (False, True, first.seq)
    assert shanghai.storage.latest_seq() == seq
    with refused("KEY_REUSED"):
        effects.book("key-00001", status.model_copy(update={"status": "refused"}))


def test_effect__field_of_another_kind__refused() -> None:
    with pytest.raises(ValueError, match="does not carry compliance_year"):
        effect("transfer_expired", transfer="x", compliance_year=2025)


def test_sandbox__imports__nothing_of_the_hub() -> None:
    folder = Path(sandbox.__file__).parent
    for source in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(source.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            ours = [name for name in names if name.split(".")[0] in ("hub", "mutual_recognition", "adapters")]
            assert all(name.startswith("adapters.sandbox") for name in ours), (source.name, ours)


def test_manual__names_every_word_on_the_wire__effects_in_order() -> None:
    manual = (Path(sandbox.__file__).parent / "README.md").read_text()
    kinds = [*shanghai_wire.FIELDS.values(), *suzhou_files.COLUMNS.values()]
    words = [name for kind in kinds for name, _, _ in kind]
    words += [*shanghai_wire.EFFECT_FIELDS, *shanghai_wire.EFFECT_KINDS, *suzhou_files.EFFECT_KINDS]
    words += [*shanghai_wire.STATUSES.values(), *suzhou_files.RECEIPT_HEADER, *suzhou_files.MANIFEST_HEADER]
    assert [word for word in words if word not in manual] == []
    _, _, table = manual.partition("| field | Shanghai | Suzhou |\n| --- | --- | --- |\n")
    cells = [line.split(" | ")[2].removesuffix(" |") for line in table.partition("\n\n")[0].splitlines()]
    columns = [name for cell in cells for name in cell.removesuffix(" (joined by 、)").split(", ")]
    assert columns == suzhou_files.EFFECT_HEADER[2:]

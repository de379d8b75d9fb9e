"""Decide: what each record asks of the chain, in calls that decode to what the record says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Engine

from adapters.protocol import RegistryProfile
from adapters.sync import submit
from adapters.sync.plan import NO_END, HeldBack, Plan, Planner
from adapters.sync.planned import PlannedBooks
from hub.chain.artifacts import REGISTERS, load
from hub.chain.codec import decode_call
from hub.db import tables as t
from hub.db.engine import open_engine, open_reading_engine
from hub.errors import RecordRefused
from hub.index.books import IndexBooks
from hub.index.indexer import Indexer
from mutual_recognition import identifiers as ids
from mutual_recognition.periods import Period
from mutual_recognition.purposes import Purpose
from mutual_recognition.records import (
    Asset,
    Correction,
    Issuance,
    MethodologyFiling,
    MethodologyKey,
    ProjectRegistration,
    Record,
    Retirement,
    SeriesName,
    SeriesRegistration,
    TransferCosign,
    TransferDecision,
    TransferOut,
    TransferWithdrawal,
    Verification,
)
from mutual_recognition.serials import SerialRange

MEMBER, REGISTRY, NOW = 310000, "illustrative", 1_800_000_000
KEY = b"illustrative key of 32 bytes ...."
M1 = MethodologyKey("M1", "1")

FILING = MethodologyFiling(native_id="F1", key=M1, valid_from=date(2026, 1, 1), content={"title": "t"})
SERIES = SeriesRegistration(code="S", kg_per_serial=1000)
PROJECT = ProjectRegistration(
    native_id="P1",
    methodology=M1,
    crediting=Period(date(2020, 1, 1), date(2029, 12, 31)),
    assets=(Asset(kind="meter", identifier="3101 0001"),),
)
VERIFICATION = Verification(
    native_id="V1", project="P1", period=Period(date(2025, 1, 1), date(2025, 12, 31)), verified_kg=500_000
)
ISSUANCE = Issuance(
    native_id="I1", series="S", serials=SerialRange(1, 100), quantity_kg=100_000, verification="V1", vintage=2025
)
RETIREMENT = Retirement(
    native_id="R1",
    series=SeriesName(code="S"),
    serials=SerialRange(11, 20),
    quantity_kg=10_000,
    purpose=Purpose.ETS_COMPLIANCE,
    beneficiary=b"\x07" * 32,
    compliance_year=2026,
)
TRANSFER = TransferOut(
    native_id="T1", series=SeriesName(code="S"), serials=SerialRange(31, 40), to=320500, quantity_kg=10_000
)
FOUNDATION: tuple[Record, ...] = (FILING, SERIES, PROJECT, VERIFICATION, ISSUANCE)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[PlannedBooks]:
    """Over an index of a chain on which nothing happened yet."""
    engine: Engine = open_engine(f"sqlite:///{tmp_path / 'hub.sqlite'}")
    t.metadata.create_all(engine)
    reader = open_reading_engine(str(engine.url))
    index = IndexBooks(reader, cast(Indexer, None))  # only `advance` asks the indexer
    yield PlannedBooks(index)
    index.close()
    reader.dispose()
    engine.dispose()


def planner(
    books: PlannedBooks, *, asset_key: bytes | None = KEY, asked: dict[str, list[bytes]] | None = None
) -> Planner:
    profile = RegistryProfile("test", MEMBER, REGISTRY, "illustrative", True, True)
    transfers = asked or {}
    return Planner(
        profile,
        books,
        asset_key=asset_key,
        transfer_lifetime=7 * 86_400,
        now=lambda: NOW,
        transfers_of=lambda native_id: transfers.get(native_id, []),
    )


@pytest.fixture
def founded(books: PlannedBooks) -> Planner:
    """With everything planned that other records lean on."""
    made = planner(books)
    for record in FOUNDATION:
        assert len(made.plan(record).writes) == 1
    return made


def arguments(plan: Plan, place: int = 0) -> dict[str, Any]:
    write = plan.writes[place]
    decoded = decode_call(write.contract, write.call)
    assert decoded.function == write.function
    assert write.request.hex() in str(decoded.arguments), "the call carries its request id"
    flat: dict[str, Any] = {}
    for name, value in decoded.arguments.items():
        flat |= value if isinstance(value, dict) else {name: value}
    return flat


def hexed(value: bytes) -> str:
    return "0x" + value.hex()


# -------------------------------------------------------------------- each kind of record


def test_methodology__days_in_china_half_open__documents_by_digest(books: PlannedBooks) -> None:
    plan = planner(books).plan(replace(FILING, valid_until=date(2026, 12, 31), lineage="CDM AMS-I.D."))
    asked = arguments(plan)
    assert asked["member"] == MEMBER
    assert datetime.fromtimestamp(asked["validFrom"], UTC) == datetime(2025, 12, 31, 16, tzinfo=UTC)
    assert datetime.fromtimestamp(asked["validUntil"], UTC) == datetime(2026, 12, 31, 16, tzinfo=UTC)
    assert asked["lineage"] == hexed(ids.native_key("CDM AMS-I.D."))
    digests = [hexed(document.digest()) for document in plan.documents]
    assert digests == [asked["definition"], asked["document"]]
    assert (
        arguments(planner(books).plan(replace(FILING, native_id="F2", key=MethodologyKey("M2", "1"))))["validUntil"]
        == NO_END
    )


def test_methodology__replacing_an_older_version__names_it_or_waits(founded: Planner, books: PlannedBooks) -> None:
    newer = replace(FILING, native_id="F2", key=MethodologyKey("M1", "2"), supersedes=M1)
    assert arguments(founded.plan(newer))["supersedes"] == hexed(ids.methodology_id(MEMBER, REGISTRY, "M1", "1"))
    with pytest.raises(HeldBack) as held:
        founded.plan(replace(newer, key=MethodologyKey("M1", "9"), supersedes=MethodologyKey("M1", "8")))
    assert held.value.waits_for == "methodology:" + ids.methodology_id(MEMBER, REGISTRY, "M1", "8").hex()


def test_project__under_another_members_methodology(founded: Planner, books: PlannedBooks) -> None:
    other = ids.methodology_id(320500, "elsewhere", "X", "3")
    books.plan_methodology(other, b"\1" * 32)
    key = MethodologyKey("X", "3", member=320500, registry="elsewhere")
    asked = arguments(founded.plan(replace(PROJECT, native_id="P2", methodology=key)))
    assert asked["methodology"] == hexed(other)
    assert asked["assets"] == [hexed(ids.asset_key(KEY, "meter", "31010001"))]
    assert (asked["creditingStart"], asked["creditingEnd"]) == (18_262, 21_914)


def test_project__without_the_consortiums_key__held_only_where_it_has_assets(books: PlannedBooks) -> None:
    made = planner(books, asset_key=None)
    made.plan(FILING)
    with pytest.raises(HeldBack) as held:
        made.plan(PROJECT)
    assert held.value.code == "asset_key_missing"
    assert made.plan(replace(PROJECT, assets=())).writes


def test_verification__knows_the_period_before(founded: Planner) -> None:
    later = replace(VERIFICATION, native_id="V2", period=Period(date(2026, 1, 1), date(2026, 3, 31)))
    assert arguments(founded.plan(later))["predecessor"] == 20_089
    between = replace(VERIFICATION, native_id="V0", period=Period(date(2024, 1, 1), date(2024, 3, 31)))
    assert arguments(founded.plan(between))["predecessor"] == 0
    unstated = arguments(founded.plan(replace(VERIFICATION, native_id="V3", period=None)))
    assert (unstated["periodStart"], unstated["periodEnd"], unstated["predecessor"]) == (0, 0, 0)


def test_issuance__out_of_order__knows_the_one_before(founded: Planner) -> None:
    far = replace(ISSUANCE, native_id="I9", serials=SerialRange(901, 1000))
    near = replace(ISSUANCE, native_id="I5", serials=SerialRange(501, 600))
    assert arguments(founded.plan(far))["predecessor"] == 1
    assert arguments(founded.plan(near))["predecessor"] == 1
    asked = arguments(founded.plan(replace(ISSUANCE, native_id="I6", serials=SerialRange(601, 700))))
    assert asked["predecessor"] == 501
    assert asked["origin"] == hexed(ids.native_key(REGISTRY, "I6"))


@pytest.mark.parametrize(
    ("record", "function", "says"),
    [
        (RETIREMENT, "retire", {"purpose": 1, "complianceYear": 2026, "beneficiary": "0x" + "07" * 32}),
        (TRANSFER, "propose", {"to": 320500, "deadline": NOW + 7 * 86_400}),
        (Correction(native_id="C1", series="S", serials=SerialRange(51, 60), quantity_kg=10_000), "correct", {}),
    ],
)
def test_serials_of_a_block__the_block_is_named__then_its_parts(
    founded: Planner, record: Any, function: str, says: dict[str, Any]
) -> None:
    plan = founded.plan(record)
    asked = arguments(plan)
    assert plan.writes[0].function == function
    assert (asked["blockFirst"], asked["first"], asked["last"]) == (1, record.serials.first, record.serials.last)
    assert asked.items() >= says.items()
    rest = replace(RETIREMENT, native_id="R9", serials=SerialRange(99, 100), quantity_kg=2_000)
    assert arguments(founded.plan(rest))["blockFirst"] == record.serials.last + 1


def test_serials_across_blocks__a_write_for_each_with_ids_of_their_own(founded: Planner) -> None:
    founded.plan(replace(ISSUANCE, native_id="I2", serials=SerialRange(101, 200)))
    founded.plan(RETIREMENT)
    across = replace(TRANSFER, serials=SerialRange(21, 150), quantity_kg=130_000)
    plan = founded.plan(across)
    parts = [(a["blockFirst"], a["first"], a["last"]) for a in (arguments(plan, place) for place in range(2))]
    assert parts == [(21, 21, 100), (101, 101, 150)]
    assert len({write.request for write in plan.writes}) == 2
    with pytest.raises(HeldBack, match="serial 201 of"):
        founded.plan(replace(RETIREMENT, native_id="R2", serials=SerialRange(160, 201), quantity_kg=42_000))


def test_own_transfers__withdrawn_and_cosigned_by_the_ids_they_have(books: PlannedBooks) -> None:
    made = planner(books, asked={"T1": [b"\1" * 32, b"\2" * 32]})
    withdrawn = made.plan(TransferWithdrawal(native_id="W1", transfer_out="T1"))
    assert [arguments(withdrawn, place)["transfer"] for place in (0, 1)] == ["0x" + "01" * 32, "0x" + "02" * 32]
    assert [write.function for write in made.plan(TransferCosign(native_id="C1", transfer_out="T1")).writes] == [
        "cosign"
    ] * 2
    with pytest.raises(HeldBack) as held:
        made.plan(TransferWithdrawal(native_id="W2", transfer_out="T2"))
    assert held.value.waits_for == "transfer_out:T2"


@pytest.mark.parametrize(("accept", "function"), [(True, "accept"), (False, "reject")])
def test_decision__on_a_transfer_that_is_there(books: PlannedBooks, accept: bool, function: str) -> None:
    books.plan_transfer(b"\5" * 32)
    record = TransferDecision(native_id="D1", transfer="0x" + "05" * 32, accept=accept, reason=9)
    plan = planner(books).plan(record)
    assert plan.writes[0].function == function
    assert arguments(plan).items() >= ({"transfer": "0x" + "05" * 32} | ({} if accept else {"reason": 9})).items()


# -------------------------------------------------------------------- again, and edited


@pytest.mark.parametrize("record", FOUNDATION)
def test_record_again__nothing_to_write(founded: Planner, record: Record) -> None:
    assert founded.plan(record).writes == ()


def test_edits__amended_or_held_by_name(founded: Planner) -> None:
    amended = founded.plan(replace(PROJECT, content={"name": "renamed"}))
    assert (amended.writes[0].function, arguments(amended)["revision"]) == ("amend", 2)
    edits: dict[str, Record] = {
        "methodology_changed": replace(FILING, content={"title": "another"}),
        "series_changed": replace(SERIES, kg_per_serial=1),
        "verification_changed": replace(VERIFICATION, verified_kg=1),
        "issuance_changed": replace(ISSUANCE, serials=SerialRange(1, 99), quantity_kg=99_000),
    }
    for code, record in edits.items():
        with pytest.raises(HeldBack) as held:
            founded.plan(record)
        assert held.value.code == code
        assert held.value.reason()["error"] == code


def test_request__the_same_whatever_else_the_record_says(books: PlannedBooks) -> None:
    """Else an edit of a note would issue the same serials under a second request."""
    first = planner(books).plan(FILING).writes[0].request
    books.drop()
    assert planner(books).plan(replace(FILING, content={"title": "another"})).writes[0].request == first


def test_nothing_counted_in__where_the_call_cannot_be_formed(founded: Planner, books: PlannedBooks) -> None:
    huge = replace(VERIFICATION, native_id="V9", verified_kg=2**64)
    with pytest.raises(RecordRefused) as refused:
        founded.plan(huge)
    assert (refused.value.code, refused.value.field) == ("not_encodable", "request.verifiedKg")
    assert books.verified_kg(ids.verification_id(MEMBER, REGISTRY, "V9")) is None
    far = replace(FILING, native_id="F9", key=MethodologyKey("M9", "1"), valid_from=date(1960, 1, 1))
    assert arguments(founded.plan(far))["validFrom"] == 0


def test_quantity_and_serials__have_to_agree(founded: Planner) -> None:
    for record in (replace(RETIREMENT, quantity_kg=10_001), replace(ISSUANCE, native_id="I7", quantity_kg=100)):
        with pytest.raises(HeldBack) as held:
            founded.plan(record)
        assert held.value.code == "quantity_disagrees_with_serials"


# -------------------------------------------------------------------- what submit knows of the registers


def test_gas__set_aside_for_every_function_that_is_written() -> None:
    planned = {
        "Methodologies": {"file"},
        "Projects": {"register", "amend"},
        "CreditLedger": {
            *(
                "registerSeries",
                "verify",
                "issue",
                "propose",
                "accept",
                "reject",
                "withdraw",
                "expire",
                "cosign",
                "retire",
                "correct",
            )
        },
    }
    assert set(submit._GAS) == set().union(*planned.values())
    for contract, functions in planned.items():
        assert functions <= set(load(contract).functions)


def test_retried_refusals__are_errors_that_the_registers_have() -> None:
    known = {error.name for register in REGISTERS for error in load(register).errors.values()}
    assert known >= submit._RETRIED

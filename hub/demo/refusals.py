"""Attempts at counting one reduction twice, and what the chain said to each.

The wrong records are clerks' errors (the registries' own checks were passed over), filed beside a good one: each is
held back with the chain's reason, and the good one is not delayed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, select

from hub.chain.codec import encode_call
from hub.chain.keys import LocalSigner
from hub.db import tables as t
from hub.demo.cities import HANGZHOU, SHANGHAI, SUZHOU
from hub.demo.filing import Filed
from hub.demo.reverted import send_to_be_refused
from hub.demo.samples import methodology_code
from hub.demo.steps import Sheet, Step, expect
from hub.demo.world import World
from mutual_recognition.purposes import Purpose
from mutual_recognition.unit_blocks import BlockStatus

_GOOD_KG = 1_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """A wrong record: what it tries, at which registry, like which record with which changes, and the error due."""

    what: str
    city: str
    kind: str
    like: str
    changes: Mapping[str, Any]
    error: str


def refuse_records(world: World, filed: Mapping[str, Filed], retirement: str) -> Step:
    """Double issuance, double use and double claim, each refused by name, in one pass with a good record."""
    attempts = _attempts(filed, retirement)
    numbers = []
    for attempt in attempts:
        registry = world.registries[attempt.city]
        answer = registry.operate("misfile", kind=attempt.kind, like=attempt.like, changes=dict(attempt.changes))
        numbers.append(answer["native_id"])
    good = world.registries["shanghai"].operate(
        "issue", verification=filed["shanghai"].verifications[0], quantity_kg=_GOOD_KG
    )
    reports = world.sync_all()
    rows: list[tuple[str | int, ...]] = []
    told = {}
    for attempt, number in zip(attempts, numbers, strict=True):
        held = [row for row in world.registries[attempt.city].journal.held() if row["native_id"] == number]
        expect(len(held) == 1, f"{number} ({attempt.what}) to be held back", held)
        reason = held[0]["reason"] or {}
        expect(reason.get("chain_error") == attempt.error, f"{attempt.error} for {attempt.what}", reason)
        rows.append((attempt.what, number, attempt.error, str(reason["message"])))
        told[attempt.what] = {"record": number, "city": attempt.city, "refusal": reason}
    i = t.issuances.c
    with world.index.reader.connect() as connection:
        query = select(i.kg).where(i.member == SHANGHAI.member, i.first == good["serial_first"])
        written = connection.execute(query).scalar()
    expect(written == _GOOD_KG, f"the good issuance {good['native_id']} on the chain", written)
    second = numbers[-1]
    heard = [one for one in world.registries["suzhou"].process.records("record_status") if one["record_id"] == second]
    expect(
        [one["status"] for one in heard] == ["refused"],
        f"Suzhou's registry to be told that {second} was refused",
        heard,
    )
    lines = (
        f"{len(attempts)} wrong records and a good one reach the hub in one pass: the wrong ones are held back, each "
        "with the chain's reason",
        f"the good one, {good['native_id']} over {_GOOD_KG:,} kg, is on the chain: nothing else was delayed",
        f"Suzhou's registry is told that its second retirement, {second}, was refused, and why",
    )
    sheet = Sheet("Refused by the chain", ("attempt", "record", "error", "in words"), tuple(rows))
    data = {"refused": told, "good": good["native_id"], "held": {name: report.held for name, report in reports.items()}}
    return Step("refusals", "Refused: one reduction, counted twice", lines, (sheet,), data)


def _attempts(filed: Mapping[str, Filed], retirement: str) -> list[Attempt]:
    shanghai, suzhou = filed["shanghai"], filed["suzhou"]
    large, small = shanghai.issuances[0], shanghai.issuances[1]
    nested = {
        "serial_first": large["serial_first"] + 1_000,
        "serial_last": large["serial_first"] + 1_999,
        "quantity_kg": 1_000,
    }
    return [
        Attempt("the same serials again", "shanghai", "issuance", small["native_id"], {}, "RangeOverlaps"),
        Attempt("serials inside issued ones", "shanghai", "issuance", large["native_id"], nested, "RangeOverlaps"),
        Attempt(
            "the same meter in a second project",
            "suzhou",
            "project",
            suzhou.projects[0],
            {"name_zh": "示例重复登记项目", "name_en": "The same plant again (illustrative)"},
            "AssetClaimed",
        ),
        Attempt(
            "a monitoring period that overlaps",
            "suzhou",
            "verification",
            suzhou.verifications[1],
            {"period_start": "2024-07-01", "period_end": "2025-06-30"},
            "PeriodOverlaps",
        ),
        # last: the step asks what its registry was told of it
        Attempt("a second retirement", "suzhou", "retirement", retirement, {}, "BlockNotAvailable"),
    ]


def refuse_keys(world: World) -> Step:
    """Keys that may not, a stranger's and right ones of the wrong member: each transaction is mined, and reverted."""
    b = t.unit_blocks.c
    with world.index.reader.connect() as connection:
        query = select(t.unit_blocks).where(b.holder == SUZHOU.member, b.status == BlockStatus.AVAILABLE.value)
        block = connection.execute(query.limit(1)).mappings().one()
    filing = {
        "request": "0x" + "33" * 32,
        "native": "0x" + "44" * 32,
        "document": "0x" + "55" * 32,
        "definition": "0x" + "66" * 32,
        "validFrom": 1,
        "validUntil": 2,
        "supersedes": "0x" + "00" * 12,
        "lineage": "0x" + "00" * 32,
    }
    ledger, methodologies = world.deployment.address("CreditLedger"), world.deployment.address("Methodologies")
    retirement = retirement_of(block)
    in_its_name = encode_call("Methodologies", "file", [SHANGHAI.member, filing])
    stranger, hangzhou = LocalSigner.random(), world.key(HANGZHOU, "registrar")
    suzhou_voter = world.key(SUZHOU, "voter")
    attempts = [
        ("a stranger's key retires Suzhou's credits", stranger, ledger, retirement),
        ("Hangzhou's registrar retires Suzhou's", hangzhou, ledger, retirement),
        ("Suzhou's voter, who is no registrar", suzhou_voter, ledger, retirement),
        (
            f"Hangzhou's registrar files in Shanghai's name, beside {methodology_code(SHANGHAI)}",
            hangzhou,
            methodologies,
            in_its_name,
        ),
    ]
    rows: list[tuple[str | int, ...]] = []
    told = {}
    for what, signer, register, call in attempts:
        reverted = send_to_be_refused(
            world.node, world.deployment, signer, register, call, error="NotOfficer", what=what
        )
        rows.append((what, f"{reverted.block}", reverted.refusal.error, reverted.refusal.message))
        told[what] = reverted.to_json()
    lines = (
        f"{len(attempts)} transactions, signed and sent without asking first: each is in a block, reverted, and left "
        "the storage of every register as it was",
    )
    sheet = Sheet("Refused by the chain", ("attempt", "block", "error", "in words"), tuple(rows))
    return Step("keys", "Refused: another city's key", lines, (sheet,), {"refused": told})


def retirement_of(block: RowMapping) -> bytes:
    """The call that would retire a whole unit block (a row of `unit_blocks`), made without any registry."""
    retire = {
        "request": "0x" + "11" * 32,
        "series": block["series"],
        "blockFirst": block["first"],
        "first": block["first"],
        "last": block["last"],
        "purpose": int(Purpose.VOLUNTARY),
        "beneficiary": "0x" + "22" * 32,
        "complianceYear": 0,
    }
    return encode_call("CreditLedger", "retire", [retire])

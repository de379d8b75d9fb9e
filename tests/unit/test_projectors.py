"""Projectors: complete against every ABI, and after a rich random history what they made is what the contracts say.

The history is the property test's: random operations by several members on the real contracts in this process. Its logs
are decoded by the hub's own decoder and projected in uneven ranges; then every projection is held against the views.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Engine, Table, select

from hub.chain.artifacts import REGISTERS
from hub.chain.enums import Outcome
from hub.chain.events import RawLog, decode_of, topics_of
from hub.db import tables as t
from hub.db.engine import open_engine
from hub.index.holdings import SeriesNodes, root_of, series_tops, update_holdings
from hub.index.projectors import PROJECTORS
from hub.index.projectors.registry import Event, home
from hub.index.rows import Rows
from mutual_recognition.holdings import of_block
from mutual_recognition.holdings_tree import TOP, Tree, build, joined, member_root, runs_below
from mutual_recognition.holdings_tree import Run as SerialRun
from mutual_recognition.unit_blocks import BlockStatus
from tests.contracts.chain import Chain
from tests.contracts.deployment import Deployment
from tests.contracts.run_of_operations import Run, Tally
from tests.contracts.worlds import standard_world

OPERATIONS = 3_000


def test_projectors__one_for_every_event_of_every_register_and_no_more() -> None:
    expected = {(register, event.name) for register in REGISTERS for event in topics_of(register).values()}
    assert set(PROJECTORS) == expected | {key for key in PROJECTORS if key[1] == "Initialized"}


# -------------------------------------------------------------------- a history


@dataclass
class History:
    """Logs of every successful transaction, in order, with the block time."""

    transactions: list[tuple[int, list[tuple[str, tuple[str, ...], bytes]]]] = field(default_factory=list)

    def take(self, time: int, logs: Any) -> None:
        if logs:
            read = [
                (log.address.lower(), tuple("0x" + t.hex() for t in log.data[0]), bytes(log.data[1])) for log in logs
            ]
            self.transactions.append((time, read))

    def events(self, hub: Deployment) -> Iterator[Event]:
        """Decoded by the hub's decoder, as off a chain on which each transaction has a block of its own."""
        names = {register.address.lower(): name for name, register in hub.registers.items()}
        for block, (time, logs) in enumerate(self.transactions, 1):
            for place, (address, topics, data) in enumerate(logs):
                if address not in names:
                    continue  # an implementation behind a proxy, as it is created: nobody follows it
                hashes = ("0x" + f"{block:064x}", "0x" + f"{block:064x}")
                raw = RawLog(block, *hashes, 0, place, address, topics, data)
                decoded = decode_of(names[address], raw)
                yield Event(decoded.contract, decoded.name, decoded.args, block, place, time, raw.tx_hash)


@dataclass
class Projected:
    hub: Deployment
    run: Run
    engine: Engine
    seen: Counter[tuple[str, str]]

    def rows(self, table: Table) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    def settings(self) -> Mapping[str, Any]:
        return {row["name"]: row["value"] for row in self.rows(t.settings)}


@pytest.fixture(scope="module")
def projected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Projected]:
    history, seed = History(), 20260101
    with pytest.MonkeyPatch.context() as patch:
        deploy, transact = Chain.deploy, Chain.transact

        def noted_deploy(self: Chain, *args: Any, **words: Any) -> str:
            address = deploy(self, *args, **words)
            history.take(self.now, self._evm.result.logs if self._evm.result else ())
            return address

        def noted_transact(self: Chain, *args: Any, **words: Any) -> Any:
            receipt = transact(self, *args, **words)
            history.take(self.now, receipt._logs)
            return receipt

        patch.setattr(Chain, "deploy", noted_deploy)
        patch.setattr(Chain, "transact", noted_transact)
        run = Run(standard_world(seed), seed, Tally())
        for _ in range(OPERATIONS):
            run.step()
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('projected') / 'index.sqlite'}", durable=False)
    t.metadata.create_all(engine)
    seen = project(engine, list(history.events(run.hub)), random.Random(seed))
    yield Projected(run.hub, run, engine, seen)
    engine.dispose()


def project(engine: Engine, events: list[Event], rng: random.Random) -> Counter[tuple[str, str]]:
    """Applies the events in ranges of random size, with a unit of work that forgets now and then."""
    rows, at = Rows(t.PROJECTIONS), 0
    while at < len(events):
        size = rng.choice((1, 2, 7, 40, 300))
        with engine.begin() as connection:
            rows.begin(connection)
            for event in events[at : at + size]:
                PROJECTORS[event.contract, event.name](event, rows)
            update_holdings(rows, connection)
            rows.flush()
        if rng.random() < 0.3:
            rows.forget()
        at += size
    return Counter((event.contract, event.name) for event in events)


def raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


# -------------------------------------------------------------------- beside the contracts' views


def test_history__has_nearly_every_event(projected: Projected) -> None:
    missing = sorted(
        name for key in PROJECTORS if (name := key[1]) and not projected.seen[key] and key[1] != "Initialized"
    )
    assert len(missing) <= 10, missing
    assert sum(projected.seen.values()) > 2_000


def test_blocks__as_the_ledger_has_them__and_no_others(projected: Projected) -> None:
    ledger, model = projected.hub.ledger, projected.run.world.model
    rows = projected.rows(t.unit_blocks)
    assert {(raw(row["series"]), row["first"]) for row in rows} == {
        key for key, block in model.blocks.rows.items() if block.status
    }
    for row in rows:
        series, first = raw(row["series"]), row["first"]
        names = ("last", "issuance", "holder", "status", "holds", "factor_ppm", "entry", "purpose", "compliance_year")
        assert tuple(row[name] for name in names) == tuple(ledger.getBlock(series, first)), (row["series"], first)
        pledge = ledger.getPledge(series, first)
        assert (row["pledged_to"], row["pledged_until"]) == (str(pledge.institution).lower(), pledge.until)
        assert raw(row["beneficiary"]) == ledger.beneficiaryOf(series, first)


def test_holdings__of_every_member__are_the_tree_made_from_the_unit_blocks(projected: Projected) -> None:
    """The trees, kept up range by range, beside trees made from scratch of all blocks that a member can see."""
    to_member = {row["transfer"]: row["to_member"] for row in projected.rows(t.transfers)}
    seen: defaultdict[tuple[int, bytes], list[SerialRun]] = defaultdict(list)
    blocks = sorted(projected.rows(t.unit_blocks), key=lambda row: (row["series"], row["first"]))
    members = {row["holder"] for row in blocks} | set(to_member.values()) | {home(row["series"]) for row in blocks}
    for row in blocks:
        to = to_member[row["transfer"]] if row["status"] == BlockStatus.IN_TRANSIT.value else 0
        for member in members:
            place = of_block(member, home(row["series"]), row["holder"], row["status"], to)
            if place is not None:
                seen[member, raw(row["series"])].append(SerialRun(row["first"], row["last"], place))
    with projected.engine.connect() as connection:
        for member in members:
            expected = {}
            for (of, series), runs in seen.items():
                if of == member:
                    nodes = Tree()
                    top = build(joined(runs), nodes)
                    assert top is not None
                    expected[series] = top.hash()
                    kept = SeriesNodes(connection, member, series)
                    assert list(runs_below(kept, kept.get(TOP, 0))) == list(joined(runs))
            assert series_tops(connection, member) == expected
            assert root_of(connection, member)[0] == member_root(member, expected)
        statuses = {run.place.status for runs in seen.values() for run in runs if run.place}
    assert statuses == {"available", "in_transit", "pending", "retired", "cancelled"}
    assert len(members) > 3


def test_issuances__conserved__tally_by_status_is_the_ledgers(projected: Projected) -> None:
    """L1 and L2 on the projections: the blocks of an issuance tile it, and add up to the ledger's own tally."""
    by_issuance: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for block in projected.rows(t.unit_blocks):
        by_issuance[block["series"], block["issuance"]].append(block)
    used: Counter[tuple[str, int, int]] = Counter()
    for table, status in ((t.retirements, 4), (t.cancellations, 5)):
        for row in projected.rows(table):
            used[row["series"], row["issuance"], status] += row["last"] - row["first"] + 1
    issuances = projected.rows(t.issuances)
    kg = {row["series"]: row["kg_per_serial"] for row in projected.rows(t.series)}
    assert len(issuances) > 15
    for row in issuances:
        key = row["series"], row["first"]
        view, tally = projected.hub.ledger.getIssuance(raw(row["series"]), row["first"])
        counts, at = [0] * 5, row["first"]
        for block in sorted(by_issuance.pop(key), key=lambda block: block["first"]):
            assert block["first"] == at, f"a gap or overlap at {at} of {key}"
            counts[block["status"] - 1] += block["last"] - block["first"] + 1
            at = block["last"] + 1
        assert at == row["last"] + 1
        assert counts == list(tally)
        assert (used[(*key, 4)], used[(*key, 5)]) == (tally.retired, tally.cancelled)
        assert (row["last"], raw(row["verification"]), row["vintage"]) == (view.last, view.verification, view.vintage)
        assert row["kg"] == (row["last"] - row["first"] + 1) * kg[row["series"]]
        assert projected.hub.ledger.originOf(row["member"], raw(row["origin"])) == (raw(row["series"]), row["first"])
        assert row["reissue_of"] == projected.hub.ledger.reissueOf(raw(row["series"]), row["first"])
    assert not by_issuance


def test_series_and_verifications__as_the_ledger_has_them(projected: Projected) -> None:
    model, ledger = projected.run.world.model, projected.hub.ledger
    series, verifications = projected.rows(t.series), projected.rows(t.verifications)
    assert {raw(row["series"]) for row in series} == {
        key for key, row in model.series.rows.items() if row.kg_per_serial
    }
    assert {raw(row["verification"]) for row in verifications} == set(model.verifications.rows)
    for row in series:
        assert row["kg_per_serial"] == ledger.getSeries(raw(row["series"])).kgPerSerial
    for row in verifications:
        view = ledger.getVerification(raw(row["verification"]))
        stated = (raw(row["project"]), row["verified_kg"], row["drawn_kg"], row["period_start"])
        assert stated == (view.project, view.verifiedKg, view.drawnKg, view.periodStart)
        assert (row["period_stated"], row["voided"]) == (view.periodStated, view.voided)


def test_transfers__as_the_ledger_has_them(projected: Projected) -> None:
    rows = projected.rows(t.transfers)
    assert {raw(row["transfer"]) for row in rows} == set(projected.run.world.model.transfers.rows)
    assert {row["status"] for row in rows} == {1, 2, 3, 4, 5}
    for row in rows:
        view = projected.hub.ledger.getTransfer(raw(row["transfer"]))
        names = ("first", "to_member", "accept_from", "deadline", "status", "cosign_pending")
        assert tuple(row[name] for name in names) == tuple(view)[1:], row["transfer"]
        assert raw(row["series"]) == view.series


def test_members_and_officers__as_the_consortium_has_them(projected: Projected) -> None:
    consortium, model = projected.hub.consortium, projected.run.world.model
    officers: defaultdict[int, set[str]] = defaultdict(set)
    for row in projected.rows(t.officers):
        view = consortium.getOfficer(row["account"])
        assert (row["member"], row["roles"], row["valid_until"]) == (view.member, view.roles, view.validUntil)
        officers[row["member"]].add(row["account"])
    members = projected.rows(t.members)
    assert {row["member"] for row in members} == {key for key, row in model.members.rows.items() if row.kind}
    for row in members:
        view = consortium.getMember(row["member"])
        names = ("kind", "seat", "parent", "joined_at", "left_at")
        assert tuple(row[name] for name in names) == tuple(view), row["member"]
        there = {account.lower() for account in consortium.officers(row["member"])}
        assert officers[row["member"]] == set(row["accounts"]) == there, row["member"]


def test_ballots_and_rules__as_the_consortium_has_them(projected: Projected) -> None:
    consortium = projected.hub.consortium
    seats: dict[int, int] = {}
    choices: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for row in projected.rows(t.members):
        seats[row["member"]] = row["seat"]
    for row in projected.rows(t.votes):
        choices[row["ballot"]].append((row["member"], row["choice"], row["revision"]))
    executed = 0
    for row in projected.rows(t.ballots):
        electorate, invited, *maps = consortium.tally(raw(row["ballot"]))
        assert (int(row["electorate"], 16), int(row["invited"], 16)) == (electorate, invited)
        for choice in (1, 2, 3):
            assert sum(1 for _, chosen, _ in choices[row["ballot"]] if chosen == choice) == maps[choice - 1].bit_count()
        outcome = consortium.outcome(raw(row["ballot"]))
        executed += bool(row["executed_at"])
        assert bool(row["executed_at"]) == (outcome == Outcome.EXECUTED)
    assert executed > 20
    for row in projected.rows(t.ballot_rules):
        names = ("quorum_ppm", "approval_ppm", "min_voting", "max_voting", "delay", "execute_within")
        assert tuple(row[name] for name in names) == tuple(consortium.getRule(row["kind"]))
    for row in projected.rows(t.allowed_calls):
        allowed, kind = consortium.kindOfCall(row["target"], raw(row["selector"]))
        assert row["allowed"] == allowed
        assert not allowed or row["kind"] == kind
    settings = projected.settings()
    assert tuple(settings["pause_rule"].values()) == tuple(consortium.getPauseRule())
    for name in settings:
        if name.startswith("register:"):
            assert consortium.isRegister(name.removeprefix("register:"))
    rules = projected.hub.ledger.getTransferRules()
    assert [int(value) for value in settings["transfer_rules"].values()] == list(rules)


def test_filings__as_the_registers_have_them(projected: Projected) -> None:
    hub, model = projected.hub, projected.run.world.model
    methodologies, projects = projected.rows(t.methodologies), projected.rows(t.projects)
    assert {raw(row["methodology"]) for row in methodologies} == set(model.methodologies.rows)
    assert {raw(row["project"]) for row in projects} == set(model.projects.rows)
    for row in methodologies:
        view = hub.methodologies.getMethodology(raw(row["methodology"]))
        stated = (row["status"], row["holds"], row["valid_from"], row["valid_until"], raw(row["supersedes"]))
        assert stated == (view.status, view.holds, view.validFrom, view.validUntil, view.supersedes)
        assert row["block_time"] == view.filedAt
    for row in projects:
        view = hub.projects.getProject(raw(row["project"]))
        names = ("status", "holds", "mechanism", "crediting_start", "crediting_end", "revision")
        seen = (view.status, view.holds, view.mechanism, view.creditingStart, view.creditingEnd, view.revision)
        assert tuple(row[name] for name in names) == seen, row["project"]
        assert raw(row["methodology"]) == view.methodology
    claimed = {raw(row["asset"]): raw(row["project"]) for row in projected.rows(t.assets)}
    assert claimed == {asset: project for asset, project in model.claimants.rows.items() if any(project)}
    assert all(hub.projects.claimant(asset) == project for asset, project in claimed.items())
    for row in projected.rows(t.external_locks):
        view = hub.projects.getLock(raw(row["lock"]))
        assert (raw(row["project"]), row["status"], row["mechanism"]) == (view.project, view.status, view.mechanism)


def test_recognition__as_the_register_has_it(projected: Projected) -> None:
    hub, model = projected.hub, projected.run.world.model
    standing = projected.rows(t.recognitions)
    there = {key for key, row in model.standings.rows.items() if row.terms}
    assert {(raw(row["subject"]), row["member"]) for row in standing} == there
    for row in standing:
        view = hub.recognition.getStanding(raw(row["subject"]), row["member"])
        assert (row["terms"], row["suspended"], row["revoked"]) == tuple(view), row["subject"]
    for row in projected.rows(t.terms):
        terms, ballot = hub.recognition.getTerms(row["terms"])
        cap = 2**64 - 1 if row["annual_cap_kg"] is None else int(row["annual_cap_kg"])
        names = ("factor_ppm", "uses", "valid_from", "valid_until")
        stated = (*(row[name] for name in names), cap, row["covers_every_project"])
        assert (stated, raw(row["ballot"])) == (tuple(terms), ballot)
    for row in projected.rows(t.cap_use):
        assert row["arrived_kg"] == hub.recognition.arrivedKg(row["terms"], row["year"])
    entries = {row["entry"]: row for row in projected.rows(t.entries)}
    assert set(entries) == set(model.entries.rows)
    for block in projected.rows(t.unit_blocks):
        assert not block["entry"] or entries[block["entry"]]["member"] == block["holder"] or block["status"] == 5


def test_holds__as_the_register_has_them(projected: Projected) -> None:
    rows = projected.rows(t.holds)
    placed = {key for key, hold in projected.run.world.model.holds.rows.items() if hold.until}
    assert {raw(row["hold"]) for row in rows} == placed
    for row in rows:
        view = projected.hub.holds.getHold(raw(row["hold"]))
        assert (row["member"], row["reason"], row["until"]) == (view.member, view.reason, view.until)
        assert (bool(row["ended_at"]), raw(row["evidence"])) == (view.ended, view.evidence)
        assert [raw(subject) for subject in row["subjects"]] == list(view.subjects)


def test_life_of_a_serial__its_events_end_where_its_block_is(projected: Projected) -> None:
    """The last event of a few hundred serials explains the status that their block has."""
    back = {"transfer_rejected", "transfer_withdrawn", "transfer_expired", "pledge_released"}
    ends = {
        1: {"issued", "transfer_accepted", *back},
        2: {"transfer_proposed"},
        3: {"pledged"},
        4: {"retired"},
        5: {"corrected", "cancelled", "cut"},
    }
    events: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(projected.rows(t.serial_events), key=lambda r: (r["block_number"], r["log_index"], r["part"])):
        events[row["series"], row["issuance"]].append(row)
    for block in projected.rows(t.unit_blocks)[:600]:
        for serial in {block["first"], block["last"]}:
            life = [
                row["event"]
                for row in events[block["series"], block["issuance"]]
                if row["first"] <= serial <= row["last"] and not row["event"].startswith("h")  # held, hold_lifted ...
            ]
            assert life[0] == "issued"
            assert life[-1] in ends[block["status"]], (block, life)


def test_requests__under_the_member_that_made_them(projected: Projected) -> None:
    rows = projected.rows(t.requests)
    assert len(rows) > 500
    by_nobody = {row["event"] for row in rows if not row["member"]}
    assert by_nobody <= {"HoldPlaced", "HoldLifted"}, "what a ballot orders is nobody's own"
    assert {row["member"] for row in rows} <= {0} | {row["member"] for row in projected.rows(t.members)}
    issued = {row["request"]: row["member"] for row in projected.rows(t.issuances)}
    noted = {(row["request"], row["member"]) for row in rows}
    assert all((request, member) in noted for request, member in issued.items())

"""Hefei end to end: a workbook on the chain, and the way back by a person, who types what is asked and says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import select

from adapters.protocol import EffectKind
from adapters.sandbox.process import SandboxProcess
from adapters.sync.engine import PassReport
from hub.bootstrap import open_sync
from hub.db import tables as t
from hub.errors import RecordRefused
from hub.index.queries_totals import balance
from mutual_recognition import identifiers as ids
from mutual_recognition.documents import Json
from tests.adapters.city_registries import HEFEI, account_of, hefei_adapter
from tests.integration.consortium import ASSET_KEY, SUZHOU, City, methodology
from tests.integration.folder_registry import REGISTRY

pytestmark = pytest.mark.slow
PHOTOVOLTAIC = ids.methodology_id(HEFEI, "hefei-sandbox", "DEMO-HF-PV-01", "V1")


class Office:
    """Hefei's office: the workbook, its sync, and a clerk who works the list off."""

    def __init__(self, process: SandboxProcess, city: City) -> None:
        self.process, self.city = process, city
        self.adapter = hefei_adapter(process, peers={"320500": REGISTRY})

    def sync(self) -> PassReport:
        """One pass over the workbook as it stands."""
        self.process.control("save-workbook")
        with open_sync(
            self.city.index, self.adapter, self.city.signer, self.city.journal_file, asset_key=ASSET_KEY
        ) as (engine, _):
            return engine.run_once()

    def todo(self) -> dict[str, Mapping[str, Json]]:
        """The work list, each item in the clerks' words, by its kind."""
        with self.city.journal() as journal:
            return {task.effect.kind.value: self.adapter.instructions(task.effect) for task in journal.todo()}

    def say_so(self, key: str, reference: str) -> None:
        """Somebody says that he booked it."""
        with self.city.journal() as journal:
            journal.settle_by_hand(key, by="示例经办人", reference=reference)

    def type_and_say_so(self, told: Mapping[str, Json]) -> None:
        """The clerk types the row, sees the office's own answer beside it, and confirms with it."""
        answer = self.process.control("type-booking", row=told["row"])
        assert answer["result"] == "已办", answer
        self.say_so(str(told["key"]), answer["note"])


@pytest.fixture
def office(city: Callable[[int], City], tmp_path: Path) -> Iterator[Office]:
    (tmp_path / str(HEFEI)).mkdir()
    with SandboxProcess("hefei", tmp_path / "hefei" / "registry") as process:
        yield Office(process, city(HEFEI))


def transfers(city: City) -> list[tuple[int, int, int]]:
    """From, to and state of every transfer on the chain."""
    x = t.transfers.c
    with city.index.reader.connect() as connection:
        assert balance(connection, {}).adds_up
        query = select(x.from_member, x.to_member, x.status).order_by(x.block_number, x.log_index)
        return [tuple(row) for row in connection.execute(query)]


def test_workbook_on_the_chain__and_a_day_of_edits_costs_what_changed(office: Office) -> None:
    report = office.sync()
    assert (report.read, report.faults, report.held, report.trouble) == (18, 0, 0, [])
    assert (office.sync().read, office.city.counts()["inbox"]) == (0, {"settled": 18})
    first = "合碳示例〔签发〕0001号"
    office.process.control("type-cell", sheet="签发", row=first, heading="签发日", text="２０２４年4月2日")
    again = office.sync()
    assert (again.read, again.written, again.held) == (1, 0, 0), "the same day typed otherwise asks for nothing"
    office.process.control("delete-row", sheet="签发", row=first)
    gone = office.sync()
    assert (gone.read, gone.faults, gone.written) == (0, 1, 0)
    with office.city.journal() as journal:
        assert [(fault["code"], fault["value"]) for fault in journal.faults()] == [("row_vanished", first)]
    office.process.control("restore-row", sheet="签发", row=first)
    office.process.control("type-cell", sheet="签发", row=first, heading="签发日", text="２０２４年4月2日")
    back = office.sync()
    assert (back.written, back.held) == (0, 0), "a row that is back is no new record"


def test_transfer_out__told_by_a_person__nothing_is_confirmed_before_he_says_so(office: Office, suzhou: City) -> None:
    office.sync()
    suzhou.hub.recognise(ids.subject(ids.Kind.METHODOLOGY, PHOTOVOLTAIC), [SUZHOU], factorPpm=900_000)
    account = account_of(office.process)
    locked = office.process.control("request-transfer", account=account, quantity_kg=1000, to_member=str(SUZHOU))
    report = office.sync()
    assert (report.told, report.held, report.trouble) == (0, 0, [])
    todo = office.todo()
    told = todo["transfer_proposed"]
    assert told["sheet"] == "互认登记"
    assert told["row"]["转移编号"] == locked["native_id"]
    assert told["row"]["事项编号"] == told["item"]
    key = str(told["key"])

    # typed, seen, and still not confirmed: the hub never guesses
    office.process.control("type-booking", row=told["row"])
    assert "sheet 互认登记 row 4" in office.adapter.sightings([key])[key]
    office.sync()
    assert office.todo()["transfer_proposed"]["key"] == key
    office.say_so(key, "登记000001号")
    assert "transfer_proposed" not in office.todo()
    with pytest.raises(RecordRefused):
        office.say_so(key, "登记000001号")

    suzhou.sync()
    (incoming,) = suzhou.registry.booked(EffectKind.TRANSFER_INCOMING.value)
    suzhou.registry.write("decision", "D1", {"transfer": incoming["detail"]["transfer"], "accept": True})
    suzhou.sync()
    office.sync()
    for told in office.todo().values():
        office.type_and_say_so(told)
    assert office.todo() == {}
    (transfer,) = office.process.records("transfer_out")
    assert (transfer["status"], transfer["accepted_kg"], transfer["cut_kg"]) == ("accepted", 900, 100)
    assert office.process.state()["consistent"]
    again = office.sync()
    assert (again.written, again.told, again.held, office.todo()) == (0, 0, 0, {})
    away = [holding for holding in office.adapter.holdings() if holding.holder == SUZHOU]
    assert sum(holding.serials.count for holding in away) == 900
    assert len(transfers(suzhou)) == 1


def test_transfer_in__the_clerk_books_it_pending__answers_in_the_sheet__and_releases_it(
    office: Office, suzhou: City
) -> None:
    suzhou.begin()
    suzhou.sync()
    suzhou.hub.recognise(ids.subject(ids.Kind.METHODOLOGY, methodology(SUZHOU)), [HEFEI], factorPpm=600_000)
    suzhou.registry.write("transfer", "T1", {"serials": [101, 200], "to": HEFEI})
    suzhou.sync()
    office.sync()
    incoming = office.todo()["transfer_incoming"]
    assert incoming["row"]["对方"] == "苏州市"
    office.type_and_say_so(incoming)
    office.sync()  # 同意 stands in 转入 now, and goes to the chain
    final = office.todo()["transfer_completed"]
    assert final["row"]["实收号段"] == "S（320500，每号1千克）：00000101至00000160"
    for told in office.todo().values():
        office.type_and_say_so(told)
    (transfer,) = office.process.records("transfer_in")
    assert (transfer["status"], transfer["received_kg"]) == ("final", 60)
    held = [h for h in office.adapter.holdings() if h.series.member == SUZHOU]
    assert [(h.serials.first, h.serials.last, h.status) for h in held] == [(101, 160, "available")]
    assert office.process.state()["consistent"]
    assert len(transfers(suzhou)) == 1

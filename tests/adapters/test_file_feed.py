"""A fifth registry, by mapping and form alone: JSON lines in a folder, its own names, kg, nested ranges, instants as
versions, one record for verification and issuance; and the same form over CSV. All of it illustrative (示例)."""

from __future__ import annotations

import csv
import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.acceptance import Drift, Result, Trial, run_checks
from adapters.city import records as city
from adapters.city.columns import Column, Shape, day, decimal, kilograms, member, needed, one_of, text, whole
from adapters.city.effect_files import EffectFiles
from adapters.city.feed import REISSUE_FIRST
from adapters.city.file_feed import FileFeedAdapter, FileFeedSettings, FileForm
from adapters.city.mapping import CityMapping, EffectForm, HoldingLine
from adapters.city.readings import (
    flag,
    instant,
    listed,
    number_in,
    parameters_from_text,
    single,
    split,
    units_from_fields,
    units_from_text,
    version_from,
)
from adapters.city.records import Status
from adapters.protocol import Effect, EffectKind
from adapters.transports.jsonlines import JsonLine, read_json_lines
from adapters.transports.tables import Fault
from hub.errors import ConfigurationWrong, RecordRefused, RetryLater
from mutual_recognition import records as canonical
from mutual_recognition.purposes import Purpose
from mutual_recognition.quantities import MassUnit
from mutual_recognition.refusal import Refusal
from mutual_recognition.serials import SerialRange

MEMBER = 330200
STATUSES = {"ok": Status.VALID, "live": Status.REGISTERED, "out": Status.ISSUED, "here": Status.AVAILABLE}
STATUSES |= {"used": Status.RETIRED}
_status, _kg, _serial = one_of(STATUSES), kilograms(MassUnit.KILOGRAM), number_in(r"NB-([0-9]+)")
_range = units_from_fields(
    series="ser", first="range.from", last="range.to", home=MEMBER, kg_per_serial=1, serial=_serial
)
_IGNORED = frozenset({"ser", "range.from", "range.to"})


def columns(*each: tuple[str, str, Any]) -> tuple[Column, ...]:
    return tuple(Column(*one) for one in each)


PROJECT = Shape(
    "project",
    city.Project,
    columns(
        ("pid", "native_id", needed),
        ("title", "name_zh", needed),
        ("method", "methodology", needed),
        ("since", "crediting_start", day),
        ("until", "crediting_end", day),
        ("in_ets", "ets_site", flag(True, False)),
        ("state", "status", _status),
    ),
    constants={
        **dict.fromkeys(("name_en", "site", "co_benefits", "other_mechanism"), ""),
        "proponent": "示例",
        "uscc": "91330200MAXX00001A",
        "life_years": 20,
        "rural": False,
        "assets": (),
        **dict.fromkeys(("longitude", "latitude", "capacity_kw"), decimal("1")),
    },
    derived={"grid_date": lambda r: day(r["since"]), "registered_on": lambda r: day(r["since"])},
)
VERIFIED = Shape(
    "credit",
    city.Verification,
    columns(
        ("cid", "native_id", needed),
        ("pid", "project", needed),
        ("period.start", "period_start", day),
        ("period.end", "period_end", day),
        ("kwh", "activity_kwh", decimal),
        ("ef", "emission_factor", decimal),
        ("kg", "verified_kg", _kg),
    ),
    constants={"verifier": "", "report_sha256": "00", "status": Status.VALID},
    derived={"verified_on": lambda r: day(r["period.end"])},
    ignored=_IGNORED,
)
ISSUED = Shape(
    "credit",
    city.Issuance,
    columns(
        ("cid", "native_id", needed),
        ("pid", "project", needed),
        ("kg", "quantity_kg", _kg),
        ("ser", "series", needed),
        ("range.from", "serial_first", _serial),
        ("range.to", "serial_last", _serial),
        ("replaces", "reissue_of", text),
    ),
    beside=(Column(REISSUE_FIRST, "reissue_first", lambda value: _serial(value) if value else 0),),
    constants={"kg_per_serial": 1, "account": "", "status": Status.ISSUED},
    derived={
        "verification": lambda r: needed(r["cid"]),
        "vintage": lambda r: day(r["period.start"]).year,
        "issued_on": lambda r: day(r["period.end"]),
    },
    optional=frozenset({"replaces"}),
)
USED = Shape(
    "use",
    city.Retirement,
    columns(
        ("uid", "native_id", needed),
        ("kg", "quantity_kg", _kg),
        ("why", "purpose", needed),
        ("who", "beneficiary", text),
        ("on", "retired_on", day),
    ),
    constants={"account": "", "beneficiary_uscc": "", "compliance_year": 0, "reason": ""},
    derived={"ranges": single(_range)},
    optional=frozenset({"who"}),
    ignored=_IGNORED,
)
BOOKS = Shape(
    "book",
    HoldingLine,
    columns(("state", "status", _status)),
    derived={"units": _range},
    ignored=_IGNORED,
)
MAPPING = CityMapping(
    "示例宁波登记簿 / illustrative",
    {"project": PROJECT, "credit": (VERIFIED, ISSUED), "use": USED},
    {"fun": Purpose.EVENT_NEUTRALITY},
    holding=BOOKS,
    effects=EffectForm(
        what="what", lists=False, write_units=lambda u: f"{u.series}:{u.serials.first}-{u.serials.last}"
    ),
    passed_over={"note": "notices for people"},
)
FORM = FileForm(
    files="feed-*.jsonl",
    kind="type",
    kinds={"scheme": "project"},
    version="changed",
    read_version=version_from(instant()),
    envelope=("exported",),
    holdings="books-*.jsonl",
)
EFFECTS = EffectFiles(key="key", result="result", accepted=frozenset({"booked"}), receipts="receipts/*.jsonl")

AT = "2026-03-01T08:00:00"
P1: dict[str, Any] = {
    "type": "scheme",
    "changed": AT,
    "exported": "x",
    "pid": "NB-P1",
    "title": "示例项目",
    "method": "M-1/V1",
}
P1 |= {"since": "2023-01-01", "until": "2032-12-31", "in_ets": False, "state": "live"}
C1: dict[str, Any] = {
    "type": "credit",
    "changed": AT,
    "exported": "x",
    "cid": "NB-C1",
    "pid": "NB-P1",
    "kwh": 1000.5,
    "ef": "0.42",
}
C1 |= {"period": {"start": "2024-01-01", "end": "2024-12-31"}, "kg": "420", "ser": "NB24"}
C1 |= {"range": {"from": "NB-000001", "to": "NB-000420"}}
C2 = C1 | {"cid": "NB-C2", "period": {"start": "2025-01-01", "end": "2025-12-31"}, "kg": 10, "replaces": "NB-C1"}
C2 |= {"range": {"from": "NB-000421", "to": "NB-000430"}}
U1: dict[str, Any] = {
    "type": "use",
    "changed": AT,
    "exported": "x",
    "uid": "NB-U1",
    "kg": 20,
    "why": "fun",
    "who": "示例受益人",
}
U1 |= {"on": "2026/3/1", "ser": "NB24", "range": {"from": "NB-000001", "to": "NB-000020"}}
N1 = {"type": "note", "changed": AT, "exported": "x", "words": "示例"}


def lines(*records: Mapping[str, Any]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def book(first: int, last: int, state: str) -> dict[str, Any]:
    return {"ser": "NB24", "range": {"from": f"NB-{first:06d}", "to": f"NB-{last:06d}"}, "state": state}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "delivered"
    (made / "receipts").mkdir(parents=True)
    (made / "in").mkdir()
    (made / "feed-1.jsonl").write_text(lines(P1, C1), encoding="utf-8")
    (made / "feed-2.jsonl").write_text(lines(C2, N1), encoding="gb18030")
    (made / "feed-10.jsonl").write_text(lines(U1), encoding="utf-8-sig")
    (made / "books-1.jsonl").write_text(lines(book(1, 430, "here")))
    (made / "books-2.jsonl").write_text(lines(book(1, 20, "used"), book(21, 430, "here")))
    return made


def opened(folder: Path, form: FileForm = FORM, mapping: CityMapping = MAPPING, **more: Any) -> FileFeedAdapter:
    settings = {"name": "ningbo", "member": MEMBER, "registry": "ningbo", "folder": folder, "page_size": 2}
    settings |= {"secret_file": folder.parent / "secret", "patience": 0, "answer_seconds": 3}
    return FileFeedAdapter(FileFeedSettings(**(settings | more)), mapping, form)


def names(adapter: FileFeedAdapter, cursor: str = "") -> list[str]:
    return [record.native_id for page in adapter.read(cursor) for record in page.records]


def last_cursor(adapter: FileFeedAdapter) -> str:
    return list(adapter.read(""))[-1].cursor


def test_fifth_registry__passes_the_acceptance_suite(folder: Path, tmp_path: Path) -> None:
    @contextmanager
    def down() -> Any:
        folder.rename(tmp_path / "unmounted")
        yield
        (tmp_path / "unmounted").rename(folder)

    @contextmanager
    def drifted() -> Any:
        feed = folder / "feed-10.jsonl"
        kept = feed.read_bytes()
        feed.write_text(lines({("quantity" if name == "kg" else name): value for name, value in U1.items()}))
        yield Drift(opened(folder), "kg", "quantity")
        feed.write_bytes(kept)

    trial = Trial(
        open=lambda: opened(folder),
        uninteresting=MAPPING.passed_over,
        private=lambda record: opened(folder).private_words(record),
        down=down,
        drifted=drifted,
        may_write=True,
    )
    results = {outcome.check.name: outcome for outcome in run_checks(trial)}
    results.pop("foundations_come_first")  # this registry files no methodology: its project's is of another feed
    assert not {name: o.reason for name, o in results.items() if o.result is Result.FAILED}
    assert results["a_registry_that_is_down_is_retried_later"].result is Result.PASSED
    assert results["schema_drift_names_the_fields"].result is Result.PASSED
    assert results["a_person_is_told_what_to_book"].result is Result.PASSED


def test_record_of_two_kinds__becomes_both__with_units_serials_and_what_it_replaces(folder: Path) -> None:
    with closing(opened(folder)) as adapter:
        given = [r for page in adapter.read("") for r in page.records]
        made = [r for native in given for r in adapter.translate(native)]
    verified = [r for r in made if isinstance(r, canonical.Verification)]
    issued = [r for r in made if isinstance(r, canonical.Issuance)]
    assert [(r.verified_kg, r.project) for r in verified] == [(420, "NB-P1"), (10, "NB-P1")]
    assert [(r.serials, r.quantity_kg, r.vintage, r.reissue_of) for r in issued] == [
        (SerialRange(1, 420), 420, 2024, 0),
        (SerialRange(421, 430), 10, 2025, 1),
    ]
    (used,) = [r for r in made if isinstance(r, canonical.Retirement)]
    assert (used.serials, used.purpose, len(used.beneficiary)) == (SerialRange(1, 20), Purpose.EVENT_NEUTRALITY, 32)


def test_refusal__speaks_of_the_registrys_own_fields(folder: Path) -> None:
    (folder / "feed-11.jsonl").write_text(lines(U1 | {"uid": "NB-U2", "kg": "21"}, U1 | {"uid": "NB-U3", "on": "soon"}))
    with closing(opened(folder)) as adapter:
        bad = [r for page in adapter.read("") for r in page.records][-2:]
        for record, field in zip(bad, ("kg", "on"), strict=True):
            with pytest.raises(RecordRefused) as caught:
                adapter.translate(record)
            assert caught.value.field == field
            assert "feed-11.jsonl row" in str(caught.value.where)


# ------------------------------------------------------------------ files that misbehave


def test_files__are_read_by_number__and_a_new_one_is_read_from_the_cursor(folder: Path) -> None:
    with closing(opened(folder)) as adapter:
        first, second, third, note, last = names(adapter)
        assert [first, second, third, last] == ["NB-P1", "NB-C1", "NB-C2", "NB-U1"]
        assert note.startswith("note-")
        cursor = last_cursor(adapter)
        assert names(adapter, cursor) == []
        (folder / "feed-11.jsonl").write_text(lines(U1 | {"uid": "NB-U2"}))
        assert names(adapter, cursor) == ["NB-U2"]


def test_file_grown__is_read_from_where_it_was_left(folder: Path) -> None:
    with closing(opened(folder)) as adapter:
        cursor = last_cursor(adapter)
        with (folder / "feed-10.jsonl").open("a") as file:
            file.write(lines(U1 | {"uid": "NB-U2"}))
        assert names(adapter, cursor) == ["NB-U2"]


@pytest.mark.parametrize("late", [True, False])
def test_file_that_came_late_or_was_replaced__everything_is_looked_at_again(folder: Path, late: bool) -> None:
    with closing(opened(folder)) as adapter:
        cursor = last_cursor(adapter)
        target = folder / ("feed-3.jsonl" if late else "feed-10.jsonl")
        target.write_text(lines(U1 | {"uid": "NB-U0"}))
        assert "NB-U0" in names(adapter, cursor)
        if late:
            assert names(adapter, cursor)[0] == "NB-P1"
        assert names(adapter, last_cursor(adapter)) == []


def test_line_cut_short__is_waited_for__then_a_fault(folder: Path) -> None:
    whole_line = lines(U1 | {"uid": "NB-U2"})
    target = folder / "feed-11.jsonl"
    target.write_text(whole_line[:40])
    with closing(opened(folder, patience=3600)) as patient, closing(opened(folder)) as impatient:
        before = last_cursor(patient)
        assert not [fault for page in patient.read("") for fault in page.faults]
        (fault,) = [fault for page in impatient.read("") for fault in page.faults]
        assert fault.code == "record_cut_short"
        cursor = last_cursor(impatient)
        target.write_text(whole_line)
        assert names(patient, before) == ["NB-U2"]
        assert names(impatient, cursor) == ["NB-U2"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{", "record_broken"),
        ("[1]", "record_broken"),
        ('{"a": NaN}', "record_broken"),
        ('{"a": 1, "a": 2}', "record_broken"),
        ('{"a": {"b": 1}, "a.b": 2}', "name_twice"),
        ("{" * 2000, "record_broken"),
    ],
)
def test_json_line_that_cannot_be_read__is_a_fault_and_the_others_go_on(tmp_path: Path, line: str, code: str) -> None:
    file = tmp_path / "x.jsonl"
    file.write_text(f'{{"n": 1.10, "big": {2**70}}}\n\n{line}\n{{"n": {{"deep": [1, {{"kept": true}}]}}}}\n')
    first, fault, last = list(read_json_lines(file))
    assert isinstance(first, JsonLine)
    assert first.values == {"n": "1.10", "big": 2**70}  # no binary float
    assert isinstance(fault, Fault)
    assert (fault.code, fault.source.row) == (code, 3)
    assert isinstance(last, JsonLine)
    assert last.values == {"n.deep": [1, {"kept": True}]}


def test_unknown_kind__is_kept_for_later__and_no_number_is_a_fault(folder: Path) -> None:
    (folder / "feed-11.jsonl").write_text(lines({"type": "tree", "changed": AT, "tid": 7}, P1 | {"changed": "?"}))
    with closing(opened(folder)) as adapter:
        pages = list(adapter.read(""))
        (unknown,) = [r for page in pages for r in page.records if r.kind == "tree"]
        with pytest.raises(RecordRefused) as caught:
            adapter.translate(unknown)
        assert caught.value.code == "kind_unknown"
        (fault,) = [fault for page in pages for fault in page.faults]
        assert "feed-11.jsonl row 2" in fault.source


def test_cursor_of_somebody_else__is_refused(folder: Path) -> None:
    with closing(opened(folder)) as adapter, pytest.raises(ConfigurationWrong) as caught:
        list(adapter.read("17:0"))
    assert caught.value.code == "cursor_invalid"


# ------------------------------------------------------------------ effects and receipts


def an_effect(number: int) -> Effect:
    series = canonical.SeriesName(code="NB24", member=MEMBER, registry="ningbo")
    detail = {"holder": 310000, "purpose": 3, "kg_per_serial": 1, "kg": 5}
    key = f"retired_elsewhere:{number:040d}"
    return Effect(
        key, EffectKind.RETIRED_ELSEWHERE, series, SerialRange(21, 25), detail, 9, "2026-03-01T00:00:00+00:00"
    )


def registry(folder: Path, answer: Callable[[dict[str, Any]], dict[str, Any]], stop: threading.Event) -> None:
    """A registry that books what it finds in `in/`, each key once."""
    while not stop.is_set():
        for path in sorted((folder / "in").glob("effect_*")):
            receipt = folder / "receipts" / f"{path.name}.jsonl"
            if not receipt.exists():
                content = path.read_text()
                told = next(csv.DictReader(content.splitlines())) if path.suffix == ".csv" else json.loads(content)
                hidden = receipt.with_suffix(".tmp")
                hidden.write_text(lines({"key": told["key"]} | answer(told)))
                hidden.rename(receipt)
        time.sleep(0.02)


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_effects__go_as_files__and_receipts_come_back__once(folder: Path, ending: str) -> None:
    form = replace(FORM, effects=replace(EFFECTS, name=f"effect_{{key}}.{ending}"))
    stop, asked = threading.Event(), []

    def answer(told: dict[str, Any]) -> dict[str, Any]:
        asked.append(told)
        refused = told["key"].endswith("2")
        return {"result": "no" if refused else "booked", "reason": "unknown" if refused else "", "reference": "B-7"}

    clerk = threading.Thread(target=registry, args=(folder, answer, stop))
    clerk.start()
    try:
        with closing(opened(folder, form)) as adapter:
            assert adapter.profile.idempotent_push
            assert adapter.profile.lookup
            one, two = an_effect(1), an_effect(2)
            assert adapter.lookup([one.key]) == {}
            given = {receipt.key: receipt for receipt in adapter.push([one, two])}
            assert (given[one.key].accepted, given[one.key].reference) == (True, "B-7")
            assert (given[two.key].accepted, given[two.key].reason) == (False, "unknown")
            assert adapter.push([one])[0].accepted
        with closing(opened(folder, form)) as another:
            assert set(another.lookup([one.key, two.key])) == {one.key}
    finally:
        stop.set()
        clerk.join()
    assert len(asked) == 2
    assert asked[0]["ranges"] == "NB24:21-25"


def test_effects__unanswered__are_retried_later_and_stay(folder: Path) -> None:
    with closing(opened(folder, replace(FORM, effects=EFFECTS), answer_seconds=0.2)) as adapter:
        for _ in range(2):
            with pytest.raises(RetryLater) as caught:
                adapter.push([an_effect(1)])
            assert caught.value.code == "receipt_awaited"
    assert len(list((folder / "in").iterdir())) == 1


# ------------------------------------------------------------------ the same over CSV


def test_csv__by_the_same_form__with_kinds_by_file_name(tmp_path: Path) -> None:
    folder = tmp_path / "csv"
    folder.mkdir()

    def write(name: str, *records: Mapping[str, Any]) -> None:
        flat = [{k: v for k, v in r.items() if k not in ("type", "range", "in_ets")} for r in records]
        for row, record in zip(flat, records, strict=True):
            row.update({"in_ets": "N"} if "in_ets" in record else {})
            row.update({f"range.{k}": v for k, v in record.get("range", {}).items()})
        with (folder / name).open("w", newline="", encoding="gb18030") as file:
            writer = csv.DictWriter(file, list(flat[0]))
            writer.writeheader()
            writer.writerows(flat)

    write("use_000002.csv", U1)
    write("scheme_000001.csv", P1)
    project = replace(
        PROJECT,
        columns=tuple(
            Column("in_ets", "ets_site", flag("Y", "N")) if c.name == "in_ets" else c for c in PROJECT.columns
        ),
    )
    mapping = replace(MAPPING, shapes={"project": project, "use": USED})
    form = replace(FORM, files="*.csv", kind="", holdings="")
    with closing(opened(folder, form, mapping)) as adapter:
        records = [r for page in adapter.read("") for r in page.records]
        assert [r.native_id for r in records] == ["NB-P1", "NB-U1"]
        kinds = [type(made).__name__ for r in records for made in adapter.translate(r)]
        assert kinds == ["ProjectRegistration", "Retirement"]
        with pytest.raises(ConfigurationWrong):
            list(adapter.holdings())
        (folder / "use_000002.csv").rename(folder / "tree_000002.csv")
        with pytest.raises(ConfigurationWrong, match="kind"):
            list(adapter.read(""))


# ------------------------------------------------------------------ readings


def test_readings__of_ranges_in_texts() -> None:
    read = split(
        ";",
        units_from_text(r"(?P<home>[0-9]{6})/(?P<series>[^:]+):(?P<first>[0-9]+)-(?P<last>[0-9]+)", kg_per_serial=1000),
    )
    (one, two) = read("330200/A:1-2; 310000/B:00000７-9")
    assert (one.home, one.series, one.serials, one.kg) == (330200, "A", SerialRange(1, 2), 2000)
    assert (two.home, two.serials) == (310000, SerialRange(7, 9))
    for wrong in ("330200/A:2-1", "A:1-2", "330200/A:1-"):
        with pytest.raises(Refusal):
            read(wrong)


def test_readings__of_ranges_in_lists_parameters_flags_and_instants() -> None:
    read = listed(units_from_fields(series="s", first="a", last="b", home="h", kg_per_serial="k"))
    assert read(None) == read("") == ()
    assert read([{"s": "A", "a": 1, "b": "2", "h": "330200", "k": 1}])[0].serials == SerialRange(1, 2)
    wrong: Any
    for wrong in ("A", [{"s": "A"}], [{"s": "A", "a": 1, "b": 2, "h": "330200", "k": 7}]):
        with pytest.raises(Refusal):
            read(wrong)
    (parameter,) = parameters_from_text(";", "|")("示例|EF|0.42|kg/kWh|2023-01-01||示例")
    assert (parameter.symbol, parameter.value, parameter.valid_to) == ("EF", decimal("0.42"), None)
    assert flag("是", "否")("是") is True
    assert flag(True, False)(False) is False
    for wrong in (1, "true", None):
        with pytest.raises(Refusal):
            flag(True, False)(wrong)
    version = version_from(instant("%Y/%m/%d %H:%M"))
    assert version("2026/3/1 08:00") == version_from(instant())("2026-03-01T00:00:00+00:00") == 1_772_323_200_000
    assert whole("1,234") == 1234
    assert member("330200") == MEMBER

"""The CDM adapter: pages, cursors and canonical records from the published reports."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from adapters.cdm import adapter as cdm_adapter
from adapters.cdm import sample
from adapters.cdm.adapter import CdmAdapter, methodology_key
from adapters.cdm.sample import ISSUANCE_HEADER, issuance_row, write_sample, write_workbook
from adapters.protocol import NativeRecord, Page, RegistryAdapter
from hub.errors import ConfigurationWrong, RecordRefused
from mutual_recognition.records import (
    Correction,
    Issuance,
    MethodologyKey,
    ProjectRegistration,
    Record,
    Retirement,
    Verification,
)
from mutual_recognition.serials import SerialRange

PROGRAMME = 1_000_001


@pytest.fixture
def adapter(tmp_path: Path) -> CdmAdapter:
    write_sample(tmp_path)
    return CdmAdapter(tmp_path, member=PROGRAMME)


def records_of(pages: list[Page]) -> list[NativeRecord]:
    return [record for page in pages for record in page.records]


def canonical(adapter: CdmAdapter) -> list[Record]:
    return [record for native in records_of(list(adapter.read(""))) for record in adapter.translate(native)]


def test_adapter__is_one_by_the_protocol(adapter: CdmAdapter) -> None:
    assert isinstance(adapter, RegistryAdapter)
    assert adapter.profile.member == PROGRAMME
    assert adapter.health().reachable


def test_health__without_an_issuance_report__is_unreachable_and_does_not_raise(tmp_path: Path) -> None:
    assert not CdmAdapter(tmp_path, member=PROGRAMME).health().reachable
    assert not CdmAdapter(tmp_path / "absent", member=PROGRAMME).health().reachable


def test_read__gives_foundations_first_and_then_events_by_time(adapter: CdmAdapter) -> None:
    records = records_of(list(adapter.read("")))
    assert [record.native_id for record in records] == [
        "XA",
        "XB",
        "ACM0002 ver. 12",
        "AM0003 ver. 1",
        "not stated",
        "1",
        "2",
        "3",
        "XA 1 - 1000",
        "XB 1 - 500",
        "XA 3001 - 3500",
        "XA 1001 - 3000",
        "administrative XA 2801 - 2900",
        "administrative XA 2901 - 3000",
        "XA 3501 - 3700",
        "voluntary XA 1 - 100",
        "voluntary XA 101 - 200",
        "voluntary XB 1 - 500",
        "voluntary XA 1001 - 1001",
    ]


def test_read__from_any_cursor__gives_the_rest_and_then_nothing(
    adapter: CdmAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cdm_adapter, "PAGE", 5)
    pages = list(adapter.read(""))
    everything = records_of(pages)
    assert [len(page.records) for page in pages] == [5, 3, 5, 5, 1]  # the foundations end a page
    assert [page.total for page in pages] == [None, None, 19, 19, 19]  # before the cancellations are read, nobody knows
    read = 0
    for page in pages:
        read += len(page.records)
        assert records_of(list(adapter.read(page.cursor))) == everything[read:]


def test_read__after_a_later_report__repeats_what_was_there_unchanged_and_adds_what_is_new(
    adapter: CdmAdapter, tmp_path: Path
) -> None:
    pages = list(adapter.read(""))
    before = {(r.kind, r.native_id): r.payload for r in records_of(pages)}
    write_sample(tmp_path, "2020-07", next_month=True)
    after = {(r.kind, r.native_id): r.payload for r in records_of(list(adapter.read(pages[-1].cursor)))}
    assert {key: after[key] for key in before} == before
    assert {key for key in after if key not in before} == {
        ("project", "5"),
        ("methodology", "AMS-I.D. ver. 17"),
        ("issuance", "XB 501 - 900"),
        ("voluntary_cancellation", "voluntary XB 501 - 600"),
    }


def test_read__with_another_adapters_cursor__refused(adapter: CdmAdapter) -> None:
    with pytest.raises(ConfigurationWrong) as refused:
        list(adapter.read("page=3"))
    assert refused.value.code == "cursor_invalid"


def test_read__a_row_that_cannot_be_placed__comes_once_as_a_fault(tmp_path: Path) -> None:
    write_sample(tmp_path)
    rows = [*sample.ISSUANCES, issuance_row("2020-06-01T00:00:00", "9 - 1", "XA", 1, 9)]
    write_workbook(tmp_path / "issuances_2020-06.xlsx", "s", [ISSUANCE_HEADER, *rows])
    adapter = CdmAdapter(tmp_path, member=PROGRAMME)
    pages = list(adapter.read(""))
    assert len(records_of(pages)) == 19
    (fault,) = [fault for page in pages for fault in page.faults]
    assert (fault.source, fault.field, fault.value, fault.code) == (
        "issuances_2020-06.xlsx sheet s row 7",
        "serial range",
        "9 - 1",
        "serials_inverted",
    )
    assert list(adapter.read(pages[-1].cursor)) == []


def test_translate__issuance__has_a_verification_of_its_own_without_a_period(adapter: CdmAdapter) -> None:
    records = canonical(adapter)
    verifications = {r.native_id: r for r in records if isinstance(r, Verification)}
    issuances = [r for r in records if isinstance(r, Issuance)]
    assert len(verifications) == len(issuances) == 5
    for issuance in issuances:
        verification = verifications[issuance.verification]
        assert verification.period is None
        assert verification.verified_kg == issuance.quantity_kg == issuance.serials.count * 1000
        assert verification.content["monitoring_period"] == "not stated"


def test_translate__reissue__names_the_issuance_that_it_replaces(adapter: CdmAdapter) -> None:
    issuances = {r.native_id: r for r in canonical(adapter) if isinstance(r, Issuance)}
    assert issuances["XA 3501 - 3700"].reissue_of == 1001
    assert sum(issuance.reissue_of != 0 for issuance in issuances.values()) == 1


def test_translate__project_missing_from_the_list__is_registered_from_its_issuance(adapter: CdmAdapter) -> None:
    projects = {r.native_id: r for r in canonical(adapter) if isinstance(r, ProjectRegistration)}
    assert projects["3"].methodology == MethodologyKey(code="NOT-STATED", version="not stated")
    assert projects["3"].content["listed"] is False
    assert projects["1"].content["listed"] is True
    assert projects["1"].content["crediting_period"] == "not stated"


def test_translate__cancellations__are_retirements_and_corrections_in_kg(adapter: CdmAdapter) -> None:
    records = canonical(adapter)
    assert sum(r.quantity_kg for r in records if isinstance(r, Retirement)) == 701_000
    corrections = [r for r in records if isinstance(r, Correction)]
    assert [(c.series, c.serials, c.quantity_kg) for c in corrections] == [
        ("XA", SerialRange(2801, 2900), 100_000),
        ("XA", SerialRange(2901, 3000), 100_000),
    ]


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (NativeRecord("loan", "1", 1, {}, "somewhere"), "kind_unknown"),
        (NativeRecord("issuance", "1", 1, {}, "somewhere"), "payload_unreadable"),
        (NativeRecord("issuance", "1", 1, {"serials": "9 - 1"}, "somewhere"), "payload_unreadable"),
    ],
)
def test_translate__a_record_that_is_none_of_ours__refused(
    adapter: CdmAdapter, record: NativeRecord, code: str
) -> None:
    with pytest.raises(RecordRefused) as refused:
        adapter.translate(record)
    assert refused.value.code == code


def test_holdings__put_every_issued_serial_in_exactly_one_place(adapter: CdmAdapter) -> None:
    serials: Counter[tuple[str, int]] = Counter()
    totals: Counter[str] = Counter()
    for holding in adapter.holdings():
        assert holding.holder == PROGRAMME
        totals[holding.status] += holding.serials.count
        serials.update((holding.series.code, n) for n in range(holding.serials.first, holding.serials.last + 1))
    assert totals == {"available": 3299, "retired": 701, "cancelled": 200}
    assert set(serials.values()) == {1}
    assert len(serials) == 3700 + 500


@pytest.mark.parametrize(
    ("text", "code", "version"),
    [
        ("AMS-I.D. ver. 17", "AMS-I.D.", "17"),
        ("AM0003", "AM0003", "not stated"),
        ("ACM0001 ver. 2/ AMS-I.D. ver. 8", "ACM0001 ver. 2/ AMS-I.D. ver. 8", "combination"),
        ("not stated", "NOT-STATED", "not stated"),
    ],
)
def test_methodology__code_and_version__from_the_lists_text(text: str, code: str, version: str) -> None:
    assert methodology_key(text) == MethodologyKey(code=code, version=version)


def test_real_reports__become_records_without_a_fault(published_data: Path) -> None:
    real = CdmAdapter(published_data / "cdm", member=PROGRAMME)
    pages = list(real.read(""))
    assert not [fault for page in pages for fault in page.faults]
    natives = records_of(pages)
    assert len({(native.kind, native.native_id) for native in natives}) == len(natives)
    counts = Counter(native.kind for native in natives)
    assert counts == {
        "series": 82,
        "methodology": 400,
        "project": 3_694,
        "issuance": 12_513,
        "voluntary_cancellation": 26_579,
        "administrative_cancellation": 6,
    }
    known: set[str] = set()
    for native in natives:
        for record in real.translate(native):
            if isinstance(record, ProjectRegistration):
                known.add(record.native_id)
            elif isinstance(record, Verification):
                assert record.project in known

"""The CDM reports: an illustrative registry of our own making, and the real one where it is present."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from adapters.cdm import sample
from adapters.cdm.expected import Expectation, expected, merged_runs
from adapters.cdm.native import CdmCancellation, CdmIssuance, ProjectStatus, UnitType
from adapters.cdm.reissues import link_reissues
from adapters.cdm.reports import CdmReports, ReportKind
from adapters.cdm.sample import (
    ISSUANCE_HEADER,
    TITLE,
    VOLUNTARY_HEADER,
    issuance_row,
    voluntary_row,
    write_sample,
    write_workbook,
)
from adapters.transports.tables import Fault
from hub.errors import ConfigurationWrong


@pytest.fixture
def reports(tmp_path: Path) -> CdmReports:
    write_sample(tmp_path)
    return CdmReports(tmp_path)


def issuances_of(tmp_path: Path, *rows: list[object]) -> list[CdmIssuance | Fault]:
    write_workbook(tmp_path / "issuances_2020-06.xlsx", "s", [ISSUANCE_HEADER, *rows])
    return list(CdmReports(tmp_path).issuances())


# --- The illustrative registry --------------------------------------------------------------------------------


def test_issuances__are_read_in_file_order_with_their_source(reports: CdmReports) -> None:
    read = [item for item in reports.issuances() if isinstance(item, CdmIssuance)]
    assert [item.native_id for item in read] == [
        "XA 1 - 1000",
        "XB 1 - 500",
        "XA 3001 - 3500",
        "XA 1001 - 3000",
        "XA 3501 - 3700",
    ]
    first = read[0]
    assert first.completed_at == datetime(2020, 2, 1, 10, tzinfo=UTC)
    assert (first.unit_type, first.commitment_period, first.project_number) == (UnitType.CER, 2, 1)
    assert str(first.source) == "issuances_2020-06.xlsx sheet Illustrative issuances row 2"


def test_cancellations__title_total_and_footnote_are_neither_records_nor_faults(reports: CdmReports) -> None:
    voluntary = list(reports.voluntary_cancellations())
    administrative = list(reports.administrative_cancellations())
    assert [type(item) for item in (*voluntary, *administrative)] == [CdmCancellation] * 6


def test_administrative_reason__see_above__is_what_stands_above(reports: CdmReports) -> None:
    first, second = reports.administrative_cancellations()
    assert isinstance(first, CdmCancellation)
    assert isinstance(second, CdmCancellation)
    assert second.reason == first.reason
    assert first.reason.startswith("Issued in error")


def test_reissue__is_linked_by_the_date_in_the_reason(reports: CdmReports) -> None:
    administrative = [i for i in reports.administrative_cancellations() if isinstance(i, CdmCancellation)]
    issuances = [i for i in reports.issuances() if isinstance(i, CdmIssuance)]
    (reissue,) = link_reissues(administrative, issuances)
    assert [i.native_id for i in reissue.issuances] == ["XA 3501 - 3700"]
    assert (len(reissue.cancellations), reissue.stated) == (2, True)


def test_projects__in_cp1252__are_read_with_their_status(reports: CdmReports) -> None:
    read = list(reports.projects())
    assert not [item for item in read if isinstance(item, Fault)]
    first, second, third, fourth = (item for item in read if not isinstance(item, Fault))
    assert first.title == "Illustrative landfill gas, Sainte-Énimie"
    assert second.title.endswith("\u2013 phase 1")
    assert (second.host_parties, second.registered_on) == (("Xanadu", "Xeros"), date(2020, 1, 20))
    assert (third.status, third.registered_on) == (ProjectStatus.WITHDRAWN, None)
    assert fourth.status is ProjectStatus.NOT_STATED


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({3: "1000 - 1"}, "serial range", "serials_inverted"),
        ({3: ""}, "serial range", "field_empty"),
        ({3: "1000"}, "serial range", "serials_unreadable"),
        ({3: "1 - 99999999999999"}, "serial range", "serials_huge"),
        ({3: "=A1"}, "serial range", "formula_in_cell"),
        ({8: 999}, "total", "quantity_disagrees_with_serials"),
        ({8: "=SUM(A1)"}, "total", "formula_in_cell"),
        ({8: 1000.5}, "total", "wrong_kind_of_cell"),
        ({8: None}, "total", "field_empty"),
        ({0: "2020-02-01"}, "completion date", "wrong_kind_of_cell"),
        ({1: "Cancellation (4)"}, "transaction type", "other_transaction_type"),
        ({2: "5 - Terminated"}, "status", "not_completed"),
        ({4: "ERU"}, "unit type", "value_refused"),
        ({5: "3"}, "commitment period", "value_refused"),
        ({6: "XAB"}, "party code", "value_refused"),
        ({7: "x"}, "project number", "value_refused"),
    ],
)
def test_issuance_row__that_cannot_be_placed__is_a_fault_and_the_others_are_read(
    tmp_path: Path, change: dict[int, Any], field: str, code: str
) -> None:
    bad = issuance_row("2020-02-01T10:00:00", "1 - 1000", "XA", 1, 1000)
    for position, value in change.items():
        bad[position] = value
    before, fault, after = issuances_of(tmp_path, sample.ISSUANCES[1], bad, sample.ISSUANCES[3])
    assert isinstance(before, CdmIssuance)
    assert isinstance(after, CdmIssuance)
    assert isinstance(fault, Fault)
    assert (fault.source.row, fault.field, fault.code) == (3, field, code)


def test_issuance_row__total_as_text_with_thousands_commas__is_read(tmp_path: Path) -> None:
    (read,) = issuances_of(tmp_path, issuance_row("2020-02-01T10:00:00", "1\u00a0\u2013 1,234", "XA", 1, "1,234"))
    assert isinstance(read, CdmIssuance)
    assert read.quantity_t == 1234


def test_see_above__below_a_refused_row__still_finds_its_reason(tmp_path: Path) -> None:
    first, second = (list(row) for row in sample.ADMINISTRATIVE)
    first[4] = "2900 - 2801"
    write_workbook(
        tmp_path / "administrative_cancellations_2020-06.xlsx", "s", [sample.ADMINISTRATIVE_HEADER, first, second]
    )
    fault, read = CdmReports(tmp_path).administrative_cancellations()
    assert isinstance(fault, Fault)
    assert isinstance(read, CdmCancellation)
    assert read.reason.startswith("Issued in error")


def test_single_filled_cell_above_the_total__is_a_fault_not_a_footnote(tmp_path: Path) -> None:
    rows = [[TITLE], VOLUNTARY_HEADER, ["lost"], voluntary_row("2020-06-02T00:00:00", "1 - 2", "XA-1", 2)]
    write_workbook(tmp_path / "voluntary_cancellations_2020-06.xlsx", "s", rows)
    first, second = CdmReports(tmp_path).voluntary_cancellations()
    assert isinstance(first, Fault)
    assert isinstance(second, CdmCancellation)


# --- Which file counts ----------------------------------------------------------------------------------------


def test_later_report__supersedes_the_earlier_one(tmp_path: Path) -> None:
    write_sample(tmp_path, "2020-06")
    write_sample(tmp_path, "2020-07", next_month=True)
    (tmp_path / "~$issuances_2020-08.xlsx").write_bytes(b"lock file of an open spreadsheet")
    (tmp_path / "notes.txt").write_bytes(b"")
    reports = CdmReports(tmp_path)
    latest = reports.latest(ReportKind.ISSUANCES)
    assert latest is not None
    assert latest.month == "2020-07"
    assert len(list(reports.issuances())) == 6
    assert len(list(reports.voluntary_cancellations())) == 5


def test_reports__two_for_one_month__refused(tmp_path: Path) -> None:
    write_sample(tmp_path)
    copy = (tmp_path / "issuances_2020-06.xlsx").read_bytes()
    (tmp_path / "Issuances_2020-06.XLSX").write_bytes(copy)
    with pytest.raises(ConfigurationWrong) as refused:
        list(CdmReports(tmp_path).issuances())
    assert refused.value.code == "report_ambiguous"


def test_report__whose_name_and_header_disagree__refused_naming_the_columns(tmp_path: Path) -> None:
    write_workbook(tmp_path / "issuances_2020-06.xlsx", "s", [VOLUNTARY_HEADER, *sample.VOLUNTARY])
    with pytest.raises(ConfigurationWrong, match=r"missing: .*party code") as refused:
        list(CdmReports(tmp_path).issuances())
    assert refused.value.code == "columns_changed"


@pytest.mark.parametrize(
    ("prepare", "code"),
    [(lambda folder: folder.rmdir(), "folder_missing"), (lambda folder: None, "report_missing")],
)
def test_folder__absent_or_without_issuances__refused(
    tmp_path: Path, prepare: Callable[[Path], None], code: str
) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    prepare(folder)
    with pytest.raises(ConfigurationWrong) as refused:
        list(CdmReports(folder).issuances())
    assert refused.value.code == code


# --- Expected figures -----------------------------------------------------------------------------------------


def test_expected__of_the_illustrative_registry__by_hand(tmp_path: Path) -> None:
    write_sample(tmp_path)
    figures = expected(tmp_path)
    party = figures.parties["XA"]
    assert (party.issuances, party.issued_t) == (4, 3700)
    assert (party.voluntary_cancellations, party.voluntarily_cancelled_t) == (3, 201)
    assert (party.administrative_cancellations, party.administratively_cancelled_t) == (2, 200)
    assert party.remaining_t == 3299
    assert party.available == ((201, 1000), (1002, 2800), (3001, 3700))
    assert figures.parties["XB"].remaining_t == 0
    assert figures.parties["XB"].available == ()
    assert party.consistent
    assert figures.unread == ()


def test_expected__names_serials_that_the_files_contradict(tmp_path: Path) -> None:
    write_sample(tmp_path)
    rows = [*sample.ISSUANCES, issuance_row("2020-06-01T00:00:00", "901 - 1100", "XA", 1, 200)]
    write_workbook(tmp_path / "issuances_2020-06.xlsx", "s", [ISSUANCE_HEADER, *rows])
    cancelled = [
        *sample.VOLUNTARY,
        voluntary_row("2020-06-05T00:00:00", "3690 - 3710", "XA-2", 21),
        voluntary_row("2020-06-05T00:00:01", "10 - 1", "XA-2", 10),
    ]
    write_workbook(tmp_path / "voluntary_cancellations_2020-06.xlsx", "s", [VOLUNTARY_HEADER, *cancelled])
    figures = expected(tmp_path)
    party = figures.parties["XA"]
    assert party.issued_twice == ((901, 1100),)
    assert party.cancelled_not_issued == ((3701, 3710),)
    assert not party.consistent
    assert figures.unread == ("voluntary_cancellations_2020-06.xlsx sheet s row 7",)


def test_merged_runs__joins_adjacent_and_overlapping() -> None:
    assert merged_runs([(5, 6), (1, 2), (3, 4), (10, 12), (11, 11)]) == ((1, 6), (10, 12))


# --- The real registry ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real_reports(published_data: Path) -> Path:
    return published_data / "cdm"


@pytest.fixture(scope="module")
def real_issuances(real_reports: Path) -> list[CdmIssuance | Fault]:
    return list(CdmReports(real_reports).issuances())


def test_real_issuances__are_12513_over_2_416_896_868_t_of_82_parties(
    real_issuances: list[CdmIssuance | Fault],
) -> None:
    read = [item for item in real_issuances if isinstance(item, CdmIssuance)]
    assert len(read) == len(real_issuances) == 12_513
    assert sum(item.quantity_t for item in read) == 2_416_896_868
    assert len({item.party for item in read}) == 82
    assert _out_of_serial_order(read) == 45


def _out_of_serial_order(issuances: list[CdmIssuance]) -> int:
    highest: dict[str, int] = {}
    late = 0
    for item in issuances:
        late += item.serials.first < highest.get(item.party, 0)
        highest[item.party] = max(highest.get(item.party, 0), item.serials.first)
    return late


def test_real_serials__are_gapless_and_unique_within_a_party(real_issuances: list[CdmIssuance | Fault]) -> None:
    by_party: dict[str, list[tuple[int, int]]] = {}
    for item in real_issuances:
        assert isinstance(item, CdmIssuance)
        by_party.setdefault(item.party, []).append((item.serials.first, item.serials.last))
    for intervals in by_party.values():
        intervals.sort()
        assert intervals[0][0] == 1
        assert all(left[1] + 1 == right[0] for left, right in pairwise(intervals))


def test_real_voluntary_cancellations__are_26579_over_163_497_417_t(real_reports: Path) -> None:
    read = list(CdmReports(real_reports).voluntary_cancellations())
    assert not [item for item in read if isinstance(item, Fault)]
    assert len(read) == 26_579
    assert sum(item.quantity_t for item in read if isinstance(item, CdmCancellation)) == 163_497_417


def test_real_projects__98_with_issuances_are_not_in_the_list(
    real_reports: Path, real_issuances: list[CdmIssuance | Fault]
) -> None:
    projects = list(CdmReports(real_reports).projects())
    assert len(projects) == 8_237
    listed = {item.number for item in projects if not isinstance(item, Fault)}
    assert len(listed) == 8_237
    issuing = {item.project_number for item in real_issuances if isinstance(item, CdmIssuance)}
    assert len(issuing - listed) == 98


def test_real_corrections__six_of_five_projects__four_with_a_reissue(
    real_reports: Path,
    real_issuances: list[CdmIssuance | Fault],
) -> None:
    corrections = list(CdmReports(real_reports).administrative_cancellations())
    read = [item for item in corrections if isinstance(item, CdmCancellation)]
    assert len(read) == len(corrections) == 6
    linked = link_reissues(read, [i for i in real_issuances if isinstance(i, CdmIssuance)])
    assert [(r.issuances[0].project_number, len(r.issuances), r.stated) for r in linked] == [
        (1177, 1, True),
        (4292, 2, True),
        (2241, 1, True),
        (6797, 1, False),
    ]


def test_real_expected_figures__add_up_party_by_party(real_reports: Path) -> None:
    figures: Expectation = expected(real_reports)
    assert figures.unread == ()
    assert (figures.issuances, figures.issued_t) == (12_513, 2_416_896_868)
    assert (figures.voluntary_cancellations, figures.voluntarily_cancelled_t) == (26_579, 163_497_417)
    assert figures.administratively_cancelled_t == 1_035_475
    assert figures.remaining_t == 2_252_363_976
    for party in figures.parties.values():
        assert party.consistent
        assert sum(last - first + 1 for first, last in party.available) == party.remaining_t

"""Files of CAD Trust: its own upload read, checked, imported, written again and compared; and files with faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from sqlalchemy import Engine, func, select

from adapters.cad_trust.checking import Checked, Severity, check_file
from adapters.cad_trust.comparing import compare_files
from adapters.cad_trust.model import PROJECTS, UNITS
from adapters.cad_trust.observed import open_cad_trust
from adapters.cad_trust.picklists import read_picklists
from adapters.cad_trust.reading import Record, read_file
from adapters.cad_trust.writing import write_records, write_rows
from hub.cad_trust.listed import UNITS_SOURCE, listed_columns, listed_rows
from hub.db import tables as t
from hub.db.engine import open_engine
from hub.db.migrate import migrate
from hub.errors import ConfigurationWrong, RecordRefused
from hub.observed.store import Outcome, load_export

UNIT: dict[str, Any] = {
    "warehouseUnitId": "5c960ac1-a180-45a4-9850-000000000001",
    "unitOwner": "Illustrative City",
    "countryJurisdictionOfOwner": "China",
    "unitBlockStart": "SL-1001",
    "unitBlockEnd": "SL-1020",
    "unitCount": 20,
    "vintageYear": 2025,
    "unitType": "Reduction - technical",
    "unitStatus": "Held",
    "unitRegistryLink": "https://registry.example/units/1",
    "correspondingAdjustmentDeclaration": "Unknown",
    "correspondingAdjustmentStatus": "Not Started",
}
"""An illustrative unit that the service would take."""

PROJECT: dict[str, Any] = {
    "warehouseProjectId": "9b9bb857-c71b-4649-b805-000000000001",
    "projectId": "PV-1",
    "originProjectId": "PV-1",
    "registryOfOrigin": "Illustrative City",
    "projectName": "Roof PV (illustrative)",
    "projectLink": "https://registry.example/projects/PV-1",
    "projectDeveloper": "Not stated",
    "sector": "Not elsewhere classified",
    "projectType": "Not Determined",
    "coveredByNDC": "Unknown",
    "projectStatus": "Registered",
    "projectStatusDate": "2025-03-01",
    "unitMetric": "tCO2e",
    "methodology": "SH-EXAMPLE-01",
}


def unit(number: int, **changed: Any) -> dict[str, Any]:
    """Another unit: its own key and block of twenty serials."""
    first = 1001 + 20 * number
    own = {
        "warehouseUnitId": f"5c960ac1-a180-45a4-9850-{number:012}",
        "unitBlockStart": f"SL-{first}",
        "unitBlockEnd": f"SL-{first + 19}",
    }
    return UNIT | own | changed


def sheet(file: Path, title: str, rows: list[dict[str, Any]]) -> Path:
    """A workbook whose one sheet has these rows, values as they are."""
    workbook = xlsxwriter.Workbook(str(file))
    worksheet = workbook.add_worksheet(title)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    for at, name in enumerate(columns):
        worksheet.write_string(0, at, name)
    for number, row in enumerate(rows, 1):
        for at, name in enumerate(columns):
            worksheet.write(number, at, row.get(name))
    workbook.close()
    return file


def units_file(folder: Path, *rows: dict[str, Any]) -> Path:
    return sheet(folder / "units.xlsx", "units", list(rows))


def codes(checked: Checked, severity: Severity = Severity.ERROR) -> dict[str, tuple[str, int]]:
    return {one.code: (one.column, one.count) for one in checked.findings if one.severity is severity}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'hub.sqlite'}", durable=False)
    migrate(engine)
    yield engine
    engine.dispose()


def load(engine: Engine, file: Path) -> Outcome:
    """Takes the units of `file` in."""
    with open_cad_trust(file) as exports:
        [units] = [one for one in exports if one.table is UNITS]
        return load_export(engine, units, date(2026, 1, 1))


# ---------------------------------------------------------------- CAD Trust's own upload


@pytest.mark.slow
def test_own_spreadsheet__imported_exported_compared__every_difference_has_a_name(
    published_data: Path, tmp_path: Path, engine: Engine
) -> None:
    file, again = published_data / "cad_trust" / "units_retired.xlsx", tmp_path / "again.xlsx"
    outcome = load(engine, file)
    assert (outcome.rows, outcome.records, outcome.refused) == (24_357, 24_357, {})
    with engine.connect() as connection:
        columns = listed_columns(connection, UNITS_SOURCE)
        write_rows(again, [(UNITS, columns, listed_rows(connection, UNITS_SOURCE))])
        retired = select(func.count()).where(t.observed_units.c.kind == "retirement")
        assert connection.execute(retired).scalar_one() == 24_357
        of_cdm = select(func.count()).where(t.observed_units.c.serial_programme == "cdm")
        assert connection.execute(of_cdm).scalar_one() == 24_357
        parties = select(func.length(t.observed_units.c.serial_series)).distinct()
        assert list(connection.execute(parties).scalars()) == [2]  # every country is a party's two letters
    compared = compare_files(file, again)
    assert compared.equal, compared.to_json()
    assert compared.rows == {"units": 24_357}
    assert compared.explained["unnamed_column"] == 24_357
    assert set(compared.explained) <= {"unnamed_column", "row_order", "sheet_title", "serial_as_text"}
    assert load(engine, file).repeated


@pytest.mark.slow
def test_own_spreadsheet__checked__what_the_service_would_refuse(published_data: Path) -> None:
    folder = published_data / "cad_trust"
    checked = check_file(folder / "units_retired.xlsx")
    assert checked.records == {"units": 24_357}
    found = codes(checked)
    assert found["field_empty"] == ("unitType", 24_357)
    assert found["field_missing"] == ("correspondingAdjustmentStatus", 1)
    assert checked.repeated_blocks == 0
    assert codes(checked, Severity.WARNING)["reason_missing"] == ("unitStatusReason", 24_357)
    [outside] = [one for one in checked.findings if one.code == "not_in_picklist"]
    assert {place["value"] for place in outside.places} == {"Moldova"}


def test_own_picklist_of_countries__takes_the_place_of_the_one_built_in(published_data: Path) -> None:
    picklists = read_picklists(published_data / "cad_trust" / "CADTrust_Country_picklist.xlsx")
    assert len(picklists.values["countries"]) == 177
    assert picklists.allows("countries", "China")
    assert not picklists.allows("countries", "Malawi")  # uploaded all the same
    assert not picklists.allows("unitStatus", "For Sale")  # what the file does not say stays


# ---------------------------------------------------------------- the hazard of April 2025


def test_block_uploaded_four_times__one_record_and_three_told(tmp_path: Path, engine: Engine) -> None:
    again = [unit(0, warehouseUnitId=f"5c960ac1-a180-45a4-9850-0000000001{n:02}") for n in range(3)]
    file = units_file(tmp_path, unit(0), *again, unit(1))
    checked = check_file(file)
    assert checked.repeated_blocks == 3
    assert codes(checked)["block_repeated"] == ("unitBlockStart", 3)
    [finding] = [one for one in checked.findings if one.code == "block_repeated"]
    assert finding.places[0] == {"row": 3, "value": "SL-1001 - SL-1020, first in row 2"}
    outcome = load(engine, file)
    assert outcome.records == 2
    assert sum(outcome.refused.values()) == 3
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(t.observed_units)).scalar_one() == 2


def test_repeated_upload__under_other_keys_and_another_name__changes_nothing(tmp_path: Path, engine: Engine) -> None:
    assert load(engine, units_file(tmp_path, unit(0), unit(1))).appeared == 2
    assert load(engine, tmp_path / "units.xlsx").repeated
    other = tmp_path / "again"
    other.mkdir()
    outcome = load(engine, units_file(other, unit(1), unit(0)))  # the same rows in another order: another file
    assert (outcome.appeared, outcome.changed, outcome.unchanged) == (0, 0, 2)


def test_one_block_with_two_statuses__told_as_disagreement(tmp_path: Path) -> None:
    retired = unit(7, unitBlockStart="SL-1001", unitBlockEnd="SL-1020", unitStatus="Retired", unitStatusReason="x")
    checked = check_file(units_file(tmp_path, unit(0), retired))
    assert codes(checked) == {"block_disagrees": ("unitBlockStart", 1)}


def test_nested_block__told_as_overlap(tmp_path: Path) -> None:
    nested = unit(5, unitBlockStart="SL-1005", unitBlockEnd="SL-1006", unitCount=2)
    checked = check_file(units_file(tmp_path, unit(0), nested))
    [finding] = [one for one in checked.findings if one.severity is Severity.ERROR]
    assert finding.code == "blocks_overlap"
    assert finding.places == [{"row": 3, "value": "1005 - 1006, also in row 2"}]


# ---------------------------------------------------------------- what a check says


def test_good_file__no_findings(tmp_path: Path) -> None:
    assert check_file(units_file(tmp_path, unit(0), unit(1))).findings == []


@pytest.mark.parametrize(
    ("changed", "code", "column"),
    [
        ({"unitStatus": "For Sale"}, "not_in_picklist", "unitStatus"),
        ({"unitType": "heard reduction"}, "not_in_picklist", "unitType"),
        ({"countryJurisdictionOfOwner": "Atlantis"}, "not_in_picklist", "countryJurisdictionOfOwner"),
        ({"correspondingAdjustmentDeclaration": "Commited"}, "not_in_picklist", "correspondingAdjustmentDeclaration"),
        ({"unitCount": "19.5"}, "not_whole_tonnes", "unitCount"),
        ({"unitCount": "twenty"}, "not_a_quantity", "unitCount"),
        ({"unitCount": -20}, "not_a_quantity", "unitCount"),
        ({"vintageYear": 25}, "value_invalid", "vintageYear"),
        ({"unitBlockStart": None}, "field_empty", "unitBlockStart"),
        ({"unitOwnr": "a typing error"}, "field_unknown", "unitOwnr"),
    ],
)
def test_field_that_the_service_refuses__named_with_row_and_value(
    tmp_path: Path, changed: dict[str, Any], code: str, column: str
) -> None:
    checked = check_file(units_file(tmp_path, unit(0), unit(1, **changed)))
    [finding] = [one for one in checked.findings if one.severity is Severity.ERROR]
    assert (finding.code, finding.column, finding.count, finding.sheet) == (code, column, 1, "units")
    assert finding.places[0]["row"] == (1 if code == "field_unknown" else 3)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"unitCount": 21}, "count_disagrees"),
        ({"unitBlockStart": "SL-1020x"}, "block_unreadable"),
        ({"unitBlockEnd": "XX-1040"}, "block_unreadable"),
        ({"unitStatus": "Retired"}, "reason_missing"),
        ({"unitBlockStart": 1021, "unitBlockEnd": 1040}, "number_where_text"),
    ],
)
def test_what_the_service_takes_and_should_not__warned_of(tmp_path: Path, changed: dict[str, Any], code: str) -> None:
    assert code in codes(check_file(units_file(tmp_path, unit(0), unit(1, **changed))), Severity.WARNING)


def test_formula_in_a_cell__refused(tmp_path: Path) -> None:
    file = units_file(tmp_path, unit(0, unitCount="=10+10"))
    assert codes(check_file(file))["formula_in_cell"] == ("unitCount", 1)


def test_project_with_children_in_json__each_checked(tmp_path: Path) -> None:
    file = tmp_path / "projects.json"
    bad = {"startDate": "2025-06-30", "endDate": "2025-01-01", "verificationApproach": "x"}
    issuance = bad | {"verificationReportDate": "2025-07-01", "verificationBody": "Not stated"}
    file.write_text(json.dumps([PROJECT | {"issuances": [issuance], "coBenefits": [{"cobenefit": "less noise"}]}]))
    checked = check_file(file)
    assert checked.records == {"projects": 1, "issuances": 1, "coBenefits": 1}
    assert codes(checked) == {"inverted_period": ("", 1)}
    assert codes(checked, Severity.WARNING) == {"not_in_picklist": ("cobenefit", 1)}


def test_key_of_two_records__told(tmp_path: Path) -> None:
    checked = check_file(units_file(tmp_path, unit(0), unit(1, warehouseUnitId=unit(0)["warehouseUnitId"])))
    assert codes(checked) == {"key_repeated": ("warehouseUnitId", 1)}


def test_sheet_of_no_table__told_and_not_read(tmp_path: Path) -> None:
    checked = check_file(sheet(tmp_path / "x.xlsx", "notes", [{"remark": "hello"}]))
    assert codes(checked) == {"sheet_unknown": ("", 1)}
    assert checked.records == {}


# ---------------------------------------------------------------- forms of JSON, and files that are none


@pytest.mark.parametrize(
    "told",
    [
        [PROJECT, unit(0)],
        {"projects": [PROJECT], "units": [unit(0)]},
        {"page": 1, "pageCount": 1, "data": [PROJECT, unit(0)]},
    ],
)
def test_json__as_the_api_gives_it(tmp_path: Path, told: object) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps(told))
    records = [item for item in read_file(file) if isinstance(item, Record)]
    assert [record.table for record in records] == [PROJECTS, UNITS]
    assert records[1].values["unitBlockStart"] == "SL-1001"


@pytest.mark.parametrize(
    "text", ['[{"unitBlockStart": ', '[{"unitCount": NaN, "unitBlockStart": "A1"}]', "\x80", "[" * 100_000]
)
def test_json_broken__refused_whole(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationWrong) as refused:
        list(read_file(file))
    assert refused.value.code == "json_unreadable"


def test_json_number_with_a_fraction__exact(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps([unit(0)]).replace('"unitCount": 20', '"unitCount": 0.1'))
    [record] = [item for item in read_file(file) if isinstance(item, Record)]
    assert record.values["unitCount"] == Decimal("0.1")


def test_two_columns_with_one_heading__refused(tmp_path: Path) -> None:
    workbook = xlsxwriter.Workbook(str(tmp_path / "x.xlsx"))
    workbook.add_worksheet("units").write_row(0, 0, ["unitBlockStart", "unitBlockEnd", "unitBlockStart"])
    workbook.close()
    with pytest.raises(ConfigurationWrong) as refused:
        list(read_file(tmp_path / "x.xlsx"))
    assert refused.value.code == "columns_repeated"


# ---------------------------------------------------------------- writing


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+86", "-5", "@SUM(A1)"])
def test_text_like_a_formula__stays_that_text_and_never_computes(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.xlsx"
    write_records(file, [unit(0, unitOwner=text)])
    book = openpyxl.load_workbook(file)
    cell = book["units"].cell(2, UNITS.columns.index("unitOwner") + 1)
    assert (cell.value, cell.quotePrefix) == (text, True)
    [record] = [item for item in read_file(file) if isinstance(item, Record)]
    assert record.values["unitOwner"] == text


def test_serial_beyond_2_53__text_to_the_last_digit(tmp_path: Path) -> None:
    file, serial = tmp_path / "x.xlsx", str(2**53 + 1)
    write_records(file, [unit(0, unitBlockStart=serial, unitBlockEnd=serial, unitCount=1)])
    [record] = [item for item in read_file(file) if isinstance(item, Record)]
    assert record.values["unitBlockStart"] == serial


def test_text_longer_than_a_cell__refused_and_no_file_left(tmp_path: Path) -> None:
    with pytest.raises(RecordRefused) as refused:
        write_records(tmp_path / "x.xlsx", [unit(0, unitStatusReason="x" * 40_000)])
    assert refused.value.code == "cell_too_long"
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- comparing


@pytest.mark.parametrize(
    "changed",
    [{"unitCount": 21}, {"unitStatus": "Buffer"}, {"unitOwner": None}, {"unitTags": "new"}],
)
def test_compare__one_cell_changed__found_with_its_place(tmp_path: Path, changed: dict[str, Any]) -> None:
    left, right = tmp_path / "left.json", tmp_path / "right.json"
    left.write_text(json.dumps([unit(0), unit(1)]))
    right.write_text(json.dumps([unit(0), unit(1, **changed)]))
    compared = compare_files(left, right)
    assert compared.unexplained == 1
    [difference] = compared.differences
    assert difference["field"] == next(iter(changed))
    assert "row 2" in str(difference["where"])


def test_compare__row_missing__found(tmp_path: Path) -> None:
    left, right = units_file(tmp_path, unit(0), unit(1), unit(2)), tmp_path / "right.json"
    right.write_text(json.dumps([unit(2), unit(0)]))
    compared = compare_files(left, right)
    assert (compared.unexplained, compared.explained["row_order"]) == (1, 2)
    assert "no such row" in str(compared.differences[0]["where"])


def test_compare__serial_as_number_or_text__explained_only_when_the_same_digits(tmp_path: Path) -> None:
    left, right = tmp_path / "left.json", tmp_path / "right.json"
    left.write_text(json.dumps([unit(0, unitBlockStart=1001, unitBlockEnd=1020)]))
    right.write_text(json.dumps([unit(0, unitBlockStart="1001", unitBlockEnd="01020")]))
    compared = compare_files(left, right)
    assert compared.explained == {"serial_as_text": 1}
    assert [one["field"] for one in compared.differences] == ["unitBlockEnd"]

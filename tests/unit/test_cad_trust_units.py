"""Small parts of the listing at CAD Trust: ids, serials in a registry's writing, blocks read, values in normal form."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.cad_trust.blocks import block_ends, tonnes_agree
from adapters.cad_trust.model import TABLES, UNITS, table_of
from adapters.cad_trust.normal import NORMALISATIONS, kinds, normal, normal_value
from adapters.cad_trust.picklists import BUILT_IN
from hub.cad_trust.identity import Links, country_of, day_of, member_name, record_uuid
from hub.cad_trust.units import DEFAULT_FORM, written
from mutual_recognition.cad_trust import json_pieces
from mutual_recognition.serials import SerialRange


def test_ids__version_5__the_same_for_ever() -> None:
    made = record_uuid("unit", "0x04baf0a1b2c3d4e5f6071829", 1001, 310000)
    assert UUID(made).version == 5
    # a stored listing is updated under these: changing how they are made lists everything anew
    assert made == "d2342f47-7e58-5c4e-9e7c-e8c9dc95d632"
    assert made != record_uuid("unit", "0x04baf0a1b2c3d4e5f6071829", 1001, 320500)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        (DEFAULT_FORM, "PV-42"),
        ("{series}/{serial:08}", "PV/00000042"),
        ("SH{serial:04}({series})", "SH0042(PV)"),
        ("{serial.__class__}{serial}", "{serial.__class__}42"),
    ],
)
def test_serial__as_its_registry_writes_it(form: str, told: str) -> None:
    assert written(form, "PV", 42) == told


@given(st.from_regex(r"[A-Z]{1,4}[-/]", fullmatch=True), st.integers(1, 10**12), st.integers(0, 10**6))
def test_block_written__reads_back(prefix: str, first: int, more: int) -> None:
    ends = block_ends(f"{prefix}{first}", f"{prefix}{first + more}")
    assert (ends.prefix, ends.serials) == (prefix, SerialRange(first, first + more))


@pytest.mark.parametrize(
    ("start", "end"), [(None, "A1"), ("A1", ""), ("A1", "B2"), ("A2", "A1"), ("A0", "A1"), ("none", "none")]
)
def test_block_that_is_none__says_why(start: str | None, end: str) -> None:
    ends = block_ends(start, end)
    assert ends.serials is None
    assert ends.why_not


@pytest.mark.parametrize(
    ("count", "agrees"), [("2500", True), ("2.5", True), ("2", False), ("2.500", True), ("25", False)]
)
def test_tonnes__agree_with_serials_at_1_t_or_1_kg(count: str, agrees: bool) -> None:
    assert tonnes_agree(Decimal(count), SerialRange(1, 2500)) is agrees


@pytest.mark.parametrize(
    ("field", "value", "made", "name"),
    [
        ("unitBlockStart", 65142364, "65142364", "serial_as_text"),
        ("unitOwner", 86, "86", "identifier_as_text"),
        ("unitCount", "20", 20, "number_from_text"),
        ("unitCount", "2.5", "2.5", ""),
        ("vintageYear", "2025", 2025, "number_from_text"),
        ("unitTags", "null", None, "null_as_empty"),
        ("unitOwner", "Shanghai", "Shanghai", ""),
    ],
)
def test_value__in_normal_form__under_a_named_normalisation(field: str, value: Any, made: Any, name: str) -> None:
    assert normal_value(kinds("unit")[field], value, serial=field.startswith("unitBlock")) == (made, name)
    assert normal(UNITS, {field: value}) == {field: made}
    assert not name or name in NORMALISATIONS


def test_date_cell__iso_text_with_time_only_where_there_is_one() -> None:
    assert normal_value("moment", datetime(2025, 3, 1)) == ("2025-03-01", "date_as_iso")
    assert normal_value("moment", datetime(2025, 3, 1, 8, 5)) == ("2025-03-01T08:05:00", "date_as_iso")


def test_sheets__found_by_title_else_by_columns() -> None:
    assert [table_of(table.sheet, frozenset()) for table in TABLES] == list(TABLES)
    assert table_of("Sheet1", frozenset(("unitBlockStart", "unitBlockEnd", "x"))) is UNITS
    assert table_of("Sheet1", frozenset(("x",))) is None


def test_words_that_the_listing_uses__are_in_the_picklists() -> None:
    used = {
        "unitStatus": ("Held", "Retired", "Cancelled", "Exported", "Pending Export"),
        "unitType": ("Not Determined",),
        "countries": (country_of(310000), country_of(1_000_001)),
        "labelType": ("Endorsement",),
        "projectStatusValues": ("Registered", "Withdrawn", "Inactive", "Listed"),
        "correspondingAdjustmentDeclaration": ("Unknown",),
        "correspondingAdjustmentStatus": ("Not Started",),
        "coveredByNDC": ("Unknown",),
    }
    assert [(name, word) for name, words in used.items() for word in words if not BUILT_IN.allows(name, word)] == []
    assert all(word in BUILT_IN.values[name] for name, words in used.items() for word in words)


def test_names_and_days() -> None:
    assert member_name(320500) == "Suzhou (320500)"
    assert member_name(999998) == "Member 999998"
    assert member_name(1_000_001) == "Programme 1000001"
    assert day_of(1_767_196_800) == "2026-01-01"  # 2025-12-31 16:00 UTC
    assert day_of(2**40 - 1) == "9999-12-31"


def test_links__the_hub_or_a_name() -> None:
    assert Links("https://hub.example/").serial("0xaa", 7) == "https://hub.example/v1/serials/0xaa/7"
    assert Links().serial("0xaa", 7) == "urn:yrdhub:serial:0xaa:7"


@pytest.mark.parametrize("records", [[], [{"projectName": "x"}], [{"warehouseUnitId": "u"}], None])
def test_json_in_pieces__one_document_whatever_is_in_it(records: list[dict[str, Any]] | None) -> None:
    both: list[dict[str, Any]] = [
        {"projectName": "x"},
        {"warehouseUnitId": "u", "unitCount": Decimal("0.1"), "issuanceListed": True},
    ]
    told = json.loads(b"".join(json_pieces(both if records is None else records)))
    assert set(told) == {"projects", "units"}
    if records is None:
        assert told["units"] == [{"warehouseUnitId": "u", "unitCount": "0.1"}]

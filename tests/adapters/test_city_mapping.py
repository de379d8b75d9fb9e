"""A city's mapping: two shapes for one kind, what follows from several fields, dates with a time, a range in a text."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from adapters.city.columns import Column, Shape, needed
from adapters.city.mapping import CityMapping
from adapters.city.readings import day_of, day_of_or_none, instant, issued_range, units_from_text
from adapters.skeleton.mapping import ISSUANCE, MAPPING, VERIFICATION
from hub.errors import ConfigurationWrong, RecordRefused
from mutual_recognition.purposes import Purpose
from mutual_recognition.refusal import Refusal


def one_kind_for_two() -> CityMapping:
    """A registry that keeps an issuance with its verification (示例): one number, one record, each field said once."""
    verification = replace(
        VERIFICATION,
        kind="credit",
        columns=tuple(
            Column("no", "native_id", needed) if c.attribute == "native_id" else c for c in VERIFICATION.columns
        ),
        ignored=frozenset({"printed_on", "range"}),
        optional=frozenset({"note", "clerk"}),
    )
    derived_here = {"verification", "series", "kg_per_serial", "serial_first", "serial_last"}
    columns = [c for c in ISSUANCE.columns if c.attribute not in derived_here]
    own = units_from_text(r"(?P<series>[A-Z]+)-(?P<first>[0-9]+)~(?P<last>[0-9]+)", home=990000, kg_per_serial=1000)
    issuance = replace(
        ISSUANCE,
        kind="credit",
        columns=tuple(Column("no", "native_id", needed) if c.attribute == "native_id" else c for c in columns),
        derived={"verification": lambda record: needed(record["no"]), **issued_range("range", own)},
        optional=frozenset({"replaces"}),
    )
    return CityMapping("t", {"credit": (verification, issuance)}, {"P1": Purpose.VOLUNTARY})


ROW: dict[str, Any] = {
    "no": "C-1", "project_no": "P-1", "from": "2024-01-01", "until": "2024-12-31", "generation_mwh": "1300",
    "factor": "0.77", "verified_t": "1000", "verifier": "v", "report_sha256": "00", "verified_on": "2025-01-01",
    "status": "valid", "vintage": 2024, "quantity_t": "1000", "range": "JX-0001~1000", "account": "a",
    "issued_on": "2025-01-02", "printed_on": "2025-01-03",
}  # fmt: skip


def test_two_shapes__what_one_ignores_or_may_miss__the_other_need_not_repeat() -> None:
    mapping = one_kind_for_two()
    mapping.check_names("credit", [name for name in ROW if name != "note"], "row 1")
    with pytest.raises(ConfigurationWrong, match="surprise"):
        mapping.check_names("credit", [*ROW, "surprise"], "row 1")
    verification, issuance = mapping.shapes_of("credit")
    made = issuance.read(ROW, "row 1")
    assert (made.native_id, made.verification, verification.read(ROW, "row 1").native_id) == ("C-1", "C-1", "C-1")
    assert (made.series, made.kg_per_serial, made.serial_first, made.serial_last) == ("JX", 1000, 1, 1000)
    assert issuance.first_serial(ROW) == "1"


def test_derived__from_a_field_that_is_missing__is_refused_by_its_name() -> None:
    _, issuance = one_kind_for_two().shapes_of("credit")
    with pytest.raises(RecordRefused) as caught:
        issuance.read({name: value for name, value in ROW.items() if name != "range"}, "row 1")
    assert (caught.value.code, caught.value.field) == ("field_missing", "range")


def test_own_number__derived__is_the_record_number_too() -> None:
    plain: Shape[Any] = MAPPING.shapes_of("issuance")[0]
    assert plain.own_number({"issuance_no": "I-1"}) == "I-1"
    derived = replace(plain, derived={"native_id": lambda record: f"{record['code']}/{record['version']}"})
    assert derived.own_number({"issuance_no": "I-1", "code": "PV", "version": "V2"}) == "PV/V2"
    with pytest.raises(KeyError, match="version"):
        derived.own_number({"issuance_no": "I-1", "code": "PV"})


def test_day_of__an_instant__is_its_day_in_shanghai() -> None:
    read = day_of(instant())
    assert read("2026-03-01T17:30:00+00:00") == date(2026, 3, 2)
    assert read("2026-03-01 23:59") == date(2026, 3, 1)
    assert day_of_or_none(instant())("") is None
    assert day_of_or_none(instant("%Y/%m/%d %H:%M"))("2026/03/01 08:00") == date(2026, 3, 1)
    with pytest.raises(Refusal):
        read("")


def test_range_in_a_text__that_has_another_form__is_refused_with_the_text() -> None:
    read = issued_range(
        "range", units_from_text(r"(?P<series>[A-Z]+)-(?P<first>[0-9]+)~(?P<last>[0-9]+)", home=990000, kg_per_serial=1)
    )
    with pytest.raises(Refusal) as caught:
        read["serial_first"]({"range": "1 to 2"})
    assert caught.value.value == "1 to 2"

"""Schema drift: what is reported between known and found columns, and how sure a rename is."""

from __future__ import annotations

from mutual_recognition.schema_drift import ColumnProfile, DriftKind, KnownColumn, compare_columns

KNOWN = tuple(KnownColumn(heading, "x") for heading in ("ID", "Name", "Country/Area", "Status", "Estimated Annual"))
HEADER = [column.heading for column in KNOWN]


def profile(*values: str) -> ColumnProfile:
    made = ColumnProfile()
    for value in values:
        made.add(value)
    return made


def test_same_columns_in_another_order_case_and_spacing__are_no_drift() -> None:
    assert compare_columns(KNOWN, ["status", " NAME", "ID", "Estimated  Annual", "Country/Area"]) == []


def test_column_that_appears_and_one_that_disappears__are_named() -> None:
    found = compare_columns(KNOWN, ["ID", "Name", "Country/Area", "Status", "QQ"])
    assert [(drift.kind, drift.old, drift.new) for drift in found] == [
        (DriftKind.DISAPPEARED, "Estimated Annual", ""),
        (DriftKind.APPEARED, "", "QQ"),
    ]


def test_rename_with_a_like_name__is_proposed_with_how_sure() -> None:
    [drift] = compare_columns(KNOWN, ["ID", "Name", "Country", "Status", "Estimated Annual"])
    assert (drift.kind, drift.old, drift.new) == (DriftKind.RENAMED, "Country/Area", "Country")
    assert 0.5 <= drift.sure < 1
    assert "no earlier load" in drift.in_words()


def test_rename_under_an_unlike_name__is_found_by_what_the_column_holds() -> None:
    old = {"Status": profile("Registered", "Withdrawn", "Listed"), "Name": profile("Wind", "Sun", "Forest")}
    new = {"Phase": profile("Registered", "Listed", "Withdrawn")}
    header = ["ID", "Name", "Country/Area", "Phase", "Estimated Annual"]
    [drift] = compare_columns(KNOWN, header, old_values=old, new_values=new)
    assert (drift.kind, drift.old, drift.new) == (DriftKind.RENAMED, "Status", "Phase")
    assert drift.value_likeness == 1.0
    assert drift.name_likeness is not None
    assert drift.name_likeness < 0.6


def test_alike_name_over_other_values__is_not_taken_for_a_rename() -> None:
    old = {"Status": profile("Registered", "Withdrawn", "Listed")}
    new = {"Statute": profile(*(f"{number},000" for number in range(100, 160)))}
    found = compare_columns(
        KNOWN, ["ID", "Name", "Country/Area", "Statute", "Estimated Annual"], old_values=old, new_values=new
    )
    assert {drift.kind for drift in found} == {DriftKind.DISAPPEARED, DriftKind.APPEARED}


def test_two_renames_at_once__are_each_given_to_the_likelier_column() -> None:
    found = compare_columns(KNOWN, ["ID", "Name", "Country", "State", "Estimated Annual"])
    assert {(drift.old, drift.new) for drift in found} == {("Country/Area", "Country"), ("Status", "State")}


def test_optional_column__may_be_absent() -> None:
    known = (*KNOWN, KnownColumn("Notes", "prose", mapped=False, required=False))
    assert compare_columns(known, HEADER) == []


def test_column_twice__is_reported() -> None:
    [drift] = compare_columns(KNOWN, [*HEADER, "Status"])
    assert (drift.kind, drift.new) == (DriftKind.REPEATED, "Status")


def test_profile__survives_storage_and_stays_small() -> None:
    many = profile(*(str(number) for number in range(10_000)))
    again = ColumnProfile.from_json(many.to_json())
    assert again.likeness(many) == 1.0
    assert len(again.to_json()["sketch"]) == 64
    half = profile(*(str(number) for number in range(5_000, 15_000)))
    union = many.likeness(half)
    assert union > 0.3

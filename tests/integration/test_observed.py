"""What is observed of public programmes: loads, history, schema drift, and the commands that show them."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from adapters.observed.export import open_export
from adapters.observed.gold_standard import ISSUANCES_2021
from adapters.observed.sources import source_named
from adapters.observed.verra import PROJECTS
from hub.cli import run
from hub.db import tables as t
from hub.db.engine import open_engine
from hub.db.migrate import migrate
from hub.errors import ConfigurationWrong, RecordRefused
from hub.observed import queries
from hub.observed.drift import SchemaDrift, accept_drift, accepted_of, open_drift
from hub.observed.store import LoadOptions, Outcome, load_export
from mutual_recognition.schema_drift import DriftKind
from tests.adapters.observed_files import REAL_FILES, VERRA_PROJECTS, headings_of, write_export

TODAY = date(2026, 7, 1)
Rows = Sequence[Mapping[str, str]]


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with all tables, to copy: migrating anew for each test would be most of its time."""
    file = tmp_path_factory.mktemp("migrated") / "hub.sqlite"
    made = open_engine(f"sqlite:///{file}")
    migrate(made)
    made.dispose()
    return file


@pytest.fixture
def engine(tmp_path: Path, migrated: Path) -> Iterator[Engine]:
    shutil.copy(migrated, tmp_path / "hub.sqlite")
    made = open_engine(f"sqlite:///{tmp_path / 'hub.sqlite'}")
    yield made
    made.dispose()


def load(engine: Engine, file: Path, source: str = PROJECTS.name, options: LoadOptions | None = None) -> Outcome:
    with open_export(source_named(source), file) as export:
        return load_export(engine, export, TODAY, options)


def listed(folder: Path, day: str, rows: Rows, headings: Sequence[str] | None = None) -> Path:
    return write_export(folder / f"list_{day}.csv", PROJECTS, rows, headings)


def stored(engine: Engine) -> dict[str, dict[str, Any]]:
    with engine.connect() as connection:
        rows = connection.execute(select(t.observed_projects)).mappings()
        return {row["native_id"]: dict(row) for row in rows}


def counts(engine: Engine) -> dict[str, int]:
    tables = (t.observed_loads, t.observed_projects, t.observed_units, t.observed_changes, t.observed_refusals)
    with engine.connect() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
        }


# ---------------------------------------------------------------- changes over time


def test_later_export__keeps_changes_disappearances_and_returns(engine: Engine, tmp_path: Path) -> None:
    wind, forest, biogas = VERRA_PROJECTS
    load(engine, listed(tmp_path, "2026-05-01", (wind, forest, biogas)))
    changed = forest | {"Status": "Registered", "Project Registration Date": "2026-05-20"}
    second = load(engine, listed(tmp_path, "2026-06-01", (wind, changed)))
    assert (second.appeared, second.changed, second.status_changed, second.unchanged, second.gone) == (0, 1, 1, 1, 1)
    assert second.fields_changed == {"Status": 1, "Project Registration Date": 1}
    rows = stored(engine)
    assert (rows["9002"]["status"], rows["9002"]["first_seen"], rows["9002"]["last_seen"]) == (
        "registered", "2026-05-01", "2026-06-01",
    )  # fmt: skip
    assert (rows["9003"]["gone_since"], rows["9003"]["last_seen"]) == ("2026-06-01", "2026-05-01")
    third = load(engine, listed(tmp_path, "2026-06-04", (wind, changed, biogas)))
    assert (third.returned, third.gone, third.changed) == (1, 0, 0)
    assert stored(engine)["9003"]["gone_since"] is None
    with engine.connect() as connection:
        assert [row["what"] for row in queries.history(connection, PROJECTS.name, "9003")] == ["gone", "returned"]
        [change] = queries.history(connection, PROJECTS.name, "9002")
    assert change["fields"] == {
        "Status": ["Under validation", "Registered"],
        "Project Registration Date": [None, "2026-05-20"],
    }
    assert change["status_changed"]


def test_repeated_upload__changes_nothing(engine: Engine, tmp_path: Path) -> None:
    file = listed(tmp_path, "2026-05-01", VERRA_PROJECTS)
    load(engine, file)
    before, rows = counts(engine), stored(engine)
    again = load(engine, file)
    assert again.repeated
    assert counts(engine) == before
    assert stored(engine) == rows
    same_content = tmp_path / "saved_again_2026-05-02.csv"
    same_content.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    resaved = load(engine, same_content)
    assert (resaved.appeared, resaved.changed, resaved.gone, resaved.unchanged) == (0, 0, 0, 3)
    assert counts(engine)["observed_changes"] == 0


def test_older_export_after_a_newer_one__is_refused(engine: Engine, tmp_path: Path) -> None:
    load(engine, listed(tmp_path, "2026-06-01", VERRA_PROJECTS))
    with pytest.raises(ConfigurationWrong) as refused:
        load(engine, listed(tmp_path, "2026-05-01", VERRA_PROJECTS[:2]))
    assert refused.value.code == "export_older"
    assert counts(engine)["observed_loads"] == 1
    stated = LoadOptions(stated_on=date(2026, 6, 2))
    assert load(engine, tmp_path / "list_2026-05-01.csv", options=stated).gone == 1


def test_list_that_lost_most_of_its_records__is_taken_for_cut_off(engine: Engine, tmp_path: Path) -> None:
    load(engine, listed(tmp_path, "2026-05-01", VERRA_PROJECTS))
    short = listed(tmp_path, "2026-06-01", VERRA_PROJECTS[:1])
    with pytest.raises(ConfigurationWrong) as refused:
        load(engine, short)
    assert refused.value.code == "export_shrunk"
    assert all(row["gone_since"] is None for row in stored(engine).values())
    part = load(engine, short, options=LoadOptions(part=True))
    assert (part.gone, part.disappearances_judged) == (0, False)


def test_block_uploaded_several_times__is_counted_once_and_reported(engine: Engine, tmp_path: Path) -> None:
    """As in the upload to CAD Trust of April 2025, where each block came two to four times."""
    wind, forest, _ = VERRA_PROJECTS
    outcome = load(engine, listed(tmp_path, "2026-05-01", (wind, wind, forest, forest | {"Status": "Withdrawn"}, wind)))
    assert outcome.records == 2
    assert outcome.refused == {"duplicate_in_file": 2, "duplicate_differs": 1}
    assert stored(engine)["9002"]["status_raw"] == "Under validation"
    with engine.connect() as connection:
        rows = connection.execute(select(t.observed_refusals).order_by(t.observed_refusals.c.number)).mappings().all()
    assert [(row["row"], row["code"]) for row in rows] == [
        (3, "duplicate_in_file"), (5, "duplicate_differs"), (6, "duplicate_in_file"),
    ]  # fmt: skip
    assert "row 4" in rows[1]["reason"]


def test_refused_row__keeps_what_is_known_of_its_record(engine: Engine, tmp_path: Path) -> None:
    wind, forest, biogas = VERRA_PROJECTS
    load(engine, listed(tmp_path, "2026-05-01", VERRA_PROJECTS))
    broken = biogas | {"Crediting Period Start Date": "soon"}
    outcome = load(engine, listed(tmp_path, "2026-06-01", (wind, forest, broken)))
    assert (outcome.gone, outcome.disappearances_judged) == (0, True)
    assert stored(engine)["9003"]["last_seen"] == "2026-06-01"
    nameless = load(engine, listed(tmp_path, "2026-06-02", (wind, forest, biogas | {"ID": ""})))
    assert (nameless.gone, nameless.disappearances_judged) == (0, False)
    assert stored(engine)["9003"]["gone_since"] is None


def test_failure_in_the_middle__leaves_nothing_behind(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(engine, listed(tmp_path, "2026-05-01", VERRA_PROJECTS))
    before, rows = counts(engine), stored(engine)

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("hub.observed.store._Taking._keep_refusals", fail)
        with pytest.raises(OSError, match="full"):
            load(engine, listed(tmp_path, "2026-06-01", VERRA_PROJECTS[:2]))
    assert counts(engine) == before
    assert stored(engine) == rows
    assert load(engine, tmp_path / "list_2026-06-01.csv").gone == 1


# ---------------------------------------------------------------- schema drift


def renamed_list(folder: Path, day: str, old: str, new: str, rows: Rows = VERRA_PROJECTS) -> Path:
    headings = [new if heading == old else heading for heading in headings_of(PROJECTS)]
    moved = [{new if heading == old else heading: cell for heading, cell in row.items()} for row in rows]
    return listed(folder, day, moved, headings)


def test_renamed_column__stops_the_source_until_it_is_accepted(engine: Engine, tmp_path: Path) -> None:
    load(engine, listed(tmp_path, "2026-05-01", VERRA_PROJECTS))
    before = counts(engine)
    drifted = renamed_list(tmp_path, "2026-06-01", "Country/Area", "Host State")
    with pytest.raises(SchemaDrift) as stopped:
        load(engine, drifted)
    [finding] = stopped.value.findings
    assert (finding.kind, finding.old, finding.new) == (DriftKind.RENAMED, "Country/Area", "Host State")
    assert finding.value_likeness == 1.0
    assert stopped.value.to_json()["findings"]
    assert counts(engine) == before
    with engine.begin() as connection:
        assert open_drift(connection, PROJECTS.name) is not None
        left = accept_drift(
            connection, PROJECTS.card, renamed={"Country/Area": "Host State"}, ignored=(), absent=(), reason="", now=1
        )
        assert left == []
        assert open_drift(connection, PROJECTS.name) is None
    outcome = load(engine, drifted)
    assert (outcome.changed, outcome.unchanged) == (0, 3)
    assert stored(engine)["9001"]["country"] == "China"
    taken_back = load(engine, listed(tmp_path, "2026-06-02", VERRA_PROJECTS))
    assert (taken_back.changed, taken_back.unchanged) == (0, 3)
    both = listed(tmp_path, "2026-06-03", VERRA_PROJECTS, [*headings_of(PROJECTS), "Host State"])
    with pytest.raises(SchemaDrift, match="more than once"):
        load(engine, both)


def test_added_column__is_ignored_once_accepted__and_removed_one_may_be_absent(engine: Engine, tmp_path: Path) -> None:
    load(engine, listed(tmp_path, "2026-05-01", VERRA_PROJECTS))
    headings = [heading for heading in headings_of(PROJECTS) if heading != "Region"] + ["Zz"]
    file = listed(tmp_path, "2026-06-01", [row | {"Zz": "1"} for row in VERRA_PROJECTS], headings)
    with pytest.raises(SchemaDrift) as stopped:
        load(engine, file)
    assert {(drift.kind, drift.old, drift.new) for drift in stopped.value.findings} == {
        (DriftKind.DISAPPEARED, "Region", ""),
        (DriftKind.APPEARED, "", "Zz"),
    }
    with engine.begin() as connection:
        left = accept_drift(connection, PROJECTS.card, renamed={}, ignored=["Zz"], absent=(), reason="", now=1)
        assert left == ["column 'Region' disappeared"]
        assert not accept_drift(connection, PROJECTS.card, renamed={}, ignored=(), absent=["region"], reason="", now=2)
        assert accepted_of(connection, PROJECTS.name).absent == {"Region"}
    outcome = load(engine, file)
    assert (outcome.changed, outcome.gone, outcome.appeared) == (0, 0, 0)


@pytest.mark.parametrize(
    "asked",
    [
        {"absent": ["ID"]},
        {"absent": ["Colour"]},
        {"ignored": ["Status"]},
        {"renamed": {"Colour": "Color"}},
        {"renamed": {"Status": "Name"}},
        {},
    ],
)
def test_acceptance_that_cannot_be__is_refused(engine: Engine, asked: dict[str, Any]) -> None:
    everything: dict[str, Any] = {"renamed": {}, "ignored": (), "absent": (), **asked}
    with engine.begin() as connection, pytest.raises(RecordRefused):
        accept_drift(connection, PROJECTS.card, reason="", now=1, **everything)
    with engine.connect() as connection:
        assert accepted_of(connection, PROJECTS.name).renamed == {}


def test_id_that_swallowed_its_neighbours__is_kept_aside(engine: Engine, tmp_path: Path) -> None:
    outcome = load(engine, listed(tmp_path, "2026-05-01", (VERRA_PROJECTS[0] | {"ID": "9" * 500}, VERRA_PROJECTS[1])))
    assert (outcome.records, outcome.refused, outcome.disappearances_judged) == (1, {"id_too_long": 1}, False)


# ---------------------------------------------------------------- commands


def command(home: Path, capsys: pytest.CaptureFixture[str], *words: str, expect: int = 0) -> Any:
    code = run(["--home", str(home), "--json", "observe", *words])
    shown = capsys.readouterr().out
    assert code == expect, shown
    return json.loads(shown)


def test_folder_of_exports__drift_stops_its_source_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, exports = tmp_path / "home", tmp_path / "exports"
    (exports / "verra-projects").mkdir(parents=True)
    (exports / "art-trees-projects").mkdir()
    listed(exports / "verra-projects", "2026-05-01", VERRA_PROJECTS)
    renamed_list(exports / "verra-projects", "2026-06-01", "Proponent", "Project Proponent")
    art = source_named("art-trees-projects")
    row = {"Program ID": "ART900", "Program Name": "示例 Illustrative", "Status": "Listed", "Program Country": "GUYANA"}
    write_export(exports / "art-trees-projects" / "list_2026-06-01.csv", art, [row])
    told = command(home, capsys, "load-folder", str(exports), expect=78)
    assert told["stopped"] == 1
    assert [entry.get("records", entry.get("error")) for entry in told["loads"]] == [1, 3, "schema_drift"]
    states = {state["source"]: state for state in command(home, capsys, "status")}
    [finding] = states["verra-projects"]["stopped_by"]["findings"]
    assert (finding["old"], finding["new"]) == ("Proponent", "Project Proponent")
    assert states["art-trees-projects"]["stopped_by"] is None
    accepted = command(
        home, capsys, "accept-drift", "verra-projects", "--rename", "Proponent=Project Proponent", "--reason", "renamed"
    )
    assert accepted["still_open"] == []
    told = command(home, capsys, "load-folder", str(exports))
    assert told["stopped"] == 0
    assert {state["stopped_by"] for state in command(home, capsys, "status")} == {None}


def test_commands__tell_loads_changes_refusals_and_one_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    wind, forest, biogas = VERRA_PROJECTS
    first = listed(tmp_path, "2026-05-01", (wind, forest, biogas | {"Estimated Annual Emission Reductions": "1e3"}))
    second = listed(tmp_path, "2026-06-01", (wind | {"Status": "Late to verify"}, forest, biogas))
    told = command(home, capsys, "load", "verra-projects", str(first), str(second))["loads"]
    assert [(load["records"], load["changed"], load["status_changed"]) for load in told] == [(2, 0, 0), (3, 1, 1)]
    [refusal] = command(home, capsys, "refused", "1")
    assert (refusal["row"], refusal["field"], refusal["value"], refusal["code"]) == (
        4, "Estimated Annual Emission Reductions", "1e3", "quantity_refused",
    )  # fmt: skip
    [change] = command(home, capsys, "changes", "verra-projects", "--status")
    assert change["fields"] == {"Status": ["Registered", "Late to verify"]}
    shown = command(home, capsys, "show", "verra-projects", "9001")
    assert shown["records"][0]["raw"]["Name"] == wind["Name"]
    assert shown["history"][0]["native_id"] == "9001"
    assert [load["id"] for load in command(home, capsys, "loads", "verra-projects")] == [2, 1]
    columns = command(home, capsys, "sources", "verra-projects")["columns"]
    assert {column["heading"] for column in columns} == set(headings_of(PROJECTS))
    assert len(command(home, capsys, "sources")) >= 30
    assert command(home, capsys, "show", "verra-projects", "1", expect=65)["error"] == "record_unknown"
    assert run(["--home", str(home), "observe", "status"]) == 0
    assert "verra-projects" in capsys.readouterr().out


# ---------------------------------------------------------------- the real files

VERRA_LISTS = ("2026-05-27", "2026-06-13", "2026-06-16")


def verra_list(data: Path, day: str) -> Path:
    return data / "verra" / f"verra_projects_{day}.csv"


@pytest.mark.slow
def test_three_real_verra_lists__give_the_changes_that_a_plain_comparison_gives(
    engine: Engine, published_data: Path
) -> None:
    lists = []
    for day in VERRA_LISTS:
        with verra_list(published_data, day).open(encoding="utf-8-sig", newline="") as stream:
            lists.append({row["ID"]: row for row in csv.DictReader(stream)})
    outcomes = [load(engine, verra_list(published_data, day)) for day in VERRA_LISTS]
    assert outcomes[0].appeared == len(lists[0]) == 4_973
    for before, after, outcome in zip(lists[:-1], lists[1:], outcomes[1:], strict=True):
        both = before.keys() & after.keys()
        assert outcome.appeared == len(after.keys() - before.keys())
        assert outcome.gone == len(before.keys() - after.keys())
        assert outcome.changed == sum(before[key] != after[key] for key in both)
        assert outcome.status_changed == sum(before[key]["Status"] != after[key]["Status"] for key in both)
        assert not outcome.refused
    assert [(outcome.changed, outcome.gone, outcome.appeared) for outcome in outcomes[1:]] == [(121, 1, 21), (15, 1, 2)]
    gone = {key: row["gone_since"] for key, row in stored(engine).items() if row["gone_since"]}
    assert gone == {"5527": "2026-06-13", "5632": "2026-06-16"}


@pytest.mark.slow
def test_real_verra_list_with_altered_header__is_stopped_with_old_and_new_names(
    engine: Engine, tmp_path: Path, published_data: Path
) -> None:
    """The three lists have one header; so the newest is given another, over its real values."""
    load(engine, verra_list(published_data, VERRA_LISTS[1]))
    before = counts(engine)
    altered = tmp_path / "verra_projects_2026-06-16.csv"
    header, rest = verra_list(published_data, VERRA_LISTS[2]).read_text(encoding="utf-8-sig").split("\n", 1)
    new = header.replace("Proponent", "Participants").replace("Country/Area", "Country").replace(",Region", ",QQ")
    altered.write_text(f"{new}\n{rest}", encoding="utf-8")
    with pytest.raises(SchemaDrift) as stopped:
        load(engine, altered)
    found = {(drift.kind, drift.old, drift.new): drift for drift in stopped.value.findings}
    assert set(found) == {
        (DriftKind.RENAMED, "Proponent", "Participants"),
        (DriftKind.RENAMED, "Country/Area", "Country"),
        (DriftKind.RENAMED, "Region", "QQ"),
    }
    assert all((drift.value_likeness or 0) > 0.5 for drift in found.values())
    assert counts(engine) == before


def test_one_gold_standard_list_fed_as_the_other__is_real_drift(engine: Engine, published_data: Path) -> None:
    """Between 2021 and 2026 the export lost three columns and gained two."""
    with pytest.raises(SchemaDrift) as stopped:
        load(engine, published_data / REAL_FILES["gold-standard-issuances"], ISSUANCES_2021.name)
    names = {name for drift in stopped.value.findings for name in (drift.old, drift.new) if name}
    assert names == {"Project ID", "Issuance Year", "Eligible for CORSIA?", "Label", "Article Six Authorization"}
    assert counts(engine)["observed_units"] == 0


@pytest.mark.slow
def test_real_duplicate__is_reported_and_counted_once(engine: Engine, published_data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "issuances_2021.csv"
    shutil.copy(published_data / REAL_FILES[ISSUANCES_2021.name], copy)
    outcome = load(engine, copy, ISSUANCES_2021.name)
    assert (outcome.rows, outcome.records, outcome.refused) == (3_909, 3_908, {"duplicate_differs": 1})
    with engine.connect() as connection:
        mirrored = connection.execute(
            select(func.count()).where(t.observed_units.c.serial_programme == "cdm")
        ).scalar_one()
    assert mirrored == 826

"""What the hub holds, listed at CAD Trust: a real chain with issuance, transfer, cut, retirement and hold."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import func, insert, select

from adapters.cad_trust.checking import check_file
from adapters.cad_trust.comparing import compare_files
from adapters.cad_trust.converting import convert_file
from adapters.cad_trust.model import CHILDREN, LABEL_UNITS, PROJECTS, UNITS
from adapters.cad_trust.writing import rows_of, write_records
from hub.cad_trust.export import Part, export_records
from hub.cad_trust.identity import Links
from hub.cad_trust.units import Tally
from hub.chain.connection import Node
from hub.cli import run
from hub.db import tables as t
from hub.network.embedded import EmbeddedChain
from mutual_recognition import identifiers as ids
from mutual_recognition.documents import DocumentKind
from mutual_recognition.periods import day_number
from tests.integration.api_world import (
    HANGZHOU,
    PROJECT,
    REGISTRY,
    SHANGHAI,
    SUZHOU,
    ZERO32,
    World,
    build_world,
    document,
)

KG_SERIES = document(
    DocumentKind.SERIES, "KG", {"code": "KG", "kg_per_serial": 1, "serial_format": "{series}/{serial:08}"}
)
"""A series of 1 kg a serial whose registry pads its serials (illustrative)."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("cad-trust")
    with EmbeddedChain(folder, port=0) as chain, Node(chain.rpc_url, chain.chain_id) as node:
        world = build_world(node, folder)
        _issue_in_kg(world)
        world.deployment.save(folder / "deployment.json")
        yield world


@pytest.fixture
def yrdhub(world: World, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    """Runs a command in the home of this world; its exit code and its JSON."""
    home = Path(str(world.writing.url.database)).parent

    def command(*arguments: object) -> tuple[int, Any]:
        capsys.readouterr()
        code = run(["--home", str(home), "--json", *map(str, arguments)])
        said = capsys.readouterr().out
        return code, json.loads(said) if said else None

    return command


def _issue_in_kg(world: World) -> None:
    """2,500 serials of 1 kg in a second series, under a second verification without a public document."""
    world.send(
        SHANGHAI, "CreditLedger", "registerSeries", [SHANGHAI, ids.native_key(REGISTRY, "KG"), 1, world.request()]
    )
    verification = {
        "request": world.request(),
        "native": ids.native_key(REGISTRY, "V-2"),
        "project": world.project,
        "periodStart": day_number(date(2025, 7, 1)),
        "periodEnd": day_number(date(2025, 12, 31)),
        "verifiedKg": 2_500,
        "document": b"\x77" * 32,
        "predecessor": day_number(date(2025, 1, 1)),
        "externalLock": ZERO32,
    }
    world.send(SHANGHAI, "CreditLedger", "verify", [verification])
    series, world.series = world.series, "0x" + ids.series_id(SHANGHAI, REGISTRY, "KG").hex()
    world.issue(1, 2_500, predecessor=0, drawn_on=ids.verification_id(SHANGHAI, REGISTRY, "V-2"))
    world.series = series
    world.indexer.follow()
    world.hub.documents.put(world.sealed(KG_SERIES), world.hub.clock())


def listing(world: World, member: int | None, **options: Any) -> list[dict[str, Any]]:
    with world.hub.reading.connect() as connection:
        return list(export_records(connection, member, **options))


def units(world: World, member: int | None, **options: Any) -> list[dict[str, Any]]:
    return listing(world, member, part="units", **options)


def by_block(found: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[Any, str, str | None]]:
    return {
        (unit["unitBlockStart"], unit["unitBlockEnd"]): (
            unit["unitCount"],
            unit["unitStatus"],
            unit["unitStatusReason"],
        )
        for unit in found
    }


# ---------------------------------------------------------------- what is listed


def test_home_lists_its_blocks__held_exported_and_in_kg(world: World) -> None:
    found = by_block(units(world, SHANGHAI))
    assert found[("PV-1001", "PV-1020")] == (20, "Held", "under 1 hold(s): not to be moved or retired")
    assert found[("PV-1041", "PV-1100")] == (60, "Held", None)
    count, status, reason = found[("PV-1021", "PV-1025")]
    assert (count, status) == (5, "Exported")
    assert reason is not None
    assert reason.startswith("moved to Suzhou (320500), there retired for carbon neutrality of an event")
    assert found[("PV-1026", "PV-1036")][:2] == (11, "Exported")
    assert str(found[("KG/00000001", "KG/00002500")][0]) == "2.5"


def test_holder_lists_what_it_holds_and_retired(world: World) -> None:
    found = by_block(units(world, SUZHOU))
    count, status, reason = found[("PV-1021", "PV-1025")]
    assert (count, status) == (5, "Retired")
    assert reason is not None
    assert reason.startswith("carbon neutrality of an event (活动碳中和), on 20")
    assert found[("PV-1026", "PV-1036")] == (11, "Held", None)
    assert ("PV-1001", "PV-1020") not in found


def test_cut_on_conversion__cancelled_with_its_reason(world: World) -> None:
    whole = by_block(units(world, None))
    assert whole[("PV-1037", "PV-1040")][1:] == ("Cancelled", "cut on conversion (互认折算扣减)")


def test_whole_export__every_serial_once_and_every_kilogram(world: World) -> None:
    tally = Tally()
    found = units(world, None, tally=tally)
    with world.hub.reading.connect() as connection:
        issued = connection.execute(select(func.sum(t.issuances.c.kg))).scalar_one()
    assert tally.kg == issued == 102_500
    assert "Exported" not in {unit["unitStatus"] for unit in found}
    spans = sorted(
        (unit["unitBlockStart"][:2], int(unit["unitBlockStart"][3:]), int(unit["unitBlockEnd"][3:])) for unit in found
    )
    for (series, _, last), (following, first, _) in pairwise(spans):
        assert series != following or first == last + 1


def test_listings_of_members__together_the_whole_less_what_moved(world: World) -> None:
    whole = {unit["warehouseUnitId"] for unit in units(world, None)}
    of_members = {
        unit["warehouseUnitId"]
        for member in (SHANGHAI, SUZHOU, HANGZHOU)
        for unit in units(world, member)
        if unit["unitStatus"] != "Exported"
    }
    assert of_members == whole


def test_fraction_of_a_tonne__stated_exactly_or_left_out_and_said(world: World) -> None:
    tally = Tally()
    units(world, SHANGHAI, tally=tally)
    assert (tally.fractional_units, tally.fractional_kg) == (1, 500)
    tally = Tally()
    found = by_block(units(world, SHANGHAI, whole_tonnes=True, tally=tally))
    assert found[("KG/00000001", "KG/00002000")][0] == 2
    assert (tally.fractional_units, tally.left_out_kg) == (0, 500)


def test_project__with_period_location_and_recognition_as_label(world: World) -> None:
    [project] = listing(world, SHANGHAI, part="projects", links=Links("https://hub.example"))
    assert project["projectName"] == "Roof PV (illustrative)"
    assert project["projectId"] == project["originProjectId"] == "PV-1"
    assert project["projectLink"] == f"https://hub.example/v1/projects/{world.project}"
    assert project["methodology"] == "SH-EXAMPLE-01 1 Distributed PV (illustrative)"
    assert [one["endDate"] for one in project["issuances"]] == ["2025-06-30", "2025-12-31"]
    [label] = project["labels"]
    assert label["label"].startswith(
        "Mutual recognition by Suzhou (320500): methodology at 80 % of the quantity, every use"
    )
    assert "500000 kg a year" in label["label"]
    assert label["unitQuantity"] == 102
    assert not [one for one in project["labels"] if "Hangzhou" in one["label"]]  # it voted no
    assert project["projectLocations"][0]["country"] == "China"


def test_units_name_an_issuance_of_their_project(world: World) -> None:
    [project] = listing(world, SHANGHAI, part="projects")
    known = {one["id"] for one in project["issuances"]}
    for unit in units(world, None):
        assert unit["issuanceId"] in known
        assert unit["issuance"]["warehouseProjectId"] == project["warehouseProjectId"]


def test_documents_that_are_not_public__stay_out(world: World) -> None:
    # the verification's document is for auditors: its contents, whatever they are, are not told
    [project] = listing(world, SHANGHAI, part="projects")
    assert {one["verificationBody"] for one in project["issuances"]} == {"Not stated"}
    assert "200000" not in json.dumps(project, default=str)


def test_nobody_is_named__proponent_without_organisation_code(world: World) -> None:
    [project] = listing(world, SHANGHAI, part="projects")
    assert project["projectDeveloper"] == "Not stated"


def test_repeated_export__the_same_records_under_the_same_ids(world: World) -> None:
    assert listing(world, None) == listing(world, None)


def test_pages__however_small__the_same_listing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = units(world, SHANGHAI)
    monkeypatch.setattr("hub.cad_trust.units.PAGE", 2)
    monkeypatch.setattr("hub.cad_trust.units._MOST_PROJECTS_KEPT", 0)
    assert units(world, SHANGHAI) == whole


def test_document_that_was_withdrawn__stays_out(world: World) -> None:
    d = t.documents.c
    with world.writing.connect() as connection:
        of_project = d.digest == "0x" + PROJECT.digest().hex()
        notice = dict(connection.execute(select(t.documents).where(of_project)).mappings().one())
        notice |= {"digest": "0x" + "ab" * 32, "kind": "withdrawal", "withdraws": notice["digest"], "arrived": 2**60}
        connection.execute(insert(t.documents).values(notice))
        [project] = export_records(connection, SHANGHAI, part="projects")
        connection.rollback()
    assert project["projectName"] == world.project  # its id: no words are left
    assert listing(world, SHANGHAI, part="projects")[0]["projectName"] == "Roof PV (illustrative)"


def test_every_record_fits_the_data_model_but_for_fractions(world: World) -> None:
    checked = 0
    for record in listing(world, None, whole_tonnes=True):
        for table, row in rows_of(record):
            table.model.model_validate(row)
            assert set(row) <= {*table.model.model_fields, *table.columns, *_NESTED}, table.name
            checked += 1
    assert checked > 10


_NESTED = {child.name for child in CHILDREN} | {"issuance", "labels", "issuanceListed"}


# ---------------------------------------------------------------- there and back


@pytest.mark.slow
@pytest.mark.parametrize(("form", "member"), [("xlsx", None), ("json", SHANGHAI), ("jsonl", SUZHOU), ("xlsx", SUZHOU)])
def test_round_trip__export_check_convert_compare__equal(
    world: World, tmp_path: Path, form: str, member: int | None
) -> None:
    file, again = tmp_path / f"out.{form}", tmp_path / f"again.{form}"
    write_records(file, listing(world, member, whole_tonnes=True))
    checked = check_file(file)
    assert [one.to_json() for one in checked.findings if one.severity == "error"] == []
    convert_file(file, again)
    compared = compare_files(file, again)
    assert compared.equal, compared.to_json()
    assert compared.identical == compared.cells > 50


@pytest.mark.slow
def test_workbook_and_json__the_same_records(world: World, tmp_path: Path) -> None:
    workbook, text = tmp_path / "out.xlsx", tmp_path / "out.json"
    records = listing(world, None, whole_tonnes=True)
    write_records(workbook, records)
    write_records(text, records)
    compared = compare_files(workbook, text)
    assert compared.equal, compared.to_json()
    assert compared.rows["units"] == 6


def test_workbook__serials_are_text_and_sheets_are_the_services(world: World, tmp_path: Path) -> None:
    file = tmp_path / "out.xlsx"
    write_records(file, listing(world, None))
    workbook = openpyxl.load_workbook(file)
    assert workbook.sheetnames == [table.sheet for table in (PROJECTS, *CHILDREN, UNITS, LABEL_UNITS)]
    heading, *rows = workbook["units"].iter_rows(values_only=True)
    place = {name: at for at, name in enumerate(heading)}
    assert all(isinstance(row[place["unitBlockStart"]], str) for row in rows)
    assert "2.5" in [row[place["unitCount"]] for row in rows]  # a fraction is text: never a binary float
    assert workbook["label_units"].max_row == len(rows) + 1


def test_fraction__check_says_that_cad_trust_counts_tonnes(world: World, tmp_path: Path) -> None:
    file = tmp_path / "out.xlsx"
    write_records(file, listing(world, SHANGHAI))
    [finding] = [one for one in check_file(file).findings if one.severity == "error"]
    assert (finding.code, finding.sheet, finding.column, finding.count) == ("not_whole_tonnes", "units", "unitCount", 1)


# ---------------------------------------------------------------- over HTTP


def test_api__streams_the_same_listing_with_an_etag(world: World) -> None:
    path = f"/v1/exports/cad-trust/{SHANGHAI}"
    answer = world.client.get(path)
    assert answer.status_code == 200
    told = answer.json()
    assert [one["warehouseProjectId"] for one in told["projects"]] == [
        one["warehouseProjectId"] for one in listing(world, SHANGHAI, part="projects")
    ]
    assert len(told["units"]) == len(units(world, SHANGHAI))
    again = world.client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert not again.content


@pytest.mark.parametrize("part", ["projects", "units"])
def test_api__one_part_alone(world: World, part: Part) -> None:
    told = world.client.get(f"/v1/exports/cad-trust/{SHANGHAI}?part={part}").json()
    assert [name for name, records in told.items() if records] == [part]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("999999", 404, "not_found"),
        (f"{SHANGHAI}?parts=units", 400, "parameter_unknown"),
        (f"{SHANGHAI}?part=everything", 422, "request_invalid"),
        ("shanghai", 422, "request_invalid"),
    ],
)
def test_api__unknown_member_or_parameter__refused(world: World, path: str, status: int, code: str) -> None:
    answer = world.client.get(f"/v1/exports/cad-trust/{path}")
    assert answer.status_code == status
    assert answer.json()["type"] == f"urn:yrdhub:problem:{code}"


# ---------------------------------------------------------------- the commands


@pytest.mark.slow
def test_commands__export_check_import_write_again_compare(
    world: World, tmp_path: Path, yrdhub: Callable[..., tuple[int, Any]]
) -> None:
    file, again = tmp_path / "shanghai.xlsx", tmp_path / "again.xlsx"
    code, told = yrdhub("cadt", "export", "--member", SHANGHAI, "--whole-tonnes", "--out", file)
    assert (code, told["projects"], told["units"], told["kg"], told["left_out_kg"]) == (0, 1, 6, 102_000, 500)
    code, told = yrdhub("cadt", "check", file)
    assert (code, told["errors"]) == (0, 0)
    code, told = yrdhub("cadt", "import", file)
    assert code == 0
    assert {load["source"]: load["appeared"] for load in told["loads"]} == {
        "cad-trust-projects": 1,
        "cad-trust-units": 6,
    }
    code, told = yrdhub("cadt", "import", file)
    assert all(load["repeated"] for load in told["loads"])
    code, told = yrdhub("cadt", "export-imported", "--out", again)
    assert (code, told["rows"]) == (0, {"projects": 1, "units": 6})
    code, told = yrdhub("cadt", "compare", file, again)
    # what hangs on a project is in the listing, and not among what is kept of others' listings
    assert {one["field"] for one in told["differences"]} == {"(row)"}
    assert told["rows"] == {"projects": 1, "units": 6}


def test_command_check__fraction_of_a_tonne__exit_code_1_and_where(
    world: World, tmp_path: Path, yrdhub: Callable[..., tuple[int, Any]]
) -> None:
    file = tmp_path / "shanghai.jsonl"
    assert yrdhub("cadt", "export", "--member", SHANGHAI, "--part", "units", "--out", file)[1]["fractional_units"] == 1
    code, told = yrdhub("cadt", "check", file)
    [finding] = [one for one in told["findings"] if one["severity"] == "error"]
    assert (code, finding["code"], finding["field"]) == (1, "not_whole_tonnes", "unitCount")
    assert finding["places"][0]["value"] == "2.5"


def test_command_export__unknown_member__names_those_there_are(
    world: World, tmp_path: Path, yrdhub: Callable[..., tuple[int, Any]]
) -> None:
    code, told = yrdhub("cadt", "export", "--member", 110000, "--out", tmp_path / "x.xlsx")
    assert code != 0
    assert "310000" in json.dumps(told)
    assert list(tmp_path.iterdir()) == []


def test_command_import__neither_projects_nor_units__refused(
    tmp_path: Path, yrdhub: Callable[..., tuple[int, Any]]
) -> None:
    file = tmp_path / "x.json"
    file.write_text('[{"remark": "hello"}]')
    code, told = yrdhub("cadt", "import", file)
    assert code != 0
    assert "nothing_to_import" in json.dumps(told)

"""A new city: what `yrdhub adapter new` writes works at once, `check` says what passes, and the guide says what is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.main import get_command

from adapters.acceptance import CHECKS, Outcome, Result, Trial, run_checks
from adapters.acceptance.advice import ADVICE
from adapters.city import telling
from adapters.city.canonical import City
from adapters.city.effect_words import FIELDS, WORDS, examples
from adapters.city.mapping import TITLES, CityMapping
from adapters.skeleton import files_adapter, rest_adapter, sql_adapter
from adapters.skeleton.copying import TRANSPORTS, entry_point, left_to_do, package_of, write_skeleton
from adapters.skeleton.mapping import MAPPING
from hub.cli import COMMANDS, run
from hub.commands.adapter import WRITING, _remember
from hub.errors import ConfigurationWrong
from mutual_recognition.purposes import Purpose

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "adapters" / "GUIDE.md"
MODULES = {"rest": rest_adapter, "files": files_adapter, "sql": sql_adapter}


@pytest.fixture(scope="module", params=["rest", "files"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Path]:
    """Name, folder and site of a skeleton that was written by the command and installed by pip."""
    into = tmp_path_factory.mktemp("new")
    name = f"demo_{request.param}"
    assert (
        run(["--home", str(into / "home"), "adapter", "new", name, "--transport", request.param, "--into", str(into)])
        == 0
    )
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps"]
    subprocess.run([*command, "--target", str(into / "site"), str(into / name)], check=True, capture_output=True)
    return name, into / name, into / "site"


def with_site(site: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "YRDHUB_HOME": str(site.parent / "home")}
    return subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_new__installed__its_tests_are_green_and_check_runs_at_once(written: tuple[str, Path, Path]) -> None:
    name, folder, site = written
    tests = with_site(site, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder / "tests"))
    assert tests.returncode == 0, tests.stdout
    assert "2 passed" in tests.stdout
    yrdhub = "import sys; from hub.cli import run; sys.exit(run(sys.argv[1:]))"
    checked = with_site(site, "-c", yrdhub, "--json", "adapter", "check", name, "--write")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    told = json.loads(checked.stdout)
    assert (told["against"], told["failed"]) == ("sample", 0)
    assert len(told["checks"]) == len(CHECKS)
    assert any(f"HOME/adapters/{name}.json" in one for one in told["to_do"])
    assert sum("mapping.py" in one for one in told["to_do"]) >= 4
    listed = json.loads(with_site(site, "-c", yrdhub, "--json", "adapter", "list").stdout)
    assert {"name": name, "from": f"yrdhub_{name}.adapter:create", "registries": [], "trouble": None} in listed
    assert "skeleton" not in "".join(path.read_text() for path in folder.rglob("*.py"))


@pytest.mark.parametrize("transport", ["rest", "files", pytest.param("sql", marks=pytest.mark.slow)])
def test_sample_of_each_transport__passes_the_acceptance_suite__writing_too(transport: str) -> None:
    module: Any = MODULES[transport]
    with module.sample() as settings:
        with closing(module.create(settings)) as adapter:
            records = [record for page in adapter.read("") for record in page.records]
            private = adapter.private_words
        assert set(MAPPING.shapes) <= {record.kind for record in records}
        retired = next(record for record in records if record.kind == "retirement")
        assert private(retired) == ["示例受益人"]
        trial = Trial(
            open=lambda: module.create(settings), uninteresting=MAPPING.passed_over, private=private, may_write=True
        )
        outcomes = list(run_checks(trial))
    assert not {o.check.name: o.reason for o in outcomes if o.result is Result.FAILED}
    skipped = {o.check.name for o in outcomes if o.result is Result.SKIPPED}
    by_hand = {c.name for c in CHECKS if c.name.startswith(("a_person", "what_cannot", "a_booking"))}
    stand_in = {"schema_drift_names_the_fields", "a_registry_that_is_down_is_retried_later"}
    written = {"push_twice_has_one_effect_and_lookup_tells_it", "effects_it_cannot_book_get_a_refused_receipt"}
    if transport == "files":
        assert skipped == stand_in | written | {"a_booking_that_is_seen_confirms_nothing"}
    else:
        assert skipped == stand_in | by_hand | {"push_twice_has_one_effect_and_lookup_tells_it"}


def test_every_check__has_advice() -> None:
    assert set(ADVICE) == {check.name for check in CHECKS}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_skeleton__inside_the_project__is_one_folder_and_one_line(
    transport: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.skeleton.copying.is_inside", lambda into: True)
    files = {path.relative_to(tmp_path / "ningbo").as_posix() for path in write_skeleton("ningbo", transport, tmp_path)}
    assert {"adapter.py", "mapping.py", "README.md", "tests/test_ningbo.py"} <= files
    assert "pyproject.toml" not in files
    assert package_of("ningbo", tmp_path) == "adapters.ningbo"
    assert entry_point("ningbo", tmp_path) == 'ningbo = "adapters.ningbo.adapter:create"'
    assert "adapters.ningbo.mapping" in (tmp_path / "ningbo" / "adapter.py").read_text()
    assert left_to_do(tmp_path / "ningbo")
    assert any(one.startswith("test_ningbo.py") for one in left_to_do(tmp_path / "ningbo"))
    assert any(one.startswith("adapter.py") and "fixtures/" in one for one in left_to_do(tmp_path / "ningbo"))
    (tmp_path / "ningbo" / "mapping.py").write_text("")
    assert not [one for one in left_to_do(tmp_path / "ningbo") if one.startswith("mapping.py")]


@pytest.mark.parametrize(
    ("name", "transport", "code"),
    [
        ("Ningbo", "rest", "adapter_name_invalid"),
        ("class", "rest", "adapter_name_invalid"),
        ("skeleton", "rest", "adapter_name_invalid"),
        ("../up", "rest", "adapter_name_invalid"),
        ("ningbo", "ftp", "transport_unknown"),
        ("there", "rest", "folder_exists"),
    ],
)
def test_new__name_or_transport_that_cannot_be__is_refused(
    tmp_path: Path, name: str, transport: str, code: str
) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(ConfigurationWrong) as caught:
        write_skeleton(name, transport, tmp_path)
    assert caught.value.code == code
    assert caught.value.remedy
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_new__name_of_an_installed_adapter__is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "--home",
        str(tmp_path),
        "--json",
        "adapter",
        "new",
        "suzhou",
        "--transport",
        "files",
        "--into",
        str(tmp_path),
    ]
    assert run(words) == 78
    assert json.loads(capsys.readouterr().out)["error"] == "adapter_exists"


def test_check__against_a_registry_as_configured__says_failures_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Suzhou's own fixture, which lacks a heartbeat and snapshots: health and books fail, the rest passes."""
    (tmp_path / "adapters").mkdir()
    folder = ROOT / "adapters" / "suzhou" / "fixtures"
    settings = {"member": 320500, "registry": "suzhou-sandbox", "folder": str(folder), "answer_seconds": 0.1}
    settings |= {"peers": {"310000": "shanghai-sandbox"}, "adapter": "suzhou"}
    (tmp_path / "adapters" / "gusu.json").write_text(json.dumps(settings))
    before = sorted(folder.rglob("*"))
    assert run(["--home", str(tmp_path), "--json", "adapter", "check", "gusu"]) == 1
    told = json.loads(capsys.readouterr().out)
    for path in set(folder.rglob("*")) - set(before):
        path.unlink()
    checks = {row["name"]: row for row in told["checks"]}
    assert told["against"] == "registry"
    assert checks["profile_is_sane"]["result"] == "passed"
    failed = checks["health_is_true_while_the_registry_is_up"]
    assert failed["result"] == "failed"
    assert failed["reason"]
    assert failed["do"]
    assert checks["push_twice_has_one_effect_and_lookup_tells_it"]["do"].startswith("run it with --write")
    assert any(one.startswith("not run without --write") for one in told["to_do"])


def test_check__always_counts_kinds_and_fails_where_one_is_refused_wholly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry whose mapping lacks every purpose: its retirements are refused, and the check is red."""
    purposes = dict(MAPPING.purposes)
    MAPPING.purposes.clear()  # type: ignore[attr-defined]
    try:
        with files_adapter.sample() as settings:
            (tmp_path / "adapters").mkdir()
            (tmp_path / "adapters" / "demo.json").write_text(json.dumps({**settings, "adapter": "demo"}))
            point = EntryPoint("demo", "adapters.skeleton.files_adapter:create", "yrdhub.adapters")
            monkeypatch.setattr("adapters.registry.installed", lambda: {"demo": point})
            monkeypatch.setattr("hub.commands.adapter.installed", lambda: {"demo": point})
            code = run(["--home", str(tmp_path), "--json", "adapter", "check", "demo"])
            told = json.loads(capsys.readouterr().out)
            assert run(["--home", str(tmp_path), "adapter", "check", "demo"]) == code == 1
            shown = " ".join(capsys.readouterr().out.split())
    finally:
        MAPPING.purposes.update(purposes)  # type: ignore[attr-defined]
    kinds = {one["kind"]: one for one in told["kinds"]}
    assert set(MAPPING.shapes) <= set(kinds)
    assert kinds["issuance"]["refused"] == 0
    assert kinds["issuance"]["translated"] == kinds["issuance"]["read"] >= 2
    retired = kinds["retirement"]
    assert retired["refused"] == retired["read"] >= 1
    assert "'P1'" in retired["reasons"][0] or "purpose" in retired["reasons"][0]
    assert {row["name"] for row in told["checks"] if row["result"] == "failed"} >= {"no_kind_is_refused_wholly"}
    assert any(one.startswith("retirement: ") for one in told["to_do"])
    assert "records were refused; nothing of them reaches the chain" in shown


def test_notice__not_answered_yet__is_asked_after_by_the_same_key_and_then_forgotten(tmp_path: Path) -> None:
    check = next(check for check in CHECKS if check.name == WRITING[0])
    waiting = tmp_path / "demo.notice"
    _remember(waiting, "acceptance:1", [Outcome(check, Result.FAILED, "offered 3 times and not answered: x")])
    assert waiting.read_text().strip() == "acceptance:1"
    _remember(waiting, "acceptance:1", [Outcome(check, Result.SKIPPED, "because reading stopped")])
    assert waiting.exists()
    _remember(waiting, "acceptance:1", [Outcome(check, Result.PASSED)])
    assert not waiting.exists()


def test_check_of_the_sample__with_a_configuration__does_not_ask_for_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    point = EntryPoint("demo", "adapters.skeleton.files_adapter:create", "yrdhub.adapters")
    monkeypatch.setattr("adapters.registry.installed", lambda: {"demo": point})
    monkeypatch.setattr("hub.commands.adapter.installed", lambda: {"demo": point})
    monkeypatch.setattr("hub.commands.adapter.run_checks", lambda trial: iter(()))
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "demo.json").write_text(json.dumps({"member": 330200, "registry": "demo"}))
    assert run(["--home", str(tmp_path), "--json", "adapter", "check", "demo", "--sample"]) == 0
    to_do = json.loads(capsys.readouterr().out)["to_do"]
    assert not any("write HOME" in one for one in to_do)
    assert any("without --sample" in one for one in to_do)


def test_effects__of_a_city__are_shown_in_its_own_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for transport in ("rest", "files"):
        point = EntryPoint("demo", f"adapters.skeleton.{transport}_adapter:create", "yrdhub.adapters")
        monkeypatch.setattr("adapters.registry.installed", lambda point=point: {"demo": point})
        monkeypatch.setattr("hub.commands.adapter.installed", lambda point=point: {"demo": point})
        words = ["--home", str(tmp_path), "--json", "adapter", "effects", "demo", "--series", "DEMO-2024"]
        assert run(words) == 0
        told = {one["word"]: one for one in json.loads(capsys.readouterr().out)}
        assert set(told) == set(TITLES)
        accepted = told["transfer_accepted"]["as_told"]
        assert accepted["event"] == "transfer completed"
        assert accepted["other_member"] == "310000"
        assert ("工作单号 / work item" in accepted) == (transport == "files")  # a person types the short number
        assert ("key" in accepted) == (transport == "rest")  # a program the key: never both under one name
        assert all(one["book"] for one in told.values())
        assert run([words[0], words[1], *words[3:]]) == 0
        assert "recognition_changed" in capsys.readouterr().out


def test_every_word__has_its_meaning__fields_and_an_example() -> None:
    of = City(member=990000, registry="sample", peers={}, purposes=MAPPING.purposes, secret=b"s" * 32)
    assert set(WORDS) == set(TITLES)
    seen = set()
    for word, effect in examples(990000, "sample", "DEMO-2024"):
        told = telling.told(effect, of)
        assert told.what == word
        assert set(told.fields) == {*WORDS[word].fields, *WORDS[word].at_times}
        assert set(told.fields) <= set(FIELDS)
        seen.add(word)
    assert seen == set(WORDS)
    assert MAPPING.effects is not None
    assert set(MAPPING.effects.words) == set(WORDS)  # the skeleton shows each, to be filled in
    assert set(MAPPING.effects.fields) == set(FIELDS)


def test_guide__has_a_row_for_every_word_and_names_every_field() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    for word, known in WORDS.items():
        (row,) = re.findall(rf"^\| `{word}` \|.*$", text, re.MULTILINE)
        for field in (*known.fields, *known.at_times):
            assert field in row, f"{word}: {field}"
    assert all(f"`{field}`" in text for field in FIELDS)


def test_check__of_nothing_configured_and_no_sample__says_where_to_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--home", str(tmp_path), "--json", "adapter", "check", "suzhou"]) == 78
    told = json.loads(capsys.readouterr().out)
    assert told["error"] == "adapter_not_configured"
    assert "suzhou.json" in told["where"]


def test_mapping__that_leaves_an_attribute_out__is_refused_when_it_is_made() -> None:
    shapes = dict(MAPPING.shapes)
    shape: Any = shapes["retirement"]
    shapes["retirement"] = type(shape)(shape.kind, shape.model, shape.columns[:-2], optional=shape.optional)
    with pytest.raises(ConfigurationWrong, match="retired_on"):
        CityMapping("t", shapes, {"P1": Purpose.VOLUNTARY})


def test_cities__are_known_by_name_in_their_own_folders_alone() -> None:
    """Nothing but the demo, the sandbox and the city itself imports a city's adapter (the CDM is a programme)."""
    cities = [p.name for p in (ROOT / "adapters").iterdir() if (p / "mapping.py").exists()]
    cities = [name for name in cities if name not in ("city", "skeleton")]
    assert len(cities) >= 4
    known = re.compile(rf"\badapters\.({'|'.join(cities)})\b")
    found = []
    for path in [*(ROOT / "hub").rglob("*.py"), *(ROOT / "adapters").rglob("*.py")]:
        room = path.relative_to(ROOT).parts
        if room[:2] in (("hub", "demo"), ("adapters", "sandbox")) or room[1] in cities:
            continue
        found += [f"{path.relative_to(ROOT)}: {hit[0]}" for hit in known.finditer(path.read_text(encoding="utf-8"))]
    assert not found


# ------------------------------------------------------------------ the guide


def command_lines() -> list[str]:
    blocks = re.findall(r"^    (yrdhub .*)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    inline = re.findall(r"`(yrdhub [a-z][^`]*)`", GUIDE.read_text(encoding="utf-8"))
    return [*blocks, *inline]


def test_guide__has_commands() -> None:
    assert len(command_lines()) >= 15


@pytest.mark.parametrize("line", command_lines())
def test_guide__every_command_line__is_one_of_the_command_line(line: str) -> None:
    words = line.split()[1:]
    module, _ = COMMANDS[words[0]]
    app: typer.Typer = __import__(module, fromlist=["app"]).app
    command: Any = get_command(app)
    rest = words[1:]
    while hasattr(command, "commands"):
        assert rest, f"{line}: a command is missing"
        if words[0] == "reconcile" and rest[0] not in command.commands:
            rest = ["run", *rest]  # `yrdhub reconcile CITY`
        assert rest[0] in command.commands, f"{line}: there is no {rest[0]}"
        command, rest = command.commands[rest[0]], rest[1:]
    context = command.make_context(words[0], [], resilient_parsing=True)
    known = {option for parameter in command.get_params(context) for option in parameter.opts}
    options = [word for word in rest if word.startswith("--") and word not in ("--json", "--home")]
    assert set(options) <= known, f"{line}: known are {sorted(known)}"
    positional = [p for p in command.params if p.param_type_name == "argument" and p.required]
    assert len([word for word in rest if not word.startswith("--")]) >= len(positional), line


def test_guide__every_name_that_it_tells_to_use__is_there() -> None:
    from adapters.city import columns, effect_files, file_feed, mapping, readings, rest_feed, sql_feed

    rooms = (columns, readings, mapping, file_feed, rest_feed, sql_feed, effect_files)
    text = GUIDE.read_text(encoding="utf-8")
    called = set(re.findall(r"`?\b([a-z_]{4,}|[A-Z][A-Za-z]+(?:Form|Files))\(", text)) - {"decimal", "frozenset"}
    absent = [name for name in called if not any(hasattr(room, name) for room in rooms)]
    assert not absent, absent
    for path in re.findall(r"`(adapters/[a-z_/]+\.py|tests/[a-z_/]+\.py)`", text):
        assert (ROOT / path).is_file(), path

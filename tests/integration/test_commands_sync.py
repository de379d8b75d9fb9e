"""`yrdhub sync` on a real registry of its own process: a pass, how it stands, what is held, and what a person books."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from adapters.protocol import Effect, EffectKind
from adapters.sync import tables as journal_tables
from hub.db.engine import open_engine
from hub.demo.cities import SHANGHAI, SUZHOU
from hub.demo.samples import GENERATION_KWH, methodology, projects, verification
from hub.demo.world import World, open_world
from tests.integration.command_home import Commands, Home

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The demo's world before any story; the commands sync it, not the world itself."""
    with open_world(tmp_path_factory.mktemp("world"), cities=(SHANGHAI, SUZHOU)) as world:
        yield world


@pytest.fixture
def yrdhub(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    return Commands(Home(world.home, world.chain, world.keys, world.deployment), capsys, monkeypatch)


@pytest.fixture
def filed(world: World, yrdhub: Commands) -> str:
    """Shanghai's methodology and first project, at the registry and synced; the project's native id."""
    registry = world.registries["shanghai"]
    if not registry.process.records("project"):
        registry.operate("file-methodology", **methodology(SHANGHAI))
        registry.operate("register-project", **projects(SHANGHAI)[0])
        told = yrdhub(SHANGHAI, "sync", "run", "shanghai", member=False)
        assert (told["read"], told["written"], told["held"]) == (2, 2, 0)
    return str(registry.process.records("project")[0]["native_id"])


def test_list__names_the_configured_registries(yrdhub: Commands) -> None:
    listed = {one["name"]: one["member"] for one in yrdhub(None, "sync", "list")}
    assert {"shanghai": SHANGHAI.member, "suzhou": SUZHOU.member}.items() <= listed.items()


def test_run__twice__writes_once(yrdhub: Commands, filed: str) -> None:
    again = yrdhub(SHANGHAI, "sync", "run", "shanghai", member=False)
    assert (again["read"], again["written"], again["told"]) == (0, 0, 0)
    listed = yrdhub(None, "registry", "list")
    assert filed in [one["called"] for one in listed]


def test_status__tells_four_facts_apart(yrdhub: Commands, filed: str) -> None:
    told = yrdhub(None, "sync", "status", "shanghai")
    assert told["reachable_now"]
    assert told["last_attempt"]
    assert told["last_success"]
    assert told["lag"]["records_on_their_way"] == 0


def test_held__says_why__and_a_retry_decides_anew(world: World, yrdhub: Commands, filed: str) -> None:
    registry = world.registries["shanghai"]
    registry.operate("verify", **verification(filed, GENERATION_KWH["shanghai"][0]))
    first = registry.process.records("verification")[0]["native_id"]
    wrong = registry.operate("misfile", kind="verification", like=first, changes={})["native_id"]
    yrdhub(SHANGHAI, "sync", "run", "shanghai", member=False)
    (held,) = yrdhub(None, "sync", "held", "shanghai")
    assert (held["native_id"], held["reason"]["chain_error"]) == (wrong, "PeriodOverlaps")
    assert yrdhub(None, "sync", "retry", "shanghai", "--record", wrong)["released"] == 1
    assert yrdhub(None, "sync", "held", "shanghai") == []
    yrdhub(SHANGHAI, "sync", "run", "shanghai", member=False)
    assert [row["native_id"] for row in yrdhub(None, "sync", "held", "shanghai")] == [wrong]
    code, refused = yrdhub.attempt(None, "sync", "retry", "shanghai", "--record", "NO-SUCH")
    assert (code, refused["error"]) == (65, "record_not_held")


def by_hand(world: World, key: str) -> None:
    """An effect that waits for a person, in Shanghai's journal."""
    effect = Effect(key, EffectKind.HELD, None, None, {}, 1, "2026-01-01T00:00:00+00:00")
    engine = open_engine(f"sqlite:///{world.home / 'sync' / 'shanghai.sqlite'}")
    row = {"key": effect.key, "kind": "held", "body": effect.to_json(), "status": "person", "queued_at": 1}
    with engine.begin() as connection:
        connection.execute(insert(journal_tables.effects).values(row))
    engine.dispose()


def test_todo__what_a_person_booked_is_said_once(world: World, yrdhub: Commands, filed: str) -> None:
    by_hand(world, "held:0102:1.2.3")
    (waiting,) = yrdhub(None, "sync", "todo", "shanghai")
    assert waiting["key"] == "held:0102:1.2.3"
    said = ("sync", "done", "shanghai", waiting["key"], "--reference", "BOOK-7", "--by", "Li Lei (illustrative)")
    code, refused = yrdhub.attempt(None, *said)
    assert (code, refused["error"]) == (78, "confirmation_missing")
    assert yrdhub(None, *said, "--yes")["status"] == "booked"
    assert yrdhub(None, "sync", "todo", "shanghai") == []
    code, refused = yrdhub.attempt(None, *said, "--yes")
    assert (code, refused["error"]) == (65, "effect_settled")
    assert "Li Lei" in refused["message"]
    code, refused = yrdhub.attempt(None, "sync", "done", "shanghai", "no:such", *said[4:], "--yes")
    assert (code, refused["error"]) == (65, "effect_unknown")


def test_refused_by_a_person__stays_among_what_is_held__and_can_be_taken_back(
    world: World, yrdhub: Commands, filed: str
) -> None:
    by_hand(world, "held:0102:1.2.4")
    yrdhub(
        None, "sync", "refuse", "shanghai", "held:0102:1.2.4", "--reason", "no such units", "--by", "Li Lei", "--yes"
    )
    held = {row["key"]: row for row in yrdhub(None, "sync", "held", "shanghai")}["held:0102:1.2.4"]
    assert (held["code"], held["family"]) == ("refused_by_hand", "effect")
    assert held["why"] == "Li Lei: no such units"
    assert yrdhub(None, "sync", "retry", "shanghai", "held:0102:1.2.4")["effect"] == 1
    code, refused = yrdhub.attempt(None, "sync", "retry", "shanghai", "held:0102:1.2.4")
    assert (code, refused["error"]) == (65, "not_held")


def test_run__with_the_key_of_another_city__is_not_possible(
    yrdhub: Commands, world: World, filed: str, tmp_path: Path
) -> None:
    mine, away = world.home / "keys" / "shanghai" / "registrar", tmp_path / "registrar"
    shutil.move(mine, away)
    try:
        code, refused = yrdhub.attempt(SUZHOU, "sync", "run", "shanghai", member=False)
    finally:
        shutil.move(away, mine)
    assert (code, refused["error"]) == (78, "key_missing")


def test_unknown_registry__says_which_there_are(yrdhub: Commands) -> None:
    code, refused = yrdhub.attempt(None, "sync", "held", "wuxi")
    assert (code, refused["error"]) == (78, "adapter_not_configured")
    assert "shanghai" in refused["remedy"]


def test_registry_away__is_said_and_nothing_is_lost(world: World, yrdhub: Commands, filed: str) -> None:
    file = world.home / "adapters" / "shanghai.json"
    settings = json.loads(file.read_text())
    file.write_text(json.dumps(settings | {"url": "http://127.0.0.1:9/", "attempts": 1, "longest_wait": 0}))
    try:
        code, told = yrdhub.attempt(SHANGHAI, "sync", "run", "shanghai", member=False)
        status = yrdhub(None, "sync", "status", "shanghai")
    finally:
        file.write_text(json.dumps(settings))
    assert code == 75
    assert told["trouble"]
    assert not status["reachable_now"]
    assert status["last_success"]
    assert status["last_trouble"]


def test_restored__said_by_a_person__read_from_the_beginning__nothing_written_twice(
    world: World, yrdhub: Commands, filed: str
) -> None:
    registry = world.registries["shanghai"]
    registry.operate("backup", name="last_week")
    registry.operate("edit-project", native_id=filed, changes={"co_benefits": "示例协同效益"})
    yrdhub(SHANGHAI, "sync", "run", "shanghai", member=False)
    registry.operate("restore", name="last_week")
    _, told = yrdhub.attempt(SHANGHAI, "sync", "run", "shanghai", member=False)
    assert "yrdhub sync restored" in str(told)
    code, refused = yrdhub.attempt(None, "sync", "restored", "shanghai")
    assert (code, refused["error"]) == (78, "confirmation_missing")
    assert yrdhub(None, "sync", "restored", "shanghai", "--yes")["registry"] == "shanghai"
    # the edit after the backup is on the chain; the registry says again what it said before it
    again = yrdhub(SHANGHAI, "sync", "run", "shanghai", member=False)
    assert again["read"] > 2
    assert again["written"] == 1

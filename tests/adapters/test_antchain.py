"""The AntChain source on its stand-in platform: signatures, faults, each act once, and nothing personal kept."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.antchain.signing import AnswerUnreadable, answer_signature, signature, signed_part
from adapters.antchain.source import AntchainSource, create
from adapters.antchain.wire import METHOD, VERSION
from adapters.sandbox.antchain_process import AntchainProcess, running, sample_act
from adapters.scenarios.pseudonyms import Pseudonyms
from adapters.scenarios.pull import pull
from adapters.scenarios.store import ScenarioStore, Taken
from hub.cli import run
from hub.errors import ConfigurationWrong, RetryLater
from mutual_recognition.periods import UTC_PLUS_8
from mutual_recognition.scenarios import Activity

TODAY = datetime.now(UTC_PLUS_8).date()
FIRST = TODAY - timedelta(days=2)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AntchainProcess]:
    with running(tmp_path_factory.mktemp("platform")) as platform:
        yield platform


@pytest.fixture
def platform(shared: AntchainProcess, request: pytest.FixtureRequest) -> Iterator[AntchainProcess]:
    """The platform, with faults of the test before switched off; each test has a project of its own."""
    shared.clear_faults()
    yield shared
    shared.clear_faults()


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    return f"P-{abs(hash(request.node.name)) % 10**9}"


def acts(project: str, count: int, day: Any = FIRST, start: int = 0, **changes: Any) -> list[dict[str, Any]]:
    made = [
        sample_act(n, f"{day} 08:{n % 60:02d}:17", project_no=project, **changes) for n in range(start, start + count)
    ]
    return [act | {"acquisition_item_no": f"{project}-{act['acquisition_item_no']}"} for act in made]


def opened(platform: AntchainProcess, project: str, **settings: Any) -> AntchainSource:
    given = platform.settings(name="antchain", project=project, since=FIRST.isoformat(), **settings)
    given.pop("source")
    return create(given)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ScenarioStore]:
    with closing(ScenarioStore(tmp_path / "antchain.sqlite", Pseudonyms(b"s" * 32, "antchain"))) as made:
        yield made


def pulled(platform: AntchainProcess, project: str, store: ScenarioStore, **settings: Any) -> Taken:
    with closing(opened(platform, project, **settings)) as source:
        return pull(source, store)


# ------------------------------------------------------------------ signatures


def test_signature__of_the_published_sdks_own_vector() -> None:
    assert signature({"test": "ok"}, "secret") == "qlB4B1lFcehlWRelL7Fo4uNHPCs="


def test_signature__sorts_and_encodes_names_and_values() -> None:
    one = signature({"b": "碳 普惠/~", "a": "1+1"}, "k")
    assert one == signature({"a": "1+1", "b": "碳 普惠/~"}, "k")
    assert one != signature({"a": "1 1", "b": "碳 普惠/~"}, "k")


def test_signed_part__is_the_text_as_it_was_sent__nested_objects_and_braces_in_texts_too() -> None:
    inner = '{"list": [{"a": {"b": "}"}}],  "note":"\\"sign\\": {"}'
    assert signed_part(f'{{ "response":{inner} ,"sign":"x"}}') == (inner, "x")
    assert signed_part(f'{{"sign":"x","response":{inner}}}') == (inner, "x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"response": {"a": 1}',
        '{"response": 1, "sign": ""}',
        '{"response": {}, "response": {}}',
        "{} x",
        "<html>",
    ],
)
def test_signed_part__of_what_is_no_answer__is_refused(text: str) -> None:
    with pytest.raises(AnswerUnreadable):
        signed_part(text)


def test_gateway__refuses_wrong_signature_replayed_request_and_old_request(platform: AntchainProcess) -> None:
    secret = Path(platform.endpoints["secret_file"]).read_text().strip()

    def send(at: datetime, request_id: str, key: str = secret) -> str:
        query = {
            "method": METHOD,
            "version": VERSION,
            "sign_type": "HmacSHA1",
            "req_time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "req_msg_id": request_id,
            "access_key": platform.endpoints["access_key"],
        }
        query["sign"] = signature(query, key)
        url = f"{platform.endpoints['face']}/gateway.do"
        text, given = signed_part(httpx.post(url, params=query, trust_env=False).text)
        assert given == answer_signature(text, secret)
        return str(json.loads(text)["result_code"])

    now = datetime.now(UTC)
    assert send(now, "a" * 32) == "OK"
    assert send(now, "a" * 32) == "REQ_MSG_ID_REPEATED"
    assert send(now, "b" * 32, key="guessed") == "SIGN_INVALID"
    assert send(now - timedelta(minutes=16), "c" * 32) == "REQ_TIME_EXPIRED"


# ------------------------------------------------------------------ pulling


def test_pull__takes_each_act_once__by_pages_and_days(
    platform: AntchainProcess, project: str, store: ScenarioStore
) -> None:
    platform.put(acts(project, 25) + acts(project, 5, TODAY, start=100))
    assert pulled(platform, project, store) == Taken(new=30)
    assert pulled(platform, project, store) == Taken(known=30)
    assert store.fact("cursor") == (TODAY - timedelta(days=1)).isoformat()
    (late,) = acts(project, 1, FIRST, start=500)  # told late, for a day that was read whole
    platform.put([late])
    assert pulled(platform, project, store).new == 1
    assert sum(row["records"] for row in store.summary()) == 31


def test_pull__keeps_day_pseudonym_and_named_activity_alone(
    platform: AntchainProcess, project: str, store: ScenarioStore, tmp_path: Path
) -> None:
    platform.put(acts(project, 8))
    pulled(platform, project, store)
    records = list(store.records())
    assert len({record.account for record in records}) == 7  # persons 0 to 6, the first twice
    assert {record.day for record in records} == {FIRST}
    assert records[0].activity == (Activity("DISTANCE", Decimal("12.500000"), "km"),)
    assert (records[0].reduction_g, records[0].stated, records[0].points) == (421, "421.75 g", 42)
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("antchain.sqlite*"))
    for personal in (b"did:demo", b"person-", b"DEMO-ITEM", b"START_STATION", b"31.2304", b"08:0"):
        assert personal not in kept
    assert (tmp_path / "antchain.sqlite").stat().st_mode & 0o077 == 0


def test_summary__has_counts_and_totals_alone__and_points_apart(
    platform: AntchainProcess, project: str, store: ScenarioStore
) -> None:
    platform.put(acts(project, 3) + acts(project, 2, start=50, scenario="DEMO-BIKE", offset_volume="10.000000"))
    pulled(platform, project, store)
    month = f"{FIRST:%Y-%m}"
    assert store.summary() == [
        {"scenario": "DEMO-BIKE", "month": month, "records": 2, "reduction_g": 20, "points": 84},
        {"scenario": "DEMO-METRO", "month": month, "records": 3, "reduction_g": 1263, "points": 126},
    ]


def test_changed_act__is_reported_once_and_the_first_telling_stays(
    platform: AntchainProcess, project: str, store: ScenarioStore
) -> None:
    (act,) = acts(project, 1)
    platform.put([act])
    pulled(platform, project, store)
    platform.put([act | {"offset_volume": "999999", "account_did": "did:demo:somebody-else"}])
    assert pulled(platform, project, store).changed == 1
    assert pulled(platform, project, store).changed == 1
    (change,) = store.changed()
    assert change["fields"] == "reduction_g, stated, account"
    assert [record.reduction_g for record in store.records()] == [421]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"offset_volume": "-3"}, "offset_volume"),
        ({"offset_volume": "1,000"}, "offset_volume"),
        ({"offset_volume": ""}, "offset_volume"),
        ({"offset_volume": "9999999999999"}, "offset_volume"),
        ({"offset_volume": 12}, "offset_volume"),
        ({"carbon_energy": -1}, "carbon_energy"),
        ({"carbon_energy": 1.5}, "carbon_energy"),
        ({"scenario_code": "UNKNOWN"}, "scenario_code"),
        ({"occurrent_time": f"{FIRST} 25:61:00"}, "occurrent_time"),
        ({"active_datum": [{"item_code": "DISTANCE", "item_amount": "=1+1"}]}, "active_datum"),
        ({"account_did": ""}, "account_did"),
    ],
)
def test_act_that_cannot_be_right__is_refused_by_field__and_the_others_go_on(
    platform: AntchainProcess, project: str, store: ScenarioStore, changes: dict[str, Any], field: str
) -> None:
    good, bad = acts(project, 2)
    platform.put([bad | changes, good])
    assert pulled(platform, project, store) == Taken(new=1, refused=1)
    (refusal,) = store.refusals()
    assert refusal["field"].startswith(field)
    assert "did:demo" not in str(refusal)
    platform.put([bad])  # corrected at the platform: it is taken, and no longer listed
    assert pulled(platform, project, store).new == 1
    assert store.refusals() == []


# ------------------------------------------------------------------ faults


@pytest.mark.parametrize(
    "fault",
    [
        "timeout",
        "rate_limited",
        "wrong_signature",
        "unsigned",
        "altered",
        "replayed_answer",
        "truncated",
        "server_error",
    ],
)
def test_passing_fault__is_asked_again__nothing_lost_nothing_twice(
    platform: AntchainProcess, project: str, store: ScenarioStore, fault: str
) -> None:
    platform.put(acts(project, 25))
    pulled(
        platform,
        f"{project}-other",
        ScenarioStore(Path(f"{store._engine.url.database}.other"), Pseudonyms(b"t" * 32, "x")),
    )
    platform.fault(fault, **({"seconds": 3} if fault == "timeout" else {}))
    assert pulled(platform, project, store, read_seconds=0.5) == Taken(new=25)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("wrong_signature", "answer_signature_wrong"),
        ("unsigned", "answer_unsigned"),
        ("altered", "answer_signature_wrong"),
        ("server_error", "server_error"),
        ("truncated", "answer_cut_short"),
    ],
)
def test_lasting_fault__is_said__and_nothing_of_it_is_taken(
    platform: AntchainProcess, project: str, store: ScenarioStore, fault: str, code: str
) -> None:
    platform.put(acts(project, 3))
    platform.fault(fault, times=None)
    with pytest.raises(RetryLater) as caught:
        pulled(platform, project, store)
    assert caught.value.code == code
    assert caught.value.remedy
    assert store.summary() == []
    assert code in store.fact("trouble")
    assert store.fact("success_at") == ""


def test_repeated_page__under_its_own_number_or_ours__loses_nothing(
    platform: AntchainProcess, project: str, store: ScenarioStore
) -> None:
    platform.put(acts(project, 25))
    with closing(opened(platform, project)) as source:
        pages = source.read("")
        store.take(next(pages))
        platform.fault("stale_page")
        for page in pages:
            store.take(page)
    assert sum(row["records"] for row in store.summary()) == 25
    with closing(opened(platform, project)) as source:
        pages = source.read("")
        next(pages)
        platform.fault("repeated_page")
        with pytest.raises(RetryLater) as caught:
            next(pages)
    assert caught.value.code == "page_repeated"


def test_clock_a_day_off__stops_with_both_times(platform: AntchainProcess, project: str, store: ScenarioStore) -> None:
    platform.fault("clock_skew", times=None)
    with pytest.raises(ConfigurationWrong) as caught:
        pulled(platform, project, store)
    assert caught.value.code == "clock_off"
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert f"{tomorrow:%Y-%m-%d}" in str(caught.value)
    assert f"{datetime.now(UTC):%Y-%m-%d}" in str(caught.value)


def test_rotated_secret__is_read_again(platform: AntchainProcess, project: str, store: ScenarioStore) -> None:
    platform.put(acts(project, 12))
    with closing(opened(platform, project)) as source:
        pages = source.read("")
        store.take(next(pages))
        platform.rotate_secret()
        for page in pages:
            store.take(page)
    assert sum(row["records"] for row in store.summary()) == 12


def test_wrong_secret__is_configuration(
    platform: AntchainProcess, project: str, store: ScenarioStore, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.secret"
    wrong.touch(mode=0o600)
    wrong.write_text("guessed")
    with pytest.raises(ConfigurationWrong) as caught:
        pulled(platform, project, store, access_secret_file=str(wrong))
    assert caught.value.code == "access_refused"
    wrong.chmod(0o644)
    with pytest.raises(ConfigurationWrong, match="other users"):
        pulled(platform, project, store, access_secret_file=str(wrong))


def test_interrupted_pull__goes_on__each_act_once(
    platform: AntchainProcess, project: str, store: ScenarioStore
) -> None:
    platform.put(acts(project, 25))
    with closing(opened(platform, project)) as source:
        store.take(next(source.read("")))
    assert pulled(platform, project, store) == Taken(new=15, known=10)


# ------------------------------------------------------------------ forgetting, and the command


def test_forget__erases_whose_records_they_are__and_they_do_not_come_back(
    platform: AntchainProcess, project: str, store: ScenarioStore, tmp_path: Path
) -> None:
    platform.put(acts(project, 14))
    pulled(platform, project, store)
    before = {record.account for record in store.records()}
    totals = store.summary()
    assert store.forget("did:demo:person-3") == 2
    assert store.forget("did:demo:person-3") == 0
    assert store.summary() == totals
    left = [record.account for record in store.records()]
    assert left.count(b"") == 2
    (gone,) = before - set(left)
    with closing(sqlite3.connect(tmp_path / "antchain.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM accounts").fetchone() == (6,)
        assert database.execute("SELECT count(*) FROM records WHERE leaf_salt IS NULL").fetchone() == (2,)
    assert gone not in b"".join(path.read_bytes() for path in tmp_path.glob("antchain.sqlite*"))
    assert pulled(platform, project, store) == Taken(known=14)
    assert store.forget("did:demo:person-3") == 0


def test_pseudonyms__differ_by_secret_source_and_salt() -> None:
    one = Pseudonyms(b"s" * 32, "a")
    assert one.account("did:demo:x", b"1" * 32) == one.account("did:demo:x", b"1" * 32)
    others = {
        one.account("did:demo:x", b"1" * 32),
        one.account("did:demo:x", b"2" * 32),
        Pseudonyms(b"s" * 32, "b").account("did:demo:x", b"1" * 32),
        Pseudonyms(b"t" * 32, "a").account("did:demo:x", b"1" * 32),
    }
    assert len(others) == 4


def test_commands__pull_summary_and_forget(
    platform: AntchainProcess, project: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    platform.put(acts(project, 3))
    file = tmp_path / "scenarios" / "walks.json"
    file.parent.mkdir()
    file.write_text(json.dumps(platform.settings(project=project, since=FIRST.isoformat())))

    def told(*words: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert run(["--home", str(tmp_path), "--json", "scenarios", *words]) == code
        return json.loads(capsys.readouterr().out)

    assert told("list") == ["walks"]
    assert told("pull", "walks")["new"] == 3
    assert told("summary", "walks")[0]["records"] == 3
    assert told("status", "walks")["reachable_now"] is True
    assert told("changes", "walks") == told("refused", "walks") == []
    (tmp_path / "who").write_text("did:demo:person-1\n")
    assert told("forget", "walks", "--account-file", str(tmp_path / "who")) == {"erased": 1}
    platform.fault("server_error", times=None)
    assert told("pull", "walks", code=75)["error"] == "server_error"
    assert told("pull", "absent", code=78)["error"] == "source_not_configured"
    assert (tmp_path / "scenarios" / "walks.secret").stat().st_mode & 0o077 == 0


def test_two_pulls_at_once__take_each_act_once(platform: AntchainProcess, project: str, tmp_path: Path) -> None:
    platform.put(acts(project, 25))
    taken: list[Taken] = []

    def one() -> None:
        with closing(ScenarioStore(tmp_path / "antchain.sqlite", Pseudonyms(b"s" * 32, "antchain"))) as store:
            taken.append(pulled(platform, project, store))

    ScenarioStore(tmp_path / "antchain.sqlite", Pseudonyms(b"s" * 32, "antchain")).close()
    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 2
    assert sum(one.new for one in taken) == 25
    assert sum(one.known for one in taken) == 25

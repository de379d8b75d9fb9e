"""The Hangzhou sandbox from outside: its database, who may do what there, how it lives and ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from adapters.sandbox.errors import RegistryRefusal
from adapters.sandbox.hangzhou_schema import view_columns
from adapters.sandbox.postgres_server import PostgresNotRunning, PostgresServer
from adapters.sandbox.process import SandboxProcess
from hub.errors import RetryLater
from tests.adapters.city_registries import (
    SHANGHAI,
    account_of,
    hangzhou_adapter,
    live,
    proposed,
    references,
    until,
)

ROOT = Path(__file__).resolve().parents[2]
Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    with SandboxProcess("hangzhou", tmp_path_factory.mktemp("hangzhou") / "registry") as process:
        live(process, "2101", "310000")
        process.control("publish")
        yield process


@contextmanager
def as_the_hub(city: SandboxProcess) -> Iterator[Connection]:
    settings = city.configuration()
    password = Path(settings["password_file"]).read_text().strip()
    with psycopg.connect(settings["url"], password=password, autocommit=True) as connection:
        yield connection


# ------------------------------------------------------------------ who may what


ALLOWED = {f"互认.{view}": {"SELECT"} for view in view_columns()} | {"互认.回写": {"SELECT"}}


def test_hub_role__may_read_the_views_and_put_rows__and_nothing_else(city: SandboxProcess) -> None:
    """Asked of PostgreSQL itself, for every table, view and sequence of the database and every right there is."""
    with as_the_hub(city) as hub:
        found = hub.execute(
            "SELECT n.nspname || '.' || c.relname, r FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,"
            " unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) r"
            " WHERE n.nspname IN ('登记', '互认', 'public') AND c.relkind IN ('r', 'v', 'm', 'p')"
            " AND has_table_privilege(c.oid, r)"
        ).fetchall()
        columns = hub.execute(
            "SELECT n.nspname || '.' || c.relname, r, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0,"
            " unnest(ARRAY['INSERT', 'UPDATE', 'REFERENCES']) r WHERE n.nspname IN ('登记', '互认', 'public')"
            " AND c.relkind IN ('r', 'v', 'm', 'p') AND has_column_privilege(c.oid, a.attnum, r) GROUP BY 1, 2"
        ).fetchall()
        schemas = hub.execute(
            "SELECT nspname, has_schema_privilege(oid, 'CREATE') FROM pg_namespace"
            " WHERE has_schema_privilege(oid, 'USAGE') AND nspname NOT LIKE 'pg_%' AND nspname <> 'information_schema'"
        ).fetchall()
        role = hub.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls FROM pg_roles"
            " WHERE rolname = current_user"
        ).fetchone()
        member_of = hub.execute("SELECT count(*) FROM pg_auth_members WHERE member = 'hub_reader'::regrole").fetchone()
    rights: dict[str, set[str]] = {}
    for name, right in found:
        rights.setdefault(name, set()).add(right)
    assert rights == ALLOWED
    ((table, right, names),) = columns
    assert (table, right) == ("互认.回写", "INSERT")
    assert not {"流水号", "提交时间"} & set(names)
    assert sorted(schemas) == [("public", False), ("互认", False)]
    assert role == (False,) * 5
    assert member_of == (0,)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE 互认.回写 SET 凭证 = 'x'",
        "DELETE FROM 互认.回写",
        "TRUNCATE 互认.回写",
        "UPDATE 互认.回写结果 SET 结果码 = 1",
        "DELETE FROM 互认.回写结果",
        "INSERT INTO 互认.回写结果 VALUES ('12345678', 1, 1, 1, now(), '')",
        "INSERT INTO 互认.回写 (流水号, 业务键) OVERRIDING SYSTEM VALUE VALUES (1, '12345678')",
        "UPDATE 互认.签发 SET 备注 = 'x'",
        "DELETE FROM 互认.变更目录",
        "INSERT INTO 互认.变更目录 VALUES (9999, '签发', 'x', 1, now())",
        "SELECT * FROM 登记.签发",
        "SELECT 登记.停顿('slow')",
        "CREATE TABLE 互认.t (a int)",
        "CREATE TABLE public.t (a int)",
        "CREATE TEMP TABLE t (a int)",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY 互认.签发 TO PROGRAM 'true'",
        "ALTER ROLE hangzhou_registry PASSWORD 'x'",
        "SET ROLE hangzhou_registry",
    ],
)
def test_hub_role__is_refused(city: SandboxProcess, statement: str) -> None:
    with as_the_hub(city) as hub, pytest.raises(psycopg.errors.InsufficientPrivilege):
        hub.execute(statement)


def test_hub_role__may_enter_no_other_database(city: SandboxProcess) -> None:
    settings = city.configuration()
    password = Path(settings["password_file"]).read_text().strip()
    for other in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(settings["url"].removesuffix("hangzhou") + other, password=password)


def answer_to(hub: Connection, key: str) -> tuple[Any, ...]:
    query = "SELECT 结果码, 说明 FROM 互认.回写结果 WHERE 业务键 = %s"
    found: tuple[Any, ...] = until(lambda: hub.execute(query, [key]).fetchone())
    return found


def test_write_back__takes_a_key_and_attempt_once(city: SandboxProcess) -> None:
    put = "INSERT INTO 互认.回写 (业务键, 次数, 事项码, 发生时间, 凭证) VALUES ('twice-key-1', 1, 'DJ99', now(), 'x')"
    with as_the_hub(city) as hub:
        hub.execute(put)
        with pytest.raises(psycopg.errors.UniqueViolation):
            hub.execute(put)
        answer = answer_to(hub, "twice-key-1")
    assert answer[0] == 9
    assert "record_status needs" in answer[1]  # what was wrong is said


@pytest.mark.parametrize(
    ("columns", "values", "named"),
    [
        ("事项码", "'XX01'", "事项码"),
        ("事项码, 号段", "'YD03', '[{\"归属\": \"330100\"}]'", "号段"),
        ("事项码, 号段", "'YD03', '7'", "号段"),
        ("事项码, 生效日", "'HR01', 20240230", "生效日"),
        ("事项码, 对方代码", "'HR01', '33'", "对方代码"),
    ],
)
def test_write_back__a_row_that_says_nothing_sensible__is_answered_by_its_column(
    city: SandboxProcess, columns: str, values: str, named: str
) -> None:
    key = f"senseless-{abs(hash((columns, values))):x}"
    with as_the_hub(city) as hub:
        hub.execute(
            f"INSERT INTO 互认.回写 (业务键, 次数, 发生时间, 凭证, {columns}) VALUES ('{key}', 1, now(), 'x', {values})"
        )
        answer = answer_to(hub, key)
    assert answer[0] == 9
    assert named in answer[1]


# ------------------------------------------------------------------ what it publishes


def test_changes__numbered_without_a_gap_as_the_registry_made_them(city: SandboxProcess) -> None:
    with as_the_hub(city) as hub:
        changes = hub.execute("SELECT 变更号, 类别, 单号, 版次 FROM 互认.变更目录 ORDER BY 变更号").fetchall()
        for kind in {row[1] for row in changes}:
            rows = hub.execute(f"SELECT 变更号, 版次 FROM 互认.{kind} ORDER BY 变更号").fetchall()
            assert rows == [(number, version) for number, found, _, version in changes if found == kind]
    assert [row[0] for row in changes] == list(range(1, len(changes) + 1))
    published = sum(len(city.records(kind)) for kind in ("methodology", "project", "verification", "issuance"))
    assert len({row[2] for row in changes if row[1] in ("方法学", "减排项目", "核查", "签发")}) == published


def test_holdings__are_the_registrys_books(city: SandboxProcess) -> None:
    city.control("publish")
    expected = sorted((row["first"], row["last"], row["quantity_kg"]) for row in city.holdings()["holdings"])
    with as_the_hub(city) as hub:
        rows = hub.execute("SELECT 起号, 止号, 数量_千克 FROM 互认.持仓").fetchall()
    assert sorted((int(first[2:]), int(last[2:]), int(kg)) for first, last, kg in rows) == expected


def test_values__written_in_hangzhous_own_way(city: SandboxProcess) -> None:
    with as_the_hub(city) as hub:
        row = hub.execute(
            "SELECT 监测起月, 监测止月, 核定量_千克, 状态码, 核定日 FROM 互认.核查 WHERE 变更号 = 4"
        ).fetchone()
        types = dict(
            hub.execute(
                "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = '互认'"
                " AND table_name IN ('核查', '变更目录')"
            ).fetchall()
        )
    assert [str(value) for value in row or ()] == ["202302", "202312", "441650.000", "12", "20240315"]
    assert types["变更时间"] == "timestamp without time zone"
    assert types["核定量_千克"] == "numeric"


def test_period_that_is_not_whole_months__is_refused(city: SandboxProcess) -> None:
    project = city.records("project")[0]["native_id"]
    with pytest.raises(RegistryRefusal) as caught:
        city.control("verify", project=project, period_start="2025-01-15", period_end="2025-03-31", activity_kwh="10")
    assert caught.value.code == "PERIOD_NOT_WHOLE_MONTHS"


# ------------------------------------------------------------------ how it lives and ends


def test_connection_refused_for_a_while__is_the_real_thing_and_ends(city: SandboxProcess) -> None:
    adapter = hangzhou_adapter(city)
    before = [record.native_id for page in adapter.read("") for record in page.records]
    city.fault("connection_refused", seconds=1.5)
    with pytest.raises(RetryLater) as caught:
        list(adapter.read(""))
    assert "refused" in str(caught.value)
    assert not adapter.health().reachable
    city.control("retire", account=account_of(city), quantity_kg=1000, purpose="3101", beneficiary="示例受益人")
    until(lambda: adapter.health().reachable)
    until(lambda: len([r for page in adapter.read("") for r in page.records]) == len(before) + 1)


@pytest.mark.slow
def test_registry_away__its_rows_wait_and_are_answered_when_it_is_back(city: SandboxProcess) -> None:
    """The process ends with its server; everything that was in the database is there afterwards, on the same port."""
    adapter, effect, before = hangzhou_adapter(city), proposed(city, SHANGHAI), references(city)
    adapter.push([effect])
    *_, last = adapter.read("")
    port = city.configuration()["url"]
    city.stop()
    city.start()
    assert city.configuration()["url"] == port
    assert set(adapter.lookup([effect.key])) == {effect.key}
    assert not [record for page in adapter.read(last.cursor) for record in page.records]
    assert references(city) == before + 1


def test_restored__its_answers_are_those_of_the_backup(city: SandboxProcess) -> None:
    adapter, effect = hangzhou_adapter(city), proposed(city, SHANGHAI)
    city.control("backup", name="before")
    adapter.push([effect])
    city.control("restore", name="before")
    assert not adapter.lookup([effect.key])
    (again,) = adapter.push([effect])
    assert again.accepted
    assert city.state()["consistent"]


def children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def gone(processes: list[psutil.Process]) -> bool:
    return not [process for process in processes if process.is_running() and process.status() != "zombie"]


@pytest.mark.slow
def test_killed__leaves_no_server_behind_and_starts_again_with_its_data(tmp_path: Path) -> None:
    process = SandboxProcess("hangzhou", tmp_path / "registry").start()
    servers = children(process.endpoints["pid"])
    assert "postgres" in {server.name() for server in servers}
    number = process.control("publish")["latest_change"]
    process.kill()
    until(lambda: gone(servers))
    with process:
        assert process.control("publish")["latest_change"] == number
        servers = children(process.endpoints["pid"])
    assert gone(servers)


@pytest.mark.slow
def test_server__whose_parent_is_killed__ends(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom adapters.sandbox.postgres_server import PostgresServer\n"
        "PostgresServer(Path(sys.argv[1])).start()\nprint('up', flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "pg")], cwd=ROOT, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        servers = children(parent.pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        until(lambda: gone(servers))
    assert not (tmp_path / "pg" / "data" / "postmaster.pid").exists()  # it was shut down, not killed


@pytest.mark.slow
def test_server__whose_watcher_was_killed__is_found_by_its_data_folder(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path / "pg").start()
    watcher = server._watcher
    assert watcher is not None
    left_over = children(watcher.pid)
    os.kill(watcher.pid, signal.SIGKILL)
    watcher.wait()
    assert not gone(left_over)
    server.stop()  # nothing is left to stop it by
    with PostgresServer(tmp_path / "pg") as again:
        assert gone(left_over)
        with again.connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_server__of_somebody_who_lives__is_left_alone(tmp_path: Path) -> None:
    with PostgresServer(tmp_path / "pg") as server:
        with pytest.raises(PostgresNotRunning) as caught:
            PostgresServer(tmp_path / "pg").start()
        assert f"process {os.getpid()}" in str(caught.value)
        with server.connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_server__secrets_are_their_owners_alone(tmp_path: Path) -> None:
    with PostgresServer(tmp_path / "pg") as server:
        assert server.password_file.stat().st_mode & 0o777 == 0o600
        password = server.password_file.read_text().strip()
        with server.connect() as connection, pytest.raises(psycopg.Error):
            connection.execute("SELECT nonsense")
        assert password not in server.log.read_text()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(host="127.0.0.1", port=server.port, user="postgres", password="wrong", dbname="postgres")
        user = psutil.Process(children(server._watcher.pid)[0].pid).uids().effective  # type: ignore[union-attr]
    assert user != 0


@pytest.mark.slow
def test_server__port_taken__says_so(tmp_path: Path) -> None:
    with PostgresServer(tmp_path / "one") as one, pytest.raises(PostgresNotRunning) as caught:
        PostgresServer(tmp_path / "two").start(one.port, timeout=10)
    assert "could not bind" in str(caught.value)


def test_logs__hold_no_password(city: SandboxProcess) -> None:
    city.control("rotate-password")
    time.sleep(0.2)
    secrets = [path.read_text().strip() for path in city.home.rglob("*.password")]
    assert len(secrets) == 3
    logs = [path.read_text(errors="replace") for path in city.home.rglob("*.log")]
    assert not [secret for secret in secrets for log in logs if secret in log]

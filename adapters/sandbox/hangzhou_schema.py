"""The database of the Hangzhou sandbox: its tables (schema 登记), what the hub is offered (互认), and who may what.

Changes are numbered by a row of 登记.计数 that every writer updates: its lock is kept to the end of the transaction, so
numbers rise in the order of commits and have no gap, however many write at once.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from adapters.sandbox.hangzhou_tables import COLUMNS, EFFECT_COLUMNS, HOLDING_COLUMNS, KINDS

DATABASE, OWNER, READER = "hangzhou", "hangzhou_registry", "hub_reader"
LABEL = "备注"
LEADING = ("变更号", "版次")
CHANGE_COLUMNS = (*("变更号", "类别", "单号", "版次"), "变更时间")

_NOW = "clock_timestamp() AT TIME ZONE 'Asia/Shanghai'"

TABLES = """
CREATE SCHEMA 登记;
CREATE SCHEMA 互认;
CREATE TABLE 登记.计数 (名称 text PRIMARY KEY, 值 bigint NOT NULL);
INSERT INTO 登记.计数 VALUES ('变更号', 0), ('源序号', 0), ('时钟偏移秒', 0);
CREATE TABLE 登记.心跳 (时间 timestamp(0) NOT NULL);
INSERT INTO 登记.心跳 VALUES (clock_timestamp() AT TIME ZONE 'Asia/Shanghai');
CREATE TABLE 登记.变更 (
    变更号 bigint PRIMARY KEY, 类别 text NOT NULL, 单号 text NOT NULL, 版次 integer NOT NULL,
    变更时间 timestamp NOT NULL);
CREATE FUNCTION 登记.取变更号() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE 登记.计数 SET 值 = 值 + 1 WHERE 名称 = '变更号' RETURNING 值 INTO NEW.变更号;
    RETURN NEW;
END $$;
CREATE TRIGGER 编号 BEFORE INSERT ON 登记.变更 FOR EACH ROW EXECUTE FUNCTION 登记.取变更号();
CREATE TABLE 登记.故障 (名称 text PRIMARY KEY, 秒 double precision NOT NULL);
CREATE FUNCTION 登记.停顿(故障名 text) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_sleep(秒) FROM 登记.故障 WHERE 名称 = 故障名;
    RETURN true;
END $$;
CREATE FUNCTION 登记.写前停顿() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $$
BEGIN
    PERFORM 登记.停顿('timeout_before_write');
    RETURN NEW;
END $$;
CREATE TABLE 登记.回写结果 (
    业务键 text NOT NULL, 次数 integer NOT NULL, 结果码 smallint NOT NULL, 变更号 bigint,
    处理时间 timestamp(0) NOT NULL, 说明 text NOT NULL, PRIMARY KEY (业务键, 次数));
"""


HOLDINGS_JOURNAL = """
INSERT INTO 登记.计数 VALUES ('持仓变更序', 0);
CREATE TABLE 登记.持仓变更 (
    变更序 bigint PRIMARY KEY, 变更时间 timestamp NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'Asia/Shanghai'),
    持仓号 bigint NOT NULL);
CREATE FUNCTION 登记.记持仓变更() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE 末 bigint; 数 bigint;
BEGIN
    SELECT count(*) INTO 数 FROM 行;
    IF 数 = 0 THEN RETURN NULL; END IF;
    UPDATE 登记.计数 SET 值 = 值 + 数 WHERE 名称 = '持仓变更序' RETURNING 值 INTO 末;
    INSERT INTO 登记.持仓变更 (变更序, 持仓号) SELECT 末 - 数 + row_number() OVER (ORDER BY 持仓号), 持仓号 FROM 行;
    RETURN NULL;
END $$;
CREATE TRIGGER 来 AFTER INSERT ON 登记.持仓 REFERENCING NEW TABLE AS 行
    FOR EACH STATEMENT EXECUTE FUNCTION 登记.记持仓变更();
CREATE TRIGGER 改 AFTER UPDATE ON 登记.持仓 REFERENCING NEW TABLE AS 行
    FOR EACH STATEMENT EXECUTE FUNCTION 登记.记持仓变更();
CREATE TRIGGER 去 AFTER DELETE ON 登记.持仓 REFERENCING OLD TABLE AS 行
    FOR EACH STATEMENT EXECUTE FUNCTION 登记.记持仓变更();
"""
"""Which lines of 登记.持仓 came, changed or went, numbered like the records' changes. A line keeps its 持仓号."""


def create(connection: psycopg.Connection[Any], reader_password: str, owner_password: str) -> None:
    """Roles and the empty database; `connection` is a superuser's, to the server's own database."""
    for role, password in ((READER, reader_password), (OWNER, owner_password)):
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        set_password(connection, role, password)
    for database in ("postgres", "template1"):
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
    own = sql.Identifier(DATABASE)
    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(own, sql.Identifier(OWNER)))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(own))
    connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(own, sql.Identifier(READER)))
    # the registry's own bookings never wait for a standby: only what the fault timeout_after_write holds up does
    connection.execute(sql.SQL("ALTER ROLE {} SET synchronous_commit = local").format(sql.Identifier(OWNER)))


def set_password(connection: psycopg.Connection[Any], role: str, password: str) -> None:
    """A role's password; the server is sent its SCRAM verifier, so that no statement or log holds the password."""
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))


def fill(connection: psycopg.Connection[Any]) -> None:
    """Tables, views and rights, by the owner, in one transaction."""
    with connection.transaction():
        connection.execute(TABLES)
        for kind, columns in COLUMNS.items():
            declared = ", ".join(f"{name} {pg_type}" for name, pg_type, _, _ in columns)
            connection.execute(
                f"CREATE TABLE 登记.{KINDS[kind]} (变更号 bigint PRIMARY KEY REFERENCES 登记.变更,"
                f" 版次 integer NOT NULL, {declared}, {LABEL} text NOT NULL)"
            )
        held = ", ".join(f"{name} {pg_type} NOT NULL" for name, pg_type in HOLDING_COLUMNS)
        connection.execute(f"CREATE TABLE 登记.持仓 (持仓号 bigint PRIMARY KEY, {held})")
        connection.execute(HOLDINGS_JOURNAL)
        told = ", ".join(f"{name} {pg_type}" for name, pg_type, _ in EFFECT_COLUMNS)
        connection.execute(
            "CREATE TABLE 互认.回写 (流水号 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            " 业务键 text NOT NULL CHECK (业务键 ~ '^[A-Za-z0-9_-]{8,128}$'),"
            f" 次数 integer NOT NULL CHECK (次数 >= 1), {told},"
            f" 提交时间 timestamp(0) NOT NULL DEFAULT ({_NOW}), UNIQUE (业务键, 次数))"
        )
        connection.execute(
            "CREATE TRIGGER 写前 BEFORE INSERT ON 互认.回写 FOR EACH ROW EXECUTE FUNCTION 登记.写前停顿()"
        )
        given = ", ".join(["业务键", "次数", *(name for name, _, _ in EFFECT_COLUMNS)])
        connection.execute(f"GRANT USAGE ON SCHEMA 互认 TO {READER}")
        connection.execute(f"GRANT SELECT, INSERT ({given}) ON 互认.回写 TO {READER}")
        show(connection, {})


Changed = dict[str, list[tuple[str, sql.Composable]]]
"""View to its columns as a fault leaves them: (name, where its values come from)."""


def view_columns() -> dict[str, list[str]]:
    """Every view that the hub reads, with its columns."""
    views = {KINDS[kind]: [*LEADING, *(name for name, _, _, _ in columns), LABEL] for kind, columns in COLUMNS.items()}
    views["变更目录"] = list(CHANGE_COLUMNS)
    views["持仓"] = ["持仓号", *(name for name, _ in HOLDING_COLUMNS)]
    views["持仓变更"] = ["变更序", "变更时间", *views["持仓"]]
    views["系统状态"] = ["单位代码", "最新变更号", "系统时间", "心跳时间"]
    views["回写结果"] = ["业务键", "次数", "结果码", "变更号", "处理时间", "说明"]
    return views


def show(connection: psycopg.Connection[Any], changed: Changed) -> None:
    """(Re)creates the views and the right to read them, with the columns that `changed` names instead of their own."""
    offset = "(SELECT 值 FROM 登记.计数 WHERE 名称 = '时钟偏移秒')"
    held = ", ".join(f"h.{name}" for name, _ in HOLDING_COLUMNS)
    sources = {
        # asked once a query, so that a fault slows a reading and not a row
        "变更目录": "登记.变更 WHERE (SELECT 登记.停顿('slow')) AND (SELECT 登记.停顿('timeout_on_read'))",
        "持仓变更": f"(SELECT c.*, {held} FROM 登记.持仓变更 c LEFT JOIN 登记.持仓 h USING (持仓号)) AS 变更",  # noqa: S608
        "系统状态": "(SELECT '330100' AS 单位代码, (SELECT 值 FROM 登记.计数 WHERE 名称 = '变更号') AS 最新变更号,"  # noqa: S608
        f" ({_NOW} + make_interval(secs => {offset}))::timestamp(0) AS 系统时间,"
        " (SELECT max(时间) FROM 登记.心跳) AS 心跳时间) AS 状态",
    }
    with connection.transaction():
        for view, columns in view_columns().items():
            listed = sql.SQL(", ").join(
                sql.SQL("{} AS {}").format(source, sql.Identifier(name))
                for name, source in changed.get(view, [(column, sql.Identifier(column)) for column in columns])
            )
            source = sources.get(view, f"登记.{view}")
            connection.execute(f"DROP VIEW IF EXISTS 互认.{view}")
            named = sql.Identifier("互认", view)
            connection.execute(sql.SQL("CREATE VIEW {} AS SELECT {} FROM {}").format(named, listed, sql.SQL(source)))
            connection.execute(f"GRANT SELECT ON 互认.{view} TO {READER}")

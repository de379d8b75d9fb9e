"""How many rows of the journal have which status, kept by the database itself as rows come, change and go.

Every pass says how full the journal is. Counted anew, that would cost as the whole history does; kept here, it is a few
rows. Triggers keep it, so that no statement, of whatever version, can forget to.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import BigInteger, Column, Connection, String, Table, func, select

from adapters.sync import tables as t

tallies = Table(
    "tallies",
    t.metadata,
    Column("counted", String(40), primary_key=True),
    Column("status", String(10), primary_key=True),
    Column("rows", BigInteger, nullable=False),
)
"""Rows of the table `counted` by status."""

COUNTED = (t.inbox, t.outbox, t.submissions, t.effects)

_ADD = """
INSERT INTO tallies (counted, status, rows) SELECT '{table}', NEW.status, 0
WHERE NOT EXISTS (SELECT 1 FROM tallies WHERE counted = '{table}' AND status = NEW.status);
UPDATE tallies SET rows = rows + 1 WHERE counted = '{table}' AND status = NEW.status;
"""
_TAKE = "UPDATE tallies SET rows = rows - 1 WHERE counted = '{table}' AND status = OLD.status;"
_TRIGGERS = {
    "tally_{table}_added": "AFTER INSERT ON {table} BEGIN" + _ADD + "END",
    "tally_{table}_changed": "AFTER UPDATE OF status ON {table} WHEN OLD.status <> NEW.status BEGIN "
    + _TAKE
    + _ADD
    + "END",
    "tally_{table}_deleted": "AFTER DELETE ON {table} BEGIN " + _TAKE + " END",
}


def prepare_tallies(connection: Connection) -> None:
    """Begins to keep the tallies, from what is there now; where they are kept, nothing. On SQLite alone: any other
    database counts when it is asked."""
    if connection.dialect.name != "sqlite" or _are_kept(connection):
        return
    connection.execute(tallies.delete())
    for table in COUNTED:
        for name, body in _TRIGGERS.items():
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name.format(table=table.name)}")
            connection.exec_driver_sql(
                f"CREATE TRIGGER {name.format(table=table.name)} {body.format(table=table.name)}"
            )
        rows = [
            {"counted": table.name, "status": status, "rows": count}
            for status, count in _counted(connection, table).items()
        ]
        if rows:
            connection.execute(tallies.insert(), rows)


def rows_by_status(connection: Connection) -> dict[str, dict[str, int]]:
    """Rows of inbox, outbox, submissions and effects by status; a status that no row has is absent."""
    if connection.dialect.name != "sqlite" or not _are_kept(connection):  # or a journal that no pass has prepared yet
        return {table.name: dict(_counted(connection, table)) for table in COUNTED}
    found: dict[str, dict[str, int]] = {table.name: {} for table in COUNTED}
    for row in connection.execute(select(tallies).where(tallies.c.rows > 0)):
        found[row.counted][row.status] = row.rows
    return found


def _counted(connection: Connection, table: Table) -> Mapping[str, int]:
    query = select(table.c.status, func.count()).group_by(table.c.status)
    return dict(connection.execute(query).tuples().all())


def _are_kept(connection: Connection) -> bool:
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    there = set(connection.exec_driver_sql(query).scalars())
    return there >= {name.format(table=table.name) for table in COUNTED for name in _TRIGGERS}

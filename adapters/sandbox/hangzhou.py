"""The Hangzhou sandbox registry: a PostgreSQL database of its own with views to read and a table to write back into.

Run as `python -m adapters.sandbox.hangzhou --home DIR`; README.md describes the views and the table.
"""

from __future__ import annotations

import threading
import time
import traceback
from pathlib import Path
from typing import Annotated

import psycopg
import typer

from adapters.sandbox.city import HANGZHOU
from adapters.sandbox.control import Control, NoFields, Operation, control_app
from adapters.sandbox.hangzhou_database import HangzhouDatabase
from adapters.sandbox.hangzhou_faults import SQL_FAULTS, DatabaseFaults
from adapters.sandbox.postgres_server import PostgresNotRunning, PostgresServer
from adapters.sandbox.registry import Registry
from adapters.sandbox.samples import load_samples
from adapters.sandbox.server import listen, serve, url_of
from adapters.sandbox.storage import Storage

POLL_SECONDS = 0.05


def work_until(stop: threading.Event, database: HangzhouDatabase, faults: DatabaseFaults) -> None:
    """The registry's work on its database. A failure is reported in the log and the next pass tries again."""
    while not stop.wait(POLL_SECONDS):
        if "connection_refused" in faults.on:
            continue
        try:
            if "answer_late" in faults.on and database.effects_wait() and (late := faults.take("answer_late")):
                stop.wait(late.number("seconds", 5))
            database.work_once()
        except psycopg.OperationalError as lost:
            if "connection_refused" not in faults.on:
                print(f"the database does not answer: {lost}", flush=True)
            time.sleep(POLL_SECONDS)
        except Exception:
            traceback.print_exc()


def main(
    home: Annotated[Path, typer.Option(help="folder of the registry's own database and of its PostgreSQL server")],
    port: Annotated[int, typer.Option(help="port of the PostgreSQL server; 0: the one it had, else a free one")] = 0,
    control_port: Annotated[int, typer.Option(help="port of the operators' interface; 0: a free one")] = 0,
    samples: Annotated[bool, typer.Option(help="load the illustrative sample data into an empty registry")] = False,
    with_parent: Annotated[bool, typer.Option(help="stop when standard input closes")] = False,
) -> None:
    """Run the Hangzhou sandbox registry; home/endpoints.json tells where it listens."""
    home.mkdir(parents=True, exist_ok=True)
    faults = DatabaseFaults(SQL_FAULTS)
    registry = Registry(HANGZHOU, Storage(home / "registry.sqlite", clock=faults.now))
    if samples and registry.storage.latest_seq() == 0:
        load_samples(registry)
    postgres = PostgresServer(home / "postgres")
    try:
        postgres.start(port)
    except PostgresNotRunning as missing:
        typer.echo(missing, err=True)
        raise typer.Exit(1) from None
    with postgres as server:
        database = HangzhouDatabase(registry, server, home)
        faults.database = database
        database.prepare()
        database.work_once()
        more: dict[str, Operation] = {
            "rotate-password": (NoFields, lambda _: database.rotate_password()),
            "publish": (NoFields, lambda _: database.work_once()),
        }
        control = Control(registry, faults, home, more)
        control.restored = database.republish
        listener = listen(control_port)
        stop = threading.Event()
        worker = threading.Thread(target=work_until, args=(stop, database, faults), name="database")
        where = {
            "control": url_of(listener),
            "database": database.url,
            "password_file": str(database.password_file.absolute()),
        }
        worker.start()
        try:
            serve(
                [(control_app(control), listener)],
                endpoints=home / "endpoints.json",
                describe=where,
                with_parent=with_parent,
            )
        finally:
            stop.set()
            worker.join()
            database.close()
            registry.storage.close()


if __name__ == "__main__":
    typer.run(main)

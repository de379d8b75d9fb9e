"""A small registry in a PostgreSQL database by any `SqlForm`, for the sample that a new adapter comes with: views of
records, books, and a write-back table that a trigger answers. Of our own making, illustrative.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from psycopg import sql
from psycopg.types.json import Jsonb

from adapters.city.mapping import CityMapping
from adapters.city.sql_feed import SqlForm
from adapters.sandbox.postgres_server import PostgresServer
from adapters.transports.sql import Relation
from mutual_recognition.documents import Json

ROLE: Final = "yrdhub_reader"

_ANSWER: Final = """
CREATE FUNCTION {schema}.answer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE part jsonb; named text := '';
BEGIN
  FOR part IN SELECT jsonb_array_elements(
    coalesce(NEW.ranges, '[]') || coalesce(NEW.kept, '[]') || coalesce(NEW.cut, '[]'))
  LOOP
    IF NOT EXISTS (SELECT 1 FROM {holdings} h WHERE h.home = part->>'home' AND h.series = part->>'series'
                   AND length(h.last) = length(part->>'last') AND h.last >= part->>'last' AND h.first <= part->>'first')
    THEN named := part->>'series'; END IF;
  END LOOP;
  INSERT INTO {results} VALUES (NEW.key, NEW.attempt, CASE WHEN named = '' THEN 1 ELSE 9 END, 'booking ' || NEW.key,
                                CASE WHEN named = '' THEN '' ELSE 'not in the books here: ' || named END);
  RETURN NEW;
END $$;
CREATE TRIGGER answered AFTER INSERT ON {write_back} FOR EACH ROW EXECUTE FUNCTION {schema}.answer();
"""


@contextmanager
def serving(
    folder: Path, member: int, form: SqlForm, mapping: CityMapping, feed: Sequence[Json], books: Sequence[Json]
) -> Iterator[tuple[str, Path]]:
    """The address of a database with the sample, and the file with its reader's password, while the context lasts.

    The names of `form` are those of the sample in `adapters/skeleton`. Raises PostgresNotRunning.
    """
    with PostgresServer(folder) as server:
        password = folder / "reader.password"
        password.touch(mode=0o600)
        password.write_text("illustrative")
        with server.connect() as connection:
            run = connection.execute
            run(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(form.changes.schema)))
            changes = [
                {form.number: n, form.kind: i["kind"], form.native_id: i["id"], form.version: i["version"]}
                for n, i in enumerate(feed, start=1)
            ]
            _table(run, form.changes, changes)
            for kind, view in form.views.items():
                lines = [{form.number: n, **i["content"]} for n, i in enumerate(feed, start=1) if i["kind"] == kind]
                _table(run, view, lines)
            _table(run, form.holdings, books)
            state = {form.member: str(member), form.latest: len(changes)}
            _table(run, form.state, [state | {form.clock: None, form.seen: None}])
            now = sql.SQL("UPDATE {} SET {} = localtimestamp::text, {} = localtimestamp::text")
            run(now.format(form.state.identifier(), sql.Identifier(form.clock), sql.Identifier(form.seen)))
            _table(run, form.write_back, [])
            _table(run, form.results, [])
            named = {name: getattr(form, name).identifier() for name in ("holdings", "results", "write_back")}
            run(sql.SQL(_ANSWER).format(schema=sql.Identifier(form.changes.schema), **named))
            run(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'illustrative'").format(sql.Identifier(ROLE)))
            schema, role = sql.Identifier(form.changes.schema), sql.Identifier(ROLE)
            run(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, role))
            run(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}").format(schema, role))
            run(sql.SQL("GRANT INSERT ON {} TO {}").format(form.write_back.identifier(), role))
            connection.commit()
        yield f"postgresql://{ROLE}@127.0.0.1:{server.port}/postgres", password


def _table(run: Any, relation: Relation, lines: Sequence[Mapping[str, Json]]) -> None:
    """Creates a table with the relation's columns (numbers, JSON for lists, else text) and fills it."""
    whole = {name for name in relation.columns if any(type(line.get(name)) is int for line in lines)}
    whole |= {name for name in relation.columns if name in ("attempt", "outcome")}
    listed = {name for name in relation.columns if any(isinstance(line.get(name), list) for line in lines)}
    listed |= {name for name in relation.columns if name in ("ranges", "kept", "cut", "uses")}
    kinds = {name: "bigint" if name in whole else "jsonb" if name in listed else "text" for name in relation.columns}
    described = sql.SQL(", ").join(sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(k)) for n, k in kinds.items())
    run(sql.SQL("CREATE TABLE {} ({})").format(relation.identifier(), described))
    insert = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        relation.identifier(), relation.listed(), sql.SQL(", ").join(sql.Placeholder() * len(relation.columns))
    )
    for line in lines:
        run(insert, [Jsonb(line[n]) if n in listed and n in line else line.get(n) for n in relation.columns])

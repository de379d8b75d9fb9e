"""Documents kept before sharing came are found, followed and counted in ETags after the migration, in their order."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, inspect, select

from hub.db import tables as t
from hub.db.engine import open_engine
from hub.db.migrate import migrate
from hub.documents.audience import PUBLIC, Reader
from hub.documents.search import conditions
from hub.documents.store import revision
from mutual_recognition.documents import Document, DocumentKind

MIGRATIONS = Path(__file__).resolve().parents[2] / "hub" / "db" / "migrations"
SHANGHAI = 310000


def to(engine: Engine, revision: str, step: str = "upgrade") -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        (command.upgrade if step == "upgrade" else command.downgrade)(config, revision)


def kept_before(file: Path, record: str, audience: str, received_at: int) -> str:
    content = {
        "code": record,
        "version": "1",
        "title_zh": "居民低碳用电（示例）",
        "scope": ["峰谷 用电", {"x": "Peak"}],
    }
    one = Document(
        kind=DocumentKind.METHODOLOGY,
        member=SHANGHAI,
        registry="illustrative",
        record=record,
        audience=audience,
        content=content,
    )
    digest = "0x" + one.digest().hex()
    row = {
        "digest": digest,
        "kind": "methodology",
        "member": SHANGHAI,
        "registry": "illustrative",
        "record": record,
        "version": 1,
        "audience": audience,
        "describes": "0x04baf0" + "11" * 9,
        "code": record,
        "title_zh": "居民低碳用电（示例）",
        "title_en": None,
        "canonical": one.canonical(),
        "seal": "0x" + "5e" * 32,
        "received_at": received_at,
    }
    with sqlite3.connect(file) as db:
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        db.execute(f"INSERT INTO documents ({names}) VALUES ({marks})", tuple(row.values()))
    return digest


@pytest.fixture
def before(tmp_path: Path) -> tuple[Engine, Path]:
    file = tmp_path / "hub.sqlite"
    engine = open_engine(f"sqlite:///{file}")
    to(engine, "0003")
    return engine, file


def test_documents_of_before__searched_followed_and_in_etags(before: tuple[Engine, Path]) -> None:
    engine, file = before
    second = kept_before(file, "SECOND", "public", 200)
    first = kept_before(file, "FIRST", "public", 100)
    hidden = kept_before(file, "HIDDEN", "members", 300)
    migrate(engine)
    d = t.documents.c
    with engine.connect() as connection:

        def found(reader: Reader, **asked: object) -> list[str]:
            query = select(d.digest).where(*conditions(connection, reader, **asked))  # type: ignore[arg-type]
            return list(connection.execute(query.order_by(d.arrived)).scalars())

        member = Reader("0x" + "11" * 20, 320500)
        assert found(PUBLIC) == [first, second]
        assert found(PUBLIC, words="低碳用电 peak") == [first, second]
        assert found(PUBLIC, words="峰谷") == [first, second]
        assert found(member, words="hidden") == [hidden]
        [arrived] = connection.execute(select(d.arrived).where(d.digest == first)).scalars()
        assert found(PUBLIC, since=arrived) == [second]
        assert set(connection.execute(select(d.methodology)).scalars()) == {"0x04baf0" + "11" * 9}
        assert revision(connection, PUBLIC) != revision(connection, member)


def test_downgrade__leaves_documents_as_they_were(before: tuple[Engine, Path]) -> None:
    engine, file = before
    digest = kept_before(file, "FIRST", "public", 100)
    columns = {column["name"] for column in inspect(engine).get_columns("documents")}
    to(engine, "0004")
    to(engine, "0003", "downgrade")
    look = inspect(engine)
    assert {column["name"] for column in look.get_columns("documents")} == columns
    assert not {name for name in look.get_table_names() if name.startswith(("document_words", "document_texts"))}
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT digest FROM documents").fetchall() == [(digest,)]

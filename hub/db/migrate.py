"""Migrations of the hub's database (Alembic), run by the hub itself: nobody has to know a second tool."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from hub.errors import ConfigurationWrong

_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(engine: Engine, migrations: Path = _MIGRATIONS) -> None:
    """Brings the database to the newest version, in one transaction; does nothing when it is there already.

    Raises ConfigurationWrong when the database is newer than this program: going on could damage what it does not
    know.
    """
    config = _config(migrations)
    script = ScriptDirectory.from_config(config)
    with engine.begin() as connection:
        at = MigrationContext.configure(connection).get_current_revision()
        if at is not None and at not in {revision.revision for revision in script.walk_revisions()}:
            raise ConfigurationWrong(
                "the database was written by a newer version of yrdhub",
                what=at,
                where=engine.url.render_as_string(hide_password=True),
                remedy="install that version, or set YRDHUB_DATABASE_URL to a new one and run `yrdhub index rebuild`",
                code="database_newer",
            )
        if at == script.get_current_head():
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _config(migrations: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.set_main_option("path_separator", "os")
    return config

"""Bring a database to this release's schema; Alembic's numbered steps are the only way to one.

Steps are never edited after a release and must leave the previous release's code working; what an older release still
needs is removed one release later. Two processes that migrate at once wait for each other (SQLite by its write lock,
PostgreSQL by an advisory lock).
"""

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection as SyncConnection

from digest.database.connection import Database
from digest.errors import DatabaseNotReadyError

_ADVISORY_LOCK = 0x6E657773  # "news"


async def upgrade(database: Database, revision: str = "head") -> tuple[str | None, str | None]:
    """Run the steps up to `revision`; return the schema's revision before and after."""
    async with database.begin() as connection:
        return await connection.run_sync(_move, command.upgrade, revision)


async def downgrade(database: Database, revision: str) -> tuple[str | None, str | None]:
    """Undo the steps down to `revision` (`base`: all of them, with everything stored)."""
    async with database.begin() as connection:
        return await connection.run_sync(_move, command.downgrade, revision)


async def require_current(database: Database) -> None:
    """Raise `DatabaseNotReadyError` unless the schema is exactly this release's."""
    async with database.read() as connection:
        present = await connection.run_sync(_present)
    wanted = _steps().get_current_head()
    _require_known(present)
    if present != wanted:
        state = "has no schema yet" if present is None else f"has schema {present}, this release needs {wanted}"
        raise DatabaseNotReadyError(f"The database {state}. Run: digest migrate")


def _move(connection: SyncConnection, act: object, revision: str) -> tuple[str | None, str | None]:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    before = _present(connection)
    _require_known(before)
    config = _config()
    config.attributes["connection"] = connection
    assert callable(act)
    act(config, revision)
    return before, _present(connection)


def _require_known(present: str | None) -> None:
    """Raise `DatabaseNotReadyError` for a schema whose steps are not ours: there is no way from it to anywhere."""
    known = {step.revision for step in _steps().walk_revisions()}
    if present is not None and present not in known:
        raise DatabaseNotReadyError(
            f"The database has schema {present}, which this release does not know: a later release has used it. "
            "Install that release again, or restore a backup of before."
        )


def _present(connection: SyncConnection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


@cache
def _steps() -> ScriptDirectory:
    """Read this release's steps, once: every command asks for them, twice."""
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config

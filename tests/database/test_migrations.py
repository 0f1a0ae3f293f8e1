"""Alembic's steps and the tables of the code are the same schema."""

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from digest.database import Database, migrate
from digest.database.tables import metadata
from digest.errors import DatabaseNotReadyError

pytestmark = pytest.mark.anyio


async def test_migrating_from_empty_gives_the_tables_of_the_code(database: Database) -> None:
    """A column that only one of the two knows breaks the first query in production."""

    def differences(connection: sa.Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
        return list(compare_metadata(context, metadata))

    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_up_down_up_ends_where_it_began(database: Database) -> None:
    """An operator who goes back a release must be able to come forward again."""
    await migrate.downgrade(database, "base")
    with pytest.raises(DatabaseNotReadyError, match="digest migrate"):
        await migrate.require_current(database)
    before, after = await migrate.upgrade(database)
    assert (before, after is not None) == (None, True)
    await migrate.require_current(database)


async def test_a_schema_of_a_later_release_is_told_apart_from_an_earlier_one(database: Database) -> None:
    """After going back a release, `digest migrate` is the wrong advice: it cannot help."""
    async with database.begin() as connection:
        await connection.execute(sa.text("UPDATE alembic_version SET version_num = '0999'"))
    for act in (migrate.require_current, migrate.upgrade):
        with pytest.raises(DatabaseNotReadyError, match="later release"):
            await act(database)


async def test_migrating_twice_changes_nothing(database: Database) -> None:
    """Every start migrates; the second time must be free."""
    before, after = await migrate.upgrade(database)
    assert before == after

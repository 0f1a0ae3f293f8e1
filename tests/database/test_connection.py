"""The two kinds of transaction, and trouble with the database itself."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.database import Database
from digest.database.tables import alerts
from digest.errors import DatabaseUnavailableError
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio


async def test_side_by_side_read_then_write_steps_lose_nothing(database: Database, clock: StoppedClock) -> None:
    """The SQLite driver's own transactions kept 24 of 80 such steps, without an error."""
    async with database.begin() as connection:
        await connection.execute(
            sa.insert(alerts).values(matter="count", text="", first_at=clock(), last_at=clock(), count=0)
        )

    async def step() -> None:
        async with database.begin() as connection:
            locked = sa.select(alerts.c.count).where(alerts.c.matter == "count").with_for_update()
            count = (await connection.execute(locked)).scalar_one()
            await connection.execute(sa.update(alerts).values(count=count + 1))

    await asyncio.gather(*(step() for _ in range(40)))
    async with database.read() as connection:
        assert (await connection.execute(sa.select(alerts.c.count))).scalar_one() == 40


async def test_an_exception_undoes_the_whole_transaction(database: Database, clock: StoppedClock) -> None:
    """A step of the chart is one transaction or nothing."""
    with pytest.raises(RuntimeError):
        async with database.begin() as connection:
            await connection.execute(
                sa.insert(alerts).values(matter="half", text="", first_at=clock(), last_at=clock(), count=1)
            )
            raise RuntimeError
    async with database.read() as connection:
        assert (await connection.execute(sa.select(sa.func.count()).select_from(alerts))).scalar_one() == 0


async def test_times_come_back_as_they_went_in(database: Database, clock: StoppedClock) -> None:
    """Aware and in UTC on both databases."""
    async with database.begin() as connection:
        await connection.execute(
            sa.insert(alerts).values(matter="time", text="", first_at=clock(), last_at=clock(), count=1)
        )
    async with database.read() as connection:
        stored = (await connection.execute(sa.select(alerts.c.first_at))).scalar_one()
    assert stored == clock()
    assert stored.tzinfo is not None


async def test_a_locked_database_is_said_to_be_unavailable(tmp_path: Path, migrated_sqlite: Path) -> None:
    """Another program may hold the file; that is no reason to fall over, and the text says what happened."""
    path = tmp_path / "locked.sqlite3"
    path.write_bytes(migrated_sqlite.read_bytes())
    holder, other = Database.open(f"sqlite:///{path}"), Database.open(f"sqlite:///{path}")
    try:
        async with holder.begin():
            async with other.read() as connection:  # readers go on
                await connection.execute(sa.select(alerts))
            async with other.engine.connect() as connection:
                await connection.exec_driver_sql("PRAGMA busy_timeout=1")
            with pytest.raises(DatabaseUnavailableError, match="locked"):
                async with other.begin():
                    pass
    finally:
        await holder.close()
        await other.close()


async def test_a_database_that_is_gone_is_said_to_be_unavailable(tmp_path: Path) -> None:
    """The address may be wrong or the server down; the pass ends and is tried again later."""
    gone = Database.open(f"postgresql://nobody@127.0.0.1:1/{tmp_path.name}")
    try:
        with pytest.raises(DatabaseUnavailableError):
            async with gone.read() as connection:
                await connection.execute(sa.select(1))
    finally:
        await gone.close()

"""The two kinds of transaction, and trouble with the database itself."""

import asyncio
import gc
import shutil
import sqlite3
import threading
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from digest.clock import monotonic_seconds
from digest.database import Database
from digest.database.tables import alerts
from digest.errors import DatabaseUnavailableError
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

_AT = datetime(2026, 11, 23, tzinfo=UTC)
_PID = sa.text("SELECT pg_backend_pid()")


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


async def test_a_writer_that_is_cancelled_in_a_statement_leaves_no_lock_behind(
    database: Database, clock: StoppedClock
) -> None:
    """As long as its traceback was kept, SQLite kept the closed connection: "database is locked", by nobody."""
    count = sa.literal_column("1", sa.Integer).label("number")
    numbers = sa.select(count).cte("numbers", recursive=True)
    numbers = numbers.union_all(sa.select(numbers.c.number + 1).where(numbers.c.number < 200_000))
    has_written = asyncio.Event()
    alert = sa.insert(alerts).values(matter="half", text="", first_at=clock(), last_at=clock(), count=1)

    async def write_slowly() -> None:
        async with database.begin() as connection:
            await connection.execute(alert)
            has_written.set()
            while True:
                await connection.execute(sa.select(sa.func.count()).select_from(numbers))

    writing = asyncio.create_task(write_slowly())
    await has_written.wait()
    await asyncio.sleep(0.01)
    writing.cancel()
    [cancelled] = await asyncio.gather(writing, return_exceptions=True)
    async with asyncio.timeout(10), database.begin() as connection:
        await connection.execute(alert)

    assert isinstance(cancelled, asyncio.CancelledError)


async def test_a_broken_key_is_told_without_the_values_of_the_row(database: Database, clock: StoppedClock) -> None:
    """The server adds them, addresses among them, and what is not foreseen goes into the log with its traceback."""
    row = {"matter": "kim@reader.example", "text": "", "first_at": clock(), "last_at": clock(), "count": 1}
    with pytest.raises(IntegrityError) as caught:
        async with database.begin() as connection:
            for _ in range(2):
                await connection.execute(sa.insert(alerts).values(row))
    told = "".join(traceback.format_exception(caught.value))
    assert "alerts" in told
    assert "INSERT INTO" in told
    assert "kim@" not in told.replace('"matter": "kim@reader.example"', "")  # this test's own line


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


async def test_who_writes_waits_for_another_process(sqlite_file: Path) -> None:
    """Pages and worker are two processes on one file: whoever comes second is late, not refused."""
    other, database = Database.open(f"sqlite:///{sqlite_file}"), Database.open(f"sqlite:///{sqlite_file}")
    try:
        async with other.begin():
            writing = asyncio.create_task(database.write(lambda connection: connection.scalar(sa.text("SELECT 7"))))
            await asyncio.sleep(0.02)
            assert not writing.done()
        assert await writing == 7
    finally:
        await database.close()
        await other.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_groups_keep_a_connection_that_no_page_uses(database: Database) -> None:
    """A new one learns types and plans statements first; whoever left after many had asked at once waited for that."""
    own = await database.write(lambda connection: connection.scalar(_PID))
    async with database.read() as one, database.read() as other:
        pages = {await one.scalar(_PID), await other.scalar(_PID)}
        assert await database.write(lambda connection: connection.scalar(_PID)) == own
    assert own not in pages


async def test_a_database_that_is_gone_is_said_to_be_unavailable(tmp_path: Path) -> None:
    """The address may be wrong or the server down; the pass ends and is tried again later."""
    gone = Database.open(f"postgresql://nobody@127.0.0.1:1/{tmp_path.name}")
    try:
        with pytest.raises(DatabaseUnavailableError):
            async with gone.read() as connection:
                await connection.execute(sa.select(1))
    finally:
        await gone.close()


async def test_more_at_once_than_there_are_connections_is_said_to_be_unavailable(
    sqlite_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page answers 503 then, and mail providers ask again; it was 500, and no provider repeats that."""
    opened = Database.open(f"sqlite:///{sqlite_file}", pool_size=1)
    monkeypatch.setattr(opened.engine.sync_engine.pool, "_timeout", 0.01)  # half a minute otherwise
    try:
        async with opened.read(), opened.read():
            with pytest.raises(DatabaseUnavailableError, match="in use"):
                async with opened.read():
                    pass
        async with opened.read() as connection:
            assert (await connection.execute(sa.select(1))).scalar_one() == 1
    finally:
        await opened.close()


async def test_a_database_file_that_is_gone_is_noticed_and_used_again_when_it_is_back(sqlite_file: Path) -> None:
    """SQLite would go on writing into a file that nobody finds again: mails out, and nothing remembered."""
    opened = Database.open(f"sqlite:///{sqlite_file}")
    try:
        for use in _uses(opened):
            await use()
        sqlite_file.rename(sqlite_file.with_name("elsewhere"))
        for use in _uses(opened):
            with pytest.raises(DatabaseUnavailableError, match="is gone"):
                await use()
        sqlite_file.with_name("elsewhere").rename(sqlite_file)
        for use in _uses(opened):
            await use()
    finally:
        await opened.close()


async def test_a_database_file_that_was_replaced_is_noticed_and_then_used(sqlite_file: Path) -> None:
    """A backup that is restored beside the running service counts from the next transaction on, not the old file."""
    opened = Database.open(f"sqlite:///{sqlite_file}")
    backup = shutil.copy(sqlite_file, sqlite_file.with_name("backup"))
    try:
        for use in _uses(opened):
            await use()
        for name in (sqlite_file.name, f"{sqlite_file.name}-wal", f"{sqlite_file.name}-shm"):
            sqlite_file.with_name(name).unlink(missing_ok=True)
        Path(backup).rename(sqlite_file)
        for use in _uses(opened):
            with suppress(DatabaseUnavailableError):
                await use()
        async with opened.begin() as connection:
            await connection.execute(sa.delete(alerts))
            await connection.execute(
                sa.insert(alerts).values(matter="new", text="", first_at=_AT, last_at=_AT, count=1)
            )
    finally:
        await opened.close()
    with sqlite3.connect(sqlite_file) as plain:
        assert plain.execute("SELECT matter FROM alerts").fetchall() == [("new",)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_statement_changes_threads_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver's own way was four changes, and beside a sender a page's reader waited for each (p50 398 ms)."""
    calls: list[object] = []
    execute = aiosqlite.Connection._execute

    async def noted(connection: aiosqlite.Connection, act: Any) -> Any:  # Any: the driver's own types
        calls.append(act)
        return await execute(connection, act)  # type: ignore[no-untyped-call]  # the driver's own

    async with database.read() as connection:
        await connection.execute(sa.select(alerts))
        monkeypatch.setattr(aiosqlite.Connection, "_execute", noted)
        for _ in range(3):
            assert (await connection.execute(sa.select(alerts))).all() == []
        assert len(calls) == 3


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_connection_that_the_server_has_ended_is_replaced(database: Database) -> None:
    """After a restart of the server each connection in the pool is dead, and nobody's request fails for it."""
    async with database.read() as ended, database.begin() as ending:
        number = (await ended.execute(sa.select(sa.func.pg_backend_pid()))).scalar_one()
        has_ended = asyncio.Event()
        driver = (await ended.get_raw_connection()).driver_connection
        assert driver is not None
        driver.add_termination_listener(lambda _connection: has_ended.set())
        await ended.rollback()
        assert (await ending.execute(sa.select(sa.func.pg_terminate_backend(number)))).scalar_one()
        await has_ended.wait()
    async with database.read() as one, database.read() as other:
        pids = [(await each.execute(sa.select(sa.func.pg_backend_pid()))).scalar_one() for each in (one, other)]
    assert number not in pids


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize(("rested_seconds", "asked"), [(29, []), (31, ["BEGIN;", ";", "ROLLBACK;"])])
async def test_only_a_connection_that_rested_long_is_asked_whether_it_lives(
    database: Database, monkeypatch: pytest.MonkeyPatch, rested_seconds: int, asked: list[str]
) -> None:
    """To ask each time was three of the eight ways to the server that a group of readers who leave takes."""
    asks: list[str] = []
    async with database.read() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        driver.add_query_logger(lambda record: asks.append(record.query))
    now = monotonic_seconds()
    monkeypatch.setattr("digest.database.connection.monotonic_seconds", lambda: now + rested_seconds)
    asks.clear()
    async with database.read():
        pass
    assert asks == asked  # the transaction itself begins with its first statement


@pytest.fixture
def sqlite_file(tmp_path: Path, migrated_sqlite: Path) -> Path:
    return Path(shutil.copy(migrated_sqlite, tmp_path / "digest.sqlite3"))


def _uses(database: Database) -> list[Callable[[], Awaitable[None]]]:
    """One transaction of each kind."""

    async def begin() -> None:
        async with database.begin() as connection:
            await connection.execute(sa.update(alerts).values(count=1))

    async def read() -> None:
        async with database.read() as connection:
            await connection.execute(sa.select(alerts))

    async def write() -> None:
        await database.write(lambda connection: connection.execute(sa.update(alerts).values(count=1)))

    return [begin, read, write]


async def test_the_folder_of_a_new_database_is_for_its_owner_only(tmp_path: Path) -> None:
    """Addresses of readers lie in it, on machines that others use as well."""
    opened = Database.open(f"sqlite:///{tmp_path}/var/digest.sqlite3")
    await opened.close()
    assert (tmp_path / "var").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_failure_that_nobody_waits_for_any_more_is_no_alarm(database: Database) -> None:
    """Whoever asked was cancelled, and then the act failed: asyncio must not call that a forgotten exception."""
    begun, goes_on, alarms = threading.Event(), threading.Event(), list[dict[str, Any]]()
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: alarms.append(context))

    def fail(_connection: sa.Connection) -> None:
        begun.set()
        goes_on.wait(5)
        raise ValueError("in vain")

    asking = asyncio.ensure_future(database.write(fail))
    await asyncio.to_thread(begun.wait, 5)
    asking.cancel()
    await asyncio.sleep(0)
    goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await asking
    del asking
    gc.collect()
    await asyncio.sleep(0)

    assert alarms == []

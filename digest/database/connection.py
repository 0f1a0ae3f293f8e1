"""Connections to SQLite and PostgreSQL, and the two kinds of transaction there are.

`begin()` is a transaction that writes, `read()` one that only looks. On SQLite a writing transaction starts with BEGIN
IMMEDIATE: the driver's own habit of starting it at the first write loses updates without an error (measured: 24 of 80
read-then-write steps kept). WAL lets readers go on beside the one writer; `synchronous=FULL` makes a commit survive a
power cut, which the promise "nobody twice" rests on. Inside one process writers queue on a lock of ours, because
SQLite's own waiting is a poll with growing sleeps; for another process `write` waits by a poll with short ones.

Trouble with the database itself (locked, full, gone) is raised as `DatabaseUnavailableError` with the driver's words.
Broken keys stay `IntegrityError`, without the values that PostgreSQL adds: addresses are among them, and errors are
logged.
"""

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, InvalidatePoolError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from digest.clock import monotonic_seconds
from digest.database.sqlite_driver import connect
from digest.errors import DatabaseUnavailableError, FixSetupError

Connection = AsyncConnection
PlainConnection = sa.Connection

_T = TypeVar("_T")
_BUSY_TIMEOUT_SECONDS = 15
_LOOKS_SECONDS = 0.001
_RESTS_SECONDS = 30
_RESTS_SINCE = "digest_rests_since"
_MAIL_QUEUED = "digest_mail_queued"
_AFTERWARDS = "digest_afterwards"
_SQLITE_OPTIONS: dict[str, Any] = {  # Any: options of different types
    "hide_parameters": True,  # errors are logged, and addresses are among the parameters
    "connect_args": {"timeout": _BUSY_TIMEOUT_SECONDS},
    "json_serializer": json.JSONEncoder(ensure_ascii=False).encode,  # half the bytes of Korean, and found by a search
}
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


class Database:
    """A pool of connections. Make it with `open`, and `close` it: an open one keeps the process from ending."""

    def __init__(self, engine: AsyncEngine, group_engine: AsyncEngine | None = None) -> None:
        self.engine = engine
        self._group_engine = group_engine or engine  # what `write` uses on PostgreSQL
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._write_lock = asyncio.Lock()
        self.mail_queued = asyncio.Event()  # set when a mail somebody waits for was queued by this process
        self._thread: ThreadPoolExecutor | None = None
        self.plain_engine = _plain_engine(engine.url) if self.is_sqlite else None

    @classmethod
    def open(cls, url: str, *, pool_size: int = 8) -> "Database":
        """Prepare connections to `url` (`sqlite:///PATH` or `postgresql://…`); nothing is connected yet.

        Raises `FixSetupError` for an address, driver or folder that cannot be used; its text holds no password.
        """
        try:
            engine = _engine(url, pool_size)
            return cls(engine, None if engine.dialect.name == "sqlite" else _engine(url, pool_size))
        except ModuleNotFoundError as error:
            raise FixSetupError("PostgreSQL needs its driver: pip install 'newspaper-digest[postgres]'") from error
        except (ArgumentError, TypeError, ValueError) as error:
            raise FixSetupError("DATABASE_URL is no address of a database: signs like @ : / in it need %XX") from error
        except OSError as error:
            raise FixSetupError(f"The folder of DATABASE_URL cannot be made: {error}") from error

    async def close(self) -> None:
        """Close every connection."""
        if self._thread is not None and self.plain_engine is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self.plain_engine.dispose)
            self._thread.shutdown()
            self._thread = None
        await self._group_engine.dispose()
        await self.engine.dispose()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Connection]:
        """Open a transaction that writes; it is committed at the end and undone by any exception."""
        async with self._begin(self.engine) as connection:
            yield connection

    @asynccontextmanager
    async def _begin(self, engine: AsyncEngine) -> AsyncIterator[Connection]:
        lock = self._write_lock if self.is_sqlite else nullcontext()
        async with lock, _translated(), engine.connect() as connection:
            await connection.execution_options(digest_writes=True)
            connection.info.pop(_MAIL_QUEUED, None)
            connection.info.pop(_AFTERWARDS, None)
            async with connection.begin():
                yield connection
            if connection.info.pop(_MAIL_QUEUED, False):
                self.mail_queued.set()
            for act in connection.info.pop(_AFTERWARDS, ()):
                act()

    async def write(self, act: Callable[[PlainConnection], _T]) -> _T:
        """Run `act` in a transaction that writes, and return what it returns.

        For groups of statements many times a second. On SQLite they run one after the other in a thread of their own:
        to change threads for every statement, as `begin` does, costs more than the statements (measured: 5 changes a
        group, half a millisecond each beside a busy loop). On PostgreSQL they have connections of their own: on one
        that only pages have used, or nobody, a group of leavers takes 25 to 55 ms, for learning types and planning;
        else 5. And a process that answers pages opens some whenever many ask at once.
        """
        if self.plain_engine is None:
            async with self._begin(self._group_engine) as connection:
                return await connection.run_sync(act)
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        async with self._write_lock, _translated():
            acting = asyncio.get_running_loop().run_in_executor(self._thread, _act, self.plain_engine, act)
            try:
                return await asyncio.shield(acting)
            except asyncio.CancelledError:
                await asyncio.wait({acting})  # the thread goes on: the next writer must not begin before it is through
                acting.exception()  # looked at: whoever asked is gone, and asyncio would call it a mistake of ours
                raise

    async def forget_erased(self) -> None:
        """Take what was erased out of SQLite's log too, as far as readers allow. PostgreSQL's own vacuum does it."""
        if self.plain_engine is None:
            return
        async with self._write_lock, _translated():
            await asyncio.to_thread(_empty_log, self.plain_engine)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """Open a transaction that only looks: one consistent state, and no writer waits for it."""
        async with _translated(), self.engine.connect() as connection, connection.begin():
            yield connection


def tell_of_mail(connection: Connection) -> None:
    """Have `Database.mail_queued` set when this transaction is committed: a sender of this process need not poll."""
    connection.info[_MAIL_QUEUED] = True


def when_committed(connection: Connection, act: Callable[[], None]) -> None:
    """Have `act` called when the transaction of `begin` is committed, never when it is undone: for the log's events."""
    connection.info.setdefault(_AFTERWARDS, []).append(act)


def _act(engine: sa.Engine, act: Callable[[PlainConnection], _T]) -> _T:
    with engine.connect() as connection:
        connection.execution_options(digest_writes=True)
        with connection.begin():
            return act(connection)


def _empty_log(engine: sa.Engine) -> None:
    connection = engine.raw_connection()  # without the BEGIN of ours: no checkpoint is made inside a transaction
    try:
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


async def server_time(connection: Connection) -> datetime:
    """Return what time the database's machine has (on SQLite: ours, in whole seconds)."""
    found: datetime = (await connection.execute(sa.select(sa.func.current_timestamp(type_=sa.DateTime)))).scalar_one()
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """Turn trouble with the database itself into our error; mistakes in our SQL keep their own."""
    try:
        yield
    except IntegrityError as error:
        what = Exception(str(error.orig).partition("\nDETAIL")[0])
        raise IntegrityError(error.statement, None, what, hide_parameters=True).with_traceback(
            error.__traceback__
        ) from None
    except ProgrammingError:
        raise
    except PoolTimeoutError as error:  # half a minute without a connection: more is asked for than can be answered
        raise DatabaseUnavailableError("The database cannot be used now: all connections to it are in use.") from error
    except DBAPIError as error:
        raise DatabaseUnavailableError(f"The database cannot be used now: {error.orig}") from error
    except OSError as error:  # refused, timed out, no such host or socket
        raise DatabaseUnavailableError(f"The database cannot be reached: {error}") from error


def async_url(url: str) -> URL:
    """Return `url` with the asynchronous driver named in it, and libpq's `sslmode` under the driver's name for it."""
    parsed = make_url(url)
    parsed = parsed.set(drivername=_DRIVERS[parsed.get_backend_name()])
    if "sslmode" in parsed.query:
        query = dict(parsed.query)
        query["ssl"] = query.pop("sslmode")
        parsed = parsed.set(query=query)
    return parsed


def _engine(url: str, pool_size: int) -> AsyncEngine:
    parsed = async_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_async_engine(
            parsed,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_use_lifo=True,  # each connection has the server plan a statement anew: the one used last knows most
            hide_parameters=True,
        )
        event.listen(engine.sync_engine, "checkin", _note_rest)
        event.listen(engine.sync_engine, "checkout", _require_alive)
        return engine
    if parsed.database:
        # A folder of our own is nobody else's on this machine: readers' addresses lie in it.
        Path(parsed.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = {**_SQLITE_OPTIONS, "connect_args": {**_SQLITE_OPTIONS["connect_args"], "async_creator_fn": connect}}
    engine = create_async_engine(parsed, pool_size=pool_size, max_overflow=pool_size, **options)
    _listen(engine.sync_engine)
    event.listen(engine.sync_engine, "invalidate", _end_before_close)
    return engine


def _plain_engine(url: URL) -> sa.Engine:
    """The same SQLite file without the asynchronous driver, for one thread."""
    engine = sa.create_engine(url.set(drivername="sqlite"), **_SQLITE_OPTIONS)
    _listen(engine)
    return engine


def _note_rest(_dbapi_connection: Any, record: Any) -> None:  # Any: the driver's own types
    record.info[_RESTS_SINCE] = monotonic_seconds()


def _require_alive(dbapi_connection: Any, record: Any, _proxy: Any) -> None:  # Any: as above
    """Have the pool open another connection where the server has ended this one.

    What the server ends is known without asking, for its socket says so at once. Only what a firewall has forgotten
    while it rested has to be asked. The pool's own way (`pool_pre_ping`) asks each time, which is a transaction of its
    own: three of the eight ways to the server that a group of readers who leave took, and of each of the sender's.
    """
    if dbapi_connection.driver_connection.is_closed():
        raise InvalidatePoolError
    rests_since = record.info.get(_RESTS_SINCE)
    if rests_since is None or monotonic_seconds() - rests_since < _RESTS_SECONDS:
        return
    try:
        dbapi_connection.ping()
    except dbapi_connection.dbapi.Error as error:
        raise InvalidatePoolError from error


def _listen(engine: sa.Engine) -> None:
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)


def _prepare_sqlite(dbapi_connection: Any, record: Any) -> None:  # Any: the driver's own types
    dbapi_connection.isolation_level = None  # no BEGIN but ours
    cursor = dbapi_connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "secure_delete=ON",  # what is erased is overwritten: no address stays behind in a freed page
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.execute("PRAGMA database_list")
    path = cursor.fetchone()[2]
    record.info["file"] = (path, _identity(path))
    cursor.close()


def _end_before_close(dbapi_connection: Any, _record: Any, _exception: BaseException | None) -> None:  # Any: as above
    """End the transaction of a connection that is to be thrown away, because its task was cancelled in a statement.

    Closing it is not enough: as long as anything refers to one of its cursors (a traceback does), SQLite keeps the
    closed connection, and with it the lock of the writer. Seen as "database is locked" with nobody writing, after the
    first of several tasks had failed and ended the others.
    """
    with suppress(asyncio.CancelledError, Exception):  # cancelled once more: it is asked for all the same
        dbapi_connection.rollback()


def _begin_sqlite(connection: Any) -> None:  # Any: SQLAlchemy's synchronous connection
    _require_same_file(connection)
    writes = cast(bool, connection.get_execution_options().get("digest_writes", False))
    if writes and not connection.dialect.is_async and _has_begun(connection.connection.dbapi_connection):
        return
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _has_begun(dbapi_connection: Any) -> bool:  # Any: as above
    """Begin to write as soon as another process's transaction ends; False where that fails: the next try tells why.

    SQLite's own waiting looks ever more rarely, up to a tenth of a second apart, and beside a sender that writes fifty
    groups a second it comes too late each time (134 ms seen). In a thread of our own we look every millisecond.
    """
    until = monotonic_seconds() + _BUSY_TIMEOUT_SECONDS
    dbapi_connection.execute("PRAGMA busy_timeout=0")
    try:
        while monotonic_seconds() < until:
            try:
                dbapi_connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    return False
                time.sleep(_LOOKS_SECONDS)
            else:
                return True
        return False
    finally:
        dbapi_connection.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_SECONDS * 1000}")


def _require_same_file(connection: Any) -> None:  # Any: SQLAlchemy's synchronous connection
    """Raise `DatabaseUnavailableError` when the file was moved, deleted or replaced under us.

    SQLite goes on writing to the file that it has opened, wherever that is now: an edition would go out and be
    forgotten at the next start. A file that comes back is used again, another one from the next transaction on.
    """
    path, opened = connection.info["file"]
    present = _identity(path)
    if present == opened:
        return
    if present is None:
        raise DatabaseUnavailableError(f"The database cannot be used now: {path} is gone. Put it back, or stop first.")
    connection.invalidate()
    raise DatabaseUnavailableError(f"The database cannot be used now: {path} was replaced by another file.")


def _identity(path: str) -> tuple[int, int] | None:
    """Return what tells a file from every other one; None where there is none (a database in memory, too)."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino

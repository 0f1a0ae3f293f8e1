"""Connections to SQLite and PostgreSQL, and the two kinds of transaction there are.

`begin()` is a transaction that writes, `read()` one that only looks. On SQLite a writing transaction starts with BEGIN
IMMEDIATE: the driver's own habit of starting it at the first write loses updates without an error (measured: 24 of 80
read-then-write steps kept). WAL lets readers go on beside the one writer; `synchronous=FULL` makes a commit survive a
power cut, which the promise "nobody twice" rests on. Inside one process writers queue on a lock of ours, because
SQLite's own waiting is a poll with growing sleeps.

Trouble with the database itself (locked, full, gone) is raised as `DatabaseUnavailableError` with the driver's words.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from digest.errors import DatabaseUnavailableError, FixSetupError

Connection = AsyncConnection

_BUSY_TIMEOUT_SECONDS = 15
_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


class Database:
    """A pool of connections. Make it with `open`, and `close` it: an open one keeps the process from ending."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._write_lock = asyncio.Lock()

    @classmethod
    def open(cls, url: str, *, pool_size: int = 8) -> "Database":
        """Prepare connections to `url` (`sqlite:///PATH` or `postgresql://…`); nothing is connected yet.

        Raises `FixSetupError` for an address, driver or folder that cannot be used; its text holds no password.
        """
        try:
            return cls(_engine(url, pool_size))
        except ModuleNotFoundError as error:
            raise FixSetupError("PostgreSQL needs its driver: pip install 'newspaper-digest[postgres]'") from error
        except (ArgumentError, TypeError, ValueError) as error:
            raise FixSetupError("DATABASE_URL is no address of a database: signs like @ : / in it need %XX") from error
        except OSError as error:
            raise FixSetupError(f"The folder of DATABASE_URL cannot be made: {error}") from error

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Connection]:
        """Open a transaction that writes; it is committed at the end and undone by any exception."""
        lock = self._write_lock if self.is_sqlite else nullcontext()
        async with lock, _translated(), self.engine.connect() as connection:
            await connection.execution_options(digest_writes=True)
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """Open a transaction that only looks: one consistent state, and no writer waits for it."""
        async with _translated(), self.engine.connect() as connection, connection.begin():
            yield connection


async def server_time(connection: Connection) -> datetime:
    """Return what time the database's machine has (on SQLite: ours, in whole seconds)."""
    found: datetime = (await connection.execute(sa.select(sa.func.current_timestamp(type_=sa.DateTime)))).scalar_one()
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """Turn trouble with the database itself into our error; mistakes in our SQL keep their own."""
    try:
        yield
    except (IntegrityError, ProgrammingError):
        raise
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
        return create_async_engine(
            parsed, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True, hide_parameters=True
        )
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=pool_size,
        hide_parameters=True,  # errors are logged, and addresses are among the parameters
        connect_args={"timeout": _BUSY_TIMEOUT_SECONDS},
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(dbapi_connection: Any, _record: Any) -> None:  # Any: the driver's own types
    dbapi_connection.isolation_level = None  # no BEGIN but ours
    cursor = dbapi_connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:  # Any: SQLAlchemy's synchronous connection
    writes = cast(bool, connection.get_execution_options().get("digest_writes", False))
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

"""aiosqlite with one change of threads for each statement instead of four.

aiosqlite gives a connection a thread and hands it each call by itself: make a cursor, execute, fetch the rows, close
the cursor. On an idle machine that costs little; beside a sender that writes, each change waits for a processor, and a
page of six statements made 25 of them (the choices, fifty a second: p50 398 ms, so 14). Here the four are one call. All
rows come with the statement, as SQLAlchemy's adapter fetches them anyway; there is no streaming.

What is used of aiosqlite beyond its documents: `Connection._execute`, which all its own methods are made of, and
`Connection._conn`, which SQLAlchemy's adapter uses too.
"""

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self

import aiosqlite


class _Cursor:
    """What SQLAlchemy's adapter asks of a cursor."""

    arraysize = 1
    description: Any = None  # Any: the driver's own types, here and below
    rowcount = -1
    lastrowid: int | None = None

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._rows: Sequence[Any] = ()

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Any = ()) -> Self:
        await self._connection.in_thread(partial(self._run, sqlite3.Cursor.execute, sql, parameters))
        return self

    async def executemany(self, sql: str, parameters: Any) -> Self:
        await self._connection.in_thread(partial(self._run, sqlite3.Cursor.executemany, sql, parameters))
        return self

    async def fetchall(self) -> Sequence[Any]:
        rows, self._rows = self._rows, ()
        return rows

    async def close(self) -> None:
        """It is closed with its statement."""

    def _run(self, act: Any, sql: str, parameters: Any, connection: sqlite3.Connection) -> None:
        cursor = connection.cursor()
        try:
            act(cursor, sql, parameters)
            self._rows = cursor.fetchall() if cursor.description else ()
            self.description, self.rowcount, self.lastrowid = cursor.description, cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()


class Connection(aiosqlite.Connection):
    """A connection whose cursors do everything in one call of its thread."""

    def cursor(self) -> Any:
        """Return a cursor that has asked for nothing yet."""
        return _Cursor(self)

    async def in_thread(self, act: Callable[[sqlite3.Connection], None]) -> None:
        """Call `act` in this connection's thread."""
        await self._execute(lambda: act(self._conn))  # type: ignore[no-untyped-call]  # of aiosqlite


def connect(*given: Any, **named: Any) -> Connection:
    """Return a connection that opens when it is awaited; arguments as for `sqlite3.connect`."""
    connection = Connection(partial(sqlite3.connect, *given, **named), 64)
    connection._thread.daemon = True  # as SQLAlchemy has it of aiosqlite's own: one left open must not keep the process
    return connection

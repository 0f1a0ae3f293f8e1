"""How often something may be done: counted in the database, so that all processes count together.

A claim is one statement that counts and decides at once; whoever gets no row back has not counted and must not act.
So a limit holds for fifty requests at the same moment as for one after the other. There is one row for each scope and
key. Keys are keyed hashes: who was counted cannot be read from them.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from digest.database.connection import Connection
from digest.database.tables import counters

_c = counters.c


async def claim(
    connection: Connection,
    scope: str,
    key: str,
    *,
    now: datetime,
    limit: int,
    window: timedelta,
    pause: timedelta = timedelta(0),
) -> bool:
    """Count one more of `scope` for `key`, if there are fewer than `limit` in this window; return whether it may be.

    A window begins with its first claim, and the next one when it is over. `pause`: the time between two claims that
    are granted, across windows too.
    """
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    in_same = _c.window_at > now - window
    conditions = [sa.or_(~in_same, _c.count < limit)]
    if pause:
        conditions.append(_c.last_at <= now - pause)
    statement = insert(counters).values(scope=scope, key=key, window_at=now, count=1, last_at=now)
    counted = {
        "count": sa.case((in_same, _c.count + 1), else_=1),
        "window_at": sa.case((in_same, _c.window_at), else_=now),
        "last_at": now,
    }
    result = await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[_c.scope, _c.key], set_=counted, where=sa.and_(*conditions)
        ).returning(_c.count)
    )
    return result.scalar_one_or_none() is not None


async def next_window(connection: Connection, scope: str, key: str, *, window: timedelta) -> datetime | None:
    """Return when the window of `scope` for `key` is over; None if nothing was counted."""
    began_at: datetime | None = await connection.scalar(sa.select(_c.window_at).where(_c.scope == scope, _c.key == key))
    return began_at + window if began_at else None


async def prune(connection: Connection, *, before: datetime) -> int:
    """Remove what was last counted before that time; return how many rows."""
    result = await connection.execute(sa.delete(counters).where(_c.last_at < before))
    return result.rowcount

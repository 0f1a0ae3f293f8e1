"""How often something may be done: counted in the database, so that all processes count together.

A claim is one statement that counts and decides at once; whoever gets no row back has not counted and must not act.
So a limit holds for fifty requests at the same moment as for one after the other. There is one row for each scope and
key. Keys are keyed hashes: who was counted cannot be read from them.

Two ways to count: windows side by side (`claim`: any number, but at the seam of two windows nearly twice as many may
come close together), and any stretch of time (`claim_within`: the row keeps the time of each of the newest claims, so
for small numbers). A scope is counted in one way only.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.once import insert_or
from digest.database.tables import Instant, counters

MOST_WITHIN = 20
_STAMP = 13  # digits: milliseconds since 1970
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
    in_same = _c.window_at > now - window
    conditions = [sa.or_(~in_same, _c.count < limit)]
    if pause:
        conditions.append(_c.last_at <= now - pause)
    statement = insert_or(connection, counters).values(scope=scope, key=key, window_at=now, count=1, last_at=now)
    counted = {
        "count": sa.case((in_same, _c.count + 1), else_=1),
        "window_at": sa.case((in_same, _c.window_at), else_=sa.literal(now, Instant)),
        "last_at": now,
    }
    result = await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[_c.scope, _c.key], set_=counted, where=sa.and_(*conditions)
        ).returning(_c.count)
    )
    return result.scalar_one_or_none() is not None


async def claim_within(
    connection: Connection, scope: str, key: str, *, now: datetime, limit: int, window: timedelta
) -> bool:
    """Count one more of `scope` for `key`, if fewer than `limit` were granted in the `window` before now.

    `limit` is at most `MOST_WITHIN`, and always the same for a scope.
    """
    assert limit <= MOST_WITHIN
    statement = insert_or(connection, counters).values(
        scope=scope, key=key, window_at=now, count=1, recent=_stamp(now), last_at=now
    )
    counted = {
        "count": _c.count + 1,
        "recent": sa.func.substr(sa.literal(_stamp(now), sa.Text).concat(_c.recent), 1, limit * _STAMP),
        "window_at": now,
        "last_at": now,
    }
    result = await connection.execute(
        statement.on_conflict_do_update(
            index_elements=[_c.scope, _c.key], set_=counted, where=_last_but(limit) <= _stamp(now - window)
        ).returning(_c.count)
    )
    return result.scalar_one_or_none() is not None


async def next_within(
    connection: Connection, scope: str, key: str, *, limit: int, window: timedelta
) -> datetime | None:
    """Return from when `claim_within` grants one more; None if it may now."""
    stamp = await connection.scalar(sa.select(_last_but(limit)).where(_c.scope == scope, _c.key == key))
    return datetime.fromtimestamp(int(stamp) / 1000, UTC) + window if stamp else None


async def next_window(connection: Connection, scope: str, key: str, *, window: timedelta) -> datetime | None:
    """Return when the window of `scope` for `key` is over; None if nothing was counted."""
    began_at: datetime | None = await connection.scalar(sa.select(_c.window_at).where(_c.scope == scope, _c.key == key))
    return began_at + window if began_at else None


async def counted(connection: Connection, scope: str, key: str, *, now: datetime, window: timedelta) -> int:
    """Return how often `claim` has granted in the present window."""
    found = sa.select(_c.count).where(_c.scope == scope, _c.key == key, _c.window_at > now - window)
    return await connection.scalar(found) or 0


async def prune(connection: Connection, *, before: datetime) -> int:
    """Remove what was last counted before that time; return how many rows."""
    result = await connection.execute(sa.delete(counters).where(_c.last_at < before))
    return result.rowcount


def _last_but(limit: int) -> sa.ColumnElement[str]:
    """Return the time of the claim that must be over for one more; empty, which is less than any, if there is none."""
    return sa.func.substr(_c.recent, (limit - 1) * _STAMP + 1, _STAMP)


def _stamp(at: datetime) -> str:
    """Write a time so that texts compare as times do."""
    return f"{int(at.timestamp() * 1000):0{_STAMP}d}"

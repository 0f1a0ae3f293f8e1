"""Kept copies of robots.txt, one per site, so that each is fetched once a day and not by every worker anew.

Two workers that fetch the same file at once keep the same thing; the later one stays.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.once import insert_once
from digest.database.tables import robots

KEPT = timedelta(days=30)
"""So long after it had to be fetched anew a copy stays: nothing was asked for at its site since then."""


@dataclass(frozen=True, slots=True)
class Robots:
    """A site's file. `site` is scheme, host and port. `read_at` None: it never could be had; empty: it has no rules."""

    site: str
    body: str
    read_at: datetime | None
    next_at: datetime


async def get(connection: Connection, site: str) -> Robots | None:
    """Return the kept copy of `site`'s file, if there is one."""
    row = (await connection.execute(sa.select(robots).where(robots.c.site == site))).one_or_none()
    return None if row is None else Robots(row.site, row.body, row.read_at, row.next_at)


async def keep(connection: Connection, kept: Robots) -> None:
    """Keep a copy in place of the last one."""
    values = {"body": kept.body, "read_at": kept.read_at, "next_at": kept.next_at}
    changed = await connection.execute(sa.update(robots).where(robots.c.site == kept.site).values(values))
    if changed.rowcount == 0:
        await connection.execute(insert_once(connection, robots).values(site=kept.site, **values))


async def prune(connection: Connection, *, before: datetime) -> int:
    """Remove the copies that had to be fetched anew before then; return how many."""
    return (await connection.execute(sa.delete(robots).where(robots.c.next_at < before))).rowcount

"""What came of the turns of sources, written down by the one who still holds them.

`still_ours` comes first, in the same transaction: what another worker took over, what was removed or given another
address meanwhile, is not recorded, and nothing of its fetch is kept. Many sources that answered are recorded in one
statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from digest.database import tables
from digest.database.connection import Connection, PlainConnection
from digest.database.many import ids_for, is_among, run, run_each
from digest.models.sources import Source, SourceState

_s = tables.sources.c


@dataclass(frozen=True, slots=True)
class Fetched:
    """What is to be recorded of a source that answered and could be read."""

    source: Source
    next_fetch_at: datetime
    etag: str | None = None
    last_modified: str | None = None
    interval_seconds: float | None = None
    memory: bytes | None = None


def still_ours(connection: PlainConnection, held: Sequence[Source], *, owner: str) -> set[int]:
    """Return the ids of those of `held` that `owner` still holds, locked until the end of the transaction.

    A source that was removed, given another address or taken over meanwhile is not among them: nothing is to be kept.
    """
    urls = {source.id: source.spec.url for source in held}
    rows = run(connection, _STILL_OURS[connection.dialect.name], {"owner_": owner, **ids_for(connection, urls)})
    return {row.id for row in rows if urls[row.id] == row.url}


def mark_fetched(connection: PlainConnection, fetched: Sequence[Fetched], *, owner: str, at: datetime) -> None:
    """Record that these sources answered and could be read, and free them. They are `still_ours` in this transaction.

    One that had been given up goes on by itself; one that a person paused stays so.
    """
    rows = [
        {
            "b_id": one.source.id,
            "b_owner": owner,
            "b_at": at,
            "b_next": one.next_fetch_at,
            "b_etag": one.etag,
            "b_modified": one.last_modified,
            "b_interval": one.interval_seconds,
            "b_memory": one.memory,
        }
        for one in fetched
    ]
    if rows:
        run_each(connection, _MARK_FETCHED, rows)


async def mark_failed(
    connection: Connection,
    source: Source,
    *,
    owner: str,
    at: datetime,
    next_fetch_at: datetime,
    problem: str,
    is_given_up: bool = False,
) -> bool:
    """Record one more failure in a row, and why; False if `owner` no longer holds the source.

    `is_given_up`: it is paused until it is fetched with success, by hand (`digest collect NAME`) or by a daily look.
    """
    values: dict[str, Any] = {
        "next_fetch_at": next_fetch_at,
        "failures": _s.failures + 1,
        "problem": problem,
        "failing_since": sa.func.coalesce(_s.failing_since, sa.literal(at, tables.Instant)),
    }
    if is_given_up:
        values |= {"state": SourceState.PAUSED, "given_up_at": at}
    return await _release(connection, source, owner, **values)


async def give_back(connection: Connection, held: Sequence[Source], *, owner: str) -> None:
    """Free sources that there was no time for; they are due as before."""
    await connection.execute(
        sa.update(tables.sources)
        .where(_s.id.in_([source.id for source in held]), _s.lease_owner == owner)
        .values(lease_owner=None, lease_until=None)
    )


_STILL_OURS = {
    name: sa.select(_s.id, _s.url)
    .where(is_among(_s.id, sqlite=name == "sqlite"), _s.lease_owner == sa.bindparam("owner_"))
    .order_by(_s.id)
    .with_for_update()
    for name in ("sqlite", "postgresql")
}
_WAS_GIVEN_UP = sa.and_(_s.state == SourceState.PAUSED, _s.given_up_at.is_not(None))
_MARK_FETCHED = (
    sa.update(tables.sources)
    .where(_s.id == sa.bindparam("b_id"), _s.lease_owner == sa.bindparam("b_owner"))
    .values(
        etag=sa.bindparam("b_etag"),
        last_modified=sa.bindparam("b_modified"),
        interval_seconds=sa.bindparam("b_interval"),
        memory=sa.bindparam("b_memory"),
        first_fetched_at=sa.func.coalesce(_s.first_fetched_at, sa.bindparam("b_at", type_=tables.Instant)),
        last_ok_at=sa.bindparam("b_at", type_=tables.Instant),
        next_fetch_at=sa.bindparam("b_next", type_=tables.Instant),
        failures=0,
        problem="",
        failing_since=None,
        given_up_at=None,
        state=sa.case((_WAS_GIVEN_UP, sa.literal(SourceState.ACTIVE, _s.state.type)), else_=_s.state),
        lease_owner=None,
        lease_until=None,
    )
)


async def _release(connection: Connection, source: Source, owner: str, **values: Any) -> bool:
    result = await connection.execute(
        sa.update(tables.sources)
        .where(_s.id == source.id, _s.lease_owner == owner, _s.url == source.spec.url)
        .values(lease_owner=None, lease_until=None, **values)
    )
    return result.rowcount > 0

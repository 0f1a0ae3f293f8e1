"""Numbers about the whole service for those who watch it: true for all workers, whichever process asks.

Only looks. What waits is counted along its own index, what is in an edition's turn along the primary key; an edition's
deliveries by `progress`, the same as a person sees. The labels these become are few: slots, states, lanes, providers;
never an address or a recipient's domain.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from digest.database import notices, raw_mails, walks
from digest.database.connection import Connection
from digest.database.tables import alerts, attempts, deliveries, editions, is_reached, sources, subscribers
from digest.models.deliveries import DeliveryState, Lane
from digest.models.editions import EditionState
from digest.models.inbound import Door, Outcome
from digest.models.notices import Cause, NoticeClass
from digest.models.sources import SourceState

_GOES_OUT = (EditionState.RELEASED, EditionState.SENDING)
_SHOWN = timedelta(days=1)
_LAST = timedelta(hours=1)
_d = deliveries.c


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in a lane and may go out; `oldest_due_at` of what is due already, None if nothing is."""

    count: int
    oldest_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Figures:
    """How the service stands, but for the editions that go out. `troubles`: by provider and outcome, last hour."""

    waiting: dict[Lane, Waiting]
    troubles: dict[tuple[str, DeliveryState], int]
    sources_ok: int
    sources_failing: int
    last_fetch_at: datetime | None
    open_alerts: int
    editions: dict[object, int]
    subscribers: dict[object, int]
    inbound: dict[tuple[Door, Outcome], int]
    notices: list[tuple[NoticeClass, Cause, int]]


async def shown_editions(connection: Connection, *, now: datetime) -> list[tuple[int, str, datetime | None]]:
    """Return number, slot and end of each edition that goes out or ended within the last day."""
    shown = sa.or_(editions.c.state.in_(_GOES_OUT), editions.c.done_at > now - _SHOWN)
    rows = await connection.execute(sa.select(editions.c.id, editions.c.slot, editions.c.done_at).where(shown))
    return [(row.id, row.slot, row.done_at) for row in rows]


async def gather(connection: Connection, *, now: datetime) -> Figures:
    """Return the figures at `now`."""
    is_in_use = sources.c.state == SourceState.ACTIVE
    fetched = await connection.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(sa.case((sources.c.failures > 0, 1), else_=0)), 0),
            sa.func.max(sources.c.last_ok_at),
        ).where(is_in_use)
    )
    in_use, failing, last_fetch_at = fetched.one()
    is_open = alerts.c.resolved_at.is_(None)
    return Figures(
        waiting=await _waiting(connection, now),
        troubles=await _troubles(connection, now),
        sources_ok=in_use - int(failing),
        sources_failing=int(failing),
        last_fetch_at=last_fetch_at,
        open_alerts=await connection.scalar(sa.select(sa.func.count()).select_from(alerts).where(is_open)) or 0,
        editions=await _by_state(connection, editions.c.state),
        subscribers=await _by_state(connection, subscribers.c.state),
        inbound=await raw_mails.counts(connection),
        notices=await notices.count_by_kind_and_cause(connection),
    )


async def _waiting(connection: Connection, now: datetime) -> dict[Lane, Waiting]:
    rows = await connection.execute(sa.select(editions.c.id).where(editions.c.state.in_(_GOES_OUT)))
    going_out: Collection[int] = rows.scalars().all()
    oldest = sa.func.min(sa.case((_d.due_at <= now, _d.due_at)))
    rows = await connection.execute(
        sa.select(_d.lane, sa.func.count(), oldest)
        .where(is_reached, sa.or_(_d.edition_id.is_(None), _d.edition_id.in_(going_out)))
        .group_by(_d.lane)
    )
    found = dict.fromkeys(Lane, Waiting(0, None)) | {lane: Waiting(count, at) for lane, count, at in rows}
    for each in await walks.list_open(connection):
        if each.edition_id in going_out:
            count, at = (await connection.execute(sa.select(sa.func.count(), oldest).where(each.which))).one()
            found[Lane.BULK] = _both(found[Lane.BULK], Waiting(count, at))
    return found


def _both(one: Waiting, other: Waiting) -> Waiting:
    times = [each.oldest_due_at for each in (one, other) if each.oldest_due_at is not None]
    return Waiting(one.count + other.count, min(times, default=None))


async def _troubles(connection: Connection, now: datetime) -> dict[tuple[str, DeliveryState], int]:
    rows = await connection.execute(
        sa.select(_d.provider, attempts.c.outcome, sa.func.count())
        .select_from(attempts.join(deliveries, attempts.c.delivery_id == _d.id))
        .where(attempts.c.ended_at > now - _LAST, attempts.c.ended_at <= now, _d.edition_id.is_not(None))
        .group_by(_d.provider, attempts.c.outcome)
    )
    return {(provider, outcome): count for provider, outcome, count in rows}


async def _by_state(connection: Connection, column: "sa.Column[object]") -> dict[object, int]:
    rows = await connection.execute(sa.select(column, sa.func.count()).group_by(column))
    return {row[0]: row[1] for row in rows}

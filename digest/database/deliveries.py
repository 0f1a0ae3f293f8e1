"""One message to one recipient each, seen from outside: what is given up, how editions and readers stand.

How deliveries are made is in `messages`, how a worker sends them in `attempts`. What changes rows here does so by
conditions alone, so every worker may call it at any time. The rest only looks: the sums of an edition, what waits, and
what one address was sent.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.tables import deliveries, editions
from digest.errors import NotFoundError
from digest.models import DeliveryCounts, DeliveryState, DropReason, EditionState, Lane, Reply

_UNSETTLED = (DeliveryState.QUEUED, DeliveryState.ATTEMPTING, DeliveryState.DEFERRED)
_WAITING = (DeliveryState.QUEUED, DeliveryState.DEFERRED)
_GOES_OUT = (EditionState.RELEASED, EditionState.SENDING)

_d = deliveries.c


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """A delivery as the ledger tells it, for people. `subject` and `reply` help to explain it."""

    id: int
    message_id: int
    edition_id: int | None
    state: DeliveryState
    drop_reason: DropReason | None
    attempts: int
    created_at: datetime
    due_at: datetime
    attempted_at: datetime | None
    settled_at: datetime | None
    reply: Reply | None
    detail: str = ""  # what happened where no reply came


async def drop_for_subscriber(connection: Connection, subscriber_id: int, *, reason: DropReason, at: datetime) -> int:
    """Give up everything that waits for this reader, claimed or not; return how many."""
    return await _drop(connection, _d.subscriber_id == subscriber_id, reason=reason, at=at)


async def drop_late(connection: Connection, *, now: datetime) -> int:
    """Give up what was tried in time and is past its deadline, and late mails that no edition can be held for."""
    was_tried = _d.attempted_at.is_not(None)
    late = sa.and_(
        _d.deadline_at <= now,
        sa.or_(_d.lease_until.is_(None), _d.lease_until <= now),
        sa.or_(was_tried, _d.edition_id.is_(None)),
    )
    return await _drop(connection, late, reason=DropReason.TOO_LATE, at=now)


async def _drop(connection: Connection, which: sa.ColumnElement[bool], *, reason: DropReason, at: datetime) -> int:
    result = await connection.execute(
        sa.update(deliveries)
        .where(which, _d.state.in_(_WAITING))
        .values(state=DeliveryState.DROPPED, drop_reason=reason, settled_at=at, lease_owner=None, lease_until=None)
    )
    return result.rowcount


async def finish_editions(connection: Connection, *, now: datetime) -> list[int]:
    """Set every edition to `done` of which nothing waits or is on the wire any more; return their ids."""
    unsettled = (
        sa.select(_d.id).where(_d.edition_id == editions.c.id, _d.state.in_(_UNSETTLED)).correlate(editions).exists()
    )
    rows = await connection.execute(
        sa.update(editions)
        .where(editions.c.state.in_(_GOES_OUT), editions.c.eligible.is_not(None), ~unsettled)
        .values(state=EditionState.DONE, done_at=now)
        .returning(editions.c.id)
    )
    return sorted(rows.scalars())


async def hold_late_editions(connection: Connection, *, now: datetime, reason: str) -> list[int]:
    """Hold every edition with deliveries past their deadline that were never tried; return their ids.

    Old news is not sent by surprise: a person releases the edition with a new deadline, or cancels it.
    """
    late = sa.select(_d.edition_id).where(
        _d.state.in_(_WAITING), _d.deadline_at <= now, _d.attempted_at.is_(None), _d.edition_id.is_not(None)
    )
    rows = await connection.execute(
        sa.update(editions)
        .where(editions.c.state.in_(_GOES_OUT), editions.c.id.in_(late))
        .values(state=EditionState.HELD, reason=reason)
        .returning(editions.c.id)
    )
    return sorted(rows.scalars())


async def counts(connection: Connection, edition_id: int) -> DeliveryCounts:
    """Return how an edition stands to the reader. Raises `NotFoundError` if there is no such edition."""
    found = (await connection.execute(sa.select(editions.c.eligible).where(editions.c.id == edition_id))).one_or_none()
    if found is None:
        raise NotFoundError("edition", edition_id)
    rows = await connection.execute(
        sa.select(_d.state, sa.func.count()).where(_d.edition_id == edition_id).group_by(_d.state)
    )
    return DeliveryCounts(eligible=found[0] or 0, by_state={row[0]: row[1] for row in rows})


async def waiting(connection: Connection) -> dict[Lane, int]:
    """Return how many deliveries wait for a first or another try, per lane."""
    rows = await connection.execute(sa.select(_d.lane, sa.func.count()).where(_d.state.in_(_WAITING)).group_by(_d.lane))
    return dict.fromkeys(Lane, 0) | {row[0]: row[1] for row in rows}


async def list_for_address(connection: Connection, address_key: str, limit: int) -> list[StoredDelivery]:
    """Return the newest deliveries to an address (`Address.key`), newest first."""
    rows = await connection.execute(
        sa.select(deliveries).where(_d.recipient_key == address_key).order_by(_d.id.desc()).limit(limit)
    )
    return [
        StoredDelivery(
            id=row["id"],
            message_id=row["message_id"],
            edition_id=row["edition_id"],
            state=row["state"],
            drop_reason=row["drop_reason"],
            attempts=row["attempts"],
            created_at=row["created_at"],
            due_at=row["due_at"],
            attempted_at=row["attempted_at"],
            settled_at=row["settled_at"],
            reply=None
            if row["reply_code"] is None
            else Reply(row["reply_code"], row["reply_status"] or "", row["reply_text"] or ""),
            detail="" if row["reply_code"] is not None else row["reply_text"] or "",
        )
        for row in rows.mappings()
    ]

"""One message to one recipient each, seen from outside: what is given up, how editions and readers stand.

How deliveries are made is in `messages`, how a worker sends them in `attempts`. What changes rows here does so by
conditions alone, so every worker may call it at any time. The rest only looks: the sums of an edition, what waits, and
what one address was sent.

The sweeps run every few seconds beside an edition of a million readers: they go edition by edition along the indexes of
what waits and what is on the wire, and never touch what is settled. What is in its edition's turn is in none of these
(`walks`): that anything is, the edition's row says.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from digest.database import walks
from digest.database.connection import Connection
from digest.database.drops import dropped
from digest.database.tables import (
    deliveries,
    delivery_id,
    editions,
    is_attempting,
    is_reached,
    is_waiting,
    of_edition,
    subscribers,
)
from digest.errors import NotFoundError
from digest.models.deliveries import DeliveryCounts, DeliveryState, DropReason, Lane, Reply
from digest.models.editions import EditionState

_WORD_COMES_WITHIN = timedelta(days=1)
_LOOKED_BACK = timedelta(days=7)  # a cancelled edition's last mails may be on the wire, and come back deferred
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
    count = 0
    of_editions, single = _to_reader(connection, subscriber_id)
    for which in (sa.and_(of_editions, is_waiting), sa.and_(single, is_reached)):
        count += await _drop(connection, which, reason=reason, at=at)
    return count


def _to_reader(connection: Connection, subscriber_id: int | sa.ScalarSelect[int]) -> list[sa.ColumnElement[bool]]:
    """The editions' deliveries to a reader, and the single ones; the first by their numbers, one for each edition.

    Through all editions, because the table holds years of deliveries, and no index of it begins with the reader.
    PostgreSQL is given them as an array: joined, it went through everything that waits until the table was analysed,
    which is a minute after an edition was released (40,000 waiting: 9.7 ms, now 0.07).
    """
    among = sa.select(delivery_id(editions.c.id, subscriber_id))
    if connection.dialect.name == "postgresql":
        ids = sa.func.array(among.scalar_subquery(), type_=postgresql.ARRAY(sa.BigInteger))
        of_editions = _d.id == sa.any_(ids)
    else:
        of_editions = _d.id.in_(among)
    return [sa.and_(which, _d.subscriber_id == subscriber_id) for which in (of_editions, _d.edition_id.is_(None))]


async def drop_late(connection: Connection, *, now: datetime) -> int:
    """Give up what was tried in time and is past its deadline, and late mails that no edition can be held for.

    What belongs to a held edition waits for a person, whatever its deadline.
    """
    is_late = sa.and_(_d.deadline_at <= now, sa.or_(_d.lease_until.is_(None), _d.lease_until <= now))
    # No delivery's deadline is earlier than its edition's: nearly always this looks at a few rows of editions alone.
    cancelled = sa.and_(editions.c.state == EditionState.CANCELLED, editions.c.deadline_at > now - _LOOKED_BACK)
    past = sa.select(editions.c.id).where(
        editions.c.deadline_at <= now, sa.or_(editions.c.state.in_(_GOES_OUT), cancelled)
    )
    edition_ids = (await connection.execute(past)).scalars().all()
    which = [sa.and_(_d.edition_id == edition_id, _d.attempted_at.is_not(None)) for edition_id in edition_ids]
    count = 0
    for each in (*which, _d.edition_id.is_(None)):
        count += await _drop(connection, sa.and_(each, is_reached, is_late), reason=DropReason.TOO_LATE, at=now)
    return count


async def _drop(connection: Connection, which: sa.ColumnElement[bool], *, reason: DropReason, at: datetime) -> int:
    return (await connection.execute(dropped(reason, at=at).where(which))).rowcount


async def finish_editions(connection: Connection, *, now: datetime) -> list[int]:
    """Set every edition to `done` of which nothing waits or is on the wire any more; return their ids.

    One that was done goes back to sending when something of it waits again: a worker that was believed dead came back
    with the word that a mail was deferred.
    """
    await connection.execute(
        sa.update(editions)
        .where(
            editions.c.state == EditionState.DONE,
            editions.c.done_at > now - _WORD_COMES_WITHIN,
            _has_any(is_reached),
        )
        .values(state=EditionState.SENDING, done_at=None)
    )
    at_its_end = [each.edition_id for each in await walks.list_ended(connection)]
    rows = await connection.execute(
        sa.update(editions)
        .where(
            editions.c.state.in_(_GOES_OUT),
            editions.c.eligible.is_not(None),
            sa.or_(editions.c.walked_to.is_(None), editions.c.id.in_(at_its_end)),
            ~_has_any(is_reached),  # two conditions, each with an index of its own
            ~_has_any(is_attempting),
        )
        .values(state=EditionState.DONE, done_at=now, walked_to=None)
        .returning(editions.c.id)
    )
    return sorted(rows.scalars())


async def hold_late_editions(connection: Connection, *, now: datetime, reason: str) -> list[int]:
    """Hold every edition with deliveries past their deadline that were never tried; return their ids.

    Old news is not sent by surprise: a person releases the edition with a new deadline, or cancels it.
    """
    are_in_turn = [each.edition_id for each in await walks.list_late(connection, now=now)]
    rows = await connection.execute(
        sa.update(editions)
        .where(
            editions.c.state.in_(_GOES_OUT),
            editions.c.deadline_at <= now,  # as in `drop_late`
            sa.or_(
                editions.c.id.in_(are_in_turn),
                _has_any(is_reached, _d.deadline_at <= now, _d.attempted_at.is_(None)),
            ),
        )
        .values(state=EditionState.HELD, reason=reason)
        .returning(editions.c.id)
    )
    return sorted(rows.scalars())


def _has_any(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether an edition has such a delivery."""
    return sa.exists().where(_d.edition_id == editions.c.id, *conditions).correlate(editions)


async def counts(connection: Connection, edition_id: int) -> DeliveryCounts:
    """Return how an edition stands to the reader. Raises `NotFoundError` if there is no such edition."""
    found = (await connection.execute(sa.select(editions.c.eligible).where(editions.c.id == edition_id))).one_or_none()
    if found is None:
        raise NotFoundError("edition", edition_id)
    rows = await connection.execute(
        sa.select(_d.state, sa.func.count()).where(of_edition(edition_id)).group_by(_d.state)
    )
    return DeliveryCounts(eligible=found[0] or 0, by_state={row[0]: row[1] for row in rows})


async def waiting(connection: Connection) -> dict[Lane, int]:
    """Return how many deliveries wait for a first or another try, per lane."""
    rows = await connection.execute(sa.select(_d.lane, sa.func.count()).where(is_reached).group_by(_d.lane))
    found = dict.fromkeys(Lane, 0) | {row[0]: row[1] for row in rows}
    for each in await walks.list_open(connection):
        found[Lane.BULK] += await connection.scalar(sa.select(sa.func.count()).where(each.which)) or 0
    return found


async def list_for_address(connection: Connection, address_key: str, limit: int) -> list[StoredDelivery]:
    """Return the newest deliveries to an address (`Address.key`), newest first."""
    reader = sa.select(subscribers.c.id).where(subscribers.c.address_key == address_key).scalar_subquery()
    of_editions, _ = _to_reader(connection, reader)
    single = sa.and_(_d.edition_id.is_(None), _d.recipient_key == address_key)  # with and without a reader
    both = sa.union_all(*(sa.select(_d.id).where(which) for which in (of_editions, single))).subquery()
    rows = await connection.execute(
        sa.select(deliveries)
        .where(_d.id.in_(sa.select(both.c.id)))
        .order_by(_d.created_at.desc(), _d.id.desc())
        .limit(limit)
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

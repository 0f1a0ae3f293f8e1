"""What servers and providers said about mails of ours, what it counts against readers, and the mails that try them.

One row for a delivery and class, whichever way it was told: a second notice of the same class changes nothing. A
reader's score is the sum of the points since `since`, and since the last probe: what a mailbox that answered has on it
is wiped out. Rows of half a year ago are removed; they name deliveries and readers by number alone.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from digest.addresses import Address
from digest.database.connection import Connection
from digest.database.once import insert_once
from digest.database.tables import attempts, deliveries, editions, messages, notices, probes
from digest.models.deliveries import DeliveryState, DropReason, Lane, MessageKind
from digest.models.notices import Cause, NoticeClass

KEPT = timedelta(days=184)
_REFUSALS_LOOKED_BACK = timedelta(days=1)
# A notice may be faster than the word of the worker that sent the mail.
_CAN_COME_BACK = (DeliveryState.ATTEMPTING, DeliveryState.ACCEPTED, DeliveryState.UNCERTAIN)

_n, _d, _p = notices.c, deliveries.c, probes.c


@dataclass(frozen=True, slots=True)
class Subject:
    """The delivery a notice is about. `recipient` None: erased since."""

    delivery_id: int
    edition_id: int | None
    subscriber_id: int | None
    recipient: Address | None
    domain: str
    state: DeliveryState
    lane: Lane
    kind: MessageKind


@dataclass(frozen=True, slots=True)
class NewNotice:
    """One row. `delivery_id` None: a complaint that names its reader alone."""

    delivery_id: int | None
    edition_id: int | None
    subscriber_id: int | None
    domain: str
    kind: NoticeClass
    cause: Cause
    status: str
    way: str
    points: int
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredNotice:
    """A row, for people."""

    kind: NoticeClass
    cause: Cause
    status: str
    way: str
    points: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """How a reader's mailbox stands: points that count now, when it was tried last, what was said, newest first."""

    score: int
    probed_at: datetime | None
    said: tuple[StoredNotice, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A delivery that was refused at once, and the words. `is_given_up`: its mailbox was full until the deadline."""

    delivery_id: int
    reply_code: int
    reply_status: str
    reply_text: str
    is_given_up: bool = False


async def find_subject(connection: Connection, delivery_id: int) -> Subject | None:
    """Return the delivery, None if it is gone."""
    row = (
        await connection.execute(
            sa.select(_d.edition_id, _d.subscriber_id, _d.recipient, _d.domain, _d.state, _d.lane, messages.c.kind)
            .join(messages, messages.c.id == _d.message_id)
            .where(_d.id == delivery_id)
        )
    ).one_or_none()
    if row is None:
        return None
    local, _, domain = row.recipient.rpartition("@")
    recipient = Address(local, domain) if row.recipient else None
    return Subject(delivery_id, row.edition_id, row.subscriber_id, recipient, row.domain, row.state, row.lane, row.kind)


async def add(connection: Connection, notice: NewNotice) -> bool:
    """Store a notice; return whether it is new."""
    values = {name: getattr(notice, name) for name in NewNotice.__slots__}
    inserted = await connection.execute(insert_once(connection, notices).values(values).returning(_n.id))
    return inserted.scalar_one_or_none() is not None


async def mark(
    connection: Connection,
    delivery_id: int,
    state: DeliveryState,
    *,
    reply_code: int | None,
    reply_status: str,
    reply_text: str,
    at: datetime,
) -> bool:
    """Let a delivery that was taken be `bounced` or `complained`; return whether it was one."""
    changed = await connection.execute(
        sa.update(deliveries)
        .where(_d.id == delivery_id, _d.state.in_(_CAN_COME_BACK))
        .values(
            state=state,
            settled_at=at,
            reply_code=reply_code,
            reply_status=reply_status[:16] or None,
            reply_text=reply_text or None,
            lease_owner=None,
            lease_until=None,
        )
    )
    return changed.rowcount > 0


async def score(connection: Connection, subscriber_id: int, *, since: datetime) -> int:
    """Return how much was said against a reader's mailbox since then, and since the last probe."""
    probed_at = sa.select(_p.at).where(_p.subscriber_id == subscriber_id).scalar_subquery()
    total = await connection.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(_n.points), 0)).where(
            _n.subscriber_id == subscriber_id,
            _n.at > since,
            sa.or_(probed_at.is_(None), _n.at > probed_at),
        )
    )
    return int(total or 0)


async def probed_at(connection: Connection, subscriber_id: int) -> datetime | None:
    """Return when a reader's mailbox was tried last."""
    found: datetime | None = await connection.scalar(sa.select(_p.at).where(_p.subscriber_id == subscriber_id))
    return found


async def is_probe(connection: Connection, delivery_id: int) -> bool:
    """Whether this delivery is the last mail by which its reader was tried."""
    return await connection.scalar(sa.select(_p.subscriber_id).where(_p.delivery_id == delivery_id)) is not None


async def note_probe(connection: Connection, subscriber_id: int, delivery_id: int, *, at: datetime) -> None:
    """Note that a reader is tried by this mail; it takes the place of the one before."""
    await connection.execute(sa.delete(probes).where(_p.subscriber_id == subscriber_id))
    await connection.execute(sa.insert(probes).values(subscriber_id=subscriber_id, delivery_id=delivery_id, at=at))


async def of_reader(connection: Connection, subscriber_id: int, *, limit: int = 20) -> list[StoredNotice]:
    """Return what was said about a reader's mails, newest first."""
    rows = await connection.execute(
        sa.select(_n.kind, _n.cause, _n.status, _n.way, _n.points, _n.at)
        .where(_n.subscriber_id == subscriber_id)
        .order_by(_n.at.desc(), _n.id.desc())
        .limit(limit)
    )
    return [StoredNotice(*row) for row in rows]


async def standing(connection: Connection, subscriber_id: int, *, since: datetime) -> Standing:
    """Return how a reader's mailbox stands."""
    said = tuple(await of_reader(connection, subscriber_id))
    points = await score(connection, subscriber_id, since=since)
    return Standing(points, await probed_at(connection, subscriber_id), said)


async def count_of_domain(connection: Connection, domain: str, causes: tuple[Cause, ...], *, since: datetime) -> int:
    """Return how often a recipient domain sent mails back for one of `causes` since then."""
    found = await connection.scalar(
        sa.select(sa.func.count()).where(_n.domain == domain, _n.at > since, _n.cause.in_(causes))
    )
    return int(found or 0)


async def complaints_of_edition(connection: Connection, edition_id: int) -> tuple[int, int]:
    """Return how many readers complained about an edition, and for how many it was made."""
    complained = await connection.scalar(
        sa.select(sa.func.count()).where(_n.edition_id == edition_id, _n.kind == NoticeClass.COMPLAINT)
    )
    eligible = await connection.scalar(sa.select(editions.c.eligible).where(editions.c.id == edition_id))
    return int(complained or 0), int(eligible or 0)


async def complaints_since(connection: Connection, since: datetime) -> tuple[int, int]:
    """Return how many complained since then, and for how many readers editions were released since then."""
    complained = await connection.scalar(
        sa.select(sa.func.count()).where(_n.at > since, _n.kind == NoticeClass.COMPLAINT)
    )
    eligible = await connection.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(editions.c.eligible), 0)).where(editions.c.released_at > since)
    )
    return int(complained or 0), int(eligible or 0)


async def count_by_kind_and_cause(connection: Connection) -> list[tuple[NoticeClass, Cause, int]]:
    """Return how many notices there are of each class and cause."""
    rows = await connection.execute(
        sa.select(_n.kind, _n.cause, sa.func.count()).group_by(_n.kind, _n.cause).order_by(_n.kind, _n.cause)
    )
    return [(row[0], row[1], int(row[2])) for row in rows]


async def unheard_refusals(connection: Connection, *, now: datetime, limit: int) -> list[Refusal]:
    """Return deliveries that were refused at once within a day, or given up because their mailbox stayed full.

    Only those of which no notice is stored yet.
    """
    heard = sa.exists().where(_n.delivery_id == attempts.c.delivery_id)
    rows = await connection.execute(
        sa.select(_d.id, _d.reply_code, _d.reply_status, _d.reply_text, _d.state == DeliveryState.DROPPED)
        .join(deliveries, _d.id == attempts.c.delivery_id)
        .where(
            attempts.c.ended_at > now - _REFUSALS_LOOKED_BACK,
            sa.or_(
                sa.and_(attempts.c.outcome == DeliveryState.REFUSED, _d.state == DeliveryState.REFUSED),
                sa.and_(
                    attempts.c.outcome == DeliveryState.DEFERRED,
                    _says_full(attempts.c.reply_code, attempts.c.reply_status),
                    _d.state == DeliveryState.DROPPED,
                    _d.drop_reason == DropReason.TOO_LATE,
                    _says_full(_d.reply_code, _d.reply_status),  # the last word: no relay that was away since then
                ),
            ),
            ~heard,
        )
        .order_by(attempts.c.ended_at)
        .limit(limit)
    )
    found = [Refusal(row[0], row[1] or 0, row[2] or "", row[3] or "", is_given_up=row[4]) for row in rows]
    return list({each.delivery_id: each for each in found}.values())  # each try has said so


def _says_full(code: sa.ColumnElement[Any], status: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:  # Any: of tables
    return sa.or_(status.in_(("4.2.2", "5.2.2")), sa.and_(code == 552, sa.func.coalesce(status, "") == ""))


async def prune(connection: Connection, *, before: datetime) -> int:
    """Remove what was said before then; return how much."""
    result = await connection.execute(sa.delete(notices).where(_n.at <= before))
    return result.rowcount

"""Whose shares have stopped, and what the breaker decides by (`share.breaker`).

One row for everybody, one per sender. The row for everybody also pauses the stream's pace, so that no worker claims
what waits; it stays queued until its deadline. A row that was resumed keeps since when: only what was heard later
counts again. Stopping twice changes nothing.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from digest.database import paces
from digest.database.connection import Connection
from digest.database.once import insert_once
from digest.database.tables import deliveries, notices, share_refusals, share_stops, shares
from digest.limits import stream_scope
from digest.models.deliveries import DeliveryState, Lane
from digest.models.notices import NoticeClass
from digest.models.shares import EVERYBODY, EndedMail, Stop

_NEWEST_SHARES = 1000  # of which the newest mails are looked for: a bound, whatever SHARES_PER_DAY is
_UNKNOWN_CODES = (550, 551, 553)  # without an enhanced status: no such mailbox (RFC 5321 §4.2.2)
_SCOPE = stream_scope(Lane.SHARE)

_d, _s, _stop = deliveries.c, shares.c, share_stops.c
# A notice said so later; a mailbox that is full or a filter came back softly, and is no list of addresses being tried.
_is_dead = sa.exists().where(notices.c.delivery_id == _d.id, notices.c.kind == NoticeClass.HARD).correlate(deliveries)


async def stop(connection: Connection, whose: str, reason: str, *, at: datetime) -> bool:
    """Stop a sender's shares, or everybody's; return whether that is new."""
    stored = await connection.execute(
        insert_once(connection, share_stops).values(whose=whose, reason=reason, stopped_at=at).returning(_stop.whose)
    )
    is_new = stored.scalar_one_or_none() is not None
    if not is_new:
        again = await connection.execute(
            sa.update(share_stops)
            .where(_stop.whose == whose, _stop.resumed_at.is_not(None))
            .values(reason=reason, stopped_at=at, resumed_at=None)
        )
        is_new = again.rowcount > 0
    if is_new and whose == EVERYBODY:
        await paces.pause(connection, _SCOPE, reason=reason, at=at)
    return is_new


async def resume(connection: Connection, whose: str, *, at: datetime) -> bool:
    """Let a sender's shares, or everybody's, go out again; return whether they had stopped."""
    resumed = await connection.execute(
        sa.update(share_stops).where(_stop.whose == whose, _stop.resumed_at.is_(None)).values(resumed_at=at)
    )
    if resumed.rowcount > 0 and whose == EVERYBODY:
        await paces.resume(connection, _SCOPE)
    return resumed.rowcount > 0


async def is_stopped(connection: Connection, whose: str) -> bool:
    """Whether a sender's shares, or everybody's, have stopped."""
    found = await connection.scalar(sa.select(_stop.whose).where(_stop.whose == whose, _stop.resumed_at.is_(None)))
    return found is not None


async def list_stops(connection: Connection) -> list[Stop]:
    """Return all that have stopped, the newest first."""
    rows = await connection.execute(
        sa.select(share_stops).where(_stop.resumed_at.is_(None)).order_by(_stop.stopped_at.desc(), _stop.whose)
    )
    return [Stop(row.whose, row.reason, row.stopped_at) for row in rows]


async def newest_mails(connection: Connection, *, limit: int) -> list[EndedMail]:
    """Return the mails of the stream heard of last, the newest first, and after everybody's shares were resumed."""
    resumed_at = await connection.scalar(sa.select(_stop.resumed_at).where(_stop.whose == EVERYBODY))
    newest = sa.select(shares).order_by(_s.id.desc()).limit(_NEWEST_SHARES).subquery()
    is_share = sa.literal(1).label("is_share")
    shared = sa.select(newest.c.delivery_id, newest.c.recipient_hash, newest.c.sender_hash, is_share)
    asked = sa.select(
        newest.c.confirm_delivery_id, newest.c.sender_hash, newest.c.sender_hash, sa.literal(0)
    ).distinct()  # several shares may wait for one question
    mails = sa.union_all(shared, asked).cte("mails")
    heard = _heard(mails.c.delivery_id, since=resumed_at)
    rows = await connection.execute(
        sa.select(
            mails.c.recipient_hash,
            mails.c.sender_hash,
            mails.c.is_share,
            _d.state,
            _d.reply_code,
            _d.reply_status,
            _is_dead,
        )
        .join_from(mails, deliveries, heard)
        .order_by(_d.settled_at.desc(), _d.id.desc())
        .limit(limit)
    )
    return [_ended(row) for row in rows]


async def complained_of(connection: Connection, *, now: datetime, within: timedelta) -> list[EndedMail]:
    """Return the shares that were complained of in that time, and since their senders were resumed."""
    rows = await connection.execute(
        sa.select(_s.recipient_hash, _s.sender_hash, sa.literal(1), _d.state, _d.reply_code, _d.reply_status, _is_dead)
        .join_from(shares, deliveries, _s.delivery_id == _d.id)
        .outerjoin(share_stops, _stop.whose == _s.sender_hash)
        .where(
            _s.expires_at > now - within,
            _d.state == DeliveryState.COMPLAINED,
            sa.or_(_stop.resumed_at.is_(None), _d.settled_at > _stop.resumed_at),
        )
    )
    return [_ended(row) for row in rows]


async def waiting(connection: Connection) -> int:
    """Return how many mails of the stream wait to go out."""
    states = (DeliveryState.QUEUED, DeliveryState.DEFERRED)
    query = sa.select(sa.func.count()).where(_d.edition_id.is_(None), _d.lane == Lane.SHARE, _d.state.in_(states))
    return int((await connection.execute(query)).scalar_one())


async def refusing(connection: Connection, *, since: datetime) -> int:
    """Return how many people pressed `다시 받지 않기` since then."""
    query = sa.select(sa.func.count()).select_from(share_refusals).where(share_refusals.c.at >= since)
    return int((await connection.execute(query)).scalar_one())


def _heard(delivery_id: sa.ColumnElement[int], *, since: datetime | None) -> sa.ColumnElement[bool]:
    states = (DeliveryState.ACCEPTED, DeliveryState.REFUSED, DeliveryState.BOUNCED, DeliveryState.COMPLAINED)
    conditions = [_d.id == delivery_id, _d.state.in_(states)]
    if since is not None:
        conditions.append(_d.settled_at > since)
    return sa.and_(*conditions)


def _ended(row: Any) -> EndedMail:  # Any: a row
    recipient, about, is_share, state, code, status, is_dead = row
    says_unknown = (status or "").startswith("5.1.") or (not status and code in _UNKNOWN_CODES)
    return EndedMail(
        recipient=recipient,
        about=about,
        is_share=bool(is_share),
        is_bounced=bool(is_dead) or (state == DeliveryState.REFUSED and says_unknown),
        is_complained=state == DeliveryState.COMPLAINED,
    )

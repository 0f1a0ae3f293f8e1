"""Shares: what waits for its sender, what went out, and who wants none.

A share keeps its addresses and its words until a week after it ended; the hashes stay, so that the link `다시 받지
않기` of a mail works for as long as the mail is kept somewhere. Releasing is conditional in its own update: a button
pressed twice sends once. Who wants no shares is not looked at here but when a delivery is claimed, so that the page
answers the same, in the same number of statements, whoever the friend is.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from digest.addresses import parse
from digest.database.connection import Connection, PlainConnection
from digest.database.drops import dropped
from digest.database.identity import link_key
from digest.database.once import insert_once
from digest.database.tables import (
    articles,
    deliveries,
    is_reached,
    share_refusals,
    shares,
    suppressions,
)
from digest.models.deliveries import DropReason, Lane
from digest.models.shares import NewShare, Share, ShareState

_s = shares.c


async def add(connection: Connection, share: NewShare) -> int:
    """Store a share that waits for its sender and return its id."""
    stored = await connection.execute(
        sa.insert(shares)
        .values(
            article_id=share.article_id,
            state=ShareState.WAITING,
            sender=str(share.sender),
            sender_hash=share.sender_hash,
            sender_name=share.sender_name,
            recipient=str(share.recipient),
            recipient_hash=share.recipient_hash,
            note=share.note,
            language=share.language,
            report_id=share.report_id,
            created_at=share.created_at,
            expires_at=share.expires_at,
        )
        .returning(_s.id)
    )
    share_id: int = stored.scalar_one()
    return share_id


async def note_confirmation(connection: Connection, share_ids: Sequence[int], delivery_id: int) -> None:
    """Note the mail whose link releases these shares."""
    await connection.execute(sa.update(shares).where(_s.id.in_(share_ids)).values(confirm_delivery_id=delivery_id))


async def waiting_for(connection: Connection, confirm_delivery_id: int, *, now: datetime) -> list[Share]:
    """Return the shares that the link of this mail releases and that still wait, in the order they were asked for."""
    rows = await connection.execute(
        sa.select(shares)
        .where(_s.confirm_delivery_id == confirm_delivery_id, _s.state == ShareState.WAITING, _s.expires_at > now)
        .order_by(_s.id)
    )
    return [_share(row) for row in rows.mappings()]


async def release(connection: Connection, share_id: int, *, at: datetime) -> bool:
    """Release a share; False if it was released before, or its time is over. Queue its delivery in the same act."""
    released = await connection.execute(
        sa.update(shares)
        .where(_s.id == share_id, _s.state == ShareState.WAITING, _s.expires_at > at)
        .values(state=ShareState.RELEASED, released_at=at)
    )
    return released.rowcount > 0


async def end(connection: Connection, share_id: int) -> None:
    """End a share that will not be sent, and take everything personal out of it at once."""
    await connection.execute(sa.update(shares).where(_s.id == share_id).values(state=ShareState.EXPIRED, **_EMPTY))


async def note_delivery(connection: Connection, share_id: int, delivery_id: int) -> None:
    """Note the delivery a released share became."""
    await connection.execute(sa.update(shares).where(_s.id == share_id).values(delivery_id=delivery_id))


async def whose_mail(connection: Connection, delivery_id: int) -> str | None:
    """Return the hash of whoever got this mail, a share or the question to its sender; None if it is neither."""
    to_friend = sa.select(_s.recipient_hash).where(_s.delivery_id == delivery_id)
    to_sender = sa.select(_s.sender_hash).where(_s.confirm_delivery_id == delivery_id)
    found = await connection.execute(sa.union_all(to_friend, to_sender).limit(1))
    return found.scalar_one_or_none()


async def article_at(connection: Connection, link: str) -> int | None:
    """Return the article with this address, its own or the one its page asks to be cited by; None if none of ours."""
    try:
        key = link_key(link)
    except ValueError:
        return None
    if not link or key is None:
        return None
    found = sa.select(articles.c.id).where(sa.or_(articles.c.link_key == key, articles.c.cited_key == key))
    return (await connection.execute(found.order_by(articles.c.id).limit(1))).scalar_one_or_none()


async def refuse(connection: Connection, address_hash: str, *, at: datetime) -> None:
    """Let nothing be shared with this address any more; twice is as good as once. Editions go on."""
    await connection.execute(insert_once(connection, share_refusals).values(address_hash=address_hash, at=at))


def drop_refused(connection: PlainConnection, *, now: datetime) -> int:
    """Drop what waits for whoever wants no shares; return how many.

    Called by whoever claims shares, in the same transaction: the last look before they go out.
    """
    to_friend = sa.and_(_s.delivery_id == deliveries.c.id, _wants_none(_s.recipient_hash))
    to_sender = sa.and_(_s.confirm_delivery_id == deliveries.c.id, _wants_none(_s.sender_hash))
    result = connection.execute(
        dropped(DropReason.SUPPRESSED, at=now)
        # Without the edition SQLite and PostgreSQL would walk over all that waits of editions.
        .where(
            deliveries.c.edition_id.is_(None),
            deliveries.c.lane == Lane.SHARE,
            is_reached,
            sa.exists().where(sa.or_(to_friend, to_sender)),
        )
    )
    return result.rowcount


async def expire(connection: Connection, *, now: datetime) -> int:
    """End the shares that were never confirmed and take everything personal out of them; return how many."""
    result = await connection.execute(
        sa.update(shares)
        .where(_s.state == ShareState.WAITING, _s.expires_at <= now)
        .values(state=ShareState.EXPIRED, **_EMPTY)
    )
    return result.rowcount


async def forget_person(connection: Connection, address_hash: str) -> None:
    """End what waits of one person's shares, sent or received, and take everything personal out of them all."""
    theirs = sa.or_(_s.sender_hash == address_hash, _s.recipient_hash == address_hash)
    await connection.execute(
        sa.update(shares).where(theirs, _s.state == ShareState.WAITING).values(state=ShareState.EXPIRED)
    )
    await connection.execute(sa.update(shares).where(theirs).values(**_EMPTY))


async def forget(connection: Connection, *, before: datetime) -> int:
    """Take addresses, names and notes out of the shares that were released before that time; return how many."""
    result = await connection.execute(
        sa.update(shares)
        .where(_s.state == ShareState.RELEASED, _s.released_at < before, _s.recipient.is_not(None))
        .values(**_EMPTY)
    )
    return result.rowcount


def _wants_none(address_hash: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return sa.or_(
        sa.exists().where(share_refusals.c.address_hash == address_hash),
        sa.exists().where(suppressions.c.address_hash == address_hash),
    )


_EMPTY: dict[str, Any] = {"sender": None, "recipient": None, "sender_name": "", "note": ""}  # Any: columns' types


def _share(row: Any) -> Share:  # Any: a row mapping; who waits has addresses
    wanted = NewShare(
        article_id=row["article_id"],
        sender=parse(row["sender"]),
        sender_hash=row["sender_hash"],
        sender_name=row["sender_name"],
        recipient=parse(row["recipient"]),
        recipient_hash=row["recipient_hash"],
        note=row["note"],
        language=row["language"],
        report_id=row["report_id"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )
    return Share(row["id"], wanted)

"""Copies of mails as they went over the wire, and the seeds they are kept for.

A seed is a copy of an edition that goes to an address of the operator's at a large mail provider, before the readers.
It is a delivery without an edition, so that it counts in no edition's sum; its message's key names the edition. What
was handed to the relay is kept byte for byte, for comparing with what arrived (`digest editions compare`) and as the
record of what was sent: 언론중재법 제15조⑧ asks internet newspapers for six months.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from digest.addresses import Address, parse
from digest.database.connection import Connection, PlainConnection
from digest.database.drops import dropped
from digest.database.once import insert_or
from digest.database.tables import deliveries, is_waiting, kept_mails, messages
from digest.models.deliveries import DeliveryState, DropReason, Reply

KEPT = timedelta(days=184)  # six months, the longest of them

_d, _k = deliveries.c, kept_mails.c


@dataclass(frozen=True, slots=True)
class Seed:
    """A seed of an edition: how its delivery stands, and whether its bytes are kept."""

    delivery_id: int
    recipient: Address
    state: DeliveryState
    reply: Reply | None
    is_kept: bool


@dataclass(frozen=True, slots=True)
class KeptMail:
    """A mail as the relay was given it: a whole RFC 5322 message, CRLF line ends."""

    delivery_id: int
    recipient: Address
    content: bytes
    kept_at: datetime


_SEED = "seed"


def seed_key(edition_id: int, *, composed_anew_at: datetime | None = None) -> str:
    """Return the idempotency key of the message that an edition's seeds are sent, another each time it is renewed."""
    key = f"{_SEED}:{edition_id}"
    return key if composed_anew_at is None else f"{key}:{composed_anew_at.isoformat()}"


async def drop_seeds(connection: Connection, edition_id: int, *, reason: DropReason, at: datetime) -> int:
    """Give up the seeds of an edition that were not begun; return how many."""
    which = (_is_seed(edition_id), is_waiting)
    return (await connection.execute(dropped(reason, at=at).where(*which))).rowcount


def keep(connection: PlainConnection, mails: Mapping[int, bytes], *, at: datetime) -> None:
    """Keep mails by the ids of their deliveries; a later try takes an earlier one's place. For `Database.write`."""
    statement = insert_or(connection, kept_mails)
    told = {name: statement.excluded[name] for name in ("content", "kept_at")}
    rows = [{"delivery_id": key, "content": mails[key], "kept_at": at} for key in sorted(mails)]
    connection.execute(statement.on_conflict_do_update(index_elements=[_k.delivery_id], set_=told), rows)


async def seeds_of(connection: Connection, edition_id: int) -> list[Seed]:
    """Return the seeds of an edition, in the order in which they were queued."""
    columns = (_d.id, _d.recipient, _d.state, _d.reply_code, _d.reply_status, _d.reply_text)
    rows = await connection.execute(
        sa.select(*columns, _k.delivery_id.is_not(None).label("is_kept"))
        .select_from(deliveries.outerjoin(kept_mails, _k.delivery_id == _d.id))
        .where(_is_seed(edition_id), _d.recipient != "")  # emptied some time after it ended
        .order_by(_d.id)
    )
    return [
        Seed(
            delivery_id=row.id,
            recipient=parse(row.recipient),
            state=row.state,
            reply=None
            if row.reply_code is None
            else Reply(row.reply_code, row.reply_status or "", row.reply_text or ""),
            is_kept=bool(row.is_kept),
        )
        for row in rows
    ]


async def of_edition(connection: Connection, edition_id: int) -> list[KeptMail]:
    """Return what is kept of an edition's seeds, in the order in which they were queued.

    Of an edition that was composed anew the newest come first: that is what readers were sent last.
    """
    rows = await connection.execute(
        sa.select(_d.id, _d.recipient, _k.content, _k.kept_at)
        .select_from(deliveries.join(kept_mails, _k.delivery_id == _d.id))
        .where(_is_seed(edition_id))
        .order_by(_d.message_id.desc(), _d.id)
    )
    return [KeptMail(row.id, parse(row.recipient), row.content, row.kept_at) for row in rows]


async def edition_of(connection: Connection, delivery_id: int) -> int | None:
    """Return the edition that a delivery is a mail of, a seed's too; None for every other mail."""
    found = await connection.execute(
        sa.select(_d.edition_id, messages.c.key)
        .join(messages, messages.c.id == _d.message_id)
        .where(_d.id == delivery_id)
    )
    row = found.one_or_none()
    if row is None or row.edition_id is not None:
        return None if row is None else int(row.edition_id)
    name, _, number = row.key.partition(":")
    return int(number.partition(":")[0]) if name == _SEED else None


async def prune(connection: Connection, *, before: datetime) -> int:
    """Remove what was kept before that time; return how many."""
    result = await connection.execute(sa.delete(kept_mails).where(_k.kept_at < before))
    return result.rowcount


def _is_seed(edition_id: int) -> sa.ColumnElement[bool]:
    # Written so that the unique key (message, recipient) of deliveries without an edition is used.
    key, renewed = messages.c.key, f"{seed_key(edition_id)}:"
    message_ids = sa.select(messages.c.id).where(sa.or_(key == seed_key(edition_id), key.startswith(renewed)))
    return sa.and_(_d.message_id.in_(message_ids), _d.edition_id.is_(None))

"""Editions that are being sent and must be composed anew, because something they show was withdrawn.

`editions.stale_at` says so; while it stands nothing more of the edition is claimed or marked (`attempts`). What waits
is handed over to new messages in one transaction, together with the claims on it: what a worker has claimed of the old
message, and not marked, is not its any more, and what comes back to a replaced message is not claimed, so that no
withdrawn article goes out after that.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from digest.database import walks
from digest.database.connection import Connection
from digest.database.drops import dropped
from digest.database.tables import deliveries, editions, messages
from digest.models.deliveries import DropReason
from digest.models.editions import EditionState

_COMPOSED = (EditionState.RELEASED, EditionState.SENDING, EditionState.HELD)

_d = deliveries.c


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that deliveries of an edition wait for or may be handed over to, and the key of its variant."""

    message_id: int
    variant: str


async def list_stale(connection: Connection) -> list[tuple[int, datetime]]:
    """Return the editions that must be composed anew, and since when."""
    rows = await connection.execute(
        sa.select(editions.c.id, editions.c.stale_at)
        .where(editions.c.stale_at.is_not(None), editions.c.state.in_(_COMPOSED))
        .order_by(editions.c.planned_at, editions.c.id)
    )
    return [(row.id, row.stale_at) for row in rows]


async def waiting_messages(connection: Connection, edition_id: int) -> list[Waiting]:
    """Return the messages of an edition for which deliveries wait, and those that take over from one with adverts."""
    parts = await walks.waiting_parts(connection, edition_id)
    waits = sa.or_(*(messages.c.id.in_(sa.select(_d.message_id).where(which).distinct()) for which in parts))
    other = messages.alias("other")
    is_twin = messages.c.replaced_by.is_(None) & sa.exists().where(
        other.c.edition_id == edition_id, other.c.variant.like("%|adverts"), ~messages.c.variant.like("%|adverts")
    )
    rows = await connection.execute(
        sa.select(messages.c.id, messages.c.variant)
        .where(messages.c.edition_id == edition_id, waits | is_twin)
        .order_by(messages.c.id)
    )
    return [Waiting(row.id, row.variant) for row in rows]


async def clear_stale(connection: Connection, edition_id: int, *, since: datetime) -> bool:
    """Let the edition go on; False if it is not stale since then (any more). First, in the act of renewing it."""
    cleared = await connection.execute(
        sa.update(editions).where(editions.c.id == edition_id, editions.c.stale_at == since).values(stale_at=None)
    )
    return cleared.rowcount > 0


async def catch_up(connection: Connection) -> int:
    """Hand over what has come back to waiting for a message that was replaced; return how many."""
    replaced = await connection.execute(
        sa.select(messages.c.id, messages.c.edition_id, messages.c.replaced_by)
        .join(editions, editions.c.id == messages.c.edition_id)
        .where(messages.c.replaced_by.is_not(None), editions.c.state.in_(_COMPOSED))
        .order_by(messages.c.id)
    )
    return sum([await hand_over(connection, row.edition_id, row.id, row.replaced_by) for row in replaced])


async def hand_over(connection: Connection, edition_id: int, old: int, new: int) -> int:
    """Have what waits for message `old` be sent message `new`; return how many. Claims on it are void.

    What is on the wire at this moment and is deferred waits for `old` again: it is not claimed until `catch_up`.
    """
    await connection.execute(sa.update(messages).where(messages.c.id == old).values(replaced_by=new))
    handed = sa.update(deliveries).values(message_id=new, lease_owner=None, lease_until=None)
    return await _of_waiting(connection, edition_id, old, handed)


async def drop(connection: Connection, edition_id: int, old: int, *, at: datetime) -> int:
    """Give up what waits for a message of which nothing is left; return how many."""
    return await _of_waiting(connection, edition_id, old, dropped(DropReason.WITHDRAWN, at=at))


async def _of_waiting(connection: Connection, edition_id: int, message_id: int, change: sa.Update) -> int:
    parts = await walks.waiting_parts(connection, edition_id)
    changed = [await connection.execute(change.where(which, _d.message_id == message_id)) for which in parts]
    return sum(each.rowcount for each in changed)

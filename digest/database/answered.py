"""Which mail of ours somebody answers: by the number of its delivery, as far as it is still known."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from digest.addresses import Address, parse_or_none
from digest.database.connection import Connection
from digest.database.tables import deliveries, editions, messages
from digest.models.deliveries import MessageKind


@dataclass(frozen=True, slots=True)
class AnsweredMail:
    """A mail of ours. `recipient` None: emptied by now. `title` and `planned_at` are its edition's, if it is one's."""

    delivery_id: int
    recipient: Address | None
    subscriber_id: int | None
    kind: MessageKind
    variant: str
    title: str
    planned_at: datetime | None


async def find(connection: Connection, delivery_id: int) -> AnsweredMail | None:
    """Return the mail of this delivery, None if there is none (any more)."""
    joined = deliveries.join(messages, messages.c.id == deliveries.c.message_id).outerjoin(
        editions, editions.c.id == deliveries.c.edition_id
    )
    row = (
        await connection.execute(
            sa.select(
                deliveries.c.recipient,
                deliveries.c.subscriber_id,
                messages.c.kind,
                messages.c.variant,
                editions.c.title,
                editions.c.planned_at,
            )
            .select_from(joined)
            .where(deliveries.c.id == delivery_id)
        )
    ).one_or_none()
    if row is None:
        return None
    recipient = parse_or_none(row.recipient) if row.recipient else None
    return AnsweredMail(
        delivery_id, recipient, row.subscriber_id, row.kind, row.variant, row.title or "", row.planned_at
    )

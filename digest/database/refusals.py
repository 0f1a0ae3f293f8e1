"""How many mails of an edition were refused for what they are, one after the other, by all workers together.

Each worker counts for itself in memory (`deliver.breaker`). What it hears is added up in the edition's row as well, so
that several workers together hold an edition as soon as one alone would. An acceptance writes nothing here: whether one
came in between is looked up only when there are enough refusals to decide on.
"""

from datetime import datetime

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.tables import Instant, deliveries, editions, of_edition
from digest.models.deliveries import DeliveryState

_e, _d = editions.c, deliveries.c


async def count(
    connection: Connection, edition_id: int, *, at: datetime, begins_anew: bool
) -> tuple[int, datetime] | None:
    """Count one more refusal; return how many there are in a row and since when, None if there is no such edition.

    `begins_anew`: whoever tells it has had a mail of the edition accepted since it told of one before.
    """
    first_at = sa.literal(at, Instant)
    values = (
        {"refusals": sa.literal(1), "refused_at": first_at}
        if begins_anew
        else {"refusals": _e.refusals + 1, "refused_at": sa.func.coalesce(_e.refused_at, first_at)}
    )
    counted = await connection.execute(
        sa.update(editions).where(_e.id == edition_id).values(**values).returning(_e.refusals, _e.refused_at)
    )
    row = counted.one_or_none()
    return None if row is None else (row.refusals, row.refused_at)


async def is_taken_since(connection: Connection, edition_id: int, since: datetime) -> bool:
    """Whether anybody has taken a mail of the edition since then. Walks over the edition, so ask seldom."""
    accepted = sa.exists().where(
        of_edition(edition_id),
        _d.state == DeliveryState.ACCEPTED,
        _d.settled_at > since,
    )
    return bool(await connection.scalar(sa.select(accepted)))


async def forget(connection: Connection, edition_id: int) -> None:
    """Count from nothing again: somebody takes it, or a person is told."""
    await connection.execute(sa.update(editions).where(_e.id == edition_id).values(refusals=0, refused_at=None))

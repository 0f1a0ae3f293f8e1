"""Who must not be written to, known by a keyed hash only (`hashes`).

Suppressing somebody also stops the subscriber of that address and drops what waits for them, in the same transaction:
the audience of an edition and the last look before each mail go by the subscriber's state and need no further look-up.
A suppression outlives the erasing of everything else, so that no import brings back who asked to be left alone. It is
lifted only when that person asks anew and confirms, or by the operator's command.
"""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from digest.database import deliveries
from digest.database.connection import Connection
from digest.database.once import insert_once
from digest.database.tables import subscribers, suppressions
from digest.models.consents import Suppression, SuppressionReason
from digest.models.deliveries import DropReason
from digest.models.readers import SubscriberState

_WRITTEN_TO = (SubscriberState.ACTIVE, SubscriberState.PAUSED, SubscriberState.PENDING)
_AT_ONCE = 500


async def suppress(connection: Connection, address_hash: str, reason: SuppressionReason, *, at: datetime) -> bool:
    """Never write to this address again; return whether that is new.

    A subscriber of that address is stopped, and what waits for them is dropped. The first reason stays.
    """
    inserted = await connection.execute(
        insert_once(connection, suppressions)
        .values(address_hash=address_hash, reason=reason, at=at)
        .returning(suppressions.c.address_hash)
    )
    is_new = inserted.scalar_one_or_none() is not None
    stopped = await connection.execute(
        sa.update(subscribers)
        .where(subscribers.c.address_hash == address_hash, subscribers.c.state.in_(_WRITTEN_TO))
        .values(state=SubscriberState.STOPPED, left_at=at)
        .returning(subscribers.c.id)
    )
    for subscriber_id in stopped.scalars().all():
        await deliveries.drop_for_subscriber(connection, subscriber_id, reason=DropReason.SUPPRESSED, at=at)
    return is_new


async def is_suppressed(connection: Connection, address_hash: str) -> bool:
    """Whether this address must not be written to."""
    query = sa.select(sa.exists().where(suppressions.c.address_hash == address_hash))
    return bool((await connection.execute(query)).scalar_one())


async def find(connection: Connection, address_hash: str) -> Suppression | None:
    """Return why and since when this address must not be written to; None if it may be."""
    row = (
        (await connection.execute(sa.select(suppressions).where(suppressions.c.address_hash == address_hash)))
        .mappings()
        .one_or_none()
    )
    return None if row is None else Suppression(**row)


async def hold(connection: Connection) -> None:
    """Let nobody be suppressed before this transaction ends; readers may be added in others meanwhile.

    Who adds or revives a reader calls it before looking: else somebody suppressed in that very moment, by another
    transaction that does not see the new reader yet, would be written to. On SQLite there is one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.text("LOCK TABLE suppressions IN SHARE MODE"))


async def suppressed_of(connection: Connection, address_hashes: Collection[str]) -> set[str]:
    """Return those of the hashes that must not be written to."""
    given, found = sorted(address_hashes), set[str]()
    for start in range(0, len(given), _AT_ONCE):
        query = sa.select(suppressions.c.address_hash).where(
            suppressions.c.address_hash.in_(given[start : start + _AT_ONCE])
        )
        found.update((await connection.execute(query)).scalars())
    return found


async def lift(connection: Connection, address_hash: str, *, at: datetime) -> bool:
    """Let this address be written to again; return whether it was suppressed before `at`.

    Only when that person asked anew and confirmed. The subscriber stays stopped until then makes them active.
    """
    result = await connection.execute(
        sa.delete(suppressions).where(suppressions.c.address_hash == address_hash, suppressions.c.at <= at)
    )
    return result.rowcount > 0


async def list_suppressions(connection: Connection, *, limit: int) -> list[Suppression]:
    """Return up to `limit` suppressions, newest first."""
    rows = await connection.execute(
        sa.select(suppressions).order_by(suppressions.c.at.desc(), suppressions.c.address_hash).limit(limit)
    )
    return [Suppression(**row) for row in rows.mappings()]


async def count_by_reason(connection: Connection) -> dict[SuppressionReason, int]:
    """Return how many addresses are suppressed for each reason that there is."""
    rows = await connection.execute(
        sa.select(suppressions.c.reason, sa.func.count().label("number")).group_by(suppressions.c.reason)
    )
    return {row.reason: row.number for row in rows}

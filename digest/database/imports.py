"""Adding many readers at once, as an import does: only those nobody knows, a portion in a transaction.

Unlike `subscribers.add` this changes nobody who is there, whatever their state: a list from elsewhere neither wakes
who left nor gives a reader back the slots they took off.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from digest.addresses import Address
from digest.database import suppressions
from digest.database.connection import Connection
from digest.database.domains import providers_of
from digest.database.once import insert_once
from digest.database.tables import subscribers, subscriptions
from digest.models.readers import Format, SubscriberState

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class NewReader:
    """A reader to be added. `advert_consent_at` None: no adverts."""

    address: Address
    address_hash: str
    advert_consent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """How addresses of a list stand before anything is added: states by `Address.key`, and suppressed hashes."""

    states: dict[str, SubscriberState]
    suppressed: set[str]


async def look_up(connection: Connection, readers: Sequence[NewReader]) -> Known:
    """Return which of the readers are known or suppressed."""
    states: dict[str, SubscriberState] = {}
    keys = [each.address.key for each in readers]
    for start in range(0, len(keys), _AT_ONCE):
        rows = await connection.execute(
            sa.select(subscribers.c.address_key, subscribers.c.state).where(
                subscribers.c.address_key.in_(keys[start : start + _AT_ONCE])
            )
        )
        states.update((row.address_key, row.state) for row in rows)
    return Known(states, await suppressions.suppressed_of(connection, {each.address_hash for each in readers}))


async def add_all(
    connection: Connection,
    readers: Sequence[NewReader],
    *,
    slots: Collection[str],
    language: str,
    format: Format,
    consent: str,
    at: datetime,
) -> dict[str, int]:
    """Add those readers who are neither known nor suppressed; return the ids of the new ones by `Address.key`."""
    await suppressions.hold(connection)
    suppressed = await suppressions.suppressed_of(connection, {each.address_hash for each in readers})
    wanted = [each for each in readers if each.address_hash not in suppressed]
    if not wanted:
        return {}
    providers = await providers_of(connection, {each.address.domain for each in wanted})
    rows = [
        {
            "address": str(each.address),
            "address_key": each.address.key,
            "address_hash": each.address_hash,
            "domain": each.address.domain,
            "provider": providers[each.address.domain],
            "language": language,
            "format": format,
            "state": SubscriberState.ACTIVE,
            "consent": consent,
            "created_at": at,
            "advert_consent_at": each.advert_consent_at,
        }
        for each in wanted
    ]
    inserted = await connection.execute(
        insert_once(connection, subscribers).returning(subscribers.c.id, subscribers.c.address_key), rows
    )
    ids: dict[str, int] = {row.address_key: row.id for row in inserted}
    chosen = [{"subscriber_id": id_, "slot": slot, "since_at": at} for id_ in ids.values() for slot in sorted(slots)]
    if chosen:
        await connection.execute(insert_once(connection, subscriptions), chosen)
    return ids

"""Subscribers and what they subscribed to.

One row per mailbox (`Address.key`). Consent is kept in the operator's words, and adding is idempotent: an address that
is active gets the new slots, one that left stays away until a consent is given that is not the one it left with, so
that importing an old list twice, or starting the sample again, wakes nobody.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from digest.addresses import Address
from digest.database import suppressions
from digest.database.connection import Connection, server_time
from digest.database.domains import provider_of
from digest.database.drops import dropped
from digest.database.once import insert_once
from digest.database.tables import (
    deliveries,
    delivery_id,
    editions,
    is_reached,
    is_waiting,
    notices,
    subscribers,
    subscriptions,
)
from digest.errors import NotFoundError, SuppressedError
from digest.models.deliveries import DropReason
from digest.models.readers import Format, Subscriber, SubscriberState

_ENDED = (SubscriberState.LEFT, SubscriberState.STOPPED, SubscriberState.EXPIRED)
_AWAY = (SubscriberState.LEFT, SubscriberState.STOPPED, SubscriberState.EXPIRED, SubscriberState.PENDING)


async def add(
    connection: Connection,
    address: Address,
    *,
    slots: Iterable[str],
    language: str,
    format: Format,
    consent: str,
    at: datetime,
    sections: Sequence[str] = (),
    address_hash: str | None = None,
) -> Subscriber:
    """Subscribe an address to `slots` and return how it stands then.

    `consent` says where the consent came from; an address that left is active again only if that is neither empty nor
    the one stored (look at the returned state). `sections` empty: all. `address_hash` is the keyed hash of
    `hashes`; without it only the one stored with the address is looked up among the suppressions. Raises
    `SuppressedError` for an address that must not be written to, `ValueError` for a section whose name holds a comma
    or a bar, and for a new address without consent.
    """
    if any("," in section or "|" in section for section in sections):
        raise ValueError("a section's name holds neither a comma nor a bar")
    await _require_not_suppressed(connection, address, address_hash)
    subscriber_id = await _insert(
        connection, address, address_hash, language=language, format=format, consent=consent, at=at
    )
    if subscriber_id is None:
        subscriber_id = await _return(connection, address, language=language, format=format, consent=consent)
    if subscriber_id is None:
        query = sa.select(subscribers.c.id).where(
            subscribers.c.address_key == address.key, subscribers.c.state.not_in(_AWAY)
        )
        subscriber_id = (await connection.execute(query)).scalar_one_or_none()
    if subscriber_id is not None:
        joined = ",".join(sorted(set(sections)))
        for slot in slots:
            await connection.execute(
                insert_once(connection, subscriptions).values(
                    subscriber_id=subscriber_id, slot=slot, sections=joined, since_at=at
                )
            )
    found = await find(connection, address)
    assert found is not None  # inserted above, or there before
    return found


async def find(connection: Connection, address: Address) -> Subscriber | None:
    """Return the subscriber of this mailbox, whatever its state, or None."""
    found = await _load(connection, sa.select(subscribers).where(subscribers.c.address_key == address.key))
    return found[0] if found else None


async def get(connection: Connection, subscriber_id: int) -> Subscriber:
    """Return the subscriber, or raise `NotFoundError`."""
    found = await _load(connection, sa.select(subscribers).where(subscribers.c.id == subscriber_id))
    if not found:
        raise NotFoundError("subscriber", subscriber_id)
    return found[0]


async def list_subscribers(
    connection: Connection, *, limit: int, after_id: int = 0, state: SubscriberState | None = None
) -> list[Subscriber]:
    """Return up to `limit` subscribers in the order they came; the next page begins after the last one's id."""
    query = sa.select(subscribers).where(subscribers.c.id > after_id).order_by(subscribers.c.id).limit(limit)
    if state is not None:
        query = query.where(subscribers.c.state == state)
    return await _load(connection, query)


async def count_by_state(connection: Connection) -> dict[SubscriberState, int]:
    """Return how many subscribers there are in each state that has any."""
    rows = await connection.execute(
        sa.select(subscribers.c.state, sa.func.count().label("readers")).group_by(subscribers.c.state)
    )
    return {row.state: row.readers for row in rows}


async def subscription_since(connection: Connection, subscriber_id: int, slot: str) -> datetime | None:
    """Return since when the subscriber gets the slot, None if not at all."""
    query = sa.select(subscriptions.c.since_at).where(
        subscriptions.c.subscriber_id == subscriber_id, subscriptions.c.slot == slot
    )
    since_at: datetime | None = (await connection.execute(query)).scalar_one_or_none()
    return since_at


async def chosen_sections(connection: Connection, subscriber_id: int, slot: str) -> tuple[str, ...]:
    """Return the sections the subscriber chose of the slot; empty means all of them."""
    query = sa.select(subscriptions.c.sections).where(
        subscriptions.c.subscriber_id == subscriber_id, subscriptions.c.slot == slot
    )
    joined: str | None = (await connection.execute(query)).scalar_one_or_none()
    return tuple(joined.split(",")) if joined else ()


async def withdraw_advert_consent(
    connection: Connection, subscriber_id: int, *, silent_at: datetime | None = None
) -> bool:
    """Forget that a reader agreed to adverts; False if they had not (any more).

    `silent_at`: only if silence ends it by that time, so that whoever has just answered keeps it.
    """
    is_silent = sa.true() if silent_at is None else subscribers.c.advert_ends_at <= silent_at
    changed = await connection.execute(
        sa.update(subscribers)
        .where(subscribers.c.id == subscriber_id, subscribers.c.advert_consent_at.is_not(None), is_silent)
        .values(advert_consent_at=None, advert_checked_at=None, advert_ends_at=None)
    )
    return changed.rowcount > 0


async def stop(connection: Connection, subscriber_id: int, *, at: datetime) -> bool:
    """Write to this reader no more until they ask anew; return whether that is new.

    Deliveries are the caller's to drop.
    """
    stopped = await connection.execute(
        sa.update(subscribers)
        .where(subscribers.c.id == subscriber_id, subscribers.c.state.not_in(_ENDED))
        .values(state=SubscriberState.STOPPED, left_at=at)
    )
    return stopped.rowcount > 0


async def remove_by_consent(connection: Connection, consent: str) -> int:
    """Remove every subscriber with exactly this consent, and drop what waits for them; return how many.

    For the sample's readers once the sample is off: they do not exist, and no relay must get mail for them.
    """
    theirs = sa.select(subscribers.c.id).where(subscribers.c.consent == consent)
    numbers = (
        sa.select(delivery_id(editions.c.id, subscribers.c.id))
        .select_from(editions.join(subscribers, sa.true()))
        .where(subscribers.c.consent == consent)
    )
    of_editions = sa.and_(deliveries.c.id.in_(numbers), is_waiting)
    single = sa.and_(
        deliveries.c.edition_id.is_(None), deliveries.c.subscriber_id.in_(theirs.scalar_subquery()), is_reached
    )
    at = await server_time(connection)
    for which in (of_editions, single):
        await connection.execute(dropped(DropReason.LEFT, at=at).where(which))
    result = await connection.execute(sa.delete(subscribers).where(subscribers.c.consent == consent))
    return result.rowcount


async def _require_not_suppressed(connection: Connection, address: Address, address_hash: str | None) -> None:
    """Give a known reader their hash, and raise `SuppressedError` if it is one of the suppressed."""
    if address_hash is not None:
        await connection.execute(
            sa.update(subscribers)
            .where(subscribers.c.address_key == address.key, subscribers.c.address_hash.is_(None))
            .values(address_hash=address_hash)
        )
    else:
        address_hash = await connection.scalar(
            sa.select(subscribers.c.address_hash).where(subscribers.c.address_key == address.key)
        )
    if address_hash is None:
        return
    await suppressions.hold(connection)
    if await suppressions.is_suppressed(connection, address_hash):
        raise SuppressedError


async def _insert(
    connection: Connection,
    address: Address,
    address_hash: str | None,
    *,
    language: str,
    format: Format,
    consent: str,
    at: datetime,
) -> int | None:
    """Store a new subscriber; None if the mailbox is known."""
    if not consent.strip() and await find(connection, address) is None:
        raise ValueError("nobody is added without saying where the consent came from")
    inserted = await connection.execute(
        insert_once(connection, subscribers)
        .values(
            address=str(address),
            address_key=address.key,
            address_hash=address_hash,
            domain=address.domain,
            provider=await provider_of(connection, address.domain),
            language=language,
            format=format,
            state=SubscriberState.ACTIVE,
            consent=consent,
            created_at=at,
        )
        .returning(subscribers.c.id)
    )
    subscriber_id: int | None = inserted.scalar_one_or_none()
    return subscriber_id


async def _return(
    connection: Connection,
    address: Address,
    *,
    language: str,
    format: Format,
    consent: str,
) -> int | None:
    """Make one that is away active again under a new consent; None if it is not away or the consent is no new one.

    Only what is subscribed to now holds: the new consent does not cover the old subscriptions. What came back before
    counts no more: whoever asks anew has shown that mail reaches them.
    """
    if not consent.strip():
        return None
    returned = await connection.execute(
        sa.update(subscribers)
        .where(
            subscribers.c.address_key == address.key,
            subscribers.c.state.in_(_AWAY),
            subscribers.c.consent != consent,
        )
        .values(
            state=SubscriberState.ACTIVE,
            address=str(address),
            language=language,
            format=format,
            consent=consent,
            left_at=None,
        )
        .returning(subscribers.c.id)
    )
    subscriber_id: int | None = returned.scalar_one_or_none()
    if subscriber_id is not None:
        await connection.execute(sa.delete(subscriptions).where(subscriptions.c.subscriber_id == subscriber_id))
        await connection.execute(sa.update(notices).where(notices.c.subscriber_id == subscriber_id).values(points=0))
    return subscriber_id


async def _load(connection: Connection, query: sa.Select[Any]) -> list[Subscriber]:  # Any: the columns of the table
    rows = list((await connection.execute(query)).mappings())
    theirs: dict[int, list[str]] = {row["id"]: [] for row in rows}
    for found in await connection.execute(
        sa.select(subscriptions.c.subscriber_id, subscriptions.c.slot)
        .where(subscriptions.c.subscriber_id.in_(theirs))
        .order_by(subscriptions.c.slot)
    ):
        theirs[found.subscriber_id].append(found.slot)
    return [subscriber_of(row, tuple(theirs[row["id"]])) for row in rows]


def subscriber_of(row: Any, slots: tuple[str, ...]) -> Subscriber:  # Any: a row mapping
    """Return the subscriber of a row, with the names of their slots in alphabetical order."""
    local, _, domain = row["address"].rpartition("@")
    return Subscriber(
        id=row["id"],
        address=Address(local, domain),
        language=row["language"],
        format=row["format"],
        state=row["state"],
        consent=row["consent"],
        created_at=row["created_at"],
        slots=slots,
        left_at=row["left_at"],
        address_hash=row["address_hash"],
        advert_consent_at=row["advert_consent_at"],
        advert_checked_at=row["advert_checked_at"],
        advert_ends_at=row["advert_ends_at"],
        erase_asked_at=row["erase_asked_at"],
    )

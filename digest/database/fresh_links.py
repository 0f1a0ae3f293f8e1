"""Links that were mailed on request: to a reader's own data, or to a new address that is to be confirmed.

The token in the mail is made of the delivery's number (`deliver.wire`); here stands only what it opens, for how long,
and whether it was used. Using one is conditional in its own update, so it works once, also when it is pressed twice at
the same moment.
"""

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from digest.addresses import Address, parse
from digest.database.connection import Connection
from digest.database.domains import provider_of
from digest.database.tables import fresh_links, subscribers
from digest.models.readers import FreshLink, LinkMatter, SubscriberState

_f = fresh_links.c
_WRITTEN_TO = (SubscriberState.ACTIVE, SubscriberState.PAUSED)


async def add(
    connection: Connection,
    *,
    delivery_id: int,
    subscriber_id: int,
    matter: LinkMatter,
    at: datetime,
    expires_at: datetime,
    new_address: Address | None = None,
) -> None:
    """Note what the link in the mail of `delivery_id` opens."""
    await connection.execute(
        sa.insert(fresh_links).values(
            delivery_id=delivery_id,
            subscriber_id=subscriber_id,
            matter=matter,
            new_address=None if new_address is None else str(new_address),
            asked_at=at,
            expires_at=expires_at,
        )
    )


async def of_delivery(connection: Connection, delivery_id: int) -> FreshLink | None:
    """Return what the link in this delivery's mail opens, None if nothing (any more)."""
    row = (await connection.execute(sa.select(fresh_links).where(_f.delivery_id == delivery_id))).one_or_none()
    if row is None:
        return None
    return FreshLink(
        id=row.id,
        matter=row.matter,
        subscriber_id=row.subscriber_id,
        expires_at=row.expires_at,
        new_address=None if row.new_address is None else parse(row.new_address),
        used_at=row.used_at,
    )


async def use(connection: Connection, link_id: int, *, at: datetime) -> bool:
    """Note that a link was used; False if it was before, or its time is over."""
    used = await connection.execute(
        sa.update(fresh_links)
        .where(_f.id == link_id, _f.used_at.is_(None), _f.expires_at > at)
        .values(used_at=at, new_address=None)
    )
    return used.rowcount > 0


async def end(
    connection: Connection, subscriber_id: int, *, at: datetime, matters: Collection[LinkMatter] = tuple(LinkMatter)
) -> None:
    """Note that all of a reader's links that still work are used up: those about `matters`, without it whatever."""
    await connection.execute(
        sa.update(fresh_links)
        .where(_f.subscriber_id == subscriber_id, _f.used_at.is_(None), _f.matter.in_(matters))
        .values(used_at=at, new_address=None)
    )


async def is_free(connection: Connection, address: Address) -> bool:
    """Whether no reader, present or former, has this address."""
    taken = sa.exists().where(subscribers.c.address_key == address.key)
    return not (await connection.execute(sa.select(taken))).scalar_one()


async def change_address(
    connection: Connection, subscriber_id: int, address: Address, *, address_hash: str
) -> str | None:
    """Give an active or paused reader another address; None if they are neither, or it is taken.

    Returns the provider of the new address. The condition does not see who takes the address in this very moment; the
    unique key does (on PostgreSQL, where two write at once), and the second is told as if the first had long done it.
    """
    other = subscribers.alias("other")
    provider = await provider_of(connection, address.domain)
    change = (
        sa.update(subscribers)
        .where(
            subscribers.c.id == subscriber_id,
            subscribers.c.state.in_(_WRITTEN_TO),
            ~sa.exists().where(other.c.address_key == address.key),
        )
        .values(
            address=str(address),
            address_key=address.key,
            domain=address.domain,
            provider=provider,
            address_hash=address_hash,
        )
    )
    try:
        async with connection.begin_nested():
            changed = await connection.execute(change)
    except IntegrityError:
        return None
    return provider if changed.rowcount else None


async def prune(connection: Connection, *, now: datetime) -> int:
    """Remove the links whose time is over; return how many."""
    result = await connection.execute(sa.delete(fresh_links).where(_f.expires_at <= now))
    return result.rowcount

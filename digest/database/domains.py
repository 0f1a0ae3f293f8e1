"""Recipient domains: which provider each belongs to, how the providers stand, and sending again to one of them.

What `providers` does not know is learned here: from MX records, from a provider's wish to be left alone, or from a
person. A domain that gets a provider takes its readers and what waits for them along, in the same transaction.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from digest import providers
from digest.database import walks
from digest.database.connection import Connection
from digest.database.once import insert_once
from digest.database.tables import deliveries, domains, editions, is_reached, of_edition, subscribers
from digest.errors import NotFoundError, WrongStateError
from digest.models.deliveries import DeliveryState
from digest.models.editions import EditionState
from digest.models.readers import SubscriberState

_d = deliveries.c
_DAY = timedelta(days=1)
_TOLD = (DeliveryState.ACCEPTED, DeliveryState.DEFERRED, DeliveryState.REFUSED)


@dataclass(frozen=True, slots=True)
class ProviderFigures:
    """How one provider stands: what waits, and what came within a day of editions; `deferred` are those that wait."""

    provider: str
    waiting: int = 0
    accepted: int = 0
    deferred: int = 0
    refused: int = 0


async def provider_of(connection: Connection, domain: str) -> str:
    """Return the provider of a recipient domain, empty for those of no large one."""
    known = providers.name_for(domain)
    if known:
        return known
    learned: str | None = await connection.scalar(sa.select(domains.c.provider).where(domains.c.domain == domain))
    return learned or providers.OTHERS


async def providers_of(connection: Connection, names: Collection[str]) -> dict[str, str]:
    """Return the provider of each of these recipient domains, at most some hundreds at a time."""
    found = {name: providers.name_for(name) or providers.OTHERS for name in names}
    unknown = [name for name, provider in found.items() if provider == providers.OTHERS]
    rows = await connection.execute(
        sa.select(domains.c.domain, domains.c.provider).where(domains.c.domain.in_(unknown))
    )
    return found | {row.domain: row.provider or providers.OTHERS for row in rows}


async def make_own(connection: Connection, domain: str) -> str:
    """Make a domain of the others a provider under its own name; return the provider, whichever it is."""
    known = await provider_of(connection, domain)
    if known:
        return known
    own = providers.own_name(domain)
    await learn(connection, domain, own)
    return own


async def learn(
    connection: Connection, domain: str, provider: str, *, mx: str = "", looked_at: datetime | None = None
) -> bool:
    """Note whose servers a domain has; return whether that moved it. One that has a provider already keeps it."""
    await connection.execute(insert_once(connection, domains).values(domain=domain, provider=providers.OTHERS))
    if looked_at is not None:
        await connection.execute(
            sa.update(domains).where(domains.c.domain == domain).values(mx=mx, looked_at=looked_at)
        )
    moved = await connection.execute(
        sa.update(domains)
        .where(domains.c.domain == domain, domains.c.provider == providers.OTHERS, sa.literal(provider) != "")
        .values(provider=provider)
    )
    if moved.rowcount == 0:
        return False
    await connection.execute(sa.update(subscribers).where(subscribers.c.domain == domain).values(provider=provider))
    for part in (*(each.which for each in await walks.list_open(connection)), is_reached):
        await connection.execute(sa.update(deliveries).where(part, _d.domain == domain).values(provider=provider))
    return True


async def not_looked_up(connection: Connection, *, at_least: int, before: datetime, limit: int) -> list[str]:
    """Return the domains of no known provider with so many readers that were not looked up since, largest first."""
    was_looked = sa.exists().where(domains.c.domain == subscribers.c.domain, domains.c.looked_at > before)
    rows = await connection.execute(
        sa.select(subscribers.c.domain)
        .where(subscribers.c.provider == "", subscribers.c.state == SubscriberState.ACTIVE, ~was_looked)
        .group_by(subscribers.c.domain)
        .having(sa.func.count() >= at_least)
        .order_by(sa.func.count().desc(), subscribers.c.domain)
        .limit(limit)
    )
    return list(rows.scalars())


async def figures(connection: Connection, *, now: datetime) -> list[ProviderFigures]:
    """Return how each provider stands that something waits for, or came of within a day; most waiting first."""
    counted: dict[str, Counter[str]] = {}
    for part in (*(each.which for each in await walks.list_open(connection)), is_reached):
        waiting = sa.select(_d.provider, sa.func.count()).where(part).group_by(_d.provider)
        for provider, number in await connection.execute(waiting):
            counted.setdefault(provider, Counter())["waiting"] += number
    # Only of editions that had a part of the day: the table holds years of deliveries, and is found by edition.
    recent = sa.select(editions.c.id).where(
        editions.c.released_at.is_not(None),
        sa.or_(editions.c.done_at > now - _DAY, editions.c.deadline_at > now - _DAY),
    )
    came = sa.or_(_d.state == DeliveryState.DEFERRED, _d.settled_at > now - _DAY)
    for edition_id in (await connection.execute(recent)).scalars().all():
        which = (of_edition(edition_id), _d.state.in_(_TOLD), came)
        rows = sa.select(_d.provider, _d.state, sa.func.count()).where(*which).group_by(_d.provider, _d.state)
        for provider, state, number in await connection.execute(rows):
            counted.setdefault(provider, Counter())[state.value] += number
    found = [
        ProviderFigures(name, each["waiting"], each["accepted"], each["deferred"], each["refused"])
        for name, each in counted.items()
    ]
    return sorted(found, key=lambda each: (-each.waiting, each.provider))


async def to_resend(
    connection: Connection, edition_id: int, domain: str, states: Sequence[DeliveryState]
) -> dict[DeliveryState, int]:
    """Return how many of an edition at the domain's provider are in each of `states`."""
    which = _of(edition_id, domain, await provider_of(connection, domain), states)
    rows = await connection.execute(sa.select(_d.state, sa.func.count()).where(*which).group_by(_d.state))
    return {row[0]: row[1] for row in rows}


async def resend(
    connection: Connection,
    edition_id: int,
    domain: str,
    states: Sequence[DeliveryState],
    *,
    now: datetime,
    deadline_at: datetime,
) -> int:
    """Queue an edition's deliveries at the domain's provider again that are in one of `states`; return how many.

    They begin anew: no try counts, the deadline is `deadline_at`. An edition that was done is sending again. Done
    twice, the second time finds nothing. Raises `NotFoundError`, and `WrongStateError` for a cancelled edition.
    """
    state = await connection.scalar(sa.select(editions.c.state).where(editions.c.id == edition_id))
    if state is None:
        raise NotFoundError("edition", edition_id)
    if state is EditionState.CANCELLED:
        raise WrongStateError(f"Edition {edition_id} is cancelled: nothing of it is sent any more.")
    which = _of(edition_id, domain, await provider_of(connection, domain), states)
    queued = await connection.execute(
        sa.update(deliveries)
        .where(*which)
        .values(
            state=DeliveryState.QUEUED,
            attempts=0,
            due_at=now,
            deadline_at=deadline_at,
            settled_at=None,
            lease_owner=None,
            lease_until=None,
        )
    )
    if queued.rowcount:
        await connection.execute(
            sa.update(editions)
            .where(editions.c.id == edition_id, editions.c.state == EditionState.DONE)
            .values(state=EditionState.SENDING, done_at=None)
        )
    return queued.rowcount


def _of(
    edition_id: int, domain: str, provider: str, states: Sequence[DeliveryState]
) -> tuple[sa.ColumnElement[bool], ...]:
    # Settled rows keep the provider that their domain had then: the domain itself is looked for, too.
    at_it = sa.or_(_d.domain == domain, _d.provider == provider) if provider else _d.domain == domain
    return (of_edition(edition_id), at_it, _d.state.in_(states))

"""How an edition's sending stands while it goes on: per provider and recipient domain, and how fast.

Only looks. The numbers come from the rows themselves, so that any process on any machine sees the same; `digest
editions watch` and `/metrics` both ask here. Asking costs one walk over the edition's deliveries, so those who watch
ask every few seconds, not in a loop.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from digest.database import tables
from digest.database.connection import Connection
from digest.database.tables import deliveries
from digest.models.deliveries import DeliveryState

d = deliveries.c

_RATE_WINDOW = timedelta(minutes=1)
_LEAST_MOVING_SECONDS = 2.0  # the first few mails say nothing about the rate
_LONGER_WINDOW = timedelta(hours=1)
_WAITING = (DeliveryState.QUEUED, DeliveryState.ATTEMPTING, DeliveryState.DEFERRED)


@dataclass(frozen=True, slots=True)
class DomainProgress:
    """One recipient domain's deliveries by state. `provider` is who receives its mail; empty: not one of the large.

    Of the accepted ones, `accepted_last_minute` and `accepted_last_hour` were taken within that time.
    """

    domain: str
    by_state: dict[DeliveryState, int] = field(default_factory=dict)
    provider: str = ""
    accepted_last_minute: int = 0
    accepted_last_hour: int = 0

    @property
    def total(self) -> int:
        return sum(self.by_state.values())

    @property
    def waiting(self) -> int:
        """How many have not come to an end yet, deferred ones among them."""
        return sum(self.by_state.get(state, 0) for state in _WAITING)


@dataclass(frozen=True, slots=True)
class Progress:
    """An edition's deliveries by domain, largest first, and how many were accepted within the last minute.

    `moving_seconds`: since when, if it began to move within that minute.
    """

    domains: tuple[DomainProgress, ...]
    accepted_last_minute: int
    moving_seconds: float = 60.0

    def count(self, *states: DeliveryState) -> int:
        """Return how many deliveries are in one of `states`."""
        return sum(domain.by_state.get(state, 0) for domain in self.domains for state in states)

    @property
    def total(self) -> int:
        return sum(domain.total for domain in self.domains)

    @property
    def waiting(self) -> int:
        """How many have not come to an end yet."""
        return self.count(*_WAITING)

    @property
    def seconds_left(self) -> int | None:
        """How long the rest takes at the rate of the last minute; None while nothing moves."""
        if self.waiting == 0:
            return 0
        seconds = max(self.moving_seconds, _LEAST_MOVING_SECONDS)
        return round(self.waiting * seconds / self.accepted_last_minute) if self.accepted_last_minute else None

    def of_providers(self) -> "tuple[DomainProgress, ...]":
        """Return the domains of each provider as one, under its name; those of no large provider by themselves."""
        joined: dict[str, DomainProgress] = {}
        for each in self.domains:
            name = each.provider or each.domain
            joined[name] = _sum(joined[name], each) if name in joined else _named(each, name)
        return tuple(sorted(joined.values(), key=lambda each: -each.total))


async def of_edition(connection: Connection, edition_id: int, *, now: datetime, by_domain: bool = True) -> Progress:
    """Return how the edition's sending stands at `now`.

    Without `by_domain` the domains of a provider are one, and their name is empty: a fifth cheaper on SQLite, where
    sorting is most of what a walk over a million deliveries costs.
    """
    domain = d.domain if by_domain else sa.literal("").label("domain")
    grouped = (d.domain, d.provider, d.state) if by_domain else (d.provider, d.state)
    is_accepted = sa.and_(d.state == DeliveryState.ACCEPTED, d.settled_at <= now)
    within = [
        sa.func.sum(sa.case((sa.and_(is_accepted, d.settled_at > now - window), 1), else_=0))
        for window in (_RATE_WINDOW, _LONGER_WINDOW)
    ]
    first = sa.func.min(sa.case((sa.and_(is_accepted, d.settled_at > now - _RATE_WINDOW), d.settled_at)))
    rows = await connection.execute(
        sa.select(domain, d.provider, d.state, sa.func.count(), *within, first)
        .where(tables.of_edition(edition_id))
        .group_by(*grouped)
    )
    found: dict[tuple[str, str], DomainProgress] = {}
    moving_since = now
    for domain, provider, state, number, last_minute, last_hour, began_at in rows:
        moving_since = min(moving_since, began_at or now)
        each = DomainProgress(domain, {state: number}, provider, int(last_minute), int(last_hour))
        before = found.get((domain, provider))
        found[(domain, provider)] = each if before is None else _sum(before, each)
    domains = sorted(found.values(), key=lambda each: -each.total)
    moving_seconds = (now - moving_since).total_seconds()
    return Progress(tuple(domains), sum(each.accepted_last_minute for each in domains), moving_seconds)


def _sum(one: DomainProgress, other: DomainProgress) -> DomainProgress:
    """Return both together, under the name of the first."""
    states = {state: one.by_state.get(state, 0) + other.by_state.get(state, 0) for state in DeliveryState}
    return DomainProgress(
        one.domain,
        {state: number for state, number in states.items() if number},
        one.provider,
        one.accepted_last_minute + other.accepted_last_minute,
        one.accepted_last_hour + other.accepted_last_hour,
    )


def _named(each: DomainProgress, name: str) -> DomainProgress:
    return DomainProgress(name, each.by_state, each.provider, each.accepted_last_minute, each.accepted_last_hour)

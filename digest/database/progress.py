"""How an edition's sending stands while it goes on: per recipient domain, and how fast.

Only looks. The numbers come from the rows themselves, so that any process on any machine sees the same; asking costs a
walk over the edition's deliveries, so those who watch ask every few seconds, not in a loop.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.tables import deliveries
from digest.models import DeliveryState

d = deliveries.c

_RATE_WINDOW = timedelta(minutes=1)
_WAITING = (DeliveryState.QUEUED, DeliveryState.ATTEMPTING, DeliveryState.DEFERRED)


@dataclass(frozen=True, slots=True)
class DomainProgress:
    """One recipient domain's deliveries by state."""

    domain: str
    by_state: dict[DeliveryState, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.by_state.values())


@dataclass(frozen=True, slots=True)
class Progress:
    """An edition's deliveries by domain, largest first, and how many were accepted within the last minute."""

    domains: tuple[DomainProgress, ...]
    accepted_last_minute: int

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
        return round(self.waiting * 60 / self.accepted_last_minute) if self.accepted_last_minute else None


async def of_edition(connection: Connection, edition_id: int, *, now: datetime) -> Progress:
    """Return how the edition's sending stands at `now`."""
    rows = await connection.execute(
        sa.select(d.domain, d.state, sa.func.count()).where(d.edition_id == edition_id).group_by(d.domain, d.state)
    )
    found: dict[str, dict[DeliveryState, int]] = {}
    for domain, state, number in rows:
        found.setdefault(domain, {})[state] = number
    domains = sorted((DomainProgress(name, states) for name, states in found.items()), key=lambda each: -each.total)
    accepted = await connection.scalar(
        sa.select(sa.func.count()).where(
            d.edition_id == edition_id,
            d.state == DeliveryState.ACCEPTED,
            d.settled_at > now - _RATE_WINDOW,
            d.settled_at <= now,
        )
    )
    return Progress(tuple(domains), accepted or 0)

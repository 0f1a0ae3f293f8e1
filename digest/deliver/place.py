"""The places of a sender: how many lanes it may keep open, and what each is for.

With two or more, one place is kept for `Lane.FIRST` and `Lane.SHARE`, so that a mail somebody waits for never stands
behind an edition on a relay that is slow to answer; the others take those mails too, ahead of the edition's. A lane is
opened when there is something for it, and closed when it stood idle: relays count the open ones.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from digest.deliver import transport
from digest.deliver.stock import Due, Stock
from digest.models.deliveries import Lane

if TYPE_CHECKING:
    from digest.deliver.relays import Relay

_URGENT = (Lane.FIRST, Lane.SHARE)
_ALL = (*_URGENT, Lane.BULK)
_MAILS_PER_LANE = 2  # so many must wait before one more lane is opened


@dataclass(slots=True, eq=False)
class Place:
    """One place: its open lane, if any, what is under way on it, and the task that takes the outcomes.

    `number` counts from 0; `is_alone`: there is no other. `relay` is where its lane leads.
    """

    serves: tuple[Lane, ...]
    number: int = 0
    is_alone: bool = True
    lane: "transport.Lane | None" = None
    relay: "Relay | None" = None
    is_opening: bool = False
    under_way: dict[int, Due] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None
    used_at: float = 0.0
    not_before: float = 0.0  # after a fault of ours


def make_places(connections: int) -> list[Place]:
    """Return the places for so many connections, the one for urgent mails in front."""
    if connections == 1:
        return [Place(_ALL)]
    return [Place(_ALL if number else _URGENT, number, is_alone=False) for number in range(connections)]


def is_lane_wanted(place: Place, places: Sequence[Place], stock: Stock, *, connections: int) -> bool:
    """Whether so much waits that one more lane should be opened, at this place, to a relay with so many connections."""
    if connections == 1 or len(places) == 1:
        return any(stock.waiting(lane) for lane in _ALL)
    if Lane.BULK not in place.serves:
        return any(stock.waiting(lane) for lane in _URGENT)
    working = sum(Lane.BULK in other.serves and (other.lane or other.task) is not None for other in places)
    return stock.waiting(Lane.BULK) > _MAILS_PER_LANE * working

"""Counting: atomic, in windows or in any stretch of time."""

import asyncio
from datetime import timedelta

import pytest

from digest.database import Database, counters
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)


async def claim_within(database: Database, clock: StoppedClock, key: str = "a") -> bool:
    async with database.begin() as connection:
        return await counters.claim_within(connection, "scope", key, now=clock(), limit=3, window=DAY)


async def test_in_no_stretch_of_a_day_are_more_granted_than_the_limit(database: Database, clock: StoppedClock) -> None:
    """With windows side by side one at 0 h, two at 23 h and three at 24 h were five within an hour."""
    granted = []
    for hours, wanted in ((0, 1), (23, 2), (1, 3), (23, 3)):
        clock.advance(hours=hours)
        granted.append([await claim_within(database, clock) for _ in range(wanted)])
    assert granted == [[True], [True, True], [True, False, False], [True, True, False]]


async def test_fifty_at_once_are_granted_exactly_the_limit(database: Database, clock: StoppedClock) -> None:
    """T12: nothing is read before it is counted, so nobody passes in between; another key is not touched by it."""
    granted = await asyncio.gather(*(claim_within(database, clock) for _ in range(50)))
    assert sum(granted) == 3
    assert await claim_within(database, clock, key="b")


async def test_it_says_from_when_one_more_is_granted(database: Database, clock: StoppedClock) -> None:
    """What Retry-After is made of: the oldest of those that count is over then."""
    first = clock()
    for _ in range(3):
        await claim_within(database, clock)
        clock.advance(hours=1)
    async with database.read() as connection:
        free = await counters.next_within(connection, "scope", "a", limit=3, window=DAY)
        unknown = await counters.next_within(connection, "scope", "b", limit=3, window=DAY)
    assert (free, unknown) == (first + DAY, None)
    clock.set(first + DAY)
    assert await claim_within(database, clock)

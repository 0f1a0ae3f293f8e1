"""A page made once for all who ask at the same moment."""

import asyncio

import pytest

from digest.web.asked import AskedTogether

pytestmark = pytest.mark.anyio


class _Making:
    """Makes numbered pages, each when it is let."""

    def __init__(self) -> None:
        self.count = 0
        self.may_go_on = asyncio.Semaphore(0)

    async def __call__(self) -> int:
        self.count += 1
        number = self.count
        await self.may_go_on.acquire()
        return number


async def _ask(asked: AskedTogether[int], making: _Making, times: int, key: str = "page") -> list[asyncio.Task[int]]:
    asking = [asyncio.create_task(asked.get(key, making)) for _ in range(times)]
    await asyncio.sleep(0.001)  # until nothing goes on by itself
    return asking


async def test_all_who_ask_at_one_moment_get_the_same_page() -> None:
    """Fifty a second for an edition's page, each made for itself, took a whole processor beside the sender."""
    asked, making = AskedTogether[int](), _Making()
    asking = await _ask(asked, making, 3)
    making.may_go_on.release()
    assert await asyncio.gather(*asking) == [1, 1, 1]


async def test_whoever_comes_while_a_page_is_made_gets_the_next_one() -> None:
    """What was withdrawn before they asked must not be in it, and the one under way may have read it already."""
    asked, making = AskedTogether[int](), _Making()
    asking = [*await _ask(asked, making, 1), *await _ask(asked, making, 2)]
    making.may_go_on.release()
    making.may_go_on.release()
    assert await asyncio.gather(*asking) == [1, 2, 2]


async def test_another_page_is_not_waited_for() -> None:
    """One slow page must not hold up the others."""
    asked, making = AskedTogether[int](), _Making()
    await _ask(asked, making, 1)
    await _ask(asked, making, 1, key="other")
    assert making.count == 2
    making.may_go_on.release()
    making.may_go_on.release()


async def test_whoever_goes_away_takes_the_page_from_nobody() -> None:
    """A browser that is closed must not be another reader's error."""
    asked, making = AskedTogether[int](), _Making()
    gone, stays = await _ask(asked, making, 2)
    gone.cancel()
    await asyncio.sleep(0.001)
    making.may_go_on.release()
    assert await stays == 1


async def test_after_a_failure_the_next_one_is_made() -> None:
    """A database that was away for a moment must not be told for ever."""
    asked, making = AskedTogether[int](), _Making()

    async def fail() -> int:
        raise ValueError("away")

    with pytest.raises(ValueError, match="away"):
        await asked.get("page", fail)
    making.may_go_on.release()
    assert await asked.get("page", making) == 1

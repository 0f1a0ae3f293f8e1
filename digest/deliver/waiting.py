"""Wait for whichever event comes first, and end tasks for good."""

import asyncio
from collections.abc import Iterable
from typing import Any


async def until_any(seconds: float, *events: asyncio.Event | None) -> None:
    """Wait until one of `events` is set, but no longer than `seconds`."""
    waits = {asyncio.ensure_future(one.wait()) for one in events if one is not None}
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    await cancelled(waits)


async def cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:  # Any: whatever they return is not wanted
    """Cancel `tasks` and wait until they have ended."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)

"""A page that is the same for everyone, made once for all who ask at the same moment.

In: what the page is of, and how it is made. Out: what was made for whoever waited. After an edition goes out its page
is asked for by hundreds at once, and making it takes the processor longer than anything else a reader looks at (17 ms
on SQLite: with fifty a second beside a sender they queued, half of them for 370 ms). Nothing is kept: whoever comes
while a page is being made gets the next one, with all who came meanwhile, so nobody sees what was withdrawn before they
asked, and nobody waits for more than two. What fails, fails for those who waited for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class AskedTogether(Generic[_T]):
    """Pages that are being made in one process."""

    def __init__(self) -> None:
        self._made: dict[Hashable, asyncio.Task[_T]] = {}
        self._next: dict[Hashable, asyncio.Task[_T]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[_T]]) -> _T:
        """Return what `make` does, called once for all who ask for `key` before it begins. Raises what it does."""
        if key not in self._next:
            self._next[key] = asyncio.create_task(self._make(key, self._made.get(key), make))
        return await asyncio.shield(self._next[key])  # who goes away takes it from nobody

    async def _make(self, key: Hashable, before: asyncio.Task[_T] | None, make: Callable[[], Awaitable[_T]]) -> _T:
        if before is not None:
            await asyncio.wait({before})
        own = self._made[key] = self._next.pop(key)
        try:
            return await make()
        finally:
            if self._made.get(key) is own:
                del self._made[key]

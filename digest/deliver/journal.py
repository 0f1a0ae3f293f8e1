"""Write marks and results in groups: one commit for whatever the connections have brought meanwhile.

A commit that survives a power cut costs milliseconds, a mail less. So connections hand in what they want stored, and
one task stores all of it in one transaction as soon as the last one is done; the busier it is, the larger the groups.

    mark      waits until `attempting` is durable; only then may the envelope be written
    note      takes what came of an attempt and does not wait
    give_back takes what was claimed or marked and certainly not sent, and does not wait

When the database cannot be used, marks fail (so nothing is sent) and results are kept and tried again every second.
Results that are still unwritten when the process dies become `uncertain` by their lease.

Event: `journal.waits`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from digest.clock import Clock
from digest.database import Database, attempts
from digest.database.attempts import Result
from digest.errors import DatabaseUnavailableError
from digest.events import warning

_TRY_AGAIN_SECONDS = 1.0


class Journal:
    """Stores for one owner. Use it inside `async with journal.running()`."""

    def __init__(self, database: Database, *, owner: str, clock: Clock, lease: timedelta) -> None:
        self._database = database
        self._owner = owner
        self._clock = clock
        self._lease = lease
        self._marks: dict[int, asyncio.Future[bool]] = {}
        self._results: list[Result] = []
        self._given_back: list[int] = []
        self._wanted = asyncio.Event()
        self._written = asyncio.Event()
        self._written.set()

    async def mark(self, delivery_id: int) -> bool:
        """Store that this delivery is about to be sent; False if it must not be (any more).

        Raises `DatabaseUnavailableError` if it could not be stored; then it must not be sent either.
        """
        mark: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._marks[delivery_id] = mark
        self._want()
        return await mark

    def note(self, result: Result) -> None:
        """Store what came of an attempt, soon."""
        self._results.append(result)
        self._want()

    def give_back(self, delivery_ids: list[int]) -> None:
        """Free deliveries that were not sent, soon."""
        if delivery_ids:
            self._given_back += delivery_ids
            self._want()

    async def written(self) -> None:
        """Wait until everything handed in is stored."""
        await self._written.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Store in the background, first what an earlier time left over. Call `written` before the end."""
        if self._results or self._given_back:
            self._want()
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _want(self) -> None:
        self._written.clear()
        self._wanted.set()

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._write()
            except Exception as error:
                # Anything but trouble with the database would be a fault of ours. It must not lose results either.
                fault = None if isinstance(error, DatabaseUnavailableError) else error
                warning("journal.waits", results=len(self._results), reason=str(error), exc_info=fault)
                await asyncio.sleep(_TRY_AGAIN_SECONDS)
                self._wanted.set()
            if not self._wanted.is_set():
                self._written.set()

    async def _write(self) -> None:
        # A mark whose asker was cancelled is left out: it is given back already and would stay for ever.
        marks = {delivery_id: mark for delivery_id, mark in self._marks.items() if not mark.done()}
        self._marks = {}
        results, given_back = list(self._results), list(self._given_back)
        marked: set[int] = set()
        try:
            async with self._database.begin() as connection:
                # Results first: what is deferred here is free before it can be marked anew.
                await attempts.record(connection, results, owner=self._owner)
                if given_back:
                    await attempts.give_back(connection, given_back, owner=self._owner)
                if marks:
                    now = self._clock()
                    marked = await attempts.mark_attempting(
                        connection, sorted(marks), owner=self._owner, now=now, lease_until=now + self._lease
                    )
        except BaseException as error:
            for mark in marks.values():
                if not mark.done():
                    mark.set_exception(_as_unavailable(error))
            raise
        del self._results[: len(results)], self._given_back[: len(given_back)]
        for delivery_id, mark in marks.items():
            if not mark.done():
                mark.set_result(delivery_id in marked)


def _as_unavailable(error: BaseException) -> DatabaseUnavailableError:
    if isinstance(error, DatabaseUnavailableError):
        return error
    return DatabaseUnavailableError(f"The mark could not be stored: {type(error).__name__}")

"""Write marks and results in groups: one commit for whatever the lanes have brought meanwhile.

A commit that survives a power cut costs milliseconds, a mail a quarter of one. So one task stores everything in one
transaction: what came of attempts, what is given back, and the marks of the next few deliveries; only after that
commit are these handed to the lanes. A group gathers for at most ten milliseconds, less when a lane stands idle or
somebody waits for a mail.

How many are marked ahead follows the relay: twice what the lanes took since the last group, at least one per lane. So a
slow relay leaves hardly more in doubt at a `kill -9` than what is on the wire; the limit for a fast one is eight per
lane. Results count among them until they are stored, which the commit does that marks the next ones. What stood ready
for longer than a moment is looked at in the same transaction, and given back when it may not go out any more.

When the database cannot be used, marks fail (so nothing is sent) and results are kept and tried again every second.
Results that are still unwritten when the process dies become `uncertain` by their lease.

Event: `journal.waits`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from digest.clock import Clock
from digest.database import Database, attempts, kept_mails, results
from digest.database.connection import PlainConnection
from digest.database.results import Result
from digest.deliver.stock import Due, Stock
from digest.errors import DatabaseUnavailableError
from digest.events import warning

_TRY_AGAIN_SECONDS = 1.0
_GROUP_SECONDS = 0.01
_AHEAD = 8  # per lane, at most


class Journal:
    """Stores for one owner. Use it inside `async with journal.running(…)`."""

    def __init__(
        self, database: Database, stock: Stock, *, owner: str, clock: Clock, lease: timedelta, lanes: int
    ) -> None:
        self._database = database
        self._stock = stock
        self._owner = owner
        self._clock = clock
        self._lease = lease
        self._lanes = lanes
        self._results: list[Result] = []
        self._given_back: list[int] = []
        self._kept: dict[int, bytes] = {}
        self._wanted, self._hurried, self._written = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._written.set()
        self.trouble: DatabaseUnavailableError | None = None  # of the last write

    @property
    def is_written(self) -> bool:
        """Whether everything handed in is stored."""
        return not self._results and not self._given_back and not self._kept

    def want_marks(self, *, hurry: bool = False) -> None:
        """Say that deliveries may be claimed, or lanes free, that were not before."""
        if self._hurried.is_set() and self._wanted.is_set():
            return  # said already: every free lane says it
        self._want()
        if hurry:
            self._hurried.set()

    def note(self, result: Result) -> None:
        """Store what came of an attempt, soon."""
        self._results.append(result)
        if not self._wanted.is_set():
            self._want()

    def keep(self, delivery_id: int, content: bytes) -> None:
        """Store the bytes of a mail that is handed over, soon; a later try takes their place."""
        self._kept[delivery_id] = content
        self._want()

    def give_back(self, delivery_ids: Iterable[int]) -> None:
        """Free deliveries that were not sent, soon."""
        self._given_back += delivery_ids
        if self._given_back:
            self._want()

    async def written(self) -> None:
        """Wait until everything handed in is stored."""
        self._hurried.set()
        await self._written.wait()

    @asynccontextmanager
    async def running(self, *, may_mark: Callable[[], bool], marked: Callable[[], None]) -> AsyncIterator[None]:
        """Store in the background, first what an earlier time left over. Call `written` before the end.

        `may_mark` is asked before each group, `marked` called when deliveries have become ready in the stock.
        """
        if not self.is_written:
            self._want()
        task = asyncio.create_task(self._run(may_mark, marked))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _want(self) -> None:
        self._written.clear()
        self._wanted.set()

    async def _run(self, may_mark: Callable[[], bool], marked: Callable[[], None]) -> None:
        while True:
            await self._wanted.wait()
            if not self._hurried.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(_GROUP_SECONDS):
                        await self._hurried.wait()
            self._wanted.clear()
            self._hurried.clear()
            try:
                await self._write(may_mark, marked)
                self.trouble = None
            except Exception as error:
                # Anything but trouble with the database would be a fault of ours. It must not lose results either.
                fault = None if isinstance(error, DatabaseUnavailableError) else error
                self.trouble = error if isinstance(error, DatabaseUnavailableError) else _as_unavailable(error)
                warning("journal.waits", results=len(self._results), reason=str(error), exc_info=fault)
                await asyncio.sleep(_TRY_AGAIN_SECONDS)
                self._wanted.set()
            if not self._wanted.is_set():
                self._written.set()

    async def _write(self, may_mark: Callable[[], bool], marked: Callable[[], None]) -> None:
        to_mark = self._stock.take_to_mark(self._quota()) if may_mark() else []
        noted, given_back, kept = list(self._results), list(self._given_back), dict(self._kept)
        stale = self._stock.stale()
        if not (to_mark or noted or given_back or kept or stale):
            return
        ids = {due.delivery.id for due in to_mark}
        try:
            really, may_go = await self._store(noted, given_back, kept, ids, stale)
        except BaseException:
            # Whether the commit came through is not known: freed in any case, before anybody may take them anew.
            self._stock.forget(ids)
            self._given_back += ids
            raise
        del self._results[: len(noted)], self._given_back[: len(given_back)]
        for delivery_id in kept:
            del self._kept[delivery_id]
        self._hand_on(to_mark, really)
        self.give_back(self._stock.put_looked_at(stale, may_go))
        marked()

    async def _store(
        self, noted: list[Result], given_back: list[int], kept: dict[int, bytes], to_mark: set[int], stale: list[int]
    ) -> tuple[set[int], set[int]]:
        """Store all of it in one transaction; return the ids that are marked now, and the stale that may still go."""
        now = self._clock()

        def act(connection: PlainConnection) -> tuple[set[int], set[int]]:
            # Results first: what is deferred here is free before it can be marked anew.
            if noted:
                results.record(connection, noted, owner=self._owner)
            if given_back:
                attempts.give_back(connection, given_back, owner=self._owner)
            if kept:
                kept_mails.keep(connection, kept, at=now)
            may_go = attempts.may_still_go(connection, stale, owner=self._owner) if stale else set()
            if not to_mark:
                return set(), may_go
            until = now + self._lease
            return (
                attempts.mark_attempting(connection, to_mark, owner=self._owner, now=now, lease_until=until),
                may_go,
            )

        return await self._database.write(act)

    def _hand_on(self, to_mark: list[Due], really: set[int]) -> None:
        """Make ready what is marked; free the rest: its reader left, its edition is held, its hour is past."""
        self._stock.put_ready(due for due in to_mark if due.delivery.id in really)
        not_marked = [due.delivery.id for due in to_mark if due.delivery.id not in really]
        if not_marked:
            self._stock.forget(not_marked)
            self.give_back(not_marked)

    def _quota(self) -> int:
        """Return how many may be marked now."""
        taken, self._stock.taken = self._stock.taken, 0
        ahead = max(self._lanes, min(2 * taken, _AHEAD * self._lanes))
        return max(0, ahead - self._stock.ready)


def _as_unavailable(error: Exception) -> DatabaseUnavailableError:
    return DatabaseUnavailableError(f"What was sent could not be written down: {type(error).__name__}")

"""Claim what is due and work it off over kept-open lanes.

    ledger ──claimer──▶ stock ──journal: marks──▶ ready ──lanes──▶ relay ──outcomes──▶ journal ──▶ ledger

The claimer keeps some hundred deliveries under a lease, mails somebody waits for first; the journal marks the next few
of them, durably and in groups; only those are handed to the lanes, each of which has one mail on the wire and one
behind its dot. Trouble with every relay pauses all lanes and gives back what is not on the wire (`relays`); a database
that cannot be used ends the pass, and nothing is sent whose mark was not stored.

What a `kill -9` leaves in doubt is at most two deliveries per lane and one group of the journal. A stop finishes what
is on the wire, for three seconds; then the lanes are cut, which has a definite outcome too.

Events: `sender.database_unavailable`, `sender.fault`.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from digest.clock import Clock, monotonic_seconds
from digest.config import Settings
from digest.database import Database, attempts
from digest.deliver.claimer import Claimer
from digest.deliver.journal import Journal
from digest.deliver.lanes import Lanes
from digest.deliver.pace import Pacing
from digest.deliver.relays import Relays
from digest.deliver.stock import Stock
from digest.deliver.stops import Stops
from digest.deliver.transport import Transport, WayOut
from digest.deliver.waiting import cancelled, until_any
from digest.errors import DatabaseUnavailableError
from digest.events import failure, warning
from digest.models.deliveries import MAIN_RELAY, Lane

_BUSY_POLL_SECONDS = 0.1  # how long a mail somebody waits for may go unnoticed beside an edition
_IDLE_POLL_SECONDS = 0.5
_TRY_AGAIN_SECONDS = 1.0
_WRITE_SECONDS = 1.0
_TELL_SECONDS = 10.0


class Sender:
    """Sends what is due. Call either `run` or `send_due`, not both at once.

    `further` are the relays that help while the first does not, best first.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        transport: Transport,
        *,
        clock: Clock,
        owner: str,
        further: Sequence[WayOut] = (),
        lease_seconds: float = 30.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._clock = clock
        self._owner = owner
        self._lease = timedelta(seconds=lease_seconds)
        main = WayOut(MAIN_RELAY, transport, settings.smtp_connections)
        self._relays = Relays((main, *further), database, clock)
        lanes = self._relays.most_connections
        self._stock = Stock(signs=bool(settings.dkim_selector))
        self._journal = Journal(database, self._stock, owner=owner, clock=clock, lease=self._lease, lanes=lanes)
        self._claimer = Claimer(
            database, self._stock, self._journal, owner=owner, clock=clock, lease=self._lease, connections=lanes
        )
        self._pacing = Pacing(database, clock)
        self._lanes = Lanes(
            settings,
            stock=self._stock,
            journal=self._journal,
            relays=self._relays,
            stops=Stops(database, clock),
            pacing=self._pacing,
            clock=clock,
            chance=chance,
        )

    async def run(self, stop: asyncio.Event, wake: asyncio.Event | None = None) -> None:
        """Send until `stop` is set, then end cleanly within five seconds. `wake` shortens the wait when idle."""
        async with self._open():
            claiming = asyncio.create_task(self._claim_on(stop, wake))
            try:
                await stop.wait()
                await asyncio.wait({claiming}, timeout=_WRITE_SECONDS)
            finally:
                await cancelled({claiming})

    async def send_due(self) -> int:
        """Send everything that is due now and return how many attempts were made.

        Relay trouble ends the pass early and is an alert, not an error. Raises `DatabaseUnavailableError`; what could
        not be written down is kept for the next pass.
        """
        self._relays.resume()
        before = self._lanes.attempts
        async with self._open():
            await self._written()  # what an earlier pass could not write may free what this one is to send
            while await self._go_on() or await self._is_left():
                await until_any(_BUSY_POLL_SECONDS, self._lanes.changed)
        if not self._journal.is_written:
            raise self._journal.trouble or DatabaseUnavailableError("The ledger does not answer.")
        return self._lanes.attempts - before

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[None]:
        """Keep the journal and our leases going; in the end finish the wire, write what is noted, free the rest."""
        self._lanes.open()
        async with self._journal.running(may_mark=self._lanes.may_mark, marked=self._lanes.feed):
            renewing = asyncio.create_task(self._renew_leases())
            try:
                yield
            finally:
                await self._lanes.finish()
                await self._pacing.finish(_WRITE_SECONDS)
                await self._written()  # a mark that is being stored comes back to the stock
                self._journal.give_back(self._stock.take_unsent())
                await self._written()  # what cannot be written is settled by its lease
                await cancelled({renewing})
                await self._lanes.close()
                self._lanes.tell()

    async def _written(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._journal.written(), _WRITE_SECONDS)

    async def _is_left(self) -> bool:
        """Look once more when all that was given back is stored: it waits again, or its reader has left."""
        await self._written()
        return await self._go_on()

    async def _go_on(self) -> bool:
        """Do what a pass has to do now; False when it is over."""
        if self._journal.trouble is not None:
            raise self._journal.trouble
        found = await self._fill()
        return found or bool(self._stock.held)

    async def _claim_on(self, stop: asyncio.Event, wake: asyncio.Event | None) -> None:
        told_at = monotonic_seconds()
        while not stop.is_set():
            try:
                await self._fill()
            except DatabaseUnavailableError as error:
                warning("sender.database_unavailable", reason=str(error))
                await until_any(_TRY_AGAIN_SECONDS, stop)
            except Exception as error:
                # A fault of ours in one pass must not end the sending of everything else.
                failure("sender.fault", exc_info=error)
                await until_any(_TRY_AGAIN_SECONDS, stop)
            if not self._stock.held or monotonic_seconds() - told_at > _TELL_SECONDS:
                self._lanes.tell()
                told_at = monotonic_seconds()
            await self._until_needed(stop, wake)

    async def _fill(self) -> bool:
        """Claim what there is room for, and see that it goes on; return whether there was anything."""
        self._lanes.changed.clear()
        if self._relays.are_paused:
            self._journal.give_back(self._stock.take_unsent())
            return False
        if self._relays.in_use != self._stock.relay:
            # What is claimed was counted against the other relay's pace.
            self._stock.relay = self._relays.in_use
            self._journal.give_back(self._stock.take_unsent())
            await self._written()
        found = await self._claimer.fill()
        self._lanes.feed()
        if found:
            self._journal.want_marks(hurry=self._stock.claimed(Lane.FIRST) > 0)
        self._lanes.changed.clear()
        return found

    @property
    def _is_wanted(self) -> bool:
        """Whether to claim more at once. Never during a pause: nothing is claimed then, so it would not end."""
        return self._claimer.is_wanted and not self._relays.are_paused

    async def _until_needed(self, stop: asyncio.Event, wake: asyncio.Event | None) -> None:
        """Wait until the stock runs low, somebody calls, or it is time to look again."""
        await self._lanes.close(idle_only=True)
        end = monotonic_seconds() + (_BUSY_POLL_SECONDS if self._stock.held else _IDLE_POLL_SECONDS)
        while not self._is_wanted and (left := end - monotonic_seconds()) > 0:
            await until_any(left, stop, wake, self._lanes.changed)
            self._lanes.changed.clear()
            if stop.is_set() or (wake is not None and wake.is_set()):
                break
        if wake is not None:
            wake.clear()

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            try:
                held, until = list(self._stock.held), self._clock() + self._lease
                await self._database.write(
                    lambda connection, held=held, until=until: attempts.renew_leases(  # type: ignore[misc]
                        connection, held, owner=self._owner, lease_until=until
                    )
                )
            except DatabaseUnavailableError as error:
                warning("sender.database_unavailable", reason=str(error))

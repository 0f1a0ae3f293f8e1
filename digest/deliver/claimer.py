"""Keep the stock of a worker filled: claim as many as the relay takes in a moment, urgent ones first.

In: the ledger's due deliveries. Out: `Due`s in the stock, under this worker's lease, with their messages loaded. Before
a claim, which writes, a look is taken that holds up nobody; while an edition's claims come back full, the next one
looks after the mails of the other lanes, too: a look of its own for each cost a twentieth of all the sender's time.
Only one worker at a time walks over an edition; the others come again a moment later.
"""

import asyncio
import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from digest.clock import Clock, monotonic_seconds
from digest.database import Database, attempts
from digest.database.connection import PlainConnection
from digest.deliver.journal import Journal
from digest.deliver.mails import Mails
from digest.deliver.stock import Due, Stock
from digest.models.deliveries import Delivery, Lane

_ORDER = (Lane.FIRST, Lane.SHARE, Lane.BULK)
_PER_CONNECTION = 10
_MAX = 250
_SOON_SECONDS, _LATE_SECONDS = 0.05, 1.0
_HELD_UP_SECONDS = 0.02  # a claim of another worker takes about as long


class Claimer:
    """Claims for one owner."""

    def __init__(
        self,
        database: Database,
        stock: Stock,
        journal: Journal,
        *,
        owner: str,
        clock: Clock,
        lease: timedelta,
        connections: int,
    ) -> None:
        self._database = database
        self._stock = stock
        self._journal = journal
        self._owner = owner
        self._clock = clock
        self._lease = lease
        self._mails = Mails(database)
        self._least = self._batch = min(_MAX, _PER_CONNECTION * connections)
        self._claimed_at = 0.0
        stock.low = max(1, self._least // 2)
        self._was_full = dict.fromkeys(Lane, False)

    @property
    def is_wanted(self) -> bool:
        """Whether the stock runs low and the ledger is known to have more."""
        return self._was_full[Lane.BULK] and self._stock.is_low

    async def fill(self) -> bool:
        """Claim what is due and fits; return whether there was anything, or may be in a moment.

        Raises `DatabaseUnavailableError`.
        """
        now, relay = self._clock(), self._stock.relay
        asked = [lane for lane in _ORDER if lane is not Lane.BULK or self._stock.is_low]
        looked: list[Lane] | None = None  # what is due by a look of its own
        if not any(self._was_full[lane] for lane in asked):
            async with self._database.read() as connection:
                looked = await connection.run_sync(self._due, asked, now, relay)
            if not looked:  # and if the lanes used up what there was of the edition meanwhile, its turn has come
                return Lane.BULK not in asked and self._stock.is_low and await self.fill()

        def claim(connection: PlainConnection) -> dict[Lane, attempts.Claim]:
            due = self._due(connection, asked, now, relay) if looked is None else looked
            return {lane: self._claim(connection, lane, now, relay) for lane in due}

        claimed = await self._database.write(claim)
        self._was_full.update((lane, lane in claimed and self._has_more(claimed[lane])) for lane in asked)
        if Lane.BULK in claimed and len(claimed[Lane.BULK].deliveries) == self._batch:
            self._follow()
        found = [delivery for of_lane in claimed.values() for delivery in of_lane.deliveries]
        await self._take_in(found)
        if not any(of_lane.is_held_up for of_lane in claimed.values()):
            return bool(found)
        await asyncio.sleep(_HELD_UP_SECONDS * (0.5 + random.random()))  # noqa: S311
        return True

    def _has_more(self, claim: attempts.Claim) -> bool:
        return claim.is_held_up or len(claim.deliveries) == self._batch

    def _due(self, connection: PlainConnection, lanes: Sequence[Lane], now: datetime, relay: str) -> list[Lane]:
        """Return those of which something is due; where the last claim came back full that is taken for granted."""
        return [
            lane
            for lane in lanes
            if self._was_full[lane] or attempts.is_due(connection, lane=lane, now=now, relay=relay)
        ]

    def _claim(self, connection: PlainConnection, lane: Lane, now: datetime, relay: str) -> attempts.Claim:
        until = now + self._lease
        return attempts.claim_due(
            connection, owner=self._owner, lane=lane, now=now, lease_until=until, limit=self._batch, relay=relay
        )

    def _follow(self) -> None:
        """Claim more at a time when it was used up soon, fewer when it lasted: what a dead worker holds, waits."""
        lasted, self._claimed_at = monotonic_seconds() - self._claimed_at, monotonic_seconds()
        if lasted < _SOON_SECONDS:
            self._batch = min(2 * self._batch, _MAX)
        elif lasted > _LATE_SECONDS:
            self._batch = max(self._batch // 2, self._least)
        self._stock.low = self._batch // 2

    async def _take_in(self, claimed: list[Delivery]) -> None:
        try:
            mails = {message_id: await self._mails.get(message_id) for message_id in _messages(claimed)}
            self._stock.add([Due(delivery, mails[delivery.message_id]) for delivery in claimed])
        except BaseException:
            self._journal.give_back(delivery.id for delivery in claimed)
            raise


def _messages(claimed: Sequence[Delivery]) -> Iterable[int]:
    return dict.fromkeys(delivery.message_id for delivery in claimed)

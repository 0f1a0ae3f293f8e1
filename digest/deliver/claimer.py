"""Keep the stock of a worker filled: claim as many as the relay takes in a moment, urgent ones first.

In: the ledger's due deliveries. Out: `Due`s in the stock, under this worker's lease, with their messages loaded. Before
a claim, which writes, a look is taken that holds up nobody; while claims come back full the look is spared.
"""

from datetime import timedelta

from digest.clock import Clock, monotonic_seconds
from digest.database import Database, attempts
from digest.deliver.journal import Journal
from digest.deliver.mails import Mails
from digest.deliver.stock import Due, Stock
from digest.models.deliveries import Delivery, Lane

_PER_CONNECTION = 10
_MAX = 250
_SOON_SECONDS, _LATE_SECONDS = 0.05, 1.0


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
        """Claim what is due and fits; return whether there was anything. Raises `DatabaseUnavailableError`."""
        found = False
        for lane in (Lane.FIRST, Lane.SHARE, Lane.BULK):
            if lane is not Lane.BULK or self._stock.is_low:
                found = await self._claim(lane) or found
        return found

    async def _claim(self, lane: Lane) -> bool:
        now, relay = self._clock(), self._stock.relay
        if not self._was_full[lane]:
            async with self._database.read() as connection:
                if not await connection.run_sync(lambda plain: attempts.is_due(plain, lane=lane, now=now, relay=relay)):
                    return False
        claimed = await self._database.write(
            lambda connection: attempts.claim_due(
                connection,
                owner=self._owner,
                lane=lane,
                now=now,
                lease_until=now + self._lease,
                limit=self._batch,
                relay=relay,
            )
        )
        self._was_full[lane] = len(claimed) == self._batch
        if lane is Lane.BULK and self._was_full[lane]:
            self._follow()
        await self._take_in(claimed)
        return bool(claimed)

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
            self._stock.add([Due(delivery, await self._mails.get(delivery.message_id)) for delivery in claimed])
        except BaseException:
            self._journal.give_back(delivery.id for delivery in claimed)
            raise

"""Claim what is due and work it off over kept-open connections.

One task per connection: claim a batch under a lease, and for each delivery mark it (durably), send it, note what came
of it. With two connections or more one is kept for `Lane.FIRST`, so that a mail somebody waits for never stands behind
an edition; a single connection asks for those before each mail. Relay trouble pauses all tasks and gives the claims
back (`relay_watch`); a database that cannot be used ends the pass, and nothing is sent whose mark was not stored.

What a `kill -9` leaves in doubt is at most one delivery per connection and one group of unwritten results. A stop
finishes what is on the wire, for three seconds; then connections are cut, which has a definite outcome too.

Events: `delivery.batch`, `delivery.deferred`, `delivery.refused`, `delivery.uncertain`, `delivery.unsendable`,
`sender.database_unavailable`, `sender.fault`. Alerts: `relay`, `edition:ID`, `message:ID`.
"""

import asyncio
import random
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from digest.clock import Clock, monotonic_seconds
from digest.config import Settings
from digest.database import Database, alerts, attempts, editions, messages
from digest.deliver.attempt import attempt, settle_result
from digest.deliver.journal import Journal
from digest.deliver.relay_watch import RelayWatch
from digest.deliver.transport import RelayConnection, Transport
from digest.errors import DatabaseUnavailableError, RelayLoginError, RelayUnavailableError, UnsendableMailError
from digest.events import event, failure, warning
from digest.models import Delivery, DeliveryState, EditionState, Lane, Mail, MessageKind, Outcome

_BATCH = 20
_POLL_SECONDS = 1.0
_IDLE_SECONDS = 20.0  # then a connection is closed: relays count the open ones
_MAILS_KEPT = 32
_WIRE_SECONDS = 3.0
_WRITE_SECONDS = 1.0

_T = TypeVar("_T")


@dataclass(slots=True)
class _Worker:
    """One connection and what it is for; `lanes` in the order they are served."""

    lanes: tuple[Lane, ...]
    batch: int
    connection: RelayConnection | None = None
    used_at: float = 0.0


class Sender:
    """Sends what is due. Call either `run` or `send_due`, not both at once."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        transport: Transport,
        *,
        clock: Clock,
        owner: str,
        lease_seconds: float = 30.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._settings = settings
        self._transport = transport
        self._clock = clock
        self._owner = owner
        self._lease = timedelta(seconds=lease_seconds)
        self._chance = chance
        self._journal = Journal(database, owner=owner, clock=clock, lease=self._lease)
        self._relay = RelayWatch(database, clock)
        self._mails: OrderedDict[int, tuple[MessageKind, Mail]] = OrderedDict()
        self._held: set[int] = set()  # claimed or marked by us, for renewing their leases
        self._workers = _make_workers(settings.smtp_connections)

    async def run(self, stop: asyncio.Event, wake: asyncio.Event | None = None) -> None:
        """Send until `stop` is set, then end cleanly within five seconds. `wake` shortens the wait when idle."""
        async with self._open():
            tasks = {asyncio.create_task(self._work(worker, stop, wake)) for worker in self._workers}
            try:
                await stop.wait()
                await asyncio.wait(tasks, timeout=_WIRE_SECONDS)
                self._cut_connections()
                await asyncio.wait(tasks, timeout=_WRITE_SECONDS)
            finally:
                await _cancelled(tasks)

    async def send_due(self) -> int:
        """Send everything that is due now and return how many attempts were made.

        Relay trouble ends the pass early and is an alert, not an error. Raises `DatabaseUnavailableError`.
        """
        self._relay.resume()
        never = asyncio.Event()
        async with self._open():
            await self._written()  # what an earlier pass could not write may free what this one is to send
            ends = await asyncio.gather(
                *(self._drain(worker, never) for worker in self._workers), return_exceptions=True
            )
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return sum(end for end in ends if isinstance(end, int))

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[None]:
        """Keep the journal and our leases going; in the end write what is noted, close, and free what is claimed."""
        async with self._journal.running():
            renewing = asyncio.create_task(self._renew_leases())
            try:
                yield
            finally:
                await _cancelled({renewing})
                await self._written()  # what cannot be written is settled by its lease
                await asyncio.gather(*(self._close(worker) for worker in self._workers))

    async def _written(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._journal.written(), _WRITE_SECONDS)

    async def _work(self, worker: _Worker, stop: asyncio.Event, wake: asyncio.Event | None) -> None:
        while not stop.is_set():
            try:
                await self._drain(worker, stop)
            except DatabaseUnavailableError as error:
                warning("sender.database_unavailable", reason=str(error))
            except Exception as error:
                # A fault of ours in one pass must not end the sending of everything else.
                failure("sender.fault", exc_info=error)
            if worker.connection is not None and monotonic_seconds() - worker.used_at > _IDLE_SECONDS:
                await self._close(worker)
            await _until_any(_POLL_SECONDS, stop, wake)
            if wake is not None:
                wake.clear()

    async def _drain(self, worker: _Worker, stop: asyncio.Event) -> int:
        """Send until nothing is due or something is in the way; return how many attempts were made."""
        sent = 0
        while not stop.is_set() and not self._relay.is_paused:
            batch = await self._claim(worker)
            if not batch:
                break
            sent += await self._send_batch(worker, batch, stop)
        return sent

    async def _claim(self, worker: _Worker) -> list[Delivery]:
        now = self._clock()
        for lane in worker.lanes:
            async with self._database.read() as connection:
                if not await attempts.is_due(connection, lane=lane, now=now):
                    continue
            async with self._database.begin() as connection:
                claimed = await attempts.claim_due(
                    connection,
                    owner=self._owner,
                    lane=lane,
                    now=now,
                    lease_until=now + self._lease,
                    limit=worker.batch,
                )
            if claimed:
                self._held.update(delivery.id for delivery in claimed)
                return claimed
        return []

    async def _send_batch(self, worker: _Worker, batch: Sequence[Delivery], stop: asyncio.Event) -> int:
        waiting = deque(batch)
        came: Counter[DeliveryState] = Counter()
        try:
            while waiting and not stop.is_set() and not self._relay.is_paused:
                delivery = waiting[0]
                kind, mail = await self._mail(delivery.message_id)
                connection = await _unless(stop, self._connect(worker))
                if connection is None:
                    break
                if await self._journal.mark(delivery.id):
                    waiting.popleft()
                    came[await self._send_one(connection, delivery, kind, mail)] += 1
                else:
                    # Its reader left, its edition is held, its hour is past: whoever comes next may look again.
                    self._give_back([waiting.popleft()])
        except (RelayLoginError, RelayUnavailableError) as error:
            await self._relay.out_of_order(str(error))
        finally:
            self._give_back(waiting)
            worker.used_at = monotonic_seconds()
        if came:
            counted = {state.value: number for state, number in came.items()}
            event("delivery.batch", edition_id=batch[0].edition_id, **counted)
        return came.total()

    def _give_back(self, unsent: Iterable[Delivery]) -> None:
        ids = [delivery.id for delivery in unsent]
        self._journal.give_back(ids)
        self._held.difference_update(ids)

    async def _connect(self, worker: _Worker) -> RelayConnection:
        if worker.connection is not None and not await worker.connection.is_ready():
            await self._close(worker)
        if worker.connection is None:
            worker.connection = await self._transport.open_connection()
        return worker.connection

    async def _send_one(
        self, connection: RelayConnection, delivery: Delivery, kind: MessageKind, mail: Mail
    ) -> DeliveryState:
        """Make the attempt and note its result: from here on the delivery is marked, so it must get one."""
        try:
            outcome = await attempt(connection, mail, delivery, self._settings, now=self._clock())
        except UnsendableMailError as error:
            outcome = await self._unsendable(delivery, error)
        except Exception as error:
            # A fault of ours: whether the mail went out is not known, and the mark must not stay for ever.
            failure("sender.fault", exc_info=error, delivery_id=delivery.id)
            connection.abort()
            outcome = Outcome(DeliveryState.UNCERTAIN, detail=f"fault of the sender: {type(error).__name__}")
        result = settle_result(delivery, kind, outcome, now=self._clock(), chance=self._chance())
        self._journal.note(result)
        self._held.discard(delivery.id)
        await self._watch(delivery, outcome)
        return result.state

    async def _watch(self, delivery: Delivery, outcome: Outcome) -> None:
        if outcome.state is not DeliveryState.ACCEPTED:
            code = outcome.reply.code if outcome.reply else None
            status = outcome.reply.status if outcome.reply else None
            warning(
                f"delivery.{outcome.state}",
                delivery_id=delivery.id,
                reply_code=code,
                reply_status=status,
                detail=outcome.detail,
            )
        if outcome.relay_problem:
            await self._relay.problem(outcome.relay_problem)
        elif outcome.reply is not None:
            await self._relay.works()

    async def _unsendable(self, delivery: Delivery, error: UnsendableMailError) -> Outcome:
        """Hold the edition whose mail no server may be given; a single mail is refused by ourselves."""
        failure("delivery.unsendable", delivery_id=delivery.id, message_id=delivery.message_id, reason=str(error))
        edition_id, now = delivery.edition_id, self._clock()
        matter = f"message:{delivery.message_id}" if edition_id is None else f"edition:{edition_id}"
        text = f"Message {delivery.message_id} cannot be sent. {error}"
        with suppress(DatabaseUnavailableError):  # the next delivery finds the same
            async with self._database.begin() as connection:
                if edition_id is not None:
                    states = (EditionState.RELEASED, EditionState.SENDING)
                    await editions.mark_held(connection, edition_id, states=states, reason=text)
                    text += f" The edition is held. See: digest editions show {edition_id}"
                await alerts.raise_alert(connection, matter, text, at=now)
        if edition_id is None:
            return Outcome(DeliveryState.REFUSED, detail=str(error))
        return Outcome(DeliveryState.DEFERRED, detail=str(error), charged=False)

    async def _mail(self, message_id: int) -> tuple[MessageKind, Mail]:
        if message_id not in self._mails:
            async with self._database.read() as connection:
                self._mails[message_id] = await messages.load_mail(connection, message_id)
            if len(self._mails) > _MAILS_KEPT:
                self._mails.popitem(last=False)
        self._mails.move_to_end(message_id)
        return self._mails[message_id]

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            try:
                async with self._database.begin() as connection:
                    await attempts.renew_leases(
                        connection, self._held, owner=self._owner, lease_until=self._clock() + self._lease
                    )
            except DatabaseUnavailableError as error:
                warning("sender.database_unavailable", reason=str(error))

    async def _close(self, worker: _Worker) -> None:
        connection, worker.connection = worker.connection, None
        if connection is not None:
            await connection.close()

    def _cut_connections(self) -> None:
        for worker in self._workers:
            if worker.connection is not None:
                worker.connection.abort()


def _make_workers(connections: int) -> list[_Worker]:
    if connections == 1:
        return [_Worker((Lane.FIRST, Lane.BULK), batch=1)]
    return [_Worker((Lane.FIRST,), _BATCH), *(_Worker((Lane.BULK,), _BATCH) for _ in range(connections - 1))]


async def _unless(stop: asyncio.Event, act: Awaitable[_T]) -> _T | None:
    """Return what `act` returns, or None if `stop` came first; `act` is then cancelled."""
    acting = asyncio.ensure_future(act)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({acting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return acting.result() if acting.done() else None
    finally:
        await _cancelled({stopping} if acting.done() else {acting, stopping})


async def _until_any(seconds: float, *events: asyncio.Event | None) -> None:
    waits = {asyncio.ensure_future(one.wait()) for one in events if one is not None}
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    await _cancelled(waits)


async def _cancelled(tasks: set[asyncio.Task[_T]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

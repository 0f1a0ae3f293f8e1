"""Feed the lanes from the stock and take their outcomes to the journal.

Handing over does not wait, so everything that has become ready is given to the lanes in one go (`feed`); one task per
lane with mail under way waits for its outcomes, and fills up behind each. A second mail goes behind the first's dot
only while the relay is trusted (`relay_watch`). Which relay a lane leads to is said by `relays`; what must not go out
any more, by `stops`. Whatever happens, a delivery that was handed over gets an outcome: a fault of ours makes it
`uncertain`.

Events: `delivery.batch`, `delivery.deferred`, `delivery.refused`, `delivery.uncertain`, `sender.fault`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable

from digest.clock import Clock, monotonic_seconds
from digest.config import Settings
from digest.deliver import transport, wire
from digest.deliver.attempt import Envelopes, settle_result
from digest.deliver.breaker import Breaker
from digest.deliver.dkim import Signer
from digest.deliver.journal import Journal
from digest.deliver.pace import Pacing
from digest.deliver.place import Place, is_lane_wanted, make_places
from digest.deliver.relays import Relay, Relays
from digest.deliver.signing import Signing
from digest.deliver.stock import Due, Stock
from digest.deliver.stops import Stops
from digest.deliver.unsendable import unsendable
from digest.deliver.waiting import cancelled
from digest.errors import RelayLoginError, RelayUnavailableError, UnsendableMailError
from digest.events import event, failure, warning
from digest.models.deliveries import DeliveryState, Lane, Outcome

_IDLE_SECONDS = 20.0
_WIRE_SECONDS = 3.0
_CUT_SECONDS = 1.0
_AFTER_FAULT_SECONDS = 1.0


class Lanes:
    """All lanes of one worker. `changed` is set when the claimer should look what is to do."""

    def __init__(
        self,
        settings: Settings,
        *,
        stock: Stock,
        journal: Journal,
        relays: Relays,
        stops: Stops,
        pacing: Pacing,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        signer = Signer.of(settings)
        self._envelopes = Envelopes(settings, signer)
        self._signing = Signing(stock, self._envelopes, signer, clock=clock, signed=self._go_on) if signer else None
        self._stock = stock
        self._journal = journal
        self._relays = relays
        self._stops = stops
        self._pacing = pacing
        self._breaker = Breaker(stops)
        self._clock = clock
        self._chance = chance
        self._places = make_places(relays.most_connections)
        self._is_closing = False
        self._came: Counter[tuple[int | None, DeliveryState]] = Counter()
        self.attempts = 0
        self.changed = asyncio.Event()

    def open(self) -> None:
        """Be ready for work (again)."""
        self._is_closing = False

    def may_mark(self) -> bool:
        """Whether a mark now would soon be followed by its mail: a lane is open to a relay that goes on."""
        return not self._is_closing and not self._relays.are_paused and any(place.lane for place in self._places)

    def feed(self) -> None:
        """Hand over what is ready, have signed what comes next, and open the lanes that are wanted."""
        self._give_back_stopped()
        if self._signing and not (self._is_closing or self._relays.are_paused):
            self._signing.begin()
        if not (self._is_closing or self._relays.are_paused):
            for place in self._places:
                self._feed(place)
        if self._stock.is_low:
            self.changed.set()

    async def finish(self) -> None:
        """Hand over nothing more, and wait for what is on the wire; after three seconds cut it off."""
        self._is_closing = True
        await cancelled(place.task for place in self._places if place.task and place.is_opening)
        tasks = {place.task for place in self._places if place.task}
        if tasks:
            await asyncio.wait(tasks, timeout=_WIRE_SECONDS)
            for place in self._places:
                if place.task and place.lane:
                    place.lane.abort()
            await asyncio.wait(tasks, timeout=_CUT_SECONDS)
            await cancelled(tasks)
        await self._stops.finish(_CUT_SECONDS)
        if self._signing:
            await self._signing.finish()

    async def close(self, *, idle_only: bool = False) -> None:
        """Take leave of the relay on all lanes, or on those that stood idle for a while."""
        before = monotonic_seconds() - _IDLE_SECONDS
        await asyncio.gather(
            *(
                self._close(place)
                for place in self._places
                if place.lane and not place.task and (place.used_at < before or not idle_only)
            )
        )

    def tell(self) -> None:
        """Log what came of the attempts since the last time, per edition."""
        for edition_id in {edition_id for edition_id, _ in self._came}:
            counted = {state.value: number for (other, state), number in self._came.items() if other == edition_id}
            event("delivery.batch", edition_id=edition_id, **counted)
        self._came.clear()

    def _feed(self, place: Place) -> None:
        if place.lane is None:
            self._open_if_wanted(place)
            return
        if place.task is None or (self._stock.has_ready and place.lane.has_room):
            self._fill(place)  # a place with a task looks itself when the next outcome has come
        if place.task is None and (place.under_way or not place.lane.is_usable or self._relays.should_move(place)):
            self._start(place)

    def _open_if_wanted(self, place: Place) -> None:
        if place.task is not None or monotonic_seconds() < place.not_before:
            return
        relay = self._relays.relay_for(place)
        if relay is None or not relay.lets_in(place):
            return
        is_wanted = is_lane_wanted(place, self._places, self._stock, connections=relay.connections)
        if is_wanted or self._relays.is_trying(place):
            self._relays.connects(place, relay)
            place.relay = relay
            self._start(place)

    def _start(self, place: Place) -> None:
        assert place.relay is not None
        place.task = asyncio.create_task(self._serve(place, place.relay))

    async def _serve(self, place: Place, relay: Relay) -> None:
        """Open the lane if need be, and take outcomes as long as something is under way."""
        try:
            if place.lane is None:
                place.is_opening = True
                place.lane = await relay.open_lane(place)
                place.is_opening = False
            self._fill(place)
            while place.under_way:
                delivery_id, outcome = await place.lane.next_outcome()
                self._settle(place.under_way[delivery_id], outcome)
                del place.under_way[delivery_id]  # not before: a fault in settling must find it
                if outcome.state is not DeliveryState.ACCEPTED or not relay.watch.is_trusted:
                    await _hear(relay, outcome)
                self._fill(place)
            await self._close_if_over(place)
        except (RelayLoginError, RelayUnavailableError) as error:
            place.is_opening = False  # not to be cut off while it tells
            await relay.watch.cannot_connect(error)
        except Exception as error:
            self._fault(place, error)
        finally:
            place.task = None
            place.is_opening = False
            place.used_at = monotonic_seconds()
        await self._close_if_over(place)
        if place.lane is None:
            self._relays.closed(place)
        if place.lane is None or self._is_closing or self._relays.are_paused:
            self.feed()
        else:
            self._feed(place)  # nothing has changed for the others

    async def _close_if_over(self, place: Place) -> None:
        if place.lane is not None and (not place.lane.is_usable or self._relays.should_move(place)):
            await self._close(place)

    async def _close(self, place: Place) -> None:
        lane, place.lane = place.lane, None
        if lane is not None:
            self._relays.closed(place)
            await lane.close()

    def _fill(self, place: Place) -> None:
        lane, relay = place.lane, place.relay
        if lane is None or relay is None or self._is_closing or not lane.has_room or relay.watch.is_paused:
            return
        if self._relays.should_move(place):
            self._relays.move(place, is_needed=any(map(self._stock.waiting, place.serves)))
            return
        if relay.name != self._stock.relay and not relay.watch.is_on_trial:
            self.changed.set()  # what is claimed counts against another relay's pace, and is given back
            return
        self._give_back_stopped()
        if self._stock.is_stale(place.serves):
            self._journal.want_marks(hurry=True)  # which looks first; then the lanes are fed
            return
        while lane.has_room and (not place.under_way or relay.watch.is_trusted):
            due = self._stock.take_ready(place.serves)
            if due is None:
                self._want_marks(place)
                break
            self._hand_over(place, lane, due)

    def _give_back_stopped(self) -> None:
        if self._stops.are_any:
            self._journal.give_back(self._stock.take_unsent(self._stops.covers))

    def _want_marks(self, place: Place) -> None:
        """Have the journal go on at once: this lane could take more, and there is more."""
        if self._stock.has_claimed(place.serves):
            self._journal.want_marks(hurry=True)
        if self._stock.is_low:
            self.changed.set()

    def _go_on(self) -> None:
        """Go on with what is signed."""
        if not self._is_closing:
            self._journal.want_marks(hurry=not self._stock.has_ready or self._stock.claimed(Lane.FIRST) > 0)

    def _hand_over(self, place: Place, lane: transport.Lane, due: Due) -> None:
        try:
            envelope = self._envelopes.make(due, eight_bit=lane.eight_bit, now=self._clock())
            if due.message.keeps_copy:
                self._journal.keep(due.delivery.id, wire.as_received(envelope.content))
            lane.hand_over(envelope)
        except UnsendableMailError as error:
            self._settle(due, unsendable(self._stops, due.delivery, error))
        except Exception as error:
            place.under_way[due.delivery.id] = due
            self._fault(place, error)
        else:
            place.under_way[due.delivery.id] = due

    def _fault(self, place: Place, error: Exception) -> None:
        """A fault of ours: whether the mails went out is not known, and their marks must not stay for ever."""
        failure("sender.fault", exc_info=error, delivery_ids=list(place.under_way))
        place.not_before = monotonic_seconds() + _AFTER_FAULT_SECONDS
        if place.lane is not None:
            place.lane.abort()
        outcome = Outcome(DeliveryState.UNCERTAIN, detail=f"fault of the sender: {type(error).__name__}")
        for due in place.under_way.values():
            self._settle(due, outcome)
        place.under_way.clear()

    def _settle(self, due: Due, outcome: Outcome) -> None:
        delivery = due.delivery
        outcome = self._breaker.heard(delivery, outcome)
        self._pacing.heard(delivery, outcome)
        result = settle_result(delivery, due.message.kind, outcome, now=self._clock(), chance=self._chance())
        self._journal.note(result)
        self._stock.settled(delivery.id)
        self.attempts += 1
        self._came[(delivery.edition_id, result.state)] += 1
        if outcome.state is not DeliveryState.ACCEPTED:
            warning(
                f"delivery.{outcome.state}",
                delivery_id=delivery.id,
                reply_code=outcome.reply.code if outcome.reply else None,
                reply_status=outcome.reply.status if outcome.reply else None,
                detail=outcome.detail,
            )


async def _hear(relay: Relay, outcome: Outcome) -> None:
    """Learn from an outcome how the relay is."""
    if outcome.relay_problem:
        await relay.watch.problem(outcome.relay_problem)
    elif outcome.mail_problem or outcome.sender_problem:
        await relay.watch.refuses_mail()
    elif outcome.reply is not None:
        await relay.watch.works()

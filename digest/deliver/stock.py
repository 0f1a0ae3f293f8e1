"""What one worker holds between the ledger and the relay: claimed, marked, ready, in the order it goes out.

In: deliveries with their messages, as claimed; out: those to be signed, if we sign, those to be marked next, and those
ready for a lane: `Lane.FIRST`, then `Lane.SHARE`, both before `Lane.BULK`. It is in memory only and never decides what
is true: every delivery in it is claimed in the ledger, the ready ones are marked there, and what is left at the end is
given back. What was marked longer ago than a moment is looked at once more before it is handed over: on a slow relay
its edition may be held or its reader gone by then.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence

from digest.clock import monotonic_seconds
from digest.deliver.mails import Message
from digest.deliver.transport import Envelope
from digest.models.deliveries import MAIN_RELAY, Delivery, Lane
from digest.records import record

_ORDER = (Lane.FIRST, Lane.SHARE, Lane.BULK)
_STALE_SECONDS = 0.1  # on a fast relay nothing is ready for so long, and the look costs nothing


@record
class Due:
    """A claimed delivery and its message. `made`: what goes over the wire, or why nothing can, if it was made ahead."""

    delivery: Delivery
    message: Message
    made: Envelope | Exception | None = None


class Stock:
    """The deliveries of one worker that are not on the wire yet, and the ids of all that it holds."""

    def __init__(self, *, signs: bool = False) -> None:
        self.low = 1  # when fewer are claimed, it is time to claim more; the claimer decides
        self.relay = MAIN_RELAY  # by whose pace it was claimed
        self._signs = signs
        self._unsigned: dict[Lane, deque[Due]] = {lane: deque() for lane in Lane}  # claimed, to be signed
        self._signing: dict[int, Due] = {}
        self._claimed: dict[Lane, deque[Due]] = {lane: deque() for lane in Lane}  # signed, if we sign
        self._ready: dict[Lane, deque[Due]] = {lane: deque() for lane in Lane}
        self._looked_at: dict[int, float] = {}  # of the ready ones: monotonic seconds of the mark, or of the last look
        self._fresh_until = 0.0  # nothing ready is stale before
        self._held: set[int] = set()  # the above, what is being marked, and what is on the wire
        self.taken = 0  # since the journal last looked: how fast the lanes are

    @property
    def held(self) -> Collection[int]:
        """The ids of everything this worker holds a lease on."""
        return self._held

    @property
    def ready(self) -> int:
        """How many are marked and wait for a lane."""
        return sum(map(len, self._ready.values()))

    @property
    def has_ready(self) -> bool:
        """Whether a lane may take anything now."""
        return bool(self._ready[Lane.BULK] or self._ready[Lane.FIRST])

    @property
    def is_low(self) -> bool:
        """Whether more of an edition should be claimed before long."""
        return len(self._claimed[Lane.BULK]) + len(self._unsigned[Lane.BULK]) < self.low

    def claimed(self, lane: Lane) -> int:
        """Return how many are claimed and may be marked."""
        return len(self._claimed[lane])

    def has_claimed(self, lanes: Sequence[Lane]) -> bool:
        """Whether anything for `lanes` is claimed and may be marked."""
        return any(self._claimed[lane] for lane in lanes)

    def waiting(self, lane: Lane) -> int:
        """Return how many wait for a lane, signed and marked or not."""
        signing = sum(due.delivery.lane is lane for due in self._signing.values())
        return len(self._unsigned[lane]) + signing + len(self._claimed[lane]) + len(self._ready[lane])

    def add(self, claimed: Iterable[Due]) -> None:
        """Take in what was claimed. What is held already was claimed anew because the clock jumped: once is enough."""
        to = self._unsigned if self._signs else self._claimed
        for due in claimed:
            if due.delivery.id in self._held:
                continue
            self._held.add(due.delivery.id)
            to[due.delivery.lane].append(due)

    def take_to_sign(self, ahead: int) -> list[Due]:
        """Take what is to be signed next, so that `ahead` are signed or being signed; `put_signed` them."""
        taken = _take(self._unsigned, ahead - len(self._signing) - sum(map(len, self._claimed.values())))
        self._signing.update((due.delivery.id, due) for due in taken)
        return taken

    def put_signed(self, signed: Iterable[Due]) -> None:
        """Take in what is signed and may be marked; what was given back meanwhile is let go."""
        for due in signed:
            if self._signing.pop(due.delivery.id, None) is not None:
                self._claimed[due.delivery.lane].append(due)

    def take_to_mark(self, limit: int) -> list[Due]:
        """Take up to `limit` that are to be marked next; `put_ready` or `forget` them."""
        return _take(self._claimed, limit)

    def put_ready(self, marked: Iterable[Due]) -> None:
        """Take in what is marked and may go out."""
        now = monotonic_seconds()
        if not self._looked_at:
            self._fresh_until = now + _STALE_SECONDS
        for due in marked:
            self._ready[due.delivery.lane].append(due)
            self._looked_at[due.delivery.id] = now

    def is_stale(self, lanes: Sequence[Lane]) -> bool:
        """Whether the next one for `lanes` must be looked at before it goes out."""
        now = monotonic_seconds()
        if now <= self._fresh_until or not self._looked_at:
            return False
        self._fresh_until = min(self._looked_at.values()) + _STALE_SECONDS
        first = next((self._ready[lane][0] for lane in lanes if self._ready[lane]), None)
        return first is not None and self._looked_at[first.delivery.id] < now - _STALE_SECONDS

    def stale(self) -> list[int]:
        """Return the ids of all ready ones that must be looked at before they go out."""
        before = monotonic_seconds() - _STALE_SECONDS
        return [id_ for id_, looked_at in self._looked_at.items() if looked_at < before]

    def put_looked_at(self, looked_at: Collection[int], may_go: Collection[int]) -> list[int]:
        """Note what may go out of those that were looked at; take out the rest, to be given back: return their ids."""
        now = monotonic_seconds()
        self._looked_at.update((id_, now) for id_ in may_go if id_ in self._looked_at)
        stopped = set(looked_at) - set(may_go)
        return self.take_unsent(lambda delivery: delivery.id in stopped) if stopped else []

    def take_ready(self, lanes: Sequence[Lane]) -> Due | None:
        """Take the next one that may go out, of the first of `lanes` that has one."""
        for lane in lanes:
            ready = self._ready[lane]
            if ready:
                self.taken += 1
                due = ready.popleft()
                del self._looked_at[due.delivery.id]
                return due
        return None

    def take_unsent(self, which: Callable[[Delivery], bool] | None = None) -> list[int]:
        """Take out what is not on the wire, marked or not, all or of `which`, to be given back; return their ids."""
        unsent = [id_ for id_, due in self._signing.items() if which is None or which(due.delivery)]
        for delivery_id in unsent:
            del self._signing[delivery_id]
        for dues in (*self._unsigned.values(), *self._claimed.values(), *self._ready.values()):
            all_of_them = list(dues)
            dues.clear()
            for due in all_of_them:
                if which is None or which(due.delivery):
                    unsent.append(due.delivery.id)
                    self._looked_at.pop(due.delivery.id, None)
                else:
                    dues.append(due)
        self.forget(unsent)
        return unsent

    def settled(self, delivery_id: int) -> None:
        """Let go of a delivery that has its outcome."""
        self._held.discard(delivery_id)

    def forget(self, ids: Iterable[int]) -> None:
        """Let go of deliveries that are given back."""
        self._held.difference_update(ids)


def _take(waiting: dict[Lane, deque[Due]], limit: int) -> list[Due]:
    taken: list[Due] = []
    for lane in _ORDER:
        while waiting[lane] and len(taken) < limit:
            taken.append(waiting[lane].popleft())
    return taken

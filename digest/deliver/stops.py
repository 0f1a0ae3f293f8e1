"""What is not sent any more because of what it is: hold an edition or pause a provider, and tell a person why.

In: the decision of others (`breaker`, `unsendable`). The ledger stops what is claimed later, as soon as it is written;
until then, and a second longer for what was just being claimed or marked, `covers` says what must be given back. So at
most what is on the wire goes out. It is done in the background, once per matter at a time. When the ledger cannot be
written to, the next mail comes to the same decision.

Events: `edition.held`, `provider.paused`. Alerts: `edition:ID`, `provider:NAME`, `message:ID`, `mails:refused`,
`mails:null-sender`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf

from digest.clock import Clock, monotonic_seconds
from digest.database import Database, alerts, editions, paces, refusals
from digest.database.connection import Connection
from digest.deliver.waiting import cancelled
from digest.errors import DatabaseUnavailableError
from digest.events import warning
from digest.models.deliveries import Delivery
from digest.models.editions import EditionState

# One or two may be a filter's whim about one reader; five at each of some workers is still nobody's loss.
IN_A_ROW = 5
MORE_THAN_ONE = 2  # so many of the row elsewhere: not one provider's whim
_AFTERWARDS_SECONDS = 1.0
_GOES_OUT = (EditionState.RELEASED, EditionState.SENDING)


_Act = Callable[[Connection], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Told:
    """What a person is told: `why` stands with what is stopped, `text` is the alert."""

    why: str
    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A mail of an edition that was refused for what it is, at a provider or a domain of no large one.

    `begins_anew`: this worker had one accepted since it last told of a refusal; `begins_anew_there`: at that place.
    """

    edition_id: int
    place: str
    begins_anew: bool
    begins_anew_there: bool


class Stops:
    """The stops of one worker."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._until: dict[str, float] = {}  # to what monotonic second it is covered
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def are_any(self) -> bool:
        """Whether anything is to be given back now."""
        if self._until:
            now = monotonic_seconds()
            self._until = {what: until for what, until in self._until.items() if until > now}
        return bool(self._until)

    def covers(self, delivery: Delivery) -> bool:
        """Whether this delivery must not be handed over now."""
        if not self.are_any:
            return False
        return _edition(delivery.edition_id) in self._until or _provider(delivery.provider) in self._until

    def hold_edition(self, edition_id: int, told: Told, *, unless: str = "", else_pause: Told | None = None) -> bool:
        """Hold the edition. Return False if that is being done already.

        `unless`: only this provider has refused it here; if others have taken it from any worker, the provider is
        paused instead, and a person told `else_pause`.
        """

        async def hold(connection: Connection) -> None:
            if else_pause and await refusals.is_taken_elsewhere(connection, edition_id, unless):
                self.pause_provider(unless, else_pause, edition_id=edition_id)
                return
            await refusals.forget(connection, edition_id)
            if await editions.mark_held(connection, edition_id, states=_GOES_OUT, reason=told.why):
                await alerts.raise_alert(connection, f"edition:{edition_id}", told.text, at=self._clock())
                warning("edition.held", edition_id=edition_id, reason="refused")

        return self._begin(_edition(edition_id), hold)

    def pause_provider(self, provider: str, told: Told, *, edition_id: int) -> bool:
        """Pause who refuses an edition until a person resumes it. Return False if that is being done already."""

        async def pause(connection: Connection) -> None:
            for place in (provider, refusals.EVERYWHERE):  # what it refused must not look like somebody else's refusals
                await refusals.forget(connection, edition_id, place=place)
            await paces.pause(connection, _provider(provider), reason=told.why, at=self._clock())
            await alerts.raise_alert(connection, f"provider:{provider}", told.text, at=self._clock())
            warning("provider.paused", provider=provider)

        return self._begin(_provider(provider), pause)

    def count_refusal(
        self, refusal: Refusal, *, hold: Callable[[], object] | None, pause: Callable[[], object] | None
    ) -> None:
        """Count a refusal for all workers; `hold` or `pause` when all of them together have heard enough.

        The rules are one worker's own (`breaker`), by what stands in the ledger. None: that is not to be done now.
        """
        edition_id, place = refusal.edition_id, refusal.place

        async def count(connection: Connection) -> None:
            counted = await refusals.count(
                connection,
                edition_id,
                place,
                at=self._clock(),
                begins_anew=refusal.begins_anew,
                begins_anew_there=refusal.begins_anew_there,
            )
            if hold and await self._is_refused_everywhere(connection, edition_id, counted):
                hold()
            elif pause and counted.there.count >= IN_A_ROW:
                if await refusals.is_taken_since(connection, edition_id, counted.there.since, at=place):
                    await refusals.forget(connection, edition_id, place=place)
                elif await refusals.is_taken_elsewhere(connection, edition_id, place):
                    pause()

        self._start("", count)

    @staticmethod
    async def _is_refused_everywhere(connection: Connection, edition_id: int, counted: refusals.Counted) -> bool:
        if counted.everywhere.count < IN_A_ROW:
            return False
        if await refusals.is_taken_since(connection, edition_id, counted.everywhere.since):
            await refusals.forget(connection, edition_id, place=refusals.EVERYWHERE)
            return False
        are_of_several = counted.everywhere.count - counted.longest >= MORE_THAN_ONE
        return are_of_several or not await refusals.is_taken_elsewhere(connection, edition_id, counted.most_at)

    def set_aside(self, provider: str) -> None:
        """Send nothing to a provider for a second, so that others are tried first. Nothing is stored, nobody told."""
        self._until[_provider(provider)] = monotonic_seconds() + _AFTERWARDS_SECONDS

    def tell_of_domain(self, domain: str, text: str) -> None:
        """Raise an alert about a domain that cannot be paused, because it is no large provider's."""

        async def tell(connection: Connection) -> None:
            await alerts.raise_alert(connection, f"provider:{domain}", text, at=self._clock())

        self._start("", tell)

    def tell_of_message(self, message_id: int, text: str) -> None:
        """Raise an alert about a mail that belongs to no edition."""

        async def tell(connection: Connection) -> None:
            await alerts.raise_alert(connection, f"message:{message_id}", text, at=self._clock())

        self._start("", tell)

    def tell_of_refusals(self, text: str) -> None:
        """Raise the alert about mails that belong to no edition: one for all, since alerts are such mails, too."""

        async def tell(connection: Connection) -> None:
            await alerts.raise_alert(connection, "mails:refused", text, at=self._clock())

        self._start("", tell)

    def tell_of_null_sender(self, text: str) -> None:
        """Raise the alert about a relay that takes no mail without a sender."""

        async def tell(connection: Connection) -> None:
            await alerts.raise_alert(connection, "mails:null-sender", text, at=self._clock())

        self._start("", tell)

    async def finish(self, seconds: float) -> None:
        """Wait until everything is written, but no longer than `seconds`."""
        tasks = set(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
            await cancelled(tasks)

    def _begin(self, what: str, act: _Act) -> bool:
        if self._until.get(what) == inf:
            return False
        self._until[what] = inf
        self._start(what, act)
        return True

    def _start(self, what: str, act: _Act) -> None:
        task = asyncio.create_task(self._write(what, act))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, what: str, act: _Act) -> None:
        try:
            async with self._database.begin() as connection:
                await act(connection)
        except DatabaseUnavailableError as error:
            warning("stop.not_stored", what=what, reason=str(error))
        finally:
            if what in self._until:
                self._until[what] = monotonic_seconds() + _AFTERWARDS_SECONDS


def _edition(edition_id: int | None) -> str:
    return f"edition:{edition_id}"


def _provider(provider: str) -> str:
    return f"provider:{provider}"

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
from math import inf

from digest.clock import Clock, monotonic_seconds
from digest.database import Database, alerts, editions, paces, refusals
from digest.database.connection import Connection
from digest.deliver.waiting import cancelled
from digest.errors import DatabaseUnavailableError
from digest.events import warning
from digest.models.deliveries import Delivery
from digest.models.editions import EditionState

_AFTERWARDS_SECONDS = 1.0
_GOES_OUT = (EditionState.RELEASED, EditionState.SENDING)


_Act = Callable[[Connection], Awaitable[None]]


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

    def hold_edition(self, edition_id: int, *, why: str, text: str) -> bool:
        """Hold the edition: `why` is its reason, `text` the alert. Return False if that is being done already."""

        async def hold(connection: Connection) -> None:
            await refusals.forget(connection, edition_id)
            if await editions.mark_held(connection, edition_id, states=_GOES_OUT, reason=why):
                await alerts.raise_alert(connection, f"edition:{edition_id}", text, at=self._clock())
                warning("edition.held", edition_id=edition_id, reason="refused")

        return self._begin(_edition(edition_id), hold)

    def pause_provider(self, provider: str, *, why: str, text: str) -> bool:
        """Pause a provider until a person resumes it. Return False if that is being done already."""

        async def pause(connection: Connection) -> None:
            await paces.pause(connection, _provider(provider), reason=why, at=self._clock())
            await alerts.raise_alert(connection, f"provider:{provider}", text, at=self._clock())
            warning("provider.paused", provider=provider)

        return self._begin(_provider(provider), pause)

    def count_refusal(self, edition_id: int, *, begins_anew: bool, enough: int, decide: Callable[[], None]) -> None:
        """Count a refusal for all workers; `decide` when there are `enough` in a row and nobody took a mail since.

        `begins_anew`: this worker had one accepted since it last told of a refusal.
        """

        async def count(connection: Connection) -> None:
            counted = await refusals.count(connection, edition_id, at=self._clock(), begins_anew=begins_anew)
            if counted is None or counted[0] < enough:
                return
            if await refusals.is_taken_since(connection, edition_id, counted[1]):
                await refusals.forget(connection, edition_id)
            else:
                decide()

        self._start("", count)

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

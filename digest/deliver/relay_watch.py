"""Notice that a relay, and not a recipient, is in the way: pause it and tell a person.

A relay that cannot be reached or refuses the login pauses at once. Trouble told by single mails (`relay_problem` of an
outcome) pauses when it comes three times in a row, so that one mail it dislikes stops nobody, and a relay in trouble
does not burn through the list. A pause lasts 5 seconds first, then twice as long each time, 5 minutes at most; after a
refused login it begins with a minute, because a wrong password mends itself in no time and providers lock accounts.
Whatever a relay says about a recipient or a mail ends the row: it works again, and the alert is resolved. Only where
the login was refused does it take one that works: lanes that were open before go on answering.

Events: `relay.paused`, `relay.works`. Alerts: `relay` for the first relay, `relay:NAME` for the others.
"""

from digest.clock import Clock, monotonic_seconds
from digest.database import Database, alerts
from digest.errors import DatabaseUnavailableError, LoginRefusedError, RelayLoginError, RelayUnavailableError
from digest.events import event, warning
from digest.models.deliveries import MAIN_RELAY

_IN_A_ROW = 3
_FIRST_PAUSE_SECONDS = 5.0
_FIRST_LOGIN_PAUSE_SECONDS = 60.0
_LONGEST_PAUSE_SECONDS = 300.0


class RelayWatch:
    """One relay as one process has met it. Durations are measured on the monotonic clock: wall clocks jump."""

    def __init__(self, database: Database, clock: Clock, *, name: str = MAIN_RELAY, is_only: bool = True) -> None:
        self._database = database
        self._clock = clock
        self._name = name
        self._means = "Mail is not going out." if is_only else f"The relay {name} is not used now, the others are."
        self._problems = 0
        self._pauses = 0
        self._paused_until = 0.0
        self._worked = False
        self._login_is_refused = False
        self._alert_may_be_open = True  # an earlier process may have raised it

    @property
    def is_paused(self) -> bool:
        """Whether nothing should be sent now."""
        return self._paused_until > 0.0 and monotonic_seconds() < self._paused_until

    @property
    def is_trusted(self) -> bool:
        """Whether the last word of the relay was about a recipient: then a second mail may go behind the first's dot.

        One after the other until then, so that trouble is met by three mails and not by all that are under way.
        """
        return self._worked

    @property
    def is_on_trial(self) -> bool:
        """Whether it was paused and has not answered about a recipient or a mail since."""
        return self._pauses > 0

    def resume(self) -> None:
        """End a pause early, for a pass that somebody asked for."""
        self._paused_until = 0.0

    async def cannot_connect(self, error: RelayLoginError | RelayUnavailableError) -> None:
        """Pause, because no connection can be opened; the error's words are for the alert."""
        is_refused = isinstance(error, LoginRefusedError)
        self._login_is_refused = self._login_is_refused or is_refused
        await self._pause(str(error), _FIRST_LOGIN_PAUSE_SECONDS if is_refused else _FIRST_PAUSE_SECONDS)

    def connected(self) -> None:
        """Note that a connection was opened: if the login was refused before, it is not now."""
        self._login_is_refused = False

    async def problem(self, why: str) -> None:
        """Count a mail that the relay's own trouble kept back, and pause when that happens in a row."""
        self._problems += 1
        self._worked = False
        if self._problems >= _IN_A_ROW:
            await self._pause(why, _FIRST_PAUSE_SECONDS)

    async def works(self) -> None:
        """Note that the relay gave an answer about a recipient; resolve the alert."""
        self._worked = not self._login_is_refused
        await self._resolve()

    async def refuses_mail(self) -> None:
        """Note that the relay refused a mail for what it is: it works, but the next mails go one after the other."""
        self._worked = False
        await self._resolve()

    async def _pause(self, why: str, first_seconds: float) -> None:
        if self.is_paused:
            return  # another connection has told already
        self._worked = False
        seconds = min(_LONGEST_PAUSE_SECONDS, first_seconds * 2**self._pauses)
        self._pauses = min(self._pauses + 1, 10)
        self._paused_until = monotonic_seconds() + seconds
        warning("relay.paused", relay=self._name, seconds=seconds, reason=why)
        await self._tell(why)

    async def _resolve(self) -> None:
        if self._login_is_refused:
            return
        if not (self._problems or self._pauses or self._alert_may_be_open):
            return
        self._problems = self._pauses = 0
        self._alert_may_be_open = False  # before the first wait: one lane tells, not all of them
        matter = "relay" if self._name == MAIN_RELAY else f"relay:{self._name}"
        try:
            async with self._database.begin() as connection:
                was_open = await alerts.resolve(connection, matter, at=self._clock())
        except DatabaseUnavailableError:
            self._alert_may_be_open = True
            return
        if was_open:
            event("relay.works", relay=self._name)

    async def _tell(self, why: str) -> None:
        self._alert_may_be_open = True
        matter = "relay" if self._name == MAIN_RELAY else f"relay:{self._name}"
        try:
            async with self._database.begin() as connection:
                await alerts.raise_alert(connection, matter, f"{self._means} {why}", at=self._clock())
        except DatabaseUnavailableError as error:
            warning("relay.alert_not_stored", reason=str(error))

"""What a door is: something that takes mail from outside and hands it to the one `Intake` that all doors share.

A door believes nobody and decides nothing. It asks the intake whether an address is ours, hands over the bytes, and
tells its peer that the mail was taken (250, a folder) only after `keep` has returned: then it is stored. The adapters
are in `doors/`.

Alert: `inbound:DOOR`, raised by a door that cannot reach where its mail is, over when it can.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from digest.clock import Clock
from digest.config import Settings
from digest.database import Database, alerts
from digest.inbound import receive
from digest.models.inbound import Door


class Doorkeeper(Protocol):
    """One way in."""

    async def serve(self, stop: asyncio.Event) -> None:
        """Take mail until `stop` is set, then end within a few seconds; trouble outside is met by trying again.

        Raises `FixSetupError` when it cannot begin (a port that is taken).
        """
        ...


class Intake:
    """What doors hand their mails to. `news` is set with each mail that was kept, for whoever acts upon them."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self.news = asyncio.Event()
        self.max_bytes = settings.inbound_max_bytes
        self._database = database
        self._settings = settings
        self._clock = clock
        self._own = settings.own_addresses

    def knows(self, recipient: str) -> bool:
        """Whether this is an address of ours."""
        return self._own.read(recipient) is not None

    async def keep(self, door: Door, recipients: Sequence[str], envelope_from: str, content: bytes) -> None:
        """Store a mail for good; only then may its peer be told that it was taken.

        Raises `MailTooLargeError` (never), `DatabaseUnavailableError` (later); then nothing was kept.
        """
        taken = receive.Taken(door, recipients, envelope_from, content)
        if await receive.keep(self._database, self._settings, taken, now=self._clock()):
            self.news.set()

    async def alert(self, door: Door, text: str) -> None:
        """Tell the operator that a door does not get its mail."""
        async with self._database.begin() as connection:
            await alerts.raise_alert(connection, f"inbound:{door}", text, at=self._clock())

    async def is_well(self, door: Door) -> None:
        """Note that a door gets its mail again."""
        async with self._database.begin() as connection:
            await alerts.resolve(connection, f"inbound:{door}", at=self._clock())

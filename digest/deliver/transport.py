"""What the sender wants of a way out: open a connection, send one mail over it, say how it stands.

A transport that cannot open a connection raises `RelayLoginError` (somebody must repair the setup) or
`RelayUnavailableError` (it may work later); no delivery was begun then. Once a connection is open nothing is raised:
whatever happens to a mail is its `Outcome`. The adapters are in `transports/`.
"""

from dataclasses import dataclass
from typing import Protocol

from digest.models import Outcome


@dataclass(frozen=True, slots=True)
class RelayReport:
    """What `check` found out about a relay. `tls` is empty for a connection in the clear."""

    host: str
    port: int
    greeting: str
    tls: str
    extensions: tuple[str, ...]
    logged_in: bool

    @property
    def eight_bit(self) -> bool:
        """Whether Korean may be sent as it is instead of as base64 (RFC 6152)."""
        return "8bitmime" in self.extensions


class RelayConnection(Protocol):
    """One open connection. `eight_bit`: its mails may be 8bit."""

    @property
    def eight_bit(self) -> bool: ...

    async def is_ready(self) -> bool:
        """Whether the next mail can go over it: it is still open, and has not yet carried as many as it may."""
        ...

    async def send(self, envelope_from: str, recipient: str, content: bytes) -> Outcome:
        """Hand over one mail to one recipient (rule D26) and return what came of it. Never raises for the relay."""
        ...

    async def close(self) -> None:
        """Take leave and close. Never raises for the relay."""
        ...

    def abort(self) -> None:
        """Close at once; a `send` that is under way ends with the outcome of a lost connection."""
        ...


class Transport(Protocol):
    """A way out of the house."""

    async def open_connection(self) -> RelayConnection:
        """Connect, greet, secure and log in. Raises `RelayLoginError` or `RelayUnavailableError`."""
        ...

    async def check(self) -> RelayReport:
        """Do the same, take leave, and report; nothing is sent. Raises the same errors."""
        ...

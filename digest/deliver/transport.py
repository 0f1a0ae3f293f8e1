"""What the sender wants of a way out: open a lane, hand envelopes over on it, take their outcomes.

A transport that cannot open a lane raises `RelayLoginError` (somebody must repair the setup) or
`RelayUnavailableError` (it may work later); no delivery was begun then. Once a lane is open nothing is raised:
whatever happens to a mail is its `Outcome`. The adapters are in `transports/`.

    while envelopes or waiting:
        while lane.has_room and envelopes:
            lane.hand_over(envelopes.pop()); waiting += 1
        delivery_id, outcome = await lane.next_outcome(); waiting -= 1
"""

from dataclasses import dataclass
from typing import Protocol

from digest.models.deliveries import Outcome
from digest.records import record


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


@record
class Envelope:
    """One mail to one recipient (rule D26), ready for the wire: `content` as `wire.Prepared.content` gives it.

    `envelope_id` is what a bounce is to name (RFC 3461 §4.4), where the relay passes it on; empty: nothing is asked.
    `sender` empty: the null sender, of answers that nothing may be answered to (RFC 3834 §3.1, RFC 5230 §5.1).
    """

    delivery_id: int
    sender: bytes
    recipient: bytes
    content: bytes
    envelope_id: bytes = b""


class Lane(Protocol):
    """One open connection that carries one mail after the other. `eight_bit`: its mails may be 8bit.

    It takes at most two envelopes at a time: one whose body is on the wire, and one that stands behind its dot. If the
    connection is lost, at most the first of them is `uncertain`; the other is deferred and not charged.
    """

    @property
    def eight_bit(self) -> bool: ...

    @property
    def has_room(self) -> bool:
        """Whether an envelope may be handed over now; never once it is not usable."""
        ...

    @property
    def is_usable(self) -> bool:
        """False after 421, a lost connection or the cap on mails: take the outstanding outcomes, then close."""
        ...

    def hand_over(self, envelope: Envelope) -> None:
        """Begin to send. Only while it `has_room`; writes what can be written and does not wait."""
        ...

    async def next_outcome(self) -> tuple[int, Outcome]:
        """Wait for the next outcome, in the order of handing over; each envelope gets exactly one. Never raises for
        the relay. May be cancelled: the outcome then waits for the next call.
        """
        ...

    async def close(self) -> None:
        """Take leave and close, after a few seconds at most. Never raises for the relay."""
        ...

    def abort(self) -> None:
        """Close at once; what is under way ends with the outcome of a lost connection."""
        ...


class Transport(Protocol):
    """A way out of the house."""

    async def open_lane(self) -> Lane:
        """Connect, greet, secure and log in. Raises `RelayLoginError` or `RelayUnavailableError`."""
        ...

    async def check(self) -> RelayReport:
        """Do the same, take leave, and report; nothing is sent. Raises the same errors."""
        ...


@dataclass(frozen=True, slots=True)
class WayOut:
    """One of several relays: its name, the way to it, and how many lanes it may have open at a time."""

    name: str
    transport: Transport
    connections: int

"""Speak SMTP to a relay (RFC 5321).

connect   connect, greet, secure, log in: over aiosmtplib
commands  MAIL, RCPT and DATA of one envelope
replies   what the server says, cut into replies: pure
lane      the conversation: our own protocol on aiosmtplib's transport, pipelined
plain     the same one command at a time, where the transport cannot be taken over
"""

import asyncio
import ssl

from digest.deliver.transport import Lane, RelayReport
from digest.deliver.transports.smtp.commands import Abilities
from digest.deliver.transports.smtp.connect import Relay, connect, make_trust, own_name
from digest.deliver.transports.smtp.lane import SmtpLane
from digest.deliver.transports.smtp.plain import PlainLane
from digest.models.deliveries import Tls

__all__ = ["Relay", "SmtpTransport"]


class SmtpTransport:
    """Opens lanes to one relay. `tls_context` None: the system's authorities decide whom to trust.

    `take_over` False leaves every connection to aiosmtplib, one command at a time.
    """

    def __init__(self, relay: Relay, *, tls_context: ssl.SSLContext | None = None, take_over: bool = True) -> None:
        self.relay = relay
        # Reading the system's authorities takes a tenth of a second, so only where they are needed.
        self._trust = tls_context or (None if relay.tls is Tls.NONE else make_trust(verify=relay.verify))
        self._takes_over = take_over
        self._own_name = ""

    async def open_lane(self) -> Lane:
        """Connect, greet, secure and log in. Raises `RelayLoginError` or `RelayUnavailableError`."""
        client, _ = await connect(self.relay, self._trust, await self._name())
        abilities = Abilities(
            pipelining=client.supports_extension("pipelining"),
            eight_bit=client.supports_extension("8bitmime"),
            size=client.supports_extension("size"),
            dsn=client.supports_extension("dsn"),
        )
        # aiosmtplib waits for nothing now. Once its protocol is replaced, its object hears of nothing any more and is
        # let go; it does not close what it has opened.
        transport = client.transport
        if self._takes_over and isinstance(transport, asyncio.Transport) and not transport.is_closing():
            return SmtpLane(transport, self.relay, abilities)
        return PlainLane(client, self.relay, abilities)

    async def check(self) -> RelayReport:
        """Do the same, take leave, and report; nothing is sent. Raises the same errors."""
        client, greeting = await connect(self.relay, self._trust, await self._name())
        tls = client.get_transport_info("ssl_object")
        report = RelayReport(
            host=self.relay.host,
            port=self.relay.port,
            greeting=greeting,
            tls=f"{tls.version()}, certificate {'verified' if self.relay.verify else 'not verified'}" if tls else "",
            extensions=tuple(sorted(client.esmtp_extensions)),
            logged_in=bool(self.relay.user),
        )
        await PlainLane(client, self.relay, Abilities(pipelining=False, eight_bit=False, size=False)).close()
        return report

    async def _name(self) -> str:
        self._own_name = self._own_name or await asyncio.to_thread(own_name)
        return self._own_name

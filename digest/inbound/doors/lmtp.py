"""The listener: a mail server in front hands mails over by LMTP (RFC 2033) or SMTP (RFC 5321).

Unknown recipients are refused at RCPT (550), mails that are too large with 552, and while the database is away all of
it later (451); 250 is answered when the mail is stored, never before. Nothing is relayed. A peer is cut off after five
minutes without a command or in the middle of a mail; there are at most 50 at a time, with 100 recipients a mail each.

The protocol is aiosmtpd's (1.4.6), with three things put right: by LMTP it answers once for all recipients (issue 517),
where each wants an answer of its own, also after an error; what it cannot parse it answers by 500 with the error's own
text; and a line of more than 998 octets is refused for ever, where bounces and webmail write them.

Events: inbound.listening, inbound.not_kept.
"""

import asyncio
import errno
import logging
import weakref
from typing import Any

from aiosmtpd.smtp import SMTP, syntax

from digest.config import Settings
from digest.errors import DatabaseUnavailableError, FixSetupError, MailTooLargeError
from digest.events import event, failure
from digest.inbound.door import Intake
from digest.models.inbound import Door

_PEERS = 50
_RECIPIENTS = 100
_SILENCE_SECONDS = 300.0
_LAST_MAILS_SECONDS = 3.0
_LINE_BYTES = 1_000_000
_TODO = {
    errno.EADDRINUSE: "Is it running already? Otherwise set INBOUND_PORT to a free port.",
    errno.EACCES: "Set INBOUND_PORT to a port from 1024 on; others belong to the system.",
}


class Listener:
    """The door for a mail server in front. `port` is where it listens once it serves."""

    def __init__(self, intake: Intake, door: Door, host: str, port: int) -> None:
        self.port = port
        self.ready = asyncio.Event()
        self._intake = intake
        self._door = door
        self._host = host
        self._peers: weakref.WeakSet[_Protocol] = weakref.WeakSet()
        self._keeping: set[asyncio.Future[str]] = set()

    @classmethod
    def of(cls, settings: Settings, intake: Intake) -> "Listener":
        """Make the listener that the settings ask for."""
        return cls(intake, Door(settings.inbound_protocol), settings.inbound_host, settings.inbound_port)

    async def serve(self, stop: asyncio.Event) -> None:
        """Listen until `stop`; mails that are being taken then get their answer, within three seconds."""
        # It logs addresses, and what it cannot parse as an error of ours.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        try:
            server = await asyncio.get_running_loop().create_server(self._protocol, self._host, self.port)
        except OSError as error:
            todo = _TODO.get(error.errno or 0, "Set INBOUND_HOST to an address of this machine.")
            raise FixSetupError(
                f"The door for mail cannot listen on {self._host}:{self.port} ({error.strerror}). {todo}"
            ) from error
        self.port = server.sockets[0].getsockname()[1]
        event("inbound.listening", door=self._door, port=self.port)
        self.ready.set()
        try:
            await stop.wait()
        finally:
            server.close()
            await self._end_peers()

    async def _end_peers(self) -> None:
        if self._keeping:
            await asyncio.wait(set(self._keeping), timeout=_LAST_MAILS_SECONDS)
            await asyncio.sleep(0.01)  # lets the answers be written
        for peer in list(self._peers):
            if peer.transport is not None:
                peer.transport.close()
        await asyncio.sleep(0)  # lets the protocols notice

    def _protocol(self) -> asyncio.Protocol:
        if sum(peer.transport is not None for peer in list(self._peers)) >= _PEERS:
            return _Busy()
        protocol = _Lmtp if self._door is Door.LMTP else _Protocol
        peer = protocol(
            _Handler(self._intake, self._door, self._keeping),
            hostname="localhost",
            ident="newspaper digest",
            data_size_limit=self._intake.max_bytes,
            enable_SMTPUTF8=True,
            timeout=_SILENCE_SECONDS,
        )
        self._peers.add(peer)
        return peer


class _Busy(asyncio.Protocol):
    """For one peer too many: it tries again later."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"421 4.3.2 Too many connections, try again later\r\n")
        transport.close()


class _Handler:
    """The answers. Names and arguments are aiosmtpd's; Any: it has no types."""

    def __init__(self, intake: Intake, door: Door, keeping: set[asyncio.Future[str]]) -> None:
        self._intake = intake
        self._door = door
        self._keeping = keeping

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        """Take one recipient, if it is an address of ours."""
        if not self._intake.knows(address):
            return "550 5.1.1 No such address here"
        if len(envelope.rcpt_tos) >= _RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep one mail, and say what came of it."""
        keeping = asyncio.ensure_future(self._keep(envelope))
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        # A peer that goes away in this moment brings the mail again; what has begun is stored all the same.
        return await asyncio.shield(keeping)

    async def handle_exception(self, _error: Exception) -> str:
        """Answer a command that the protocol could not parse; a stranger gets no more words."""
        return "501 5.5.2 Syntax error"

    async def _keep(self, envelope: Any) -> str:
        sender = "" if envelope.mail_from == "<>" else envelope.mail_from
        try:
            await self._intake.keep(self._door, envelope.rcpt_tos, sender, envelope.original_content)
        except MailTooLargeError:
            return "552 5.3.4 The mail is too large"
        except DatabaseUnavailableError as error:
            failure("inbound.not_kept", door=self._door, reason=str(error))
            return "451 4.3.0 Cannot keep it now, try again later"
        except Exception as error:
            failure("inbound.not_kept", exc_info=error, door=self._door, reason=type(error).__name__)
            return "451 4.3.0 Cannot keep it now, try again later"
        return "250 2.6.0 Kept"


class _Protocol(SMTP):
    """SMTP as we want it."""

    line_length_limit = _LINE_BYTES


class _Lmtp(_Protocol):
    """LMTP: LHLO instead of HELO and EHLO, and after a mail's content one answer for each recipient."""

    def __init__(self, *words: Any, **named: Any) -> None:
        super().__init__(*words, **named)
        self._recipients = 0
        self._has_content = False

    @syntax("LHLO hostname")
    async def smtp_LHLO(self, arg: str) -> None:  # noqa: N802
        """Greet."""
        await super().smtp_EHLO(arg)

    async def smtp_HELO(self, _arg: str) -> None:  # noqa: N802
        """Refuse it (RFC 2033 §4.1)."""
        await self.push("500 5.5.1 This is LMTP: say LHLO")

    async def smtp_EHLO(self, _arg: str) -> None:  # noqa: N802
        """Refuse it (RFC 2033 §4.1)."""
        await self.push("500 5.5.1 This is LMTP: say LHLO")

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """Take a mail's content."""
        assert self.envelope is not None
        self._recipients = len(self.envelope.rcpt_tos)
        try:
            await super().smtp_DATA(arg)
        finally:
            self._has_content = False

    async def push(self, status: Any) -> None:
        """Write an answer, once for each recipient where it is about a mail's content."""
        if self._has_content:
            status = "\r\n".join([status] * self._recipients)
        self._has_content = status.startswith("354")
        await super().push(status)

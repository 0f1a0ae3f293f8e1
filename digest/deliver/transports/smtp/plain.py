"""The fallback lane: one mail at a time through aiosmtplib's own commands, for a transport that cannot be taken over.

That is any loop whose transports are not asyncio's. Six round trips instead of one, and the same outcomes. Command by
command and not `sendmail`, because that folds "lost before the body" and "lost after the body" into one error, and
these two must never be confused: the first is tried again, the second is `uncertain` (`digest.deliver.outcome`).
"""

import asyncio

import aiosmtplib

from digest.deliver import outcome
from digest.deliver.outcome import Stage
from digest.deliver.transport import Envelope
from digest.deliver.transports.smtp.commands import Abilities, make_commands
from digest.deliver.transports.smtp.connect import Relay
from digest.models.deliveries import Outcome, Reply

_GOODBYE_SECONDS = 2.0
_WANTED = (
    (Stage.MAIL, frozenset({250})),
    (Stage.RCPT, frozenset({250, 251, 252})),
    (Stage.DATA, frozenset({354})),
)
# What aiosmtplib raises when a connection breaks off, an answer does not come, or one cannot be read.
_BROKEN = (aiosmtplib.SMTPException, OSError)


class PlainLane:
    """See `digest.deliver.transport.Lane`. It takes one envelope at a time."""

    def __init__(self, client: aiosmtplib.SMTP, relay: Relay, abilities: Abilities) -> None:
        self.eight_bit = abilities.eight_bit
        self._client = client
        self._relay = relay
        self._abilities = abilities
        self._handed_over = 0
        self._sending: asyncio.Task[tuple[int, Outcome]] | None = None

    @property
    def is_usable(self) -> bool:
        """Whether more may be handed over, now or later."""
        return self._client.is_connected and self._handed_over < self._relay.messages

    @property
    def has_room(self) -> bool:
        """True while nothing is under way and every outcome was taken."""
        return self._sending is None and self.is_usable

    def hand_over(self, envelope: Envelope) -> None:
        """Begin to send. Only while it `has_room`."""
        if not self.has_room:
            raise RuntimeError("the lane has no room")
        self._handed_over += 1
        self._sending = asyncio.create_task(self._send(envelope))

    async def next_outcome(self) -> tuple[int, Outcome]:
        """Wait for the outcome of the envelope that was handed over."""
        if self._sending is None:
            raise RuntimeError("nothing was handed over")
        ended = await asyncio.shield(self._sending)
        self._sending = None
        return ended

    async def close(self) -> None:
        """Take leave, at most two seconds long, and close."""
        try:
            if self._client.is_connected and self._sending is None:
                await self._client.execute_command(b"QUIT", timeout=_GOODBYE_SECONDS)
        except _BROKEN:
            pass  # it is closed anyway
        self.abort()

    def abort(self) -> None:
        """Close at once; what is under way ends as with a lost connection."""
        transport = self._client.transport
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()  # close() alone would first wait for a peer that does not read
        self._client.close()

    async def _send(self, envelope: Envelope) -> tuple[int, Outcome]:
        stage = Stage.MAIL
        try:
            commands = make_commands(envelope, self._abilities)
            for (stage, wanted), command in zip(_WANTED, commands, strict=True):
                reply = _read(await self._client.execute_command(command.removesuffix(b"\r\n")))
                if reply.code not in wanted:
                    return envelope.delivery_id, await self._refused(stage, reply, has_sender=bool(envelope.sender))
            stage = Stage.BODY
            reply = await self._hand_over_body(envelope.content)
        except _BROKEN as error:
            self.abort()
            return envelope.delivery_id, outcome.lost(stage, str(error) or type(error).__name__)
        if 200 <= reply.code < 300:
            return envelope.delivery_id, outcome.judge(Stage.BODY, reply)
        return envelope.delivery_id, await self._refused(Stage.BODY, reply)

    async def _hand_over_body(self, content: bytes) -> Reply:
        protocol = self._client.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("the relay closed the connection")
        protocol.write(content)
        return _read(await protocol.read_response(timeout=self._relay.final_timeout_seconds))

    async def _refused(self, stage: Stage, reply: Reply, *, has_sender: bool = True) -> Outcome:
        """Judge a refusal and leave the connection fit for the next mail, or closed."""
        if 400 <= reply.code < 600 and reply.code != 421:
            try:
                await self._client.rset()
            except _BROKEN:
                self.abort()
        else:
            self.abort()
        return outcome.judge(stage, reply, has_sender=has_sender)


def _read(response: aiosmtplib.SMTPResponse) -> Reply:
    return outcome.read_reply(response.code, response.message)

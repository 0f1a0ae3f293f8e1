"""A lane: one open connection on which mails follow each other with one round trip each (RFC 2920, PIPELINING).

aiosmtplib has connected, secured and logged in; then this protocol takes over the transport (`set_protocol`). It sends
MAIL, RCPT and DATA in one write, the body after 354, and the next envelope's three commands right behind the dot:

    ours      MAIL RCPT DATA        body . MAIL RCPT DATA        body . MAIL RCPT DATA
    theirs                  ok ok 354                    taken ok ok 354

DATA is always last of its group, and no body is sent before its own 354. So a lost connection leaves at most one mail
in doubt, the one whose body was on the wire; the one behind the dot is deferred and costs nothing. Replies are paired
with commands by their order alone, so an answer that cannot belong to its command ends the connection, and whatever
was read of that envelope is not believed. An envelope that was refused although DATA was accepted gets the bare dot.

A relay without PIPELINING gets one command at a time from the same code. Nothing the peer does makes us keep more than
two mails: that is all that may be handed over, so the write buffer needs no watching. Every answer has its time limit,
counted per answer and not per octet. No task and no timer is made per mail.
"""

import asyncio
import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from digest.deliver import outcome
from digest.deliver.outcome import Stage
from digest.deliver.transport import Envelope
from digest.deliver.transports.smtp.commands import END_OF_MAIL, Abilities, make_commands
from digest.deliver.transports.smtp.connect import Relay
from digest.deliver.transports.smtp.replies import ReplyReader
from digest.models.deliveries import Outcome, Reply

_GOODBYE_SECONDS = 2.0
_LEAVING = 421
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux
_TLS_FRAME = 64  # octets at most around a record

_WANTED = {
    Stage.RSET: frozenset({250}),
    Stage.MAIL: frozenset({250}),
    Stage.RCPT: frozenset({250, 251, 252}),
    Stage.DATA: frozenset({354}),
}
_FOLLOWING = {Stage.RSET: Stage.MAIL, Stage.MAIL: Stage.RCPT, Stage.RCPT: Stage.DATA}


@dataclass(slots=True)
class _Turn:
    """One envelope on its way. `stage` is what the next reply answers; `verdict` is set as soon as it is refused."""

    delivery_id: int
    commands: tuple[bytes, bytes, bytes]
    content: bytes
    stage: Stage = Stage.MAIL
    verdict: Outcome | None = None
    is_written: bool = False


class SmtpLane(asyncio.Protocol):
    """See `digest.deliver.transport.Lane`. Make it with the transport it takes over."""

    def __init__(self, transport: asyncio.Transport, relay: Relay, abilities: Abilities) -> None:
        self.eight_bit = abilities.eight_bit
        self._transport = transport
        self._socket: socket.socket | None = transport.get_extra_info("socket")
        self._relay = relay
        self._abilities = abilities
        self._loop = asyncio.get_running_loop()
        self._replies = ReplyReader()
        self._head: _Turn | None = None
        self._next: _Turn | None = None
        self._handed_over = 0
        self._answered = 0
        self._more_was_said = False
        self._body_is_due = False
        self._needs_reset = False
        self._is_over = False
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._outcomes: deque[tuple[int, Outcome]] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._goodbye: asyncio.Future[None] | None = None
        transport.set_protocol(self)

    # ── for the sender ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def is_usable(self) -> bool:
        """Whether more may be handed over, now or later."""
        return not self._is_over and self._goodbye is None and self._handed_over < self._relay.messages

    @property
    def has_room(self) -> bool:
        """Whether an envelope may be handed over now."""
        return self._next is None and self.is_usable  # `_next` is never there without `_head`

    def hand_over(self, envelope: Envelope) -> None:
        """Begin to send. Only while it `has_room`."""
        if not self.has_room:
            raise RuntimeError("the lane has no room")
        turn = _Turn(envelope.delivery_id, make_commands(envelope, self._abilities), envelope.content)
        self._handed_over += 1
        if self._head is None:
            self._head = turn
            self._begin(turn)
        else:
            self._next = turn
            if self._head.stage in (Stage.BODY, Stage.EMPTY_BODY) and self._abilities.pipelining:
                self._transport.write(self._group(turn))

    async def next_outcome(self) -> tuple[int, Outcome]:
        """Wait for the next outcome, in the order of handing over."""
        while not self._outcomes:
            self._waiter = self._loop.create_future()
            await self._waiter
        return self._outcomes.popleft()

    async def close(self) -> None:
        """Take leave, at most two seconds long, and close."""
        if self._head is None and not self._is_over:
            self._goodbye = self._loop.create_future()
            self._transport.write(b"QUIT\r\n")
            try:
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await self._goodbye
            except TimeoutError:
                pass
            else:
                self._transport.close()  # says goodbye in TLS, too; `abort` alone would not
        self._lose("closed by us")

    def abort(self) -> None:
        """Close at once; what is under way ends as with a lost connection."""
        self._lose("cut by us")

    # ── for the transport ────────────────────────────────────────────────────────────────────────────────────────

    def data_received(self, data: bytes) -> None:
        """Pair what the relay says with what it was told."""
        replies = self._replies.feed(data)
        left = len(replies)
        for code, text in replies:
            if self._is_over:
                return
            left -= 1
            self._more_was_said = left > 0
            self._take(code, text)
        if replies and self._head is not None and self._head.stage is not Stage.BODY:
            self._deadline = self._loop.time() + self._relay.timeout_seconds
            if not self._body_is_due:
                self._acknowledge()

    def eof_received(self) -> None:
        """Take the relay's end for the connection's: it will not answer any more, so nothing is waited for."""
        self._lose("the relay closed the connection", is_closed=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give every envelope its outcome."""
        self._lose(str(exc) if exc else "the relay closed the connection", is_closed=True)

    # ── the conversation ─────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, turn: _Turn) -> None:
        """Write the commands of the envelope whose turn it is, unless they stand behind the last dot already."""
        if not turn.is_written:
            self._transport.write(self._group(turn))
        self._deadline = self._loop.time() + self._relay.timeout_seconds
        if self._timer is None:
            self._timer = self._loop.call_later(self._relay.timeout_seconds, self._look_at_the_time)

    def _group(self, turn: _Turn) -> bytes:
        """Return what begins an envelope: all three commands, or the first where one is sent at a time."""
        turn.is_written = True
        if self._needs_reset:
            # The envelope before was refused and its transaction left open; RSET may stand in a group (RFC 2920 §3.1).
            self._needs_reset = False
            turn.stage = Stage.RSET
            return b"".join((b"RSET\r\n", *turn.commands)) if self._abilities.pipelining else b"RSET\r\n"
        return b"".join(turn.commands) if self._abilities.pipelining else turn.commands[0]

    def _take(self, code: int, text: bytes) -> None:
        turn = self._head
        if turn is None or self._body_is_due:
            self._take_unasked(code, text)
        elif code == _LEAVING:
            reply = _read(code, text)
            self._lose(f"the relay said {outcome.in_words(reply)}", verdict=turn.verdict or _judged(turn, reply))
        elif turn.stage is Stage.BODY:
            self._take_answer_to_body(turn, code, text)
        elif not 200 <= code < 600:
            self._lose_step(code, text)
        elif turn.stage is Stage.EMPTY_BODY:
            self._end_turn(turn, turn.verdict)
        else:
            self._take_answer_to_command(turn, code, text)

    def _take_answer_to_command(self, turn: _Turn, code: int, text: bytes) -> None:
        is_good = code in _WANTED[turn.stage]
        if not is_good and turn.verdict is None:
            if code < 400 or turn.stage is Stage.RSET:
                self._lose_step(code, text)
                return
            turn.verdict = _judged(turn, _read(code, text))
        if turn.stage is not Stage.DATA:
            turn.stage = _FOLLOWING[turn.stage]
            if not self._abilities.pipelining:
                self._write_next_command(turn)
        elif is_good:
            self._body_is_due = True
            # One step later: the sender is woken first and may have the next envelope for the same write.
            self._loop.call_soon(self._write_body)
        elif code < 400 or self._more_was_said:  # nothing stands behind DATA that could be answered already
            self._lose_step(code, text)
        else:
            self._needs_reset = True
            self._end_turn(turn, turn.verdict)

    def _write_next_command(self, turn: _Turn) -> None:
        if turn.verdict is not None:
            self._needs_reset = True
            self._end_turn(turn, turn.verdict)
        else:
            self._transport.write(turn.commands[(Stage.MAIL, Stage.RCPT, Stage.DATA).index(turn.stage)])

    def _write_body(self) -> None:
        turn = self._head
        if turn is None or self._is_over:
            return
        if self._replies.unfinished:
            self._lose("it began an answer before it had the mail")
            return
        self._body_is_due = False
        is_refused = turn.verdict is not None
        turn.stage = Stage.EMPTY_BODY if is_refused else Stage.BODY
        content = END_OF_MAIL if is_refused else turn.content
        self._deadline = self._loop.time() + self._relay.final_timeout_seconds
        if self._next is not None and self._abilities.pipelining:
            self._transport.writelines((content, self._group(self._next)))
        else:
            self._transport.write(content)

    def _take_answer_to_body(self, turn: _Turn, code: int, text: bytes) -> None:
        behind = len(b"".join(self._next.commands)) if self._next is not None and self._next.is_written else 0
        is_early = self._transport.get_write_buffer_size() > behind + _TLS_FRAME
        ended = outcome.judge(Stage.BODY, _read(code, text))
        if not is_early and (200 <= code < 300 or 400 <= code < 600):
            self._end_turn(turn, ended)
        elif code >= 400:
            self._lose("it refused a mail that it had not wholly read", verdict=ended)
        else:
            self._lose_step(code, text)

    def _end_turn(self, turn: _Turn, ended: Outcome | None) -> None:
        assert ended is not None
        self._answered += 1
        self._tell(turn, ended)
        self._head, self._next = self._next, None
        if self._head is not None:
            self._begin(self._head)

    def _acknowledge(self) -> None:
        """Tell the peer's TCP at once that the first of its answers has come, while more are waited for.

        Postfix 3.7 answers the body and the envelope behind it in two small writes under TLS; the second then waits for
        our acknowledgment (Nagle), and that for 40 ms (RFC 1122 §4.2.3.2): 45 ms a mail instead of 3 (2026-11-23).
        """
        if _QUICK_ACK is not None and self._socket is not None:
            with suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)

    # ── its ends ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _take_unasked(self, code: int, text: bytes) -> None:
        """Answer to what the relay says unasked: it leaves (421 between mails), says goodbye, or is out of step."""
        if self._goodbye is not None:
            if not self._goodbye.done():
                self._goodbye.set_result(None)
        elif code == _LEAVING:
            self._lose(f"the relay said {outcome.in_words(_read(code, text))}", is_closed=True)
        else:
            self._lose_step(code, text)

    def _lose_step(self, code: int, text: bytes) -> None:
        self._lose(f"the answer {outcome.in_words(_read(code, text))} makes no sense here")

    def _look_at_the_time(self) -> None:
        """Fire at least every `timeout_seconds` while something is under way; no deadline is nearer than that."""
        self._timer = None
        if self._head is None or self._is_over:
            return
        left = self._deadline - self._loop.time()
        if left <= 0:
            self._lose("timed out")
        else:
            self._timer = self._loop.call_later(min(left, self._relay.timeout_seconds), self._look_at_the_time)

    def _lose(self, how: str, *, verdict: Outcome | None = None, is_closed: bool = False) -> None:
        """End the connection and give what is under way its outcome.

        `verdict` is the first one's, if the relay gave it. `is_closed`: the relay ended the connection in step with
        what it was told, so a refusal read before stands, and after good mails it is no trouble.
        """
        if self._is_over:
            return
        self._is_over = True
        head, following = self._head, self._next
        self._head = self._next = None
        if head is not None:
            self._tell(head, verdict or self._ended(head, how, is_closed=is_closed))
        if following is not None:
            self._tell(following, outcome.not_begun(how))
        if self._timer is not None:
            self._timer.cancel()
        if self._goodbye is not None and not self._goodbye.done():
            self._goodbye.set_result(None)
        self._transport.abort()  # `close` would first wait for a peer that does not read

    def _ended(self, turn: _Turn, how: str, *, is_closed: bool) -> Outcome:
        if is_closed and turn.verdict is not None:
            return turn.verdict
        if is_closed and self._answered and turn.stage in (Stage.RSET, Stage.MAIL):
            return outcome.not_begun(how)
        return outcome.lost(turn.stage, how)

    def _tell(self, turn: _Turn, ended: Outcome) -> None:
        self._outcomes.append((turn.delivery_id, ended))
        if self._waiter is not None:
            if not self._waiter.done():
                self._waiter.set_result(None)
            self._waiter = None


def _judged(turn: _Turn, reply: Reply) -> Outcome:
    return outcome.judge(turn.stage, reply, has_sender=not turn.commands[0].startswith(b"MAIL FROM:<>"))


def _read(code: int, text: bytes) -> Reply:
    return outcome.read_reply(code, text.decode("utf-8", "replace"))

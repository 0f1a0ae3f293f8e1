"""SMTP servers for tests: a fast one that keeps a log, and one that does what no server should.

`python -m tests.support.smtp_server --port 2525 --log mails.jsonl` runs the fast one as a process of its own, so that
its log outlives whatever a test kills. One JSON line per accepted mail, written before the 250: what is not in the log
was not taken, what is in it twice was sent twice. `--port 0` picks a free port and prints it as the first line.

`HostileServer` runs inside the test and follows a `Script`. Both are plain asyncio, written apart from aiosmtpd and
aiosmtplib, and listen on loopback only.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import re
import signal
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

TLS = Path(__file__).parent / "tls"
_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
_EXTENSIONS = ("8BITMIME", "SIZE 33554432", "PIPELINING", "ENHANCEDSTATUSCODES")

CLOSE = "(close the connection)"
SILENCE = "(never answer)"
NOTHING = "(say nothing and go on)"


@dataclass(frozen=True)
class Received:
    """A mail as the server got it. `acknowledged` False: it has the mail, but never said so."""

    envelope_from: str
    recipient: str
    options: str
    content: bytes
    acknowledged: bool = True


@dataclass
class Script:
    """What a hostile server answers at each stage: a reply line, `CLOSE`, `SILENCE` or `NOTHING`; a list is used up in
    turn. Several lines in one are several replies.

    Stages are greeting, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, BODY (after the dot) and RSET; those not named go well.
    `cut_body_after` closes the connection when that many bytes of a body were read; `stops_reading` leaves the body
    lying after its first line. `by_recipient` overrides RCPT. `takes_data` answers 354 although nobody is to get it.
    `drip_seconds` sends every reply octet by octet, with that pause between them.
    """

    replies: dict[str, str | list[str]] = field(default_factory=dict)
    by_recipient: dict[str, str] = field(default_factory=dict)
    extensions: tuple[str, ...] = _EXTENSIONS
    certificate: str = ""
    cut_body_after: int | None = None
    close_after_reply: frozenset[str] = frozenset()
    stops_reading: bool = False
    takes_data: bool = False
    drip_seconds: float | None = None

    def reply(self, stage: str, good: str) -> str:
        scripted = self.replies.get(stage)
        if isinstance(scripted, list):
            return scripted.pop(0) if scripted else good
        return good if scripted is None else scripted


class HostileServer:
    """Use it as `async with HostileServer(Script(…)) as server` and connect to `server.port`.

    `mails` is what it got, `commands` every command line it read, `on_mail` is called with each mail before the answer.
    """

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.port = 0
        self.mails: list[Received] = []
        self.commands: list[str] = []
        self.connections = 0
        self.conversations: list[Conversation] = []
        self.on_mail: Callable[[Received], object] | None = None
        self._heard = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "HostileServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def heard(self, verb: str) -> None:
        """Wait until a command that begins with `verb` was read ("(body)": until a body is left lying)."""
        while not any(command.startswith(verb) for command in self.commands):
            self._heard.clear()
            await self._heard.wait()

    def note(self, command: str) -> None:
        self.commands.append(command)
        self._heard.set()

    @property
    def recipients(self) -> list[str]:
        return [mail.recipient for mail in self.mails]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        conversation = Conversation(self, reader, writer)
        self.conversations.append(conversation)
        try:
            await conversation.hold()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()


class _OverError(ConnectionError):
    """The script closes the connection here."""


class Conversation:
    """One connection as the server sees it; `say` and `end_our_side` break into it."""

    def __init__(self, server: HostileServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._script = server, server.script
        self._reader, self._writer = reader, writer
        self._options = ""
        self._from: str | None = None
        self._recipient: str | None = None
        self._tls = False

    def say(self, text: str) -> None:
        """Say something that was not asked."""
        self._writer.write(text.encode() + b"\r\n")

    @property
    def has_unread(self) -> bool:
        """Whether anything has come that was not read yet."""
        return bool(self._reader._buffer)  # type: ignore[attr-defined]

    async def unread(self, words: bytes) -> None:
        """Wait, for at most five seconds, until `words` have come without being read."""
        async with asyncio.timeout(5):
            while words not in self._reader._buffer:  # type: ignore[attr-defined]  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)

    def end_our_side(self) -> None:
        """Close one half of the connection and go on not reading."""
        self._writer.write_eof()

    async def hold(self) -> None:
        await self._say("greeting", "220 hostile.test ESMTP")
        while line := await self._reader.readline():
            text = line.decode("ascii", "replace").rstrip("\r\n")
            self._server.note(text)
            verb = text.split(" ", 1)[0].upper()
            if verb == "QUIT":
                await self._write("221 2.0.0 bye")
                return
            await self._obey(verb, text)

    async def _obey(self, verb: str, text: str) -> None:
        match verb:
            case "EHLO":
                lines = ["hostile.test", *self._extensions()]
                ends = ["-"] * (len(lines) - 1) + [" "]
                await self._say("EHLO", "\r\n".join(f"250{end}{line}" for end, line in zip(ends, lines, strict=True)))
            case "STARTTLS":
                if (await self._say("STARTTLS", "220 2.0.0 go ahead")).startswith("220"):
                    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                    context.load_cert_chain(TLS / self._script.certificate)
                    await self._writer.start_tls(context)
                    self._tls = True
            case "AUTH":
                await self._authenticate(text)
            case "MAIL" | "RCPT" | "DATA" | "RSET":
                await self._transact(verb, text)
            case _:
                await self._say(verb, "250 2.0.0 ok")

    async def _transact(self, verb: str, text: str) -> None:
        match verb:
            case "MAIL" if self._from is not None:
                await self._write("503 5.5.1 nested MAIL command")
            case "MAIL":
                sender, _, self._options = text.partition("<")[2].partition(">")
                if (await self._say("MAIL", "250 2.1.0 ok"))[:1] not in "45":
                    self._from = sender
            case "RCPT" if self._from is None:
                await self._write("503 5.5.1 need MAIL command")
            case "RCPT":
                recipient = text.partition("<")[2].partition(">")[0]
                special = self._script.by_recipient.get(recipient)
                reply = await (self._act("RCPT", special) if special else self._say("RCPT", "250 2.1.5 ok"))
                if reply[:1] not in "45":
                    self._recipient = recipient
            case "DATA" if self._recipient is None and not self._script.takes_data:
                await self._write("554 5.5.1 no valid recipients")
            case "DATA":
                if "354" in (reply := await self._say("DATA", "354 go ahead")) or reply == NOTHING:
                    await self._take_body()
            case "RSET":
                self._from = self._recipient = None
                await self._say("RSET", "250 2.0.0 ok")

    def _extensions(self) -> tuple[str, ...]:
        offered = self._script.extensions
        return (*offered, "STARTTLS") if self._script.certificate and not self._tls else offered

    async def _authenticate(self, text: str) -> None:
        self._server.commands[-1] = text.split(" ", 2)[1]
        if text.upper().startswith("AUTH LOGIN"):
            for word in ("Username:", "Password:")[text.count(" ") - 1 :]:  # the name may stand in the command
                await self._write("334 " + base64.b64encode(word.encode()).decode())
                await self._reader.readline()
        await self._say("AUTH", "235 2.7.0 welcome")

    async def _take_body(self) -> None:
        if self._script.stops_reading:
            await self._reader.readline()
            self._server.note("(body)")
            await asyncio.Event().wait()
        lines: list[bytes] = []
        read = 0
        while not lines or lines[-1] != b".\r\n":
            lines.append(await self._reader.readline())
            read += len(lines[-1])
            if not lines[-1] or (self._script.cut_body_after is not None and read >= self._script.cut_body_after):
                raise _OverError
        content = b"".join(lines[:-1])
        sender, recipient, self._from, self._recipient = self._from, self._recipient, None, None
        if recipient is None:
            await self._write("554 5.5.1 no valid recipients")
            return
        reply = self._script.reply("BODY", "250 2.0.0 taken")
        mail = Received(
            sender or "",
            recipient,
            self._options.strip(),
            re.sub(rb"(?m)^\.", b"", content),
            acknowledged=reply.startswith("2"),
        )
        if reply[0] not in "45":
            self._server.mails.append(mail)
        if self._server.on_mail:
            result = self._server.on_mail(mail)
            if asyncio.iscoroutine(result):
                await result
        await self._act("BODY", reply)

    async def _say(self, stage: str, good: str) -> str:
        return await self._act(stage, self._script.reply(stage, good))

    async def _act(self, stage: str, reply: str) -> str:
        if reply == CLOSE:
            raise _OverError
        if reply == SILENCE:
            await asyncio.Event().wait()
        if reply != NOTHING:
            await self._write(reply)
        if stage in self._script.close_after_reply:
            raise _OverError
        return reply

    async def _write(self, text: str) -> None:
        said = text.encode() + b"\r\n"
        if self._script.drip_seconds is None:
            self._writer.write(said)
            await self._writer.drain()
            return
        for octet in said:
            self._writer.write(bytes([octet]))
            await self._writer.drain()
            await asyncio.sleep(self._script.drip_seconds)


def trusting_context() -> ssl.SSLContext:
    """Return a client's context that trusts the authority of the tests and nobody else."""
    return ssl.create_default_context(cafile=str(TLS / "authority.pem"))


# ── the fast one, a process ──────────────────────────────────────────────────────────────────────────────────────


class _Sink(asyncio.Protocol):
    """Takes everything, as fast as it comes; commands may be pipelined."""

    def __init__(self, log: TextIO, delay_seconds: float, *, keep: bool) -> None:
        self._log, self._delay, self._keep = log, delay_seconds, keep
        self._buffer = bytearray()
        self._in_body = False
        self._sender = self._recipient = ""
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._write(b"220 sink.test ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._go_on()

    def _go_on(self) -> None:
        while not self._busy:
            end = self._buffer.find(b"\r\n.\r\n" if self._in_body else b"\r\n")
            if end < 0:
                return
            piece = bytes(self._buffer[:end])
            del self._buffer[: end + (5 if self._in_body else 2)]
            if self._in_body:
                self._body(piece)
            else:
                self._command(piece)

    def _command(self, line: bytes) -> None:
        verb = line[:4].upper()
        if verb == b"EHLO":
            self._write(b"250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 33554432\r\n")
        elif verb == b"MAIL":
            self._sender = line.partition(b"<")[2].partition(b">")[0].decode("ascii", "replace")
            self._write(b"250 2.1.0 ok\r\n")
        elif verb == b"RCPT":
            self._recipient = line.partition(b"<")[2].partition(b">")[0].decode("ascii", "replace")
            self._write(b"250 2.1.5 ok\r\n")
        elif verb == b"DATA":
            self._in_body = True
            self._write(b"354 go ahead\r\n")
        elif verb == b"QUIT":
            self._write(b"221 2.0.0 bye\r\n")
            self._transport.close()
        else:
            self._write(b"250 2.0.0 ok\r\n")

    def _body(self, content: bytes) -> None:
        self._in_body = False
        if self._delay:
            self._busy = True
            asyncio.get_running_loop().call_later(self._delay, self._take, content)
        else:
            self._take(content)

    def _take(self, content: bytes) -> None:
        found = _MESSAGE_ID.search(content)
        about = {
            "sender": self._sender,
            "recipient": self._recipient,
            "message_id": found.group(1).decode("ascii", "replace") if found else "",
            "sha256": hashlib.sha256(content).hexdigest(),
            "time": time.time(),
        }
        if self._keep:
            mail = re.sub(rb"(?m)^\.", b"", content) + b"\r\n"
            about["content"] = base64.b64encode(mail).decode("ascii")
        self._log.write(json.dumps(about) + "\n")
        self._log.flush()
        self._write(b"250 2.0.0 taken\r\n")
        if self._busy:
            self._busy = False
            self._go_on()

    def _write(self, data: bytes) -> None:
        if isinstance(self._transport, asyncio.WriteTransport) and not self._transport.is_closing():
            self._transport.write(data)


async def _run_sink(port: int, log_path: Path, delay_seconds: float, *, keep: bool) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(wanted, stop.set)
    with log_path.open("a", encoding="utf-8") as log:
        server = await loop.create_server(lambda: _Sink(log, delay_seconds, keep=keep), "127.0.0.1", port)
        print(server.sockets[0].getsockname()[1], flush=True)
        await stop.wait()
        server.close()


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description="An SMTP server that takes everything and logs it.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--delay-ms", type=float, default=0.0, help="how long to think before each 250")
    parser.add_argument("--keep", action="store_true", help="keep the mails themselves in the log, as base64")
    given = parser.parse_args(arguments)
    asyncio.run(_run_sink(given.port, given.log, given.delay_ms / 1000, keep=given.keep))


if __name__ == "__main__":
    main(sys.argv[1:])

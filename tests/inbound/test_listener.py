"""The listener: one answer for each recipient, 250 only for what is stored, and no peer can bring it down."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from digest.config import Settings
from digest.database import Database
from digest.errors import FixSetupError
from digest.inbound.door import Intake
from digest.inbound.doors.lmtp import Listener
from digest.models.inbound import Door
from tests.inbound.conftest import kept, listener, serving
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

MAIL = b"From: <hong@naver.example>\r\nMessage-ID: <1@naver.example>\r\nSubject: x\r\n\r\nhello\r\n"
GREETINGS = {Door.LMTP: "LHLO mx.example", Door.SMTP: "EHLO mx.example"}


class Peer:
    """Speaks the protocol word for word."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, line: str | bytes) -> str:
        """Write a line and return the answer, all of its lines."""
        self.writer.write((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return await self.hear()

    async def hear(self) -> str:
        """Return one answer; empty when the other side has closed."""
        lines = []
        while True:
            line = (await asyncio.wait_for(self.reader.readline(), 5)).decode()
            lines.append(line.rstrip())
            if line[3:4] != "-":
                return "\n".join(lines)

    async def bring(self, content: bytes, *recipients: str, sender: str = "hong@naver.example") -> list[str]:
        """Bring a mail as LMTP wants it; return the answers after its content, one for each accepted recipient."""
        await self.say(f"MAIL FROM:<{sender}>")
        taken = [await self.say(f"RCPT TO:<{each}>") for each in recipients]
        await self.say("DATA")
        self.writer.write(content + b".\r\n")
        return [await self.hear() for answer in taken if answer.startswith("250")]


@asynccontextmanager
async def connected(door: Listener, greeting: str = "LHLO mx.example") -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    peer = Peer(reader, writer)
    await peer.hear()
    await peer.say(greeting)
    try:
        yield peer
    finally:
        writer.close()


@pytest.mark.parametrize("protocol", [Door.LMTP, Door.SMTP])
async def test_a_mail_is_kept_as_it_came(intake: Intake, ledger: Database, protocol: Door) -> None:
    """Every byte, dots and eight bits too; the envelope beside it."""
    content = MAIL + b".one dot\r\n" + "해지".encode("cp949") + b"\r\n" + b"x" * 5000 + b"\r\n"
    door = listener(intake, protocol)
    async with serving(door), connected(door, GREETINGS[protocol]) as peer:
        answers = await peer.bring(content.replace(b"\r\n.", b"\r\n.."), "news+join@gaon.example")

    assert [answer[:3] for answer in answers] == ["250"]
    assert await kept(ledger) == [("news+join@gaon.example", "hong@naver.example", content)]


async def test_the_null_sender_is_kept_as_none(intake: Intake, ledger: Database) -> None:
    """Notices come from it, and nothing may be answered to it."""
    door = listener(intake)
    async with serving(door), connected(door) as peer:
        await peer.bring(MAIL, "bounce@bounce.gaon.example", sender="")

    assert [sender for _, sender, _ in await kept(ledger)] == [""]


async def test_lmtp_answers_once_for_each_recipient(intake: Intake) -> None:
    """One answer for two would leave the peer waiting, and let it deliver again to whom it has delivered."""
    door = listener(intake)
    async with serving(door), connected(door) as peer:
        answers = await peer.bring(MAIL, "news@gaon.example", "desk@gaon.example", "nobody@gaon.example")
        after = await peer.say("NOOP")

    assert [answer[:3] for answer in [*answers, after]] == ["250", "250", "250"]


async def test_smtp_answers_once_for_all_recipients(intake: Intake) -> None:
    """A second answer would be taken for that of the next command."""
    door = listener(intake, Door.SMTP)
    async with serving(door), connected(door, GREETINGS[Door.SMTP]) as peer:
        await peer.say("MAIL FROM:<hong@naver.example>")
        await peer.say("RCPT TO:<news@gaon.example>")
        await peer.say("RCPT TO:<desk@gaon.example>")
        await peer.say("DATA")
        answers = [await peer.say(MAIL + b"."), await peer.say("HELP NOOP")]

    assert answers == ["250 2.6.0 Kept", "250 Syntax: NOOP [ignored]"]


@pytest.mark.parametrize(
    "recipient", ["nobody@gaon.example", "news@elsewhere.example", "news+rm@gaon.example", '"a b"@gaon.example']
)
async def test_unknown_recipients_are_refused_at_once(intake: Intake, recipient: str) -> None:
    """So the server in front can refuse them too, instead of sending notices to strangers; nothing is relayed."""
    door = listener(intake)
    async with serving(door), connected(door) as peer:
        await peer.say("MAIL FROM:<hong@naver.example>")
        refused = await peer.say(f"RCPT TO:<{recipient}>")
        no_mail = await peer.say("DATA")

    assert (refused, no_mail[:3]) == ("550 5.1.1 No such address here", "503")


async def test_a_mail_that_is_too_large_is_refused_for_each_recipient(intake: Intake, ledger: Database) -> None:
    """552 is for ever: the peer tells the sender, instead of trying for five days."""
    door = listener(intake)
    async with serving(door), connected(door) as peer:
        answers = await peer.bring(MAIL + b"x\r\n" * 40_000, "news@gaon.example", "desk@gaon.example")
        announced = await peer.say("MAIL FROM:<hong@naver.example> SIZE=200000")

    assert [answer[:3] for answer in [*answers, announced]] == ["552", "552", "552"]
    assert await kept(ledger) == []


async def test_while_the_database_is_away_mail_is_refused_for_now(
    settings: Settings, clock: StoppedClock, tmp_path: Path
) -> None:
    """The peer keeps it and comes again; 250 for a mail that is not stored would lose it."""
    away = Database.open(f"sqlite:///{tmp_path}/empty.sqlite3")
    (tmp_path / "empty.sqlite3").mkdir()
    door = listener(Intake(away, settings, clock))
    async with serving(door), connected(door) as peer:
        answers = await peer.bring(MAIL, "news@gaon.example", "desk@gaon.example")
    await away.close()

    assert [answer[:3] for answer in answers] == ["451", "451"]


async def test_a_peer_that_goes_away_at_the_dot_costs_nothing(intake: Intake, ledger: Database) -> None:
    """It brings the mail again, and it is kept once."""
    door = listener(intake)
    async with serving(door):
        for _ in range(2):
            async with connected(door) as peer:
                await peer.say("MAIL FROM:<hong@naver.example>")
                await peer.say("RCPT TO:<news@gaon.example>")
                await peer.say("DATA")
                peer.writer.write(MAIL + b".\r\n")
                await peer.writer.drain()
        async with connected(door) as peer:
            await peer.bring(MAIL, "news@gaon.example")

    assert len(await kept(ledger)) == 1


async def test_smuggled_commands_stay_part_of_the_mail(intake: Intake, ledger: Database) -> None:
    """A dot between bare line feeds ends no mail (SMTP smuggling): what follows would be a mail of anybody's."""
    content = MAIL + b"\n.\nMAIL FROM:<desk@gaon.example>\r\n"
    door = listener(intake)
    async with serving(door), connected(door) as peer:
        await peer.bring(content, "news@gaon.example")

    assert [each for _, _, each in await kept(ledger)] == [content]


async def test_too_many_peers_are_told_to_come_again(intake: Intake) -> None:
    """A flood takes no more than fifty connections' memory."""
    door = listener(intake)
    async with serving(door):
        streams = [await asyncio.open_connection("127.0.0.1", door.port) for _ in range(51)]
        greetings = [(await asyncio.wait_for(reader.readline(), 5))[:3] for reader, _ in streams]
        for _, writer in streams:
            writer.close()

    assert sorted(set(greetings)) == [b"220", b"421"]
    assert greetings.count(b"421") == 1


async def test_a_hundred_recipients_are_enough(intake: Intake) -> None:
    """The peer brings the rest in a second go (RFC 5321 §4.5.3.1.10)."""
    door = listener(intake)
    async with serving(door), connected(door) as peer:
        await peer.say("MAIL FROM:<hong@naver.example>")
        answers = [await peer.say("RCPT TO:<news@gaon.example>") for _ in range(101)]

    assert [answer[:3] for answer in answers] == ["250"] * 100 + ["452"]


async def test_lmtp_is_not_smtp(intake: Intake) -> None:
    """A server that was set up wrongly hears it at its first word."""
    door = listener(intake)
    async with serving(door), connected(door, "EHLO mx.example") as peer:
        answer = await peer.say("MAIL FROM:<hong@naver.example>")

    assert answer[:3] == "503"


async def test_a_port_that_is_taken_is_one_clear_sentence(intake: Intake) -> None:
    """Started twice, the second says so and ends."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        door = Listener(intake, Door.LMTP, "127.0.0.1", taken.getsockname()[1])

        with pytest.raises(FixSetupError, match="INBOUND_PORT"):
            await door.serve(asyncio.Event())


LINES = st.one_of(
    st.binary(max_size=80),
    st.sampled_from(
        [b"LHLO x", b"MAIL FROM:<>", b"MAIL FROM:<a@b.example> SIZE=x", b"RCPT TO:<news@gaon.example>", b"DATA", b".",
         b"RSET", b"VRFY \xff\xfe", b"RCPT TO:<@:>", b"MAIL FROM:<\"\\", b"RCPT TO:<news@gaon.example", b"AUTH PLAIN",
         b"STARTTLS", b"HELP \xed\xa0\x80", b"A" * 3000, b"BDAT 5 LAST", b"EXPN x", b"XCLIENT ADDR=1"]
    ),
)  # fmt: skip


@effort(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(lines=st.lists(LINES, min_size=1, max_size=25))
async def test_no_bytes_bring_it_down(intake: Intake, lines: Sequence[bytes]) -> None:
    """Whatever one peer says, the next is served."""
    door = listener(intake)
    async with serving(door):
        reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
        writer.write(b"LHLO x\r\n" + b"\r\n".join(lines) + b"\r\nQUIT\r\n")
        writer.write_eof()
        await asyncio.wait_for(reader.read(), 5)
        writer.close()
        async with connected(door) as peer:
            answers = await peer.bring(MAIL, "news@gaon.example")

    assert [answer[:3] for answer in answers] == ["250"]

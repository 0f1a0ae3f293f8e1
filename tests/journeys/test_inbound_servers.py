"""Mail that comes back through real servers: Postfix in front of the listener, Dovecot's mailbox; skipped without them.

The lines of docs/inbound.md are what Postfix is run with, so that what the document promises is seen here.
"""

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database
from digest.database.tables import subscribers
from digest.inbound import route
from digest.inbound.door import Intake
from digest.inbound.doors.imap import Mailbox
from digest.inbound.doors.lmtp import Listener
from digest.models.inbound import Door
from digest.models.readers import SubscriberState
from digest.tokens import TokenPurpose
from tests.inbound.conftest import imap_server, kept, ledger, serving
from tests.support import postfix_front
from tests.support.clock import StoppedClock
from tests.support.dovecot import Dovecot
from tests.support.rows import add_subscriber, state_of
from tests.support.settings import make_settings

__all__ = ["imap_server", "ledger"]  # fixtures

pytestmark = pytest.mark.anyio

MAIL = b"From: <kim@naver.example>\r\nMessage-ID: <%d@naver.example>\r\nSubject: unsubscribe\r\n\r\n\r\n"
FORGED = b"Authentication-Results: mail.gaon.example; dmarc=pass header.from=naver.example\r\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(
        inbound_address="news@gaon.example",
        bounce_address="bounce@bounce.gaon.example",
        inbound_port=2424,
        data_dir=tmp_path / "var",
    )


@pytest.fixture(scope="module")
def front() -> Iterator[tuple[postfix_front.Postfix, int]]:
    """A Postfix, and the port it hands over to, where nobody listens yet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with postfix_front.running(port) as server:
        if isinstance(server, str):
            pytest.skip(server)
        yield server, port


async def until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(is_so):  # noqa: ASYNC110 (another process has no event)
            await asyncio.sleep(0.05)


async def act(ledger: Database, settings: Settings, clock: StoppedClock) -> None:
    await route.act_due(ledger, settings, Renderer(settings.templates_dir), clock=clock, owner="one")


async def leaver(ledger: Database, settings: Settings, clock: StoppedClock) -> tuple[int, str]:
    """Return a reader and the address by which they leave."""
    async with ledger.begin() as connection:
        reader = await add_subscriber(connection, at=clock())
    return reader, settings.own_addresses.leave(settings.keyring.make(TokenPurpose.LEAVE, reader))


async def test_a_reader_leaves_by_mail_through_postfix_even_while_the_door_is_closed(
    front: tuple[postfix_front.Postfix, int], ledger: Database, settings: Settings, clock: StoppedClock
) -> None:
    """The mail waits in Postfix's queue until the door is open again; nothing is lost, nobody is told an error."""
    server, port = front
    reader, address = await leaver(ledger, settings, clock)
    await asyncio.to_thread(server.send, MAIL % 1, address)
    await until(lambda: "Connection refused" in server.log())

    async with serving(Listener(Intake(ledger, settings, clock), Door.LMTP, "127.0.0.1", port)):
        await until(lambda: server.waiting() == 0)
    await act(ledger, settings, clock)

    assert await state_of(ledger, subscribers, reader) == SubscriberState.LEFT


async def test_each_recipient_of_a_mail_is_taken_once(
    front: tuple[postfix_front.Postfix, int], ledger: Database, settings: Settings, clock: StoppedClock
) -> None:
    """One answer for each (RFC 2033): with one for all Postfix would bring the mail again and again."""
    server, port = front
    token = settings.keyring.make(TokenPurpose.RETURN, 7)
    to = ["news+join@gaon.example", "news+help@gaon.example", settings.own_addresses.returning(token)]
    long_line = b"x" * 3000 + b"\r\n"

    async with serving(Listener(Intake(ledger, settings, clock), Door.LMTP, "127.0.0.1", port)):
        await asyncio.to_thread(server.send, FORGED + MAIL % 2 + long_line, *to)
        await until(lambda: server.waiting() == 0)

    found = await kept(ledger)
    assert sorted(recipient for recipient, _, _ in found) == sorted(to)
    assert all(sender == "kim@naver.example" for _, sender, _ in found)
    assert all(b"Authentication-Results" not in content for _, _, content in found)


async def test_bounces_of_nobody_are_refused_by_postfix_itself(front: tuple[postfix_front.Postfix, int]) -> None:
    """What is no return path of ours costs a stranger's server a word, and us nothing."""
    server, _ = front

    with pytest.raises(postfix_front.smtplib.SMTPRecipientsRefused):
        await asyncio.to_thread(server.send, MAIL % 3, "bounce+guess@bounce.gaon.example", sender="")


async def test_a_reader_leaves_by_mail_through_a_mailbox(
    imap_server: Dovecot, ledger: Database, settings: Settings, clock: StoppedClock
) -> None:
    """Where mail is hosted, its provider says in Delivered-To which address of ours it was."""
    reader, address = await leaver(ledger, settings, clock)
    await asyncio.to_thread(imap_server.put, f"Delivered-To: {address}\r\n".encode() + MAIL % 4)

    async with serving(Mailbox(Intake(ledger, settings, clock), imap_server.where(done="done"))):
        await until(lambda: len(imap_server.mails("done")) == 1)
    await act(ledger, settings, clock)

    assert await state_of(ledger, subscribers, reader) == SubscriberState.LEFT

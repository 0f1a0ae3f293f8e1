"""`digest send-test`: one mail through the same queue, and what came of it."""

from email import message_from_bytes, policy

import pytest

from digest.clock import utc_now
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, subscribers
from digest.deliver.sender import Sender
from digest.deliver.transports.smtp import Relay, SmtpTransport
from digest.errors import BadAddressError, NotFoundError
from digest.models.deliveries import DeliveryState, Tls
from digest.models.readers import SubscriberState
from digest.operate.trial import queue_trial, wait_until_settled
from digest.subscribe import unsubscribe
from tests.support.clock import StoppedClock
from tests.support.commands import Commands
from tests.support.newsroom import Newsroom
from tests.support.smtp_server import HostileServer, Script

pytestmark = pytest.mark.anyio


async def _send(database: Database, settings: Settings, server: HostileServer) -> None:
    transport = SmtpTransport(Relay("127.0.0.1", server.port, Tls.NONE, timeout_seconds=5))
    await Sender(database, settings, transport, clock=utc_now, owner="test").send_due()


async def test_a_test_mail_is_what_readers_would_get(
    database: Database, settings: Settings, just_now: StoppedClock
) -> None:
    """Same templates, same queue, same wire; before the first edition it shows what would be chosen now."""
    await Newsroom(database, just_now).publish("다리 개통")
    async with HostileServer() as server:
        trial = await queue_trial(settings, database, "me@gaon.example", None)
        await _send(database, settings, server)
        settled = await wait_until_settled(database, trial, seconds=5)

    [mail] = server.mails
    received = message_from_bytes(mail.content, policy=policy.default)
    assert settled.state is DeliveryState.ACCEPTED
    assert mail.recipient == "me@gaon.example"
    for part in ("plain", "html"):
        body = received.get_body((part,))
        assert body is not None
        assert "다리 개통" in body.get_content()


async def test_its_leaving_link_is_nobodys(database: Database, settings: Settings, just_now: StoppedClock) -> None:
    """Who tries the link of a test mail, or a mail scanner that does, must not unsubscribe a reader."""
    newsroom = Newsroom(database, just_now)
    await newsroom.publish("다리 개통")
    [kim] = await newsroom.subscribe("kim")
    async with HostileServer() as server:
        await queue_trial(settings, database, "kim@reader.example", "morning")
        await _send(database, settings, server)

    received = message_from_bytes(server.mails[0].content, policy=policy.default)
    token = str(received["List-Unsubscribe"]).strip("<>").rpartition("/")[2]
    left = await unsubscribe.leave(database, settings, Renderer(None), token, now=utc_now())

    async with database.read() as connection:
        after = await subscribers.get(connection, kim.id)
    assert (left.address, left.changed) == (None, False)
    assert after.state is SubscriberState.ACTIVE


async def test_without_any_article_it_still_goes_out(database: Database, settings: Settings) -> None:
    """A new installation wants to know about its relay before it has news."""
    async with HostileServer(Script({"RCPT": "550 5.1.1 no such user"})) as server:
        trial = await queue_trial(settings, database, "me@gaon.example", None)
        await _send(database, settings, server)
        settled = await wait_until_settled(database, trial, seconds=5)

    assert "invented" in trial.what
    assert settled.state is DeliveryState.REFUSED
    assert settled.reply is not None
    assert settled.reply.code == 550


async def test_wrong_words_queue_nothing(database: Database, settings: Settings) -> None:
    """Neither a wrong address nor an unknown slot leaves a row behind."""
    with pytest.raises(BadAddressError):
        await queue_trial(settings, database, "me", None)
    with pytest.raises(NotFoundError):
        await queue_trial(settings, database, "me@gaon.example", "noon")
    async with HostileServer() as server:
        await _send(database, settings, server)

    assert server.mails == []


def test_nobody_takes_it_says_try_later(commands_on_sqlite: Commands) -> None:
    """Exit code 5, and the likely reason: no worker runs."""
    result = commands_on_sqlite("send-test", "me@gaon.example", "--wait", "0", code=5)

    assert "digest worker" in result.stderr

"""An article's way to a friend, over real SMTP: the question to the sender, the share, and 다시 받지 않기."""

import asyncio
import email
import email.policy
import re
from email.message import EmailMessage

import httpx2
import pytest
import sqlalchemy as sa

from digest.addresses import parse
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database
from digest.database.tables import articles, deliveries
from digest.deliver.sender import Sender
from digest.errors import NotFoundError
from digest.models.deliveries import Lane
from digest.share import request
from digest.share.request import Asked, Wanted
from tests.support import ledger, rows
from tests.support.clock import StoppedClock
from tests.support.relay import relay_to
from tests.support.settings import make_settings
from tests.support.smtp_server import HostileServer
from tests.web.conftest import BASE_URL, browser

pytestmark = pytest.mark.anyio

SENDER, FRIEND = "hong@gaon.example", "friend@naru.example"
HEADERS = {
    "from", "to", "subject", "date", "message-id", "reply-to", "list-unsubscribe", "list-unsubscribe-post",
    "feedback-id", "x-auto-response-suppress", "auto-submitted", "mime-version", "content-type",
    "content-transfer-encoding", "x-report-id",
}  # fmt: skip


@pytest.fixture
def settings() -> Settings:
    return make_settings(share_address="share@share.gaon.example", abuse_contact="abuse@gaon.example")


def wanted(article_id: int, *, sender: str = SENDER, friend: str = FRIEND, host: str = "192.0.2.1") -> Wanted:
    return Wanted(article_id, parse(sender), "홍길동", (parse(friend),), "같이 읽고 싶습니다.", "ko", host)


def read(content: bytes) -> tuple[EmailMessage, str]:
    """Read a received mail with another parser: its headers, and its text."""
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    text = mail.get_body(("plain",))
    assert text is not None
    return mail, text.get_content()


async def test_a_share_arrives_after_its_sender_has_said_yes(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """Every link is taken from the mails as they arrived; each header is one that we meant (T4, T5, T19, T21)."""
    async with database.begin() as connection:
        article_id = await rows.add_article(connection, "1", at=clock())
    renderer = Renderer(None)
    async with HostileServer() as server, browser(database, settings, clock) as visitor:
        relay = relay_to(server)
        ask = wanted(article_id)
        assert await request.ask(
            database, settings, renderer, ask, is_proven=False, is_confirmed=False, now=clock()
        ) is (Asked.CONFIRM)
        await Sender(database, settings, relay, clock=clock, owner="a").send_due()
        question, said = read(server.mails[0].content)
        assert set(map(str.lower, question.keys())) == HEADERS - {"reply-to", "x-report-id"}
        assert (server.mails[0].recipient, "홍길동" in said, FRIEND in said) == (SENDER, False, False)

        link = re.search(rf"{re.escape(BASE_URL)}/share/\w+", said)
        assert link is not None
        assert (await visitor.get(link[0])).status_code == 200
        assert (await visitor.post(link[0])).status_code == 200
        await Sender(database, settings, relay, clock=clock, owner="b").send_due()

        assert [mail.recipient for mail in server.mails] == [SENDER, FRIEND]
        assert server.mails[1].envelope_from == "share@share.gaon.example"
        share, words = read(server.mails[1].content)
        assert set(map(str.lower, share.keys())) == HEADERS
        assert (share["to"], share["reply-to"]) == (FRIEND, SENDER)
        assert share["subject"] == "[가온일보] 기사 1"
        assert "> 같이 읽고 싶습니다." in words
        assert f"(신고번호 {share['x-report-id']})" in words
        assert "192.0.2.1" not in server.mails[1].content.decode()

        never = str(share["list-unsubscribe"]).strip("<>")
        assert never in words
        await _one_click(visitor, never)
        await request.ask(
            database, settings, renderer, wanted(article_id, sender=FRIEND, friend=SENDER), is_proven=False,
            is_confirmed=False, now=clock(),
        )  # fmt: skip
        await Sender(database, settings, relay, clock=clock, owner="c").send_due()
        assert len(server.mails) == 2  # nor is the one who wants none asked as a sender


async def test_fifty_at_once_are_as_many_as_the_limit(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """T12: the counters decide, not who comes first; five an hour from one network, whatever the senders' names."""
    async with database.begin() as connection:
        article_id = await rows.add_article(connection, "1", at=clock())
    asks = [wanted(article_id, sender=f"s{each}@gaon.example", friend=f"f{each}@naru.example") for each in range(50)]

    answers = await asyncio.gather(
        *(
            request.ask(database, settings, Renderer(None), each, is_proven=False, is_confirmed=False, now=clock())
            for each in asks
        )
    )

    assert answers.count(Asked.CONFIRM) == 5
    assert answers.count(Asked.TOO_MANY) == 45
    async with database.read() as connection:
        assert len((await connection.execute(sa.select(deliveries.c.id))).all()) == 5


async def test_a_share_does_not_wait_for_an_edition(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """Its lane goes first: it is at the relay before the edition that was queued long before it is through."""
    await ledger.make_edition(database, at=clock(), readers=60)
    shared = await ledger.make_single(database, at=clock(), recipient=FRIEND)
    async with database.begin() as connection:
        await connection.execute(sa.update(deliveries).where(deliveries.c.id == shared).values(lane=Lane.SHARE))
    async with HostileServer() as server:
        await Sender(database, settings, relay_to(server), clock=clock, owner="a").send_due()
    assert server.recipients.index(FRIEND) < 30


async def test_an_article_withdrawn_meanwhile_is_not_sent(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """T9: what the newspaper took back, its readers do not pass on."""
    async with database.begin() as connection:
        article_id = await rows.add_article(connection, "1", at=clock())
        await connection.execute(sa.update(articles).values(withdrawn_at=clock()))
    with pytest.raises(NotFoundError):
        await request.ask(
            database, settings, Renderer(None), wanted(article_id), is_proven=False, is_confirmed=False, now=clock()
        )


async def _one_click(visitor: httpx2.AsyncClient, url: str) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await visitor.post(url, content="List-Unsubscribe=One-Click", headers=kind)
    assert answer.status_code == 200

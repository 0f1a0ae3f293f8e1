"""Scanners of mail providers open every link of every mail: nothing may come of it but pages (T15)."""

import re
from collections.abc import Sequence
from datetime import timedelta
from email import message_from_bytes, policy
from urllib.parse import urlsplit

import httpx2
import pytest
import sqlalchemy as sa

from digest.addresses import parse
from digest.compose.kinds import KINDS
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, messages
from digest.database.tables import fresh_links, shares, signups
from digest.deliver import wire
from digest.models.consents import ConsentWay
from digest.models.deliveries import Delivery, Lane, Mail, MessageKind, NewMessage
from digest.models.readers import LinkMatter
from digest.models.shares import ShareState
from digest.splice import PREFERENCES_URL, SHARER, UNSUBSCRIBE_URL, marker
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.web.conftest import browser

pytestmark = pytest.mark.anyio

KIM = parse("kim@reader.example")
# What is reached with a token: a button stands there, and only pressing it does something.
WITH_BUTTON = ("/u/", "/preferences/", "/confirm/", "/link/", "/share/", "/never/")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"share_address": "share@share.gaon.example", "abuse_contact": "abuse@gaon.example"}
    )


async def queue(database: Database, kind: MessageKind, mail: Mail, clock: StoppedClock, *, reader_id: int) -> Delivery:
    """Queue a mail as its kind does, and let something wait behind whatever link it may hold."""
    written = b"".join((mail.headers, mail.text, mail.html or b"")).decode()
    is_readers = any(marker(name) in written for name in (UNSUBSCRIBE_URL, PREFERENCES_URL, SHARER))
    message = NewMessage(key=kind, kind=kind, variant="", language="ko", mail=mail)
    at, until = clock(), clock() + timedelta(minutes=30)
    subscriber_id = reader_id if is_readers else None
    async with database.begin() as connection:
        delivery_id = await messages.queue_one(
            connection, message, KIM, lane=Lane.FIRST, at=at, subscriber_id=subscriber_id
        )
        assert delivery_id is not None
        article_id = await rows.add_article(connection, f"of {kind}", at=at)
        share = {
            "article_id": article_id, "sender": str(KIM), "recipient": str(KIM), "sender_hash": "a",
            "recipient_hash": "b", "language": "ko", "created_at": at, "expires_at": until,
        }  # fmt: skip
        waits: Sequence[sa.Insert] = (
            sa.insert(signups).values(
                address=str(KIM), address_hash="c", slots="morning", language="ko", advert=False, how=ConsentWay.PAGE,
                texts={}, delivery_id=delivery_id, created_at=at, expires_at=until,
            ),
            sa.insert(fresh_links).values(
                delivery_id=delivery_id, subscriber_id=reader_id, matter=LinkMatter.NEW_ADDRESS,
                new_address="new@reader.example", asked_at=at, expires_at=until,
            ),
            sa.insert(shares).values(
                **share, state=ShareState.WAITING, report_id=f"w{delivery_id}", confirm_delivery_id=delivery_id
            ),
            sa.insert(shares).values(
                **share, state=ShareState.RELEASED, report_id=f"r{delivery_id}", delivery_id=delivery_id
            ),
        )  # fmt: skip
        for each in waits:
            await connection.execute(each)
    return Delivery(delivery_id, 0, None, subscriber_id, KIM, Lane.FIRST, 0, at, None)


def links_of(content: bytes, base_url: str) -> set[str]:
    """All links to this service, of the headers and of both forms."""
    mail = message_from_bytes(content, policy=policy.SMTP)
    bodies = [body.get_content() for kind in ("plain", "html") if (body := mail.get_body((kind,))) is not None]
    text = "\n".join((*bodies, *(str(value) for value in mail.values()))).replace("&amp;", "&")
    return {link.rstrip(".,;)>") for link in re.findall(re.escape(base_url) + r"/[^\s\"'<>]*", text)}


async def opened(client: httpx2.AsyncClient, link: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        answer = await client.request(method, link)
        assert answer.status_code in ((200,) if method != "OPTIONS" else (200, 204, 405)), f"{method} {link}"
        if method == "GET" and urlsplit(link).path.startswith(WITH_BUTTON):
            assert "<button" in answer.text, link


async def test_whoever_looks_at_every_link_of_every_kind_of_mail_changes_nothing(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """By the table of kinds, so that a new kind cannot be forgotten; behind each link something waits for a button."""
    seen: set[str] = set()
    async with database.begin() as connection:
        reader_id = await rows.add_subscriber(connection, str(KIM), at=clock())
        await rows.add_edition(connection, at=clock())
        for number in range(8):  # as many as the specimen of an edition shows
            await rows.add_article(connection, str(number), at=clock())
    async with browser(database, settings, clock) as client:
        for kind, module in KINDS.items():
            mail = module.specimen(Renderer(None), settings, "ko").mail
            delivery = await queue(database, kind, mail, clock, reader_id=reader_id)
            content = wire.assemble(mail, wire.values_for(delivery, settings, clock()), eight_bit=True)
            before = await rows.everything(database)
            for link in sorted(links_of(content, settings.base_url)):
                seen.add(urlsplit(link).path)
                await opened(client, link)
            assert await rows.everything(database) == before, kind
    assert [place for place in (*WITH_BUTTON, "/editions/", "/articles/", "/privacy", "/subscribe")
            if not any(path.startswith(place) for path in seen)] == []  # fmt: skip

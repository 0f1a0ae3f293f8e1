"""Leaving over HTTP: the page behind the link, its button, and RFC 8058's one click."""

import httpx2
import pytest
import sqlalchemy as sa
from selectolax.lexbor import LexborHTMLParser

from digest import links
from digest.config import Settings
from digest.database import Database
from digest.database.tables import deliveries, subscribers
from digest.models.deliveries import DeliveryState
from digest.models.readers import SubscriberState
from digest.tokens import TokenPurpose
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.web.conftest import BASE_URL

pytestmark = pytest.mark.anyio

ONE_CLICK = "List-Unsubscribe=One-Click"


@pytest.fixture
async def reader(database: Database, clock: StoppedClock) -> int:
    async with database.begin() as connection:
        reader = await rows.add_subscriber(connection, at=clock())
        await rows.add_delivery(connection, reader, at=clock())
    return reader


@pytest.fixture
def token(settings: Settings, reader: int) -> str:
    return settings.keyring.make(TokenPurpose.LEAVE, reader)


@pytest.fixture
def url(token: str) -> str:
    return links.unsubscribe_url(BASE_URL, token)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
async def test_only_post_changes_a_row(client: httpx2.AsyncClient, database: Database, url: str, method: str) -> None:
    """Scanners follow every link of a mail before its reader does (T15)."""
    before = await rows.everything(database)
    answer = await client.request(method, url)
    assert answer.status_code == (200 if method in ("GET", "HEAD") else 405)
    assert await rows.everything(database) == before


async def test_page_shows_whose_mails_stop_and_one_button(client: httpx2.AsyncClient, url: str) -> None:
    """A forwarded mail's link is for its first reader; who opens it must see that, but not the whole address."""
    answer = await client.get(url)
    page = LexborHTMLParser(answer.text)
    assert "ho***@naver.example" in answer.text
    assert "hong@" not in answer.text
    assert "아침 소식" in answer.text
    assert [form.attributes["method"] for form in page.css("form")] == ["post"]
    assert len(page.css("button")) == 1
    assert page.css("input") == []


@pytest.mark.parametrize(
    "post",
    [
        (ONE_CLICK.encode(), "application/x-www-form-urlencoded"),
        (
            b'--xyz\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--xyz--\r\n',
            "multipart/form-data; boundary=xyz",
        ),
        (b"", "application/x-www-form-urlencoded"),
        (b"", ""),
        (b"\xff\x00 nothing that could be read", "multipart/form-data"),
    ],
    ids=["urlencoded", "multipart", "the page's button", "no body", "noise"],
)
async def test_post_leaves(
    client: httpx2.AsyncClient,
    database: Database,
    reader: int,
    url: str,
    post: tuple[bytes, str],
) -> None:
    """D13: both encodings of RFC 8058, 200 without redirect, no cookie asked for or set."""
    content, content_type = post
    headers = {"Content-Type": content_type, "Sec-Fetch-Site": "cross-site"}
    answer = await client.post(url, content=content, headers=headers)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert await rows.state_of(database, subscribers, reader) == SubscriberState.LEFT
    async with database.read() as connection:
        states = (
            (await connection.execute(sa.select(deliveries.c.state).where(deliveries.c.subscriber_id == reader)))
            .scalars()
            .all()
        )
    assert states == [DeliveryState.DROPPED]


async def test_leaving_again_is_answered_the_same(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, url: str
) -> None:
    """A provider that repeats its post, and a person who comes back, get the same friendly page."""
    first = await client.post(url, content=ONE_CLICK)
    after_once = await rows.everything(database)
    clock.advance(days=90)
    again = await client.post(url, content=ONE_CLICK)
    looked = await client.get(url)
    assert first.text == again.text == looked.text
    assert first.status_code == again.status_code == looked.status_code == 200
    assert await rows.everything(database) == after_once


async def test_erased_reader_gets_the_same_friendly_page(
    client: httpx2.AsyncClient, database: Database, url: str
) -> None:
    """Somebody who was erased and finds an old mail has nothing left to do."""
    async with database.begin() as connection:
        await connection.execute(sa.update(deliveries).values(subscriber_id=None))
        await connection.execute(sa.delete(subscribers))
    for answer in (await client.get(url), await client.post(url)):
        assert answer.status_code == 200
        assert "***" not in answer.text


async def test_token_changed_in_any_one_place_is_not_found(
    client: httpx2.AsyncClient, database: Database, token: str
) -> None:
    """T16: nobody can be unsubscribed by guessing."""
    before = await rows.everything(database)
    for place, letter in enumerate(token):
        changed = token[:place] + ("a" if letter != "a" else "b") + token[place + 1 :]
        answer = await client.post(f"/u/{changed}", content=ONE_CLICK)
        assert answer.status_code == 404, place
    assert await rows.everything(database) == before


async def test_nonsense_for_a_token_is_not_found(client: httpx2.AsyncClient) -> None:
    """Mail programs cut and change links in every way."""
    for wrong in ("x", "a" * 37, "%EA%B0%80" * 37, "%00", "..%2Fhealthz", "1" * 3000):
        for method in ("GET", "POST"):
            answer = await client.request(method, f"/u/{wrong}")
            assert answer.status_code == 404, wrong
            assert "<h1>" in answer.text


async def test_token_of_a_message_id_does_not_unsubscribe(
    client: httpx2.AsyncClient, database: Database, settings: Settings, reader: int
) -> None:
    """A mail's own identifier is for everyone to see, and must be noise here."""
    answer = await client.post(f"/u/{settings.keyring.make(TokenPurpose.MESSAGE_ID, reader)}")
    assert answer.status_code == 404
    assert await rows.state_of(database, subscribers, reader) == SubscriberState.ACTIVE


async def test_link_in_capitals_works(client: httpx2.AsyncClient, url: str, token: str) -> None:
    """Some mail servers fold the case of everything that looks like an address."""
    assert (await client.get(url.replace(token, token.upper()))).status_code == 200


async def test_page_speaks_the_readers_language_and_offers_the_other(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """The mail was in that language; the browser may be borrowed."""
    async with database.begin() as connection:
        english = await rows.add_subscriber(connection, "kim@daum.example", at=clock(), language="en")
    path = f"/u/{settings.keyring.make(TokenPurpose.LEAVE, english)}"
    page = (await client.get(path, headers={"Accept-Language": "ko"})).text
    assert '<html lang="en">' in page
    assert 'href="?lang=ko"' in page
    assert '<html lang="ko">' in (await client.get(f"{path}?lang=ko")).text


async def test_page_is_kept_by_no_cache_and_no_search_engine(client: httpx2.AsyncClient, url: str) -> None:
    """It belongs to one reader."""
    headers = (await client.get(url)).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-robots-tag"] == "noindex"
    assert headers["referrer-policy"] == "no-referrer"


async def test_body_of_a_megabyte_changes_nothing(client: httpx2.AsyncClient, database: Database, url: str) -> None:
    """T23, on the one path that everyone may post to."""
    before = await rows.everything(database)
    assert (await client.post(url, content=b"a" * 1_000_000)).status_code == 413
    assert await rows.everything(database) == before

"""The bad input of the collecting side, each case by its name, over real HTTP and in the real reading process."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web

from digest.database import Database, articles, sources
from digest.errors import SourceUnreachableError, SourceUnreadableError
from tests.collect.conftest import Room
from tests.collect.paper import item, rss
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio


async def test_a_feed_that_is_html_is_named_as_a_page_with_the_feed_it_links_to(room: Room) -> None:
    """The commonest mistake of an operator: the address of the front page."""
    room.paper.serve(
        "<!DOCTYPE html><html><head><title>가온일보</title>"
        '<link rel="alternate" type="application/rss+xml" href="/rss/all.xml"></head><body><p>News</body></html>'
    )
    with pytest.raises(SourceUnreadableError) as caught:
        await room.look()
    assert "web page, not a feed" in str(caught.value)
    assert room.paper.url("/rss/all.xml") in str(caught.value)


@pytest.mark.parametrize("body", ["", " \n", "\ufeff", "\0\0"])
async def test_a_feed_that_is_empty_is_said_to_be_empty(room: Room, body: str) -> None:
    """A server out of disk answers 200 and nothing."""
    room.paper.serve(body)
    with pytest.raises(SourceUnreadableError, match="empty"):
        await room.look()


@pytest.mark.parametrize("body", ["Service unavailable", "<urlset><url/></urlset>", "%PDF-1.7", "<a", "\x89PNG\r\n"])
async def test_something_else_is_said_to_be_no_feed(room: Room, body: str) -> None:
    """Whatever it is, the reason is a sentence and not a traceback."""
    room.paper.serve(body)
    with pytest.raises(SourceUnreadableError, match="not a feed"):
        await room.look()


async def test_a_feed_of_fifty_megabytes_is_cut_off_at_the_limit(room: Room) -> None:
    """What came is thrown away, and the setting is named."""
    sent = 0

    async def fifty_megabytes(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(50):
            await response.write(b"<item>" + b"x" * 1_000_000)
            sent += 1
        return response

    room.paper.answer("/rss.xml", fifty_megabytes)
    with pytest.raises(SourceUnreachableError, match="FETCH_MAX_BYTES"):
        await room.look()
    assert sent < 50


async def test_a_feed_that_is_never_ending_is_given_up_in_time(room: Room) -> None:
    """A byte now and then keeps every single read alive; the limit is on the whole."""

    async def never_ending(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.05)

    room.paper.answer("/rss.xml", never_ending)
    with pytest.raises(SourceUnreachableError, match="within 1 seconds"):
        await replace(room, settings=room.settings.model_copy(update={"fetch_timeout_seconds": 1})).look()


async def test_an_entity_bomb_is_not_lit(room: Room) -> None:
    """Ten entities of ten of the one before would be gigabytes; the articles beside them are read."""
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = rss(item(1), item(2)).replace("가온시 소식 1", "가온 &e11; 소식")
    room.paper.serve(bomb.replace("<rss", f'<!DOCTYPE rss [<!ENTITY e0 "boom">{entities}]><rss', 1))
    found = await room.look()
    assert [one.text.title for one in found.articles] == ["가온 &e11; 소식", "가온시 소식 2"]
    assert any("entity declarations" in doubt for doubt in found.doubts)


@pytest.mark.parametrize(("codec", "said"), [("cp949", "utf-8"), ("utf-8", "euc-kr"), ("utf-16", "euc-kr")])
async def test_a_feed_that_is_wrongly_encoded_is_read_right(room: Room, codec: str, said: str) -> None:
    """The bytes are believed, not the declaration or the server."""
    document = rss(item(1, title="똠방각하와 펲시")).replace("UTF-8", said)
    room.paper.serve(document.encode(codec), headers={"Content-Type": f"text/xml; charset={said}"})
    found = await room.look()
    assert found.articles[0].text.title == "똠방각하와 펲시"


async def test_articles_with_a_future_or_absent_date_are_kept_and_doubted(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """They are neither dropped nor put before everything else: they sort by when we first saw them."""
    room.paper.serve(
        rss(
            item(1, pubDate="Mon, 23 Nov 2026 16:00:00 +0900"),
            item(2, pubDate=None),
            item(3, pubDate="sometime"),
            item(4, pubDate="Mon, 23 Nov 2026 06:59:00 +0900"),
        )
    )
    await room.provision(database, clock)
    report = await room.collect(database, clock)
    async with database.read() as connection:
        kept = await articles.list_articles(connection, limit=10)
    assert (report.new, report.problem) == (4, "")
    assert "its date lies ahead of the clock by 9.0 hours" in report.doubts
    assert "no date" in report.doubts
    assert "date not understood: 'sometime'" in report.doubts
    assert [one.text.link[-1] for one in kept] == ["1", "2", "3", "4"]
    assert all(one.eligible for one in kept)


async def test_a_relative_link_is_resolved_against_the_feeds_address(room: Room) -> None:
    """After redirects: the address that answered is the base."""
    room.paper.serve("", status=302, headers={"Location": "/feeds/all.xml"})
    room.paper.serve(rss(item(1, link="news/1"), item(2, link="/news/2")), "/feeds/all.xml")
    found = await room.look()
    assert [one.text.link for one in found.articles] == [room.paper.url("/feeds/news/1"), room.paper.url("/news/2")]


async def test_javascript_links_never_become_articles(room: Room) -> None:
    """One click in a mail must not run what a stranger wrote; the article beside it is read."""
    room.paper.serve(rss(item(1, link="javascript:alert(1)"), item(2, link="data:text/html,x"), item(3)))
    found = await room.look()
    assert [one.guid for one in found.articles] == ["paper-3"]
    assert found.doubts == (
        "article 1 was left out: it has no link that a mail can carry",
        "article 2 was left out: it has no link that a mail can carry",
    )


async def test_a_feed_of_ten_thousand_entries_gives_its_newest_thousand(room: Room) -> None:
    """Archives list the oldest first as often as the newest; the dates decide."""
    oldest_first = (
        item(number, pubDate=f"2026-{1 + number // 1000:02d}-{1 + number % 28:02d}T00:00:00Z")
        for number in range(10_000)
    )
    room.paper.serve(rss(*oldest_first))
    found = await room.look()
    numbers = {int(one.guid.removeprefix("paper-")) for one in found.articles}
    assert numbers == set(range(9_000, 10_000))
    assert "holds 10000 articles; the 1000 newest were read" in found.doubts


async def test_a_source_that_is_gone_is_shown_with_what_to_do(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """404 is an answer that only a person can act on."""
    await room.provision(database, clock)
    report = await room.collect(database, clock)
    async with database.read() as connection:
        source = await sources.get_source(connection, "gaon")
    assert "HTTP 404" in report.problem
    assert "new address" in report.problem
    assert (source.problem, source.failures) == (report.problem, 1)


async def test_a_picture_host_with_an_endless_name_is_left_alone(
    room: Room, database: Database, clock: StoppedClock
) -> None:
    """No column holds it: remembering it would break off every turn of its source."""
    await room.provision(database, clock)
    room.paper.serve(rss(item(1, description=f'<img src="http://{"a." * 150}example/1.jpg">')))
    report = await room.collect(database, clock)
    assert (report.new, report.problem) == (1, "")

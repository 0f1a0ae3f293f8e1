"""Looking at articles' pages on a real server: read, read again, corrected, gone, back."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from aiohttp import web

from digest.collect import collector, visits
from digest.collect.visits import LookedAgain, Seen, Visitor
from digest.database import Database, alerts, articles, most_read, pages, stories, tables
from digest.database.tables import pages as page_table
from digest.models.articles import Article, PageState
from digest.outbound import Outbound
from tests.collect.conftest import Room
from tests.collect.paper import Paper, item, rss
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

SEED_SHAPE = (Path(__file__).parents[1] / "support" / "pages" / "view-idx.html").read_bytes()
BODY = "가온시는 23일 시청 대강당에서 시민들이 참석한 가운데 내년 예산안 설명회를 열었다고 밝혔다. " * 4


def page(title: str = "예산안 설명회", body: str = BODY) -> str:
    return (
        f"<html><head><meta charset='utf-8'><title>{title}</title><meta property='og:title' content='{title}'></head>"
        f"<body><h1>{title}</h1><div id='article-view-content-div'><p>{body}</p><p>{body[:90]} 끝.</p></div>"
        "</body></html>"
    )


class Site:
    """A paper whose feed lists the articles whose pages it serves, and a visitor to it."""

    def __init__(self, room: Room, paper: Paper, database: Database, clock: StoppedClock) -> None:
        self.paper, self.database, self.clock, self.room = paper, database, clock, room
        hosts = collector.host_queue(room.settings)
        self.visitor = Visitor(database, room.outbound, room.settings, room.reader, hosts, clock, "worker")

    def serve(self, number: int, html: str | bytes, status: int = 200) -> None:
        headers = {"Content-Type": "text/html"}
        self.paper.serve(html, f"/news/{number}", status=status, headers=headers)

    async def publish(self, *numbers: int) -> None:
        """List these articles in the feed and collect it."""
        self.paper.serve(rss(*(item(number, link=self.paper.url(f"/news/{number}")) for number in numbers)))
        await self.room.provision(self.database, self.clock)
        await self.room.collect(self.database, self.clock)

    async def visit(self) -> Counter[Seen]:
        return await visits.visit_due(self.visitor)

    async def articles(self) -> list[Article]:
        """By id."""
        async with self.database.read() as connection:
            found = await articles.list_articles(connection, limit=50)
            whole = [await articles.get_article(connection, one.id) for one in found]
        return sorted(whole, key=lambda one: one.id)

    def asked(self, path: str) -> int:
        return sum(request.path == path for request in self.paper.requests)


@pytest.fixture
async def site(room: Room, paper: Paper, database: Database, clock: StoppedClock) -> Site:
    return Site(room, paper, database, clock)


async def test_a_page_shaped_like_the_first_one_gives_its_fields(site: Site) -> None:
    """The page this project started from: sub-headlines, times, caption, body, and the list of the most read."""
    site.serve(1, SEED_SHAPE)
    await site.publish(1)
    assert await site.visit() == {Seen.READ: 1}
    (article,) = await site.articles()
    assert article.text.subheads
    assert len(article.text.body) >= 3
    assert article.text.picture is not None
    assert article.text.picture.caption
    async with site.database.read() as connection:
        found = await pages.found_by(connection, article.id)
        lines = await most_read.latest(connection, now=site.clock(), limit=5)
        members = await stories.story_of(connection, [article.id])
    assert found is not None
    assert found[0] is PageState.READ
    assert {"title", "body", "subheads", "registered_at"} <= found[1].keys()
    assert lines
    assert members[article.id].article_ids == (article.id,)


async def test_a_page_is_not_asked_for_again_before_its_time_and_costs_nothing_when_it_is_the_same(site: Site) -> None:
    """A paper's server sees us rarely, and equal bytes are not read again."""
    site.serve(1, page())
    await site.publish(1)
    await site.visit()
    assert await site.visit() == {}
    site.clock.advance(minutes=30)
    assert await site.visit() == {Seen.SAME: 1}
    assert site.asked("/news/1") == 2


async def test_a_corrected_page_makes_a_revision(site: Site) -> None:
    """기사수정 on the page alone."""
    site.serve(1, page())
    await site.publish(1)
    await site.visit()
    site.serve(1, page("예산안 설명회 연기"))
    site.clock.advance(hours=1)
    assert await site.visit() == {Seen.REVISED: 1}
    (article,) = await site.articles()
    assert article.revision == 2


async def test_a_text_that_has_become_short_is_a_change(site: Site) -> None:
    """A paper takes back all but a sentence: readers who were mailed the rest are told."""
    site.serve(1, page())
    await site.publish(1)
    await site.visit()
    short = "시는 예산안 설명회를 열지 않기로 했다."
    site.serve(1, f"<h1>예산안 설명회</h1><div id='article-view-content-div'><p>{short}</p></div>")
    site.clock.advance(hours=1)
    assert await site.visit() == {Seen.REVISED: 1}
    (article,) = await site.articles()
    assert article.text.body == (short,)
    async with site.database.read() as connection:
        why = await connection.scalar(sa.select(tables.revisions.c.substantial).order_by(sa.desc("revision")))
    assert why in ("text", "numbers")


LOGIN = (
    "<title>로그인</title><p>회원 전용 기사입니다. 로그인 후 이용해 주시기 바랍니다.</p>"
    + f"<p>{'회원이 되세요. ' * 30}</p>"
)
WORKED_ON = "<h1>점검 중입니다</h1><p>" + "더 나은 서비스를 위해 시스템을 점검하고 있으니 양해 바랍니다. " * 6 + "</p>"
TEASER = page(body=BODY[:60]).replace("끝.", "로그인 후 전체를 볼 수 있습니다.")
EMPTY = "<title>예산안 설명회</title><h1>예산안 설명회</h1><div id='article-view-content-div'></div>"


@pytest.mark.parametrize("other", [LOGIN, WORKED_ON, TEASER, EMPTY], ids=["login", "worked on", "teaser", "empty"])
async def test_a_login_or_an_error_in_its_place_wipes_no_article(site: Site, other: str) -> None:
    """It comes with HTTP 200, and is no correction."""
    site.serve(1, page())
    await site.publish(1)
    await site.visit()
    before = await site.articles()
    site.serve(1, other)
    site.clock.advance(hours=1)
    assert await site.visit() == {Seen.FAILED: 1}
    assert await site.articles() == before


@pytest.mark.parametrize("status", [404, 410])
async def test_an_article_whose_page_is_gone_is_withdrawn_and_comes_back_with_it(site: Site, status: int) -> None:
    """What the paper took back must not be mailed; what it brings again may be."""
    site.serve(1, page())
    await site.publish(1)
    await site.visit()
    site.serve(1, "gone", status)
    site.clock.advance(hours=1)
    assert await site.visit() == {Seen.WITHDRAWN: 1}
    assert [one.withdrawn_at for one in await site.articles()] == [site.clock()]
    site.serve(1, page())
    site.clock.advance(hours=2)
    await site.visit()
    assert [one.withdrawn_at for one in await site.articles()] == [None]


async def test_a_single_wrong_answer_withdraws_nothing(site: Site) -> None:
    """A server that is being restarted says 404 once."""
    await site.publish(1)
    answers = iter([404, 200, 200])

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=page().encode(), status=next(answers), content_type="text/html")

    site.paper.answer("/news/1", answer)
    assert await site.visit() == {Seen.READ: 1}


async def test_links_that_never_led_anywhere_withdraw_nothing(site: Site) -> None:
    """A feed with wrong links: its articles are mailed as they are listed, and a person is told."""
    await site.publish(1)
    assert await site.visit() == {Seen.FAILED: 1}
    assert (await site.articles())[0].withdrawn_at is None
    async with site.database.read() as connection:
        assert "pages:gaon" in {one.matter for one in await alerts.list_open(connection)}


async def test_a_page_that_says_it_was_deleted_withdraws_its_article(site: Site) -> None:
    """Some systems answer 200 with a sentence."""
    site.serve(1, "<html><body><div class='error'><p>삭제된 기사입니다.</p></div></body></html>")
    await site.publish(1)
    assert await site.visit() == {Seen.WITHDRAWN: 1}
    assert (await site.articles())[0].withdrawn_at is not None


async def test_a_site_in_trouble_loses_none_of_its_articles(site: Site) -> None:
    """A paper moves to a new system and all its addresses answer 404: that is no withdrawal of everything."""
    for number in range(1, 6):
        site.serve(number, page(f"소식 {number}"))
    await site.publish(*range(1, 6))
    await site.visit()
    for number in range(1, 5):
        site.serve(number, "gone", 404)
    site.clock.advance(hours=1)
    assert await site.visit() == {Seen.FAILED: 4, Seen.SAME: 1}
    assert all(one.withdrawn_at is None for one in await site.articles())
    async with site.database.read() as connection:
        told = {one.matter: one.count for one in await alerts.list_open(connection)}
    assert told["pages:gaon"] == 1  # not a mail for each of the four


async def test_robots_are_asked_first(site: Site) -> None:
    """A site that keeps robots from its articles is not read; its feed is, and the article is mailed from that."""
    site.paper.serve("User-agent: *\nDisallow: /news/", "/robots.txt", headers={"Content-Type": "text/plain"})
    site.serve(1, page())
    await site.publish(1)
    assert await site.visit() == {Seen.FAILED: 1}
    assert site.asked("/news/1") == 0
    (article,) = await site.articles()
    async with site.database.read() as connection:
        found = await pages.found_by(connection, article.id)
    assert found is not None
    assert found[0] is PageState.CLOSED
    assert article.eligible


async def test_looking_again_finds_what_has_changed_meanwhile(site: Site) -> None:
    """Just before an edition is composed, whether due or not."""
    site.serve(1, page())
    site.serve(2, page("다른 소식"))
    await site.publish(1, 2)
    await site.visit()
    site.serve(2, page("다른 소식, 바로잡음"))
    site.clock.advance(minutes=1)
    looked = await visits.look_again(site.visitor, [1, 2], seconds=30.0)
    assert looked == LookedAgain(revised=1, withdrawn=0, missed=0)


async def test_looking_again_waits_for_who_is_looking_already(site: Site) -> None:
    """Two workers, or a worker and a command: who composed at once mailed what the page had said before."""
    site.serve(1, page())
    await site.publish(1)
    await site.visit()
    asked, answered = asyncio.Event(), asyncio.Event()

    async def slowly(_request: web.Request) -> web.Response:
        asked.set()
        await answered.wait()
        return web.Response(text=page("예산안 설명회 연기"), content_type="text/html")

    site.paper.answer("/news/1", slowly)
    first = asyncio.create_task(visits.look_again(site.visitor, [1]))
    await asked.wait()
    second = asyncio.create_task(visits.look_again(replace(site.visitor, owner="other"), [1]))
    done, _ = await asyncio.wait({second}, timeout=0.5)
    assert not done
    answered.set()
    await asyncio.gather(first, second)
    (article,) = await site.articles()
    assert article.revision == 2


async def test_looking_again_ends_in_time(site: Site) -> None:
    """A dead server must not hold up the edition of seven o'clock; what was claimed is free again."""
    site.serve(1, page())
    await site.publish(1)
    await site.visit()

    async def never(_request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    site.paper.answer("/news/1", never)
    looked = await visits.look_again(site.visitor, [1], seconds=0.5)
    assert looked == LookedAgain(revised=0, withdrawn=0, missed=1)
    async with site.database.read() as connection:
        held = await connection.scalar(
            sa.select(sa.func.count()).select_from(page_table).where(page_table.c.lease_owner.is_not(None))
        )
    assert held == 0


async def test_rubbish_for_a_page_costs_the_article_nothing(site: Site) -> None:
    """A picture behind the link, or bytes: the article goes out with what its source lists."""
    site.serve(1, bytes(range(256)) * 50)
    await site.publish(1)
    assert await site.visit() == {Seen.FAILED: 1}
    (article,) = await site.articles()
    assert article.text.excerpt


async def test_the_delay_that_a_site_asks_robots_for_is_kept(site: Site) -> None:
    """Between its pages lies what its robots.txt says."""
    told: list[tuple[str, float]] = []
    site.visitor.hosts.slow_down = lambda url, seconds: told.append((url, seconds))  # type: ignore[method-assign]
    site.paper.serve("User-agent: *\nCrawl-delay: 7\n", "/robots.txt", headers={"Content-Type": "text/plain"})
    site.serve(1, page())
    await site.publish(1)
    assert await site.visit() == {Seen.READ: 1}
    assert told == [(site.paper.url("/news/1"), 7.0)]


async def test_who_waits_for_a_slow_host_keeps_no_place_from_the_others(site: Site) -> None:
    """More pages than places wait at one host; another host's page is looked at meanwhile."""
    async with Paper() as slow:
        numbers = range(1, 13)
        hosts = frozenset((slow.host, site.paper.host))
        for number in numbers:
            slow.serve(page(), f"/news/{number}", headers={"Content-Type": "text/html"})
        site.serve(99, page())
        listed = [item(number, link=slow.url(f"/news/{number}")) for number in numbers]
        site.paper.serve(rss(*listed, item(99, link=site.paper.url("/news/99"))))
        await site.room.provision(site.database, site.clock)
        await site.room.collect(site.database, site.clock)
        async with Outbound(private_hosts=hosts, user_agent="test") as outbound:
            visitor = replace(site.visitor, outbound=outbound)
            async with visitor.hosts.turn(slow.url("/")):
                visiting = asyncio.create_task(visits.visit_due(visitor))
                async with asyncio.timeout(20):
                    while not site.asked("/news/99"):  # noqa: ASYNC110 (what is waited for is a server's)
                        await asyncio.sleep(0.01)
                assert not any(request.path.startswith("/news/") for request in slow.requests)
                visiting.cancel()
            await asyncio.gather(visiting, return_exceptions=True)

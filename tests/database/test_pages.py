"""The pages of articles as rows: claimed, recorded, and what becomes of the article."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from digest.database import Database, articles, finds, pages
from digest.database.pages import Marks, PageTurn
from digest.database.tables import articles as article_table
from digest.database.tables import sources as source_table
from digest.models.articles import Article, PageState, PageText, WithdrawnBy
from tests.support.clock import StoppedClock
from tests.support.newsroom import Newsroom

pytestmark = pytest.mark.anyio

BODY = ("가온시는 23일 설명회를 열었다.", "시민 120명이 왔다.")
PAGE = PageText(title="설명회", body=BODY, excerpt="가온시는 23일 설명회를 열었다.", subheads=("시민 120명",))


@pytest.fixture
def newsroom(database: Database, clock: StoppedClock) -> Newsroom:
    return Newsroom(database, clock)


async def claim(newsroom: Newsroom, owner: str = "one", limit: int = 10) -> list[PageTurn]:
    now = newsroom.clock()
    async with newsroom.database.begin() as connection:
        return await pages.claim_due(
            connection, owner=owner, now=now, lease_until=now + timedelta(minutes=5), limit=limit
        )


async def read(newsroom: Newsroom, turn: PageTurn, page: PageText, owner: str = "one") -> bool:
    """Record `page` for a turn and put the article together; return whether that made a revision."""
    now = newsroom.clock()
    async with newsroom.database.begin() as connection:
        is_first = turn.state is PageState.UNREAD
        await pages.record_read(
            connection, turn, page, Marks("e", None, "d"), owner=owner, at=now, next_at=now + timedelta(hours=1)
        )
        return await finds.remake(connection, turn.article_id, now=now, is_first_reading=is_first)


async def get(newsroom: Newsroom, article_id: int) -> Article:
    async with newsroom.database.read() as connection:
        return await articles.get_article(connection, article_id)


async def test_a_new_article_s_page_is_due_at_once_and_claimed_once(newsroom: Newsroom) -> None:
    """Two workers must not press a paper's site for the same page."""
    (article_id,) = await newsroom.publish("설명회")
    (turn,) = await claim(newsroom)
    assert (turn.article_id, turn.url, turn.state) == (article_id, "https://gaon.example/시정/설명회", PageState.UNREAD)
    assert await claim(newsroom, "two") == []
    newsroom.clock.advance(minutes=6)
    assert [turn.article_id for turn in await claim(newsroom, "two")] == [article_id]


async def test_the_first_reading_completes_the_first_revision(newsroom: Newsroom) -> None:
    """A feed's half sentence and the page's text are the same state of the article, not a correction."""
    (article_id,) = await newsroom.publish("설명회")
    (turn,) = await claim(newsroom)
    assert not await read(newsroom, turn, PAGE)
    article = await get(newsroom, article_id)
    assert (article.revision, article.text.body, article.text.subheads) == (1, BODY, ("시민 120명",))
    assert await claim(newsroom) == []


async def test_a_changed_page_is_a_revision(newsroom: Newsroom) -> None:
    """기사수정 is often seen on the page alone: the feed has long dropped the article."""
    (article_id,) = await newsroom.publish("설명회")
    (turn,) = await claim(newsroom)
    await read(newsroom, turn, PAGE)
    newsroom.clock.advance(hours=2)
    (turn,) = await claim(newsroom)
    assert (turn.etag, turn.body_digest, turn.state) == ("e", "d", PageState.READ)
    assert await read(newsroom, turn, replace(PAGE, title="설명회 연기"))
    article = await get(newsroom, article_id)
    assert (article.revision, article.text.title) == (2, "설명회 연기")


async def test_the_same_feed_again_does_not_undo_what_the_page_said(newsroom: Newsroom) -> None:
    """Otherwise list and page would revise each other for ever."""
    (article_id,) = await newsroom.publish("설명회")
    (turn,) = await claim(newsroom)
    await read(newsroom, turn, PAGE)
    await newsroom.publish("설명회")
    article = await get(newsroom, article_id)
    assert (article.revision, article.text.body) == (1, BODY)


async def test_a_changed_listing_has_the_page_looked_at_at_once(newsroom: Newsroom) -> None:
    """What the feed corrects, the page has corrected, too."""
    (article_id,) = await newsroom.publish("설명회")
    (turn,) = await claim(newsroom)
    await read(newsroom, turn, PAGE)
    assert newsroom.source is not None
    async with newsroom.database.begin() as connection:
        listed = (await connection.execute(sa.select(article_table.c.listed))).scalar_one()
    assert listed["title"] == "설명회"
    await newsroom.publish("설명회", excerpt="다른 요약")
    assert [turn.article_id for turn in await claim(newsroom)] == [article_id]
    assert (await get(newsroom, article_id)).text.body == BODY


async def test_an_article_without_a_headline_waits_for_its_page(newsroom: Newsroom) -> None:
    """A plain sitemap lists addresses alone; nothing without a headline goes into an edition."""
    (article_id,) = await newsroom.publish("", link="https://gaon.example/news/7")
    assert not (await get(newsroom, article_id)).eligible
    (turn,) = await claim(newsroom)
    await read(newsroom, turn, PAGE)
    article = await get(newsroom, article_id)
    assert (article.eligible, article.text.title) == (True, "설명회")


async def test_a_page_that_failed_keeps_what_it_said(newsroom: Newsroom) -> None:
    """A site that is down for an hour loses nobody's article its text."""
    (article_id,) = await newsroom.publish("설명회")
    (turn,) = await claim(newsroom)
    await read(newsroom, turn, PAGE)
    newsroom.clock.advance(hours=2)
    (turn,) = await claim(newsroom)
    now = newsroom.clock()
    async with newsroom.database.begin() as connection:
        await pages.record_failed(
            connection, turn, PageState.FAILED, "no answer", owner="one", at=now, next_at=now + timedelta(minutes=5)
        )
        found = await pages.found_by(connection, article_id)
    assert found is not None
    assert (found[0], found[2]) == (PageState.READ, "no answer")
    assert (await get(newsroom, article_id)).text.body == BODY
    newsroom.clock.advance(minutes=5)
    assert [turn.failures for turn in await claim(newsroom)] == [1]


async def test_what_another_worker_took_over_is_not_recorded(newsroom: Newsroom) -> None:
    """A worker that was slow for ten minutes must not overwrite what is newer."""
    (article_id,) = await newsroom.publish("설명회")
    (slow,) = await claim(newsroom, "slow")
    newsroom.clock.advance(minutes=6)
    (quick,) = await claim(newsroom, "quick")
    await read(newsroom, quick, PAGE, "quick")
    await read(newsroom, slow, replace(PAGE, body=("옛 글",)), "slow")
    assert (await get(newsroom, article_id)).text.body == BODY


async def test_the_link_that_a_page_asks_for_makes_the_article_known(newsroom: Newsroom) -> None:
    """Two sections list one article under two addresses; its page names one for both."""
    (article_id,) = await newsroom.publish("설명회", link="https://gaon.example/city/7")
    (turn,) = await claim(newsroom)
    await read(newsroom, turn, replace(PAGE, link="https://gaon.example/news/7"))
    await newsroom.publish("설명회", link="https://gaon.example/news/7", section="경제")
    async with newsroom.database.read() as connection:
        assert [one.id for one in await articles.list_articles(connection, limit=9)] == [article_id]


async def test_a_persons_withdrawal_is_not_undone_by_the_page(newsroom: Newsroom) -> None:
    """The page may still stand when the desk has decided; what the page took back, it may bring again."""
    (first, second) = await newsroom.publish("하나", "둘")
    at = newsroom.clock()
    async with newsroom.database.begin() as connection:
        assert await articles.withdraw(connection, first, at=at)
        assert await articles.withdraw(connection, second, at=at, by=WithdrawnBy.PAGE)
        assert not await articles.bring_back(connection, first, at=at, by=WithdrawnBy.PAGE)
        assert await articles.bring_back(connection, second, at=at, by=WithdrawnBy.PAGE)
    assert (await get(newsroom, first)).withdrawn_by is WithdrawnBy.PERSON
    assert (await get(newsroom, second)).withdrawn_at is None


async def test_backlog_without_a_headline_stays_out_when_its_page_tells_its_age(newsroom: Newsroom) -> None:
    """A plain sitemap lists the archive: its first reading must not fill the first edition with last year's news."""
    await newsroom.use_new_source()
    (old, new) = await newsroom.publish("", " ", registered_at=None)
    turns = {turn.article_id: turn for turn in await claim(newsroom)}
    for article_id, age in ((old, timedelta(hours=25)), (new, timedelta(hours=23))):
        page = replace(PAGE, title=f"소식 {article_id}", registered_at=newsroom.clock() - age)
        await read(newsroom, turns[article_id], page)
    assert [(await get(newsroom, one)).eligible for one in (old, new)] == [False, True]


async def test_backlog_that_was_listed_without_a_date_is_taken_out_when_its_page_tells_its_age(
    newsroom: Newsroom,
) -> None:
    """A list of headlines without dates goes back for weeks."""
    await newsroom.use_new_source()
    (article_id,) = await newsroom.publish("설명회", registered_at=None)
    before = (await get(newsroom, article_id)).eligible
    (turn,) = await claim(newsroom)
    await read(newsroom, turn, replace(PAGE, registered_at=newsroom.clock() - timedelta(days=40)))
    assert (before, (await get(newsroom, article_id)).eligible) == (True, False)


async def test_an_old_article_that_is_listed_later_is_news(newsroom: Newsroom) -> None:
    """Only the first document of a source is backlog; what comes after was put there now."""
    (article_id,) = await newsroom.publish("", registered_at=None, link="https://gaon.example/1")
    async with newsroom.database.begin() as connection:
        first = newsroom.clock() - timedelta(days=2)
        await connection.execute(sa.update(source_table).values(first_fetched_at=first))
    (turn,) = await claim(newsroom)
    await read(newsroom, turn, replace(PAGE, registered_at=newsroom.clock() - timedelta(days=40)))
    assert (await get(newsroom, article_id)).eligible

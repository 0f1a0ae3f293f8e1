"""One story once: articles that tell the same are put together, and a person's word stays."""

import asyncio
from datetime import timedelta

import pytest

from digest.collect.near import compare, signature
from digest.database import Database, articles, finds, sources, stories
from digest.errors import NotFoundError
from digest.models.articles import ArticleText, FoundArticle
from digest.models.sources import SourceSpec
from digest.models.stories import JoinedBy, StoryMember
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

FESTIVAL = (
    "가온시는 오는 5일부터 가온천 둔치에서 벚꽃축제를 연다. "
    "거리공연과 플리마켓, 가족 사진관 등 40여 개 프로그램이 마련된다. "
    "시는 셔틀버스를 운행하고 주차장을 통제한다."
)
LIBRARY = (
    "나루시립도서관은 겨울방학을 맞아 초등학생 독서교실 참가자를 모집한다. "
    "독서교실은 나흘간 시청각실에서 열리며 누리집에서 선착순으로 신청을 받는다. "
    "참가비는 없다."
)


@pytest.fixture
async def ids(database: Database, clock: StoppedClock) -> list[int]:
    """Four articles of two sources, seen an hour apart; two days later a fifth, two more days later a sixth."""
    async with database.begin() as connection:
        specs = [SourceSpec(name, "feed", f"https://{name}.example/rss") for name in ("gaon", "naru")]
        both = [await sources.add_source(connection, spec) for spec in specs]
        for number, hours in enumerate((0, 1, 2, 3, 48, 96)):
            found = FoundArticle(f"g{number}", ArticleText(f"소식 {number}", f"https://gaon.example/news/{number}"))
            seen_at = clock() + timedelta(hours=hours)
            await finds.store_found(connection, both[number % 2], [found], now=seen_at)
        return sorted(each.id for each in await articles.list_articles(connection, limit=9))


async def place(
    database: Database, clock: StoppedClock, article_id: int, text: str = FESTIVAL, revision: int = 1
) -> StoryMember:
    title = text[:14]
    async with database.begin() as connection:
        return await stories.place(
            connection, article_id, revision, signature(title, [text]), compare=compare, now=clock()
        )


async def stories_of(database: Database, ids: list[int]) -> list[tuple[int, ...]]:
    async with database.read() as connection:
        found = await stories.story_of(connection, ids)
    return sorted({story.article_ids for story in found.values()})


async def test_an_article_joins_the_story_of_the_first_with_score_and_reason(
    database: Database, clock: StoppedClock, ids: list[int]
) -> None:
    """A person must be able to see why two articles are taken for one."""
    first = await place(database, clock, ids[0])
    same = await place(database, clock, ids[1])
    other = await place(database, clock, ids[2], LIBRARY)
    assert (first.story_id, first.score) == (ids[0], None)
    assert (same.story_id, same.score, same.reason) == (ids[0], pytest.approx(1.0), "body 1.00, title 1.00")
    assert other.story_id == ids[2]
    async with database.read() as connection:
        assert await stories.members(connection, ids[0]) == [first, same]
        found = await stories.story_of(connection, [*ids, 999])
    assert (found[ids[1]].article_ids, found[ids[1]].sources) == ((ids[0], ids[1]), 2)
    assert set(found) == set(ids[:3])


async def test_placing_again_changes_nothing(database: Database, clock: StoppedClock, ids: list[int]) -> None:
    """A worker that was killed after it stored the article does it again."""
    for article_id in (ids[0], ids[1]):
        first = await place(database, clock, article_id)
        clock.advance(minutes=1)
        assert await place(database, clock, article_id) == first


async def test_a_chain_of_likenesses_is_no_story(database: Database, clock: StoppedClock, ids: list[int]) -> None:
    """The third is like the second, and not like the first: it founds a story of its own."""
    text = FESTIVAL[:90], FESTIVAL[:90] + LIBRARY[:90], LIBRARY[:90]
    signed = [signature("축제와 독서교실 소식을 함께 전합니다", [each]) for each in text]
    assert compare(signed[1], signed[2]).is_same
    async with database.begin() as connection:
        for article_id, each in zip(ids, signed, strict=False):
            await stories.place(connection, article_id, 1, each, compare=compare, now=clock())
    assert await stories_of(database, ids) == [(ids[0], ids[1]), (ids[2],)]


async def test_a_text_of_a_whole_site_joins_none_of_its_articles(
    database: Database, clock: StoppedClock, ids: list[int]
) -> None:
    """The ledger tells the comparison where the first article of a story was printed."""
    async with database.begin() as connection:
        for article_id, title in zip(ids, ("강변 산책로 새로 놓는다", "도서관 밤 10시까지 연장"), strict=False):
            signed = signature(title, [FESTIVAL], site="gaon.example")  # where all six are
            await stories.place(connection, article_id, 1, signed, compare=compare, now=clock())
    assert await stories_of(database, ids) == [(ids[0],), (ids[1],)]


async def test_a_story_ends_with_its_window(database: Database, clock: StoppedClock, ids: list[int]) -> None:
    """The festival's release of next month is printed with the same words; three days are the same news."""
    for article_id in (ids[0], ids[4], ids[5]):
        await place(database, clock, article_id)
    assert await stories_of(database, ids) == [(ids[0], ids[4]), (ids[5],)]


async def test_a_later_revision_is_looked_at_anew(database: Database, clock: StoppedClock, ids: list[int]) -> None:
    """The feed gave a line, the page gives the text; and a corrected text may be another story."""
    await place(database, clock, ids[0])
    alone = await place(database, clock, ids[1], "벚꽃")
    assert alone.story_id == ids[1]
    assert (await place(database, clock, ids[1], FESTIVAL, 2)).story_id == ids[0]
    assert (await place(database, clock, ids[1], LIBRARY, 3)).story_id == ids[1]
    assert (await place(database, clock, ids[1], FESTIVAL, 2)).story_id == ids[1]  # an older one, late


async def test_workers_at_once_make_one_story(database: Database, clock: StoppedClock, ids: list[int]) -> None:
    """Two sources bring the same release in the same second."""
    await asyncio.gather(*(place(database, clock, article_id) for article_id in ids[:4] * 2))
    [story] = await stories_of(database, ids)
    assert sorted(story) == ids[:4]


async def test_what_a_person_separates_stays_apart(database: Database, clock: StoppedClock, ids: list[int]) -> None:
    """Also after a later revision of either, and for good."""
    for article_id in ids[:3]:
        await place(database, clock, article_id)
    async with database.begin() as connection:
        assert await stories.separate(connection, ids[0], at=clock())
        assert not await stories.separate(connection, ids[0], at=clock())
    assert await stories_of(database, ids) == [(ids[0],), (ids[1], ids[2])]
    assert (await place(database, clock, ids[0], FESTIVAL, 2)).joined_by is JoinedBy.PERSON
    await place(database, clock, ids[2], FESTIVAL, 2)
    assert await stories_of(database, ids) == [(ids[0],), (ids[1], ids[2])]


async def test_what_a_person_joins_stays_together(database: Database, clock: StoppedClock, ids: list[int]) -> None:
    """Whatever the texts say, and though it was separated before."""
    for article_id, text in zip(ids, (FESTIVAL, FESTIVAL, LIBRARY, LIBRARY), strict=False):
        await place(database, clock, article_id, text)
    async with database.begin() as connection:
        await stories.separate(connection, ids[1], at=clock())
        assert await stories.join(connection, [ids[0], ids[1], ids[2]], at=clock()) == ids[0]
    assert await stories_of(database, ids) == [tuple(ids[:4])]
    moved = await place(database, clock, ids[2], LIBRARY, 2)
    assert (moved.story_id, moved.reason) == (ids[0], stories.BY_A_PERSON)


async def test_articles_that_were_never_placed_can_be_joined(
    database: Database, clock: StoppedClock, ids: list[int]
) -> None:
    """Those stored by an earlier release; unknown ids are said to be unknown."""
    async with database.begin() as connection:
        await stories.join(connection, [ids[1], ids[0]], at=clock())
        with pytest.raises(NotFoundError):
            await stories.join(connection, [ids[0], 999], at=clock())
        with pytest.raises(NotFoundError):
            await stories.separate(connection, 999, at=clock())
    assert await stories_of(database, ids) == [(ids[1], ids[0])]


async def test_old_signatures_go_and_the_stories_stay(database: Database, clock: StoppedClock, ids: list[int]) -> None:
    """Bands are many rows, and nobody looks among them after the window."""
    for article_id in ids[:2]:
        await place(database, clock, article_id)
    async with database.begin() as connection:
        assert await stories.forget_signatures(connection, before=clock()) == 0
        assert await stories.forget_signatures(connection, before=clock.advance(days=7)) == 2
    assert await stories_of(database, ids) == [tuple(ids[:2])]

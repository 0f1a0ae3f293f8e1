"""Storing what sources hold: each article once, each change as a revision."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from digest.database import Database, arrivals, articles, finds, most_read, sources, tables
from digest.database.finds import Stored
from digest.database.tables import sources as source_table
from digest.errors import NotFoundError
from digest.models.articles import Article, ArticleText, FoundArticle, Picture
from digest.models.sources import Source, SourceSpec
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

NOW = StoppedClock().at
REGISTERED = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)


def found(number: int = 1, guid: str | None = None, **changes: Any) -> FoundArticle:
    """An article as a feed gives it."""
    values: dict[str, Any] = {
        "title": f"소식 {number}",
        "link": f"https://gaon.example/news/{number}",
        "excerpt": "내용",
        "registered_at": REGISTERED + timedelta(seconds=number),
        **changes,
    }
    return FoundArticle(f"g{number}" if guid is None else guid, ArticleText(**values))


@pytest.fixture
async def gaon(database: Database) -> Source:
    return await add(database, "gaon")


async def add(database: Database, name: str) -> Source:
    """A source that was fetched before, so that nothing is backlog."""
    async with database.begin() as connection:
        source = await sources.add_source(connection, SourceSpec(name, "feed", f"https://{name}.example/rss"))
        await connection.execute(sa.update(source_table).where(source_table.c.id == source.id).values(last_ok_at=NOW))
    return replace(source, first_fetched_at=REGISTERED)


async def store(database: Database, clock: StoppedClock, source: Source, *some: FoundArticle) -> Stored:
    async with database.begin() as connection:
        return await finds.store_found(connection, source, some, now=clock())


async def store_new(
    database: Database, clock: StoppedClock, *arrived: tuple[Source, list[FoundArticle]]
) -> dict[int, Stored]:
    return await database.write(lambda connection: arrivals.store(connection, arrived, now=clock()))


async def kept(database: Database, source: str | None = None) -> list[Article]:
    async with database.read() as connection:
        return await articles.list_articles(connection, limit=100, source=source)


async def test_every_field_comes_back_as_it_was_found(database: Database, clock: StoppedClock, gaon: Source) -> None:
    """What the mail prints is what the paper wrote."""
    one = found(
        1,
        subheads=("- 부제 하나", "- 부제 둘"),
        section="시정",
        byline="김가온 기자",
        body=("첫 문단", "둘째 문단"),
        picture=Picture("https://img.gaon.example/1.jpg", "사진 설명", 640, 360),
        modified_at=REGISTERED + timedelta(hours=1),
    )
    await store(database, clock, gaon, one)
    (article,) = await kept(database)
    assert article.text == one.text
    assert (article.source_name, article.revision, article.eligible) == ("gaon", 1, True)
    assert article.first_seen_at == clock()


async def test_many_sources_finds_are_stored_as_one_sources_are(
    database: Database, clock: StoppedClock, gaon: Source
) -> None:
    """Both ways leave the same rows of an article, its revision and its page, but for what tells the two apart."""
    naru = await add(database, "naru")
    texts = {
        "title": "“르포” \\ 'ㄱ' 🙂",
        "body": ("한\n둘", '"셋"'),
        "picture": Picture("https://p.example/1.jpg", "장터", 5),
    }
    one, other = found(1, **texts), found(1, **texts | {"link": "https://naru.example/news/1"})
    one = replace(one, text=replace(one.text, registered_at=None))
    other = replace(other, text=replace(other.text, registered_at=None))

    await store(database, clock, gaon, one)
    assert await store_new(database, clock, (naru, [other])) == {naru.id: Stored(1, 0)}

    own = {"id", "article_id", "source_id", "link", "link_key", "title_key", "digest", "listed_digest"}
    async with database.read() as connection:
        for table in (tables.articles, tables.revisions, tables.pages):
            rows = (await connection.execute(sa.select(table))).mappings().all()
            first, second = ({name: value for name, value in row.items() if name not in own} for row in rows)
            if "listed" in first:
                first["listed"], second["listed"] = first["listed"] | {"link": ""}, second["listed"] | {"link": ""}
            assert first == second


@pytest.mark.parametrize("moved", [{"link": "https://gaon.example/moved"}, {"guid": "moved"}])
async def test_among_many_an_article_is_known_by_any_of_its_marks(
    database: Database, clock: StoppedClock, gaon: Source, moved: dict[str, str]
) -> None:
    """What a source is known to hold by guid or by link is left to the ordinary way."""
    naru = await add(database, "naru")
    await store(database, clock, gaon, found(1))

    theirs = found(2, link="https://naru.example/news/2")
    came = await store_new(database, clock, (gaon, [found(1, **moved)]), (naru, [theirs]))
    assert came == {naru.id: Stored(1, 0)}


async def test_storing_the_same_twice_changes_nothing(database: Database, clock: StoppedClock, gaon: Source) -> None:
    """Most fetches bring what is known."""
    some = [found(1), found(2)]
    assert await store(database, clock, gaon, *some) == Stored(2, 0)
    before = await kept(database)
    clock.advance(hours=1)
    assert await store(database, clock, gaon, *some) == Stored(0, 0)
    assert await kept(database) == before


async def test_a_changed_text_is_a_revision_once(database: Database, clock: StoppedClock, gaon: Source) -> None:
    """기사수정: the earlier text stays readable under its number."""
    await store(database, clock, gaon, found(1))
    changed = found(1, title="고친 소식", body=("바뀐 내용",))
    clock.advance(hours=1)
    assert await store(database, clock, gaon, changed) == Stored(0, 1)
    assert await store(database, clock, gaon, changed) == Stored(0, 0)
    (article,) = await kept(database)
    assert (article.revision, article.text) == (2, changed.text)
    assert article.first_seen_at == clock() - timedelta(hours=1)
    async with database.read() as connection:
        first = await articles.get_article(connection, article.id, 1)
        both = await articles.load_revisions(connection, [(article.id, 1), (article.id, 2), (article.id, 3), (99, 1)])
        with pytest.raises(NotFoundError, match="in revision 3"):
            await articles.get_article(connection, article.id, 3)
    assert first.text.title == "소식 1"
    assert both == {(article.id, 1): first, (article.id, 2): article}


@pytest.mark.parametrize(
    "noise",
    [
        {"link": "http://gaon.example/news/1?utm_source=rss#top"},
        {"modified_at": REGISTERED + timedelta(hours=2)},
        {"registered_at": REGISTERED + timedelta(seconds=30)},
        {"picture": Picture("https://img.gaon.example/1.jpg?sign=2")},
    ],
)
async def test_noise_is_no_revision(
    database: Database, clock: StoppedClock, gaon: Source, noise: dict[str, Any]
) -> None:
    """Tracking marks, bumped times and addresses signed anew are nothing a reader sees."""
    first = {"picture": Picture("https://img.gaon.example/1.jpg?sign=1")}
    await store(database, clock, gaon, found(1, **first))
    assert await store(database, clock, gaon, found(1, **{**first, **noise})) == Stored(0, 0)


async def test_an_older_state_from_another_server_is_no_revision(
    database: Database, clock: StoppedClock, gaon: Source
) -> None:
    """Behind one address stand several caches; a correction must not be taken back by the slowest."""
    older, newer = (found(1, title=f"제목 {hour}", modified_at=REGISTERED + timedelta(hours=hour)) for hour in (1, 2))
    await store(database, clock, gaon, newer)
    assert await store(database, clock, gaon, older) == Stored(0, 0)


async def test_an_article_is_known_by_its_guid_then_link_then_title_and_time(
    database: Database, clock: StoppedClock, gaon: Source
) -> None:
    """A paper that moves to a new domain and system must not have its archive mailed again."""
    await store(database, clock, gaon, found(1))
    assert (await store(database, clock, gaon, found(1, link="https://gaon.example/n/1"))).new == 0
    await store(database, clock, gaon, found(2))
    assert (await store(database, clock, gaon, found(2, guid="new-2"))).new == 0
    moved = found(2, guid="tag:2", link="https://www.gaon.example/articles/2")
    assert (await store(database, clock, gaon, moved)).new == 0
    assert (await store(database, clock, gaon, replace(moved, text=replace(moved.text, title="새 제목")))) == Stored(
        0, 1
    )


async def test_a_title_without_a_time_identifies_nothing(database: Database, clock: StoppedClock, gaon: Source) -> None:
    """오늘의 운세 is another article every day."""
    await store(database, clock, gaon, found(1, title="오늘의 운세", registered_at=None))
    assert (await store(database, clock, gaon, found(2, title="오늘의 운세", registered_at=None))).new == 1


async def test_marks_that_different_articles_of_a_document_share_identify_nothing(
    database: Database, clock: StoppedClock, gaon: Source
) -> None:
    """Feeds whose every link is one page, or whose every guid is the site, hold more than one article."""
    one_link = [found(number, link="https://gaon.example/list.php?b=1") for number in (1, 2, 3)]
    one_guid = [found(number, guid="https://gaon.example") for number in (4, 5, 6)]
    front_page = [found(number, guid="", link="https://gaon.example/") for number in (7, 8)]
    one_time = [found(number, title="[부고]", registered_at=REGISTERED) for number in (9, 10)]
    everything = [*one_link, *one_guid, *front_page, *one_time]
    assert await store(database, clock, gaon, *everything) == Stored(10, 0)
    assert await store(database, clock, gaon, *everything) == Stored(0, 0)
    # Alone in a later document, an article whose link is another's is still an article of its own.
    await store(database, clock, gaon, found(20, link="https://gaon.example/board.php"))
    assert (await store(database, clock, gaon, found(21, link="https://gaon.example/board.php"))).new == 1


async def test_doubles_in_a_document_are_one_article(database: Database, clock: StoppedClock, gaon: Source) -> None:
    """Listed in two sections, or once as it was and once as it is: the first counts."""
    double = found(1, section="교육")
    assert await store(database, clock, gaon, found(1, section="시정"), double, found(1, guid="")) == Stored(1, 0)
    (article,) = await kept(database)
    assert article.text.section == "시정"


async def test_an_article_of_two_sources_belongs_to_the_first(
    database: Database, clock: StoppedClock, gaon: Source
) -> None:
    """A feed of everything and one of a section, with other excerpts, would revise each other at every fetch."""
    section = await add(database, "gaon-city")
    await store(database, clock, gaon, found(1, excerpt="긴 글"))
    assert await store(database, clock, section, found(1, guid="city-1", excerpt="짧은 글")) == Stored(0, 0)
    (article,) = await kept(database)
    assert (article.source_name, article.text.excerpt) == ("gaon", "긴 글")


async def test_the_same_guid_at_two_sources_is_two_articles(
    database: Database, clock: StoppedClock, gaon: Source
) -> None:
    """Every system numbers from 1."""
    naru = await add(database, "naru")
    await store(database, clock, gaon, found(1))
    other = found(1, title="다른 소식", link="https://naru.example/news/1")
    assert (await store(database, clock, naru, other)).new == 1
    assert [one.source_name for one in await kept(database, "naru")] == ["naru"]


async def test_two_workers_at_once_store_each_article_once(
    database: Database, clock: StoppedClock, gaon: Source
) -> None:
    """The unique keys decide; a revision is made by one of them too."""
    some = [found(number) for number in range(30)]
    stored = await asyncio.gather(*(store(database, clock, gaon, *some) for _ in range(4)))
    assert sum(one.new for one in stored) == 30
    changed = [found(number, body=("새",)) for number in range(30)]
    stored = await asyncio.gather(*(store(database, clock, gaon, *changed) for _ in range(4)))
    assert sum(one.revised for one in stored) == 30
    assert {article.revision for article in await kept(database)} == {2}


async def test_only_the_first_fetch_has_a_backlog(database: Database, clock: StoppedClock, gaon: Source) -> None:
    """Registered more than a day before it: kept, never mailed. After an outage, old articles are news all the same."""
    never_fetched = replace(gaon, first_fetched_at=None)
    day_old = clock() - timedelta(hours=24)
    await store(
        database,
        clock,
        never_fetched,
        found(1, registered_at=day_old - timedelta(seconds=1)),
        found(2, registered_at=day_old),
        found(3, registered_at=None),
    )
    await store(database, clock, gaon, found(4, registered_at=day_old - timedelta(days=3)))
    eligible = {article.text.link[-1]: article.eligible for article in await kept(database)}
    assert eligible == {"1": False, "2": True, "3": True, "4": True}


async def test_dates_ahead_of_the_clock_do_not_lead_the_order(
    database: Database, clock: StoppedClock, gaon: Source
) -> None:
    """They count as first seen then; the printed date stays the paper's."""
    ahead = clock() + timedelta(hours=9)
    await store(database, clock, gaon, found(1, registered_at=ahead))
    clock.advance(hours=1)
    await store(database, clock, gaon, found(2, registered_at=clock() - timedelta(minutes=1)))
    first, second = await kept(database)
    assert (first.text.title, second.text.title) == ("소식 2", "소식 1")
    assert second.text.registered_at == ahead


async def test_a_withdrawn_article_stays_withdrawn(database: Database, clock: StoppedClock, gaon: Source) -> None:
    """The feed goes on listing it."""
    await store(database, clock, gaon, found(1))
    (article,) = await kept(database)
    async with database.begin() as connection:
        assert await articles.withdraw(connection, article.id, at=clock())
        assert not await articles.withdraw(connection, article.id, at=clock())
        assert not await articles.withdraw(connection, 999, at=clock())
    await store(database, clock, gaon, found(1, body=("새",)))
    (article,) = await kept(database)
    assert article.withdrawn_at == clock()


async def test_lists_of_most_read_ones_are_joined_by_rank(
    database: Database, clock: StoppedClock, gaon: Source
) -> None:
    """Two papers, a link that both name, and a list that went empty."""
    naru = await add(database, "naru")
    async with database.begin() as connection:
        await most_read.replace(connection, gaon, [found(1), found(2)], now=clock())
        await most_read.replace(connection, naru, [found(3), found(1)], now=clock())
        listed = await most_read.latest(connection, now=clock(), limit=10)
        assert [one.title for one in listed] == ["소식 1", "소식 3", "소식 2"]
        assert len(await most_read.latest(connection, now=clock(), limit=2)) == 2
        await most_read.replace(connection, gaon, [], now=clock())
        await sources.remove_source(connection, "naru", at=clock())
        assert await most_read.latest(connection, now=clock(), limit=10) == []


async def test_a_list_of_most_read_ones_that_is_not_renewed_is_left_out_after_a_day(
    database: Database, clock: StoppedClock, gaon: Source
) -> None:
    """Its source is gone for weeks: the edition comes all the same, without last month's favourites."""
    async with database.begin() as connection:
        await most_read.replace(connection, gaon, [found(1)], now=clock())
        assert len(await most_read.latest(connection, now=clock.advance(hours=23), limit=5)) == 1
        assert await most_read.latest(connection, now=clock.advance(hours=1), limit=5) == []


async def test_picture_hosts_are_remembered_and_asked_again_after_a_week(
    database: Database, clock: StoppedClock
) -> None:
    """Servers learn https."""
    async with database.begin() as connection:
        await articles.note_picture_host(connection, "img.example", answers_https=False, at=clock())
        hosts = ["img.example", "new.example"]
        assert await articles.unprobed_picture_hosts(connection, hosts, now=clock()) == {"new.example"}
        clock.advance(days=7)
        assert await articles.unprobed_picture_hosts(connection, hosts, now=clock()) == set(hosts)
        await articles.note_picture_host(connection, "img.example", answers_https=True, at=clock())
        assert await articles.picture_hosts(connection) == {"img.example": True}


async def test_a_thousand_articles_are_stored_and_compared(
    database: Database, clock: StoppedClock, gaon: Source
) -> None:
    """More than one statement's worth of keys."""
    some = [found(number) for number in range(1000)]
    assert await store(database, clock, gaon, *some) == Stored(1000, 0)
    assert await store(database, clock, gaon, *some) == Stored(0, 0)

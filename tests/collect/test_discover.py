"""Finding out what an address of a newspaper is good for, over real HTTP and in the real reading process."""

import gzip

import pytest

from digest.collect.discover import Candidate, discover
from digest.collect.following import follow
from digest.collect.source import Parsed
from digest.errors import AddressRefusedError, SourceUnreachableError, SourceUnreadableError
from digest.models.articles import ArticleText, FoundArticle
from digest.models.sources import SourceSpec
from digest.outbound import Outbound
from tests.collect import lists
from tests.collect.conftest import Room
from tests.collect.paper import item, rss

pytestmark = pytest.mark.anyio


async def found(room: Room, path: str = "/", type_: str = "", **changes: object) -> tuple[Candidate, ...]:
    spec = SourceSpec("gaon", type_, room.paper.url(path), **changes)  # type: ignore[arg-type]  # a few fields
    return await discover(room.outbound, room.settings, spec, room.reader)


def names(candidates: tuple[Candidate, ...]) -> list[tuple[str, str]]:
    return [(one.type, one.url.partition("/")[2].partition("/")[2].partition("/")[2]) for one in candidates]


async def test_the_feed_that_the_front_page_names_goes_before_its_list(room: Room) -> None:
    """Both hold articles; the feed knows more of each."""
    room.paper.serve(lists.GAON_LIST, "/", headers={"Content-Type": "text/html"})
    room.paper.serve(rss(*(item(number) for number in range(1, 6))), "/rss/allArticle.xml")

    assert names(await found(room)) == [("feed", "rss/allArticle.xml"), ("listpage", "")]


async def test_a_feed_at_a_known_place_is_found_though_nothing_names_it(room: Room) -> None:
    """Most local papers have one and do not say so."""
    room.paper.serve("<html><body>어서 오세요</body></html>", "/")
    room.paper.serve(rss(item(1)), "/rss/allArticle.xml")

    assert names(await found(room)) == [("feed", "rss/allArticle.xml")]


async def test_a_sitemap_that_robots_names_is_found_through_its_index(room: Room) -> None:
    """Packed parts too."""
    part = room.paper.url("/maps/news-11.xml.gz")
    room.paper.serve("<html><body>어서 오세요</body></html>", "/")
    room.paper.serve(f"User-agent: *\nSitemap: {room.paper.url('/maps/index.xml')}\n", "/robots.txt")
    room.paper.serve(f"<sitemapindex><sitemap><loc>{part}</loc></sitemap></sitemapindex>", "/maps/index.xml")
    room.paper.serve(gzip.compress(lists.NEWS_SITEMAP.encode()), "/maps/news-11.xml.gz")

    (best,) = await found(room)

    assert (best.type, best.url) == ("sitemap", room.paper.url("/maps/index.xml"))
    assert best.parsed.articles[0].text.title == "가온대교 개통"


async def test_a_paper_with_nothing_else_is_collected_from_its_list(room: Room) -> None:
    """Its section is given to articles that name none, as in collecting."""
    room.paper.serve(lists.NARU_LIST, "/news/list.php", headers={"Content-Type": "text/html"})

    (best,) = await found(room, "/news/list.php", section="나루")

    assert (best.type, len(best.parsed.articles), best.dated) == ("listpage", 3, 1)
    assert best.parsed.articles[1].text.section == "나루"


async def test_a_feeds_own_address_is_taken_as_it_is(room: Room) -> None:
    """Nothing else of the site is asked for."""
    room.paper.serve(rss(item(1)))

    assert names(await found(room, "/rss.xml")) == [("feed", "rss.xml")]
    assert len(room.paper.requests) == 1


async def test_a_site_without_news_is_told_after_a_bounded_search(room: Room) -> None:
    """A page that names many feeds must not make us knock for ever."""
    links = "".join(f'<link rel="alternate" type="application/rss+xml" href="/f{n}">' for n in range(99))
    room.paper.serve(f"<html><head>{links}</head><body></body></html>", "/")

    with pytest.raises(SourceUnreadableError, match="Nothing to collect"):
        await found(room)
    assert len(room.paper.requests) <= 20


async def test_a_feed_none_of_whose_articles_can_be_had_is_told_as_one(room: Room) -> None:
    """It used to be told what else it is not: "no web page; it looks like a feed"."""
    room.paper.serve(rss("<item><title>소리뿐</title></item>"), "/rss")

    with pytest.raises(SourceUnreadableError, match=r"It is a feed without an article in it \(article 1 was left out"):
        await found(room, "/rss")


async def test_a_private_address_is_refused_with_a_word(room: Room) -> None:
    """What an operator types goes through the same guard as everything."""
    async with Outbound(user_agent="test") as outbound:
        with pytest.raises(AddressRefusedError, match="private"):
            await discover(outbound, room.settings, SourceSpec("x", "", "http://127.0.0.1:9/"), room.reader)


def one(number: int) -> FoundArticle:
    return FoundArticle("", ArticleText(f"소식 {number}", f"https://gaon.example/view.php?idx={number}"))


def page(*numbers: int, next_url: str = "") -> Parsed:
    return Parsed("list", "", tuple(map(one, numbers)), (), (next_url,) if next_url else ())


async def test_further_pages_are_followed_until_one_brings_nothing_new() -> None:
    """Lists that answer their last page for every higher number would never end."""
    asked: list[str] = []

    async def get(url: str) -> Parsed:
        asked.append(url)
        number = int(url[-1])
        return page(min(number, 3), next_url=f"https://gaon.example/?page={number + 1}")

    parsed = await follow(page(1, next_url="https://gaon.example/?page=2"), "https://gaon.example/", get)

    assert [each.text.title for each in parsed.articles] == ["소식 1", "소식 2", "소식 3"]
    assert len(asked) == 3


async def test_a_page_of_another_site_is_not_followed_and_a_broken_one_is_a_doubt() -> None:
    """The first page was read; it counts."""

    async def get(url: str) -> Parsed:
        raise SourceUnreachableError(f"no answer from {url}")

    first = page(1)
    first = Parsed("list", "", first.articles, (), ("http://10.0.0.1/", "https://gaon.example/?page=2"))
    parsed = await follow(first, "https://gaon.example/", get)

    assert len(parsed.articles) == 1
    assert len(parsed.doubts) == 1
    assert "gaon.example/?page=2" in parsed.doubts[0]

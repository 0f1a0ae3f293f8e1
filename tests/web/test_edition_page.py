"""The edition in the browser: what is on the page, and what must never be."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial

import httpx2
import pytest
from selectolax.lexbor import LexborHTMLParser
from sqlalchemy import event

from digest.database import Database, articles, finds
from digest.models.articles import Picture
from digest.models.editions import EditionState, Role
from tests.support import rows
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

MARKUP = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"


def words(page: LexborHTMLParser, selector: str) -> list[str]:
    return [" ".join(node.text().split()) for node in page.css(selector)]


@pytest.fixture
async def edition(database: Database, clock: StoppedClock) -> int:
    """A released edition: a lead, an article, a headline, a withdrawn one, one with markup for a title."""
    at = clock()
    async with database.begin() as connection:
        edition = await rows.add_edition(connection, at=at)
        source = await rows.add_source(connection, at=clock())
        place = partial(rows.place_article, connection, edition, source, at=at)
        secure = Picture("https://img.gaon.example/a.jpg", "다리 사진", 800, 600)
        plain = Picture("http://plain.example/b.jpg", "도서관 사진")
        await place("시청 앞 다리 개통", role=Role.LEAD, picture=secure, subheads=("3년 만에 열려",), position=1)
        await place("도서관 야간 개방", section="교육", picture=plain, position=2, modified_at=at)
        await place("의회 오늘 개회", section="의회", role=Role.HEADLINE, position=3)
        await place("거두어들인 기사", section="의회", withdrawn_at=at, position=4)
        await place(MARKUP, section="문화", excerpt=MARKUP, byline=MARKUP, subheads=(MARKUP,), position=5)
        await place("세기만 하는 기사", role=Role.LEFT_OUT, position=6)
    return edition


@pytest.fixture
async def page(client: httpx2.AsyncClient, edition: int) -> LexborHTMLParser:
    answer = await client.get(f"/editions/{edition}")
    assert answer.status_code == 200
    return LexborHTMLParser(answer.text)


async def test_page_shows_what_the_mail_shows(page: LexborHTMLParser) -> None:
    """브라우저에서 보기 is for those whose mail program shows it badly, so nothing may be missing."""
    assert words(page, ".lead h3") == ["시청 앞 다리 개통"]
    assert words(page, ".lead .subheads li") == ["3년 만에 열려"]
    assert "도서관 야간 개방" in words(page, ".piece h3")
    assert words(page, ".briefs li") == ["의회 오늘 개회"]
    assert words(page, ".lead .link") == [page.css_first(".lead h3 a").attributes["href"]]  # type: ignore[union-attr]
    assert "2026년 11월 23일 월요일" in words(page, "h1.dateline")[0]


async def test_list_at_the_top_leads_to_the_articles(page: LexborHTMLParser) -> None:
    """A list whose links lead nowhere is worse than none."""
    targets = [node.attributes["href"] or "" for node in page.css(".headlines a")]
    assert len(targets) == 3
    assert all(page.css_first(target) is not None for target in targets)


async def test_picture_is_shown_only_from_a_host_that_the_policy_names(page: LexborHTMLParser) -> None:
    """Of any other picture the caption alone stands there, not a broken frame."""
    assert [node.attributes["src"] for node in page.css("main img")] == ["https://img.gaon.example/a.jpg"]
    assert words(page, "figcaption") == ["다리 사진"]
    assert "도서관 사진" in words(page, ".caption-alone")[0]


async def test_readers_who_ask_at_one_moment_share_the_work(
    client: httpx2.AsyncClient, database: Database, edition: int
) -> None:
    """A page takes the processor 17 ms, and after an edition hundreds ask for it at once."""
    asked: list[str] = []

    def note(*given: object) -> None:
        asked.append(str(given[2]))

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    answers = await asyncio.gather(*(client.get(f"/editions/{edition}") for _ in range(8)))
    assert {each.status_code for each in answers} == {200}
    assert len({each.text for each in answers}) == 1
    assert sum("FROM editions" in each for each in asked) <= 2  # who came while the first was made has the second


async def test_withdrawn_article_is_not_shown(client: httpx2.AsyncClient, edition: int) -> None:
    """It may have been withdrawn by a court; the page must follow at once, so browsers may not keep it either."""
    answer = await client.get(f"/editions/{edition}")
    assert "거두어들인 기사" not in answer.text
    assert answer.headers["cache-control"] == "no-cache"


async def test_a_changed_article_is_shown_as_it_stands_and_marked(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock
) -> None:
    """신문법 제10조④: what a paper corrects is not left standing wrong on our pages; a retouch is not spoken of."""
    at = clock()
    async with database.begin() as connection:
        edition = await rows.add_edition(connection, at=at)
        source = await rows.add_source(connection, at=at)
        for number, title in enumerate(("별관에 120억 원", "도서관 야간 개방"), start=1):
            article = await rows.place_article(connection, edition, source, title, at=at, position=number)
            found = await articles.get_article(connection, article)
            new = replace(found.text, title=title.replace("120억", "12억"), byline="홍길동 기자")
            await finds.revise(connection, article, found.revision, found.text, new, now=at)
    answer = await client.get(f"/editions/{edition}")
    page = LexborHTMLParser(answer.text)
    assert "120억" not in answer.text
    assert words(page, ".contested") == ["이 호가 나간 뒤에 수정된 기사입니다."]
    assert "별관에 12억 원" in " ".join(words(page, "article, li"))


async def test_article_that_is_only_counted_is_not_shown(page: LexborHTMLParser) -> None:
    """`left_out` articles belong to the edition without a place in it."""
    assert "세기만 하는 기사" not in page.html  # type: ignore[operator]
    assert page.css(".further")


async def test_markup_in_article_texts_is_text(page: LexborHTMLParser) -> None:
    """Feeds are strangers' words."""
    assert MARKUP in [node.text() for node in page.css(".piece h3 a")]
    assert page.css("script") == []
    assert page.css("[onerror]") == []


@pytest.mark.parametrize("state", list(EditionState))
async def test_edition_is_public_from_its_release_on(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, state: EditionState
) -> None:
    """Ids can be counted through, so whoever guesses the next one must not read tomorrow's paper."""
    async with database.begin() as connection:
        edition = await rows.add_edition(connection, at=clock(), state=state)
    is_public = state in (EditionState.RELEASED, EditionState.SENDING, EditionState.DONE)
    assert (await client.get(f"/editions/{edition}")).status_code == (200 if is_public else 404)


@pytest.mark.parametrize("edition", ["0", "999999", "-1", "1.0", "x", "9" * 18, "9" * 5000, "٣"])
async def test_edition_that_never_was_is_not_found(client: httpx2.AsyncClient, edition: str) -> None:
    """Numbers larger than a column holds are the database's error, not the reader's."""
    assert (await client.get(f"/editions/{edition}")).status_code == 404


async def test_page_holds_nothing_about_any_reader(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, edition: int
) -> None:
    """The link is forwarded and printed."""
    async with database.begin() as connection:
        await rows.add_subscriber(connection, at=clock())
    answer = await client.get(f"/editions/{edition}")
    assert "naver.example" not in answer.text
    assert "/u/" not in answer.text
    assert "set-cookie" not in answer.headers


async def test_front_page_lists_public_editions_newest_first(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock
) -> None:
    """The front door is where people look for yesterday's edition."""
    async with database.begin() as connection:
        old = await rows.add_edition(connection, at=clock(), state=EditionState.DONE)
        new = await rows.add_edition(connection, at=clock() + timedelta(days=1), state=EditionState.SENDING)
        for days, state in ((2, EditionState.CHOSEN), (3, EditionState.HELD), (4, EditionState.CANCELLED)):
            await rows.add_edition(connection, at=clock() + timedelta(days=days), state=state)
    page = LexborHTMLParser((await client.get("/")).text)
    assert [node.attributes["href"] for node in page.css(".rows a")] == [f"/editions/{new}", f"/editions/{old}"]


async def long_page(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, count: int, excerpts: list[str]
) -> httpx2.Response:
    """The page of an edition with so many articles, in sections of ten, all that an article can have with each."""
    async with database.begin() as connection:
        edition = await rows.add_edition(connection, at=clock())
        source = await rows.add_source(connection, at=clock())
        for number in range(count):
            await rows.place_article(
                connection,
                edition,
                source,
                f"{number}번째 기사의 제목은 ‘이만큼’ 길어서 한 줄에 다 들어가지 않을 때가 많습니다",
                at=clock(),
                position=number,
                section=f"{number // 10}면",
                excerpt=excerpts[number % len(excerpts)],
                subheads=("첫째 부제목도 이만큼 깁니다", "둘째 부제목도 이만큼 깁니다"),
                picture=Picture(
                    "https://img.gaon.example/a.jpg", "사진을 설명하는 한 문장입니다. (그림=가온일보)", 800, 600
                ),
                modified_at=clock(),
            )
    return await client.get(f"/editions/{edition}")


@pytest.mark.parametrize("count", [12, 24, 60])
async def test_page_of_an_edition_stays_small(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, count: int
) -> None:
    """Without its pictures a page has less than 30 kB; no edition is an exception, whatever it holds."""
    answer = await long_page(client, database, clock, count, ["가" * 200])
    assert len(answer.content) < 30_000
    assert answer.text.count("번째 기사의 제목은") >= count


async def test_texts_of_a_large_page_are_cut_alike(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock
) -> None:
    """A short text stays whole, and no article has none while another has 200 letters."""
    page = LexborHTMLParser((await long_page(client, database, clock, 24, ["가" * 200, "나" * 60])).text)
    texts = {node.text() for node in page.css(".piece > p:not(.meta, .quiet)")}
    assert "나" * 60 in texts
    assert len(texts) == 2
    assert all(len(text) >= 60 for text in texts)


async def test_articles_of_a_huge_page_become_headlines_from_the_end(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock
) -> None:
    """What an editor put first is what readers see most of."""
    page = LexborHTMLParser((await long_page(client, database, clock, 60, ["가" * 200])).text)
    assert words(page, ".piece h3")[0].startswith("0번째")
    assert words(page, ".briefs li")[-1].startswith("59번째")

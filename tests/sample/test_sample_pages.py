"""The sample newspaper as pages and feeds over HTTP."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import feedparser
import jinja2
import pytest
from selectolax.lexbor import LexborHTMLParser
from starlette.applications import Starlette
from starlette.testclient import TestClient

from digest.collect.page import read_page
from digest.sample import feed
from digest.sample import newspaper as paper
from digest.web import sample
from tests.support.clock import StoppedClock

BASE_URL = "https://mail.example.com"
STARTED_AT = datetime(2026, 3, 10, 6, 14, 37, 250_000, tzinfo=UTC)
TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "web"
ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
)


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(STARTED_AT)


@pytest.fixture
def client(clock: StoppedClock) -> Iterator[TestClient]:
    def render(name: str, context: dict[str, object]) -> str:
        return ENVIRONMENT.get_template(name).render(context)

    application = Starlette(routes=sample.routes(render, BASE_URL, STARTED_AT, clock))
    with TestClient(application) as client:
        yield client


@pytest.fixture
def page(client: TestClient) -> Callable[[str], LexborHTMLParser]:
    def fetch(path: str) -> LexborHTMLParser:
        answer = client.get(path)
        assert answer.status_code == 200
        return LexborHTMLParser(answer.text)

    return fetch


Fetch = Callable[[str], LexborHTMLParser]


def words(tree: LexborHTMLParser, selector: str) -> list[str]:
    return [" ".join(node.text().split()) for node in tree.css(selector)]


def attribute(tree: LexborHTMLParser, selector: str, name: str) -> str | None:
    node = tree.css_first(selector)
    assert node is not None, selector
    return node.attributes[name]


def test_feed_is_read_without_complaint_and_in_order(client: TestClient) -> None:
    """A second parser must see what we meant: 23 articles, newest first."""
    read = feedparser.parse(client.get("/sample/rss.xml").content)
    assert not read.bozo
    assert read.feed.title == "가온나루일보"
    assert len(read.entries) == 23
    assert read.entries[0].link == f"{BASE_URL}/sample/news/view.php?idx=2023"


def test_feed_entry_has_every_field_of_an_editorial_system(client: TestClient) -> None:
    """The collector is shown a feed with all it can carry."""
    entry = feedparser.parse(client.get("/sample/rss.xml").content).entries[0]
    assert entry.id == "gaonnaru-2023"
    assert entry.author == "서하늘"
    assert [tag.term for tag in entry.tags] == ["시정"]
    assert entry.published == "Tue, 10 Mar 2026 14:43:00 +0900"
    assert entry.summary.startswith("가온시가 집에서 걸어서 15분 안에")
    assert entry.summary.endswith("…")
    media = entry.media_content[0]
    assert media["url"] == f"{BASE_URL}/sample/pictures/town.jpg"
    assert (media["width"], media["height"]) == ("640", "400")
    assert "나루동 언덕 마을" in client.get("/sample/rss.xml").text.split("<media:description")[1]


def test_feed_titles_survive_markup_letters(client: TestClient) -> None:
    """Titles are mailed verbatim, so the sample must hand them over verbatim."""
    text = client.get("/sample/rss.xml").text
    assert "<title>&lt;르포&gt; 새벽 4시, 나루시장의 불은 꺼지지 않는다</title>" in text
    assert "<title>‘천천히 &amp; 나란히’… 학교 앞 300m, 차보다 아이가 먼저인 길로</title>" in text


def test_two_articles_join_feed_and_front_page_after_a_minute(client: TestClient, clock: StoppedClock) -> None:
    """They are what the second edition is made of."""
    assert client.get("/sample/news/view.php?idx=2025").status_code == 404
    clock.advance(seconds=60)
    links = [entry.link for entry in feedparser.parse(client.get("/sample/rss.xml").content).entries]
    assert links[:2] == [f"{BASE_URL}/sample/news/view.php?idx={idx}" for idx in (2025, 2024)]
    assert "view.php?idx=2025" in client.get("/sample/").text
    assert client.get("/sample/news/view.php?idx=2025").status_code == 200


def test_most_read_feed_holds_five_with_excerpts(client: TestClient) -> None:
    """많이 본 뉴스 at the end of a digest comes from here."""
    read = feedparser.parse(client.get("/sample/most-read.xml").content)
    assert [entry.id for entry in read.entries] == [f"gaonnaru-{i}" for i in (2018, 2008, 2019, 2010, 2002)]
    assert all(len(entry.summary) > 60 for entry in read.entries)


@pytest.mark.parametrize("path", ["/sample/rss.xml", "/sample/most-read.xml"])
def test_unchanged_feed_costs_no_body(client: TestClient, path: str) -> None:
    """Both kinds of condition answer 304 with the validators and nothing else."""
    first = client.get(path)
    for name, given in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")):
        again = client.get(path, headers={name: first.headers[given]})
        assert again.status_code == 304
        assert again.content == b""
        assert again.headers["ETag"] == first.headers["ETag"]
        assert again.headers["Last-Modified"] == "Tue, 10 Mar 2026 06:14:37 GMT"


def test_weak_and_listed_tags_match(client: TestClient) -> None:
    """If-None-Match compares weakly and may name several copies (RFC 9110, section 13.1.2)."""
    tag = client.get("/sample/rss.xml").headers["ETag"]
    for condition in ("*", f"W/{tag}", f'"other", W/{tag}'):
        assert client.get("/sample/rss.xml", headers={"If-None-Match": condition}).status_code == 304


def test_other_tag_outweighs_a_matching_date(client: TestClient) -> None:
    """Where If-None-Match is given, the date is not looked at (RFC 9110, section 13.2.2)."""
    date = client.get("/sample/rss.xml").headers["Last-Modified"]
    headers = {"If-None-Match": '"other"', "If-Modified-Since": date}
    assert client.get("/sample/rss.xml", headers=headers).status_code == 200


def test_changed_feed_is_sent_whole(client: TestClient, clock: StoppedClock) -> None:
    """An asker with the copy of a minute ago must get the two late articles."""
    first = client.get("/sample/rss.xml")
    clock.advance(seconds=61)
    by_tag = client.get("/sample/rss.xml", headers={"If-None-Match": first.headers["ETag"]})
    by_date = client.get("/sample/rss.xml", headers={"If-Modified-Since": first.headers["Last-Modified"]})
    assert (by_tag.status_code, by_date.status_code) == (200, 200)


@pytest.mark.parametrize("date", ["yesterday", "", "Tue, 10 Mar 2026 06:14:37 -0000", "99 Foo 99999 25:61:61"])
def test_unreadable_date_condition_is_ignored(client: TestClient, date: str) -> None:
    """A condition that cannot be compared must not cost the asker the feed."""
    assert client.get("/sample/rss.xml", headers={"If-Modified-Since": date}).status_code == 200


def test_article_page_has_the_shape_of_a_newspaper_page(page: Fetch) -> None:
    """The page reader is tried on this: headline, sub-headlines, times, body, picture, byline."""
    tree = page("/sample/news/view.php?idx=2023")
    assert words(tree, "h1") == ["가온시, ‘걸어서 15분’ 생활권 시범지구 3곳 확정… 李 시장 “동네에서 하루가 되게”"]
    assert words(tree, ".subtitles p")[0] == "- 나루동·솔뫼동·새터동에 내년까지 84억 원"
    assert words(tree, ".times li") == ["기사등록 2026-03-10 14:43:00", "기사수정 2026-03-10 15:02:00"]
    assert words(tree, "figcaption") == ["15분 생활권 시범지구로 뽑힌 나루동 언덕 마을. (그림=가온나루일보)"]
    assert words(tree, ".body p")[0].endswith("3곳을 확정했다고 10일 밝혔다.")
    assert words(tree, ".byline") == ["서하늘 기자 haneul@gaonnaru.example.com"]


def test_article_page_names_its_unique_link_as_the_source(page: Fetch) -> None:
    """The notice and the link are printed as text, to be copied."""
    assert words(page("/sample/news/view.php?idx=2023"), ".source-notice p") == [
        "다른 곳에 퍼가실 때는 아래 고유 링크 주소를 출처로 사용해주세요.",
        f"{BASE_URL}/sample/news/view.php?idx=2023",
    ]


def test_article_page_ends_with_comments_most_read_and_mobile_link(page: Fetch) -> None:
    """What surrounds an article on a real page must be there to be left out."""
    tree = page("/sample/news/view.php?idx=2023")
    assert words(tree, ".comments h2") == ["나도 한마디"]
    assert words(tree, ".comments .count") == ["0/1000"]
    assert len(words(tree, ".most-read li p")) == 5
    assert words(tree, ".other-version a") == ["모바일 버전 바로가기"]


def test_article_metadata_agrees_with_the_page(page: Fetch) -> None:
    """Link previews and page readers take the canonical link, Open Graph and JSON-LD."""
    tree = page("/sample/news/view.php?idx=2018")
    link = f"{BASE_URL}/sample/news/view.php?idx=2018"
    title = "<르포> 새벽 4시, 나루시장의 불은 꺼지지 않는다"
    assert attribute(tree, "link[rel=canonical]", "href") == link
    assert attribute(tree, "meta[property='og:title']", "content") == title
    facts = tree.css_first("script[type='application/ld+json']")
    assert facts is not None
    said = json.loads(facts.text())
    assert (said["headline"], said["mainEntityOfPage"]) == (title, link)
    assert said["image"] == [attribute(tree, "meta[property='og:image']", "content")]


def test_mobile_page_points_to_the_page_it_repeats(page: Fetch) -> None:
    """Two addresses of one article must end as one."""
    tree = page("/sample/m/view.php?idx=2018")
    assert attribute(tree, "link[rel=canonical]", "href") == f"{BASE_URL}/sample/news/view.php?idx=2018"
    assert words(tree, "h1") == ["<르포> 새벽 4시, 나루시장의 불은 꺼지지 않는다"]


def test_front_page_says_that_it_is_a_sample_and_lists_every_article(page: Fetch) -> None:
    """Nobody may take the sample for a real newspaper."""
    tree = page("/sample/")
    assert "메일 서비스에 들어 있는 견본 신문입니다" in words(tree, ".sample-notice")[0]
    linked = {node.attributes["href"] for node in tree.css("main a")}
    assert linked == {f"{BASE_URL}/sample/news/view.php?idx={idx}" for idx in range(2001, 2024)}


@pytest.mark.parametrize("path", ["/sample/", "/sample/news/view.php?idx=2022", "/sample/m/view.php?idx=2022"])
def test_pages_keep_a_strict_content_policy(page: Fetch, path: str) -> None:
    """No inline style or script, and nothing from another host."""
    tree = page(path)
    assert not tree.css("style, [style], iframe, [onclick]")
    assert all(node.attributes.get("type") == "application/ld+json" for node in tree.css("script"))
    fetched = [node.attributes.get("src") or "" for node in tree.css("[src]")]
    assert all(address.startswith(f"{BASE_URL}/sample/pictures/") for address in fetched)
    assert attribute(tree, "link[rel=stylesheet]", "href") == "/static/sample.css"


def test_every_picture_named_by_the_feed_is_served(client: TestClient) -> None:
    """A broken picture in the first mail would be a poor welcome."""
    addresses = re.findall(r'<media:content url="([^"]+)" type="([^"]+)"', client.get("/sample/rss.xml").text)
    assert len(addresses) >= 8
    for address, media_type in addresses:
        answer = client.get(address.removeprefix(BASE_URL))
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, media_type)


@pytest.mark.parametrize(
    "path",
    [
        "/sample/news/view.php",
        "/sample/news/view.php?idx=",
        "/sample/news/view.php?idx=1%27%20OR%201",
        "/sample/news/view.php?idx=" + "9" * 5000,
        "/sample/m/view.php?idx=1",
        "/sample/pictures/none.jpg",
        "/sample/pictures/..%2fnewspaper.toml",
    ],
)
def test_unknown_addresses_are_not_found(client: TestClient, path: str) -> None:
    """Whatever stands in the address line, the answer is a plain 404."""
    assert client.get(path).status_code == 404


def test_every_article_page_is_read_as_it_was_written(client: TestClient, clock: StoppedClock) -> None:
    """The service is tried on this newspaper: sub-headlines, body, caption and the most read, nothing of the rest."""
    newspaper = paper.read_newspaper(STARTED_AT)
    articles = paper.visible_articles(newspaper, clock())
    assert articles
    for article in articles:
        answer = client.get(f"/sample/news/view.php?idx={article.idx}")
        address = feed.article_url(BASE_URL, article.idx)
        said = read_page(answer.content, answer.headers["content-type"], address, paper.TIME_ZONE)
        lines = tuple(" ".join(line.split()) for block in article.body for line in block.lines)
        assert (article.idx, "".join(said.body).split()) == (article.idx, "".join(lines).split())
        assert (said.title, said.subheads) == (article.title, article.subtitles)
        assert (said.section, said.link) == (article.section, address)
        assert (said.byline, said.byline_address) == (f"{article.reporter.name} 기자", article.reporter.address)
        assert (said.registered_at, said.modified_at) == (article.registered_at, article.modified_at)
        assert (said.picture.caption if said.picture else "") == (article.picture.caption if article.picture else "")
        assert len(said.most_read) == paper.MOST_READ_COUNT

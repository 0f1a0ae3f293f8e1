"""Pages of headlines as the systems of Korean newspapers write them, read without any configuration."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.collect import linkshape
from digest.collect.source import Options, Parsed
from digest.collect.sources import listpage
from digest.errors import SourceUnreadableError
from tests.collect import lists

SEOUL = ZoneInfo("Asia/Seoul")


def read(
    page: str | bytes, options: Options = (), url: str = "https://gaon.example/news/articleList.html?sc=A"
) -> Parsed:
    return listpage.read(page.encode() if isinstance(page, str) else page, "text/html", url, SEOUL, options)


def test_headlines_are_found_without_menus_rankings_and_doubles() -> None:
    """A picture, a title and a lead that lead to one article are one article."""
    parsed = read(lists.GAON_LIST)

    assert [one.text.link.rpartition("=")[2] for one in parsed.articles] == ["5003", "5002", "5001"]
    assert parsed.articles[0].text.title == "가온대교 10년 만에 개통… <르포>"
    assert parsed.feeds == ("https://gaon.example/rss/allArticle.xml",)


def test_what_stands_beside_a_headline_is_read() -> None:
    """Section, byline and date stand in one line with bars between them."""
    first, second, third = (one.text for one in read(lists.GAON_LIST).articles)

    assert (first.section, first.byline) == ("시정", "김가온 기자")
    assert first.registered_at == datetime(2026, 11, 23, 0, 10, tzinfo=UTC)
    assert first.picture is not None
    assert first.picture.url == "https://gaon.example/photo/5003.jpg"
    assert first.excerpt.startswith("가온시가 가온대교를")
    assert second.registered_at == datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
    assert third.registered_at == datetime(2026, 11, 21, 4, 5, tzinfo=UTC)


def test_a_page_in_euc_kr_with_a_table_is_read() -> None:
    """The oldest shape: CP949 under a euc-kr label, tables, years of two digits."""
    parsed = read(lists.NARU_LIST, url="https://naru.example/news/list.php")

    assert [one.text.title for one in parsed.articles] == [
        "나루시, 똠방각하 축제 연다", "펲시장 상인회 새 회장 뽑아", "나루천 산책로 넓힌다",
    ]  # fmt: skip
    assert parsed.articles[0].text.registered_at == datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
    assert "date with a year of two digits" in parsed.articles[0].doubts
    assert parsed.articles[1].doubts == ("date not understood: '3시간 전'",)


def test_a_board_and_cut_titles() -> None:
    """gnuboard cuts titles in its lists and writes them whole into the link's title."""
    parsed = read(lists.BOARD_LIST, url="https://saesaem.example/bbs/board.php?bo_table=news")

    assert [one.text.title for one in parsed.articles] == [
        "새샘도서관 이달 문 연다", "새샘면 이장단이 겨울 점퍼를 모아 보내다",
    ]  # fmt: skip


def test_cards_that_are_one_link_each() -> None:
    """The title is the strong text, not all that stands in the card."""
    parsed = read(lists.CARDS_LIST, url="https://hanbit.example/")

    assert parsed.articles[0].text.title == "한빛항 새 부두 첫 배 들어와"
    assert parsed.articles[0].text.registered_at == datetime(2026, 11, 22, 23, 0, tzinfo=UTC)
    assert parsed.articles[0].text.picture is not None


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ((("pattern", "/news/articleView.html?idxno=400*"),), ["4000"]),
        ((("regex", r"idxno=500[12]$"),), ["5002", "5001"]),
        ((("links", "h4.titles a"), ("pattern", "*5003")), ["5003"]),
        ((("links", "aside"),), ["4000"]),
    ],
)
def test_options_say_which_links_are_articles(options: Options, numbers: list[str]) -> None:
    """For the page that nobody foresaw."""
    assert [one.text.link.rpartition("=")[2] for one in read(lists.GAON_LIST, options).articles] == numbers


def test_selectors_of_date_and_section() -> None:
    """They are looked for within the article's own part of the list."""
    options = (("date", ".byline em:nth-child(3)"), ("headings", ".byline em:nth-child(1)"))

    second = read(lists.GAON_LIST, options).articles[1].text

    assert (second.section, second.registered_at) == ("의회", datetime(2026, 11, 22, 9, 0, tzinfo=UTC))


def test_the_next_page_is_named_only_as_far_as_the_option_allows() -> None:
    """Without it a list is one page; page 2 of 2 names no third."""
    url = "https://gaon.example/news/articleList.html?page={}&sc=A"

    assert read(lists.GAON_LIST).next_urls == ()
    assert read(lists.GAON_LIST, (("pages", "2"),)).next_urls == (url.format(2),)
    assert read(lists.GAON_LIST, (("pages", "2"),), url.format(2)).next_urls == ()
    assert read(lists.GAON_LIST, (("pages", "3"),), url.format(2)).next_urls == (url.format(3),)


@pytest.mark.parametrize("page", ["", "plain words", "<rss><channel/></rss>", "<html><p>Closed.</p></html>", "{}"])
def test_what_lists_nothing_is_unreadable(page: str) -> None:
    """A list that was rebuilt must be told, not be silent for weeks."""
    with pytest.raises(SourceUnreadableError):
        read(page)


@pytest.mark.parametrize("options", [(("links", "a[["),), (("regex", "("),), (("date", ":::"),)])
def test_a_selector_that_is_none_is_told(options: Options) -> None:
    """With the words that stand in the settings."""
    with pytest.raises(SourceUnreadableError, match=r"selector|expression"):
        read(lists.GAON_LIST, options)


@pytest.mark.parametrize(
    ("url", "shape"),
    [
        ("http://www.naru.example/news/view.php?idx=71428", "naru.example/news/view.php?idx=#"),
        ("https://gaon.example/news/articleView.html?idxno=5003&sc=A", "gaon.example/news/articleview.html?idxno=#"),
        ("https://m.gaon.example/news/articleView/5003", "gaon.example/news/articleview/#"),
        ("https://a.example/2026/11/23/bridge-opens", "a.example/day/#"),
        ("https://a.example/article/202611230007", "a.example/article/#"),
        ("https://gaon.example/news/articleList.html?page=2", ""),
        ("https://gaon.example/login.php?id=4", ""),
        ("https://gaon.example/about", ""),
        ("https://[broken/", ""),
    ],
)
def test_shapes_of_addresses(url: str, shape: str) -> None:
    """Articles of one site share one; menus have none."""
    assert linkshape.shape(url) == shape


_PIECES = st.sampled_from(
    ["<a href=/view.php?idx=1>", "<a href='/article/20261123", "'>", "가온 소식을 전합니다", "</a>", "<li>", "<table>",
     "<base href=//x>", "2026-99-99", "<time datetime=>", "<img src=x width=9e9>", "<meta charset=utf-7>",
     "\x00", "<a href='http://[/'>", "<!--"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.lists(_PIECES, max_size=25).map("".join).map(str.encode), st.binary(max_size=300)))
def test_any_bytes_are_articles_or_a_reason(body: bytes) -> None:
    """No exception but ours leaves the adapter, and no article without a title and a link."""
    try:
        parsed = read(body, (("pages", "3"),))
    except SourceUnreadableError:
        return
    assert all(one.text.title and one.text.link.startswith("http") for one in parsed.articles)

"""Article pages in the shapes of Korean newspaper systems: every field, and nothing of the rest of the page."""

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.collect.page import PageText, Selectors, check_selectors, read_page, selectors_of
from digest.collect.reader import Reader
from digest.errors import SettingsError, SourceUnreadableError
from digest.provisioned import PAGE_FIELDS

PAGES = Path(__file__).resolve().parents[1] / "support" / "pages"
SEOUL = ZoneInfo("Asia/Seoul")
TITLE = "사회적 고립가구 지원 한빛시 우수상"
ADDRESSES = {
    "view-idx": "http://hanbit.example/news/view.php?idx=71428",
    "ndsoft": "https://nd.example/news/articleView.html?idxno=71428",
    "article-view": "https://av.example/article/view/71428",
    "gnuboard": "https://gn.example/bbs/board.php?bo_table=news&wr_id=71428",
}


def read(name: str, selectors: Selectors | None = None) -> PageText:
    return read_page((PAGES / f"{name}.html").read_bytes(), "text/html", ADDRESSES[name], SEOUL, selectors)


def test_a_page_like_the_first_one_gives_every_field() -> None:
    """It is the page the project started from."""
    page = read("view-idx")
    assert page.title == TITLE
    assert page.subheads == ("고립가구 지원 민관협력 호평", "427가구에 서비스 제공")
    assert page.section == "자치행정"
    assert (page.byline, page.byline_address) == ("홍길동 기자", "hong@hanbit.example")
    assert page.registered_at == datetime(2024, 8, 8, 4, 0, 1, tzinfo=UTC)
    assert page.modified_at == datetime(2024, 8, 9, 0, 30, tzinfo=UTC)
    assert page.link == ADDRESSES["view-idx"]
    assert page.picture is not None
    assert page.picture.url == "http://hanbit.example/data/photo1.jpg"
    assert (page.picture.caption, page.picture.width) == ("대회에서 상을 받는 모습", 640)
    assert [one.link[-3:] for one in page.most_read] == ["901", "902", "903", "904"]
    assert page.most_read[0].excerpt.startswith("이 기사는 1번째로")
    assert page.found_by["body"] == "cms:view-idx"


@pytest.mark.parametrize("name", ADDRESSES)
def test_the_common_systems_work_without_configuration(name: str) -> None:
    """Local papers run on a handful of systems; nobody should have to write selectors for those."""
    page = read(name)
    assert page.title == TITLE
    assert page.found_by["body"] == f"cms:{name}"
    assert sum("한빛시는" in one for one in page.body) == 5
    text = "\n".join(page.body)
    assert not [
        word
        for word in ("한마디", "로그인", "광고", "ⓒ", "hong@", "댓글", "좋은 기사", "상을 받는", "링크")
        if word in text
    ]
    assert page.picture is not None
    assert not page.is_thin


def test_section_heads_are_paragraphs_of_their_own() -> None:
    """A digest that mails whole articles prints them as heads."""
    assert "◇ 돌봄을 잇다" in read("view-idx").body


@pytest.mark.parametrize(
    "label",
    [
        "관련기사",
        "Read also:",
        "Lesen Sie auch:",
        "À lire aussi :",
        "Lee también:",
        "Leggi anche:",
        "Xem thêm:",
        "延伸阅读：",
        "関連記事",
    ],
)
def test_links_to_other_articles_between_paragraphs_are_no_text(label: str) -> None:
    """They are another story, in whatever language the paper leads to it."""
    sentence = "The council of the town has decided to rebuild the old bridge over the river until next summer. " * 3
    link = f'<p>{label} <a href="/2">Something else that happened on the same day</a></p>'
    html = (
        f"<html><body><article><h1>Bridge</h1><p>{sentence}</p>{link}<p>{sentence} Again.</p></article></body></html>"
    )
    page = read_page(html.encode(), "text/html", "https://paper.example/1", SEOUL)
    assert len(page.body) == 2
    assert "Something else" not in "".join(page.body)


def test_configured_selectors_come_first() -> None:
    """The operator knows the paper better than any rule."""
    page = read("ndsoft", Selectors(title=".subheading"))
    assert (page.title, page.found_by["title"]) == ("427가구에 서비스 제공", "selector")


def test_a_wrong_selector_is_told_when_it_is_configured() -> None:
    """Otherwise it would be found out at night, by an article without text."""
    with pytest.raises(SettingsError, match=r"page\.body"):
        check_selectors(Selectors(body="div["))


def test_selectors_are_options_that_begin_with_page() -> None:
    """Other options belong to the source type."""
    assert selectors_of((("page.body", "#a"), ("links", "a"), ("page.none", "x"))) == Selectors(body="#a")


@pytest.mark.parametrize(
    "html",
    [
        "<html><body><script>alert('삭제된 기사입니다.'); history.back();</script></body></html>",
        "<html><body><div>존재하지 않는 기사입니다.</div></body></html>",
    ],
)
def test_a_page_that_says_its_article_was_deleted_is_withdrawn(html: str) -> None:
    """Such pages come with status 200."""
    page = read_page(html.encode(), "text/html", ADDRESSES["ndsoft"], SEOUL)
    assert (page.is_withdrawn, page.is_thin, page.body) == (True, True, ())


def test_an_article_about_deleted_articles_is_not_withdrawn() -> None:
    """The words alone mean nothing in a long text."""
    html = (PAGES / "ndsoft.html").read_text().replace("우수상을 받았다고", "삭제된 기사입니다 하고")
    assert not read_page(html.encode(), "text/html", ADDRESSES["ndsoft"], SEOUL).is_withdrawn


def test_a_page_of_links_alone_is_thin_and_its_menu_is_no_text() -> None:
    """A menu in the mail is worse than no text."""
    links = "".join(f"<li><a href='/{i}'>사회 소식 모음 {i}번째 메뉴</a></li>" for i in range(50))
    page = read_page(f"<html><body><ul>{links}</ul></body></html>".encode(), "", ADDRESSES["ndsoft"], SEOUL)
    assert (page.is_thin, page.body) == (True, ())


def test_a_canonical_link_to_the_front_page_is_not_believed() -> None:
    """One address for all articles would make one article of all."""
    html = "<html><head><link rel=canonical href='/'></head><body><p>글</p></body></html>"
    assert read_page(html.encode(), "", ADDRESSES["ndsoft"], SEOUL).link == ""


def test_a_page_that_is_nested_too_deep_is_told_and_left() -> None:
    """Selectors on such a page would take minutes."""
    page = read_page(b"<html><body>" + b"<div>" * 100_000, "text/html", ADDRESSES["ndsoft"], SEOUL)
    assert page.is_thin
    assert "too deep" in page.doubts[-1]


def test_what_is_no_html_is_unreadable() -> None:
    """Pictures and documents are linked as articles, too."""
    with pytest.raises(SourceUnreadableError):
        read_page(b"%PDF-1.7 \x00\x01", "application/pdf", ADDRESSES["ndsoft"], SEOUL)


@pytest.mark.anyio
async def test_the_limited_process_reads_pages_as_well() -> None:
    """Nothing is lost on the way through it."""
    async with Reader() as reader:
        body = (PAGES / "view-idx.html").read_bytes()
        assert await reader.read_page(body, "text/html", ADDRESSES["view-idx"], SEOUL) == read("view-idx")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(ADDRESSES)), st.integers(0, 4000), st.integers(0, 300), st.binary(max_size=40))
def test_no_damage_to_a_page_raises_anything_unforeseen(name: str, at: int, cut: int, put: bytes) -> None:
    """A page is written by strangers and arrives cut off."""
    body = (PAGES / f"{name}.html").read_bytes()
    try:
        page = read_page(body[:at] + put + body[at + cut :], "text/html", ADDRESSES[name], SEOUL)
    except SourceUnreadableError:
        return
    assert isinstance(page, PageText)


def test_every_field_that_has_a_selector_can_be_configured() -> None:
    """The settings are read below the room that reads pages: two lists of the same names."""
    assert tuple(one.name for one in fields(Selectors)) == PAGE_FIELDS


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ('media="only screen and (max-width: 640px)" href="/m/71428"', "https://av.example/m/71428"),
        ('media="handheld" href="https://m.av.example/article/view/71428"', "https://m.av.example/article/view/71428"),
        ('media="handheld" href="https://m.av.example/"', ""),
        ('media="handheld" href="https://portal.example/article/view/71428"', ""),
        ('media="handheld" href="https://m.av.example/article/view/99999"', ""),
        ('media="print" href="/print/71428"', ""),
        ('media="handheld" href="/article/view/71428"', ""),
    ],
)
def test_page_for_telephones_is_the_articles_own(written: str, found: str) -> None:
    """Shares lead there, too; a front page, another article or another site is none."""
    html = f"<html><head><link rel=alternate {written}></head><body><p>글</p></body></html>"
    page = read_page(html.encode(), "text/html; charset=utf-8", ADDRESSES["article-view"], SEOUL)
    assert page.mobile_link == found


@pytest.mark.parametrize(
    ("written", "byline"),
    [
        ("홍길동 기자 홍길동 기자", "홍길동 기자"),
        ("By Jon King", "Jon King"),
        ("홍길동, 홍길순 기자", "홍길동, 홍길순 기자"),
    ],
)
def test_a_writer_is_named_once(written: str, byline: str) -> None:
    """Some pages link a reporter's name beside a picture whose text is the name again."""
    page = (
        f'<html><head><meta name="author" content="{written}"></head><body><p>한빛시는 상을 받았다.</p></body></html>'
    )
    assert read_page(page.encode(), "text/html", "https://paper.example/1", SEOUL).byline == byline

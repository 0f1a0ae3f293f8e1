"""Pages from before there were names for the parts: tables, large letters, lines that say who and when."""

import json
from datetime import UTC, datetime

import pytest

from digest.collect.page import read_page
from tests.collect.test_page_details import END, TEXT, TITLE, read
from tests.collect.test_page_shapes import SEOUL

NAME = "<title>한빛신문에 오신 것을 환영합니다</title>"
TEXTS = f"<div align=justify>{TEXT}</div><br><div align=justify>{END}</div>"
PAPER = (
    "<div>발행인 : 김발행 | 편집인 : 이편집 | 청소년보호책임자 : 박보호 | 등록번호 : 충남 아00123<br>"
    "주소 : 충남 한빛시 한빛읍 중앙로 12, 3층 (우)33333 | TEL 041-000-0000 | FAX 041-000-0001<br></div>"
)


def test_a_line_ends_where_a_heading_ends() -> None:
    """Else the moment right behind a headline is part of it, and nothing stands under it."""
    page = read(f"<div><h1>{TITLE}</h1><span>2024.10.21 11:08</span></div><div><p>{TEXT}</p><p>{END}</p></div>")
    assert page.registered_at == datetime(2024, 10, 21, 2, 8, tzinfo=UTC)


def test_a_page_of_tables_gives_headline_sub_headline_and_who_wrote_it() -> None:
    """The headline is what is set largest over the text, where the page's title is the paper's name."""
    rows = (
        f"<td style='font-size:22px'>{TITLE}</td>",
        "<td style='font-size:14px'>통학로 신호등 설치와 조명 교체 논의</td>",
        "<td>[2007-11-05 오후 4:21:00] 편집국 : 변지수</td>",
        f"<td>{TEXTS}<div>변지수 기자(jisoo@hanbit.example)</div></td>",
    )
    page = read("<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + f"</table>{PAPER}", NAME)
    assert (page.title, page.subheads) == (TITLE, ("통학로 신호등 설치와 조명 교체 논의",))
    assert (page.byline, page.registered_at) == ("변지수 기자", datetime(2007, 11, 5, 7, 21, tzinfo=UTC))
    assert page.body == (TEXT, END)


def test_who_publishes_the_paper_is_no_text_however_short_the_article() -> None:
    """신문법 제21조 has it stand below every page; beside a short article it is the longer text."""
    page = read(f"<h1>{TITLE}</h1><div>{TEXTS}</div>{PAPER}")
    assert page.body == (TEXT, END)


def test_the_day_the_paper_was_registered_is_not_the_articles() -> None:
    """등록일 stands below every page, too."""
    foot = "<p>등록번호 충남 아00123 | 등록일 2015년 3월 2일 | 발행일 2015년 4월 1일</p>"
    page = read(f"<h1>{TITLE}</h1><p>2024년 11월 27일 오후 4시 12분</p><div><p>{TEXT}</p><p>{END}</p></div>{foot}")
    assert page.registered_at == datetime(2024, 11, 27, 7, 12, tzinfo=UTC)


@pytest.mark.parametrize(("tag", "below"), [("h4", ""), ("p", "<p>2024-11-27 16:12</p>")])
def test_a_sub_headline_needs_no_name(tag: str, below: str) -> None:
    """A smaller heading right below the headline is one, and a line between it and the date."""
    over = f"<h2>{TITLE}</h2><{tag}>조명 교체 논의, 내년 예산에 담기로</{tag}>{below}"
    page = read(f"<div>{over}</div><div><p>{TEXT}</p><p>{END}</p></div>")
    assert page.subheads == ("조명 교체 논의, 내년 예산에 담기로",)


def test_the_headline_told_twice_is_no_sub_headline() -> None:
    """Telephones show it in a bar that stays."""
    assert read(f"<h2>{TITLE}</h2><h3>{TITLE}</h3><p>{TEXT}</p><p>{END}</p>").subheads == ()


@pytest.mark.parametrize(
    ("printed", "who"),
    [
        ("<span class=writer>허준영</span> 2024-11-27 16:12", "허준영"),
        ("<span class=writer>편집부</span> 2024-11-27 16:12", ""),
        ("<div class=info><span>작성자</span> <b>오세진 기자</b></div>", "오세진 기자"),
        ("<div>글쓴이 : 채우리 &nbsp; 날짜 : 24-03-27 16:12</div>", "채우리"),
        ("<div>By Choi Yu-jin</div><div>Updated : Mar. 13, 2024 - 09:10</div>", "Choi Yu-jin"),
    ],
)
def test_whoever_stands_where_writers_do_wrote_it(printed: str, who: str) -> None:
    """With a role or without one; an office is nobody."""
    assert read(f"<h1>{TITLE}</h1>{printed}<div><p>{TEXT}</p><p>{END}</p></div>").byline == who


@pytest.mark.parametrize("marks", ["class=writer", "itemprop=author", "rel=author"])
def test_a_reader_who_comments_did_not_write_the_article(marks: str) -> None:
    """Boards name both alike."""
    comment = f"<ul class=comment-list><li><a {marks}>김독자</a> 잘 읽었습니다.</li></ul>"
    assert read(f"<h1>{TITLE}</h1><div><p>{TEXT}</p><p>{END}</p></div>{comment}").byline == ""


def test_names_told_to_machines_are_shown_as_printed() -> None:
    """차은수, 백다온 → 차은수·백다온 기자."""
    writers = [{"name": "차은수"}, {"name": "백다온"}]
    told = json.dumps({"@type": "NewsArticle", "headline": TITLE, "author": writers})
    page = read(
        f"<h1>{TITLE}</h1><p>차은수·백다온 기자</p><div><p>{TEXT}</p><p>{END}</p></div>",
        f"<title>{TITLE}</title><script type=application/ld+json>{told}</script>",
    )
    assert page.byline == "차은수·백다온 기자"


@pytest.mark.parametrize(
    "between",
    [
        "<p>홍길동 기자 · 2024.09.09 09:00</p>",
        "<p>- 광고 -</p>",
        "<div class=subscriptions><p>매일 아침 우리 동네 소식을 메일로 받아 보세요.</p></div>",
    ],
)
def test_what_stands_between_headline_and_text_is_no_text(between: str) -> None:
    """Who and when are fields of their own; the rest is the paper's."""
    assert read(f"<article><h1>{TITLE}</h1>{between}<p>{TEXT}</p><p>{END}</p></article>").body == (TEXT, END)


def test_an_offer_to_members_ends_the_text_that_everybody_may_read() -> None:
    """What follows it is what membership costs."""
    offer = "<div><h4>이 기사는 유료 회원 전용입니다</h4><p>월 4,900원으로 모든 기사를 읽어 보세요.</p></div>"
    page = read(f"<article><h1>{TITLE}</h1><p>{TEXT}</p><p>{END}</p>{offer}</article>")
    assert (page.body, page.is_closed) == ((TEXT, END), True)


def test_a_blank_line_after_a_sentence_parts_paragraphs() -> None:
    """Pages that set `white-space: pre-line` have no other mark between them."""
    assert read(f"<h1>{TITLE}</h1><div class=body>{TEXT}\n\n{END}</div>").body == (TEXT, END)


@pytest.mark.parametrize(
    "picture",
    [
        "<div class='photo center'><img src=/1.jpg><span>간담회 모습</span></div>",
        "<div class=photo><div><img src=/1.jpg></div><div class=se-caption><p>간담회 모습</p></div></div>",
        "<div align=center><img src=/1.jpg><br>▲ 간담회 모습</div>",
    ],
)
def test_what_a_picture_shares_its_box_with_is_its_caption(picture: str) -> None:
    """Whatever it is called, before the text or in it."""
    inside = read(f"<h1>{TITLE}</h1><div class=body>{picture}<p>{TEXT}</p><p>{END}</p></div>")
    assert inside.picture is not None
    assert inside.picture.caption.removeprefix("▲ ") == "간담회 모습"


def test_a_picture_in_a_field_before_the_text_is_the_lead_picture() -> None:
    """Drupal keeps it beside the text, below a folder that is called default."""
    image = "<img src=/sites/default/files/duck.jpg>"
    picture = f"<div class='field-image'>{image}<blockquote class=caption>오리 떼</blockquote></div>"
    page = read(f"<h1>{TITLE}</h1><div>{picture}<div class=field-body><p>{TEXT}</p><p>{END}</p></div></div>")
    assert page.picture is not None
    assert (page.picture.url, page.picture.caption) == ("https://paper.example/sites/default/files/duck.jpg", "오리 떼")


def test_a_photo_story_has_its_picture_and_no_text() -> None:
    """What it says stands under its pictures."""
    figures = "".join(f"<figure><img src=/{n}.jpg><figcaption>남문시장의 첫눈 {n}</figcaption></figure>" for n in "12")
    html = f"<title>{TITLE}</title><h1>{TITLE}</h1><div id=article-view-content-div>{figures}</div>"
    page = read_page(html.encode(), "text/html", "https://paper.example/news/articleView.html?idxno=1", SEOUL)
    assert page.picture is not None
    assert (page.picture.caption, page.body, page.is_thin) == ("남문시장의 첫눈 1", (), True)


@pytest.mark.parametrize("counter", ["", "<div>댓글 9</div>"])
def test_what_readers_write_is_no_article_however_long(counter: str) -> None:
    """A box that begins with 댓글 is theirs, whatever it is called; a number of them under the headline begins none."""
    written = "".join(f"<div><b>독자{n}</b><p>{TEXT.replace('한빛읍', '우리 동네')}{n}</p></div>" for n in range(9))
    over = f"<div><div><h2>{TITLE}</h2></div>{counter}<p>입력 2024-11-26 18:30</p>"
    page = read(f"{over}<div><p>{TEXT}</p><p>{END}</p></div></div><div><h3>댓글 9</h3>{written}</div>")
    assert page.body == (TEXT, END)


def test_fields_that_are_marked_for_machines_in_the_text_are_read() -> None:
    """Microdata: no other name says what they are."""
    writer = "<p>By <span itemprop=author><i itemprop=name>조은솔</i></span></p>"
    marked = f"<p itemprop=alternativeHeadline>조명 교체 논의, 내년에</p>{writer}"
    page = read(f"<article><h1>{TITLE}</h1>{marked}<div itemprop=articleBody><p>{TEXT}</p><p>{END}</p></div></article>")
    assert (page.subheads, page.byline, page.body) == (("조명 교체 논의, 내년에",), "조은솔", (TEXT, END))


def test_an_hour_written_in_words_is_read() -> None:
    """18시30분; and a section that stands in the page's title alone."""
    page = read(
        f"<h1>{TITLE}</h1><p>기사입력 : 2009년 11월 26일 18시30분</p><p>{TEXT}</p><p>{END}</p>",
        f"<title>{TITLE} &lt; 농업 &lt; 기사본문 - 한빛신문</title>",
    )
    assert (page.registered_at, page.section) == (datetime(2009, 11, 26, 9, 30, tzinfo=UTC), "농업")

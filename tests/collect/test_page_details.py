"""Single habits of newspaper systems, each on a small page of our own."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from digest.collect.page import read_page
from digest.models.articles import PageText

TITLE = "한빛읍, 하반기 마을 안전 간담회 열어"
TEXT = (
    "한빛읍은 지난 12일 읍사무소 회의실에서 주민 50여 명이 참석한 가운데 마을 안전 간담회를 열었다고 13일 밝혔다. "
    "이날 간담회에서는 통학로 신호등 설치와 골목길 조명 교체, 다음 달에 할 건널목 점검이 논의됐다."
)
END = "한편 읍은 다음 달 3일부터 열흘 동안 신호등이 없는 건널목 열두 곳을 점검하고 결과를 누리집에 공개할 계획이다."


def read(body: str, head: str = f"<title>{TITLE}</title>") -> PageText:
    html = f"<html><head>{head}</head><body>{body}</body></html>"
    return read_page(html.encode(), "text/html", "https://paper.example/news/71428", ZoneInfo("Asia/Seoul"))


def test_a_time_in_brackets_is_read() -> None:
    """Old systems print 2026/11/13 [09:30]; without it the article would be of midnight."""
    page = read(f"<h1>{TITLE}</h1><p>홍길동 기자 ｜ 기사입력 2026/11/13 [09:30]</p><div>{TEXT}<p>{END}</div>")
    assert page.registered_at == datetime(2026, 11, 13, 0, 30, tzinfo=UTC)


def test_times_of_an_english_edition_are_read() -> None:
    """In the newspaper's own zone, as the Korean ones are."""
    times = "<p>Published : Nov. 13, 2026 - 09:30:11</p><p>Updated : Nov. 13, 2026 - 14:05:11</p>"
    page = read(f"<h1>{TITLE}</h1>{times}<div><p>{TEXT}</p><p>{END}</p></div>")
    assert page.registered_at == datetime(2026, 11, 13, 0, 30, 11, tzinfo=UTC)
    assert page.modified_at == datetime(2026, 11, 13, 5, 5, 11, tzinfo=UTC)


def test_the_time_that_a_script_prints_counts_before_the_one_of_storing() -> None:
    """Pages of the Arc system print nothing without their script."""
    meta = '<meta name="article:published_time" content="2026-11-13T00:31:15Z">'
    script = '<script>Fusion.globalContent={"display_date":"2026-11-13T00:30:00Z"};</script>'
    page = read(f"{script}<h1>{TITLE}</h1><div><p>{TEXT}</p><p>{END}</p></div>", f"<title>{TITLE}</title>{meta}")
    assert page.registered_at == datetime(2026, 11, 13, 0, 30, tzinfo=UTC)


def test_the_papers_name_before_the_headline_goes_where_that_shares_its_line() -> None:
    """It stands in one line with the sub-headline."""
    named = f"<title>한빛 :: {TITLE}</title>"
    page = read(f"<div><strong>{TITLE}</strong><span>통학로 신호등 논의</span></div><p>{TEXT}</p><p>{END}</p>", named)
    assert page.title == TITLE


def test_the_heading_over_the_text_is_the_headline_where_the_title_is_the_papers_name() -> None:
    """Some papers give every page the same title."""
    page = read(f"<h2>{TITLE}</h2><div><p>{TEXT}</p><p>{END}</p></div>", "<title>한빛 지역뉴스 신문</title>")
    assert page.title == TITLE


def test_a_name_with_an_address_is_who_wrote_it() -> None:
    """Without 기자 behind it, at the end of the text."""
    page = read(f"<h1>{TITLE}</h1><div><p>{TEXT}</p><p>{END}</p><p>홍길동 hong@paper.example</p></div>")
    assert (page.byline, page.byline_address, page.body) == ("홍길동", "hong@paper.example", (TEXT, END))


def test_whoever_keeps_the_system_did_not_write_it() -> None:
    """WordPress calls everybody admin who does not say otherwise."""
    page = read(
        f"<h1>{TITLE}</h1><div><p>홍길동 기자 = {TEXT}</p><p>{END}</p></div>",
        f'<title>{TITLE}</title><meta name="author" content="admin">',
    )
    assert page.byline == "홍길동 기자"


def test_a_line_of_both_times_and_a_line_of_credits_are_no_text() -> None:
    """They stand in the same cell of the table."""
    times = "등록: 2026년 11월 13일 (금) 오전 9:30 | 수정: 2026년 11월 13일 (금) 오후 2:05"
    credits_ = "대담·정리=홍길동 기자 사진=김하늘 기자"
    page = read(f"<td><b>{TITLE}</b><br>{times}<br>{TEXT}<br><br>{END}<br><br>{credits_}<br>[홍길동 기자]</td>")
    assert page.body == (TEXT, END)
    assert page.modified_at == datetime(2026, 11, 13, 5, 5, tzinfo=UTC)


def test_a_caption_longer_than_the_line_under_it_is_no_text() -> None:
    """Of a photo article the caption is most of what is printed."""
    caption, line = "13일 한빛천 둔치에 억새가 피어 있다. 사진=홍길동 기자", "13일 한빛천 둔치에 억새가 활짝 피었다."
    page = read(
        f"<h1>{TITLE}</h1><article><figure><img src=/1.jpg><figcaption>{caption}</figcaption></figure><p>{line}"
    )
    assert page.body == (line,)
    assert page.picture is not None
    assert page.picture.caption == caption


def test_a_line_with_the_captions_mark_under_a_picture_is_its_caption() -> None:
    """It is a paragraph like the others; a list with the same mark stays text."""
    caption = "▲ 간담회에 참석한 주민들 (사진=한빛읍)"
    page = read(
        f"<h1>{TITLE}</h1><div><p><img src=/1.jpg></p><p>{caption}</p><p>{TEXT}</p><p>▲ 하나</p><p>{END}</p></div>"
    )
    assert page.body == (TEXT, "▲ 하나", END)
    assert page.picture is not None
    assert page.picture.caption == caption


def test_a_heading_that_links_to_the_front_page_is_no_headline() -> None:
    """It is the paper's name, as is the page's title."""
    name = "한빛마을뉴스"
    page = read(
        f"<h1><a href='/'>{name}</a></h1><h3>{TITLE}</h3><div><p>{TEXT}</p><p>{END}</p></div>", f"<title>{name}</title>"
    )
    assert page.title == TITLE


def test_a_summary_by_a_machine_is_no_text() -> None:
    """신문법 제10조②: what the paper wrote, and nothing else."""
    summary = "<div class='ai-summary'><b>AI 3줄 요약</b><li>한빛읍이 간담회를 열었다.</li></div>"
    assert read(f"<h1>{TITLE}</h1><article>{summary}<p>{TEXT}</p><p>{END}</p></article>").body == (TEXT, END)


def test_short_lines_behind_dashes_before_the_text_are_sub_headlines() -> None:
    """Some systems have no field for them; questions of an interview stay text."""
    begins = "<p><b>- 통학로 신호등 논의</b></p><p><b>- 내년 예산에 담기로</b></p>"
    page = read(f"<h1>{TITLE}</h1><div>{begins}<p>{TEXT}</p><p>{END}</p></div>")
    assert (page.subheads, page.body) == (("통학로 신호등 논의", "내년 예산에 담기로"), (TEXT, END))
    asked = read(f"<h1>{TITLE}</h1><div><p>- 어떻게 시작했나?</p><p>{TEXT}</p><p>{END}</p></div>")
    assert asked.subheads == ()


def test_the_section_is_the_last_step_of_the_way_told_to_machines() -> None:
    """Schema.org's BreadcrumbList."""
    steps = '{"@type":"ListItem","name":"홈"},{"@type":"ListItem","item":{"name":"지역"}}'
    told = f'<script type="application/ld+json">{{"@type":"BreadcrumbList","itemListElement":[{steps}]}}</script>'
    assert read(f"<h1>{TITLE}</h1><p>{TEXT}</p><p>{END}</p>", f"<title>{TITLE}</title>{told}").section == "지역"


def test_a_picture_with_caption_over_the_text_is_the_lead_picture() -> None:
    """It stands beside the element of the text, not in it."""
    figure = "<figure><img src=/1.jpg width=640><figcaption>간담회 모습</figcaption></figure>"
    page = read(f"<main><h1>{TITLE}</h1>{figure}<div class='article-body'><p>{TEXT}</p><p>{END}</p></div></main>")
    assert page.picture is not None
    assert page.picture.caption == "간담회 모습"

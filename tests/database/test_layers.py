"""One article out of what its source lists and what its page says; and what of a change is worth telling."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from digest.database.layers import merged, substantial_change
from digest.database.revisions import revision_row, text_of
from digest.models.articles import ArticleText, PageText, Picture

BODY = (
    "가온시는 23일 시청 대강당에서 시민 120명이 참석한 가운데 내년 예산안 설명회를 열었다고 밝혔다.",
    "김가온 시장은 내년 예산이 올해보다 3.2% 늘어난 1조 204억 원이라며 복지와 교통에 먼저 쓰겠다고 말했다.",
    "설명회는 다음 달 5일까지 읍면동마다 한 번씩 이어지며 참석하려면 행정복지센터에 신청하면 된다.",
)
LISTED = ArticleText(
    "예산안 설명회", "https://www.gaon.example/news/view.php?idx=7", section="시정", excerpt="가온시는"
)
PAGE = PageText(
    title="예산안 설명회", body=BODY, excerpt="가온시는 23일", subheads=("내년 1조 원",), byline="홍길동 기자"
)


def test_the_page_fills_in_what_the_list_does_not_hold() -> None:
    """Feeds hold a headline and half a sentence; the article is on its page."""
    text = merged(LISTED, PAGE)
    assert (text.body, text.excerpt, text.subheads, text.byline) == (
        BODY,
        "가온시는 23일",
        ("내년 1조 원",),
        "홍길동 기자",
    )
    assert text.section == "시정"


def test_page_for_telephones_is_kept_with_the_text_it_was_found_with() -> None:
    """Shares link to it; revisions from before it was read have none."""
    text = merged(LISTED, replace(PAGE, mobile_link="https://m.gaon.example/news/view.php?idx=7"))
    row = revision_row(1, 1, text, datetime(2026, 11, 23, tzinfo=UTC))
    assert text_of(row["title"], row["link"], row["text"]) == text
    older = {name: value for name, value in row["text"].items() if name != "mobile_link"}
    assert text_of(row["title"], row["link"], older).mobile_link == ""


def test_an_unread_page_changes_nothing() -> None:
    """An edition goes out with what the feed says when a page cannot be read."""
    assert merged(LISTED, None) == LISTED


def test_a_thin_page_brings_no_body() -> None:
    """A page that holds only a video must not put its menu into the mail."""
    text = merged(LISTED, replace(PAGE, is_thin=True))
    assert (text.body, text.excerpt) == ((), "가온시는")


def test_a_short_page_says_what_its_source_does_not() -> None:
    """Many feeds list a headline alone; two sentences of the page are better than nothing under it."""
    text = merged(replace(LISTED, excerpt=""), replace(PAGE, is_thin=True))
    assert (text.body, text.excerpt) == ((), PAGE.excerpt)


@pytest.mark.parametrize(
    ("listed", "printed", "first", "expected"),
    [
        ("예산안 설명회", "[가온일보] 예산안 설명회 - 시정", "", "예산안 설명회"),
        ("예산안 설…", "예산안 설명회", "", "예산안 설명회"),
        ("", "예산안 설명회", "", "예산안 설명회"),
        ("예산안 설명회", "예산안 설명회 연기", "예산안 설명회", "예산안 설명회 연기"),
        ("예산안 설명회", "예산안  설명회", "예산안 설명회", "예산안 설명회"),
    ],
)
def test_the_headline_is_the_listed_one_unless_it_is_cut_or_was_corrected(
    listed: str, printed: str, first: str, expected: str
) -> None:
    """Around a page's headline stand other things; a feed's is the headline alone, but is not corrected for long."""
    assert merged(replace(LISTED, title=listed), replace(PAGE, title=printed), first).title == expected


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("http://gaon.example/news/view.php?idx=7", "http://gaon.example/news/view.php?idx=7"),
        ("https://portal.example/v/99", LISTED.link),
        ("", LISTED.link),
    ],
)
def test_the_link_to_cite_is_the_pages_own_if_it_is_of_the_same_site(link: str, expected: str) -> None:
    """고유링크: the paper asks to be cited by it; a portal's canonical address is not the paper's."""
    assert merged(LISTED, replace(PAGE, link=link)).link == expected


def test_a_picture_of_the_page_brings_its_caption() -> None:
    """Feeds give an address without a caption."""
    listed = replace(LISTED, picture=Picture("https://img.gaon.example/1.jpg"))
    picture = Picture("https://img.gaon.example/1_big.jpg", "설명회 모습", 640, 360)
    assert merged(listed, replace(PAGE, picture=picture)).picture == picture


FULL = merged(LISTED, PAGE)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": "예산안 설명회 연기"}, "headline"),
        ({"title": "예산안  ‘설명회’"}, ""),
        ({"body": (BODY[0].replace("120명", "1200명"), *BODY[1:])}, "numbers"),
        ({"body": (*BODY[:2], BODY[2].replace("한 번씩", "한번씩"))}, ""),
        (
            {"body": (BODY[0], "시장은 예산을 복지와 교통에 먼저 쓰겠다는 말을 거두어들이고 사과했다.", BODY[2])},
            "numbers",
        ),
        ({"body": (*BODY, "한편 시의회는 이 예산안이 졸속이라며 심사를 거부하겠다는 뜻을 밝혔다.")}, "text"),
        ({"byline": "김기자"}, ""),
        ({"body": ()}, ""),
    ],
)
def test_only_what_a_reader_would_want_to_know_is_a_correction(changes: dict[str, object], expected: str) -> None:
    """A retouched particle is no news; another number or headline is."""
    assert substantial_change(FULL, replace(FULL, **changes)) == expected  # type: ignore[arg-type]


def test_an_excerpt_that_is_cut_elsewhere_is_no_correction() -> None:
    """Without bodies only excerpts can be compared, and these end anywhere."""
    old = replace(LISTED, excerpt=BODY[1])
    assert substantial_change(old, replace(old, excerpt=BODY[1][:-6] + "…")) == ""
    assert substantial_change(old, replace(old, excerpt=BODY[2])) == "text"

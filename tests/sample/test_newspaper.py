"""The sample newspaper as records: what stands in it, and when."""

import re
import struct
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from digest.sample.newspaper import (
    BlockKind,
    Newspaper,
    Picture,
    excerpt,
    find_article,
    find_picture,
    last_changed_at,
    most_read_articles,
    read_newspaper,
    visible_articles,
)

STARTED_AT = datetime(2026, 3, 30, 23, 14, 37, 250_000, tzinfo=UTC)
LATER_AT = STARTED_AT + timedelta(seconds=60)


@pytest.fixture(scope="module")
def newspaper() -> Newspaper:
    return read_newspaper(STARTED_AT)


def test_first_fetch_finds_about_twenty_fresh_articles_and_two_stale_ones(newspaper: Newspaper) -> None:
    """The two stale ones show that a first fetch mails no backlog."""
    ages = [STARTED_AT - article.registered_at for article in visible_articles(newspaper, STARTED_AT)]
    assert sum(age <= timedelta(hours=20, minutes=1) for age in ages) == 21
    assert sum(age > timedelta(hours=24) for age in ages) == 2
    assert len(ages) == 23


def test_two_articles_appear_a_minute_after_the_start(newspaper: Newspaper) -> None:
    """Without them no second edition could be watched."""
    before = visible_articles(newspaper, LATER_AT - timedelta(microseconds=1))
    after = visible_articles(newspaper, LATER_AT)
    assert {article.idx for article in after} - {article.idx for article in before} == {2024, 2025}


def test_a_late_article_is_registered_the_minute_it_appears(newspaper: Newspaper) -> None:
    """A registration in the future would look like a faulty feed."""
    late = find_article(newspaper, "2025", LATER_AT)
    assert late is not None
    assert late.registered_at == datetime(2026, 3, 31, 8, 15, tzinfo=ZoneInfo("Asia/Seoul"))


def test_articles_are_newest_first(newspaper: Newspaper) -> None:
    """Readers of a list page and of the feed expect it."""
    times = [article.registered_at for article in newspaper.articles]
    assert times == sorted(times, reverse=True)


def test_times_are_whole_minutes_in_korean_time(newspaper: Newspaper) -> None:
    """They are printed with seconds, and every reading must print the same."""
    times = [at for a in newspaper.articles for at in (a.registered_at, a.modified_at) if at is not None]
    assert all((at.second, at.microsecond) == (0, 0) for at in times)
    assert {at.utcoffset() for at in times} == {timedelta(hours=9)}


def test_reading_twice_gives_the_same_newspaper(newspaper: Newspaper) -> None:
    """Times that moved would make a revision of every article at every fetch."""
    assert read_newspaper(STARTED_AT) == newspaper


def test_modified_articles_were_modified_between_registration_and_start(newspaper: Newspaper) -> None:
    """Three or four articles show a 기사수정 time."""
    modified = [article for article in newspaper.articles if article.modified_at is not None]
    assert len(modified) in {3, 4}
    assert all(article.registered_at < article.modified_at < STARTED_AT for article in modified if article.modified_at)


def test_a_start_without_a_time_zone_is_refused() -> None:
    """Guessing a zone would shift every article by nine hours."""
    with pytest.raises(ValueError, match="time zone"):
        read_newspaper(STARTED_AT.replace(tzinfo=None))


def test_days_across_the_end_of_a_month_are_named_as_newspapers_do() -> None:
    """An article of the 31st that promises "3일" must say of which month."""
    start_of_month = read_newspaper(datetime(2026, 3, 31, 15, 30, tzinfo=UTC))
    end_of_month = read_newspaper(datetime(2026, 3, 31, 6, 0, tzinfo=UTC))
    at = datetime(2026, 4, 1, tzinfo=UTC)
    bridge = find_article(end_of_month, "2021", at)
    assert bridge is not None
    assert "나루다리 보행로 다음 달 3일 새벽 6시" in bridge.title
    vacant = find_article(start_of_month, "2006", at)
    assert vacant is not None
    assert "{day" not in vacant.text


def test_no_placeholder_is_left_in_any_article(newspaper: Newspaper) -> None:
    """A mark of the data file must not reach a reader."""
    for article in newspaper.articles:
        lines = [article.title, *article.subtitles, *(line for block in article.body for line in block.lines)]
        assert not re.search(r"[{}]", " ".join(lines)), article.idx


def test_articles_have_the_variety_of_a_real_newspaper(newspaper: Newspaper) -> None:
    """Every section is used; bodies have paragraphs, ◇ heads and ▲ lists."""
    assert {article.section for article in newspaper.articles} == set(newspaper.sections)
    kinds = Counter(block.kind for article in newspaper.articles for block in article.body)
    assert all(kinds[kind] >= 5 for kind in BlockKind)
    assert all(len(article.body) >= 4 for article in newspaper.articles)


def test_titles_hold_the_hard_cases(newspaper: Newspaper) -> None:
    """Quotes, markup letters, an ellipsis, Chinese characters and numbers must survive the whole way."""
    titles = " ".join(article.title for article in newspaper.articles)
    assert all(sign in titles for sign in "“”‘’「」<>&…李→·0123456789")


def test_pictures_are_real_small_and_of_the_size_they_claim(newspaper: Newspaper) -> None:
    """Mail readers lay out by width and height, and the sample must not swell the package."""
    pictures = [article.picture for article in newspaper.articles if article.picture is not None]
    assert len(pictures) >= 8
    for picture in pictures:
        assert measure(picture) == (picture.width, picture.height), picture.name
        assert len(picture.content) <= 25_000, picture.name
        assert picture.caption, picture.name
        assert picture.alt, picture.name


def test_the_five_most_read_come_by_rank(newspaper: Newspaper) -> None:
    """많이 본 뉴스 is an order of its own, not of time."""
    ranks = [article.most_read for article in most_read_articles(newspaper, STARTED_AT)]
    assert ranks == [1, 2, 3, 4, 5]


def test_an_article_is_found_by_its_exact_number_only(newspaper: Newspaper) -> None:
    """The number comes from the address line, where anything can stand."""
    assert find_article(newspaper, "2003", STARTED_AT) is not None
    for text in ("", "02003", "２００３", "2003 ", "-1", "9" * 10_000, "2024"):
        assert find_article(newspaper, text, STARTED_AT) is None


def test_an_unknown_picture_is_not_found(newspaper: Newspaper) -> None:
    """Names are looked up in a list, never joined to a path."""
    assert find_picture(newspaper, "town.jpg") is not None
    assert find_picture(newspaper, "../newspaper.toml") is None


def test_an_excerpt_ends_between_words_within_its_limit(newspaper: Newspaper) -> None:
    """An excerpt is the beginning of the text and shows that it was cut."""
    for article in newspaper.articles:
        short = excerpt(article, 60)
        assert len(short) <= 60
        assert short.endswith("…")
        assert article.text.startswith(short[:-1])
        assert excerpt(article, 10_000) == article.text


def test_the_newspaper_changes_at_its_start_and_when_an_article_appears(newspaper: Newspaper) -> None:
    """A restart makes new times, so a copy from before it is old; a clock set back gives no future time."""
    assert last_changed_at(newspaper, STARTED_AT + timedelta(seconds=59)) == STARTED_AT
    assert last_changed_at(newspaper, STARTED_AT + timedelta(hours=5)) == LATER_AT
    before_at = STARTED_AT - timedelta(hours=1)
    assert last_changed_at(newspaper, before_at) == before_at


def measure(picture: Picture) -> tuple[int, int]:
    """Read width and height from the file itself."""
    content = picture.content
    if content.startswith(b"\x89PNG"):
        width, height = struct.unpack(">II", content[16:24])
        return width, height
    frame = re.search(rb"\xff[\xc0\xc2]\x00\x11\x08(..)(..)", content, re.DOTALL)
    assert frame is not None
    return int.from_bytes(frame[2]), int.from_bytes(frame[1])

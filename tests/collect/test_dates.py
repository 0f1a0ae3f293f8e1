"""Dates as papers write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from digest.collect.dates import read_date

SEOUL = ZoneInfo("Asia/Seoul")
ONE_O_CLOCK = datetime(2024, 8, 8, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "Thu, 08 Aug 2024 13:00:00 +0900", "Thu,08 Aug 2024 13:00:00 +0900", "Thu, 8 Aug 2024 13:00:00+0900",
        "Thu, 08 Aug 2024 04:00:00 GMT", "Thu, 08 Aug 2024 04:00:00 Z", "08 Aug 24 13:00 KST",
        "Thursday, 08-Aug-24 04:00:00 UTC", "2024-08-08T13:00:00+09:00", "2024-08-08T04:00:00Z",
        "2024-08-08T04:00:00.000Z", "2024-08-08 13:00:00 KST", "2024-08-08T13:00:00+0900", "2024-08-08 13:00 +09",
        "Thu Aug  8 13:00:00 KST 2024", "Thu Aug 08 2024 13:00:00 GMT+0900 (Korean Standard Time)",
        "목, 08 8월 2024 13:00:00 +0900", "Thu, 8 8월 2024 13:00 KST", "Thu, 08 Aug 2024 13:00:00 +9:00",
        "2024-08-08T13:00:00+09:00[Asia/Seoul]", "Thu, 08 Aug 2024 13:00:00 ROK", "2024-08-08 13:00 UTC+9",
    ],
)  # fmt: skip
def test_dates_with_a_zone_are_read_without_a_doubt(text: str) -> None:
    """KST is nine hours ahead; feedparser takes it for UTC."""
    read = read_date(text, SEOUL)
    assert (read.at, read.doubt) == (ONE_O_CLOCK, "")


@pytest.mark.parametrize(
    "text",
    [
        "2024.08.08 13:00", "2024-08-08 13:00:00", "2024-08-08T13:00:00", "2024/08/08 13:00", "2024. 8. 8. 13:00",
        "2024년 8월 8일 오후 1시", "2024년 08월 08일 (목) 13시 00분", "2024-08-08 오후 1:00:00", "2024.8.8 PM 1:00",
        "20240808130000", "Aug 8, 2024 1:00 PM", "2024-08-08 13:00:00.0", "  2024-08-08\n13:00 ",
        "Thursday, August 8, 2024 - 13:00", "Aug 8, 2024 at 1:00 PM",
    ],
)  # fmt: skip
def test_dates_without_a_zone_are_the_papers_own(text: str) -> None:
    """Korean systems write the time on the wall; that it was guessed is told."""
    read = read_date(text, SEOUL)
    assert (read.at, read.doubt) == (ONE_O_CLOCK, "date without a zone, taken as Asia/Seoul")


def test_half_days_are_counted_from_midnight_and_noon() -> None:
    """오전 12시 is the beginning of the day."""
    assert read_date("2024-08-08 오전 12:30 KST", SEOUL).at == datetime(2024, 8, 7, 15, 30, tzinfo=UTC)
    assert read_date("2024-08-08 오후 12:30 KST", SEOUL).at == datetime(2024, 8, 8, 3, 30, tzinfo=UTC)
    assert read_date("2024-08-08 24:00 KST", SEOUL).at == datetime(2024, 8, 8, 15, 0, tzinfo=UTC)


def test_a_day_without_a_time_begins_it() -> None:
    """The guess is told."""
    read = read_date("2024-08-08", SEOUL)
    assert read.at == datetime(2024, 8, 7, 15, 0, tzinfo=UTC)
    assert "without a time" in read.doubt


@pytest.mark.parametrize(
    "text",
    [
        "yesterday", "2024-13-08 10:00", "2024-02-30", "0001-01-01T00:00:00", "Seg, 24 Set 2018 19:42:40 -0300",
        "Thu, 08 Aug 2024 25:00:00 GMT", "9999-12-31T23:59:59Z", "2024-08", "13:00", "-", "\u0664",
    ],
)  # fmt: skip
def test_what_cannot_be_read_surely_is_no_date(text: str) -> None:
    """An absent date costs a place in the order; a wrong one prints a falsehood."""
    read = read_date(text, SEOUL)
    assert read.at is None
    assert read.doubt


def test_nothing_is_no_date_and_no_doubt() -> None:
    """What an absent date means is for the caller to say."""
    assert read_date("  ", SEOUL).doubt == ""


def test_an_unknown_zone_is_told() -> None:
    """Nobody knows where XYZ is."""
    read = read_date("2024-08-08 13:00 XYZ", SEOUL)
    assert read.at == ONE_O_CLOCK
    assert "unknown zone" in read.doubt

"""Planned times of a slot."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from digest import schedule

SEOUL = ZoneInfo("Asia/Seoul")
MONDAY_SEVEN = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)  # 23 November, 07:00 in Seoul


def test_the_planned_time_is_the_papers_not_the_machines() -> None:
    """A server in another country must not move the morning."""
    found = schedule.next_planned("0 7 * * mon-fri", SEOUL, after=MONDAY_SEVEN - timedelta(hours=1))
    assert found == MONDAY_SEVEN


@pytest.mark.parametrize("crontab", ["0 7 * * 0", "0 7 * * 1-5", "0 7 * * 7"])
def test_numbers_for_weekdays_are_refused(crontab: str) -> None:
    """0 is Sunday in every crontab manual and Monday in the scheduler's library."""
    with pytest.raises(ValueError, match="names"):
        schedule.trigger(crontab, SEOUL)


@pytest.mark.parametrize("crontab", ["", "0 7 * *", "61 7 * * *", "0 7 * * someday", "@daily"])
def test_a_line_that_cannot_be_read_is_refused_with_a_sentence(crontab: str) -> None:
    """The operator sees this sentence at the start of the service."""
    with pytest.raises(ValueError, match="crontab"):
        schedule.trigger(crontab, SEOUL)


def test_only_the_latest_of_many_missed_times_counts() -> None:
    """After three days down readers get one edition, not three."""
    latest = schedule.latest_planned(
        "0 7 * * *", SEOUL, after=MONDAY_SEVEN - timedelta(days=3), until=MONDAY_SEVEN + timedelta(hours=5)
    )
    assert latest == MONDAY_SEVEN


def test_a_time_that_was_already_looked_at_does_not_count_again() -> None:
    """`after` is exclusive: it is the newest edition's own planned time."""
    assert schedule.latest_planned("0 7 * * *", SEOUL, after=MONDAY_SEVEN, until=MONDAY_SEVEN) is None


def test_a_monthly_slot_is_found_weeks_back() -> None:
    """The walk starts near and widens, so that a slot of every minute stays cheap and a rare one is still found."""
    latest = schedule.latest_planned("0 7 1 * *", SEOUL, after=MONDAY_SEVEN - timedelta(days=400), until=MONDAY_SEVEN)
    assert latest == datetime(2026, 10, 31, 22, 0, tzinfo=UTC)

"""When a source is fetched again, and which dates are doubted."""

from datetime import UTC, datetime, timedelta

from digest.collect.freshness import next_fetch_at, summary, with_future_doubts
from digest.models.articles import ArticleText, FoundArticle

NOW = datetime(2026, 11, 23, tzinfo=UTC)
TEN_MINUTES = timedelta(minutes=10)


def wait(failures: int, retry_after: float | None = None, interval: timedelta = TEN_MINUTES) -> timedelta:
    return next_fetch_at(NOW, interval=interval, failures=failures, retry_after_seconds=retry_after) - NOW


def test_failures_double_the_wait_up_to_six_hours() -> None:
    """A site in trouble is not pressed, and one that is back is found within the morning."""
    assert [wait(failures) / TEN_MINUTES for failures in (0, 1, 2, 3, 4, 5, 6, 1000)] == [1, 2, 4, 8, 16, 32, 36, 36]


def test_an_interval_longer_than_six_hours_is_never_shortened() -> None:
    """Failing must not make us fetch more often."""
    assert wait(3, interval=timedelta(hours=12)) == timedelta(hours=12)


def test_what_a_site_asks_for_is_honoured_up_to_a_day() -> None:
    """Retry-After, but not for ever, and never sooner than the interval."""
    assert wait(1, retry_after=7200) == timedelta(hours=2)
    assert wait(1, retry_after=10**9) == timedelta(days=1)
    assert wait(1, retry_after=0) == 2 * TEN_MINUTES


def test_only_dates_well_ahead_are_doubted() -> None:
    """Clocks differ by minutes; nine hours are a mistake in the feed."""

    def dated(at: datetime | None) -> FoundArticle:
        return FoundArticle("", ArticleText("제목", "https://paper.example/1", registered_at=at))

    found = [dated(NOW + timedelta(minutes=5)), dated(NOW + timedelta(hours=9)), dated(None)]
    checked = with_future_doubts(found, NOW)
    assert [one.text for one in checked] == [one.text for one in found]
    assert [one.doubts for one in checked] == [(), ("its date lies ahead of the clock by 9.0 hours",), ()]


def test_doubts_are_told_once_with_how_many_articles_they_touch() -> None:
    """A hundred articles without a zone are one line, and a hundred different lines are cut."""
    one = FoundArticle("", ArticleText("제목", "https://paper.example/1"), ("no zone",))
    assert summary(["not well-formed"], [one, one]) == ("not well-formed", "no zone (2 articles)")
    many = summary([f"doubt {number}" for number in range(50)], [])
    assert len(many) == 13
    assert many[-1] == "and 38 more doubts"

"""When to look at an article's page again: often while it is news, ever more rarely for a week after. Pure.

Most corrections come within hours (기사수정), some after days. The steps are chosen so that a page is fetched about
thirty times in its life, nearly always for a 304 or the same bytes, and that a change made in the morning is known
before the evening's edition.
"""

from datetime import datetime, timedelta

_STEPS: tuple[tuple[timedelta, timedelta], ...] = (  # (until this age, look every so often)
    (timedelta(hours=2), timedelta(minutes=20)),
    (timedelta(hours=8), timedelta(hours=1)),
    (timedelta(days=1), timedelta(hours=3)),
    (timedelta(days=3), timedelta(hours=8)),
)
_AFTERWARDS = timedelta(days=1)
_AFTER_FAILURE = timedelta(minutes=5)
_LONGEST_AFTER_FAILURE = timedelta(hours=12)


def next_look_at(now: datetime, *, first_seen_at: datetime) -> datetime:
    """Return when to look again at a page that could be read. Whether that is still wanted is `look_until`'s matter."""
    age = now - first_seen_at
    return now + next((every for until, every in _STEPS if age < until), _AFTERWARDS)


def next_try_at(now: datetime, *, failures: int) -> datetime:
    """Return when to try a page again that could not be read for the `failures`-th time in a row."""
    wait: timedelta = _AFTER_FAILURE * 2 ** min(failures - 1, 10)
    return now + min(wait, _LONGEST_AFTER_FAILURE)

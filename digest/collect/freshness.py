"""When to fetch a source again, and what to say about dates that cannot be.

A source that works is fetched every `FETCH_INTERVAL_SECONDS`. After failures the interval doubles, up to six hours, so
that a site in trouble is not pressed and one that is back is found within the morning; what the site asks for
(Retry-After) is honoured up to a day. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from digest.models import FoundArticle

ALERT_AFTER = 3
"""Failures in a row before a person is told: fewer are what every site has now and then."""
_LONGEST_BACKOFF = timedelta(hours=6)
_LONGEST_RETRY_AFTER = timedelta(days=1)
_CLOCKS_DIFFER = timedelta(minutes=10)
_DOUBTS_SHOWN = 12


def next_fetch_at(
    now: datetime, *, interval: timedelta, failures: int, retry_after_seconds: float | None = None
) -> datetime:
    """Return the time of the next fetch. `failures` are those in a row, the latest included; 0: it went well."""
    wait = interval
    if failures:
        wait = max(interval, min(interval * 2 ** min(failures, 20), _LONGEST_BACKOFF))
    if retry_after_seconds is not None:
        asked = timedelta(seconds=min(max(retry_after_seconds, 0), _LONGEST_RETRY_AFTER.total_seconds()))
        wait = max(wait, asked)
    return now + wait


def with_future_doubts(found: Iterable[FoundArticle], now: datetime) -> tuple[FoundArticle, ...]:
    """Add a doubt to articles whose registered time lies ahead. They are kept; sorting takes when we saw them first."""
    checked = []
    for one in found:
        registered_at = one.text.registered_at
        if registered_at is not None and registered_at > now + _CLOCKS_DIFFER:
            hours = (registered_at - now) / timedelta(hours=1)
            days = (
                f"{hours / 24:.0f} days"
                if hours >= 48
                else f"{hours:.1f} hours"
                if hours < 12
                else "half a day or more"
            )
            one = replace(one, doubts=(*one.doubts, f"its date lies ahead of the clock by {days}"))  # noqa: PLW2901
        checked.append(one)
    return tuple(checked)


def summary(document: Sequence[str], found: Iterable[FoundArticle]) -> tuple[str, ...]:
    """Tell the doubts of a document and its articles, each once, with how many articles it touches."""
    counts = Counter(doubt for one in found for doubt in one.doubts)
    lines = [
        *document,
        *(f"{doubt} ({count} articles)" if count > 1 else doubt for doubt, count in counts.most_common()),
    ]
    if len(lines) > _DOUBTS_SHOWN:
        lines = [*lines[:_DOUBTS_SHOWN], f"and {len(lines) - _DOUBTS_SHOWN} more doubts"]
    return tuple(lines)

"""When to fetch a source again, and what to say about dates that cannot be.

A source begins with `FETCH_INTERVAL_SECONDS`; each fetch that brings something halves its interval, each that does not
makes it a fifth longer, within the bounds of the settings. So it is fetched about four times as often as it brings
something. What the site itself asks (Cache-Control, Expires, ttl) is heeded up to an hour: whole days are servers'
defaults more often than a newsroom's will. Shortly before an edition's cut-off every source that works is looked at
once more, each at a time of its own, unless the site asked for more quiet than that.

After failures the interval doubles, up to six hours, so that a site in trouble is not pressed and one that is back is
found within the morning; what the site asks for (Retry-After) is honoured up to a day. After two weeks a source is
given up: a person is told, and it is looked at once a day until it can be read. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from digest.models.articles import FoundArticle

ALERT_AFTER = 3
"""Failures in a row before a person is told: fewer are what every site has now and then."""
GIVE_UP_AFTER = timedelta(days=14)
_FEW_FAILURES = 10  # a service that was switched off for weeks has not tried
_AFTER_NEWS, _AFTER_NOTHING = 0.5, 1.2
_LONGEST_QUIET = timedelta(hours=1)
_FRESH_BEFORE_CUTOFF = timedelta(minutes=2)
_NOT_TWICE = timedelta(minutes=3)  # what was fetched so shortly before is fresh enough
_LONGEST_BACKOFF = timedelta(hours=6)
_LOOKED_AT_GIVEN_UP = timedelta(days=1)
_LONGEST_RETRY_AFTER = timedelta(days=1)
_CLOCKS_DIFFER = timedelta(minutes=10)
_DOUBTS_SHOWN = 12


def next_fetch_at(
    now: datetime,
    *,
    interval: timedelta,
    failures: int,
    retry_after_seconds: float | None = None,
    is_given_up: bool = False,
) -> datetime:
    """Return the time of the next fetch. `failures` are those in a row, the latest included; 0: it went well."""
    if is_given_up:
        return now + _LOOKED_AT_GIVEN_UP
    wait = interval
    if failures:
        wait = max(interval, min(interval * 2 ** min(failures, 20), _LONGEST_BACKOFF))
    if retry_after_seconds is not None:
        asked = timedelta(seconds=min(max(retry_after_seconds, 0), _LONGEST_RETRY_AFTER.total_seconds()))
        wait = max(wait, asked)
    return now + wait


@dataclass(frozen=True, slots=True)
class Bounds:
    """The interval at the beginning, and between what it may move. Nothing moves where it begins below the shortest."""

    start: timedelta
    shortest: timedelta
    longest: timedelta


def next_interval(interval: timedelta | None, bounds: Bounds, *, has_brought: bool) -> timedelta:
    """Return a source's interval after a fetch; `interval` None: it has none of its own yet."""
    if bounds.start < bounds.shortest:
        return bounds.start
    longest = max(bounds.longest, bounds.start)
    changed = (interval or bounds.start) * (_AFTER_NEWS if has_brought else _AFTER_NOTHING)
    return min(max(changed, bounds.shortest), longest)


def planned(
    now: datetime, *, interval: timedelta, quiet_seconds: float, cutoffs: Iterable[datetime], source_id: int
) -> datetime:
    """Return when to fetch a source again that could be read.

    `quiet_seconds` is what the site asks for. `cutoffs` are the times at which articles are chosen next.
    """
    quiet_until = now + min(timedelta(seconds=max(quiet_seconds, 0.0)), _LONGEST_QUIET)
    at = max(now + interval, quiet_until)
    # Each at a time of its own within eight minutes, or a thousand sources would be asked in the same second.
    lead = _FRESH_BEFORE_CUTOFF + timedelta(seconds=source_id * 37 % 480)
    looks = [look for cutoff in cutoffs if max(quiet_until, now + _NOT_TWICE) <= (look := cutoff - lead) < at]
    return min(looks, default=at)


def is_given_up(now: datetime, *, failing_since: datetime | None, failures: int) -> bool:
    """Whether a source has failed for so long that only a person can say whether to go on."""
    return failing_since is not None and failures > _FEW_FAILURES and now - failing_since >= GIVE_UP_AFTER


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

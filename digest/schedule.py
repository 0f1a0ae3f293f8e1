"""Planned times of a slot, from its crontab line.

Pure: zone and moments come in, moments go out. Five fields, with day *names* (`mon-fri`), because the scheduler
library numbers days from Monday while every crontab manual numbers them from Sunday; a number there would be read
wrongly by one of the two. The zone is always the newspaper's, never the machine's.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

# Backward windows in which the latest planned time is looked for: crontab can only be walked forward, so the shortest
# window that holds one is walked. A slot plans at least once in four years (29 February).
_WINDOWS = (timedelta(hours=1), timedelta(days=1), timedelta(days=8), timedelta(days=32), timedelta(days=366 * 4 + 1))


def trigger(crontab: str, zone: ZoneInfo) -> CronTrigger:
    """Return the scheduler's trigger for `crontab`. Raises `ValueError` with a sentence that says what is wrong."""
    fields = crontab.split()
    if len(fields) != 5:
        raise ValueError("a crontab line has five fields: minute hour day month weekday")
    if re.search(r"\d", fields[4]):
        raise ValueError("weekdays are written as names (mon,tue,wed,thu,fri,sat,sun), not as numbers")
    try:
        return CronTrigger.from_crontab(crontab, timezone=zone)
    except (ValueError, TypeError) as error:
        raise ValueError(f"the crontab line cannot be read ({error})") from error


def latest_planned(crontab: str, zone: ZoneInfo, *, after: datetime, until: datetime) -> datetime | None:
    """Return the last planned time in (after, until], or None if there is none.

    Only the last: times that were missed are not made up one by one, the newest edition brings all that is new.
    """
    cron = trigger(crontab, zone)
    for window in _WINDOWS:
        start = max(after, until - window)
        latest = _last_in(cron, start, until, zone)
        if latest is not None or start == after:
            return latest
    return None


def next_planned(crontab: str, zone: ZoneInfo, *, after: datetime) -> datetime | None:
    """Return the first planned time later than `after`, or None if there will be none."""
    found = trigger(crontab, zone).get_next_fire_time(None, after.astimezone(zone) + timedelta(microseconds=1))
    return None if found is None else found.astimezone(UTC)


def weekdays(crontab: str, zone: ZoneInfo) -> int:
    """Return the weekdays on which a slot may come: a sum of 1 for Monday to 64 for Sunday."""
    field = next(each for each in trigger(crontab, zone).fields if each.name == "day_of_week")
    monday = datetime(2024, 1, 1, tzinfo=zone)
    days = [monday + timedelta(days=number) for number in range(7)]
    return sum(1 << day.weekday() for day in days if field.get_next_value(day) == day.weekday())


def _last_in(cron: CronTrigger, start: datetime, until: datetime, zone: ZoneInfo) -> datetime | None:
    latest: datetime | None = None
    moment = start.astimezone(zone) + timedelta(microseconds=1)
    while (found := cron.get_next_fire_time(None, moment)) is not None and found <= until:
        latest = found.astimezone(UTC)
        moment = found + timedelta(microseconds=1)
    return latest

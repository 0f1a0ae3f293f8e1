"""Dates as feeds write them.

RFC 822 and 1123 with their usual damage (`Thu,08 Aug`, `13:30:33+0900`), ISO 8601, what Korean systems write
(`2024.08.08 13:00`, `2024년 8월 8일 오후 1시`, `… KST`), and the `date` command's form. A time without a zone is the
newspaper's own; everything guessed is told. What cannot be read surely is no date: an absent one only costs the
article its place in the order, a wrong one prints a falsehood. feedparser's own readers are not used: they take
`2024.08.08 13:00` for the first of November and KST for UTC, silently. Pure.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
    "january": 1, "february": 2, "march": 3, "april": 4, "june": 6, "july": 7,
    "august": 8, "september": 9, "sept": 9, "october": 10, "november": 11, "december": 12,
}  # fmt: skip
_ZONES = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "bst": 1, "cet": 1, "cest": 2, "eet": 2, "msk": 3,
    "kst": 9, "rok": 9, "jst": 9,
    "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7,
}  # fmt: skip
_KOREAN_MONTH = re.compile(r"(?<=\d )(1[0-2]|0?[1-9])월(?= \d{4})")  # of servers set to Korean: 목, 08 8월 2024 13:00
_NAMES = tuple(name.title() for name in list(_MONTHS)[:12])
_REGION = re.compile(r"\s*\[[A-Za-z_]+/[A-Za-z_/]+\]$|(?<=[+-]\d{2}:\d{2})\s*\([^)]*\)$")
_CLOCK = (
    r"(?P<half>오전|오후|[AaPp][Mm])?\s*"
    r"(?P<hour>\d{1,2})\s*(?:시|:)\s*(?:(?P<minute>\d{1,2})\s*분?)?(?:\s*:?\s*(?P<second>\d{1,2})\s*초?)?(?:[.,]\d+)?"
    r"\s*(?P<half_after>[AaPp]\.?[Mm]\.?)?"
)
_ZONE = r"\s*(?P<zone>(?:GMT|UTC)?\s*[+-]\d{1,2}:?(?:\d{2})?|[A-Za-z]{1,5})?\s*(?:\([^)]*\))?"
_WEEKDAY = r"(?:[^\W\d_]{1,9}\.?\s*,?\s*)?"
_KOREAN_WEEKDAY = r"(?:\(?[월화수목금토일](?:요일)?\)?\s*,?\s*)?"
_FORMS = tuple(
    re.compile(form)
    for form in (
        # 2024-08-08T13:00:01+09:00, 2024.08.08 13:00, 2024년 8월 8일 (목) 오후 1시
        r"(?P<year>\d{4})\s*[-./년]\s*(?P<month>\d{1,2})\s*[-./월]\s*(?P<day>\d{1,2})\s*[일.]?\s*"
        + rf"{_KOREAN_WEEKDAY}(?:[Tt]|,|\s)*(?:{_CLOCK}{_ZONE})?",
        # 20240808130001, 20240808
        r"(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})[Tt]?"
        r"(?:(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?)?" + _ZONE,
        # Thu, 08 Aug 2024 13:00:01 +0900
        rf"{_WEEKDAY}(?P<day>\d{{1,2}})[\s-]+(?P<name>[A-Za-z]{{3,9}})\.?[\s,-]+(?P<year>\d{{4}}|\d{{2}})"
        rf"(?:\s*[T,]?\s*{_CLOCK}{_ZONE})?",
        # Thu Aug 08 2024 13:00:01 GMT+0900 (KST); Aug 8, 2024 1:00 PM
        rf"{_WEEKDAY}(?P<name>[A-Za-z]{{3,9}})\.?\s+(?P<day>\d{{1,2}}),?\s+(?P<year>\d{{4}})"
        rf"(?:\s*(?:,|-|at)?\s*{_CLOCK}{_ZONE})?",
        # Thu Aug  8 13:00:01 KST 2024
        rf"{_WEEKDAY}(?P<name>[A-Za-z]{{3,9}})\s+(?P<day>\d{{1,2}})\s+{_CLOCK}{_ZONE}\s+(?P<year>\d{{4}})",
    )
)
_UNIX = re.compile(r"1\d{9}(?:\d{3})?")
_FIRST_YEAR, _LAST_YEAR = 1970, 2100


@dataclass(frozen=True, slots=True)
class DateRead:
    """A moment in UTC, or None, and what was guessed or could not be read (empty if nothing)."""

    at: datetime | None
    doubt: str = ""


def read_date(text: str, zone: ZoneInfo) -> DateRead:
    """Read one date. `zone` is meant where the text names none."""
    text = " ".join(text.split())[:100]
    if not text:
        return DateRead(None)
    text = _REGION.sub("", _KOREAN_MONTH.sub(lambda month: _NAMES[int(month[1]) - 1], text))
    if _UNIX.fullmatch(text):
        at = datetime.fromtimestamp(int(text[:10]), UTC)
        return DateRead(at, "date given as seconds since 1970")
    for form in _FORMS:
        match = form.fullmatch(text)
        if match:
            return _moment(match.groupdict(), zone, text)
    return DateRead(None, f"date not understood: {text!r}")


def _moment(parts: dict[str, str | None], zone: ZoneInfo, text: str) -> DateRead:
    not_understood = DateRead(None, f"date not understood: {text!r}")
    month = _MONTHS.get((parts.get("name") or "").lower()) if "name" in parts else int(parts["month"] or 0)
    year = int(parts["year"] or 0)
    if len(parts["year"] or "") == 2:
        year += 2000 if year < 70 else 1900
    hour = _hour(parts)
    if month is None or hour is None or not _FIRST_YEAR <= year <= _LAST_YEAR:
        return not_understood
    minute, second = int(parts.get("minute") or 0), min(int(parts.get("second") or 0), 59)
    offset, doubt = _offset(parts.get("zone"), zone)
    try:
        day = datetime(year, month, int(parts["day"] or 0), tzinfo=offset)
        if hour == 24 and minute == 0:
            day, hour = day + timedelta(days=1), 0
        at = day.replace(hour=hour, minute=minute, second=second)
    except ValueError:
        return not_understood
    if parts.get("hour") is None:
        return DateRead(at.astimezone(UTC), f"date without a time, taken as the beginning of the day in {zone.key}")
    return DateRead(at.astimezone(UTC), doubt)


def _hour(parts: dict[str, str | None]) -> int | None:
    hour = int(parts.get("hour") or 0)
    half = (parts.get("half") or parts.get("half_after") or "").lower().replace(".", "")
    if half in ("오후", "pm") and hour < 12:
        return hour + 12
    if half in ("오전", "am") and hour == 12:
        return 0
    return hour if hour <= 24 else None


def _offset(name: str | None, zone: ZoneInfo) -> tuple[tzinfo, str]:
    if not name:
        return zone, f"date without a zone, taken as {zone.key}"
    signed = re.fullmatch(r"(?:GMT|UTC)?\s*([+-])(\d{1,2}):?(\d{2})?", name, re.IGNORECASE)
    if signed:
        minutes = int(signed[2]) * 60 + int(signed[3] or 0)
        if minutes <= 14 * 60:
            return timezone(timedelta(minutes=-minutes if signed[1] == "-" else minutes)), ""
    elif name.lower() in _ZONES:
        return timezone(timedelta(hours=_ZONES[name.lower()])), ""
    return zone, f"date in an unknown zone {name!r}, taken as {zone.key}"

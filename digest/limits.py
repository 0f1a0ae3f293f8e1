"""Read the settings `PACE` and `WARM_UP`, and say how fast each may go on a given day.

    PACE:     naver.com 600/min
              gmail.com 1200/min at_once=4
              others 300/min              every domain of no large provider, together
              relay 6000/min              all relays together; relay:NAME is one of them
              bulk 3000/min               a stream: bulk (editions) or first (mails somebody waits for)
    WARM_UP:  2026-12-01 200/h            first day, and mails per hour to each provider on it

A new sender's mails are believed by and by, so the warm-up doubles every second day: tenfold in a week, and over after
four weeks. Where both speak the lower holds. Mistakes raise `LineError` that says what to write instead. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from digest.addresses import parse
from digest.errors import BadAddressError
from digest.models.deliveries import Lane
from digest.providers import OTHERS, OTHERS_NAME, large, name_for, own_name
from digest.provisioned import LineError

RELAYS = "relay"
WARM_UP_DAYS = 28
_DOUBLES_EVERY_DAYS = 2
_PER_MINUTE = {"s": 60.0, "min": 1.0, "h": 1 / 60}
_RATE = re.compile(r"([1-9]\d{0,6})/(s|min|h)")
_RELAY = re.compile(r"relay:([a-z][a-z0-9-]{0,31})")
_MOST_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Limit:
    """How fast mails of one scope may go: `per_minute` mails, `at_once` under way at a time; None: as they like."""

    scope: str
    per_minute: float | None = None
    at_once: int | None = None


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How a new sender begins: mails per hour to each provider on the first day."""

    first_on: date
    per_hour: int

    def per_minute(self, today: date) -> float | None:
        """Return the limit of each provider on that day; None when the warm-up is over. Before it: the first day's."""
        day = max(0, (today - self.first_on).days)
        if day >= WARM_UP_DAYS:
            return None
        return float(self.per_hour * 2 ** (day // _DOUBLES_EVERY_DAYS)) / 60


def provider_scope(provider: str) -> str:
    """Return the scope of a provider's limit."""
    return f"provider:{provider}"


def relay_scope(name: str) -> str:
    """Return the scope of one relay's limit."""
    return f"relay:{name}"


def stream_scope(lane: Lane) -> str:
    """Return the scope of a stream's limit."""
    return f"stream:{lane.value}"


def pace(text: str) -> tuple[Limit, ...]:
    """Read `PACE`. Each scope stands there once."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
    found = [_limit(words) for words in lines]
    for index, limit in enumerate(found):
        if any(limit.scope == other.scope for other in found[:index]):
            raise LineError(f"{lines[index][0]}: it is limited twice (domains of one provider count as one); keep one")
    return tuple(found)


def warm_up(text: str) -> WarmUp:
    """Read `WARM_UP`."""
    day, _, rate = text.strip().partition(" ")
    try:
        first_on = date.fromisoformat(day)
    except ValueError as error:
        raise LineError(f"{day!r} is no day; write for example 2026-12-01 200/h") from error
    match = _RATE.fullmatch(rate.strip())
    if match is None or match[2] != "h":
        raise LineError(f"{rate.strip()!r} is no number of mails per hour; write for example {day} 200/h")
    return WarmUp(first_on, int(match[1]))


def in_force(paced: tuple[Limit, ...], warming: WarmUp | None, today: date) -> Mapping[str, Limit]:
    """Return every limit that holds on that day, by scope."""
    limits = {limit.scope: limit for limit in paced}
    slow = warming.per_minute(today) if warming else None
    if slow is None:
        return limits
    for scope in {*map(provider_scope, (*large(), OTHERS)), *(each for each in limits if each.startswith("provider:"))}:
        limit = limits.get(scope, Limit(scope))
        limits[scope] = replace(limit, per_minute=slow if limit.per_minute is None else min(slow, limit.per_minute))
    return limits


def _limit(words: list[str]) -> Limit:
    name, rest = words[0], words[1:]
    scope, per_minute, at_once = _scope(name), None, None
    for word in rest:
        key, equals, value = word.partition("=")
        if match := _RATE.fullmatch(word):
            per_minute = int(match[1]) * _PER_MINUTE[match[2]]
        elif equals and key == "at_once" and value.isdecimal() and 1 <= int(value) <= _MOST_AT_ONCE:
            if not scope.startswith("provider:"):
                raise LineError(f"{name}: at_once= is for domains only; write for example gmail.com at_once=4")
            at_once = int(value)
        else:
            raise LineError(f"{name}: {word!r} is no limit; write for example 600/min, 10/s, 200/h or at_once=4")
    if per_minute is None and at_once is None:
        raise LineError(f"{name}: it has no limit; write for example {name} 600/min")
    return Limit(scope, per_minute, at_once)


def _scope(name: str) -> str:
    if name == OTHERS_NAME:
        return provider_scope(OTHERS)
    if name == RELAYS or _RELAY.fullmatch(name):
        return name
    if name in list(Lane):
        return stream_scope(Lane(name))
    try:
        domain = parse(f"a@{name}").domain
    except BadAddressError as error:
        known = f"a domain, {OTHERS_NAME}, relay, relay:NAME, {' or '.join(Lane)}"
        raise LineError(f"{name!r} cannot be limited; begin the line with {known}") from error
    return provider_scope(name_for(domain) or own_name(domain))

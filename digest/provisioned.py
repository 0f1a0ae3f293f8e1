"""Read the lines of `SOURCES` and `EDITIONS`.

One line each, its parts between `|`, options as `key=value`; empty lines and lines that begin with `#` are skipped:

    SOURCES:   name | type | address | rights=excerpt purpose=articles section=시정 pictures=img.example.kr
    EDITIONS:  name | title | crontab | sections=시정,의회,* cutoff=10m deadline=3h minimum=3 …

A wrong line raises `LineError` that quotes the line's name and says what to write instead. Pure.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from digest import schedule
from digest.models import ALL_SECTIONS, Purpose, Rights, Slot, SourceSpec

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d{1,5})([smhd])")


class LineError(ValueError):
    """A line that cannot be used; the text names the line, what is wrong and what to write instead."""


def sources(text: str, *, own_pages: str) -> tuple[SourceSpec, ...]:
    """Read `SOURCES`. Names are unique; addresses are http or https, or `/…` for a page of this service itself."""
    specs = tuple(_source(parts, own_pages) for parts in _lines(text))
    _unique([spec.name for spec in specs], "source")
    return specs


def slots(text: str, zone: ZoneInfo) -> tuple[Slot, ...]:
    """Read `EDITIONS`. Names are unique, and `except=` names slots that stand there too."""
    found = tuple(_slot(parts, zone) for parts in _lines(text))
    names = [slot.name for slot in found]
    _unique(names, "slot")
    for slot in found:
        for other in slot.except_slots:
            if other not in names or other == slot.name:
                raise LineError(
                    f"slot {slot.name}: except={other} names no other slot; write one of {', '.join(names)}"
                )
    return found


def duration(text: str) -> timedelta:
    """Read `90s`, `10m`, `3h` or `2d`. Raises `ValueError` with a sentence."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("a duration is a number and s, m, h or d: 90s, 10m, 3h, 2d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def _lines(text: str) -> list[list[str]]:
    lines = (line.strip() for line in text.splitlines())
    return [[part.strip() for part in line.split("|")] for line in lines if line and not line.startswith("#")]


def _source(parts: list[str], own_pages: str) -> SourceSpec:
    name = _name(parts, "source", "NAME | feed | https://…")
    if len(parts) not in (3, 4):
        raise LineError(f"source {name}: write NAME | TYPE | ADDRESS, and options behind another |")
    url = f"{own_pages}{parts[2]}" if parts[2].startswith("/") else parts[2]
    split = urlsplit(url)
    if split.scheme not in ("http", "https") or not split.hostname:
        raise LineError(f"source {name}: {url!r} is no address; write one that begins with https:// or http://")
    options = _options(parts[3] if len(parts) == 4 else "", f"source {name}", _SOURCE_OPTIONS)
    return SourceSpec(name=name, type=parts[1], url=url, **options)  # type: ignore[arg-type]  # checked by the table


def _slot(parts: list[str], zone: ZoneInfo) -> Slot:
    name = _name(parts, "slot", "NAME | TITLE | CRONTAB")
    if len(parts) not in (3, 4) or not parts[1]:
        raise LineError(f"slot {name}: write NAME | TITLE | CRONTAB, and options behind another |")
    try:
        schedule.trigger(parts[2], zone)
    except ValueError as error:
        raise LineError(f"slot {name}: {error}; for example 0 7 * * mon-fri") from error
    options = _options(parts[3] if len(parts) == 4 else "", f"slot {name}", _SLOT_OPTIONS)
    return Slot(name=name, title=parts[1], crontab=parts[2], **options)  # type: ignore[arg-type]  # checked by the table


def _name(parts: list[str], what: str, pattern: str) -> str:
    if not _NAME.fullmatch(parts[0]):
        raise LineError(
            f"{what} {parts[0]!r}: a name is up to 32 small Latin letters, digits and hyphens; write {pattern}"
        )
    return parts[0]


def _unique(names: list[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise LineError(f"{what} {name}: the name stands there twice; give each line a name of its own")


def _options(text: str, line: str, table: dict[str, tuple[str, Callable[[str], object]]]) -> dict[str, object]:
    options: dict[str, object] = {}
    for word in text.split():
        key, equals, value = word.partition("=")
        if not equals or key not in table:
            raise LineError(f"{line}: {word!r} is no option; known are {', '.join(f'{known}=' for known in table)}")
        field, read = table[key]
        try:
            options[field] = read(value)
        except ValueError as error:
            raise LineError(f"{line}: {key}={value}: {error}") from error
    return options


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def _sections(text: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for word in _words(text)) or (ALL_SECTIONS,)


def _yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError("write yes or no")
    return text == "yes"


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ValueError(f"write a whole number from {low} to {high}")
        return int(text)

    return read


def _one_of(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    def read(text: str) -> StrEnum:
        try:
            return kind(text)
        except ValueError as error:
            raise ValueError(f"write one of {', '.join(kind)}") from error

    return read


_SOURCE_OPTIONS: dict[str, tuple[str, Callable[[str], object]]] = {
    "rights": ("rights", _one_of(Rights)),
    "purpose": ("purpose", _one_of(Purpose)),
    "section": ("section", lambda text: text.replace("_", " ")),
    "pictures": ("picture_hosts", _words),
}
_SLOT_OPTIONS: dict[str, tuple[str, Callable[[str], object]]] = {
    "sections": ("sections", _sections),
    "cutoff": ("cutoff", duration),
    "deadline": ("deadline", duration),
    "minimum": ("minimum", _number(1, 1000)),
    "per_section": ("per_section", _number(1, 100)),
    "limit": ("limit", _number(1, 500)),
    "most_read": ("most_read", _number(0, 5)),
    "except": ("except_slots", _words),
    "at_start": ("at_start", _yes),
}

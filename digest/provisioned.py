"""Read the lines of `SOURCES`, `EDITIONS`, `RELAYS` and `PROCESSORS`.

One line each, its parts between `|`, options as `key=value`; empty lines and lines that begin with `#` are skipped:

    SOURCES:   name | type | address | rights=excerpt purpose=articles section=시정 pictures=img.example.kr
               permission='own paper' and those of its type: links='a.title' pattern=/news/view.php?idx=* pages=3
               for its articles' own pages: read=no, or where things stand there: page.body=#news_body page.title=h1
    EDITIONS:  name | title | crontab | sections=시정,의회,* cutoff=10m deadline=3h minimum=3 …
    RELAYS:    name | host:port | tls=starttls user=news password_file=/etc/digest/backup.password connections=2
    PROCESSORS: who | what for | contact=02-000-0000 country=미국 items='mail address' how=… until=…

A value with blanks or a `|` in it stands between quotes, single ones within a setting that has double ones around it.
A wrong line raises `LineError` that quotes the line's name and says what to write instead. Pure.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from digest import schedule
from digest.models.consents import Processor
from digest.models.deliveries import MAIN_RELAY, RelaySpec, Tls
from digest.models.editions import ALL_SECTIONS, Slot
from digest.models.sources import Purpose, Rights, SourceSpec

_QUOTED = r"""(?<==)"[^"]*"|(?<==)'[^']*'"""
_PART = re.compile(rf"(?:^|(?<=\|))((?:{_QUOTED}|[^|])*)")
_WORD = re.compile(rf"(?:{_QUOTED}|\S)+")
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


def relays(text: str) -> tuple[RelaySpec, ...]:
    """Read `RELAYS`. Names are unique, and none is the one of the first relay. Passwords are left for the caller."""
    specs = tuple(map(_relay, _lines(text)))
    _unique([spec.name for spec in specs], "relay")
    return specs


def processors(text: str) -> tuple[Processor, ...]:
    """Read `PROCESSORS`. Who processes abroad is told with all that 개인정보 보호법 제28조의8② asks for."""
    return tuple(map(_processor, _lines(text)))


def duration(text: str) -> timedelta:
    """Read `90s`, `10m`, `3h` or `2d`. Raises `ValueError` with a sentence."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError("a duration is a number and s, m, h or d: 90s, 10m, 3h, 2d")
    return timedelta(seconds=int(match[1]) * _UNITS[match[2]])


def _lines(text: str) -> list[list[str]]:
    lines = (line.strip() for line in text.splitlines())
    return [[part.strip() for part in _PART.findall(line)] for line in lines if line and not line.startswith("#")]


def _source(parts: list[str], own_pages: str) -> SourceSpec:
    name = _name(parts, "source", "NAME | feed | https://…")
    if len(parts) not in (3, 4):
        raise LineError(f"source {name}: write NAME | TYPE | ADDRESS, and options behind another |")
    url = f"{own_pages}{parts[2]}" if parts[2].startswith("/") else parts[2]
    split = urlsplit(url)
    if split.scheme not in ("http", "https") or not split.hostname:
        raise LineError(f"source {name}: {url!r} is no address; write one that begins with https:// or http://")
    given = _options(parts[3] if len(parts) == 4 else "", f"source {name}", _SOURCE_OPTIONS)
    of_type = (*_TYPE_OPTIONS.get(parts[1], ()), *_PAGE_OPTIONS)
    for key in given:
        if key in _ALL_TYPE_OPTIONS and key not in of_type:
            types = " and ".join(type_ for type_, keys in _TYPE_OPTIONS.items() if key in keys)
            raise LineError(f"source {name}: {key}= is no option of type {parts[1]}; it belongs to {types}")
    options = tuple(sorted((key, str(given.pop(key))) for key in of_type if key in given))
    spec = SourceSpec(name=name, type=parts[1], url=url, options=options, **given)  # type: ignore[arg-type]  # checked by the table
    if spec.rights is Rights.FULL_TEXT_MAIL and not spec.permission:
        raise LineError(
            f"source {name}: rights=full_text_mail needs the right to mail whole articles (저작권법 제46조); "
            "write whose it is, permission='own paper', or rights=excerpt"
        )
    return spec


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


def _relay(parts: list[str]) -> RelaySpec:
    name = _name(parts, "relay", "NAME | HOST:PORT")
    if name == MAIN_RELAY:
        raise LineError(f"relay {name}: so the relay of SMTP_HOST is called; give this one another name")
    if len(parts) not in (2, 3):
        raise LineError(f"relay {name}: write NAME | HOST:PORT, and options behind another |")
    host, port = _host_and_port(parts[1], name)
    options = _options(parts[2] if len(parts) == 3 else "", f"relay {name}", _RELAY_OPTIONS)
    if bool(options.get("user")) != bool(options.get("password_file")):
        raise LineError(f"relay {name}: a login needs both; write user= and password_file=, or neither")
    return RelaySpec(name=name, host=host, port=port, **options)  # type: ignore[arg-type]  # checked by the table


def _processor(parts: list[str]) -> Processor:
    if len(parts) not in (2, 3) or not all(parts[:2]):
        raise LineError(f"{parts[0]!r}: write WHO | WHAT FOR, and options behind another |")
    options = _options(parts[2] if len(parts) == 3 else "", parts[0], _PROCESSOR_OPTIONS)
    missing = [f"{key}=" for key in _PROCESSOR_OPTIONS if key not in options]
    if "country" in options and missing:
        raise LineError(
            f"{parts[0]}: data that go abroad need more (개인정보 보호법 제28조의8②); write {', '.join(missing)}"
        )
    return Processor(name=parts[0], task=parts[1], **options)  # type: ignore[arg-type]  # checked by the table


def _host_and_port(text: str, name: str) -> tuple[str, int]:
    try:
        split = urlsplit(f"//{text}")
        host, port = split.hostname, split.port
    except ValueError:
        host, port = None, None
    if not host or not port or split.netloc != text or "@" in text:
        raise LineError(f"relay {name}: {text!r} is no host and port; write for example smtp.example.kr:587")
    return host, port


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
    for word in _WORD.findall(text):
        key, equals, value = word.partition("=")
        if not equals or key not in table:
            # Not the whole word: it may be a password that was put into the line.
            raise LineError(f"{line}: {key!r} is no option; known are {', '.join(f'{known}=' for known in table)}")
        if value[:1] in ("'", '"'):
            value = value.removeprefix(value[0]).removesuffix(value[0])
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


def _not_empty(text: str) -> str:
    if not text:
        raise ValueError("write something behind the =, or leave it out")
    return text


def _regular_expression(text: str) -> str:
    try:
        re.compile(_not_empty(text))
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"it is no regular expression ({error})") from error
    return text


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


def _yes_or_no(text: str) -> str:
    return "yes" if _yes(text) else "no"


PAGE_FIELDS = (
    "title", "subheads", "section", "byline", "registered", "modified", "body", "drop", "picture", "caption", "link",
    "most_read",
)  # fmt: skip
"""What of an article's page a CSS selector may name, as the option `page.NAME`. `collect.page` checks the selectors."""

_PAGE_OPTIONS = ("read", *(f"page.{name}" for name in PAGE_FIELDS))
_SOURCE_OPTIONS: dict[str, tuple[str, Callable[[str], object]]] = {
    "rights": ("rights", _one_of(Rights)),
    "purpose": ("purpose", _one_of(Purpose)),
    "section": ("section", lambda text: text.replace("_", " ")),
    "pictures": ("picture_hosts", _words),
    "permission": ("permission", _not_empty),
    "links": ("links", _not_empty),
    "pattern": ("pattern", _not_empty),
    "regex": ("regex", _regular_expression),
    "date": ("date", _not_empty),
    "headings": ("headings", _not_empty),
    "pages": ("pages", _number(1, 20)),
    "read": ("read", _yes_or_no),
    **{f"page.{name}": (f"page.{name}", _not_empty) for name in PAGE_FIELDS},
}
_TYPE_OPTIONS: dict[str, tuple[str, ...]] = {
    "listpage": ("links", "pattern", "regex", "date", "headings", "pages"),
    "sitemap": ("pattern", "regex", "pages"),
}
_ALL_TYPE_OPTIONS = {key for keys in _TYPE_OPTIONS.values() for key in keys}
_SLOT_OPTIONS: dict[str, tuple[str, Callable[[str], object]]] = {
    "sections": ("sections", _sections),
    "cutoff": ("cutoff", duration),
    "deadline": ("deadline", duration),
    "minimum": ("minimum", _number(1, 1000)),
    "per_section": ("per_section", _number(1, 100)),
    "limit": ("limit", _number(1, 500)),
    "most_read": ("most_read", _number(0, 5)),
    "most_shared": ("most_shared", _number(0, 5)),
    "except": ("except_slots", _words),
    "at_start": ("at_start", _yes),
}
_PROCESSOR_OPTIONS: dict[str, tuple[str, Callable[[str], object]]] = {
    key: (key, _not_empty) for key in ("country", "contact", "items", "how", "until")
}
_RELAY_OPTIONS: dict[str, tuple[str, Callable[[str], object]]] = {
    "tls": ("tls", _one_of(Tls)),
    "verify": ("verify", _yes),
    "user": ("user", _not_empty),
    "password_file": ("password_file", _not_empty),
    "connections": ("connections", _number(1, 50)),
    "messages": ("messages", _number(1, 100_000)),
}

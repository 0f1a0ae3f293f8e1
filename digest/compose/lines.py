"""Lines of the two parts of a mail: none too long, every one ending in CRLF.

In: rendered text or HTML. Out: UTF-8 bytes. A line may hold 998 octets (RFC 5322 §2.1.1); Korean has three to a
letter, and rendered HTML hardly any line ends, so both parts are broken here, when they are composed, and nobody
behind may have to break them blindly. What is broken stays the same to the reader: HTML at a blank, or within a tag
where a blank means nothing; text at blanks, by the columns it takes up (Hangul two). A link or an attribute's value is
never cut, so whoever makes the text keeps each below 900 octets (`digest.compose.view` does). Pure.
"""

import bisect
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

MAX_OCTETS = 900  # under the limit of 998, because slots of `digest.splice` are filled with longer values
TEXT_COLUMNS = 76
_CUT_WORD_AT = 200  # characters: at most 800 octets, and a hanging indent
_TOKEN = re.compile(r"""<!--.*?-->|</?[A-Za-z](?:[^<>"']|"[^"]*"|'[^']*')*>|<|[^<]+""", re.DOTALL)
_IN_TAG = re.compile(r"""("[^"]*"|'[^']*')|[ ]|(?<!/)(?=/?>)""")
_CHARACTER = re.compile(r"&[#\w]+;|.")
_BULLET = re.compile(r"\s*(?:(?:[-–·•*]|\d+\.)\s+)?")


@dataclass(frozen=True, slots=True)
class _Break:
    """A place where a line may end: `removed` characters go, `before` ends the one line, `after` begins the next."""

    offset: int
    removed: int = 0
    before: str = ""
    after: str = ""


def html_lines(html: str) -> bytes:
    """Return `html` as bytes, without the indentation of its templates."""
    kept = (line.strip(" \t") for line in html.splitlines())
    return b"".join(_html_line(line) for line in kept if line)


def text_lines(text: str) -> bytes:
    """Return `text` as bytes, wrapped at 76 columns; two empty lines or more become one."""
    tidy = re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.splitlines())).strip("\n")
    return b"".join(_text_line(line) for line in tidy.split("\n"))


# An edition's variants share most of their lines: breaking each anew took nearly half of composing one.
@lru_cache(maxsize=2048)
def _html_line(line: str) -> bytes:
    return _with_crlf(_broken_html(line))


@lru_cache(maxsize=2048)
def _text_line(line: str) -> bytes:
    return _with_crlf(_wrapped(line))


def forget() -> None:
    """Forget the lines that were broken before."""
    _html_line.cache_clear()
    _text_line.cache_clear()


def _with_crlf(lines: Iterator[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8")


def _broken_html(line: str) -> Iterator[str]:
    if len(line.encode("utf-8")) <= MAX_OCTETS:
        yield line
        return
    octets = [0, *accumulate(len(char.encode("utf-8")) for char in line)]  # before each character
    places = list(_breaks(line))
    start, lead = 0, ""
    while octets[-1] - octets[start] > MAX_OCTETS:
        end = bisect.bisect_right(octets, octets[start] + MAX_OCTETS) - 1
        place = _choose(places, start, end) or _choose(_breaks_in_words(line), start, end) or _next(places, end)
        if place is None:
            break
        yield lead + line[start : place.offset] + place.before
        start, lead = place.offset + place.removed, place.after
    yield lead + line[start:]


def _choose(places: Iterable[_Break], start: int, end: int) -> _Break | None:
    """Return the last place between `start` and `end`; a blank rather than one that is none."""
    fitting = [place for place in places if start < place.offset <= end]
    return max(fitting, key=lambda place: (place.removed, place.offset), default=None)


def _next(places: Iterable[_Break], end: int) -> _Break | None:
    """Return the first place behind what cannot be cut."""
    return next((place for place in places if place.offset > end), None)


def _breaks(line: str) -> Iterator[_Break]:
    """Find the blanks in text, the blanks between attributes, and the ends of tags (where a line end says nothing)."""
    for token in _TOKEN.finditer(line):
        start = token.start()
        if token[0].startswith("<!--"):
            continue
        if token[0].startswith("<"):
            for place in _IN_TAG.finditer(token[0]):
                if place[1] is None:
                    yield _Break(start + place.start(), removed=len(place[0]))
        else:
            for blank in re.finditer(" ", token[0]):
                yield _Break(start + blank.start(), removed=1)


def _breaks_in_words(line: str) -> Iterator[_Break]:
    """Find places between the characters of text; the line end goes into a tag that shows nothing."""
    for token in _TOKEN.finditer(line):
        if not token[0].startswith("<"):
            for character in _CHARACTER.finditer(token[0]):
                yield _Break(token.start() + character.start(), before="<wbr", after=">")


def _wrapped(line: str) -> Iterator[str]:
    indent = _BULLET.match(line)
    lead = indent[0] if indent else ""
    current, follows = lead, False
    for word in _short_words(line[len(lead) :]):
        longer = f"{current} {word}"
        if follows and (_columns(longer) > TEXT_COLUMNS or len(longer.encode("utf-8")) > MAX_OCTETS):
            yield current.rstrip()
            current, follows = " " * len(lead), False
        current = longer if follows else current + word
        follows = True
    yield current.rstrip()


def _short_words(text: str) -> Iterator[str]:
    for word in text.split(" "):
        if len(word) <= _CUT_WORD_AT or ("://" in word and len(word.encode("utf-8")) <= MAX_OCTETS) or "\0" in word:
            yield word
        else:
            yield from (word[at : at + _CUT_WORD_AT] for at in range(0, len(word), _CUT_WORD_AT))


def _columns(text: str) -> int:
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )

"""Repairs on the text of an XML feed before a parser sees it.

In: decoded text. Out: text that begins at the root element, holds no characters that XML forbids and at most so many
articles, and what was repaired, in words. Everything before the root goes: the XML declaration (the text is UTF-8 by
then) and the DOCTYPE with any entity declarations in it, which is where entity bombs live; references to them are
then unknown and stay as they are written. Surplus articles are cut off here because feedparser takes 1.5 to 3
milliseconds for each. A single bad `&`, the commonest fault of feeds, is mended so that the strict parser can go on.
Pure. XML 1.0 §2.2, §2.8, §4.1.
"""

import html.entities
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

_ROOT = re.compile(r"<(?:[A-Za-z_][\w.-]*:)?(?:rss|feed|rdf)(?=[\s>/])", re.IGNORECASE)
_FIRST_TAG = re.compile(r"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")
_PROLOG = re.compile(r"\s*(?:<\?.*?\?>|<!--.*?-->)\s*", re.DOTALL)
_HEAD = re.compile(r"<\?.*?\?>|<!--.*?-->|<!DOCTYPE.*", re.DOTALL | re.IGNORECASE)
_CLOSED = re.compile(r"</(?:[A-Za-z_][\w.-]*:)?(?:rss|feed|rdf)\s*>", re.IGNORECASE)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_REFERENCES = re.compile(
    r"<!\[CDATA\[.*?\]\]>|<!--.*?-->|&(?:#(\d{1,7}|[xX][0-9a-fA-F]{1,6});|([A-Za-z_][\w.-]{0,31});)?", re.DOTALL
)
_ARTICLES = re.compile(
    r"<!\[CDATA\[.*?\]\]>|<!--.*?-->|<(/?)(?:[A-Za-z_][\w.-]*:)?(item|entry)(?:\s[^<>]*?)?(/?)>", re.DOTALL
)
_DATE = re.compile(
    r"<(?:[A-Za-z_][\w.-]*:)?(?:pubDate|published|issued|date|updated|modified)(?:\s[^<>]*)?>"
    r"\s*(?:<!\[CDATA\[)?([^<\]]{4,60})",
    re.IGNORECASE,
)
_XML_NAMES = {"amp", "lt", "gt", "quot", "apos"}


@dataclass(frozen=True, slots=True)
class Repaired:
    """The text from its root element on, and what was done to it."""

    text: str
    doubts: tuple[str, ...] = ()


def first_tag(text: str) -> str:
    """Return the local name of the first element in small letters ("rss", "html"), or an empty text."""
    match = _FIRST_TAG.search(text, _prolog_end(text))
    return match[1].lower() if match else ""


def from_root(text: str) -> Repaired | None:
    """Cut off everything before the feed's root element; None if there is no such element."""
    root = _ROOT.search(text, _prolog_end(text))
    if root is None:
        return None
    before = text[: root.start()]
    doubts = []
    if re.search(r"<!ENTITY", before, re.IGNORECASE):
        doubts.append("its own entity declarations were cut off unread")
    if _HEAD.sub("", before).strip("\ufeff \t\r\n"):
        doubts.append("text before the feed was left out")
    return Repaired(text[root.start() :], tuple(doubts))


def _prolog_end(text: str) -> int:
    end = 0
    while match := _PROLOG.match(text, end):
        end = match.end()
    return end


def repair(text: str) -> Repaired:
    """Take out characters that XML forbids, mend bad references, and drop an article that was cut off at the end."""
    doubts = []
    clean = _FORBIDDEN.sub("", text)
    if clean != text:
        doubts.append("control characters were left out")
    mended = _REFERENCES.sub(_mend, clean)
    if mended != clean:
        doubts.append("bare & signs or HTML entities were mended")
    if not _CLOSED.search(mended):
        last = max(mended.rfind("</item>"), mended.rfind("</entry>"))
        doubts.append("the document ends early; a last, unfinished article was left out")
        if last > 0:
            mended = mended[: mended.index(">", last) + 1]
    return Repaired(mended, tuple(doubts))


def _mend(match: re.Match[str]) -> str:
    whole, number, name = match[0], match[1], match[2]
    if whole[0] == "<" or name in _XML_NAMES:
        return whole
    if number:
        code = int(number[1:], 16) if number[0] in "xX" else int(number)
        allowed = (
            code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code < 0x110000
        )
        return whole if allowed else ""
    char = html.entities.html5.get(f"{name};") if name else None
    if char and not set(char) & set("&<>"):
        return char
    return "&amp;" + whole[1:]


def newest(text: str, limit: int, read_date: Callable[[str], datetime | None]) -> Repaired:
    """Keep the `limit` newest articles of `text`, in their order; where the dates do not say, the first ones."""
    spans = _spans(text)
    if len(spans) <= limit:
        return Repaired(text)
    long_ago = datetime.min.replace(tzinfo=UTC)
    ages = []
    for position, (start, end) in enumerate(spans):
        date = _DATE.search(text, start, end)
        ages.append(((date and read_date(date[1])) or long_ago, -position))
    kept = {-position for _at, position in sorted(ages, reverse=True)[:limit]}
    pieces = [text[: spans[0][0]]]
    for position, (start, end) in enumerate(spans):
        following = spans[position + 1][0] if position + 1 < len(spans) else len(text)
        pieces.append(text[start:following] if position in kept else text[end:following])
    return Repaired("".join(pieces), (f"holds {len(spans)} articles; the {limit} newest were read",))


def one_by_one(text: str) -> Iterator[str]:
    """Return the document once for each of its articles, with only that one in it."""
    spans = _spans(text)
    for start, end in spans:
        yield text[: spans[0][0]] + text[start:end] + text[spans[-1][1] :]


def _spans(text: str) -> list[tuple[int, int]]:
    """Find where each article begins and ends. One that is never closed ends where the next one begins."""
    spans: list[tuple[int, int]] = []
    start = -1
    for match in _ARTICLES.finditer(text):
        if match[2] is None:
            continue
        if match[1]:
            if start >= 0:
                spans.append((start, match.end()))
            start = -1
        elif match[3]:
            spans.append((match.start(), match.end()))
        else:
            if start >= 0:
                spans.append((start, match.start()))
            start = match.start()
    return spans


def numbered_captions(text: str) -> str:
    """Give each `media:description` a name of its own, `media:captionN`.

    feedparser takes it for the article's description otherwise, and loses which picture it belongs to.
    """
    count = 0

    def rename(match: re.Match[str]) -> str:
        nonlocal count
        if match[2]:  # empty
            return ""
        count += not match[1]
        return f"<{match[1]}media:caption{count}>"

    return re.sub(r"<(/?)media:description(?:\s[^<>]*?)?(/?)>", rename, text)

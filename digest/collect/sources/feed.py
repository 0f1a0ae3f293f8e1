"""Source type `feed`: RSS 0.9x, 1.0 and 2.0, Atom 0.3 and 1.0, JSON Feed.

Decode → look what it is → for XML: cut out what is known (see `scan`), which the usual document needs not be decoded
for; where that is in doubt repair, and cut to the newest articles → parse with feedparser, or by `feed_plain` where
feedparser found a source's entries to be so plain → one `FoundArticle` each.
feedparser gets UTF-8 bytes that we made, never an address or a text: those it would open. Its sanitiser and its
resolving of links inside HTML stay off; no HTML survives here (see `prose`). Its date readers are silenced, ours read
the text of the date. A document that is something else is refused by its name; a web page, with the feed it links to.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

import feedparser
from selectolax.lexbor import LexborHTMLParser

from digest.collect import scan, xmltext
from digest.collect.charset import decode
from digest.collect.dates import read_date
from digest.collect.normalize import clean_title
from digest.collect.source import MAX_ARTICLES, NOTHING_KNOWN, Known, Options, Parsed
from digest.collect.sources import feed_entry, feed_expat, feed_json, feed_plain
from digest.errors import SourceUnreadableError
from digest.models.articles import FoundArticle

Document = Any  # feedparser's own; its package has no types
_PAGES = {"html", "head", "body", "title", "meta", "script"}
_FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json", "application/json")
_PERIODS = {"hourly": 3600, "daily": 86_400, "weekly": 604_800, "monthly": 2_592_000, "yearly": 31_536_000}
_USUAL = re.compile(
    rb"""(?:<\?xml\s+version=["']1\.0["'](?:\s+encoding=["'](?i:utf-?8)["'])?\s*\?>)?\s*(?=<(?:rss|feed)[\s>])"""
)
_USUAL_TYPE = re.compile(r"""[^;]*(?:;\s*charset\s*=\s*["']?utf-?8["']?\s*)?""", re.IGNORECASE)
_SPECIAL_KEYS = frozenset(("category", "enclosures", "license", "updated", "updated_parsed"))
_UNREAD = time.struct_time((1970, 1, 1, 0, 0, 0, 3, 1, 0))


def read(body: bytes, content_type: str, url: str, zone: ZoneInfo, options: Options = ()) -> Parsed:  # noqa: ARG001 (the contract; a feed has none)
    """Return what the feed holds, or raise `SourceUnreadableError` saying what it is instead."""
    return read_new(body, content_type, url, zone, NOTHING_KNOWN)


def read_new(body: bytes, content_type: str, url: str, zone: ZoneInfo, known: Known) -> Parsed:
    """As `read`, but leave out articles that are `known` from an earlier reading, if that can be done surely."""
    is_usual = _USUAL.match(body) if known.keys and _USUAL_TYPE.fullmatch(content_type) else None
    # Then it need not be decoded to know what is new in it, and what comes of that is without doubts.
    if is_usual and (part := _read_known(body[is_usual.end() :], url, zone, known)) is not None:
        return part
    decoded = decode(body, content_type)
    text = decoded.text.lstrip("\ufeff \t\r\n\x00")
    if not text.strip():
        raise SourceUnreadableError("The answer is empty. Ask the newspaper, or open the address in a browser.")
    if text.startswith(("{", "[")):
        return _with_doubts(feed_json.read(text, url, zone), decoded.doubts)
    if xmltext.first_tag(text) in _PAGES:
        raise SourceUnreadableError(_says_page(text, url))
    rooted = xmltext.from_root(text)
    if rooted is None:
        raise SourceUnreadableError(_says_other(text))
    doubts = (*decoded.doubts, *rooted.doubts)
    if known.keys and not is_usual and (part := _read_known(_bytes(rooted.text), url, zone, known)) is not None:
        return _with_doubts(part, doubts)
    whole = scan.cut(rooted.text, url)  # well-formed: there is nothing to repair
    if whole is None:
        repaired = xmltext.repair(rooted.text)
        doubts = (*doubts, *repaired.doubts)
        whole = scan.cut(repaired.text, url) if repaired.doubts else None
    if whole is not None:
        return _with_doubts(_read_cut(whole, url, zone, known), doubts)
    trimmed = xmltext.newest(repaired.text, MAX_ARTICLES, lambda date: read_date(date, zone).at)
    parsed = _parse(xmltext.numbered_captions(trimmed.text), url, zone)
    return _with_doubts(parsed.parsed, (*doubts, *trimmed.doubts))


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was read, and for each article which entry it was. `is_clean`: feedparser had nothing to complain of."""

    parsed: Parsed
    positions: tuple[int, ...]
    entries: int
    is_clean: bool


def _read_known(body: bytes, url: str, zone: ZoneInfo, known: Known) -> Parsed | None:
    """Read what is not known of a document most of which is; None where that is not sure, or nothing is known."""
    whole = scan.cut_known(body, url)
    if whole is None:
        return None
    try:
        return _read_part(whole, url, zone, known)
    except UnicodeDecodeError:
        return None


def _read_cut(whole: scan.Cut, url: str, zone: ZoneInfo, known: Known) -> Parsed:
    """Read the entries that are not known; all of them if feedparser sees anything else in that than we do."""
    if (part := _read_part(whole, url, zone, known)) is not None:
        return part
    reading = _parse(xmltext.numbered_captions(whole.body.decode()), url, zone)
    if not reading.is_clean or reading.entries != len(whole.keys):
        return reading.parsed
    texts, articles = [whole.entry(position) for position in reading.positions], reading.parsed.articles
    is_plain = feed_plain.agrees(
        texts, whole.outside, articles, lambda entry: feed_entry.read(entry, url, zone, is_atom=False)
    )
    keys = tuple(whole.keys[position] for position in reading.positions)
    return replace(reading.parsed, keys=keys, is_plain=is_plain)


def _read_part(whole: scan.Cut, url: str, zone: ZoneInfo, known: Known) -> Parsed | None:
    """Read the entries that are not known; None if feedparser sees anything else in that than we do, or none is."""
    left_out = tuple(key for key in whole.keys if key in known.keys)
    if not left_out:
        return None
    if len(left_out) == len(whole.keys):
        return Parsed("", "", (), known=left_out)
    new = [number for number, key in enumerate(whole.keys) if key not in known.keys]
    reading = _read_plainly(whole, new, url, zone) if known.is_plain else None
    if reading is None:
        reading = _parse(xmltext.numbered_captions(whole.without(known.keys)), url, zone)
    if not reading.is_clean or reading.entries != len(new):
        return None
    keys = tuple(whole.keys[new[position]] for position in reading.positions)
    return replace(reading.parsed, keys=keys, known=left_out)


def _read_plainly(whole: scan.Cut, numbers: list[int], url: str, zone: ZoneInfo) -> _Reading | None:
    """Read these entries without feedparser; None if one of them is not as plain as that."""
    entries = []
    for number in numbers:
        entry = feed_plain.read(whole.entry(number), whole.outside)
        if entry is None:
            return None
        entries.append(entry)
    articles, positions, doubts = _articles(entries, url, zone)
    return _Reading(Parsed("", "", articles, doubts), positions, len(entries), is_clean=True)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # XML has no surrogates: what holds them is not well-formed


def _with_doubts(parsed: Parsed, doubts: tuple[str, ...]) -> Parsed:
    return replace(parsed, doubts=(*doubts, *parsed.doubts))


def _parse(text: str, url: str, zone: ZoneInfo) -> _Reading:
    document, doubts = _document(text)
    is_clean = not doubts
    entries = document.entries[:MAX_ARTICLES]
    if not document.version and not entries:
        raise SourceUnreadableError("This is no feed that can be read: no version and no articles are in it.")
    articles, positions, left_out = _articles(entries, url, zone, is_atom=document.version.startswith("atom"))
    title = clean_title(document.feed.get("title", ""))
    kind, quiet_seconds = document.version or "rss", _quiet_seconds(document.feed)
    parsed = Parsed(kind, title, articles, (*doubts, *left_out), quiet_seconds=quiet_seconds)
    return _Reading(parsed, positions, len(document.entries), is_clean)


def _articles(
    entries: list[feed_entry.Entry], url: str, zone: ZoneInfo, *, is_atom: bool = False
) -> tuple[tuple[FoundArticle, ...], tuple[int, ...], tuple[str, ...]]:
    """Return the articles, which entry each one is, and what there is to say of those that are none."""
    articles, positions, doubts = [], [], []
    for position, entry in enumerate(entries):
        found = feed_entry.read(entry, url, zone, is_atom=is_atom)
        if isinstance(found, str):
            doubts.append(f"article {position + 1} was left out: {found}")
        else:
            articles.append(found)
            positions.append(position)
    return tuple(articles), tuple(positions), tuple(doubts)


def _quiet_seconds(about: Document) -> int:
    """Return how long the feed asks to be left alone: RSS 2.0 `ttl` in minutes, or the syndication module's period."""
    ttl = str(about.get("ttl") or "").strip()
    if ttl.isdecimal():
        return int(ttl[:6]) * 60
    period = _PERIODS.get(str(about.get("sy_updateperiod") or "").strip().lower(), 0)
    frequency = str(about.get("sy_updatefrequency") or "1").strip()
    return period // max(1, int(frequency[:6])) if frequency.isdecimal() else period


def _document(text: str) -> tuple[Document, list[str]]:
    """Parse the whole, or, where feedparser itself stumbles over one article, each article alone without that one."""
    try:
        document = _feedparser(text)
    except Exception as error:  # feedparser raises KeyError, TypeError and others on odd input, and loses the document
        first_error = error
    else:
        bozo = f"not well-formed XML ({document.get('bozo_exception')}); what could be read was read"
        return document, [bozo] if document.bozo else []
    whole, failed = None, 0
    for part in xmltext.one_by_one(text):
        try:
            document = _feedparser(part)
        except Exception:
            failed += 1
            continue
        if whole is None:
            whole = document
        else:
            whole.entries.extend(document.entries)
    if whole is None:
        raise SourceUnreadableError(f"The feed cannot be parsed ({first_error!r}).") from first_error
    return whole, [f"articles left out because they cannot be parsed: {failed} ({first_error!r})"]


def _feedparser(text: str) -> Document:
    _prepare_feedparser()
    return feedparser.parse(
        text.encode("utf-8", "replace"),
        response_headers={"content-type": "application/xml; charset=utf-8"},
        sanitize_html=False,
        resolve_relative_uris=False,
    )


def _prepare_feedparser() -> None:
    """Make feedparser skip its date readers, and what costs it time to no end."""
    handlers: list[Callable[[str], Any]] = feedparser.datetimes._date_handlers
    if handlers[0] is _unread:
        return
    feedparser.registerDateHandler(_unread)  # some of its own raise on odd input and lose the whole document
    # It asks for another driver first, for which Python looks in every folder at each document; `scan` counts on
    # expat being the one.
    feedparser.api.PREFERRED_XML_PARSERS[:] = [feed_expat.__name__]
    # It copies the attributes of each text deeply, a tenth of its time; all of them are texts themselves.
    feedparser.FeedParserDict.__deepcopy__ = lambda attributes, _memo: feedparser.FeedParserDict(attributes)
    _answer_plain_keys_plainly(feedparser.FeedParserDict)


def _answer_plain_keys_plainly(mapping: Any) -> None:  # Any: feedparser's own class, of no type
    """Spare feedparser's mapping its questions about names that mean something else for nearly all other names.

    It asks a hundred times for two articles. `_SPECIAL_KEYS` and its own `keymap` are all names that it looks at.
    """
    special = _SPECIAL_KEYS.union(mapping.keymap)
    get_item, get = mapping.__getitem__, mapping.get
    mapping.__getitem__ = lambda self, key: get_item(self, key) if key in special else dict.__getitem__(self, key)
    mapping.get = lambda self, key, other=None: get(self, key, other) if key in special else dict.get(self, key, other)


def _unread(_text: str) -> time.struct_time:
    return _UNREAD


def _says_page(text: str, url: str) -> str:
    links = [
        urljoin(url, node.attributes.get("href") or "")
        for node in LexborHTMLParser(text).css("link[rel~=alternate][href]")
        if (node.attributes.get("type") or "").strip().lower() in _FEED_TYPES
    ]
    said = "This is a web page, not a feed."
    if links:
        return f"{said} It names this feed: {', '.join(dict.fromkeys(links[:3]))}. Use that address."
    return f"{said} It names no feed; ask the newspaper for the address of its RSS."


def _says_other(text: str) -> str:
    tag = xmltext.first_tag(text)
    said = f"Its first element is <{tag[:40]}>" if tag else "It is no XML"
    return f"This is not a feed. {said}, where <rss>, <feed>, <rdf:RDF> or a JSON Feed is wanted."

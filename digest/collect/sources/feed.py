"""Source type `feed`: RSS 0.9x, 1.0 and 2.0, Atom 0.3 and 1.0, JSON Feed.

Decode → look what it is → for XML: repair, cut to the newest articles, parse with feedparser → one `FoundArticle` each.
feedparser gets UTF-8 bytes that we made, never an address or a text: those it would open. Its sanitiser and its
resolving of links inside HTML stay off; no HTML survives here (see `prose`). Its date readers are silenced, ours read
the text of the date. A document that is something else is refused by its name; a web page, with the feed it links to.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

import feedparser
from selectolax.lexbor import LexborHTMLParser

from digest.collect import xmltext
from digest.collect.charset import decode
from digest.collect.dates import read_date
from digest.collect.normalize import clean_title
from digest.collect.source import MAX_ARTICLES, Parsed
from digest.collect.sources import feed_entry, feed_json
from digest.errors import SourceUnreadableError

Document = Any  # feedparser's own; its package has no types
_PAGES = {"html", "head", "body", "title", "meta", "script"}
_FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json", "application/json")
_UNREAD = time.struct_time((1970, 1, 1, 0, 0, 0, 3, 1, 0))


def read(body: bytes, content_type: str, url: str, zone: ZoneInfo) -> Parsed:
    """Return what the feed holds, or raise `SourceUnreadableError` saying what it is instead."""
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
    repaired = xmltext.repair(rooted.text)
    trimmed = xmltext.newest(repaired.text, MAX_ARTICLES, lambda date: read_date(date, zone).at)
    parsed = _parse(xmltext.numbered_captions(trimmed.text), url, zone)
    return _with_doubts(parsed, (*decoded.doubts, *rooted.doubts, *repaired.doubts, *trimmed.doubts))


def _with_doubts(parsed: Parsed, doubts: tuple[str, ...]) -> Parsed:
    return replace(parsed, doubts=(*doubts, *parsed.doubts))


def _parse(text: str, url: str, zone: ZoneInfo) -> Parsed:
    document, doubts = _document(text)
    entries = document.entries[:MAX_ARTICLES]
    if not document.version and not entries:
        raise SourceUnreadableError("This is no feed that can be read: no version and no articles are in it.")
    articles = []
    for position, entry in enumerate(entries, 1):
        found = feed_entry.read(entry, url, zone, is_atom=document.version.startswith("atom"))
        if isinstance(found, str):
            doubts.append(f"article {position} was left out: {found}")
        else:
            articles.append(found)
    title = clean_title(document.feed.get("title", ""))
    return Parsed(document.version or "rss", title, tuple(articles), tuple(doubts))


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
    _silence_dates()
    return feedparser.parse(
        text.encode("utf-8", "replace"),
        response_headers={"content-type": "application/xml; charset=utf-8"},
        sanitize_html=False,
        resolve_relative_uris=False,
    )


def _silence_dates() -> None:
    """Make feedparser skip its date readers: some of them raise on odd input and lose the whole document."""
    handlers: list[Callable[[str], Any]] = feedparser.datetimes._date_handlers
    if handlers[0] is not _unread:
        feedparser.registerDateHandler(_unread)


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

"""Source type `sitemap`: the list of addresses a site writes for search engines.

A news sitemap tells title and publication date, and is as good as a feed. A plain one tells addresses and when they
last changed; those that look like articles (`linkshape`, or the options `pattern=` and `regex=`) are taken, without a
title (`source.UNTITLED`). An index names further sitemaps: `next_urls`, the newest first, those of news before all, as
many as `pages=` says. Packed ones (gz) are unpacked within a bound. lxml reads from the root element on, so that no
entity declaration is ever seen; no network, no huge trees. sitemaps.org protocol 0.9, Google's extensions for news and
images.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from lxml import etree

from digest.collect import linkshape
from digest.collect.charset import decode
from digest.collect.dates import DateRead, read_date
from digest.collect.normalize import clean_title, shorten, usable_link
from digest.collect.source import MAX_ARTICLES, UNTITLED, Options, Parsed, is_same_site
from digest.errors import SourceUnreadableError
from digest.models.articles import ArticleText, FoundArticle, Picture

_MAX_UNPACKED_BYTES = 20_000_000
_MAX_ENTRIES = 50_000  # what the protocol allows in one file
_PARTS = 2  # the newest part and the one before, for the night in which a month begins
_ROOT = re.compile(r"<(?:[A-Za-z_][\w.-]*:)?(urlset|sitemapindex)(?=[\s>/])")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_LAST_CHANGE = "its date is that of its last change"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One address of the document with what is said about it; texts as written."""

    loc: str
    lastmod: str = ""
    title: str = ""
    published: str = ""
    image: str = ""
    caption: str = ""


def read(body: bytes, content_type: str, url: str, zone: ZoneInfo, options: Options = ()) -> Parsed:
    """Return the articles of a sitemap, or the parts of an index as `next_urls`; `SourceUnreadableError` otherwise."""
    decoded = decode(_unpacked(body), content_type)
    root = _ROOT.search(decoded.text)
    if root is None:
        raise SourceUnreadableError("This is no sitemap: it has neither <urlset> nor <sitemapindex>.")
    doubts = list(decoded.doubts)
    document = _parse(_FORBIDDEN.sub("", decoded.text[root.start() :]), doubts)
    entries = list(_entries(document))
    if root[1] == "sitemapindex":
        most_parts = int(dict(options).get("pages", _PARTS))
        parts, other = _parts(entries, url, zone, most_parts)
        doubts += [f"parts on other sites were left out: {other}"] if other else []
        return Parsed("sitemapindex", "", (), tuple(doubts), parts)
    is_news = any(entry.title or entry.published for entry in entries)
    articles = _articles(entries, url, zone, options, doubts)
    return Parsed("newssitemap" if is_news else "sitemap", "", articles, tuple(doubts))


def _unpacked(body: bytes) -> bytes:
    if not body.startswith(b"\x1f\x8b"):
        return body
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(body, _MAX_UNPACKED_BYTES)
    except zlib.error as error:
        raise SourceUnreadableError(f"This looks packed (gzip), but cannot be unpacked: {error}.") from error
    if unpacker.unconsumed_tail:
        raise SourceUnreadableError(f"Unpacked it is larger than {_MAX_UNPACKED_BYTES:,} bytes.")
    return plain


def _parse(text: str, doubts: list[str]) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True, remove_comments=True
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise SourceUnreadableError(f"This sitemap cannot be parsed: {error}.") from error
    if root is None:
        raise SourceUnreadableError("This sitemap cannot be parsed.")
    if len(parser.error_log):
        doubts.append(f"not well-formed XML ({parser.error_log[0].message[:200]}); what could be read was read")
    return root


def _entries(root: etree._Element) -> Iterator[_Entry]:
    for element in root[:_MAX_ENTRIES]:
        if _name(element) not in ("url", "sitemap"):
            continue
        found: dict[str, str] = {}
        _gather(element, found, "")
        if found.get("loc"):
            yield _Entry(
                found["loc"],
                found.get("lastmod", ""),
                found.get("news.title", ""),
                found.get("news.publication_date", ""),
                found.get("image.loc", ""),
                found.get("image.caption", "") or found.get("image.title", ""),
            )


def _gather(element: etree._Element, found: dict[str, str], within: str) -> None:
    for child in element[:50]:
        name = _name(child)
        if name in ("news", "image") and not within:
            _gather(child, found, f"{name}.")
        elif child.text and name:
            found.setdefault(within + name, child.text.strip()[:4000])


def _name(element: etree._Element) -> str:
    """Return an element's name without its namespace, which sites write in many ways; empty for a comment."""
    return element.tag.rpartition("}")[2].lower() if isinstance(element.tag, str) else ""


def _parts(entries: list[_Entry], url: str, zone: ZoneInfo, most: int) -> tuple[tuple[str, ...], int]:
    """Return the parts of this site, news first, then the newest; of equal age the last named, where sites append."""
    ages: dict[str, tuple[bool, datetime, int]] = {}
    other = 0
    for position, entry in enumerate(entries):
        link = usable_link(entry.loc, url)
        if not link or not is_same_site(link, url):
            other += 1
            continue
        ages.setdefault(link, ("news" in link.lower(), read_date(entry.lastmod, zone).at or _LONG_AGO, position))
    return tuple(sorted(ages, key=lambda link: ages[link], reverse=True)[:most]), other


def _articles(
    entries: list[_Entry], url: str, zone: ZoneInfo, options: Options, doubts: list[str]
) -> tuple[FoundArticle, ...]:
    is_chosen = linkshape.chosen_by(options)
    wanted: dict[str, tuple[_Entry, DateRead]] = {}
    for entry in entries:
        link = usable_link(entry.loc, url)
        is_article = bool(is_chosen(link) if is_chosen else entry.title or linkshape.shape(link))
        if link and is_article:
            wanted.setdefault(link, (entry, _when(entry, zone)))
    if len(wanted) > MAX_ARTICLES:
        doubts.append(f"holds {len(wanted)} articles; the {MAX_ARTICLES} newest were read")
    # Newest first, in the document's order where dates do not say: the order that is stored.
    links = sorted(wanted, key=lambda link: wanted[link][1].at or _LONG_AGO, reverse=True)[:MAX_ARTICLES]
    return tuple(_article(link, *wanted[link], url) for link in links)


def _when(entry: _Entry, zone: ZoneInfo) -> DateRead:
    if entry.published:
        return read_date(entry.published, zone)
    changed = read_date(entry.lastmod, zone)
    return DateRead(changed.at, changed.doubt or _LAST_CHANGE) if changed.at else DateRead(None, changed.doubt)


def _article(link: str, entry: _Entry, when: DateRead, url: str) -> FoundArticle:
    title = clean_title(entry.title)
    doubts = [] if title else [UNTITLED]
    if when.doubt or when.at is None:
        doubts.append(when.doubt or "no date")
    image = usable_link(entry.image, url) if entry.image else ""
    picture = Picture(image, shorten(clean_title(entry.caption), 500)) if image else None
    text = ArticleText(title=title, link=link, picture=picture, registered_at=when.at)
    return FoundArticle("", text, tuple(doubts))

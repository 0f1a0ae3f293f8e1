"""Source type `listpage`: a page of headlines, for papers without a feed.

Decode → find the links to articles → of each one what stands beside it: title, date, section, byline, lead, picture.
Which links are articles the options say (`links=` a CSS selector, `pattern=` or `regex=` on the address). Without them
it is the commonest article's address of the site (`digest.collect.linkshape`) whose links read like headlines, menus,
footers and rankings left out. Several links to one address (picture, title, lead) are one article. Options `date=` and
`headings=` (of the section) are CSS selectors within an article's part of the list. The next page is the one the list
links to, as long as `pages=` (1 without it) allows. Pure; selectors run on a tree that is bounded
(`digest.collect.pages.tree`).
"""

import re
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.collect import xmltext
from digest.collect.charset import decode
from digest.collect.normalize import clean_title, usable_link
from digest.collect.pages import tree
from digest.collect.source import MAX_ARTICLES, Options, Parsed, is_same_site
from digest.collect.sources import listpage_entry, listpage_links
from digest.errors import SourceUnreadableError

MAY_BE_EMPTY = ("may_be_empty", "yes")
"""An option that no operator writes: for those who want only what else a page names (`Parsed.feeds`)."""

NOTHING_FOUND = "No headlines were found on this page; name them with links= (a CSS selector) or pattern= (an address)."
_FEED_ROOTS = {"rss", "feed", "rdf", "urlset", "sitemapindex"}
_FEED_TYPES = ("application/rss+xml", "application/atom+xml", "application/feed+json", "application/json")
_FEED_ENDING = re.compile(r"(?:/rss/?|/feed/?|rss\.xml|/rss/[\w.-]+\.xml|atom\.xml)$", re.IGNORECASE)
_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_PAGE_NAMES = ("page", "pg", "p", "pageno", "page_no", "pagenum", "cpage")
_MOST_FEEDS = 10


def read(body: bytes, content_type: str, url: str, zone: ZoneInfo, options: Options = ()) -> Parsed:
    """Return the articles that the page lists, in its order.

    Raises `SourceUnreadableError` for what is no web page, for selectors or expressions that are none, and for a page
    that lists nothing: it was rebuilt, and a person has to look. With the option `MAY_BE_EMPTY` that is only a doubt.
    """
    decoded = decode(body, _with_meta_charset(body, content_type))
    _refuse_other(decoded.text)
    page = tree.parse(decoded.text)
    if not tree.is_within_bounds(page):
        raise SourceUnreadableError("This page is too large or too deeply nested to be read as a list.")
    base = _base(page, url)
    links = listpage_links.find(page, base, url, options)
    doubts = [*decoded.doubts]
    if len(links) > MAX_ARTICLES:
        doubts.append(f"lists {len(links)} articles; the first {MAX_ARTICLES} were read")
    articles = listpage_entry.read(links[:MAX_ARTICLES], base, zone, options)
    if not articles and MAY_BE_EMPTY not in options:
        raise SourceUnreadableError(NOTHING_FOUND)
    if not articles:
        doubts.append(NOTHING_FOUND)
    title = clean_title(tree.text_of(page.css_first("head title")) or tree.text_of(page.css_first("title")))
    most_pages = int(dict(options).get("pages", "1"))
    further = _next_page(page, base, url) if _page_number(urlsplit(url).query)[1] < most_pages else ()
    return Parsed("list", title, articles, tuple(doubts), further, _feeds(page, base, url))


def _with_meta_charset(body: bytes, content_type: str) -> str:
    """Add what the page says of its own encoding, before what the server says: servers add a default to everything."""
    said = _META_CHARSET.search(body[:4096])
    return f"charset={said[1].decode('ascii')}; {content_type}" if said else content_type


def _refuse_other(text: str) -> None:
    text = text.lstrip("\ufeff \t\r\n\x00")
    tag = xmltext.first_tag(text)
    if not text:
        raise SourceUnreadableError("The answer is empty. Ask the newspaper, or open the address in a browser.")
    if tag in _FEED_ROOTS or text.startswith(("{", "[")):
        type_ = "sitemap" if tag in ("urlset", "sitemapindex") else "feed"
        raise SourceUnreadableError(f"This is no web page; it looks like a {type_}. Use type {type_}.")
    if not tag:
        raise SourceUnreadableError("This is no web page: there is no element in it.")


def _base(page: LexborHTMLParser, url: str) -> str:
    """Return what relative links start from: <base href>, if it is of the same site."""
    named = page.css_first("base[href]")
    base = usable_link(tree.attribute(named, "href"), url) if named is not None else ""
    return base if base and is_same_site(base, url) else url


def _feeds(page: LexborHTMLParser, base: str, url: str) -> tuple[str, ...]:
    """Return the feeds the page names in its head, then those it links to in plain sight."""
    named = [
        usable_link(tree.attribute(node, "href"), base)
        for node in page.css("link[rel~=alternate][href]")[:50]
        if tree.attribute(node, "type").lower() in _FEED_TYPES
    ]
    linked = [usable_link(tree.attribute(node, "href"), base) for node in page.css("a[href]")[:5000]]
    shown = [link for link in linked if _FEED_ENDING.search(link.partition("?")[0]) and is_same_site(link, url)]
    return tuple(dict.fromkeys(link for link in (*named, *shown) if link))[:_MOST_FEEDS]


def _next_page(page: LexborHTMLParser, base: str, url: str) -> tuple[str, ...]:
    """Return the page after this one: what is marked as next, else the link whose page number is one higher."""
    marked = [*page.css("link[rel~=next][href]")[:1], *page.css("a[rel~=next][href]")[:1]]
    candidates: list[LexborNode] = [*marked, *page.css("a[href]")[:5000]]
    here = urlsplit(url)
    name, number = _page_number(here.query)
    for node in candidates:
        link = usable_link(tree.attribute(node, "href"), base)
        if not link or not is_same_site(link, url) or link.partition("#")[0] == url.partition("#")[0]:
            continue
        if node in marked:
            return (link,)
        there = urlsplit(link)
        its_name, its_number = _page_number(there.query)
        if there.path == here.path and its_number == number + 1 and its_name == (name or its_name):
            return (link.partition("#")[0],)
    if not name:
        return ()
    query = [(key, str(number + 1) if key == name else value) for key, value in parse_qsl(here.query)]
    return (urljoin(url, urlunsplit(("", "", here.path, urlencode(query), ""))),)


def _page_number(query: str) -> tuple[str, int]:
    """Return the name and value of the page number in a query; ("", 1) where there is none."""
    for name, value in parse_qsl(query)[:30]:
        if name.lower() in _PAGE_NAMES and value.isdecimal() and len(value) < 5:
            return name, int(value)
    return "", 1

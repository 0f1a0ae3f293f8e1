"""The contract of a source type: turn the bytes of one answer into articles.

In: a body as it came, the Content-Type it came with, the address it came from (after redirects), the newspaper's
time zone, and the options of the source. Out: `Parsed`. An adapter is pure and trusts nothing: it does not fetch, ask
the time, or touch files, and it runs in a process of its own with limits (see `reader`), because what it reads is
written by strangers. What else has to be fetched it names in `next_urls`; the caller fetches it, within a bound.

An article's title is "" where the document names only its address (a plain sitemap): its page has to be read first.
Such an article carries the doubt `UNTITLED`, and whoever stores it must not let it into an edition before that.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from digest.models.articles import FoundArticle

MAX_ARTICLES = 1000
"""The newest articles taken of one document. Papers list 10 to 100; more is an archive, and would hold up the rest."""

UNTITLED = "no title in the list; it is read from the article's page"

Options = tuple[tuple[str, str], ...]
"""Names and values, as `SourceSpec.options` holds them."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a document holds. `kind` names its format ("rss20", "atom10", "json"); `doubts` are about all of it.

    `next_urls` are further documents of the same source, the most wanted first: the next page of a list, the parts of
    a sitemap. `feeds` are the addresses of feeds that a web page names. `keys` has one key for each article, where the
    document could be cut surely (see `scan`), and `known` are the keys that were left out unread because they were
    known. `quiet_seconds` is how long the document itself asks not to be fetched again (0: it says nothing).
    `is_plain`: later entries of it may be read plainly (`sources.feed_plain`), by the judgement of feedparser.
    """

    kind: str
    title: str
    articles: tuple[FoundArticle, ...]
    doubts: tuple[str, ...] = ()
    next_urls: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    quiet_seconds: int = 0
    is_plain: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier readings of a document brought: the `keys` of its entries, and its `Parsed.is_plain`."""

    keys: Collection[str] = ()
    is_plain: bool = False


NOTHING_KNOWN = Known()


class SourceType(Protocol):
    """One way of listing articles. Its module is named in `sources.SOURCE_TYPES`."""

    def read(self, body: bytes, content_type: str, url: str, zone: ZoneInfo, options: Options = ()) -> Parsed:
        """Return the articles, in the document's order, or raise `SourceUnreadableError` saying what it is instead."""
        ...


def is_same_site(url: str, other: str) -> bool:
    """Whether two addresses have the same host, `www.` left out of account.

    A document may send us on to further ones of its own site only: a strange list must not lead to a private host
    that `PRIVATE_HOSTS` allows for another source.
    """
    return "" not in (site := _site(url)) and site == _site(other)


def _site(url: str) -> tuple[str, str]:
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        return "", ""
    return (split.hostname or "").removeprefix("www."), "usual" if port in (None, 80, 443) else str(port)

"""Find out what an address of a newspaper is good for: a feed, a sitemap, a list of headlines, or a page that has one.

In: an address. Out: candidates, the best first, each with what it really holds. What the address itself holds is tried
first. If it is a web page: the feeds it names, those that Korean newspaper systems have at known places, the sitemaps
of robots.txt, and the page itself as a list are looked at, one after the other (a newspaper's server is small), within
a bound of requests. Ranked by what was found, not by what was promised: titles, dates, how new the newest is compared
with the others', how many. Everything goes out through `digest.outbound` and is read in the reader's process.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urljoin, urlsplit

from digest.collect import freshness
from digest.collect.fetch import Page, fetch
from digest.collect.following import follow
from digest.collect.reader import Reader
from digest.collect.source import Parsed, is_same_site
from digest.collect.sources.listpage import MAY_BE_EMPTY
from digest.config import Settings
from digest.errors import AddressRefusedError, DigestError, SourceUnreadableError
from digest.models.articles import FoundArticle
from digest.models.sources import SourceSpec
from digest.outbound import Outbound

_TYPES = ("feed", "sitemap", "listpage")  # in this order: a web page is a list of sorts, whatever else it is
_KNOWN_PLACES = (
    "/rss/allArticle.xml", "/rss.xml", "/feed", "/rss/", "/rss/clickTop.xml", "/news-sitemap.xml", "/sitemap.xml",
)  # fmt: skip
_MOST_REQUESTS = 20
_ENOUGH_ARTICLES = 30
_SECONDS = 15
_FRESH = timedelta(days=3)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_SITEMAP_LINE = re.compile(r"^\s*sitemap\s*:\s*(\S{1,2000})", re.IGNORECASE | re.MULTILINE)
_BESIDE_THE_NEWS = re.compile(r"comment|clicktop|popular|best", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way of collecting a newspaper. `parsed.doubts` holds the doubts of the document and its articles."""

    type: str
    url: str
    parsed: Parsed

    @property
    def dated(self) -> int:
        """How many of its articles have a date."""
        return sum(one.text.registered_at is not None for one in self.parsed.articles)

    @property
    def newest_at(self) -> datetime | None:
        """The date of its newest article."""
        dates = [one.text.registered_at for one in self.parsed.articles if one.text.registered_at is not None]
        return max(dates, default=None)


async def discover(outbound: Outbound, settings: Settings, spec: SourceSpec, reader: Reader) -> tuple[Candidate, ...]:
    """Return what can be collected from `spec.url`, the best first; never nothing.

    An empty `spec.type` is found out; any other is taken. Raises what fetching the address raises, and
    `SourceUnreadableError` where nothing holds an article.
    """
    desk = _Desk(outbound, settings, spec, reader)
    page = await desk.fetch(spec.url)
    if spec.type:
        return (await desk.read_as(spec.type, page, spec.url),)
    candidate, problems = await desk.read_any(page, spec.url)
    if candidate is not None and candidate.type != "listpage":
        return (candidate,)
    feeds = await desk.feeds_of(page)
    found = [candidate] if candidate is not None else []
    found += await desk.look_around(page, feeds)
    if not found:
        raise SourceUnreadableError(
            f"Nothing to collect was found at {spec.url} or at the usual places of its site. {problems}".strip()
        )
    return rank(found)


def rank(found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Sort candidates, the best first; of several that hold the same articles only the best stays."""
    newest = max((one.newest_at or _LONG_AGO for one in found), default=_LONG_AGO)

    def merit(one: Candidate) -> tuple[object, ...]:
        count = len(one.parsed.articles)
        has_titles = all(article.text.title for article in one.parsed.articles)
        is_fresh = (one.newest_at or _LONG_AGO) >= newest - _FRESH if newest > _LONG_AGO else True
        is_dated = one.dated * 2 >= count
        is_beside = bool(_BESIDE_THE_NEWS.search(urlsplit(one.url).path))
        return has_titles, not is_beside, is_fresh, is_dated, min(count, _ENOUGH_ARTICLES) // 5, -_TYPES.index(one.type)

    ranked: list[Candidate] = []
    held: list[frozenset[str]] = []
    for one in sorted(found, key=merit, reverse=True):  # stable: what was named first stays first among equals
        links = frozenset(article.text.link for article in one.parsed.articles)
        if links not in held:
            ranked.append(one)
            held.append(links)
    return tuple(ranked)


class _Desk:
    """One discovery: fetches and reads, and counts its requests."""

    def __init__(self, outbound: Outbound, settings: Settings, spec: SourceSpec, reader: Reader) -> None:
        self._outbound, self._settings, self._spec, self._reader = outbound, settings, spec, reader
        self._requests = 0

    async def fetch(self, url: str) -> Page:
        self._requests += 1
        seconds = min(_SECONDS, self._settings.fetch_timeout_seconds)
        page = await fetch(self._outbound, url, timeout_seconds=seconds, max_bytes=self._settings.fetch_max_bytes)
        if page is None:
            raise AssertionError("a fetch without conditions is never unchanged")
        return page

    async def read_as(self, type_: str, page: Page, url: str) -> Candidate:
        """Read `page` as a source of that type, with what it leads to; `SourceUnreadableError` if it is none."""

        async def get(following: str) -> Parsed:
            further = await self.fetch(following)
            return await self._read(type_, further)

        parsed = await follow(await self._read(type_, page), page.url, get)
        articles = tuple(_with_section(one, self._spec.section) for one in parsed.articles)
        doubts = freshness.summary((*page.doubts, *parsed.doubts), articles)
        return Candidate(type_, url, replace(parsed, articles=articles, doubts=doubts))

    async def read_any(self, page: Page, url: str) -> tuple[Candidate | None, str]:
        """Return what `page` is, if it holds articles, and else why it was nothing."""
        problem = empty = ""
        for type_ in _TYPES:
            try:
                candidate = await self.read_as(type_, page, url)
            except SourceUnreadableError as error:
                problem = str(error)
                continue
            if candidate.parsed.articles:
                return candidate, ""
            why = f" ({'; '.join(candidate.parsed.doubts[:3])})" if candidate.parsed.doubts else ""
            empty = empty or f"It is a {type_} without an article in it{why}."
        return None, empty or problem  # what it is tells more than what else it is not

    async def feeds_of(self, page: Page) -> tuple[str, ...]:
        try:
            return (await self._read("listpage", page, MAY_BE_EMPTY)).feeds
        except SourceUnreadableError:
            return ()

    async def look_around(self, page: Page, feeds: Sequence[str]) -> list[Candidate]:
        """Try the addresses where a site's feed or sitemap may be. What is not there is nothing to tell of."""
        sitemaps = await self._robots(page.url)
        places = [urljoin(page.url, path) for path in _KNOWN_PLACES]
        found = []
        for url in dict.fromkeys([*feeds[:8], *places[:5], *sitemaps[:4], *places[5:]]):
            if self._requests >= _MOST_REQUESTS:
                break
            try:
                there = await self.fetch(url)
                if is_same_site(there.url, page.url) and urlsplit(there.url).path in ("", "/"):
                    continue  # sent to the front page: the address does not exist
                candidate = await self._read_listing(there, url)
            except DigestError:
                continue
            if candidate is not None and candidate.parsed.articles:
                found.append(candidate)
        return found

    async def _read_listing(self, page: Page, url: str) -> Candidate | None:
        """Read `page` as a feed, else as a sitemap; a web page instead of either is nothing."""
        try:
            return await self.read_as("feed", page, url)
        except SourceUnreadableError:
            return await self.read_as("sitemap", page, url)

    async def _robots(self, url: str) -> list[str]:
        try:
            page = await self.fetch(urljoin(url, "/robots.txt"))
        except AddressRefusedError:
            raise
        except DigestError:
            return []
        lines = _SITEMAP_LINE.findall(page.body[:500_000].decode("utf-8", "replace"))
        named = [urljoin(url, line) for line in lines if is_same_site(urljoin(url, line), url)]
        return sorted(dict.fromkeys(named), key=lambda line: "news" not in line.lower())

    async def _read(self, type_: str, page: Page, *more: tuple[str, str]) -> Parsed:
        options = (*self._spec.options, *more)
        return await self._reader.read(
            type_, page.body, page.content_type, page.url, self._settings.zone, options=options
        )


def _with_section(one: FoundArticle, section: str) -> FoundArticle:
    return one if one.text.section else replace(one, text=replace(one.text, section=section))

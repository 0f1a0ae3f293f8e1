"""Look at the pages of articles: read them when they are new, and again for corrections and withdrawals.

In: pages whose turn it is (`database.pages`), the world. Out: articles with their whole text, revisions, withdrawals.
For each page: claim with a lease → ask robots.txt → fetch, conditionally, in its host's queue → read (in the reader's
process) → record and put the article together anew in one transaction. A page that answers 404 or 410 twice, a moment
apart, or says itself that the article was deleted, withdraws it; one that is back brings it back. Where most pages of a
source are gone at once, or none was ever read, the site is in trouble and not its news: nothing is withdrawn, and a
person is told.

`look_again` does the same for the articles of one edition just before it is composed, within a time limit for all.

Events: article.read, article.revised, article.withdrawn, article.back, page.failed. Alert: `pages:SOURCE`.
"""

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from urllib.parse import urlsplit

from digest import events
from digest.clock import Clock
from digest.collect import looks, near, robots, strange
from digest.collect.fetch import Page, fetch
from digest.collect.normalize import clean_line, shorten
from digest.collect.page import Selectors, selectors_of
from digest.collect.politeness import HostQueue, host_of
from digest.collect.reader import Reader
from digest.config import Settings
from digest.database import Database, alerts, articles, finds, most_read, pages, stories
from digest.database.identity import site_of
from digest.database.pages import Marks, PageTurn
from digest.errors import DatabaseUnavailableError, DigestError, SourceGoneError, SourceUnreadableError
from digest.models.articles import PageState, PageText, WithdrawnBy
from digest.outbound import Outbound

_AT_ONCE = 8
_PROBLEM_LETTERS = 500
_LEASE = timedelta(minutes=10)
_PAGE_SECONDS = 15.0  # who is slower keeps the other pages of its host waiting
_ASKED_AGAIN_SECONDS = 0.25
_TOO_MANY_GONE = 3  # so many of one source at once, and most of those looked at: the site is in trouble


class Seen(Enum):
    """What one look came to."""

    SAME = auto()
    READ = auto()
    REVISED = auto()
    WITHDRAWN = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class Visitor:
    """Everything a look needs; the same for all pages of a process."""

    database: Database
    outbound: Outbound
    settings: Settings
    reader: Reader
    hosts: HostQueue
    clock: Clock
    owner: str


@dataclass(frozen=True, slots=True)
class LookedAgain:
    """What came of looking at an edition's articles again. `missed`: those there was no time or no answer for."""

    revised: int
    withdrawn: int
    missed: int


@dataclass(frozen=True, slots=True)
class _Places:
    """What the looks of one pass share: room for so many pages in memory, and one asking for robots.txt per host."""

    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    robots: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))


async def visit_due(visitor: Visitor, *, limit: int = 60) -> Counter[Seen]:
    """Look at the pages that are due, up to `limit`; return what the looks came to."""
    now = visitor.clock()
    async with visitor.database.begin() as connection:
        turns = await pages.claim_due(connection, owner=visitor.owner, now=now, lease_until=now + _LEASE, limit=limit)
    return await _visit(visitor, turns)


async def look_again(visitor: Visitor, article_ids: Collection[int], *, seconds: float = 60.0) -> LookedAgain:
    """Look at these articles' pages now, for at most `seconds`; what is not done by then is given back.

    Pages that somebody else is looking at (another worker does the same for the same edition, or a command) are waited
    for: an edition that is composed before they are recorded shows what they said before.
    """
    now = visitor.clock()
    async with visitor.database.begin() as connection:
        turns = await pages.claim_these(connection, article_ids, owner=visitor.owner, now=now, lease_until=now + _LEASE)
    came: Counter[Seen] = Counter()
    others = set(article_ids) - {turn.article_id for turn in turns}
    try:
        async with asyncio.timeout(seconds):
            await _visit(visitor, turns, came)
            await _wait_for(visitor, others)
    except TimeoutError:
        async with visitor.database.begin() as connection:
            await pages.give_back(connection, turns, owner=visitor.owner)
    done = sum(came.values()) - came[Seen.FAILED]
    return LookedAgain(came[Seen.REVISED], came[Seen.WITHDRAWN], len(article_ids) - done)


async def _wait_for(visitor: Visitor, article_ids: Collection[int]) -> None:
    """Wait until nobody is looking at these articles' pages any more."""
    while True:
        async with visitor.database.read() as connection:
            if not await pages.are_looked_at(connection, article_ids, now=visitor.clock()):
                return
        await asyncio.sleep(_ASKED_AGAIN_SECONDS)


async def _visit(visitor: Visitor, turns: Sequence[PageTurn], came: Counter[Seen] | None = None) -> Counter[Seen]:
    """Look at all of `turns`, side by side, and withdraw what is gone in the end, when it is known how many are."""
    came = Counter() if came is None else came
    places = _Places()
    gone: list[PageTurn] = []

    async def look(turn: PageTurn) -> None:
        seen = await _look_at(visitor, turn, places)
        if seen is None:
            gone.append(turn)
        else:
            came[seen] += 1

    try:
        async with asyncio.TaskGroup() as group:
            for turn in turns:
                group.create_task(look(turn))
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from several  # the first ended all the others: as if there were no group
    looked = Counter(turn.source_name for turn in turns)
    missing = Counter(turn.source_name for turn in gone)
    for turn in gone:
        count = missing[turn.source_name]
        is_trouble = count >= _TOO_MANY_GONE and count > looked[turn.source_name] / 2
        came[await _is_gone(visitor, turn, is_trouble=is_trouble)] += 1
    return came


async def _look_at(visitor: Visitor, turn: PageTurn, places: _Places) -> Seen | None:
    """Take one page's turn; None: it is gone, at a second look, too. Only trouble with our own database gets out."""
    try:
        await _ask_robots(visitor, turn, places)
        try:
            return await _look_once(visitor, turn, places)
        except SourceGoneError:
            return await _look_once(visitor, turn, places)
    except DatabaseUnavailableError:
        raise
    except SourceGoneError:
        return None
    except _ClosedError as error:
        return await _failed(visitor, turn, PageState.CLOSED, str(error))
    except DigestError as error:
        return await _failed(visitor, turn, PageState.FAILED, str(error))
    except Exception as error:
        events.failure("page.failed", article_id=turn.article_id, exc_info=error)
        return await _failed(visitor, turn, PageState.FAILED, f"Not foreseen: {type(error).__name__}. See the log.")


async def _find_story(visitor: Visitor, turn: PageTurn) -> None:
    """Put the article, as it reads now, into the story that it tells with others. Others wait: an act of its own."""
    async with visitor.database.read() as connection:
        article = await articles.get_article(connection, turn.article_id)
    text = article.text
    signature = near.signature(text.title, text.body, text.excerpt, site_of(text.link))
    async with visitor.database.begin() as connection:
        place = (article.id, article.revision, signature)
        await stories.place(connection, *place, compare=near.compare, now=visitor.clock())


class _ClosedError(DigestError):
    """The site asks robots not to read this page."""


async def _ask_robots(visitor: Visitor, turn: PageTurn, places: _Places) -> None:
    """Raise `_ClosedError` where the page is not to be read; leave its host in peace for as long as the site asks."""
    if not urlsplit(turn.url).hostname:
        raise _ClosedError("The source lists no link to the article.")
    if dict(turn.options).get("read") == "no":
        raise _ClosedError("The pages of its source are not read any more (read=no).")
    async with places.robots[host_of(turn.url)]:
        rules = await robots.rules_for(visitor.database, visitor.outbound, turn.url, now=visitor.clock())
    if not robots.lets_fetch(rules, turn.url):
        raise _ClosedError("The site's robots.txt asks not to read this page.")
    if rules is not None and rules.crawl_delay_seconds is not None:
        visitor.hosts.slow_down(turn.url, rules.crawl_delay_seconds)


async def _look_once(visitor: Visitor, turn: PageTurn, places: _Places) -> Seen:
    async with _fetched(visitor, turn, places) as page:
        if page is None:
            return await _same(visitor, turn)
        digest = hashlib.sha256(page.body).hexdigest()
        if digest == turn.body_digest:
            return await _same(visitor, turn)
        said = await _read(visitor, page, selectors_of(turn.options))
        if not said.is_withdrawn:
            said = await _as_the_article(visitor, turn, said)
        return await _record(visitor, turn, said, Marks(page.etag, page.last_modified, digest))


@asynccontextmanager
async def _fetched(visitor: Visitor, turn: PageTurn, places: _Places) -> AsyncIterator[Page | None]:
    """Fetch the page; None: unchanged.

    A place in memory is taken only when it is the page's turn at its host, and kept while the page is read: who waits
    for a slow host must not keep the others from theirs.
    """
    is_readable = turn.state in (PageState.READ, PageState.THIN)
    async with AsyncExitStack() as stack:
        async with visitor.hosts.turn(turn.url):
            await stack.enter_async_context(places.gate)
            page = await fetch(
                visitor.outbound,
                turn.url,
                timeout_seconds=min(visitor.settings.fetch_timeout_seconds, _PAGE_SECONDS),
                max_bytes=visitor.settings.fetch_max_bytes,
                etag=turn.etag if is_readable else None,
                last_modified=turn.last_modified if is_readable else None,
            )
        yield page


async def _read(visitor: Visitor, page: Page, selectors: Selectors) -> PageText:
    return await visitor.reader.read_page(page.body, page.content_type, page.url, visitor.settings.zone, selectors)


async def _as_the_article(visitor: Visitor, turn: PageTurn, said: PageText) -> PageText:
    """Return what the page says as the text of the article; raise `SourceUnreadableError` where it is another page."""
    async with visitor.database.read() as connection:
        listed, before = await pages.known(connection, turn.article_id)
    if why := strange.why_strange(listed, before, said):
        raise SourceUnreadableError(why)
    return strange.as_text(before, said)


async def _same(visitor: Visitor, turn: PageTurn) -> Seen:
    now = visitor.clock()
    async with visitor.database.begin() as connection:
        is_ours = await pages.record_unchanged(connection, turn, owner=visitor.owner, at=now, next_at=_next(now, turn))
        is_back = is_ours and await articles.bring_back(connection, turn.article_id, at=now, by=WithdrawnBy.PAGE)
    if is_back:
        events.event("article.back", article_id=turn.article_id)
    return Seen.SAME


async def _record(visitor: Visitor, turn: PageTurn, said: PageText, marks: Marks) -> Seen:
    now = visitor.clock()
    is_first = turn.state not in (PageState.READ, PageState.THIN)
    async with visitor.database.begin() as connection:
        if not await pages.record_read(
            connection, turn, said, marks, owner=visitor.owner, at=now, next_at=_next(now, turn)
        ):
            return Seen.SAME
        if said.is_withdrawn:
            withdrawn = await articles.withdraw(connection, turn.article_id, at=now, by=WithdrawnBy.PAGE)
            is_back = revised = False
        else:
            withdrawn = False
            is_back = await articles.bring_back(connection, turn.article_id, at=now, by=WithdrawnBy.PAGE)
            await most_read.replace_from_page(connection, turn.source_id, said.most_read, now=now)
            revised = await finds.remake(connection, turn.article_id, now=now, is_first_reading=is_first)
    if withdrawn:
        events.event("article.withdrawn", article_id=turn.article_id, why="its page says so")
    if is_back:
        events.event("article.back", article_id=turn.article_id)
    if revised:
        events.event("article.revised", article_id=turn.article_id)
    elif is_first and not withdrawn:
        events.event("article.read", article_id=turn.article_id, thin=said.is_thin)
    if said.is_withdrawn:
        return Seen.WITHDRAWN
    if revised or is_first:
        await _find_story(visitor, turn)
    return Seen.REVISED if revised else Seen.READ


async def _is_gone(visitor: Visitor, turn: PageTurn, *, is_trouble: bool) -> Seen:
    """Withdraw an article whose page is gone, unless the whole site seems to be in trouble."""
    async with visitor.database.read() as connection:
        leads_nowhere = not await pages.any_read(connection, turn.source_id)
    if is_trouble or leads_nowhere:
        problem = "Most pages of this source's articles are gone (HTTP 404). None of the articles was withdrawn."
        seen = await _failed(visitor, turn, PageState.FAILED, problem)
        async with visitor.database.begin() as connection:
            text = f"{turn.source_name}: {problem} Look at the site; withdraw with: digest articles withdraw ID"
            await alerts.raise_once(connection, f"pages:{turn.source_name}", text, at=visitor.clock())
        return seen
    now = visitor.clock()
    async with visitor.database.begin() as connection:
        is_ours = await pages.record_failed(
            connection,
            turn,
            PageState.GONE,
            "Its page is gone (HTTP 404 or 410).",
            owner=visitor.owner,
            at=now,
            next_at=_next(now, turn),
        )
        changed = is_ours and await articles.withdraw(connection, turn.article_id, at=now, by=WithdrawnBy.PAGE)
        await alerts.resolve(connection, f"pages:{turn.source_name}", at=now)
    if changed:
        events.event("article.withdrawn", article_id=turn.article_id, why="its page is gone")
    return Seen.WITHDRAWN


async def _failed(visitor: Visitor, turn: PageTurn, state: PageState, problem: str) -> Seen:
    now = visitor.clock()
    next_at = looks.next_try_at(now, failures=turn.failures + 1)
    async with visitor.database.begin() as connection:
        await pages.record_failed(
            connection,
            turn,
            state,
            shorten(clean_line(problem), _PROBLEM_LETTERS),
            owner=visitor.owner,
            at=now,
            next_at=next_at if next_at < turn.look_until else None,
        )
    events.warning("page.failed", article_id=turn.article_id, source=turn.source_name, failures=turn.failures + 1)
    if turn.state is PageState.UNREAD and turn.failures == 0:
        await _find_story(visitor, turn)  # by what its source lists
    return Seen.FAILED


def _next(now: datetime, turn: PageTurn) -> datetime | None:
    next_at = looks.next_look_at(now, first_seen_at=turn.first_seen_at)
    return next_at if next_at < turn.look_until else None

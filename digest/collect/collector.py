"""Fetch the sources that are due and keep what is new.

In: the sources' rows, the world. Out: articles and revisions, or a source marked as failed. For each source: claim with
a lease → fetch → read (in the reader's process) → store and release in one transaction. Whatever goes wrong with one
source is recorded at that source, with the next time to try, and never stops another; after three failures in a row a
person is told (alert `source:NAME`), and the alert is closed by itself at recovery. A worker that dies in between
leaves a lease that runs out, and storing again changes nothing.

Events: source.fetched, source.unchanged, source.failed, source.recovered (numbers and the source's name)
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from digest import events
from digest.clock import Clock
from digest.collect import freshness, pictures
from digest.collect.fetch import Page, fetch
from digest.collect.normalize import clean_line, shorten
from digest.collect.reader import Reader
from digest.collect.source import Parsed
from digest.collect.sources import SOURCE_TYPES
from digest.config import Settings
from digest.database import Database, alerts, articles, most_read, sources
from digest.database.articles import Stored
from digest.errors import DatabaseUnavailableError, DigestError, SettingMistake, SettingsError, WrongStateError
from digest.models import FoundArticle, Purpose, Source, SourceSpec
from digest.outbound import Outbound

_AT_ONCE = 8
_PROBLEM_LETTERS = 1000


@dataclass(frozen=True, slots=True)
class CollectReport:
    """What came of one source's turn. `problem` is empty where all went well; `doubts` are for the operator's eyes."""

    source: str
    found: int = 0
    new: int = 0
    revised: int = 0
    doubts: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """What a source holds, looked at without keeping anything."""

    kind: str
    title: str
    articles: tuple[FoundArticle, ...]
    doubts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Turn:
    """Everything a source's turn needs; the same for all sources of a pass."""

    database: Database
    outbound: Outbound
    settings: Settings
    reader: Reader
    clock: Clock
    owner: str


async def provision(database: Database, settings: Settings, *, now: datetime) -> None:
    """Bring the stored sources in step with `SOURCES`; `SettingsError` for a type that does not exist."""
    for spec in settings.sources:
        if spec.type not in SOURCE_TYPES:
            why = f"source {spec.name}: there is no source type {spec.type!r}"
            raise SettingsError([SettingMistake("SOURCES", why, f"Write one of: {', '.join(SOURCE_TYPES)}.")])
    async with database.begin() as connection:
        await sources.provision(connection, settings.sources, now=now)


async def collect_due(
    database: Database,
    outbound: Outbound,
    settings: Settings,
    *,
    clock: Clock,
    owner: str,
    limit: int = 20,
    reader: Reader | None = None,
) -> list[CollectReport]:
    """Collect every source whose time has come, up to `limit`; returns at once where there is none.

    `reader` None: a reading process is started for this pass and ended with it. A worker hands in one that lasts.
    """
    async with database.begin() as connection:
        claimed = await sources.claim_due(connection, owner=owner, now=clock(), lease=_lease(settings), limit=limit)
    if not claimed:
        return []
    async with _lasting(reader) as lasting:
        turn = _Turn(database, outbound, settings, lasting, clock, owner)
        gate = asyncio.Semaphore(_AT_ONCE)
        outcomes = await asyncio.gather(*(_gated(gate, turn, source) for source in claimed), return_exceptions=True)
    reports = [outcome for outcome in outcomes if isinstance(outcome, CollectReport)]
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return reports


async def collect_source(
    database: Database,
    outbound: Outbound,
    settings: Settings,
    name: str,
    *,
    clock: Clock,
    owner: str,
    reader: Reader | None = None,
) -> CollectReport:
    """Collect one source now, whether due or not; `NotFoundError` if there is none of that name."""
    async with database.begin() as connection:
        await sources.get_source(connection, name)
        claimed = await sources.claim_named(connection, name, owner=owner, now=clock(), lease=_lease(settings))
    if claimed is None:
        raise WrongStateError(f"Another worker is fetching {name} at this moment. Try again in a minute.")
    async with _lasting(reader) as lasting:
        return await _collect(_Turn(database, outbound, settings, lasting, clock, owner), claimed)


async def look(outbound: Outbound, settings: Settings, spec: SourceSpec, *, reader: Reader | None = None) -> Look:
    """Fetch and read a source without storing anything; raises what fetching and reading raise."""
    page = await _fetch(outbound, settings, spec.url)
    if page is None:
        raise AssertionError("a fetch without conditions is never unchanged")
    async with _lasting(reader) as lasting:
        parsed = await _read(lasting, settings, spec, page)
    doubts = freshness.summary((*page.doubts, *parsed.doubts), parsed.articles)
    return Look(parsed.kind, parsed.title, parsed.articles, doubts)


@asynccontextmanager
async def _lasting(reader: Reader | None) -> AsyncIterator[Reader]:
    if reader is not None:
        yield reader
        return
    async with Reader() as own:
        yield own


def _lease(settings: Settings) -> timedelta:
    """Long enough for a whole pass of slow sources; a dead worker's sources wait no longer than this."""
    return timedelta(seconds=3 * settings.fetch_timeout_seconds + 60)


async def _gated(gate: asyncio.Semaphore, turn: _Turn, source: Source) -> CollectReport:
    async with gate:
        return await _collect(turn, source)


async def _collect(turn: _Turn, source: Source) -> CollectReport:
    """Take one source's turn. Only trouble with our own database gets out: there it cannot be recorded anyway."""
    try:
        page = await _fetch(turn.outbound, turn.settings, source.spec.url, source)
        if page is None:
            return await _unchanged(turn, source)
        parsed = await _read(turn.reader, turn.settings, source.spec, page)
        report = await _store(turn, source, page, parsed)
    except DatabaseUnavailableError:
        raise
    except DigestError as error:
        return await _failed(turn, source, str(error), getattr(error, "retry_after_seconds", None))
    except Exception as error:
        events.failure("source.failed", source=source.spec.name, exc_info=error)
        return await _failed(turn, source, f"Not foreseen: {error!r}. The log has the details; please report it.", None)
    if not report.problem:
        await pictures.probe_hosts(turn.database, turn.outbound, turn.settings, parsed.articles, clock=turn.clock)
    return report


async def _fetch(outbound: Outbound, settings: Settings, url: str, source: Source | None = None) -> Page | None:
    return await fetch(
        outbound,
        url,
        timeout_seconds=settings.fetch_timeout_seconds,
        max_bytes=settings.fetch_max_bytes,
        etag=source.etag if source else None,
        last_modified=source.last_modified if source else None,
    )


async def _read(reader: Reader, settings: Settings, spec: SourceSpec, page: Page) -> Parsed:
    parsed = await reader.read(spec.type, page.body, page.content_type, page.url, settings.zone)
    with_sections = tuple(
        one if one.text.section else replace(one, text=replace(one.text, section=spec.section))
        for one in parsed.articles
    )
    return replace(parsed, articles=with_sections)


async def _store(turn: _Turn, source: Source, page: Page, parsed: Parsed) -> CollectReport:
    now, name = turn.clock(), source.spec.name
    found = freshness.with_future_doubts(parsed.articles, now)
    async with turn.database.begin() as connection:
        is_ours = await sources.mark_fetched(
            connection,
            source,
            owner=turn.owner,
            at=now,
            next_fetch_at=_next(turn, failures=0),
            etag=page.etag,
            last_modified=page.last_modified,
        )
        if not is_ours:
            return CollectReport(name, problem="Another worker took this source over, or it was removed meanwhile.")
        if source.spec.purpose is Purpose.MOST_READ:
            await most_read.replace(connection, source, found, now=now)
            stored = Stored(0, 0)
        else:
            stored = await articles.store_found(connection, source, found, now=now)
        recovered = await alerts.resolve(connection, sources.alert_matter(name), at=now)
    events.event("source.fetched", source=name, found=len(found), new=stored.new, revised=stored.revised)
    _say_recovered(source, recovered)
    doubts = freshness.summary((*page.doubts, *parsed.doubts, *_nothing(found)), found)
    return CollectReport(name, len(found), stored.new, stored.revised, doubts)


async def _unchanged(turn: _Turn, source: Source) -> CollectReport:
    now, name = turn.clock(), source.spec.name
    async with turn.database.begin() as connection:
        await sources.mark_fetched(
            connection,
            source,
            owner=turn.owner,
            at=now,
            next_fetch_at=_next(turn, failures=0),
            etag=source.etag,
            last_modified=source.last_modified,
        )
        recovered = await alerts.resolve(connection, sources.alert_matter(name), at=now)
    events.event("source.unchanged", source=name)
    _say_recovered(source, recovered)
    return CollectReport(name)


async def _failed(turn: _Turn, source: Source, problem: str, retry_after_seconds: float | None) -> CollectReport:
    name, failures = source.spec.name, source.failures + 1
    problem = shorten(clean_line(problem), _PROBLEM_LETTERS)  # foreign text may stand in it
    next_fetch_at = _next(turn, failures=failures, retry_after_seconds=retry_after_seconds)
    async with turn.database.begin() as connection:
        is_ours = await sources.mark_failed(
            connection, source, owner=turn.owner, next_fetch_at=next_fetch_at, problem=problem
        )
        if is_ours and failures >= freshness.ALERT_AFTER:
            text = (
                f"The source {name} failed {failures} times in a row: {problem} "
                f"Look at it with: digest sources check {name}"
            )
            await alerts.raise_alert(connection, sources.alert_matter(name), text, at=turn.clock())
    events.warning("source.failed", source=name, failures=failures, problem=problem)
    return CollectReport(name, problem=problem)


def _next(turn: _Turn, *, failures: int, retry_after_seconds: float | None = None) -> datetime:
    return freshness.next_fetch_at(
        turn.clock(),
        interval=timedelta(seconds=turn.settings.fetch_interval_seconds),
        failures=failures,
        retry_after_seconds=retry_after_seconds,
    )


def _say_recovered(source: Source, alert_was_open: bool) -> None:
    if source.failures or alert_was_open:
        events.event("source.recovered", source=source.spec.name, after_failures=source.failures)


def _nothing(found: Sequence[FoundArticle]) -> tuple[str, ...]:
    return () if found else ("it holds no articles",)

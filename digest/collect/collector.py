"""Collect the sources that are due and keep what is new.

In: the sources' rows, the world. Out: articles and revisions, or a source marked as failed. Due sources are claimed
with a lease, some hundred at a time, and gathered side by side (`gather`): one request at a time per host, so many
documents in memory at a time. What they bring is kept in batches (`keep`) while others are still being fetched.
Whatever goes wrong with one source is recorded at that source, with the next time to try, and never stops another. A
pass begins no fetch after a minute and gives back what it did not come to. A worker that dies in between leaves
leases that run out, and storing again changes nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest import schedule
from digest.clock import Clock, monotonic_seconds
from digest.collect import freshness, pictures
from digest.collect.gather import Gathered, Gatherer, gather, read_wholly
from digest.collect.keep import CollectReport, Keeper, keep
from digest.collect.page import check_selectors, selectors_of
from digest.collect.politeness import HostQueue
from digest.collect.reader import Reader
from digest.collect.sources import SOURCE_TYPES
from digest.config import Settings
from digest.database import Database, sources, turns
from digest.errors import SettingMistake, SettingsError, WrongStateError
from digest.models.articles import FoundArticle
from digest.models.sources import Source, SourceSpec
from digest.outbound import Outbound

__all__ = ["CollectReport", "Look", "collect_due", "collect_source", "host_queue", "look", "provision"]

_AT_ONCE = 16  # documents in memory at a time, of up to FETCH_MAX_BYTES each
_PASS_SECONDS = 60.0
_BATCH = 200
_BATCH_ARTICLES = 1000  # new ones; a first pass brings fifty a source
_BATCH_SECONDS = 1.0  # each batch costs a dozen statements, however much is in it


@dataclass(frozen=True, slots=True)
class Look:
    """What a source holds, looked at without keeping anything."""

    kind: str
    title: str
    articles: tuple[FoundArticle, ...]
    doubts: tuple[str, ...]


async def provision(database: Database, settings: Settings, *, now: datetime) -> None:
    """Bring the stored sources in step with `SOURCES`.

    Raises `SettingsError` for a type that does not exist, or for what is no CSS selector.
    """
    mistakes = [mistake for spec in settings.sources for mistake in _mistakes(spec)]
    if mistakes:
        raise SettingsError(mistakes)
    async with database.begin() as connection:
        await sources.provision(connection, settings.sources, now=now)


def _mistakes(spec: SourceSpec) -> list[SettingMistake]:
    if spec.type not in SOURCE_TYPES:
        why = f"source {spec.name}: there is no source type {spec.type!r}"
        return [SettingMistake("SOURCES", why, f"Write one of: {', '.join(SOURCE_TYPES)}.")]
    try:
        check_selectors(selectors_of(spec.options))
    except SettingsError as error:
        return [
            SettingMistake("SOURCES", f"source {spec.name}: {one.name}={one.why}", one.instead)
            for one in error.mistakes
        ]
    return []


def host_queue(settings: Settings) -> HostQueue:
    """Return the queue of hosts that all fetching of a process shares."""
    return HostQueue(pause_seconds=settings.fetch_pause_seconds, private_hosts=settings.private_hosts)


async def collect_due(
    database: Database,
    outbound: Outbound,
    settings: Settings,
    *,
    clock: Clock,
    owner: str,
    limit: int = 200,
    reader: Reader | None = None,
    hosts: HostQueue | None = None,
) -> list[CollectReport]:
    """Collect every source whose time has come, `limit` at a time; returns at once where there is none.

    `reader` None: a reading process is started for this pass and ended with it. A worker hands in one that lasts, and
    the queue of hosts that it shares with all its fetching.
    """
    until = monotonic_seconds() + _PASS_SECONDS
    reports: list[CollectReport] = []
    async with _lasting(reader) as lasting:
        gate = asyncio.Semaphore(_AT_ONCE)
        gatherer = Gatherer(outbound, settings, lasting, hosts or host_queue(settings), gate, until)
        keeper = Keeper(database, settings, clock, owner, _cutoffs(settings, clock()))
        while monotonic_seconds() < until:
            async with database.begin() as connection:
                lease = _lease(settings)
                claimed = await sources.claim_due(connection, owner=owner, now=clock(), lease=lease, limit=limit)
            if not claimed:
                break
            reports += await _collect(gatherer, keeper, claimed)
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
    hosts: HostQueue | None = None,
) -> CollectReport:
    """Collect one source now, whether due or not; `NotFoundError` if there is none of that name."""
    async with database.begin() as connection:
        await sources.get_source(connection, name)
        claimed = await sources.claim_named(connection, name, owner=owner, now=clock(), lease=_lease(settings))
    if claimed is None:
        raise WrongStateError(f"Another worker is fetching {name} at this moment. Try again in a minute.")
    async with _lasting(reader) as lasting:
        gatherer = Gatherer(outbound, settings, lasting, hosts or host_queue(settings), asyncio.Semaphore(1))
        keeper = Keeper(database, settings, clock, owner, _cutoffs(settings, clock()))
        (report,) = await _collect(gatherer, keeper, [claimed])
    return report


async def look(outbound: Outbound, settings: Settings, spec: SourceSpec, *, reader: Reader | None = None) -> Look:
    """Fetch and read a source without storing anything; raises what fetching and reading raise."""
    async with _lasting(reader) as lasting:
        gatherer = Gatherer(outbound, settings, lasting, host_queue(settings), asyncio.Semaphore(1))
        page, parsed = await read_wholly(gatherer, spec)
    doubts = freshness.summary((*page.doubts, *parsed.doubts), parsed.articles)
    return Look(parsed.kind, parsed.title, parsed.articles, doubts)


@asynccontextmanager
async def _lasting(reader: Reader | None) -> AsyncIterator[Reader]:
    if reader is not None:
        yield reader
        return
    async with Reader() as own:  # starts its process at the first document only
        yield own


def _lease(settings: Settings) -> timedelta:
    """Long enough for a pass in which the last fetch and the last reading are slow; the dead block no longer."""
    return timedelta(seconds=3 * settings.fetch_timeout_seconds + _PASS_SECONDS + 60)


def _cutoffs(settings: Settings, now: datetime) -> tuple[datetime, ...]:
    """Return when each slot chooses its articles next."""
    planned = (
        (slot, schedule.next_planned(slot.crontab, settings.zone, after=now + slot.cutoff))
        for slot in settings.editions
    )
    return tuple(at - slot.cutoff for slot, at in planned if at is not None)


async def _collect(gatherer: Gatherer, keeper: Keeper, claimed: Sequence[Source]) -> list[CollectReport]:
    """Gather the claimed sources side by side and keep them in batches, as they come."""
    came: asyncio.Queue[Gathered | None] = asyncio.Queue()
    not_begun: list[Source] = []
    waiting = 0

    def changed(articles: int) -> None:
        """Have no more fetched while many articles wait to be kept."""
        nonlocal waiting
        waiting += articles
        if waiting < _BATCH_ARTICLES:
            gatherer.room.set()
        else:
            gatherer.room.clear()

    async def take(source: Source) -> None:
        gathered = await gather(gatherer, source)
        if gathered is None:
            not_begun.append(source)
        else:
            changed(len(gathered.found))
            came.put_nowait(gathered)

    async def take_all() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for source in claimed:
                    group.create_task(take(source))
        finally:
            came.put_nowait(None)

    taking = asyncio.create_task(take_all())
    try:
        reports = await _keep_as_they_come(gatherer, keeper, came, changed)
        await taking
    finally:
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
    if not_begun:
        async with keeper.database.begin() as connection:
            await turns.give_back(connection, not_begun, owner=keeper.owner)
    return reports


async def _keep_as_they_come(
    gatherer: Gatherer, keeper: Keeper, came: asyncio.Queue[Gathered | None], changed: Callable[[int], None]
) -> list[CollectReport]:
    reports: list[CollectReport] = []
    is_over = False
    while not is_over:
        batch = [await came.get()]
        count = _articles(batch[-1])
        try:
            async with asyncio.timeout(_BATCH_SECONDS):
                while batch[-1] is not None and len(batch) < _BATCH and count < _BATCH_ARTICLES:
                    batch.append(await came.get())
                    count += _articles(batch[-1])
        except TimeoutError:
            pass
        is_over = batch[-1] is None
        gathered = [one for one in batch if one is not None]
        if gathered:
            kept = await keep(keeper, gathered)
            reports += kept
            changed(-count)
            found = [one.found for one, it in zip(gathered, kept, strict=True) if not it.problem]
            await pictures.probe_hosts(
                keeper.database,
                gatherer.outbound,
                keeper.settings,
                found,
                clock=keeper.clock,
                looked_at=keeper.picture_hosts,
            )
    return reports


def _articles(gathered: Gathered | None) -> int:
    return len(gathered.found) if gathered else 0

"""Keep what was gathered: articles, the state of each source, the time of its next turn. Many sources at once.

Most turns bring nothing or only new articles: those of a batch are kept in one transaction of few statements. What is
left (known articles, rankings, failures) goes the ordinary way in another one; if that fails, each source is kept
alone, so that the one at fault is found and costs only its own turn. Only what this worker still holds is kept. After
three failures in a row a person is told (alert `source:NAME`), after two weeks of them the source is given up; the
alert is closed by itself at recovery. That one has moved for good is told once, too (`moved:NAME`).

Events: source.fetched, source.unchanged, source.batch_failed, source.failed, source.given_up, source.recovered
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from digest import events
from digest.clock import Clock
from digest.collect import freshness
from digest.collect.fetch import MOVED
from digest.collect.gather import Gathered
from digest.collect.normalize import clean_line, shorten
from digest.config import Settings
from digest.database import Database, alerts, arrivals, finds, most_read, sources, turns
from digest.database.connection import Connection, PlainConnection
from digest.database.finds import Stored
from digest.database.turns import Fetched
from digest.errors import DatabaseUnavailableError
from digest.models.articles import FoundArticle
from digest.models.sources import Purpose, Source

_PROBLEM_LETTERS = 1000
_NOTHING = Stored(0, 0)


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
class Keeper:
    """What keeping needs. `cutoffs` are the times at which editions choose their articles next.

    `picture_hosts` are those that were looked at in this pass already (`pictures`).
    """

    database: Database
    settings: Settings
    clock: Clock
    owner: str
    cutoffs: tuple[datetime, ...] = ()
    picture_hosts: set[str] = field(default_factory=set)


async def keep(keeper: Keeper, batch: Sequence[Gathered]) -> list[CollectReport]:
    """Keep a batch, and return what came of each. Only trouble with our own database is raised."""
    try:
        reports = await _keep_what_is_new(keeper, batch)
    except DatabaseUnavailableError:
        raise
    except Exception as error:  # nothing of it was kept: which of them is at fault, the ordinary way finds out
        events.failure("source.batch_failed", exc_info=error, sources=len(batch))
        reports = {}
    rest = [one for one in batch if one.source.id not in reports]
    if rest:
        reports |= zip((one.source.id for one in rest), await _keep_carefully(keeper, rest), strict=True)
    await _tell_moves(keeper, batch)
    return [reports[one.source.id] for one in batch]


async def _tell_moves(keeper: Keeper, batch: Sequence[Gathered]) -> None:
    """Tell a person once of each source that has another address now: the old one will end some day."""
    for one in batch:
        if moved := next((doubt for doubt in one.doubts if doubt.startswith(MOVED)), ""):
            name = one.source.spec.name
            text = f"The source {name} {shorten(clean_line(moved), _PROBLEM_LETTERS)}, before the old one ends."
            async with keeper.database.begin() as connection:
                await alerts.raise_once(connection, sources.moved_matter(name), text, at=keeper.clock())


async def _keep_what_is_new(keeper: Keeper, batch: Sequence[Gathered]) -> dict[int, CollectReport]:
    """Keep all that brings nothing, or new articles only: nearly everything, and few statements (`Database.write`).

    What is missing in the answer was not kept.
    """
    now = keeper.clock()
    new = [
        (one, freshness.with_future_doubts(one.found, now))
        for one in batch
        if not one.problem and (one.is_unchanged or one.source.spec.purpose is not Purpose.MOST_READ)
    ]

    def act(connection: PlainConnection) -> tuple[dict[int, Stored], set[str]]:
        ours = turns.still_ours(connection, [one.source for one, _found in new], owner=keeper.owner)
        arrived = [(one.source, found) for one, found in new if found and one.source.id in ours]
        stored = arrivals.store(connection, arrived, now=now) if arrived else {}
        stored |= {one.source.id: _NOTHING for one, found in new if not found and one.source.id in ours}
        kept = [one for one, _found in new if one.source.id in stored]
        return stored, _note_fetched(connection, keeper, kept, stored, now)

    if not new:
        return {}
    stored, recovered = await keeper.database.write(act)
    return {
        one.source.id: _told(one, stored[one.source.id], found, recovered)
        for one, found in new
        if one.source.id in stored
    }


async def _keep_carefully(keeper: Keeper, batch: Sequence[Gathered]) -> list[CollectReport]:
    """Keep a batch the ordinary way; if that fails, each alone, and the one at fault as a failure of its source."""
    try:
        return await _keep_together(keeper, batch)
    except DatabaseUnavailableError:
        raise
    except Exception as error:
        if len(batch) == 1:
            (one,) = batch
            events.failure("source.failed", source=one.source.spec.name, exc_info=error)
            problem = f"Not foreseen: {error!r}. The log has the details; please report it."
            return await _keep_together(keeper, [Gathered(one.source, problem=problem)])
    return [report for one in batch for report in await _keep_carefully(keeper, [one])]


async def _keep_together(keeper: Keeper, batch: Sequence[Gathered]) -> list[CollectReport]:
    now = keeper.clock()
    found = {one.source.id: freshness.with_future_doubts(one.found, now) for one in batch}
    held = [one.source for one in batch]
    async with keeper.database.begin() as connection:
        ours = await connection.run_sync(partial(turns.still_ours, held=held, owner=keeper.owner))
        good = [one for one in batch if one.source.id in ours and not one.problem]
        stored = {one.source.id: await _store(connection, one, found[one.source.id], now) for one in good}
        recovered = await connection.run_sync(_note_fetched, keeper, good, stored, now)
        for one in batch:
            if one.source.id in ours and one.problem:
                await _note_failure(connection, keeper, one, now)
    return [
        _told(one, stored.get(one.source.id, _NOTHING), found[one.source.id], recovered)
        if one.source.id in ours
        else CollectReport(
            one.source.spec.name, problem="Another worker took this source over, or it was removed meanwhile."
        )
        for one in batch
    ]


async def _store(connection: Connection, one: Gathered, found: tuple[FoundArticle, ...], now: datetime) -> Stored:
    if one.source.spec.purpose is not Purpose.MOST_READ:
        return await finds.store_found(connection, one.source, found, now=now) if found else _NOTHING
    if not one.is_unchanged:
        await most_read.replace(connection, one.source, found, now=now)
    return _NOTHING


def _note_fetched(
    connection: PlainConnection,
    keeper: Keeper,
    good: Sequence[Gathered],
    stored: Mapping[int, Stored],
    now: datetime,
) -> set[str]:
    """Record that these sources answered and could be read; return the matters of alerts that are over by that."""
    marks = [_fetched(keeper, one, stored[one.source.id], now) for one in good]
    turns.mark_fetched(connection, marks, owner=keeper.owner, at=now)
    matters = [sources.alert_matter(one.source.spec.name) for one in good]
    # An answer that nothing has changed does not say where it came from.
    stayed = [one for one in good if not one.is_unchanged and not any(doubt.startswith(MOVED) for doubt in one.doubts)]
    matters += [sources.moved_matter(one.source.spec.name) for one in stayed]
    return alerts.resolve_all(connection, matters, at=now) if matters else set()


def _fetched(keeper: Keeper, one: Gathered, stored: Stored, now: datetime) -> Fetched:
    source, bounds = one.source, _bounds(keeper.settings)
    interval = timedelta(seconds=source.interval_seconds) if source.interval_seconds else None
    # The first document and rankings say nothing about how often there are news.
    if source.first_fetched_at is not None and source.spec.purpose is not Purpose.MOST_READ:
        interval = freshness.next_interval(interval, bounds, has_brought=bool(stored.new or stored.revised))
    next_fetch_at = freshness.planned(
        now,
        interval=interval or bounds.start,
        quiet_seconds=one.quiet_seconds,
        cutoffs=keeper.cutoffs,
        source_id=source.id,
    )
    seconds = interval.total_seconds() if interval else None
    return Fetched(source, next_fetch_at, one.etag, one.last_modified, seconds, one.memory)


def _bounds(settings: Settings) -> freshness.Bounds:
    return freshness.Bounds(
        timedelta(seconds=settings.fetch_interval_seconds),
        timedelta(seconds=settings.fetch_interval_shortest_seconds),
        timedelta(seconds=settings.fetch_interval_longest_seconds),
    )


async def _note_failure(connection: Connection, keeper: Keeper, one: Gathered, now: datetime) -> None:
    source, name = one.source, one.source.spec.name
    failures, problem = source.failures + 1, _problem(one)
    is_given_up = source.given_up_at is None and freshness.is_given_up(
        now, failing_since=source.failing_since, failures=failures
    )
    was_given_up = source.given_up_at is not None
    next_fetch_at = freshness.next_fetch_at(
        now,
        interval=timedelta(seconds=source.interval_seconds or keeper.settings.fetch_interval_seconds),
        failures=failures,
        retry_after_seconds=one.retry_after_seconds,
        is_given_up=is_given_up or was_given_up,
    )
    await turns.mark_failed(
        connection,
        source,
        owner=keeper.owner,
        at=now,
        next_fetch_at=next_fetch_at,
        problem=problem,
        is_given_up=is_given_up,
    )
    if failures >= freshness.ALERT_AFTER:
        what = f"The source {name} failed {failures} times in a row: {problem} "
        then = f"Look at it with: digest sources check {name}"
        if is_given_up or was_given_up:
            days = freshness.GIVE_UP_AFTER.days
            then = (
                f"After {days} days it was given up: it is looked at once a day, without another word, and goes on by"
                f" itself once it can be read. Repair its address, or try it now with: digest collect {name}"
            )
        is_news = failures == freshness.ALERT_AFTER or is_given_up
        if is_news:
            await alerts.raise_alert(connection, sources.alert_matter(name), what + then, at=now)
        else:
            await alerts.raise_once(connection, sources.alert_matter(name), what + then, at=now)
    if is_given_up:
        events.warning("source.given_up", source=name, failures=failures)


def _told(one: Gathered, stored: Stored, found: Sequence[FoundArticle], recovered: set[str]) -> CollectReport:
    """Say in the log what came of a turn, once it is stored, and report it."""
    source, name = one.source, one.source.spec.name
    if one.problem:
        problem = _problem(one)
        events.warning("source.failed", source=name, failures=source.failures + 1, problem=problem)
        return CollectReport(name, problem=problem)
    count = len(found) + one.known
    if one.is_unchanged:
        events.event("source.unchanged", source=name)
        doubts = one.doubts
    else:
        events.event("source.fetched", source=name, found=count, new=stored.new, revised=stored.revised)
        nothing = () if count else ("it holds no articles",)
        doubts = freshness.summary((*one.doubts, *nothing), found)
    _say_recovered(source, sources.alert_matter(name) in recovered)
    return CollectReport(name, count, stored.new, stored.revised, doubts)


def _problem(one: Gathered) -> str:
    return shorten(clean_line(one.problem), _PROBLEM_LETTERS)  # foreign text may stand in it


def _say_recovered(source: Source, alert_was_open: bool) -> None:
    if source.failures or alert_was_open:
        events.event("source.recovered", source=source.spec.name, after_failures=source.failures)

"""What Prometheus is told (`/metrics`): gathered from the database, so that any process answers for all workers.

In: the database. Out: the text format. A gathering is kept for five seconds, and one that took long for twenty times as
long as it took, so that however often somebody asks, asking stays a small part of the work beside an edition of a
million. Two who ask at once share one gathering. Whoever would have to wait long for it is told the numbers of before,
and how old they are is a number, too; the gathering goes on. An edition that was through an hour ago is counted every
ten minutes. Labels are slots, states, lanes and providers only.

Beside an edition of a million a gathering takes longer than Prometheus waits. Counts kept by the sender's commits would
be quicker to read, but every way in which a delivery changes would have to keep them, too, or the numbers were wrong.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from digest import __version__
from digest.clock import Clock, monotonic_seconds
from digest.database import Database, figures, progress
from digest.database.figures import Figures
from digest.database.progress import Progress
from digest.models.deliveries import DeliveryState
from digest.models.editions import EditionState
from digest.models.readers import SubscriberState

_KEPT_SECONDS = 5.0
_WAIT_SECONDS = 5.0  # Prometheus gives up after ten, the page after nine
_SHARE = 20
_ENDED_KEPT_SECONDS = 600.0
_ENDED_BEFORE = timedelta(hours=1)
_OTHERS = "other"


class Metrics:
    """Gathers for one process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._gathering: asyncio.Task[bytes] | None = None
        self._text, self._good_until = b"", 0.0
        self._ended: dict[int, tuple[float, Progress]] = {}

    async def exposition(self) -> bytes:
        """Return all numbers as text. Raises `DatabaseUnavailableError` while the database is away."""
        if self._text and monotonic_seconds() < self._good_until:
            return self._text
        # A task of its own: who gives up waiting must not end it, or the next would have to begin anew for ever.
        if self._gathering is None or self._gathering.done():
            self._gathering = asyncio.create_task(self._renew())
        task = self._gathering
        done, _ = await asyncio.wait({task}, timeout=_WAIT_SECONDS if self._text else None)
        return task.result() if done else self._text

    async def _renew(self) -> bytes:
        began = monotonic_seconds()
        try:
            self._text = await self._gather()
        except BaseException:
            self._text = b""  # not known now
            raise
        ended = monotonic_seconds()
        self._good_until = ended + max(_KEPT_SECONDS, _SHARE * (ended - began))
        return self._text

    async def _gather(self) -> bytes:
        now = self._clock()
        async with self._database.read() as connection:
            found = await figures.gather(connection, now=now)
            shown = await figures.shown_editions(connection, now=now)
        sent = [(slot, await self._progress(edition_id, done_at, now)) for edition_id, slot, done_at in shown]
        self._ended = {key: kept for key, kept in self._ended.items() if key in {each[0] for each in shown}}
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Fixed([*_of_service(found, now), *_of_readers(found), *_of_editions(sent, found)]))
        return generate_latest(registry)

    async def _progress(self, edition_id: int, done_at: datetime | None, now: datetime) -> Progress:
        kept = self._ended.get(edition_id)
        is_over = done_at is not None and done_at < now - _ENDED_BEFORE
        if is_over and kept and monotonic_seconds() - kept[0] < _ENDED_KEPT_SECONDS:
            return kept[1]
        async with self._database.read() as connection:
            found = await progress.of_edition(connection, edition_id, now=now, by_domain=False)
        if is_over:
            self._ended[edition_id] = (monotonic_seconds(), found)
        return found


class _Fixed:
    """A collector of what is gathered already."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _gauge(name: str, says: str, labels: tuple[str, ...], rows: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    metric = GaugeMetricFamily(f"digest_{name}", says, labels=labels)
    for values, number in rows:
        metric.add_metric(values, number)
    return metric


def _age(at: datetime | None, now: datetime) -> float:
    return max(0.0, (now - at).total_seconds()) if at else 0.0


def _of_service(found: Figures, now: datetime) -> list[Metric]:
    lanes = found.waiting.items()
    fetched = [((), _age(found.last_fetch_at, now))] if found.last_fetch_at else []
    return [
        _gauge("build_info", "This release.", ("version",), [((__version__,), 1)]),
        _gauge("gathered_timestamp_seconds", "When these numbers were true.", (), [((), now.timestamp())]),
        _gauge(
            "waiting",
            "Deliveries that wait and may go out.",
            ("lane",),
            [((lane,), each.count) for lane, each in lanes],
        ),
        _gauge(
            "oldest_waiting_seconds",
            "How long the oldest delivery that is due has been waiting.",
            ("lane",),
            [((lane,), _age(each.oldest_due_at, now)) for lane, each in lanes],
        ),
        _gauge(
            "sources",
            "Active sources, by whether their last fetch worked.",
            ("state",),
            [(("ok",), found.sources_ok), (("failing",), found.sources_failing)],
        ),
        _gauge("last_fetch_age_seconds", "Time since any source was fetched with success.", (), fetched),
        _gauge("open_alerts", "Matters that wait for a person.", (), [((), found.open_alerts)]),
        _gauge(
            "editions",
            "Editions by state.",
            ("state",),
            [((state,), found.editions.get(state, 0)) for state in EditionState],
        ),
    ]


def _of_readers(found: Figures) -> list[Metric]:
    return [
        _gauge(
            "subscribers",
            "Subscribers by state.",
            ("state",),
            [((state,), found.subscribers.get(state, 0)) for state in SubscriberState],
        ),
        _gauge(
            "inbound_mails",
            "Mails that came back within the last 30 days, by what became of them; kept: not acted upon yet.",
            ("door", "outcome"),
            [((door, outcome), number) for (door, outcome), number in sorted(found.inbound.items())],
        ),
        _gauge(
            "notices",
            "Bounces, refusals and complaints of the last half year that were heard, by class and cause.",
            ("class", "cause"),
            [((kind, cause), number) for kind, cause, number in found.notices],
        ),
    ]


def _of_editions(sent: list[tuple[str, Progress]], found: Figures) -> list[Metric]:
    states: Counter[tuple[str, DeliveryState]] = Counter()
    outcomes: Counter[tuple[str, DeliveryState]] = Counter()
    for slot, edition in sent:
        for each in edition.domains:
            for state, number in each.by_state.items():
                states[(slot, state)] += number
            outcomes[(each.provider or _OTHERS, DeliveryState.ACCEPTED)] += each.accepted_last_hour
    for (provider, outcome), number in found.troubles.items():
        outcomes[(provider or _OTHERS, outcome)] += number
    return [
        _gauge(
            "deliveries",
            "Deliveries of editions that go out or ended within a day.",
            ("slot", "state"),
            [((slot, state), number) for (slot, state), number in sorted(states.items())],
        ),
        _gauge(
            "outcomes_last_hour",
            "What came of attempts at editions' deliveries within the last hour.",
            ("provider", "outcome"),
            [((provider, outcome), number) for (provider, outcome), number in sorted(outcomes.items())],
        ),
        _gauge(
            "accepted_last_minute",
            "Deliveries of editions that were accepted within the last minute.",
            (),
            [((), sum(edition.accepted_last_minute for _, edition in sent))],
        ),
    ]

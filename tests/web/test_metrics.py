"""`/metrics`: the numbers, and who may read them."""

import asyncio
from datetime import datetime, timedelta

import httpx2
import pytest

from digest.config import Settings
from digest.database import Connection, Database, figures
from digest.errors import DatabaseUnavailableError
from digest.models.deliveries import DeliveryState
from digest.operate.metrics import Metrics
from digest.web import app
from digest.web.metrics import Gather
from tests.support import ledger
from tests.support.clock import StoppedClock
from tests.web.conftest import BASE_URL

pytestmark = pytest.mark.anyio

TOKEN = "a-token-only-for-tests"


def _client(
    database: Database, settings: Settings, clock: StoppedClock, gather: Gather, *, address: str = "127.0.0.1"
) -> httpx2.AsyncClient:
    built = app.build(
        database=database, settings=settings, clock=clock, sample_started_at=None, outbox_dir=None, metrics=gather
    )
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=built, client=(address, 50_000)), base_url=BASE_URL)


async def test_numbers_are_the_ledgers(database: Database, settings: Settings, clock: StoppedClock) -> None:
    """What a rule of an alarm hangs on: names, labels and values; no address and no domain among them."""
    edition = await ledger.make_edition(database, at=clock(), readers=4)
    now = clock.advance(minutes=5)
    await ledger.set_deliveries(
        database, edition.delivery_ids[:2], state=DeliveryState.ACCEPTED, settled_at=now, provider="naver.com"
    )
    await ledger.set_deliveries(database, edition.delivery_ids[:1], settled_at=now - timedelta(minutes=3))
    await ledger.make_single(database, at=clock())

    async with _client(database, settings, clock, Metrics(database, clock).exposition) as client:
        answer = await client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    for line in (
        'digest_deliveries{slot="morning",state="accepted"} 2.0',
        'digest_deliveries{slot="morning",state="queued"} 2.0',
        'digest_outcomes_last_hour{outcome="accepted",provider="naver.com"} 2.0',
        "digest_accepted_last_minute 1.0",
        'digest_waiting{lane="bulk"} 2.0',
        'digest_waiting{lane="first"} 1.0',
        'digest_oldest_waiting_seconds{lane="bulk"} 300.0',
        'digest_editions{state="released"} 1.0',
        'digest_subscribers{state="active"} 4.0',
        "digest_open_alerts 0.0",
    ):
        assert line in lines, line
    assert _gathered_at(answer.text) == clock().timestamp()
    assert "@" not in answer.text
    assert ".example" not in answer.text


async def test_who_gives_up_waiting_does_not_end_the_gathering(
    database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside an edition of a million it takes longer than Prometheus waits: every scrape would begin anew for ever."""
    metrics, may_go_on = Metrics(database, clock), asyncio.Event()
    gather = figures.gather

    async def slow_gather(connection: Connection, *, now: datetime) -> figures.Figures:
        await may_go_on.wait()
        return await gather(connection, now=now)

    monkeypatch.setattr(figures, "gather", slow_gather)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await metrics.exposition()
    began_at = clock()
    clock.advance(minutes=1)  # a second gathering would have this time
    may_go_on.set()
    assert _gathered_at((await metrics.exposition()).decode()) == began_at.timestamp()


async def test_a_slow_gathering_is_not_waited_for_where_older_numbers_are_known(
    database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They say how old they are."""
    for name in ("_WAIT_SECONDS", "_KEPT_SECONDS", "_SHARE"):
        monkeypatch.setattr(f"digest.operate.metrics.{name}", 0)
    metrics, may_go_on = Metrics(database, clock), asyncio.Event()
    before, gather = await metrics.exposition(), figures.gather

    async def slow_gather(connection: Connection, *, now: datetime) -> figures.Figures:
        await may_go_on.wait()
        return await gather(connection, now=now)

    monkeypatch.setattr(figures, "gather", slow_gather)
    clock.advance(minutes=1)
    meanwhile = await metrics.exposition()
    may_go_on.set()
    monkeypatch.setattr("digest.operate.metrics._WAIT_SECONDS", 60)
    afterwards = await metrics.exposition()
    assert meanwhile == before
    assert _gathered_at(afterwards.decode()) == clock().timestamp()


async def test_numbers_of_before_are_not_told_while_the_database_is_away(
    database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gap is true, an old number that looks new is not."""
    for name in ("_KEPT_SECONDS", "_SHARE"):
        monkeypatch.setattr(f"digest.operate.metrics.{name}", 0)
    metrics = Metrics(database, clock)
    await metrics.exposition()

    async def away(*_: object, **__: object) -> figures.Figures:
        raise DatabaseUnavailableError("gone")

    monkeypatch.setattr(figures, "gather", away)
    for _ in range(2):
        with pytest.raises(DatabaseUnavailableError):
            await metrics.exposition()


async def test_strangers_are_told_there_is_no_such_page(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """Numbers of readers are nobody else's."""

    async with _client(database, settings, clock, _numbers, address="211.33.7.1") as client:
        assert (await client.get("/metrics")).status_code == 404


async def test_with_a_token_only_who_brings_it_is_answered(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """From anywhere with it, from nowhere without it."""
    with_token = Settings.model_validate({**settings.model_dump(), "metrics_token": TOKEN})
    async with _client(database, with_token, clock, _numbers, address="211.33.7.1") as client:
        good = await client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        wrong = await client.get("/metrics", headers={"Authorization": "Bearer x"})
        none = await client.get("/metrics")
    assert (good.status_code, wrong.status_code, none.status_code) == (200, 401, 401)


async def test_a_database_that_is_away_is_503(database: Database, settings: Settings, clock: StoppedClock) -> None:
    """A scrape shows a gap then, not a fault of ours."""

    async def away() -> bytes:
        raise DatabaseUnavailableError("gone")

    async with _client(database, settings, clock, away) as client:
        assert (await client.get("/metrics")).status_code == 503


def _gathered_at(text: str) -> float:
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith("digest_gathered_timestamp"))


async def _numbers() -> bytes:
    return b"digest_up 1\n"

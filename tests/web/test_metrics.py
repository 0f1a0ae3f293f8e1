"""`/metrics`: the numbers, and who may read them."""

from datetime import timedelta

import httpx2
import pytest

from digest.config import Settings
from digest.database import Database
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
    assert "@" not in answer.text
    assert ".example" not in answer.text


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


async def _numbers() -> bytes:
    return b"digest_up 1\n"

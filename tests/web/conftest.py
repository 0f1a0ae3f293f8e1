"""The app as a browser meets it, on both databases and in the loop of the test."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from digest.config import Settings
from digest.database import Database
from digest.web import app
from tests.support.clock import StoppedClock
from tests.support.settings import make_settings

BASE_URL = "http://127.0.0.1:8000"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(
        data_dir=tmp_path / "var",
        sample=True,
        newspaper_site="https://www.gaon.example",
        sources="gaon | feed | https://www.gaon.example/rss | pictures=img.gaon.example",
    )


@pytest.fixture
async def client(database: Database, settings: Settings, clock: StoppedClock) -> AsyncIterator[httpx2.AsyncClient]:
    async with browser(database, settings, clock) as opened:
        yield opened


def browser(
    database: Database, settings: Settings, clock: StoppedClock, *, address: str = "127.0.0.1"
) -> httpx2.AsyncClient:
    """Open a browser at `address` in front of a freshly built app."""
    built = app.build(
        database=database,
        settings=settings,
        clock=clock,
        sample_started_at=clock() if settings.sample else None,
        outbox_dir=settings.data_dir / "outbox",
    )
    transport = httpx2.ASGITransport(app=built, client=(address, 50_000), raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url=BASE_URL)

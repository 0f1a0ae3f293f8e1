"""What the tests of commands share."""

import asyncio
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.clock import StoppedClock
from tests.support.commands import Commands
from tests.support.feed_server import FeedServer


@pytest.fixture
def commands(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """The commands in an empty folder, on a fresh database of each kind."""
    monkeypatch.chdir(tmp_path)
    return Commands(tmp_path, database_url)


@pytest.fixture
def commands_on_sqlite(tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """The same on SQLite alone, for what has nothing to do with the kind of database."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "digest.sqlite3"
    shutil.copy(migrated_sqlite, path)
    return Commands(tmp_path, f"sqlite:///{path}")


@pytest.fixture
def just_now() -> StoppedClock:
    """Commands ask the real clock, so what they find must have happened shortly before."""
    return StoppedClock(datetime.now(UTC) - timedelta(minutes=5))


@pytest.fixture
def feed() -> Iterator[FeedServer]:
    """A newspaper's server on a thread of its own: commands run an event loop themselves."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = FeedServer()
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
    server.publish(["다리 개통", "예산 의결"], datetime.now(UTC))
    yield server
    asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def near(commands_on_sqlite: Commands, feed: FeedServer) -> Commands:
    """Commands that may fetch from the server of this test."""
    commands_on_sqlite.settings["PRIVATE_HOSTS"] = f"127.0.0.1:{feed.port}"
    return commands_on_sqlite

"""What the tests of commands share."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.clock import StoppedClock
from tests.support.commands import Commands


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

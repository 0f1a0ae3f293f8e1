"""The ledger cannot be written: nothing is sent that is not stored, and nothing that was sent is forgotten."""

import asyncio
import shutil
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from digest.database import Database, connection, results
from digest.deliver import sender as sending
from digest.deliver.sender import Sender
from digest.deliver.settle import settle
from digest.errors import DatabaseUnavailableError
from digest.models.deliveries import DeliveryState
from tests.support import ledger
from tests.support.clock import StoppedClock
from tests.support.relay import relay_to
from tests.support.settings import make_settings
from tests.support.smtp_server import HostileServer, Received

pytestmark = pytest.mark.anyio

_NO_LIMIT = 1_073_741_823


@pytest.fixture
def sqlite_path(migrated_sqlite: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(migrated_sqlite, tmp_path / "digest.sqlite3"))


@pytest.fixture
async def sqlite(sqlite_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """A SQLite database that does not wait long for a lock, neither by SQLite's own waiting nor by ours."""
    monkeypatch.setattr(connection, "_BUSY_TIMEOUT_SECONDS", 0.02)
    database = Database.open(f"sqlite:///{sqlite_path}")
    _on_each_use(database, lambda: "PRAGMA busy_timeout=20")
    yield database
    await database.close()


def _on_each_use(database: Database, pragma: Any) -> None:
    def run(dbapi_connection: Any, _record: object, _proxy: object) -> None:
        cursor = dbapi_connection.cursor()
        cursor.execute(pragma())
        cursor.close()

    for engine in (database.engine.sync_engine, database.plain_engine):
        sa.event.listen(engine, "checkout", run)


def _sender(database: Database, server: HostileServer, clock: StoppedClock) -> Sender:
    return Sender(database, make_settings(smtp_connections=3), relay_to(server), clock=clock, owner="a")


async def test_a_full_disk_stops_the_sending_and_forgets_no_result(sqlite: Database, clock: StoppedClock) -> None:
    """The mark comes before the mail: what cannot be marked is not sent. With room again everything goes on."""
    edition = await ledger.make_edition(sqlite, at=clock(), readers=150)
    async with sqlite.read() as connection:
        pages = (await connection.execute(sa.text("PRAGMA page_count"))).scalar_one()
    limit = {"pages": pages}
    _on_each_use(sqlite, lambda: f"PRAGMA max_page_count={limit['pages']}")

    async with HostileServer() as server:
        sender = _sender(sqlite, server, clock)
        with pytest.raises(DatabaseUnavailableError, match="full"):
            await sender.send_due()
        sent_before = len(server.mails)

        limit["pages"] = _NO_LIMIT
        await sender.send_due()
    await settle(sqlite, now=clock())

    assert sent_before < 150
    assert Counter(server.recipients) == Counter(edition.recipients)
    assert await ledger.states(sqlite) == {DeliveryState.ACCEPTED: 150}


async def test_a_database_locked_by_somebody_else_sends_nothing(
    sqlite: Database, sqlite_path: Path, clock: StoppedClock
) -> None:
    """A backup tool that holds the lock delays the edition and does no harm."""
    await ledger.make_edition(sqlite, at=clock(), readers=5)
    other = sqlite3.connect(sqlite_path, isolation_level=None)
    async with HostileServer() as server:
        sender = _sender(sqlite, server, clock)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnavailableError, match="locked"):
            await sender.send_due()
        assert server.mails == []
        other.execute("ROLLBACK")
        other.close()
        assert await sender.send_due() == 5


async def test_a_database_locked_in_the_middle_keeps_results_until_it_is_free(
    sqlite: Database, sqlite_path: Path, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail is out, the lock is somebody else's: the answer waits in the journal, not in the bin."""
    edition = await ledger.make_edition(sqlite, at=clock(), readers=5)
    other = sqlite3.connect(sqlite_path, isolation_level=None)
    async with HostileServer() as server:

        async def lock(_mail: Received) -> None:
            if len(server.mails) == 2:
                while True:
                    try:
                        other.execute("BEGIN IMMEDIATE")
                        return
                    except sqlite3.OperationalError:  # the sender is writing just now
                        await asyncio.sleep(0.001)

        server.on_mail = lock
        sender = _sender(sqlite, server, clock)
        with monkeypatch.context() as patch, pytest.raises(DatabaseUnavailableError, match="locked"):
            patch.setattr(sending, "_WRITE_SECONDS", 0.1)
            await sender.send_due()
        assert (await ledger.states(sqlite))[DeliveryState.ATTEMPTING] > 0
        other.execute("ROLLBACK")
        other.close()
        await sender.send_due()

    assert Counter(server.recipients) == Counter(edition.recipients)
    assert await ledger.states(sqlite) == {DeliveryState.ACCEPTED: 5}


async def test_a_pass_that_cannot_write_down_what_it_sent_ends_and_says_so(
    sqlite: Database, sqlite_path: Path, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asked must neither wait without end nor believe that it is stored: a command would end with success."""
    monkeypatch.setattr(sending, "_WRITE_SECONDS", 0.1)
    await ledger.make_edition(sqlite, at=clock(), readers=1)
    other = sqlite3.connect(sqlite_path, isolation_level=None)
    async with HostileServer() as server:

        async def lock(_mail: Received) -> None:
            while not other.in_transaction:
                try:
                    other.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:  # the sender is writing just now
                    await asyncio.sleep(0.001)

        server.on_mail = lock
        with pytest.raises(DatabaseUnavailableError, match="locked"):
            await asyncio.wait_for(_sender(sqlite, server, clock).send_due(), 20)
    other.close()


async def test_results_that_cannot_be_stored_end_the_pass_though_claims_still_can(
    sqlite: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim is another statement: what it brings waits for marks that never come, and the pass would never end."""
    await ledger.make_edition(sqlite, at=clock(), readers=100)

    def fail(*_: object, **__: object) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(results, "record", fail)
    monkeypatch.setattr(sending, "_WRITE_SECONDS", 0.1)
    async with HostileServer() as server:
        with pytest.raises(DatabaseUnavailableError, match="ValueError"):
            await asyncio.wait_for(_sender(sqlite, server, clock).send_due(), 5)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_database_gone_in_the_middle_loses_and_doubles_nothing(
    database: Database, database_url: str, clock: StoppedClock
) -> None:
    """The server ends every connection, three times over, while an edition is being sent."""
    edition = await ledger.make_edition(database, at=clock(), readers=60)
    outside = Database.open(database_url)
    stop = asyncio.Event()
    async with HostileServer() as server:

        async def end_all(_mail: Received) -> None:
            if len(server.mails) in (5, 20, 40):
                async with outside.begin() as connection:
                    await connection.execute(
                        sa.text(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                        )
                    )

            if len(server.mails) == 60:
                stop.set()

        server.on_mail = end_all
        async with asyncio.timeout(60):
            await _sender(database, server, clock).run(stop)
    await outside.close()

    assert Counter(server.recipients) == Counter(edition.recipients)
    assert await ledger.states(database) == {DeliveryState.ACCEPTED: 60}


async def test_a_database_gone_is_no_reason_to_end_the_worker(sqlite: Database, clock: StoppedClock) -> None:
    """The worker outlives it and goes on by itself."""
    stop = asyncio.Event()
    await ledger.make_edition(sqlite, at=clock(), readers=2)
    broken = {"pragma": "SELECT * FROM no_such_table"}
    _on_each_use(sqlite, lambda: broken["pragma"])
    async with HostileServer() as server:
        taken = asyncio.Event()
        server.on_mail = lambda _mail: taken.set()
        running = asyncio.create_task(_sender(sqlite, server, clock).run(stop))
        await asyncio.sleep(0.1)
        assert not running.done()
        broken["pragma"] = "PRAGMA busy_timeout=20"
        async with asyncio.timeout(20):
            await taken.wait()
        stop.set()
        await running

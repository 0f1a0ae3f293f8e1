"""What the tests of mail that comes back share: settings with addresses, and doors that are open."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.config import Settings
from digest.database import Database
from digest.database.tables import raw_mails
from digest.inbound.door import Doorkeeper, Intake
from digest.inbound.doors.lmtp import Listener
from digest.models.inbound import Door
from tests.support import dovecot
from tests.support.clock import StoppedClock
from tests.support.settings import make_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(
        inbound_address="news@gaon.example",
        bounce_address="bounce@bounce.gaon.example",
        inbound_port=2424,
        inbound_max_bytes=100_000,
        data_dir=tmp_path / "var",
    )


@pytest.fixture
async def ledger(migrated_sqlite: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """SQLite alone: what differs between the databases is seen by the tests of `raw_mails`, not at a door."""
    path = tmp_path / "ledger.sqlite3"
    shutil.copy(migrated_sqlite, path)
    opened = Database.open(f"sqlite:///{path}")
    yield opened
    await opened.close()


@pytest.fixture
def intake(ledger: Database, settings: Settings, clock: StoppedClock) -> Intake:
    return Intake(ledger, settings, clock)


@pytest.fixture(scope="module")
def imap_server() -> Iterator[dovecot.Dovecot]:
    with dovecot.running() as server:
        if isinstance(server, str):
            pytest.skip(server)
        yield server


@asynccontextmanager
async def serving(door: Doorkeeper) -> AsyncIterator[None]:
    """Keep a door open for the block; that it closes within its time is a part of every test."""
    stop = asyncio.Event()
    task = asyncio.create_task(door.serve(stop))
    if isinstance(door, Listener):
        await asyncio.wait({asyncio.create_task(door.ready.wait()), task}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 9)


def listener(intake: Intake, door: Door = Door.LMTP) -> Listener:
    """A listener on a free port."""
    return Listener(intake, door, "127.0.0.1", 0)


async def kept(database: Database) -> list[tuple[str, str, bytes]]:
    """Return recipient, envelope sender and content of what was kept."""
    rows = (raw_mails.c.recipient, raw_mails.c.envelope_from, raw_mails.c.content)
    async with database.read() as connection:
        return [tuple(row) for row in await connection.execute(sa.select(*rows).order_by(raw_mails.c.id))]

"""The worker's own start and end: stopped before it has begun, started after another one was killed."""

import asyncio
import os
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest import addresses
from digest.clock import utc_now
from digest.config import Settings
from digest.database import Database, messages, sources
from digest.database.tables import sources as sources_table
from digest.errors import FixSetupError
from digest.models.deliveries import DeliveryState, Lane, MessageKind, NewMessage
from digest.operate.house import is_gone, open_house, owner_name
from digest.operate.worker import prepare, work_until
from tests.support import ledger
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio

_SOURCE = "gaon | feed | http://127.0.0.1:9/rss.xml | rights=excerpt"


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return make_settings(database_url=database_url, data_dir=tmp_path / "var", sources=_SOURCE)


async def test_stopped_while_it_looks_at_everything_for_the_first_time_it_ends_cleanly(settings: Settings) -> None:
    """Ctrl-C during the first collecting comes before the timetable has begun to fire."""
    stop = asyncio.Event()
    stop.set()
    async with open_house(settings) as house:
        await prepare(house)
        async with asyncio.timeout(5):
            await work_until(stop, house)


async def test_a_mail_queued_in_the_same_process_goes_out_without_a_poll(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever signs up at `digest run` waits for the relay alone."""
    monkeypatch.setattr("digest.deliver.sender._IDLE_POLL_SECONDS", 120.0)
    stop = asyncio.Event()
    async with open_house(settings) as house, asyncio.timeout(60):
        await prepare(house)
        await ledger.make_single(house.database, at=utc_now(), recipient="first@gaon.example")
        working = asyncio.create_task(work_until(stop, house))
        await _until_accepted(house.database, 1)  # it is idle now, or nearly
        async with house.database.begin() as connection:
            message = NewMessage("alert:2", MessageKind.ALERT, "", "en", ledger.ALERT)
            second = addresses.parse("second@gaon.example")
            await messages.queue_one(connection, message, second, lane=Lane.FIRST, at=utc_now())
        await _until_accepted(house.database, 2)
        stop.set()
        await working


async def _until_accepted(database: Database, count: int) -> None:
    while (await ledger.states(database))[DeliveryState.ACCEPTED] < count:  # noqa: ASYNC110 (the database is asked)
        await asyncio.sleep(0.05)


async def test_sources_of_a_killed_worker_of_this_machine_are_free_at_the_next_start(settings: Settings) -> None:
    """Whoever kills the service and starts it again is not to wait minutes for a lease that nobody holds."""
    gone = _name_of_an_ended_process()
    async with open_house(settings) as house:
        await prepare(house)
        await _claim(house.database, gone)
        await prepare(house)
        assert await _owner(house.database) is None


async def test_deliveries_of_a_killed_worker_of_this_machine_go_on_at_once(settings: Settings) -> None:
    """Hundreds are claimed ahead; readers must not wait for the dead worker's lease to run out."""
    async with open_house(settings) as house:
        edition = await ledger.make_edition(house.database, at=utc_now(), readers=3)
        claimed, on_the_wire, far = edition.delivery_ids
        dead, until = _name_of_an_ended_process(), utc_now() + timedelta(seconds=30)
        await ledger.set_deliveries(house.database, [claimed], lease_owner=dead, lease_until=until)
        await ledger.set_deliveries(
            house.database, [on_the_wire], lease_owner=dead, lease_until=until, state=DeliveryState.ATTEMPTING
        )
        await ledger.set_deliveries(house.database, [far], lease_owner="elsewhere:1:0", lease_until=until)

        await prepare(house)

        rows = await ledger.rows(house.database, edition.delivery_ids)
    assert [row.lease_owner for row in rows] == [None, dead, "elsewhere:1:0"]


async def test_sources_of_a_living_or_a_far_worker_stay_theirs(settings: Settings) -> None:
    """Whether a process of another machine lives cannot be known here; its lease decides."""
    living = f"{socket.gethostname()[:30]}:{os.getppid()}:00000000"
    for owner in (living, "far-away:1:00000000"):
        async with open_house(settings) as house:
            await prepare(house)
            await _claim(house.database, owner)
            await prepare(house)
            assert await _owner(house.database) == owner
            async with house.database.begin() as connection:
                await sources.free_leases(connection, [owner])


async def test_a_process_id_that_is_ours_now_was_a_dead_ones_before() -> None:
    """In a container every start has the same id; only the last part of the name tells them apart."""
    ours = owner_name()
    assert is_gone(f"{ours.rpartition(':')[0]}:00000000", ours=ours)
    assert not is_gone(ours, ours=ours)


async def test_a_folder_that_cannot_be_made_is_said_to_be_so(settings: Settings) -> None:
    """DATA_DIR below a file, or on a disk that may not be written to."""
    settings.data_dir.parent.joinpath("file").touch()
    wrong = settings.model_copy(update={"data_dir": settings.data_dir.parent / "file" / "var"})
    async with open_house(wrong) as house:
        with pytest.raises(FixSetupError, match="DATA_DIR"):
            await work_until(asyncio.Event(), house)


def _name_of_an_ended_process() -> str:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return f"{socket.gethostname()[:30]}:{ended.pid}:00000000"


async def _claim(database: Database, owner: str) -> None:
    async with database.begin() as connection:
        claimed = await sources.claim_due(connection, owner=owner, now=utc_now(), lease=timedelta(minutes=2), limit=1)
    assert len(claimed) == 1


async def _owner(database: Database) -> str | None:
    async with database.read() as connection:
        owner: str | None = await connection.scalar(sa.select(sources_table.c.lease_owner))
    return owner

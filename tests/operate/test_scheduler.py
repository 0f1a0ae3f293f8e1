"""What says when to look: stopped too early, with a clock that was wrong, with passes that fail."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from digest.collect import collector
from digest.collect.reader import Reader
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, alerts, editions
from digest.database.slots import know_slots
from digest.database.tables import revisions
from digest.errors import TemplateError
from digest.models.editions import EditionState
from digest.operate import timetable
from digest.operate.house import House
from digest.operate.scheduler import Runner
from digest.outbound import Outbound
from tests.support.clock import StoppedClock
from tests.support.newsroom import Newsroom
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio

TWO_SLOTS = "morning | 아침 소식 | 0 7 * * *\nlate | 늦은 소식 | 0 7 * * *"


@pytest.fixture
def settings() -> Settings:
    return make_settings(editions=TWO_SLOTS)


@pytest.fixture
async def house(database: Database, settings: Settings, clock: StoppedClock) -> AsyncIterator[House]:
    async with Outbound(user_agent="test") as outbound, Reader() as reader:
        yield House(
            settings, database, outbound, reader, Renderer(None), clock, "test:1", collector.host_queue(settings)
        )


async def test_a_service_told_to_stop_while_it_looks_around_at_its_start_ends_quietly(house: House) -> None:
    """Ctrl-C in the first seconds: a slow source is being fetched, and the timetable has not begun."""
    runner = Runner(house)
    began = asyncio.Event()

    async def slow(_house: House) -> None:
        began.set()
        await asyncio.sleep(0.05)

    starting = asyncio.create_task(runner.run_safely("collect", slow))
    await began.wait()
    await runner.stop(grace_seconds=5)
    assert starting.done()


async def test_a_clock_that_is_set_back_does_not_stop_the_passes(house: House, clock: StoppedClock) -> None:
    """It was a day ahead for a moment: without planning anew nothing would be collected or sent for that day."""
    runner = Runner(house, look_at_clock_seconds=0.01)
    runner.start()
    try:
        far = datetime.now(UTC) + timedelta(days=3)
        for job in runner._scheduler.get_jobs():
            job.modify(next_run_time=far)
        await asyncio.sleep(0.05)
        assert {job.next_run_time for job in runner._scheduler.get_jobs()} == {far}
        clock.advance(days=-1)
        async with asyncio.timeout(10):
            while any(job.next_run_time == far for job in runner._scheduler.get_jobs()):  # noqa: ASYNC110 (nobody tells)
                await asyncio.sleep(0.01)
        planned = {job.id: job.next_run_time for job in runner._scheduler.get_jobs()}
        assert set(planned) == {*(row.name for row in timetable.PASSES), "slot:morning", "slot:late"}
        assert max(planned[row.name] for row in timetable.PASSES) < far - timedelta(days=2)
    finally:
        await runner.stop(grace_seconds=1)


async def test_a_pass_that_fails_tells_a_person_without_foreign_words(house: House, database: Database) -> None:
    """A database's own words may hold a reader's address, and alerts are mailed."""
    runner = Runner(house)

    async def fail(_house: House) -> None:
        raise ValueError("Key (address_key)=(kim@reader.example) already exists")

    async def fail_clearly(_house: House) -> None:
        raise TemplateError("digest/body.mjml", "line 3: a tag is not closed")

    await runner.run_safely("editions", fail)
    await runner.run_safely("settle", fail_clearly)
    async with database.read() as connection:
        texts = {alert.matter: alert.text for alert in await alerts.list_open(connection)}
    assert "ValueError" in texts["pass:editions"]
    assert "kim" not in texts["pass:editions"]
    assert "digest/body.mjml" in texts["pass:settle"]


async def test_a_slot_that_cannot_be_opened_stops_no_other(
    house: House, database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """One damaged row must not cost the readers of every slot their paper."""
    newsroom = Newsroom(database, clock)
    morning, late = (slot.name for slot in settings.editions)
    async with database.begin() as connection:
        await know_slots(connection, [morning], now=clock())
    await newsroom.publish("망가진 기사")
    async with database.begin() as connection:
        await connection.execute(sa.update(revisions).values(text={}))
    clock.advance(days=2, hours=-1)
    async with database.begin() as connection:
        await know_slots(connection, [late], now=clock())
    await newsroom.publish("축제")
    clock.advance(hours=1)

    with pytest.raises(KeyError):
        await timetable.editions(house)

    async with database.read() as connection:
        found = {each.slot: each.state for each in await editions.list_editions(connection, limit=10)}
    assert found == {morning: EditionState.OPEN, late: EditionState.RELEASED}

"""The background worker: collects, opens editions, delivers, until it is told to stop.

At its start it brings the database in step with the settings (sources, slots, sample readers), looks at every pass once
so that nothing missed waits for the timetable, and makes the editions that are wanted `at_start`. Then the scheduler
and the sender go on side by side. Being told to stop ends it in under five seconds: the scheduler first, then the
sender with what is on the wire. Being killed costs at most what is on the wire (see `deliver/sender`).

Events: worker.started, worker.stopped, source.taken_over.
"""

import asyncio
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from digest import events
from digest.collect import collector
from digest.compose import editor
from digest.config import Settings
from digest.database import attempts, pages, slots, sources
from digest.deliver import pace
from digest.deliver.sender import Sender
from digest.deliver.transports import TRANSPORTS, further_relays, name_for
from digest.errors import FixSetupError
from digest.models.editions import Edition
from digest.operate import garbage, sample
from digest.operate.house import House, is_gone, open_house
from digest.operate.process import json_lines, stopped_by_signals
from digest.operate.scheduler import Runner
from digest.operate.timetable import PASSES

STOP_SECONDS = 3.0


def work(settings: Settings) -> int:
    """Run a worker until SIGINT or SIGTERM; return the exit code."""
    events.configure(json_lines=json_lines(settings), level=settings.log_level)
    asyncio.run(_work_alone(settings))
    return 0


async def _work_alone(settings: Settings) -> None:
    async with open_house(settings) as house:
        stop = asyncio.Event()
        with stopped_by_signals(stop):
            await prepare(house)
            garbage.look_seldom()
            await work_until(stop, house)


async def prepare(house: House) -> datetime | None:
    """Bring the database in step with the settings; return when the sample was first started (None: it is off).

    Raises `SettingsError` for a source of a type that does not exist.
    """
    now = house.clock()
    await _free_what_the_dead_hold(house)
    await collector.provision(house.database, house.settings, now=now)
    await pace.tend(house.database, house.settings, now=now)  # before the first mail
    async with house.database.begin() as connection:
        await slots.keep_in_step(connection, [slot.name for slot in house.settings.editions], now=now)
    return await sample.seed(house.database, house.settings, now=now)


async def _free_what_the_dead_hold(house: House) -> None:
    """Take over from workers of this machine that were killed, so that a restart need not wait for their leases.

    Only what they had claimed: a delivery that was on the wire waits for its lease, since somebody may have an answer.
    """
    async with house.database.begin() as connection:
        owners = await sources.lease_owners(connection) | await attempts.lease_owners(connection)
        dead = {owner for owner in owners if is_gone(owner, ours=house.owner)}
        freed = await sources.free_leases(connection, dead) if dead else []
        await pages.free_leases(connection, dead)
        deliveries_freed = await attempts.free_leases(connection, dead) if dead else 0
    if freed or deliveries_freed:
        events.event("worker.took_over", sources=len(freed), deliveries=deliveries_freed)


async def work_until(stop: asyncio.Event, house: House) -> None:
    """Work until `stop` is set. Raises `FixSetupError` where the built-in outbox has no folder."""
    if not house.settings.has_relay:
        await asyncio.to_thread(_make_folder, house.settings.data_dir)
    async with TRANSPORTS[name_for(house.settings)](house.settings, house.clock) as transport:
        runner = Runner(house)
        sender = Sender(
            house.database,
            house.settings,
            transport,
            clock=house.clock,
            owner=house.owner,
            further=further_relays(house.settings),
        )
        sending = asyncio.create_task(sender.run(stop, wake=house.database.mail_queued))
        starting = asyncio.create_task(_start(runner))
        events.event("worker.started", owner=house.owner, transport=name_for(house.settings))
        waiting = asyncio.create_task(stop.wait())
        # A sender that fell over would leave a worker that looks alive and sends nothing: end, and be restarted.
        await asyncio.wait({waiting, sending}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting
        await runner.stop(grace_seconds=STOP_SECONDS)
        await sending
        waiting.cancel()
    events.event("worker.stopped", owner=house.owner)


def _make_folder(folder: Path) -> None:
    """Make the folder of the outbox, or raise `FixSetupError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FixSetupError(f"The folder of DATA_DIR cannot be made: {error}.") from error


async def _start(runner: Runner) -> None:
    """Look at everything once, in the order the mail travels, before the timetable takes over."""
    for row in PASSES:
        await runner.run_safely(row.name, row.act)
    await runner.run_safely("at start", make_at_start)
    runner.start()


async def make_at_start(house: House) -> None:
    """Make the editions that are wanted at every start; with nothing new there is none."""
    made: list[Edition] = []
    for slot in house.settings.editions:
        if slot.at_start:
            edition = await editor.open_now(house.database, house.settings, slot, clock=house.clock)
            made += [edition] if edition else []
    if made:
        await editor.advance(house.database, house.settings, house.renderer, clock=house.clock)

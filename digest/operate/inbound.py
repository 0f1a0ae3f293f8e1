"""`digest inbound`: the doors for mail that comes back, and acting upon it, until it is told to stop.

Also a part of `digest run` where a door is set up. The doors keep mails; a loop here acts upon each as soon as it is
kept, and the pass `inbound` of the timetable upon what another process left. One signal ends everything in order, in
under ten seconds: the mail that is being taken gets its answer, the act that was begun is finished.

Events: inbound.no_database, inbound.no_door.
"""

import asyncio
from contextlib import suppress

from digest import events
from digest.config import Settings
from digest.database import raw_mails
from digest.errors import DatabaseUnavailableError
from digest.inbound import route
from digest.inbound.door import Intake
from digest.inbound.doors import DOORS, names_for
from digest.operate.house import House, is_gone, open_house
from digest.operate.process import json_lines, stopped_by_signals

_LOOK_SECONDS = 5.0


def serve(settings: Settings) -> int:
    """Take mail and act upon it until SIGINT or SIGTERM; return the exit code.

    Where no door is set up it says so and waits: a Procfile's other processes must not be ended for it. Raises
    `FixSetupError` when a door cannot be opened.
    """
    events.configure(json_lines=json_lines(settings), level=settings.log_level)
    if not settings.has_door:
        events.warning("inbound.no_door", todo="Set INBOUND_PORT or INBOUND_IMAP_HOST")
    asyncio.run(_serve(settings))
    return 0


async def _serve(settings: Settings) -> None:
    async with open_house(settings) as house:
        stop = asyncio.Event()
        with stopped_by_signals(stop):
            await receive_until(stop, house)


async def receive_until(stop: asyncio.Event, house: House) -> None:
    """Take mail and act upon it until `stop` is set. Raises `FixSetupError`; any trouble of ours ends all of it."""
    await _free_what_the_dead_hold(house)
    intake = Intake(house.database, house.settings, house.clock)
    serving = {
        asyncio.create_task(DOORS[name](house.settings, intake).serve(stop)) for name in names_for(house.settings)
    }
    acting = asyncio.create_task(_act_until(stop, house, intake))
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, acting, *serving}, return_when=asyncio.FIRST_COMPLETED)
    stop.set()  # a door that fell over would leave a process that looks alive and takes nothing: end, and be restarted
    intake.news.set()
    waiting.cancel()
    ended = await asyncio.gather(*serving, acting, return_exceptions=True)
    for each in ended:
        if isinstance(each, BaseException):
            raise each


async def act_due(house: House) -> None:
    """Act upon every mail that is due."""
    await route.act_due(house.database, house.settings, house.renderer, clock=house.clock, owner=house.owner)


async def _free_what_the_dead_hold(house: House) -> None:
    """Take over from processes of this machine that were killed, so that a restart need not wait for their leases."""
    async with house.database.begin() as connection:
        owners = await raw_mails.lease_owners(connection)
        dead = {owner for owner in owners if is_gone(owner, ours=house.owner)}
        if dead:
            await raw_mails.free_leases(connection, dead)


async def _act_until(stop: asyncio.Event, house: House, intake: Intake) -> None:
    while not stop.is_set():
        intake.news.clear()
        try:
            await act_due(house)
        except DatabaseUnavailableError as error:
            events.warning("inbound.no_database", reason=str(error))
        with suppress(TimeoutError):
            await asyncio.wait_for(intake.news.wait(), _LOOK_SECONDS)

"""`digest run`: pages and worker in one process; `digest web`: the pages alone.

For one machine, nothing else is needed: the pages are up first (the sample newspaper is among them), then the worker
starts. When the first edition has been delivered the terminal is told where to look. One signal ends everything in
order, in under five seconds.

Event: web.listening.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime

import uvicorn
from rich.console import Console
from starlette.applications import Starlette

from digest import events, links
from digest.config import Settings
from digest.database import Database, deliveries, editions, migrate
from digest.deliver.transports import OUTBOX_FOLDER
from digest.errors import DatabaseUnavailableError, FixSetupError
from digest.models.deliveries import DeliveryState
from digest.models.editions import Edition, EditionState
from digest.operate import garbage
from digest.operate.house import House, open_house
from digest.operate.inbound import receive_until
from digest.operate.metrics import Metrics
from digest.operate.process import json_lines, stopped_by_signals
from digest.operate.worker import prepare, work_until
from digest.web import app

_FIRST_EDITION_SECONDS = 60
_CLOSE_SECONDS = 1
# An idle connection is the proxy's to close: where we close it while a request is on its way, nobody answers, and a
# POST is not tried again. Caddy keeps them for two minutes, nginx for one.
_KEEPS_SECONDS = 130
_LISTEN_TODO = {
    errno.EADDRINUSE: "Is it running already? Otherwise set WEB_PORT to a free port.",
    errno.EACCES: "Set WEB_PORT to a port from 1024 on; others belong to the system.",
}


def run(settings: Settings) -> int:
    """Migrate, then run pages and worker until SIGINT or SIGTERM; return the exit code."""
    events.configure(json_lines=json_lines(settings), level=settings.log_level)
    asyncio.run(_run(settings))
    return 0


def serve(settings: Settings) -> int:
    """Run the pages until SIGINT or SIGTERM; return the exit code."""
    events.configure(json_lines=json_lines(settings), level=settings.log_level)
    asyncio.run(_serve(settings))
    return 0


async def _run(settings: Settings) -> None:
    await _migrate(settings)
    async with open_house(settings) as house:
        stop = asyncio.Event()
        with stopped_by_signals(stop):
            sample_started_at = await prepare(house)
            async with _pages(house, sample_started_at):
                garbage.look_seldom()
                telling = asyncio.create_task(_tell_where_to_look(house))
                receiving = asyncio.create_task(_receive(stop, house))
                try:
                    await work_until(stop, house)
                    await receiving
                finally:
                    for each in (telling, receiving):
                        each.cancel()
                        with contextlib.suppress(asyncio.CancelledError):
                            await each


async def _receive(stop: asyncio.Event, house: House) -> None:
    """Take mail where a door is set up; one that cannot be opened ends all of it."""
    if not house.settings.has_door:
        return
    try:
        await receive_until(stop, house)
    finally:
        stop.set()


async def _serve(settings: Settings) -> None:
    async with open_house(settings) as house:
        stop = asyncio.Event()
        with stopped_by_signals(stop):
            sample_started_at = await prepare(house)
            async with _pages(house, sample_started_at):
                garbage.look_seldom()
                await stop.wait()


async def _migrate(settings: Settings) -> None:
    database = Database.open(settings.database_url.get_secret_value())
    try:
        before, after = await migrate.upgrade(database)
    finally:
        await database.close()
    if before != after:
        events.event("database.migrated", before=before or "nothing", after=after)


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handling: one signal ends the whole process in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _pages(house: House, sample_started_at: datetime | None) -> AsyncIterator[None]:
    settings = house.settings
    listening = _listen(settings)
    application = app.build(
        database=house.database,
        settings=settings,
        clock=house.clock,
        sample_started_at=sample_started_at,
        outbox_dir=None if settings.has_relay else settings.data_dir / OUTBOX_FOLDER,
        metrics=Metrics(house.database, house.clock).exposition,
    )
    server = _Server(_config(application))
    await asyncio.to_thread(application.state.prepare)
    await application.state.warm()
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    await asyncio.sleep(0)  # the socket listens already; whoever comes before the server is ready waits in its queue
    events.event("web.listening", address=f"http://{settings.web_host}:{settings.web_port}")
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def _config(application: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # `web.proxies` does it, and believes named ones only
        lifespan="off",
        timeout_keep_alive=_KEEPS_SECONDS,
        timeout_graceful_shutdown=_CLOSE_SECONDS,
    )


def _listen(settings: Settings) -> socket.socket:
    """Open the pages' socket ourselves, so that a taken port is one clear sentence."""
    family = socket.AF_INET6 if ":" in settings.web_host else socket.AF_INET
    # With its protocol named: asyncio sends small pieces at once (TCP_NODELAY) only where it stands, and without it
    # each answer on a kept-open connection waits 40 ms for the other side's acknowledgement (Nagle, delayed ACK).
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.web_host, settings.web_port))
        listening.listen()
    except OSError as error:
        listening.close()
        todo = _LISTEN_TODO.get(error.errno or 0, "Set WEB_HOST to an address of this machine.")
        raise FixSetupError(
            f"The pages cannot listen on {settings.web_host}:{settings.web_port} ({error.strerror}). {todo}"
        ) from error
    return listening


async def _tell_where_to_look(house: House) -> None:
    """Print the addresses once the first edition is through, or after a while if there is none to wait for."""
    edition, accepted = None, 0
    with contextlib.suppress(TimeoutError, DatabaseUnavailableError):
        async with asyncio.timeout(_FIRST_EDITION_SECONDS):
            edition = await _first_done(house)
        async with house.database.read() as connection:
            counts = await deliveries.counts(connection, edition.id)
        accepted = counts.by_state.get(DeliveryState.ACCEPTED, 0)
    with contextlib.suppress(OSError):  # nobody reads it: a closed terminal, a full disk
        for line in _addresses(house.settings, edition, accepted):
            Console(stderr=True).print(line, highlight=False)


async def _first_done(house: House) -> Edition:
    """Wait for the newest edition to be done and return it."""
    while True:
        async with house.database.read() as connection:
            newest = await editions.list_editions(connection, limit=1)
        if newest and newest[0].state is EditionState.DONE:
            return newest[0]
        await asyncio.sleep(0.3)


def _addresses(settings: Settings, edition: Edition | None, accepted: int) -> list[str]:
    lines = [""]
    if edition is not None:
        lines.append(f"  Edition {edition.id} is done: {accepted} mails accepted.")
        lines.append(f"  The edition in the browser   {links.edition_url(settings.base_url, edition.id)}")
    else:
        lines.append(f"  The pages                    {settings.base_url}/")
    if not settings.has_relay:
        lines.append(f"  The mails as received        {links.outbox_url(settings.base_url)}")
    return [*lines, "  It goes on by its timetable; Ctrl-C ends it.", ""]

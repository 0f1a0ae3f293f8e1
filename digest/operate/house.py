"""Everything a pass needs, opened once per process and closed in the end.

The rooms are handed what they need one by one; only `operate` holds them together.
"""

import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from digest import hashes
from digest.clock import Clock, utc_now
from digest.collect import collector
from digest.collect.politeness import HostQueue
from digest.collect.reader import Reader
from digest.collect.visits import Visitor
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, marks, migrate
from digest.outbound import Outbound, user_agent
from digest.subscribe import consent


@dataclass(frozen=True, slots=True)
class House:
    """What the passes share. `owner` names this process in leases: host, process id, and a number for each start."""

    settings: Settings
    database: Database
    outbound: Outbound
    reader: Reader
    renderer: Renderer
    clock: Clock
    owner: str
    hosts: HostQueue

    @property
    def visitor(self) -> Visitor:
        """What looking at articles' pages needs."""
        return Visitor(self.database, self.outbound, self.settings, self.reader, self.hosts, self.clock, self.owner)


@asynccontextmanager
async def open_house(settings: Settings, *, clock: Clock = utc_now) -> AsyncIterator[House]:
    """Open the database, the HTTP client and the templates; close them in the end.

    Raises `DatabaseNotReadyError` if the schema is not this release's, `FixSetupError` if `SUPPRESSION_KEY` is not the
    key of the stored hashes, `TemplateError` for a text of consent that lacks something.
    """
    database = Database.open(settings.database_url.get_secret_value())
    try:
        await migrate.require_current(database)
        await marks.require_key(database, hashes.fingerprint(settings), now=clock())
        await consent.keep_texts(database, settings, now=clock())
        agent = user_agent(settings)
        async with Outbound(private_hosts=settings.private_hosts, user_agent=agent) as outbound, Reader() as reader:
            renderer, hosts = Renderer(settings.templates_dir), collector.host_queue(settings)
            yield House(settings, database, outbound, reader, renderer, clock, owner_name(), hosts)
    finally:
        await database.close()


@asynccontextmanager
async def open_visitor(settings: Settings, database: Database, *, clock: Clock = utc_now) -> AsyncIterator[Visitor]:
    """Open what a command needs to look at articles' pages, beside the database that it has open already."""
    agent = user_agent(settings)
    async with Outbound(private_hosts=settings.private_hosts, user_agent=agent) as outbound, Reader() as reader:
        hosts = collector.host_queue(settings)
        yield Visitor(database, outbound, settings, reader, hosts, clock, owner_name())


def owner_name() -> str:
    """Return a name for this process that no other and no later one has."""
    return f"{_host()}:{os.getpid()}:{secrets.token_hex(4)}"


def is_gone(owner: str, *, ours: str) -> bool:
    """Whether `owner` was a process of this machine that has ended; False where that cannot be known from here.

    `ours` is this process's own name. Process ids are given again: one that is ours now cannot be another's.
    """
    host, pid, _ = (*owner.split(":"), "", "")[:3]
    if owner == ours or host != _host() or not pid.isdecimal():
        return False
    if int(pid) == os.getpid():
        return True
    try:
        os.kill(int(pid), 0)  # signal 0 asks and does nothing
    except ProcessLookupError:
        return True
    except OSError:
        return False  # it lives, as somebody else's process
    return False


def _host() -> str:
    return socket.gethostname()[:30].replace(":", "-")

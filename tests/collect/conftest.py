"""A newspaper on loopback and everything that collecting from it needs; one reading process for a module's tests."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from digest.clock import Clock
from digest.collect import collector
from digest.collect.collector import CollectReport, Look
from digest.collect.reader import Reader
from digest.config import Settings
from digest.database import Database
from digest.outbound import Outbound
from tests.collect.paper import Paper
from tests.support.settings import make_settings


@dataclass(frozen=True)
class Room:
    """The collecting room, with one source `gaon` whose feed is `/rss.xml` of `paper`."""

    paper: Paper
    outbound: Outbound
    settings: Settings
    reader: Reader

    async def look(self) -> Look:
        return await collector.look(self.outbound, self.settings, self.settings.sources[0], reader=self.reader)

    async def provision(self, database: Database, clock: Clock) -> None:
        await collector.provision(database, self.settings, now=clock())

    async def collect(self, database: Database, clock: Clock, owner: str = "worker") -> CollectReport:
        """Collect `gaon` now."""
        return await collector.collect_source(
            database, self.outbound, self.settings, "gaon", clock=clock, owner=owner, reader=self.reader
        )

    async def collect_due(self, database: Database, clock: Clock, owner: str = "worker") -> list[CollectReport]:
        return await collector.collect_due(
            database, self.outbound, self.settings, clock=clock, owner=owner, reader=self.reader
        )


@pytest.fixture
async def paper() -> AsyncIterator[Paper]:
    async with Paper() as opened:
        yield opened


@pytest.fixture(scope="module")
async def reader() -> AsyncIterator[Reader]:
    async with Reader() as opened:
        yield opened


@pytest.fixture
async def room(paper: Paper, reader: Reader) -> AsyncIterator[Room]:
    settings = make_settings(sources=f"gaon | feed | {paper.url()}", private_hosts=paper.host)
    async with Outbound(private_hosts=settings.private_hosts, user_agent="test") as outbound:
        yield Room(paper, outbound, settings, reader)

"""A whole newspaper in one process: a real feed over HTTP, the ledger, a real SMTP server; only the clock is ours."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from digest import addresses
from digest.collect import collector
from digest.collect.reader import Reader
from digest.compose import editor
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, deliveries, editions, slots, subscribers
from digest.deliver.sender import Sender
from digest.deliver.settle import settle
from digest.deliver.transports import TRANSPORTS
from digest.models.deliveries import DeliveryCounts
from digest.models.editions import Edition
from digest.models.readers import Format, Subscriber
from digest.outbound import Outbound
from tests.support.clock import StoppedClock
from tests.support.feed_server import FeedServer
from tests.support.settings import make_settings
from tests.support.sink import Sink

OWNER = "journey"


@dataclass(frozen=True)
class Paper:
    """Every step of the timetable, to be taken one by one."""

    settings: Settings
    database: Database
    outbound: Outbound
    reader: Reader
    renderer: Renderer
    clock: StoppedClock
    feed: FeedServer
    sink: Sink

    async def subscribe(self, *names: str, slot: str = "morning") -> list[Subscriber]:
        """Add readers `NAME@reader.example`."""
        async with self.database.begin() as connection:
            return [
                await subscribers.add(
                    connection,
                    addresses.parse(f"{name}@reader.example"),
                    slots=[slot],
                    language="ko",
                    format=Format.HTML,
                    consent="journey",
                    at=self.clock(),
                )
                for name in names
            ]

    async def collect(self) -> None:
        """Fetch whatever is due."""
        await collector.collect_due(
            self.database, self.outbound, self.settings, clock=self.clock, owner=OWNER, reader=self.reader
        )

    async def edit(self) -> None:
        """Open what the timetable planned, compose and release it."""
        for slot in self.settings.editions:
            await editor.open_due(self.database, self.settings, slot, clock=self.clock)
        await editor.advance(self.database, self.settings, self.renderer, clock=self.clock)

    async def send(self) -> None:
        """Send whatever is due, and sweep up."""
        async with TRANSPORTS["smtp"](self.settings, self.clock) as transport:
            sender = Sender(self.database, self.settings, transport, clock=self.clock, owner=OWNER)
            await sender.send_due()
        await settle(self.database, now=self.clock())

    async def tick(self) -> None:
        """One round of everything, as the worker does it."""
        await self.collect()
        await self.edit()
        await self.send()

    async def editions(self) -> list[Edition]:
        """All editions, newest first."""
        async with self.database.read() as connection:
            return await editions.list_editions(connection, limit=100)

    async def counts(self, edition_id: int) -> DeliveryCounts:
        """The sum of an edition."""
        async with self.database.read() as connection:
            return await deliveries.counts(connection, edition_id)


@asynccontextmanager
async def open_paper(database: Database, clock: StoppedClock, sink: Sink, folder: Path) -> AsyncIterator[Paper]:
    """Open a paper whose `morning` is planned for 07:00 and chosen at 06:50; its feed was fetched empty once."""
    async with FeedServer() as feed:
        settings = make_settings(
            data_dir=folder / "var",
            sources=f"gaon | feed | {feed.feed_url} | rights=full_text_mail permission='own paper'",
            private_hosts=f"127.0.0.1:{feed.port}",
            smtp_host="127.0.0.1",
            smtp_port=sink.port,
            smtp_tls="none",
        )
        async with Outbound(private_hosts=settings.private_hosts, user_agent="journey") as outbound, Reader() as reader:
            paper = Paper(settings, database, outbound, reader, Renderer(None), clock, feed, sink)
            await collector.provision(database, settings, now=clock())
            async with database.begin() as connection:
                await slots.know_slots(connection, ["morning"], now=clock())
            await paper.collect()
            yield paper

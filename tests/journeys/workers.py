"""What journeys with real worker processes share: an installation, an edition to be sent, and how it stands."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from digest import addresses
from digest.clock import utc_now
from digest.compose import editor
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, deliveries, editions, subscribers
from digest.database.tables import Instant, subscriptions
from digest.database.tables import subscribers as reader_rows
from digest.models.deliveries import DeliveryCounts
from digest.models.editions import Edition
from digest.models.readers import Format
from tests.support.clock import StoppedClock
from tests.support.newsroom import Newsroom
from tests.support.service import Service
from tests.support.settings import SECRET, make_settings
from tests.support.sink import Sink

CONNECTIONS = 4
_IDENTITY = {
    "newspaper_name": "가온일보",
    "newspaper_site": "https://gaon.example",
    "sender_address": "news@gaon.example",
    "postal_address": "가온시 큰길 1",
    "phone": "02-0000-0000",
    "privacy_officer": "박가온",
}


@dataclass
class Installation(Service):
    """A service whose settings tests can use too."""

    @property
    def parsed(self) -> Settings:
        values: dict[str, Any] = {name.lower(): value for name, value in self.settings.items()}
        return make_settings(**values)


@contextmanager
def installed(database_url: str, sink: Sink, folder: Path) -> Iterator[Installation]:
    """An installation in `folder` that delivers to `sink`; what of it still runs in the end is ended."""
    settings = {
        **_IDENTITY,
        "database_url": database_url,
        "data_dir": str(folder / "var"),
        "secret_key": SECRET,
        "smtp_host": "127.0.0.1",
        "smtp_port": str(sink.port),
        "smtp_tls": "none",
        "smtp_connections": str(CONNECTIONS),
        "editions": "morning | 아침 소식 | 0 7 1 jan * | deadline=3h",
    }
    service = Installation(folder, {name.upper(): value for name, value in settings.items()})
    try:
        yield service
    finally:
        service.close()


async def make_edition(database_url: str, settings: Settings, *, readers: int, release: bool = True) -> int:
    """Publish two articles for `readers` new readers and choose an edition of them; `release`: compose it, too."""
    database, clock = Database.open(database_url), StoppedClock(utc_now())
    try:
        await Newsroom(database, clock).publish("시의회, 내년 예산 의결", "나루길에 벚나무 심는다")
        await _add_readers(database, readers, at=clock())
        edition = await editor.open_now(database, settings, settings.editions[0], clock=clock)
        assert edition is not None
        if release:
            await editor.advance(database, settings, Renderer(None), clock=clock)
        return edition.id
    finally:
        await database.close()


async def _add_readers(database: Database, readers: int, *, at: datetime) -> None:
    """Add the first as everybody is added and the others, so many at once, as copies of it."""
    async with database.begin() as connection:
        first = await subscribers.add(
            connection,
            addresses.parse("reader0@reader.example"),
            slots=["morning"],
            language="ko",
            format=Format.HTML,
            consent="journey",
            at=at,
        )
        row = (await connection.execute(sa.select(reader_rows))).mappings().one()
        rest = [f"reader{number}@reader.example" for number in range(1, readers)]
        same = {name: value for name, value in row.items() if name != "id"}
        if rest:
            await connection.execute(
                sa.insert(reader_rows), [{**same, "address": each, "address_key": each} for each in rest]
            )
        others = sa.select(reader_rows.c.id, sa.literal("morning"), sa.literal(at, Instant))
        await connection.execute(
            sa.insert(subscriptions).from_select(
                ["subscriber_id", "slot", "since_at"], others.where(reader_rows.c.id != first.id)
            )
        )


async def look(database_url: str, edition_id: int) -> tuple[Edition, DeliveryCounts]:
    """Return the edition and how its deliveries stand."""
    database = Database.open(database_url)
    try:
        async with database.read() as connection:
            return await editions.get_edition(connection, edition_id), await deliveries.counts(connection, edition_id)
    finally:
        await database.close()


def once_each(readers: int) -> Counter[str]:
    """What the receiving server must have taken: one mail for each."""
    return Counter(f"reader{number}@reader.example" for number in range(readers))

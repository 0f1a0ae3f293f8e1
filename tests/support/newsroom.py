"""Sources, articles, readers and relay outcomes for the tests of editions, each in one line."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from digest import addresses
from digest.database import Database, blocks, finds, most_read, subscribers
from digest.database import sources as source_rows
from digest.database.tables import articles as articles_table
from digest.database.tables import deliveries, editions, sources
from digest.database.tables import subscribers as subscriber_rows
from digest.models.articles import ArticleText, FoundArticle
from digest.models.deliveries import DeliveryState
from digest.models.editions import BlockKind, EditionState, NewBlock
from digest.models.readers import Format, Subscriber
from digest.models.sources import Purpose, Rights, Source, SourceSpec, SourceState
from tests.support.clock import StoppedClock


class Newsroom:
    """Acts on `database` at the time of `clock`. Titles stand for articles; each is of a source `gaon`."""

    def __init__(self, database: Database, clock: StoppedClock) -> None:
        self.database = database
        self.clock = clock
        self.source: Source | None = None

    async def publish(self, *titles: str, section: str = "시정", **text: Any) -> list[int]:
        """Store articles first seen now, the last one being the newest; return their ids."""
        source = self.source or await self._add_source()
        found = [
            FoundArticle(
                guid=f"{section}/{title}",
                text=ArticleText(
                    **{
                        "title": title,
                        "link": f"https://gaon.example/{section}/{title}",
                        "section": section,
                        "excerpt": f"{title}의 요약",
                        "registered_at": self.clock(),
                        **text,
                    }
                ),
            )
            for title in titles
        ]
        async with self.database.begin() as connection:
            await finds.store_found(connection, source, found[::-1], now=self.clock())  # feeds list the newest first
            rows = await connection.execute(
                sa.select(articles_table.c.id).order_by(articles_table.c.id.desc()).limit(len(titles))
            )
            return sorted(rows.scalars())

    async def read_most(self, *lines: tuple[str, str]) -> None:
        """Let a source of most-read articles bring these titles and links now."""
        async with self.database.begin() as connection:
            spec = SourceSpec("popular", "feed", "https://gaon.example/popular", purpose=Purpose.MOST_READ)
            source = await source_rows.add_source(connection, spec)
            await connection.execute(
                sa.update(sources).where(sources.c.id == source.id).values(last_ok_at=self.clock())
            )
            found = [FoundArticle("", ArticleText(title, link)) for title, link in lines]
            await most_read.replace(connection, source, found, now=self.clock())

    async def subscribe(
        self,
        *names: str,
        slots: Iterable[str] = ("morning",),
        language: str = "ko",
        format: Format = Format.HTML,
        sections: Sequence[str] = (),
    ) -> list[Subscriber]:
        """Add active readers `NAME@reader.example`."""
        async with self.database.begin() as connection:
            return [
                await subscribers.add(
                    connection,
                    addresses.parse(f"{name}@reader.example"),
                    slots=slots,
                    language=language,
                    format=format,
                    sections=sections,
                    consent="test",
                    at=self.clock(),
                )
                for name in names
            ]

    async def agree_to_adverts(self, *readers: Subscriber, at: datetime | None = None) -> None:
        """Let readers have agreed to adverts, now or at another time."""
        ids = [reader.id for reader in readers]
        query = sa.update(subscriber_rows).where(subscriber_rows.c.id.in_(ids))
        async with self.database.begin() as connection:
            await connection.execute(query.values(advert_consent_at=at or self.clock()))

    async def add_block(self, kind: BlockKind = BlockKind.AD, **changes: Any) -> int:
        """Add a block to the editions of this day and the next."""
        now = self.clock()
        block = NewBlock(kind, "가온전자 겨울 할인", now - timedelta(days=1), now + timedelta(days=1), **changes)
        async with self.database.begin() as connection:
            return await blocks.add(connection, block, at=now)

    async def recipients(self, edition_id: int, *states: DeliveryState) -> list[str]:
        """The names of those who have a delivery of the edition (in one of `states`), in alphabetical order."""
        async with self.database.read() as connection:
            rows = await connection.execute(
                sa.select(deliveries.c.recipient).where(
                    deliveries.c.edition_id == edition_id, deliveries.c.state.in_(states or tuple(DeliveryState))
                )
            )
            return sorted(address.split("@")[0] for address in rows.scalars())

    async def mark(self, edition_id: int, state: DeliveryState, *names: str) -> None:
        """Pretend that the deliveries of an edition (to `names`, or all) ended in `state`."""
        query = sa.update(deliveries).where(deliveries.c.edition_id == edition_id).values(state=state)
        if names:
            query = query.where(deliveries.c.recipient.in_([f"{name}@reader.example" for name in names]))
        async with self.database.begin() as connection:
            await connection.execute(query)

    async def set_state(self, edition_id: int, state: EditionState) -> None:
        """Put an edition into `state`, however it may have come there."""
        async with self.database.begin() as connection:
            await connection.execute(sa.update(editions).where(editions.c.id == edition_id).values(state=state))

    async def count_editions(self) -> int:
        async with self.database.read() as connection:
            return int((await connection.execute(sa.select(sa.func.count()).select_from(editions))).scalar_one())

    async def eligible(self, edition_id: int) -> int | None:
        async with self.database.read() as connection:
            query = sa.select(editions.c.eligible).where(editions.c.id == edition_id)
            found: int | None = (await connection.execute(query)).scalar_one()
            return found

    async def _add_source(self, at: datetime | None = None) -> Source:
        """A source that was fetched before, so that all it brings now is eligible."""
        spec = SourceSpec(name="gaon", type="feed", url="https://gaon.example/rss")
        fetched_at = at or self.clock()
        async with self.database.begin() as connection:
            inserted = await connection.execute(
                sa.insert(sources)
                .values(
                    name=spec.name,
                    type=spec.type,
                    url=spec.url,
                    purpose=Purpose.ARTICLES,
                    rights=Rights.EXCERPT,
                    picture_hosts=[],
                    state=SourceState.ACTIVE,
                    provisioned=False,
                    first_fetched_at=fetched_at,
                )
                .returning(sources.c.id)
            )
            source_id = inserted.scalar_one()
        self.source = Source(source_id, spec, SourceState.ACTIVE, provisioned=False, first_fetched_at=fetched_at)
        return self.source

    async def use_new_source(self) -> None:
        """Make the source one that was never fetched: what it brings next is its backlog."""
        source = self.source or await self._add_source()
        async with self.database.begin() as connection:
            await connection.execute(sa.update(sources).where(sources.c.id == source.id).values(first_fetched_at=None))
        self.source = replace(source, first_fetched_at=None)

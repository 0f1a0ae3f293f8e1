"""Rows for the tests of the web room and of leaving, put straight into the tables."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from digest.addresses import parse
from digest.database import Connection, Database, finds
from digest.database import articles as article_rows
from digest.database.tables import (
    articles,
    deliveries,
    edition_articles,
    editions,
    messages,
    metadata,
    sources,
    subscribers,
    subscriptions,
)
from digest.models.articles import ArticleText, FoundArticle
from digest.models.deliveries import DeliveryState, Lane, MessageKind
from digest.models.editions import EditionState, Placement, Role
from digest.models.readers import Format, SubscriberState
from digest.models.sources import Source, SourceSpec, SourceState

_FILLED = sa.union_all(
    *(sa.select(sa.literal(table.name)).where(sa.exists().select_from(table)) for table in metadata.sorted_tables)
)


async def everything(database: Database) -> str:
    """Return all rows of all tables as one text: equal texts mean that nothing was changed.

    Most tables are empty in a test, and one question tells which: it was a fifth of the web tests' time to read all.
    """
    lines = []
    async with database.read() as connection:
        filled = set((await connection.execute(_FILLED)).scalars())
        for table in metadata.sorted_tables:
            if table.name in filled:
                found = (await connection.execute(sa.select(table))).all()
                lines += sorted(f"{table.name}: {row!r}" for row in found)
    return "\n".join(lines)


async def add_subscriber(
    connection: Connection,
    address: str = "hong@naver.example",
    *,
    at: datetime,
    state: SubscriberState = SubscriberState.ACTIVE,
    language: str = "ko",
) -> int:
    parsed = parse(address)
    subscriber_id = await _insert(
        connection,
        subscribers,
        address=str(parsed),
        address_key=parsed.key,
        domain=parsed.domain,
        language=language,
        format=Format.HTML,
        state=state,
        consent="a test",
        created_at=at,
    )
    await connection.execute(
        sa.insert(subscriptions).values(subscriber_id=subscriber_id, slot="morning", sections="", since_at=at)
    )
    return subscriber_id


async def add_edition(connection: Connection, *, at: datetime, state: EditionState = EditionState.RELEASED) -> int:
    return await _insert(
        connection,
        editions,
        slot="morning",
        title="아침 소식",
        planned_at=at,
        cutoff_at=at - timedelta(minutes=10),
        deadline_at=at + timedelta(hours=3),
        state=state,
        most_read=[],
    )


async def add_source(connection: Connection, *, at: datetime, name: str = "gaon") -> Source:
    spec = SourceSpec(name=name, type="feed", url="https://www.gaon.example/rss")
    source_id = await _insert(
        connection,
        sources,
        name=spec.name,
        type=spec.type,
        url=spec.url,
        purpose=spec.purpose,
        rights=spec.rights,
        picture_hosts=[],
        state=SourceState.ACTIVE,
        provisioned=True,
        first_fetched_at=at,
    )
    return Source(source_id, spec, SourceState.ACTIVE, provisioned=True, first_fetched_at=at)


async def place_article(
    connection: Connection,
    edition_id: int,
    source: Source,
    title: str,
    *,
    at: datetime,
    role: Role = Role.ARTICLE,
    section: str = "시정",
    position: int = 0,
    withdrawn_at: datetime | None = None,
    **text: Any,
) -> int:
    """Store an article and give it a place in the edition; `text` are further fields of its `ArticleText`."""
    link = f"https://www.gaon.example/news/{position}"
    values = {"excerpt": "첫 문장입니다.", "byline": "김기자", "registered_at": at, **text}
    found = FoundArticle(f"guid-{position}", ArticleText(title, link, section=section, **values))
    await finds.store_found(connection, source, [found], now=at)
    article_id = int((await connection.execute(sa.select(sa.func.max(articles.c.id)))).scalar_one())
    if withdrawn_at is not None:
        await article_rows.withdraw(connection, article_id, at=withdrawn_at)
    placement = Placement(article_id, 1, role, section, position)
    await connection.execute(
        sa.insert(edition_articles).values(edition_id=edition_id, slot="morning", **asdict(placement))
    )
    return article_id


async def add_article(connection: Connection, name: str, *, at: datetime) -> int:
    """Store an article of a source of its own, both called after `name`, and return its id."""
    source = await add_source(connection, at=at, name=name[:30])
    text = ArticleText(f"기사 {name}", f"https://www.gaon.example/news/{name}", excerpt="첫 문장입니다.")
    await finds.store_found(connection, source, [FoundArticle(name, text)], now=at)
    return int((await connection.execute(sa.select(sa.func.max(articles.c.id)))).scalar_one())


async def add_delivery(
    connection: Connection, subscriber_id: int, *, at: datetime, state: DeliveryState = DeliveryState.QUEUED
) -> int:
    """Add a message of its own with one delivery of it to the subscriber."""
    message_id = await _insert(
        connection,
        messages,
        key=f"test/{subscriber_id}/{state}/{at.isoformat()}",
        kind=MessageKind.DIGEST,
        variant="",
        language="ko",
        subject="아침 소식",
        headers=b"",
        text=b"",
        html=b"",
        created_at=at,
    )
    return await _insert(
        connection,
        deliveries,
        message_id=message_id,
        subscriber_id=subscriber_id,
        recipient="hong@naver.example",
        recipient_key="hong@naver.example",
        domain="naver.example",
        lane=Lane.BULK,
        state=state,
        created_at=at,
        due_at=at,
    )


async def state_of(database: Database, table: sa.Table, row_id: int) -> str:
    async with database.read() as connection:
        return str((await connection.execute(sa.select(table.c.state).where(table.c.id == row_id))).scalar_one())


async def _insert(connection: Connection, table: sa.Table, **values: object) -> int:
    return int((await connection.execute(sa.insert(table).values(**values).returning(table.c.id))).scalar_one())

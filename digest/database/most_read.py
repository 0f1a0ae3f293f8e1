"""The newspapers' lists of most-read articles (많이 본 뉴스), as their sources bring them.

A source with the purpose `most_read` has one list, which each fetch replaces as a whole. Its lines are links, not
articles of ours: they may lead to something that no other source brought. An edition keeps the lines it was made with.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.identity import link_key
from digest.database.once import insert_once
from digest.database.tables import articles, most_read, sources
from digest.models.articles import FoundArticle, MostRead
from digest.models.sources import Purpose, Rights, Source, SourceState

_KEPT = 20
_LASTS = timedelta(days=1)


async def replace(connection: Connection, source: Source, found: Sequence[FoundArticle], *, now: datetime) -> None:
    """Put the first articles of a document, in its order, in the place of the source's list of most-read ones."""
    await connection.execute(sa.delete(most_read).where(most_read.c.source_id == source.id))
    rows = [
        {
            "source_id": source.id,
            "position": position,
            "title": one.text.title,
            "link": one.text.link,
            "excerpt": one.text.excerpt,
            "seen_at": now,
        }
        for position, one in enumerate(found[:_KEPT], 1)
    ]
    if rows:
        await connection.execute(sa.insert(most_read), rows)


async def replace_from_page(
    connection: Connection, source_id: int, lines: Sequence[MostRead], *, now: datetime
) -> None:
    """Put the list that an article's page shows in the place of the source's; not where a source of its own brings it.

    A page shows what was read most when it was fetched, so the latest page's list is the best there is.
    """
    has_own = sa.select(sources.c.id).where(
        sources.c.purpose == Purpose.MOST_READ, sources.c.state == SourceState.ACTIVE
    )
    if not lines or await connection.scalar(has_own.limit(1)) is not None:
        return
    await connection.execute(sa.delete(most_read).where(most_read.c.source_id == source_id))
    await connection.execute(
        insert_once(connection, most_read),
        [
            {**asdict(line), "source_id": source_id, "position": position, "seen_at": now}
            for position, line in enumerate(lines[:_KEPT], 1)
        ],
    )


async def latest(connection: Connection, *, now: datetime, limit: int) -> list[MostRead]:
    """Return the most-read articles of all active sources, the first ones of each first, each link once.

    A list whose source has not answered for a day is left out (it is not what is read now), and so are withdrawn
    articles.
    """
    rows = await connection.execute(
        sa.select(most_read, sources.c.rights)
        .join(sources, sources.c.id == most_read.c.source_id)
        .where(sources.c.state == SourceState.ACTIVE, sources.c.last_ok_at > now - _LASTS)
        .order_by(most_read.c.position, most_read.c.source_id)
    )
    by_link: dict[str, MostRead] = {}
    for row in rows:
        by_link.setdefault(
            row.link, MostRead(row.title, row.link, "" if row.rights is Rights.LINK_ONLY else row.excerpt)
        )
    return (await without_withdrawn(connection, list(by_link.values())))[:limit]


async def without_withdrawn(connection: Connection, lines: Sequence[MostRead]) -> list[MostRead]:
    """Leave out the lines that lead to a withdrawn article."""
    keys = {line: link_key(line.link) for line in lines}
    rows = await connection.execute(
        sa.select(articles.c.link_key).where(
            articles.c.link_key.in_(set(keys.values())), articles.c.withdrawn_at.is_not(None)
        )
    )
    withdrawn = set(rows.scalars())
    return [line for line in lines if keys[line] not in withdrawn]

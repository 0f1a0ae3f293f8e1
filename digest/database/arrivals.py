"""What many sources have brought, kept in few statements.

In: for each source the articles found in its document. Most passes bring each source nothing or two new articles, and
to ask and store that source by source costs ten statements each. So all marks of all sources are looked up at once;
articles of which no mark is known are stored together, and a source of whose articles any mark is known goes the
ordinary way (`finds.store_found`), which is the judge of what an article is. Both ways store the same.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from digest.database import finds, pages, tables
from digest.database.connection import Connection
from digest.database.finds import Stored
from digest.database.identity import Marked, mark
from digest.database.once import insert_once
from digest.database.revisions import revision_row
from digest.models.articles import FoundArticle
from digest.models.sources import Source

_a = tables.articles.c
_PER_QUERY = 400
_Arrived = tuple[Source, Sequence[FoundArticle]]
_Key = tuple[int, str | None, str | None, str]


async def store(connection: Connection, arrived: Sequence[_Arrived], *, now: datetime) -> list[Stored]:
    """Keep what these sources' documents hold; return what came of each, in their order."""
    marked = [mark(found) for _source, found in arrived]
    known = await _known_sources(connection, list(zip(arrived, marked, strict=True)))
    fresh = [
        (source, one)
        for (source, _found), ones in zip(arrived, marked, strict=True)
        if source.id not in known
        for one in reversed(ones)
    ]
    stored = await _insert(connection, fresh, now=now)
    results = []
    for source, found in arrived:
        if source.id in known:
            results.append(await finds.store_found(connection, source, found, now=now))
        else:
            results.append(Stored(stored.get(source.id, 0), 0))
    return results


async def _known_sources(connection: Connection, arrived: Sequence[tuple[_Arrived, list[Marked]]]) -> set[int]:
    """Return the ids of the sources one of whose articles may be known already."""
    known: set[int] = set()
    by_link = {one.link: source.id for (source, _found), ones in arrived for one in ones if one.link}
    shared = len(by_link) < sum(one.link is not None for _arrived, ones in arrived for one in ones)
    if shared:  # two sources bring the same article: one after the other, as in two passes
        seen: dict[str, int] = {}
        for (source, _found), ones in arrived:
            for one in ones:
                if one.link and seen.setdefault(one.link, source.id) != source.id:
                    known.add(source.id)
    links = sorted(by_link)
    for column in (_a.link_key, _a.cited_key):
        for start in range(0, len(links), _PER_QUERY):
            rows = await connection.execute(sa.select(column).where(column.in_(links[start : start + _PER_QUERY])))
            known |= {by_link[str(key)] for key in rows.scalars()}
    for name, column in (("guid", _a.guid_key), ("title", _a.title_key)):
        keys = [(source.id, key) for (source, _found), ones in arrived for one in ones if (key := getattr(one, name))]
        for start in range(0, len(keys), _PER_QUERY // 2):
            some = keys[start : start + _PER_QUERY // 2]
            rows = await connection.execute(sa.select(_a.source_id).where(sa.tuple_(_a.source_id, column).in_(some)))
            known |= set(rows.scalars())
    return known


async def _insert(connection: Connection, fresh: Sequence[tuple[Source, Marked]], *, now: datetime) -> dict[int, int]:
    """Store new articles with their first revisions and pages to read; return how many of each source were new."""
    if not fresh:
        return {}
    by_key: dict[_Key, tuple[Source, Marked]] = {
        (source.id, one.guid, one.link, one.title): (source, one) for source, one in fresh
    }
    rows = [finds.article_row(source, one, now=now) for source, one in by_key.values()]
    digests = dict(zip(by_key, (row["listed_digest"] for row in rows), strict=True))
    insert = insert_once(connection, tables.articles).returning(
        _a.id, _a.source_id, _a.guid_key, _a.link_key, _a.title_key
    )
    # Those that another worker has just stored are not among the rows that come back.
    kept = (await connection.execute(insert, rows)).all()
    revisions, to_read = [], []
    counts: dict[int, int] = {}
    for row in kept:
        key = (row.source_id, row.guid_key, row.link_key, row.title_key)
        source, one = by_key[key]
        counts[source.id] = counts.get(source.id, 0) + 1
        revisions.append(revision_row(row.id, 1, one.found.text, now, digest=digests[key]))
        if finds.is_to_be_read(source, one, now=now):
            to_read.append(pages.new_row(row.id, now=now))
    if revisions:
        await connection.execute(sa.insert(tables.revisions), revisions)
    if to_read:
        await connection.execute(insert_once(connection, tables.pages), to_read)
    return counts

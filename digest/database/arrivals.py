"""What many sources have brought, kept in few statements.

In: for each source the articles found in its document. Most passes bring each source nothing or two new articles, and
to ask and store that source by source costs ten statements each. So all marks of all sources are looked up at once;
articles of which no mark is known are stored together, and a source of whose articles any mark is known is left to the
ordinary way (`finds.store_found`), which is the judge of what an article is. Both ways store the same. The statements
are those of `many`: what they hold is one value, and they are put into words once. For `Database.write`.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from digest.database import finds, many, pages, tables
from digest.database.connection import PlainConnection
from digest.database.finds import Stored
from digest.database.identity import Marked, mark
from digest.database.once import insert_once
from digest.database.revisions import revision_row
from digest.models.articles import FoundArticle
from digest.models.sources import Source

_a = tables.articles.c
_Arrived = tuple[Source, Sequence[FoundArticle]]
_Key = tuple[int, str | None, str | None, str]


def store(connection: PlainConnection, arrived: Sequence[_Arrived], *, now: datetime) -> dict[int, Stored]:
    """Keep what these sources' documents hold; return what came of each, by its id.

    A source that is missing there was left alone: one of its articles may be known, so it goes the ordinary way.
    """
    marked = [mark(found) for _source, found in arrived]
    known = _known_sources(connection, list(zip(arrived, marked, strict=True)))
    new = [
        (source, one)
        for (source, _found), ones in zip(arrived, marked, strict=True)
        if source.id not in known
        for one in reversed(ones)
    ]
    stored = _insert(connection, new, now=now)
    return {source.id: Stored(stored.get(source.id, 0), 0) for source, _found in arrived if source.id not in known}


def _known_sources(connection: PlainConnection, arrived: Sequence[tuple[_Arrived, list[Marked]]]) -> set[int]:
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
    owned = {
        name: [(source.id, key) for (source, _found), ones in arrived for one in ones if (key := getattr(one, name))]
        for name in _OWNED
    }
    for statement in _LINKED[connection.dialect.name]:
        rows = many.run(connection, statement, many.ids_for(connection, by_link))
        known.update(by_link[str(key)] for (key,) in rows)
    for name, statement in _OWNERS[connection.dialect.name].items():
        if owned[name]:
            rows = many.run(connection, statement, many.rows_for(connection, owned[name]))
            known.update(source_id for (source_id,) in rows)
    return known


def _insert(connection: PlainConnection, new: Sequence[tuple[Source, Marked]], *, now: datetime) -> dict[int, int]:
    """Store new articles with their first revisions and pages to read; return how many of each source were new."""
    if not new:
        return {}
    by_key: dict[_Key, tuple[Source, Marked]] = {
        (source.id, one.guid, one.link, one.title): (source, one) for source, one in new
    }
    rows = [finds.article_row(source, one, now=now) for source, one in by_key.values()]
    digests = dict(zip(by_key, (row["listed_digest"] for row in rows), strict=True))
    counts: dict[int, int] = {}
    revisions, to_read = [], []
    page = pages.new_row(0, now=now)
    # Those that another worker has just stored are not among them.
    for article_id, key in _add_articles(connection, rows, list(by_key)):
        source, one = by_key[key]
        counts[source.id] = counts.get(source.id, 0) + 1
        revisions.append(revision_row(article_id, 1, one.found.text, now, digest=digests[key]))
        if finds.is_to_be_read(source, one, now=now):
            to_read.append({**page, "article_id": article_id})
    _add(connection, tables.revisions, revisions)
    _add(connection, tables.pages, to_read)
    return counts


def _add_articles(
    connection: PlainConnection, rows: Sequence[dict[str, Any]], keys: Sequence[_Key]
) -> Iterable[tuple[int, _Key]]:
    """Insert new articles, and return the ids of those that were, each with its key.

    SQLite's driver returns nothing of many rows at once. There nobody else writes between the question which articles
    are known and this, so the ids that it would give are given here.
    """
    if connection.dialect.name != "sqlite":
        insert = insert_once(connection, tables.articles).returning(*_RETURNED)
        return [(row[0], tuple(row[1:])) for row in connection.execute(insert, rows)]
    last = many.run(connection, _LAST_ID, {}).scalar() or 0
    ids = range(last + 1, last + 1 + len(rows))
    _add(connection, tables.articles, [{"id": id_, **row} for id_, row in zip(ids, rows, strict=True)])
    return zip(ids, keys, strict=True)


def _add(connection: PlainConnection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        many.run_each(connection, _insert_of(table, tuple(rows[0])), rows)


@lru_cache(maxsize=8)
def _insert_of(table: sa.Table, names: tuple[str, ...]) -> sa.Insert:
    return sa.insert(table).values({name: sa.bindparam(name, type_=table.c[name].type) for name in names})


_LAST_ID: sa.Select[Any] = (
    sa.select(sa.column("seq"))
    .select_from(sa.table("sqlite_sequence"))
    .where(sa.column("name") == sa.literal(tables.articles.name))
)
_RETURNED = (_a.id, _a.source_id, _a.guid_key, _a.link_key, _a.title_key)
_OWNED = ("guid", "title")
_SQLITE = {"sqlite": True, "postgresql": False}
_LINKED = {
    name: [
        sa.select(column).where(many.is_among(column, sqlite=is_sqlite, kind=sa.Text))
        for column in (_a.link_key, _a.cited_key)
    ]
    for name, is_sqlite in _SQLITE.items()
}


def _owners(column: sa.Column[Any], *, sqlite: bool) -> sa.Select[Any]:
    """Return the sources that have an article with one of the given keys of theirs."""
    given = many.given_rows((_a.source_id, column), sqlite=sqlite)
    of_it = sa.and_(_a.source_id == given.c.source_id, column == given.c[column.name])
    return sa.select(_a.source_id).select_from(given.join(tables.articles, of_it))


_OWNERS = {
    name: {
        "guid": _owners(_a.guid_key, sqlite=is_sqlite),
        "title": _owners(_a.title_key, sqlite=is_sqlite),
    }
    for name, is_sqlite in _SQLITE.items()
}

"""Articles, their revisions, and which picture hosts answer over https.

`store_found` is the way in: what a source's document holds goes through `identity`, new articles are inserted, changed
texts become revisions, known ones are only noted as seen. The unique keys on guid and link, and "revision is still N"
inside the UPDATE, make two workers at once store everything once. An article belongs to the source that brought it
first: another source's wording of it makes no revision, or two feeds with different excerpts would revise each other
for ever. `articles.registered_at` is what to sort by: the paper's date, but never later than when we first saw the
article, so that sources whose dates run hours ahead do not lead every edition. The printed date is the text's own.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from digest.database import tables
from digest.database.connection import Connection
from digest.database.identity import Marked, mark, text_digest
from digest.database.once import insert_once
from digest.database.revisions import revision_row, text_of
from digest.errors import NotFoundError
from digest.models import Article, EditionState, FoundArticle, Source

BACKLOG = timedelta(hours=24)
"""At a source's first fetch, older articles are kept but never mailed: nobody wants last year's news as the first."""
RECHECK_PICTURE_HOSTS = timedelta(days=7)
_PER_QUERY = 400  # bound values in one statement; SQLite of 2020 takes 999
_MAX_SECTION = 60
_TO_COME = (EditionState.CHOSEN, EditionState.HELD)

_a, _r = tables.articles.c, tables.revisions.c


@dataclass(frozen=True, slots=True)
class Stored:
    """How many articles of a document were new, and how many had changed."""

    new: int
    revised: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What has to be known of a stored article to compare a find with it."""

    id: int
    source_id: int
    guid: str | None
    link: str | None
    revision: int
    digest: str
    title: str
    modified_at: datetime | None
    first_seen_at: datetime


async def store_found(
    connection: Connection, source: Source, found: Sequence[FoundArticle], *, now: datetime
) -> Stored:
    """Keep the articles of one document of `source`; storing the same twice changes nothing but when they were seen.

    Newer ones stand first in most documents; they are stored last, so that `id` grows with their age reversed.
    """
    marked = mark(found)
    known = await _known(connection, source.id, marked)
    seen: set[int] = set()
    new = revised = 0
    for one in reversed(marked):
        match, one = _match(known, one, source.id)  # noqa: PLW2901 (the link may turn out to be no mark)
        if match is None:
            new += await _insert(connection, source, one, now=now)
        elif match.id not in seen:
            seen.add(match.id)
            if match.source_id == source.id:
                revised += await _revise(connection, match, one, known, now=now)
    await _touch(connection, seen, now=now)
    return Stored(new, revised)


async def get_article(connection: Connection, article_id: int, revision: int | None = None) -> Article:
    """Return an article in its latest revision, or in `revision`; `NotFoundError` if there is none."""
    wanted = _r.revision == (_a.revision if revision is None else revision)
    row = (await connection.execute(_articles().where(_a.id == article_id, wanted))).mappings().one_or_none()
    if row is None:
        raise NotFoundError("article", article_id if revision is None else f"{article_id} in revision {revision}")
    return _article(row)


async def list_articles(connection: Connection, *, limit: int, source: str | None = None) -> list[Article]:
    """Return the newest articles in their latest revisions; `source` is the name of one."""
    query = _articles().where(_r.revision == _a.revision)
    if source is not None:
        query = query.where(tables.sources.c.name == source)
    newest_first = sa.func.coalesce(_a.registered_at, _a.first_seen_at).desc()
    rows = await connection.execute(query.order_by(newest_first, _a.id.desc()).limit(limit))
    return [_article(row) for row in rows.mappings()]


async def load_revisions(connection: Connection, wanted: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Article]:
    """Return the given (article id, revision) pairs; those that do not exist are missing."""
    pairs = list(dict.fromkeys(wanted))
    loaded: dict[tuple[int, int], Article] = {}
    for start in range(0, len(pairs), _PER_QUERY // 2):
        some = pairs[start : start + _PER_QUERY // 2]
        rows = await connection.execute(_articles().where(sa.tuple_(_a.id, _r.revision).in_(some)))
        loaded |= {(row["id"], row["revision"]): _article(row) for row in rows.mappings()}
    return loaded


async def withdraw(connection: Connection, article_id: int, *, at: datetime) -> bool:
    """Take an article out of every edition still to come; True if that changed anything.

    An edition that is being released at this moment is waited for; afterwards its state tells that it went out with
    the article. One that is released later leaves it out.
    """
    of_article = sa.select(tables.edition_articles.c.edition_id).where(
        tables.edition_articles.c.article_id == article_id
    )
    await connection.execute(
        sa.select(tables.editions.c.id)
        .where(tables.editions.c.id.in_(of_article), tables.editions.c.state.in_(_TO_COME))
        .order_by(tables.editions.c.id)
        .with_for_update()
    )
    result = await connection.execute(
        sa.update(tables.articles).where(_a.id == article_id, _a.withdrawn_at.is_(None)).values(withdrawn_at=at)
    )
    return result.rowcount > 0


async def any_withdrawn(connection: Connection, article_ids: Collection[int]) -> bool:
    """Whether one of these articles was withdrawn."""
    ids = sorted(article_ids)
    for start in range(0, len(ids), _PER_QUERY):
        some = _a.id.in_(ids[start : start + _PER_QUERY])
        if await connection.scalar(sa.select(_a.id).where(some, _a.withdrawn_at.is_not(None)).limit(1)) is not None:
            return True
    return False


async def picture_hosts(connection: Connection) -> dict[str, bool]:
    """Return every probed host and whether its pictures can be had over https."""
    rows = await connection.execute(sa.select(tables.picture_hosts))
    return {row.host: row.answers_https for row in rows}


async def unprobed_picture_hosts(connection: Connection, hosts: Iterable[str], *, now: datetime) -> set[str]:
    """Return those of `hosts` that were never probed, or not within a week."""
    rows = await connection.execute(
        sa.select(tables.picture_hosts.c.host).where(tables.picture_hosts.c.checked_at > now - RECHECK_PICTURE_HOSTS)
    )
    return set(hosts) - set(rows.scalars())


async def note_picture_host(connection: Connection, host: str, *, answers_https: bool, at: datetime) -> None:
    """Remember what a probe of `host` found."""
    found = {"answers_https": answers_https, "checked_at": at}
    updated = await connection.execute(
        sa.update(tables.picture_hosts).where(tables.picture_hosts.c.host == host).values(found)
    )
    if updated.rowcount == 0:
        await connection.execute(insert_once(connection, tables.picture_hosts).values(host=host, **found))


async def _known(connection: Connection, source_id: int, marked: list[Marked]) -> dict[str, _Known]:
    """Load the stored articles that any of `marked` may be, by each of their keys ("guid …", "link …", "title …")."""
    known: dict[str, _Known] = {}
    own = _a.source_id == source_id
    for name, column, condition in (
        ("guid", _a.guid_key, own),
        ("link", _a.link_key, sa.true()),
        ("title", _a.title_key, own),
    ):
        keys = [key for key in (getattr(one, name) for one in marked) if key]
        for start in range(0, len(keys), _PER_QUERY):
            rows = await connection.execute(
                sa.select(column.label("key"), *_KNOWN_COLUMNS)
                .join(tables.revisions, sa.and_(_r.article_id == _a.id, _r.revision == _a.revision))
                .where(column.in_(keys[start : start + _PER_QUERY]), condition)
                .order_by(_a.id)
            )
            known |= {f"{name} {row['key']}": _known_article(row) for row in rows.mappings()}
    return known


_KNOWN_COLUMNS = (
    _a.id, _a.source_id, _a.guid_key, _a.link_key, _a.revision, _a.first_seen_at, _r.digest, _r.title, _r.link, _r.text,
)  # fmt: skip


def _known_article(row: Any) -> _Known:  # Any: a row mapping
    return _Known(
        id=row["id"],
        source_id=row["source_id"],
        guid=row["guid_key"],
        link=row["link_key"],
        revision=row["revision"],
        digest=row["digest"],
        title=row["title"],
        modified_at=text_of(row["title"], row["link"], row["text"]).modified_at,
        first_seen_at=row["first_seen_at"],
    )


def _match(known: dict[str, _Known], one: Marked, source_id: int) -> tuple[_Known | None, Marked]:
    """Return the stored article that `one` is, if any; and `one`, without its link if that is another article's."""
    if one.guid and (match := known.get(f"guid {one.guid}")):
        return match, one
    if one.link and (match := known.get(f"link {one.link}")):
        other_guid = match.source_id == source_id and match.guid and one.guid and match.guid != one.guid
        if not (other_guid and match.title != one.found.text.title):
            return match, one
        one = Marked(one.found, one.guid, None, one.title)
    return known.get(f"title {one.title}"), one


async def _insert(connection: Connection, source: Source, one: Marked, *, now: datetime) -> int:
    text = one.found.text
    registered_at = text.registered_at
    is_backlog = source.first_fetched_at is None and registered_at is not None and registered_at < now - BACKLOG
    insert = insert_once(connection, tables.articles).values(
        source_id=source.id,
        guid_key=one.guid,
        link_key=one.link,
        title_key=one.title,
        revision=1,
        section=text.section[:_MAX_SECTION],
        registered_at=min(registered_at, now) if registered_at else None,
        first_seen_at=now,
        last_seen_at=now,
        eligible=not is_backlog,
    )
    # A conflict: another worker has just stored it, from this source or from one that lists it too.
    result = await connection.execute(insert.returning(_a.id))
    article_id = result.scalar_one_or_none()
    if article_id is None:
        return 0
    await connection.execute(sa.insert(tables.revisions).values(revision_row(article_id, 1, text, now)))
    return 1


async def _revise(
    connection: Connection, match: _Known, one: Marked, known: dict[str, _Known], *, now: datetime
) -> int:
    """Make a revision if the text changed; a paper that moved its links or guids gets its marks renewed."""
    text = one.found.text
    marks: dict[str, Any] = {}
    if one.guid and one.guid != match.guid and f"guid {one.guid}" not in known:
        marks["guid_key"] = one.guid
    if one.link and one.link != match.link and f"link {one.link}" not in known:
        marks["link_key"] = one.link
    # Behind some papers' addresses stand several servers, and an older one may answer last.
    is_older = match.modified_at is not None and text.modified_at is not None and text.modified_at < match.modified_at
    is_new_text = text_digest(text) != match.digest and not is_older
    if is_new_text:
        registered_at = min(text.registered_at, match.first_seen_at) if text.registered_at else None
        marks |= {
            "revision": match.revision + 1,
            "title_key": one.title,
            "section": text.section[:_MAX_SECTION],
            "registered_at": registered_at,
        }
    if not marks:
        return 0
    changed = await connection.execute(
        sa.update(tables.articles).where(_a.id == match.id, _a.revision == match.revision).values(**marks)
    )
    if not is_new_text or changed.rowcount == 0:
        return 0
    row = revision_row(match.id, match.revision + 1, text, now)
    await connection.execute(sa.insert(tables.revisions).values(row))
    return 1


async def _touch(connection: Connection, article_ids: set[int], *, now: datetime) -> None:
    ids = sorted(article_ids)
    for start in range(0, len(ids), _PER_QUERY):
        some = ids[start : start + _PER_QUERY]
        await connection.execute(sa.update(tables.articles).where(_a.id.in_(some)).values(last_seen_at=now))


def _articles() -> sa.Select[Any]:
    return (
        sa.select(
            _a.id, _a.source_id, _a.first_seen_at, _a.eligible, _a.withdrawn_at, _r.revision, _r.title, _r.link,
            _r.text, tables.sources.c.name.label("source_name"), tables.sources.c.rights,
        )
        .join(tables.revisions, _r.article_id == _a.id)
        .join(tables.sources, tables.sources.c.id == _a.source_id)
    )  # fmt: skip


def _article(row: Any) -> Article:  # Any: a row mapping
    return Article(
        id=row["id"],
        source_id=row["source_id"],
        source_name=row["source_name"],
        rights=row["rights"],
        revision=row["revision"],
        text=text_of(row["title"], row["link"], row["text"]),
        first_seen_at=row["first_seen_at"],
        eligible=row["eligible"],
        withdrawn_at=row["withdrawn_at"],
    )

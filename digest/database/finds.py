"""What a source's document holds, compared with what is stored, and kept.

`store_found` is the way in: found articles go through `identity`; new ones are inserted, with a page to be read;
changed ones become revisions, known ones are only noted as seen. Whether one has changed is asked of what its source
listed the last time (`articles.listed`): its text is more than that once its page has been read (`layers`). The unique
keys on guid and link, and "revision is still N" inside the UPDATE, make two workers at once store everything once. An
article belongs to the source that brought it first: another source's wording of it makes no revision, or two feeds
with different excerpts would revise each other for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from digest.database import corrections, pages, tables
from digest.database.connection import Connection
from digest.database.identity import Marked, mark, text_digest
from digest.database.layers import merged, substantial_change
from digest.database.once import insert_once
from digest.database.revisions import listed_of, listed_value, page_of, revision_row, text_of
from digest.models.articles import ArticleText, FoundArticle
from digest.models.sources import Source

BACKLOG = timedelta(hours=24)
"""At a source's first fetch, older articles are kept but never mailed: nobody wants last year's news as the first."""
_PER_QUERY = 400  # bound values in one statement; SQLite of 2020 takes 999
_MAX_SECTION = 60

_a, _r, _p = tables.articles.c, tables.revisions.c, tables.pages.c


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
    listed_digest: str
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


async def revise(
    connection: Connection, article_id: int, revision: int, old: ArticleText, new: ArticleText, *, now: datetime
) -> bool:
    """Make `new` the article's latest revision if it still stands at `revision`; note a correction where it is one."""
    why = substantial_change(old, new)
    first_seen_at = _a.first_seen_at
    registered_at = sa.case(
        (sa.literal(new.registered_at, _a.registered_at.type) > first_seen_at, first_seen_at),
        else_=sa.literal(new.registered_at, _a.registered_at.type),
    )
    changed = await connection.execute(
        sa.update(tables.articles)
        .where(_a.id == article_id, _a.revision == revision)
        .values(revision=revision + 1, section=new.section[:_MAX_SECTION], registered_at=registered_at)
    )
    if changed.rowcount == 0:
        return False
    row = revision_row(article_id, revision + 1, new, now, substantial=why)
    await connection.execute(sa.insert(tables.revisions).values(row))
    if why:
        await corrections.note_change(connection, article_id, revision + 1, at=now)
    return True


async def _known(connection: Connection, source_id: int, marked: list[Marked]) -> dict[str, _Known]:
    """Load the stored articles that any of `marked` may be, by each of their keys ("guid …", "link …", "title …")."""
    known: dict[str, _Known] = {}
    own = _a.source_id == source_id
    for name, column, condition in (
        ("guid", _a.guid_key, own),
        ("link", _a.cited_key, sa.true()),
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
    _a.id, _a.source_id, _a.guid_key, _a.link_key, _a.revision, _a.first_seen_at, _a.listed_digest, _r.title, _r.link,
    _r.text,
)  # fmt: skip


def _known_article(row: Any) -> _Known:  # Any: a row mapping
    return _Known(
        id=row["id"],
        source_id=row["source_id"],
        guid=row["guid_key"],
        link=row["link_key"],
        revision=row["revision"],
        listed_digest=row["listed_digest"],
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
    # A conflict: another worker has just stored it, from this source or from one that lists it too.
    insert = insert_once(connection, tables.articles).values(article_row(source, one, now=now))
    article_id = (await connection.execute(insert.returning(_a.id))).scalar_one_or_none()
    if article_id is None:
        return 0
    await connection.execute(sa.insert(tables.revisions).values(revision_row(article_id, 1, one.found.text, now)))
    if is_to_be_read(source, one, now=now):
        await pages.add(connection, article_id, now=now)
    return 1


def article_row(source: Source, one: Marked, *, now: datetime) -> dict[str, Any]:
    """Return the values of the row of a new article."""
    text = one.found.text
    return {
        "source_id": source.id,
        "guid_key": one.guid,
        "link_key": one.link,
        "title_key": one.title,
        "revision": 1,
        "section": text.section[:_MAX_SECTION],
        "registered_at": min(text.registered_at, now) if text.registered_at else None,
        "first_seen_at": now,
        "last_seen_at": now,
        # Without a headline it waits for its page.
        "eligible": not is_backlog(source, one, now=now) and bool(text.title),
        "listed": listed_value(text),
        "listed_digest": text_digest(text),
    }


def is_backlog(source: Source, one: Marked, *, now: datetime) -> bool:
    """Whether an article was registered so long before its source's first fetch that it is no news."""
    at = one.found.text.registered_at
    return source.first_fetched_at is None and at is not None and at < now - BACKLOG


def is_to_be_read(source: Source, one: Marked, *, now: datetime) -> bool:
    """Whether the page of a new article is to be read."""
    return source.spec.reads_pages and not is_backlog(source, one, now=now)


async def _revise(
    connection: Connection, match: _Known, one: Marked, known: dict[str, _Known], *, now: datetime
) -> int:
    """Keep what is listed now, and make a revision if that changes the text; renew guids and links that were moved."""
    text = one.found.text
    marks: dict[str, Any] = {}
    if one.guid and one.guid != match.guid and f"guid {one.guid}" not in known:
        marks["guid_key"] = one.guid
    if one.link and one.link != match.link and f"link {one.link}" not in known:
        marks["link_key"] = one.link
    # Behind some papers' addresses stand several servers, and an older one may answer last.
    is_older = match.modified_at is not None and text.modified_at is not None and text.modified_at < match.modified_at
    digest = text_digest(text)
    is_new_text = digest != match.listed_digest and not is_older
    if is_new_text:
        marks |= {"title_key": one.title, "listed": listed_value(text), "listed_digest": digest}
    if not marks:
        return 0
    changed = await connection.execute(
        sa.update(tables.articles).where(_a.id == match.id, _a.revision == match.revision).values(**marks)
    )
    if not is_new_text or changed.rowcount == 0:
        return 0
    await pages.look_soon(connection, [match.id], now=now)
    return int(await remake(connection, match.id, now=now))


async def remake(connection: Connection, article_id: int, *, now: datetime, is_first_reading: bool = False) -> bool:
    """Put the article together anew from its two layers; return whether that made a revision of it.

    At the first reading of its page, the article's text takes the place of what was listed, if no edition has placed
    that yet: it is the same state of the article, read more closely. What has a headline now may go into editions, and
    what its source listed without a date may not any more, if its page tells that it is backlog.
    """
    row = (await connection.execute(_LAYERS.where(_a.id == article_id))).mappings().one()
    old = text_of(row["title"], row["link"], row["text"])
    new = merged(listed_of(row["listed"]), page_of(row["page"]), row["first_title"] or "")
    if text_digest(new) == row["digest"]:
        return False
    was_undated = old.registered_at is None and new.registered_at is not None
    if (not old.title or was_undated) and new.title and not row["is_placed"]:
        eligible = not _is_backlog_by_its_page(new, row)
        await connection.execute(sa.update(tables.articles).where(_a.id == article_id).values(eligible=eligible))
    if row["is_placed"] or not is_first_reading:
        return await revise(connection, article_id, row["revision"], old, new, now=now)
    values = revision_row(article_id, row["revision"], new, now)
    await connection.execute(
        sa.update(tables.revisions)
        .where(_r.article_id == article_id, _r.revision == row["revision"])
        .values({name: values[name] for name in ("digest", "title", "link", "text")})
    )
    registered_at = min(new.registered_at, row["first_seen_at"]) if new.registered_at else None
    await connection.execute(
        sa.update(tables.articles)
        .where(_a.id == article_id)
        .values(section=new.section[:_MAX_SECTION], registered_at=registered_at)
    )
    return False


def _is_backlog_by_its_page(text: ArticleText, row: Any) -> bool:  # Any: a row mapping
    """As `is_backlog`, where the time of registering is known from the article's page only."""
    came_first = row["first_fetched_at"] is None or row["first_seen_at"] <= row["first_fetched_at"]
    return came_first and text.registered_at is not None and text.registered_at < row["first_seen_at"] - BACKLOG


_LAYERS = (
    sa.select(
        _a.revision,
        _a.listed,
        _a.first_seen_at,
        _r.digest,
        _r.title,
        _r.link,
        _r.text,
        _p.text.label("page"),
        _p.first_title,
        tables.sources.c.first_fetched_at,
        sa.exists().where(tables.edition_articles.c.article_id == _a.id).label("is_placed"),
    )
    .join(tables.revisions, sa.and_(_r.article_id == _a.id, _r.revision == _a.revision))
    .join(tables.sources, tables.sources.c.id == _a.source_id)
    .outerjoin(tables.pages, _p.article_id == _a.id)
    .with_for_update(of=tables.articles)
)


async def _touch(connection: Connection, article_ids: set[int], *, now: datetime) -> None:
    ids = sorted(article_ids)
    for start in range(0, len(ids), _PER_QUERY):
        some = ids[start : start + _PER_QUERY]
        await connection.execute(sa.update(tables.articles).where(_a.id.in_(some)).values(last_seen_at=now))

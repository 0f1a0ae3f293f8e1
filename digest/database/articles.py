"""Articles as they are stored: looked up, taken back, contested; and which picture hosts answer over https.

How they come in is in `finds` (from lists) and `pages` (from their own pages). `articles.registered_at` is what to sort
by: the paper's date, but never later than when we first saw the article, so that sources whose dates run hours ahead do
not lead every edition. The printed date is the text's own. Withdrawing takes effect at once on everything still to be
sent: mails that are composed with the article are stopped (`editions.stale_at`) until they are composed anew.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from digest.database import corrections, tables
from digest.database.connection import Connection
from digest.database.once import insert_once
from digest.database.revisions import text_of
from digest.errors import NotFoundError
from digest.models.articles import Article, WithdrawnBy
from digest.models.editions import EditionState

RECHECK_PICTURE_HOSTS = timedelta(days=7)
_PER_QUERY = 400  # bound values in one statement; SQLite of 2020 takes 999
_TO_COME = (EditionState.CHOSEN, EditionState.HELD)
_COMPOSED = (EditionState.RELEASED, EditionState.SENDING, EditionState.HELD)

_a, _r = tables.articles.c, tables.revisions.c


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


async def load_latest(connection: Connection, article_ids: Iterable[int]) -> dict[int, Article]:
    """Return these articles in their latest revisions."""
    ids = list(dict.fromkeys(article_ids))
    loaded: dict[int, Article] = {}
    for start in range(0, len(ids), _PER_QUERY):
        wanted = _a.id.in_(ids[start : start + _PER_QUERY])
        rows = await connection.execute(_articles().where(wanted, _r.revision == _a.revision))
        loaded |= {row["id"]: _article(row) for row in rows.mappings()}
    return loaded


async def list_corrections(connection: Connection, article_id: int) -> list[tuple[int, datetime, str]]:
    """Return the revisions that changed an article for its readers: number, when it was seen, and what changed."""
    rows = await connection.execute(
        sa.select(_r.revision, _r.seen_at, _r.substantial)
        .where(_r.article_id == article_id, _r.substantial != "")
        .order_by(_r.revision)
    )
    return [(row.revision, row.seen_at, row.substantial) for row in rows]


async def withdraw(
    connection: Connection, article_id: int, *, at: datetime, by: WithdrawnBy = WithdrawnBy.PERSON
) -> bool:
    """Take an article out of everything that is still to be sent; True if that changed anything.

    An edition that is being released at this moment is waited for. One that is composed already goes on only when it
    has been composed anew. Readers whom the article has reached are told in the slot's next edition. What its page has
    withdrawn before, a person may withdraw too: then the page cannot bring it back any more.
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
        sa.update(tables.articles)
        .where(_a.id == article_id, _a.withdrawn_at.is_(None))
        .values(withdrawn_at=at, withdrawn_by=by)
    )
    if result.rowcount == 0:
        if by is WithdrawnBy.PERSON:
            await connection.execute(sa.update(tables.articles).where(_a.id == article_id).values(withdrawn_by=by))
        return False
    shown_in = sa.select(tables.messages.c.edition_id).where(
        tables.messages.c.id == tables.message_articles.c.message_id,
        tables.message_articles.c.article_id == article_id,
    )
    await connection.execute(
        sa.update(tables.editions)
        .where(tables.editions.c.state.in_(_COMPOSED), tables.editions.c.id.in_(shown_in))
        .values(stale_at=at)
    )
    await corrections.note_withdrawal(connection, article_id, at=at)
    return True


async def bring_back(connection: Connection, article_id: int, *, at: datetime, by: WithdrawnBy) -> bool:
    """Undo a withdrawal by the page (or, by a person, any); the article may be in editions again. True if it did."""
    of_mine = () if by is WithdrawnBy.PERSON else (_a.withdrawn_by == by,)
    result = await connection.execute(
        sa.update(tables.articles)
        .where(_a.id == article_id, _a.withdrawn_at.is_not(None), *of_mine)
        .values(withdrawn_at=None, withdrawn_by=None)
    )
    if result.rowcount > 0:
        await corrections.forget_withdrawal(connection, article_id, at=at)
    return result.rowcount > 0


async def contest(connection: Connection, article_id: int, *, at: datetime | None) -> bool:
    """Mark that a correction of the article was claimed (정정보도 청구 등), or with None that this is settled.

    It is shown wherever the article appears from now on (언론중재법 제17조의2). True if that changed anything.
    """
    was = _a.contested_at.is_not(None) if at is None else _a.contested_at.is_(None)
    result = await connection.execute(
        sa.update(tables.articles).where(_a.id == article_id, was).values(contested_at=at)
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


def _articles() -> sa.Select[Any]:
    return (
        sa.select(
            _a.id, _a.source_id, _a.first_seen_at, _a.eligible, _a.withdrawn_at, _a.withdrawn_by, _a.contested_at,
            _r.revision, _r.title, _r.link, _r.text, tables.sources.c.name.label("source_name"),
            tables.sources.c.rights,
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
        withdrawn_by=row["withdrawn_by"],
        contested_at=row["contested_at"],
    )

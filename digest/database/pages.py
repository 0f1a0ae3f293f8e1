"""The pages of articles: when each is looked at, and what it said the last time.

Every new article has a row here. A look is claimed with a lease, like a source's turn, and recorded together with the
time of the next one; an article is looked at until a week after its last edition. What the page says is one layer of
the article (`layers`); `finds.remake` puts the article together from it, in the same transaction.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.identity import link_key
from digest.database.once import insert_once
from digest.database.revisions import listed_of, page_of, page_value
from digest.database.tables import articles, pages, sources
from digest.models.articles import ArticleText, PageState, PageText
from digest.models.sources import Purpose, SourceState

LOOKED_AFTER = timedelta(days=7)
"""So long after its last edition an article is still looked at."""
_PER_QUERY = 400

_p = pages.c
_FREE = {"lease_owner": None, "lease_until": None}


@dataclass(frozen=True, slots=True)
class PageTurn:
    """A page whose turn it is, claimed: where it is, and the marks of the last look."""

    article_id: int
    source_id: int
    source_name: str
    options: tuple[tuple[str, str], ...]  # of its source: selectors, for one
    url: str
    state: PageState
    etag: str | None
    last_modified: str | None
    body_digest: str | None
    failures: int
    first_seen_at: datetime
    look_until: datetime


@dataclass(frozen=True, slots=True)
class Marks:
    """What makes the next look cheap: the answer's own marks, and the digest of its bytes."""

    etag: str | None = None
    last_modified: str | None = None
    body_digest: str | None = None


async def add(connection: Connection, article_id: int, *, now: datetime) -> None:
    """Have a new article's page looked at, at once."""
    await connection.execute(insert_once(connection, pages).values(new_row(article_id, now=now)))


def new_row(article_id: int, *, now: datetime) -> dict[str, Any]:
    """Return the values of the row of a new article's page, to be looked at at once."""
    return {
        "article_id": article_id,
        "state": PageState.UNREAD,
        "found_by": {},
        "next_look_at": now,
        "look_until": now + LOOKED_AFTER,
    }


async def look_soon(connection: Connection, article_ids: Collection[int], *, now: datetime) -> None:
    """Have these pages looked at at once, and again for a week: their source lists something else, or an edition
    brings them.
    """
    await _update_some(connection, article_ids, {"next_look_at": now, "look_until": now + LOOKED_AFTER})


async def claim_due(
    connection: Connection, *, owner: str, now: datetime, lease_until: datetime, limit: int
) -> list[PageTurn]:
    """Claim up to `limit` pages whose time has come, the longest waiting first."""
    due = sa.and_(_p.next_look_at <= now, sources.c.state == SourceState.ACTIVE)
    return await _claim(connection, due, owner=owner, now=now, lease_until=lease_until, limit=limit)


async def claim_these(
    connection: Connection, article_ids: Collection[int], *, owner: str, now: datetime, lease_until: datetime
) -> list[PageTurn]:
    """Claim the pages of these articles, whether due or not; those that another worker is looking at are missing."""
    claimed: list[PageTurn] = []
    ids = sorted(article_ids)
    for start in range(0, len(ids), _PER_QUERY):
        some = _p.article_id.in_(ids[start : start + _PER_QUERY])
        claimed += await _claim(connection, some, owner=owner, now=now, lease_until=lease_until, limit=_PER_QUERY)
    return claimed


async def are_looked_at(connection: Connection, article_ids: Collection[int], *, now: datetime) -> bool:
    """Whether somebody is looking at the page of one of these articles at the moment."""
    ids = sorted(article_ids)
    for start in range(0, len(ids), _PER_QUERY):
        held = sa.and_(_p.article_id.in_(ids[start : start + _PER_QUERY]), _p.lease_until > now)
        if await connection.scalar(sa.select(_p.article_id).where(held).limit(1)) is not None:
            return True
    return False


async def record_read(
    connection: Connection,
    turn: PageTurn,
    page: PageText,
    marks: Marks,
    *,
    owner: str,
    at: datetime,
    next_at: datetime | None,
) -> bool:
    """Keep what a page says and free it; False if another worker has taken it over, and nothing is kept.

    A page that asks to be cited by another address makes the article known by that one, too.
    """
    state = PageState.THIN if page.is_thin else PageState.READ
    values: dict[str, Any] = {
        "state": state,
        "text": page_value(page),
        "found_by": dict(page.found_by),
        "first_title": sa.case((_p.first_title == "", page.title), else_=_p.first_title),
        "problem": "",
        "failures": 0,
        "etag": marks.etag,
        "last_modified": marks.last_modified,
        "body_digest": marks.body_digest,
    }
    if not await _settle(connection, turn, values, owner=owner, at=at, next_at=next_at):
        return False
    cited = link_key(page.link) if page.link else None
    if cited is not None:
        await connection.execute(
            sa.update(articles)
            .where(
                articles.c.id == turn.article_id, sa.or_(articles.c.link_key.is_(None), articles.c.link_key != cited)
            )
            .values(cited_key=cited)
        )
    return True


async def record_unchanged(
    connection: Connection, turn: PageTurn, *, owner: str, at: datetime, next_at: datetime | None
) -> bool:
    """Free a page that says what it said before."""
    values = {"failures": 0, "problem": ""}
    return await _settle(connection, turn, values, owner=owner, at=at, next_at=next_at)


async def record_failed(
    connection: Connection,
    turn: PageTurn,
    state: PageState,
    problem: str,
    *,
    owner: str,
    at: datetime,
    next_at: datetime | None,
) -> bool:
    """Free a page that could not be read; what it said before stays. A page that was read once stays `read` unless it
    is gone. `next_at` None: it is not looked at any more.
    """
    kept = sa.case((_p.state.in_((PageState.READ, PageState.THIN)), _p.state), else_=sa.literal(state, _p.state.type))
    values = {
        "state": state if state is PageState.GONE else kept,
        "problem": problem,
        "failures": _p.failures + 1,
    }
    return await _settle(connection, turn, values, owner=owner, at=at, next_at=next_at)


async def give_back(connection: Connection, turns: Sequence[PageTurn], *, owner: str) -> None:
    """Free pages that were claimed and not looked at."""
    for start in range(0, len(turns), _PER_QUERY):
        ids = [turn.article_id for turn in turns[start : start + _PER_QUERY]]
        await connection.execute(
            sa.update(pages).where(_p.article_id.in_(ids), _p.lease_owner == owner).values(**_FREE)
        )


async def free_leases(connection: Connection, owners: Collection[str]) -> int:
    """Free what `owners`, who are known to be dead, had claimed; return how many."""
    freed = await connection.execute(sa.update(pages).where(_p.lease_owner.in_(owners)).values(**_FREE))
    return freed.rowcount


async def found_by(connection: Connection, article_id: int) -> tuple[PageState, dict[str, str], str] | None:
    """Return a page's state, how each field was found, and its problem; None for an article without a page."""
    row = (
        await connection.execute(sa.select(_p.state, _p.found_by, _p.problem).where(_p.article_id == article_id))
    ).one_or_none()
    return None if row is None else (row.state, dict(row.found_by), row.problem)


async def known(connection: Connection, article_id: int) -> tuple[ArticleText, PageText | None]:
    """Return how its source lists an article, and what its page said when a text was read off it, None: never."""
    query = sa.select(articles.c.listed, _p.state, _p.text).join(articles, articles.c.id == _p.article_id)
    row = (await connection.execute(query.where(_p.article_id == article_id))).one()
    return listed_of(row.listed), page_of(row.text) if row.state is PageState.READ else None


async def any_read(connection: Connection, source_id: int) -> bool:
    """Whether any page of the source's articles could be read: that its links lead to them."""
    query = (
        sa.select(_p.article_id)
        .join(articles, articles.c.id == _p.article_id)
        .where(articles.c.source_id == source_id, _p.state.in_((PageState.READ, PageState.THIN)))
    )
    return await connection.scalar(query.limit(1)) is not None


async def forget_marks(connection: Connection, article_id: int) -> None:
    """Have the next look fetch and read the page whole, whether it has changed or not: its selectors may have."""
    marks = {"etag": None, "last_modified": None, "body_digest": None}
    await connection.execute(sa.update(pages).where(_p.article_id == article_id).values(marks))


async def counts(connection: Connection) -> dict[PageState, int]:
    """Return how many pages are in each state."""
    rows = await connection.execute(sa.select(_p.state, sa.func.count()).group_by(_p.state))
    return {row[0]: row[1] for row in rows}


async def _claim(
    connection: Connection,
    which: sa.ColumnElement[bool],
    *,
    owner: str,
    now: datetime,
    lease_until: datetime,
    limit: int,
) -> list[PageTurn]:
    wanted = (
        sa.select(_p.article_id)
        .join(articles, articles.c.id == _p.article_id)
        .join(sources, sources.c.id == articles.c.source_id)
        .where(
            which,
            sources.c.purpose == Purpose.ARTICLES,
            sa.or_(_p.lease_until.is_(None), _p.lease_until <= now),
        )
        .order_by(_p.next_look_at, _p.article_id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=pages)
        .cte("wanted")
    )
    claimed = await connection.execute(
        sa.update(pages)
        .where(_p.article_id.in_(sa.select(wanted.c.article_id)))
        .values(lease_owner=owner, lease_until=lease_until)
        .returning(_p.article_id)
    )
    ids = claimed.scalars().all()
    rows = await connection.execute(_TURNS.where(_p.article_id.in_(ids)).order_by(_p.next_look_at, _p.article_id))
    return [_turn(row) for row in rows.mappings()]


_TURNS = (
    sa.select(
        pages,
        articles.c.source_id,
        articles.c.listed,
        articles.c.first_seen_at,
        sources.c.name.label("source_name"),
        sources.c.options,
    )
    .join(articles, articles.c.id == _p.article_id)
    .join(sources, sources.c.id == articles.c.source_id)
)


def _turn(row: Any) -> PageTurn:  # Any: a row mapping
    return PageTurn(
        article_id=row["article_id"],
        source_id=row["source_id"],
        source_name=row["source_name"],
        options=tuple((row["options"] or {}).items()),
        url=row["listed"]["link"],
        state=row["state"],
        etag=row["etag"],
        last_modified=row["last_modified"],
        body_digest=row["body_digest"],
        failures=row["failures"],
        first_seen_at=row["first_seen_at"],
        look_until=row["look_until"],
    )


async def _settle(
    connection: Connection,
    turn: PageTurn,
    values: dict[str, Any],  # Any: columns of different types
    *,
    owner: str,
    at: datetime,
    next_at: datetime | None,
) -> bool:
    result = await connection.execute(
        sa.update(pages)
        .where(_p.article_id == turn.article_id, _p.lease_owner == owner)
        .values(**values, looked_at=at, next_look_at=next_at, **_FREE)
    )
    return result.rowcount > 0


async def _update_some(connection: Connection, article_ids: Collection[int], values: dict[str, Any]) -> None:
    ids = sorted(article_ids)
    for start in range(0, len(ids), _PER_QUERY):
        some = _p.article_id.in_(ids[start : start + _PER_QUERY])
        await connection.execute(sa.update(pages).where(some).values(**values))

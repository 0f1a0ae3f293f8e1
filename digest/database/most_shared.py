"""많이 보낸 기사: how often each article was shared on a day, and by how many different people. No person is in it.

A share is counted when it is queued, in the same transaction. Whoever sends an article to a second friend is counted as
a share, and not as a further sender: so one reader alone brings nothing to the top. An edition names an article only
above a number of different senders, and never the numbers themselves, so that nobody in a small town is recognised by
what they passed on. The desk sees the numbers (`digest articles shared`).
"""

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.once import insert_or
from digest.database.tables import articles, revisions, share_counts, shares
from digest.models.shares import NewShare, SharedOften, ShareState

DAYS = 7
"""So many days are looked at; in UTC, so it may be one more of the newspaper's."""
SHOWN_FROM_SENDERS = 5
"""Fewer different senders are not shown to readers."""

_c = share_counts.c


async def count(connection: Connection, share_id: int, share: NewShare, *, on: date) -> None:
    """Count a share that was released in this transaction, on a day of the newspaper's."""
    others = sa.select(shares.c.id).where(
        shares.c.article_id == share.article_id,
        shares.c.sender_hash == share.sender_hash,
        shares.c.state == ShareState.RELEASED,
        shares.c.id != share_id,
    )
    is_first = (await connection.execute(others.limit(1))).first() is None
    statement = insert_or(connection, share_counts).values(
        article_id=share.article_id, day=on, count=1, senders=int(is_first)
    )
    more = {"count": _c.count + 1, "senders": _c.senders + int(is_first)}
    await connection.execute(statement.on_conflict_do_update(index_elements=[_c.article_id, _c.day], set_=more))


async def ranked(connection: Connection, *, since: date, senders: int, limit: int) -> list[SharedOften]:
    """Return the articles shared by at least so many people since that day, most first.

    What was withdrawn is left out, and so is what a correction was claimed of: no list should carry that further.
    """
    total, people = sa.func.sum(_c.count).label("shares"), sa.func.sum(_c.senders).label("senders")
    rows = await connection.execute(
        sa.select(articles.c.id, revisions.c.title, revisions.c.link, total, people)
        .join(articles, articles.c.id == _c.article_id)
        .join(
            revisions,
            sa.and_(revisions.c.article_id == articles.c.id, revisions.c.revision == articles.c.revision),
        )
        .where(_c.day >= since, articles.c.withdrawn_at.is_(None), articles.c.contested_at.is_(None))
        .group_by(articles.c.id, revisions.c.title, revisions.c.link)
        .having(people >= senders)
        .order_by(people.desc(), total.desc(), articles.c.id.desc())
        .limit(limit)
    )
    return [SharedOften(row.id, row.title, row.link, int(row.shares), int(row.senders)) for row in rows]


async def still_shown(connection: Connection, lines: Sequence[SharedOften]) -> tuple[SharedOften, ...]:
    """Leave out the articles that were withdrawn since, or of which a correction was claimed."""
    ids = [line.article_id for line in lines]
    if not ids:
        return ()
    gone = sa.or_(articles.c.withdrawn_at.is_not(None), articles.c.contested_at.is_not(None))
    found = await connection.execute(sa.select(articles.c.id).where(articles.c.id.in_(ids), gone))
    taken_back = set(found.scalars())
    return tuple(line for line in lines if line.article_id not in taken_back)

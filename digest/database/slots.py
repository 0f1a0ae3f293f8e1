"""Slots: since when they are known, which planned times are decided, and which articles are still free for them.

A planned time is decided once, whether it brought an edition or (nothing new) none: the row of the slot is the lock,
and the condition stands in the UPDATE. Membership is a set, not a span of time: every eligible article that no edition
of the slot holds is free, however late it was stored, so nothing falls between two editions. The only lower bound is a
day before the slot was first known, so that a new slot does not bring the archive. A slot that was out of the settings
for more than a week is a new one when it comes back: nobody waits for what was gathered in between. Being out of the
settings is noticed at a start; however long the service itself was down, nothing is lost by it.

Clocks jump. A stored time more than a day ahead of ours was written under a clock that had jumped: it neither blocks
the slot nor hides an article until that day comes.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.once import insert_once
from digest.database.tables import Instant, articles, edition_articles, editions, slots, sources
from digest.models.editions import Role
from digest.models.sources import Purpose, SourceState

BACKLOG = timedelta(days=1)
_PER_QUERY = 400
FORGOTTEN_AFTER = timedelta(days=7)
_CLOCK_JUMP = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SlotHistory:
    """What decides a slot's next planned time; `decided_at` is the latest one decided, None if there was none."""

    since_at: datetime
    decided_at: datetime | None


async def know_slots(connection: Connection, names: Iterable[str], *, now: datetime) -> None:
    """Note when each slot was first known; no edition is planned before. Known ones keep their time."""
    for name in names:
        await connection.execute(insert_once(connection, slots).values(name=name, since_at=now))


async def keep_in_step(connection: Connection, names: Collection[str], *, now: datetime) -> None:
    """Bring the slots in step with the settings, at a start: note which are new, which are gone and which came back."""
    await know_slots(connection, names, now=now)
    is_named = slots.c.name.in_(names)
    gone = sa.update(slots).where(~is_named, slots.c.gone_at.is_(None)).values(gone_at=now)
    await connection.execute(gone)
    begins_anew = slots.c.gone_at < now - FORGOTTEN_AFTER
    back = sa.update(slots).where(is_named, slots.c.gone_at.is_not(None))
    since_at = sa.case((begins_anew, sa.literal(now, Instant)), else_=slots.c.since_at)
    await connection.execute(back.values(gone_at=None, since_at=since_at))


async def get_history(connection: Connection, name: str, *, until: datetime) -> SlotHistory | None:
    """Return the history of slot `name` as seen by a clock that looks ahead to `until`; None for an unknown slot."""
    believed = until + _CLOCK_JUMP
    newest = (
        sa.select(sa.func.max(editions.c.planned_at))
        .where(editions.c.slot == name, editions.c.planned_at <= believed)
        .scalar_subquery()
    )
    row = (
        await connection.execute(
            sa.select(slots.c.since_at, slots.c.last_planned_at, newest.label("newest_at")).where(slots.c.name == name)
        )
    ).one_or_none()
    if row is None:
        return None
    decided = [at for at in (row.last_planned_at, row.newest_at) if at is not None and at <= believed]
    return SlotHistory(row.since_at, max(decided, default=None))


async def decide(connection: Connection, name: str, planned_at: datetime, *, until: datetime) -> bool:
    """Take `planned_at` as the slot's next decided time; False if it, or a later one, was decided before."""
    believed = until + _CLOCK_JUMP
    is_taken = sa.exists().where(
        editions.c.slot == name, editions.c.planned_at >= planned_at, editions.c.planned_at <= believed
    )
    result = await connection.execute(
        sa.update(slots)
        .where(
            slots.c.name == name,
            slots.c.since_at < planned_at,
            sa.or_(
                slots.c.last_planned_at.is_(None),
                slots.c.last_planned_at < planned_at,
                slots.c.last_planned_at > believed,
            ),
            ~is_taken,
        )
        .values(last_planned_at=planned_at)
    )
    return result.rowcount > 0


async def lock(connection: Connection, name: str) -> datetime:
    """Make others who choose for slot `name` wait for the end of this transaction; return since when it is known."""
    found = await connection.execute(sa.select(slots.c.since_at).where(slots.c.name == name).with_for_update())
    since_at: datetime = found.scalar_one()
    return since_at


async def shown_articles(connection: Connection, name: str, article_ids: Collection[int]) -> set[int]:
    """Return those of these articles that an edition of the slot shows, or repeats."""
    shown: set[int] = set()
    ids = sorted(article_ids)
    for start in range(0, len(ids), _PER_QUERY):
        rows = await connection.execute(
            sa.select(edition_articles.c.article_id).where(
                edition_articles.c.slot == name,
                edition_articles.c.article_id.in_(ids[start : start + _PER_QUERY]),
                edition_articles.c.given_back_at.is_(None),
                edition_articles.c.role != Role.LEFT_OUT,
            )
        )
        shown.update(rows.scalars())
    return shown


async def free_articles(
    connection: Connection, name: str, *, since_at: datetime, cutoff_at: datetime
) -> list[tuple[int, int]]:
    """Return (article id, latest revision) of every article the slot's next edition may hold."""
    is_held = sa.exists().where(
        edition_articles.c.slot == name,
        edition_articles.c.article_id == articles.c.id,
        edition_articles.c.given_back_at.is_(None),
    )
    rows = await connection.execute(
        sa.select(articles.c.id, articles.c.revision)
        .join(sources, sources.c.id == articles.c.source_id)
        .where(
            sources.c.purpose == Purpose.ARTICLES,
            sources.c.state != SourceState.REMOVED,
            articles.c.eligible,
            articles.c.withdrawn_at.is_(None),
            articles.c.first_seen_at >= since_at - BACKLOG,
            sa.or_(articles.c.first_seen_at <= cutoff_at, articles.c.first_seen_at > cutoff_at + _CLOCK_JUMP),
            ~is_held,
        )
        .order_by(articles.c.id)
    )
    return [(row.id, row.revision) for row in rows]

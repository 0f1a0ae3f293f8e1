"""Editions and the articles placed in them.

Every change of state is one UPDATE whose WHERE names the states it starts from, and tells whether it changed anything:
the second worker, or the second run, changes nothing and knows it. The unique key (slot, planned_at) lets one edition
exist, the unique index (slot, article) keeps an article out of two of them. The chart of states is in `digest.models`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from digest.database import articles as article_rows
from digest.database.connection import Connection
from digest.database.once import insert_once
from digest.database.tables import Instant, articles, edition_articles, editions
from digest.errors import NotFoundError
from digest.models.articles import MostRead
from digest.models.editions import Edition, EditionState, PlacedArticle, Placement, Role, Slot
from digest.models.shares import SharedOften

PUBLIC = frozenset({EditionState.RELEASED, EditionState.SENDING, EditionState.DONE})
RELEASABLE = frozenset({EditionState.CHOSEN, EditionState.HELD})
HOLDABLE = frozenset({EditionState.CHOSEN, EditionState.RELEASED, EditionState.SENDING})
_UNSHOWN = (Role.LEFT_OUT, Role.REPEATED)
_ENDED = frozenset({EditionState.DONE, EditionState.CANCELLED})


def is_public(edition: Edition) -> bool:
    """Return whether the edition may be shown to readers as a page."""
    return edition.state in PUBLIC


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def get_edition(connection: Connection, edition_id: int) -> Edition:
    """Return the edition, or raise `NotFoundError`."""
    row = (await connection.execute(sa.select(editions).where(editions.c.id == edition_id))).mappings().one_or_none()
    if row is None:
        raise NotFoundError("edition", edition_id)
    return _edition(row)


async def list_editions(connection: Connection, *, limit: int, slot: str | None = None) -> list[Edition]:
    """Return editions, latest planned first; of one slot if `slot` is given."""
    query = sa.select(editions).order_by(editions.c.planned_at.desc(), editions.c.id.desc()).limit(limit)
    if slot is not None:
        query = query.where(editions.c.slot == slot)
    return [_edition(row) for row in (await connection.execute(query)).mappings()]


async def list_in_state(connection: Connection, state: EditionState) -> list[Edition]:
    """Return every edition in `state`, the longest waiting first."""
    query = sa.select(editions).where(editions.c.state == state).order_by(editions.c.planned_at, editions.c.id)
    return [_edition(row) for row in (await connection.execute(query)).mappings()]


async def latest_for_slot(connection: Connection, slot: str) -> Edition | None:
    """Return the slot's edition with the latest planned time, whatever its state; None if it never had one."""
    found = await list_editions(connection, limit=1, slot=slot)
    return found[0] if found else None


async def left_open(connection: Connection, slot: str) -> Edition | None:
    """Return the slot's latest edition that was opened and never chosen (a worker died in between), if any."""
    query = (
        sa.select(editions)
        .where(editions.c.slot == slot, editions.c.state == EditionState.OPEN)
        .order_by(editions.c.planned_at.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else _edition(row)


async def placed_articles(connection: Connection, edition_id: int) -> list[PlacedArticle]:
    """Return the edition's articles in their order, each in the revision it was chosen in.

    Articles withdrawn since are not among them: they must neither be mailed nor shown.
    """
    rows = await connection.execute(
        sa.select(edition_articles)
        .where(edition_articles.c.edition_id == edition_id)
        .order_by(edition_articles.c.position)
    )
    placements = [_placement(row) for row in rows.mappings()]
    stored = await article_rows.load_revisions(connection, [(p.article_id, p.revision) for p in placements])
    placed = [PlacedArticle(p, stored[p.article_id, p.revision]) for p in placements]
    return [each for each in placed if each.article.withdrawn_at is None]


async def editions_of_article(connection: Connection, article_id: int) -> list[tuple[Edition, Role]]:
    """Return the editions that hold an article, and as what, latest planned first; cancelled ones are among them."""
    rows = await connection.execute(
        sa.select(editions, edition_articles.c.role)
        .join(edition_articles, edition_articles.c.edition_id == editions.c.id)
        .where(edition_articles.c.article_id == article_id)
        .order_by(editions.c.planned_at.desc())
    )
    return [(_edition(row), row["role"]) for row in rows.mappings()]


async def shown_articles(connection: Connection, edition_ids: Iterable[int]) -> dict[int, frozenset[int]]:
    """Return, for each of these editions, the ids of the articles it shows (not those it only counts)."""
    shown: dict[int, set[int]] = {edition_id: set() for edition_id in edition_ids}
    rows = await connection.execute(
        sa.select(edition_articles.c.edition_id, edition_articles.c.article_id).where(
            edition_articles.c.edition_id.in_(shown), edition_articles.c.role.not_in(_UNSHOWN)
        )
    )
    for row in rows:
        shown[row.edition_id].add(row.article_id)
    return {edition_id: frozenset(ids) for edition_id, ids in shown.items()}


# ── opening and choosing ─────────────────────────────────────────────────────────────────────────────────────────


async def open_edition(connection: Connection, slot: Slot, *, planned_at: datetime, cutoff_at: datetime) -> int | None:
    """Open the slot's edition for `planned_at` and return its id; None if there is one already.

    Older ones that were opened and never chosen are forgotten: nothing was placed in them, and this one brings it all.
    """
    inserted = await connection.execute(
        insert_once(connection, editions)
        .values(
            slot=slot.name,
            title=slot.title,
            planned_at=planned_at,
            cutoff_at=cutoff_at,
            deadline_at=planned_at + slot.deadline,
            state=EditionState.OPEN,
            most_read=[],
        )
        .returning(editions.c.id)
    )
    edition_id: int | None = inserted.scalar_one_or_none()
    if edition_id is not None:
        await connection.execute(
            sa.delete(editions).where(
                editions.c.slot == slot.name, editions.c.state == EditionState.OPEN, editions.c.planned_at < planned_at
            )
        )
    return edition_id


async def take_open(connection: Connection, edition_id: int, *, now: datetime) -> Edition | None:
    """Move an open edition to chosen, before its articles are placed in the same transaction; None if it is not open.

    The cut-off becomes the moment of choosing where that is later: a late edition brings what was collected until then.
    """
    cutoff_at = sa.case((editions.c.cutoff_at < now, sa.literal(now, Instant)), else_=editions.c.cutoff_at)
    taken = await connection.execute(
        sa.update(editions)
        .where(editions.c.id == edition_id, editions.c.state == EditionState.OPEN)
        .values(state=EditionState.CHOSEN, chosen_at=now, cutoff_at=cutoff_at)
        .returning(editions)
    )
    row = taken.mappings().one_or_none()
    return None if row is None else _edition(row)


async def place(
    connection: Connection,
    edition: Edition,
    placements: Sequence[Placement],
    most_read: Sequence[MostRead],
    most_shared: Sequence[SharedOften] = (),
) -> None:
    """Store what was chosen for an edition."""
    await connection.execute(
        sa.insert(edition_articles),
        [{**asdict(placement), "edition_id": edition.id, "slot": edition.slot} for placement in placements],
    )
    await connection.execute(
        sa.update(editions)
        .where(editions.c.id == edition.id)
        .values(
            most_read=[asdict(line) for line in most_read],
            most_shared=[[line.article_id, line.title, line.link] for line in most_shared],
        )
    )


async def forget(connection: Connection, edition_id: int) -> None:
    """Remove an edition for which there was nothing new, in the transaction that took it."""
    await connection.execute(sa.delete(editions).where(editions.c.id == edition_id))


# ── changes of state ─────────────────────────────────────────────────────────────────────────────────────────────


async def mark_held(connection: Connection, edition_id: int, *, states: Collection[EditionState], reason: str) -> bool:
    """Move the edition from one of `states` to held; return whether it changed."""
    return await _move(connection, edition_id, states, state=EditionState.HELD, reason=reason)


async def mark_cancelled(connection: Connection, edition_id: int, *, reason: str) -> bool:
    """Move the edition to cancelled from any state before the end; return whether it changed."""
    states = frozenset(EditionState) - _ENDED
    return await _move(connection, edition_id, states, state=EditionState.CANCELLED, reason=reason)


async def mark_released(
    connection: Connection,
    edition_id: int,
    *,
    states: Collection[EditionState],
    at: datetime,
    deadline_at: datetime,
) -> bool:
    """Move an edition without deliveries from one of `states` to released; return whether it changed.

    The first statement of the transaction that stores its messages and deliveries: the second worker stops here.
    """
    return await _move(
        connection,
        edition_id,
        states,
        editions.c.eligible.is_(None),
        state=EditionState.RELEASED,
        reason="",
        released_at=at,
        deadline_at=deadline_at,
        eligible=0,
    )


async def mark_released_again(connection: Connection, edition_id: int, *, deadline_at: datetime) -> bool:
    """Move an edition that was held while it was being sent back to released; return whether it changed."""
    return await _move(
        connection,
        edition_id,
        {EditionState.HELD},
        editions.c.eligible.is_not(None),
        state=EditionState.RELEASED,
        reason="",
        deadline_at=deadline_at,
    )


async def note_looked(connection: Connection, edition_id: int, *, at: datetime) -> bool:
    """Note that the pages of an edition's articles were looked at before its first delivery; show what they say now.

    One that is composed already, and shows an article in another state than its page does now, is to be composed anew
    (`stale_at`). False if somebody else has looked, or it is being sent; nothing is changed then.
    """
    states = RELEASABLE | {EditionState.RELEASED}
    if not await _move(connection, edition_id, states, editions.c.looked_at.is_(None), looked_at=at):
        return False
    differs = sa.exists().where(
        edition_articles.c.edition_id == editions.c.id,
        edition_articles.c.role.not_in(_UNSHOWN),
        articles.c.id == edition_articles.c.article_id,
        articles.c.revision != edition_articles.c.revision,
    )
    await connection.execute(
        sa.update(editions)
        .where(editions.c.id == edition_id, editions.c.eligible.is_not(None), differs)
        .values(stale_at=at)
    )
    await refresh_revisions(connection, edition_id)
    return True


async def refresh_revisions(connection: Connection, edition_id: int) -> None:
    """Let an edition show the latest revision of each of its articles when it is composed."""
    latest = sa.select(articles.c.revision).where(articles.c.id == edition_articles.c.article_id).scalar_subquery()
    await connection.execute(
        sa.update(edition_articles).where(edition_articles.c.edition_id == edition_id).values(revision=latest)
    )


async def note_eligible(connection: Connection, edition_id: int, count: int) -> None:
    """Store how many readers the edition's deliveries were made for."""
    await connection.execute(sa.update(editions).where(editions.c.id == edition_id).values(eligible=count))


async def give_back(connection: Connection, edition_id: int, *, at: datetime) -> int:
    """Free a cancelled edition's articles for the slot's next one; return how many."""
    result = await connection.execute(
        sa.update(edition_articles)
        .where(edition_articles.c.edition_id == edition_id, edition_articles.c.given_back_at.is_(None))
        .values(given_back_at=at)
    )
    return result.rowcount


async def _move(
    connection: Connection,
    edition_id: int,
    states: Collection[EditionState],
    *conditions: sa.ColumnElement[bool],
    **values: Any,  # Any: columns of different types
) -> bool:
    result = await connection.execute(
        sa.update(editions)
        .where(editions.c.id == edition_id, editions.c.state.in_(states), *conditions)
        .values(**values)
    )
    return result.rowcount > 0


def _edition(row: Any) -> Edition:  # Any: a row mapping
    return Edition(
        id=row["id"],
        slot=row["slot"],
        title=row["title"],
        planned_at=row["planned_at"],
        cutoff_at=row["cutoff_at"],
        deadline_at=row["deadline_at"],
        state=row["state"],
        reason=row["reason"],
        most_read=tuple(MostRead(**line) for line in row["most_read"]),
        most_shared=tuple(SharedOften(*line) for line in row["most_shared"]),
        chosen_at=row["chosen_at"],
        looked_at=row["looked_at"],
        released_at=row["released_at"],
        done_at=row["done_at"],
    )


def _placement(row: Any) -> Placement:  # Any: a row mapping
    return Placement(
        article_id=row["article_id"],
        revision=row["revision"],
        role=row["role"],
        section=row["section"],
        position=row["position"],
        same_sources=row["same_sources"],
    )

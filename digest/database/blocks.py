"""Blocks beside the articles: notices, the paper's own offers, adverts, each for a slot and a time.

Which of them an edition carries is asked by its planned time whenever it is composed. One that a person ends is out of
what still waits, too: editions that are composed already go on only when they have been composed anew, as after the
withdrawal of an article (`editions.stale_at`).
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.tables import blocks, editions
from digest.models.editions import Block, Edition, EditionState, NewBlock

_TO_COME = (EditionState.CHOSEN, EditionState.HELD, EditionState.RELEASED, EditionState.SENDING)
_COMPOSED = (EditionState.RELEASED, EditionState.SENDING, EditionState.HELD)

_b = blocks.c


async def add(connection: Connection, block: NewBlock, *, at: datetime) -> int:
    """Store a block and return its id. Editions that are composed already stay as they are."""
    inserted = await connection.execute(
        sa.insert(blocks)
        .values(
            kind=block.kind,
            slot=block.slot,
            title=block.title,
            text=block.text,
            link=block.link,
            picture=block.picture,
            from_at=block.from_at,
            until_at=block.until_at,
            created_at=at,
        )
        .returning(_b.id)
    )
    return int(inserted.scalar_one())


async def end(connection: Connection, block_id: int, *, at: datetime) -> bool:
    """Take a block out of everything that is still to be sent; False if there is none, or it was ended before.

    An edition that is being released at this moment is waited for.
    """
    await connection.execute(
        sa.select(editions.c.id).where(editions.c.state.in_(_TO_COME)).order_by(editions.c.id).with_for_update()
    )
    ended = await connection.execute(
        sa.update(blocks)
        .where(_b.id == block_id, _b.ended_at.is_(None))
        .values(ended_at=at)
        .returning(_b.slot, _b.from_at, _b.until_at)
    )
    row = ended.one_or_none()
    if row is None:
        return False
    of_slot = () if row.slot == "" else (editions.c.slot == row.slot,)
    carries = (editions.c.planned_at >= row.from_at, editions.c.planned_at < row.until_at, *of_slot)
    await connection.execute(sa.update(editions).where(editions.c.state.in_(_COMPOSED), *carries).values(stale_at=at))
    return True


async def of_edition(connection: Connection, edition: Edition) -> tuple[Block, ...]:
    """Return the blocks that an edition carries, the first added first."""
    rows = await connection.execute(
        sa.select(blocks)
        .where(
            _b.slot.in_(("", edition.slot)),
            _b.from_at <= edition.planned_at,
            _b.until_at > edition.planned_at,
            _b.ended_at.is_(None),
        )
        .order_by(_b.id)
    )
    return tuple(_block(row) for row in rows)


async def list_blocks(connection: Connection, *, until_after: datetime | None = None) -> list[Block]:
    """Return all blocks, newest first; with `until_after` only those that editions after that moment may carry."""
    query = sa.select(blocks).order_by(_b.id.desc())
    if until_after is not None:
        query = query.where(_b.until_at > until_after, _b.ended_at.is_(None))
    return [_block(row) for row in await connection.execute(query)]


def _block(row: Any) -> Block:  # Any: a row of the table
    return Block(
        id=row.id,
        block=NewBlock(
            kind=row.kind,
            title=row.title,
            from_at=row.from_at,
            until_at=row.until_at,
            slot=row.slot,
            text=row.text,
            link=row.link,
            picture=row.picture,
        ),
        created_at=row.created_at,
        ended_at=row.ended_at,
    )

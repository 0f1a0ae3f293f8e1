"""How many mails of an edition were refused for what they are, one after the other, by all workers together.

Each worker counts for itself in memory (`deliver.breaker`). What it hears is added up here as well, so that several
workers together stop as soon as one alone would: since a place took a mail of it, and since anybody did (`EVERYWHERE`).
A place is a provider, or a domain of no large one. An acceptance writes nothing here: whether one came in between is
looked up only when there are enough refusals to decide on. The edition's own row is left alone: who walks holds it.

What a place only put off is counted in the same way, in rows of its own (`deliver.pace`).
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.once import insert_or
from digest.database.tables import deliveries, editions, of_edition, put_offs, refusals
from digest.models.deliveries import DeliveryState

EVERYWHERE = ""
_e, _d, _r, _o = editions.c, deliveries.c, refusals.c, put_offs.c
_place = sa.case((_d.provider != "", _d.provider), else_=_d.domain)


@dataclass(frozen=True, slots=True)
class InARow:
    """So many refusals in a row, the first of them at `since`."""

    count: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Counted:
    """What stands in the ledger after a refusal: the edition's row, that of the place, and the longest of any place."""

    everywhere: InARow
    there: InARow
    most_at: str
    longest: int


async def count(
    connection: Connection, edition_id: int, place: str, *, at: datetime, begins_anew: bool, begins_anew_there: bool
) -> Counted:
    """Count one more refusal.

    `begins_anew`: whoever tells it has had a mail of the edition accepted since it told of one before;
    `begins_anew_there`: it was accepted at that place.
    """
    everywhere = await _count(connection, edition_id, EVERYWHERE, at, begins_anew=begins_anew)
    there = await _count(connection, edition_id, place, at, begins_anew=begins_anew_there)
    of_places = sa.select(_r.place, _r.in_a_row).where(_r.edition_id == edition_id, _r.place != EVERYWHERE)
    most = (await connection.execute(of_places.order_by(_r.in_a_row.desc()).limit(1))).one()
    return Counted(everywhere, there, most.place, most.in_a_row)


async def count_put_off(
    connection: Connection, edition_id: int, place: str, number: int, *, since: datetime, begins_anew: bool
) -> InARow:
    """Count `number` more that a place put off, the first of them at `since`; `begins_anew`: as in `count`."""
    return await _count(connection, edition_id, place, since, begins_anew=begins_anew, table=put_offs, number=number)


async def forget_put_off(connection: Connection, edition_id: int, place: str) -> None:
    """Count what the place puts off from nothing again: it is left alone now."""
    await connection.execute(sa.delete(put_offs).where(_o.edition_id == edition_id, _o.place == place))


async def _count(
    connection: Connection,
    edition_id: int,
    place: str,
    at: datetime,
    *,
    begins_anew: bool,
    table: sa.Table = refusals,
    number: int = 1,
) -> InARow:
    anew = {"in_a_row": number, "first_at": at}
    statement = insert_or(connection, table).values(edition_id=edition_id, place=place, **anew)
    statement = statement.on_conflict_do_update(
        index_elements=[table.c.edition_id, table.c.place],
        set_=anew if begins_anew else {"in_a_row": table.c.in_a_row + number},
    )
    row = (await connection.execute(statement.returning(table.c.in_a_row, table.c.first_at))).one()
    return InARow(row.in_a_row, row.first_at)


async def is_taken_since(connection: Connection, edition_id: int, since: datetime, *, at: str | None = None) -> bool:
    """Whether anybody, or one place, has taken a mail of the edition since then. Walks over it, so ask seldom."""
    there = () if at is None else (_place == at,)
    return await _is_accepted(connection, edition_id, _d.settled_at > since, *there)


async def is_taken_elsewhere(connection: Connection, edition_id: int, place: str) -> bool:
    """Whether any other place has ever taken a mail of the edition. Walks over it, so ask seldom."""
    return await _is_accepted(connection, edition_id, _place != place)


async def _is_accepted(connection: Connection, edition_id: int, *conditions: sa.ColumnElement[bool]) -> bool:
    is_one = sa.and_(of_edition(edition_id), _d.state == DeliveryState.ACCEPTED, *conditions)
    # What the first walk over the edition has not come to, was never sent.
    walked_to = await connection.scalar(sa.select(_e.walked_to).where(_e.id == edition_id))
    is_one = is_one if walked_to is None else sa.and_(is_one, _d.id <= walked_to)
    # Backwards: what was taken last lies where the walk is.
    newest = sa.select(_d.id).where(is_one).order_by(_d.id.desc()).limit(1)
    return await connection.scalar(newest) is not None


async def forget(connection: Connection, edition_id: int, *, place: str | None = None) -> None:
    """Count from nothing again, everywhere or at one place: it takes the edition, or a person is told."""
    there = sa.true() if place is None else _r.place == place
    await connection.execute(sa.delete(refusals).where(_r.edition_id == edition_id, there))

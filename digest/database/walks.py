"""The first pass over an edition: its deliveries come up in the order of their numbers.

A delivery that an edition's fan-out made for "as soon as it goes out" is `in_turn`: it stands in no index but the
primary key, so that a million of them are made without filling one. A claim walks on along the key from where the last
one came to (`editions.walked_to`), takes what the paces allow and leaves the rest to the index of what waits, in which
everything stands that the walk has reached: put off, claimed, deferred, asked for at an hour of one's own. What is in
turn always lies after `walked_to`, waits untried and unclaimed, and was never due at another time than its neighbours.

The walk's row is locked while a claim walks, so that two workers never pass each other. What somebody else is writing
at that moment (its reader leaves) ends the step before it: nothing is left behind that was not looked at.

Everything about what waits of an edition has to ask both: the index and what is in turn (`waiting_parts`).
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from operator import attrgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from digest.database.connection import Connection, PlainConnection
from digest.database.many import ids_for, is_among, run
from digest.database.paces import Allowance
from digest.database.tables import Instant, deliveries, delivery_id, editions, is_reached, messages
from digest.models.deliveries import DeliveryState

MOST_PUT_OFF = 2000  # in one claim, where a provider's turn has come that is paced

_d = deliveries.c


@dataclass(frozen=True, slots=True)
class Open:
    """An edition of which something may be in turn."""

    edition_id: int
    walked_to: int

    @property
    def which(self) -> sa.ColumnElement[bool]:
        """What is in turn of it."""
        return _in_turn(
            sa.literal(self.walked_to, _d.id.type), sa.literal(delivery_id(self.edition_id + 1, 0), _d.id.type)
        )


def _in_turn(after: sa.ColumnElement[int], before: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    # Not the index of what waits: its condition is not implied. So both databases go along the primary key.
    is_queued = _d.state == sa.literal_column(f"'{DeliveryState.QUEUED}'")
    return sa.and_(_d.id > after, _d.id < before, _d.in_turn, is_queued)


def is_current(edition_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Say that a delivery's message was not replaced: what waits for one that was is handed over first (`renewals`)."""
    replaced = sa.select(messages.c.id).where(messages.c.edition_id == edition_id, messages.c.replaced_by.is_not(None))
    current: sa.ColumnElement[bool] = _d.message_id.not_in(replaced)
    return current


def begin(edition_id: int) -> sa.Update:
    """Return the statement that opens an edition's walk, for the transaction that makes its deliveries."""
    return sa.update(editions).where(editions.c.id == edition_id).values(walked_to=delivery_id(edition_id, 0))


async def list_open(connection: Connection) -> list[Open]:
    """Return the editions whose walk is not at its end, whatever their state, the first one first."""
    return [Open(row.id, row.walked_to) for row in await connection.execute(_OPEN)]


async def list_late(connection: Connection, *, now: datetime) -> list[Open]:
    """Return those of which something still is in turn although its deadline is past."""
    return [each for each in await list_open(connection) if await _has_any(connection, each, _d.deadline_at <= now)]


async def list_ended(connection: Connection) -> list[Open]:
    """Return those of which nothing is in turn any more, though no claim has come to their end yet."""
    return [each for each in await list_open(connection) if not await _has_any(connection, each)]


async def _has_any(connection: Connection, walk: Open, *conditions: sa.ColumnElement[bool]) -> bool:
    first = sa.select(_d.id).where(walk.which, *conditions).order_by(_d.id).limit(1)
    await connection.run_sync(_go_along_the_key)
    return await connection.scalar(first) is not None


async def waiting_parts(connection: Connection, edition_id: int) -> list[sa.ColumnElement[bool]]:
    """Return the conditions for all that waits of an edition: along the index, and along what is in turn.

    A delivery meets one of them, never both; who changes rows by them does so in the order given. Between the two a
    claim may take some of the second part to the first: so ask for the second first.
    """
    found = (await connection.execute(_OPEN.where(editions.c.id == edition_id))).one_or_none()
    reached = sa.and_(_d.edition_id == edition_id, is_reached)
    return [reached] if found is None else [Open(found.id, found.walked_to).which, reached]


def is_due(
    connection: PlainConnection, edition_id: int, walked_to: int, *, now: datetime, allowed: Allowance | None
) -> bool:
    """Whether a walk would find something to claim or has come to its end: a look that holds up no writer."""
    _go_along_the_key(connection)
    first = run(connection, _FIRST, {**_range(edition_id, walked_to), "now_": now}).one_or_none()
    if first is None:
        return True
    return bool(first.is_now) and (allowed is None or allowed.general_room(1) > 0)


def take(
    connection: PlainConnection,
    edition_id: int,
    *,
    owner: str,
    now: datetime,
    lease_until: datetime,
    limit: int,
    allowed: Allowance | None,
) -> list[tuple[Any, ...]] | None:  # Any: a row as `attempts` reads it
    """Walk on and give `owner` up to `limit` deliveries of those whose turn has come; the others are put off.

    None where another worker is walking in this moment, or somebody changes the edition's row. It is not waited for:
    whoever has that row may want a delivery that this claim has already.
    """
    walked_to: int | None = run(connection, _HOLD, {"edition_id_": edition_id}).scalar_one_or_none()
    if walked_to is None:
        return None
    _go_along_the_key(connection)
    walk = _walk(connection, edition_id, walked_to, limit=limit, now=now, allowed=allowed)
    if walk.claimed:
        given = {"owner_": owner, "lease_until_": lease_until}
        ids = ids_for(connection, [row.id for row in walk.claimed])
        run(connection, _TAKE[connection.dialect.name], {**given, **ids})
    if walk.put_off:
        run(connection, _PUT_OFF[connection.dialect.name], ids_for(connection, walk.put_off))
    if walk.walked_to != walked_to:
        run(connection, _NOTE, {"edition_id_": edition_id, "walked_to_": walk.walked_to})
    return [tuple(row)[:-2] for row in walk.claimed]


def _go_along_the_key(connection: PlainConnection) -> None:
    """Have PostgreSQL read in the key's order until this transaction ends, and stop at the limit.

    It knows nothing of an edition until `deliveries` is analysed, a minute later or, for a small one, not at all. It
    then expected a handful of rows, read all that was in turn and sorted it for each claim: 36,000 for 200, 37 ms.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")


class _Walk(NamedTuple):
    """What one claim comes to: rows of `_NEXT` for it, ids that are put off, and how far it came; None: to the end."""

    claimed: list[Any]
    put_off: list[int]
    walked_to: int | None


def _walk(
    connection: PlainConnection,
    edition_id: int,
    walked_to: int,
    *,
    limit: int,
    now: datetime,
    allowed: Allowance | None,
) -> _Walk:
    claimed: list[Any] = []
    put_off: list[int] = []
    goes_on = True
    while goes_on and len(put_off) < MOST_PUT_OFF:
        wanted = limit - len(claimed)
        if allowed is not None:
            wanted = allowed.general_room(wanted)
        if wanted <= 0:
            break
        rows, goes_on = _step(connection, edition_id, walked_to, wanted, now)
        if not rows:
            return _Walk(claimed, put_off, None if goes_on else walked_to)
        mine, others = _split(rows, allowed)
        claimed += mine
        put_off += others
        walked_to = rows[-1].id
    return _Walk(claimed, put_off, walked_to)


def _step(
    connection: PlainConnection, edition_id: int, walked_to: int, limit: int, now: datetime
) -> tuple[list[Any], bool]:  # Any: a row of `_NEXT`
    """Return the next deliveries in turn that may go out now, and whether one may go on behind them."""
    about = _range(edition_id, walked_to)
    rows: list[Any] = list(run(connection, _NEXT, {**about, "limit_": limit, "now_": now}))
    if connection.dialect.name == "postgresql":  # rows that others are writing were passed over
        seen = {"until_": rows[-1].id if len(rows) == limit else about["before_"]}
        others = connection.execute(_PASSED_OVER, {**about, **seen, **ids_for(connection, [row.id for row in rows])})
        passed_over = others.scalar_one()
        if passed_over is not None:
            return _due([row for row in rows if row.id < passed_over]), False
    due = _due(rows)
    return due, len(due) == len(rows)


def _due(rows: list[Any]) -> list[Any]:
    """Their times are all the same, so these are all or none; but nothing is walked past that is not due."""
    return list(takewhile(attrgetter("is_now"), rows))


def _split(rows: list[Any], allowed: Allowance | None) -> tuple[list[Any], list[int]]:
    """Return which of the rows may be claimed, and the ids of the others."""
    by_provider: dict[str, list[Any]] = {}
    for row in rows:
        if row.is_current:
            by_provider.setdefault(row.provider, []).append(row)
    mine = []
    for provider, theirs in by_provider.items():
        room = len(theirs) if allowed is None else allowed.room(provider, len(theirs))
        if allowed is not None and room:
            allowed.take(provider, [row.id for row in theirs[:room]])
        mine += theirs[:room]
    taken = {row.id for row in mine}
    return mine, [row.id for row in rows if row.id not in taken]


def _range(edition_id: int, walked_to: int) -> dict[str, int]:
    return {"after_": walked_to, "before_": delivery_id(edition_id + 1, 0), "edition_id_": edition_id}


# ── the statements, put together once ────────────────────────────────────────────────────────────────────────────

_OPEN = (
    sa.select(editions.c.id, editions.c.walked_to)
    .where(editions.c.walked_to.is_not(None))
    .order_by(editions.c.planned_at, editions.c.id)
)
_edition_id = sa.bindparam("edition_id_", type_=editions.c.id.type)
_now = sa.bindparam("now_", type_=Instant)
_within = _in_turn(sa.bindparam("after_", type_=_d.id.type), sa.bindparam("before_", type_=_d.id.type))
_is_now = sa.and_(_d.due_at <= _now, sa.or_(_d.deadline_at.is_(None), _d.deadline_at > _now))
_HOLD = (
    sa.select(editions.c.walked_to)
    .where(editions.c.id == _edition_id, editions.c.walked_to.is_not(None))
    .with_for_update(skip_locked=True, key_share=True)
)
_NOTE = (
    sa.update(editions)
    .where(editions.c.id == _edition_id)
    .values(walked_to=sa.bindparam("walked_to_", type_=_d.id.type))
)
_FIRST = sa.select(_d.id, _is_now.label("is_now")).where(_within).order_by(_d.id).limit(1)
_NEXT = (
    sa.select(
        _d.due_at,
        _d.id,
        _d.provider,
        _d.message_id,
        _d.subscriber_id,
        _d.recipient,
        _d.attempts,
        _d.created_at,
        _d.deadline_at,
        _is_now.label("is_now"),
        is_current(_edition_id).label("is_current"),
    )
    .where(_within)
    .order_by(_d.id)
    .limit(sa.bindparam("limit_", type_=sa.Integer))
    .with_for_update(skip_locked=True, of=deliveries)
)
_PASSED_OVER = sa.select(sa.func.min(_d.id)).where(
    _within, _d.id <= sa.bindparam("until_", type_=_d.id.type), ~is_among(_d.id, sqlite=False)
)


def _change(**values: Any) -> dict[str, sa.Update]:  # Any: what columns take
    return {
        name: sa.update(deliveries).where(is_among(_d.id, sqlite=name == "sqlite")).values(in_turn=sa.false(), **values)
        for name in ("sqlite", "postgresql")
    }


_TAKE = _change(
    lease_owner=sa.bindparam("owner_", type_=sa.String), lease_until=sa.bindparam("lease_until_", type_=Instant)
)
_PUT_OFF = _change()

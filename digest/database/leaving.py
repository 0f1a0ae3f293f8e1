"""Readers who leave, many at once: one statement for each thing that changes, however many they are.

After an edition mail providers post hundreds of one-click unsubscriptions a minute (RFC 8058), beside a sender that
writes all the time. A transaction each was ten statements and a wait for the one writer of SQLite; here a group is one.
On PostgreSQL all that changes is even one statement, for each is a way to the server and back. In: ids of readers, or
rows made of them. Out: who really left, and what was given up for whom. All conditions stand in the updates, so whoever
left before changes nothing. For `Database.write`; events and decisions are the caller's
(`subscribe.unsubscribe`).
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.sql.dml import ReturningUpdate

from digest.addresses import Address
from digest.database.connection import PlainConnection
from digest.database.consents import values_of
from digest.database.many import given_ids, ids_for, is_among, run
from digest.database.messages import SHARED, new_row
from digest.database.once import insert_once
from digest.database.tables import (
    Instant,
    consents,
    deliveries,
    delivery_id,
    editions,
    is_reached,
    is_waiting,
    messages,
    next_single,
    subscribers,
)
from digest.models.consents import NewConsent
from digest.models.deliveries import DeliveryState, DropReason, Lane, NewMessage
from digest.models.editions import EditionState
from digest.models.readers import SubscriberState

_MAY_LEAVE = (SubscriberState.ACTIVE, SubscriberState.PAUSED, SubscriberState.PENDING)
_OVER = (EditionState.DONE, EditionState.CANCELLED)
_LOOKED_BACK = timedelta(days=7)  # as in `deliveries`: the last mails of what is over may come back deferred

_WAITING = (DeliveryState.QUEUED, DeliveryState.DEFERRED)
_d, _s = deliveries.c, subscribers.c


@dataclass(frozen=True, slots=True)
class Leaving:
    """One who leaves. `changed` False: had left before. `dropped`: how many mails that waited were given up."""

    id: int
    address: Address
    language: str
    changed: bool
    dropped: int


def leave(connection: PlainConnection, ids: Collection[int], *, at: datetime) -> dict[int, Leaving]:
    """Note that these readers left and give up everything that waits for them, claimed or not; return them by id.

    Who was erased is not among them. The consent to adverts ends with it: it must not be there again when a reader
    comes back for the news alone.
    """
    given = {"at_": at, "since_": at - _LOOKED_BACK, **ids_for(connection, ids)}
    if connection.dialect.name == "postgresql":
        rows = [tuple(row) for row in run(connection, _AT_ONCE, given)]
    else:
        rows = _one_by_one(connection, given)
    found = {}
    for id_, address, language, changed, dropped in rows:
        local, _, domain = address.rpartition("@")
        found[id_] = Leaving(id_, Address(local, domain), language, bool(changed), dropped)
    return found


def _one_by_one(connection: PlainConnection, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    """SQLite knows no changes inside of a query, and nobody else writes meanwhile."""
    readers = [tuple(row) for row in run(connection, _READERS, given)]
    if any(row[-1] for row in readers):
        run(connection, _LEAVE, given)
    dropped = Counter(row[0] for row in run(connection, _DROP_OF_EDITIONS, given))
    dropped.update(row[0] for row in run(connection, _DROP_SINGLE, given))
    return [(*row, dropped[row[0]]) for row in readers]


def append_consents(connection: PlainConnection, given: Sequence[NewConsent]) -> None:
    """Write acts into the ledger of consents."""
    if given:
        connection.execute(sa.insert(consents), [values_of(each) for each in given])


def queue_for_all(
    connection: PlainConnection, message: NewMessage, readers: Sequence[Leaving], *, at: datetime, deadline_at: datetime
) -> None:
    """Queue a message that names nobody for each of these, in the first lane; it is stored once for all of them.

    The delivery knows no reader: it must not be dropped because they left. Whoever was queued the same message before
    (left, came back and left again on one day) gets it as a further message, for a recipient has each once.
    """
    remaining, number = {each.address.key: each.id for each in readers}, 1
    while remaining:
        numbered = replace(message, key=f"{SHARED}{message.key}:{number}")
        values = {"key_": numbered.key, "at_": at, "deadline_at_": deadline_at}
        values |= ids_for(connection, remaining.values())
        statement = _QUEUE[connection.dialect.name]
        queued = run(connection, statement, values).all()
        if not queued:  # nearly always it is stored: only the first of a day finds it missing
            connection.execute(insert_once(connection, messages).values(new_row(numbered, at=at)))
            queued = run(connection, statement, values).all()
        for row in queued:
            del remaining[row[0]]
        number += 1


_is_over = sa.or_(*(editions.c.state == state for state in _OVER))
_ended_at = sa.func.coalesce(editions.c.done_at, editions.c.deadline_at)
_may_go_out = sa.or_(sa.not_(_is_over), _ended_at > sa.bindparam("since_", type_=Instant))


def _leave(which: sa.ColumnElement[bool], may_leave: sa.ColumnElement[bool]) -> sa.Update:
    return (
        sa.update(subscribers)
        .where(which, may_leave)
        .values(
            state=sa.literal(SubscriberState.LEFT, _s.state.type),  # a plain value's name must be the only one
            left_at=sa.bindparam("at_", type_=Instant),
            advert_consent_at=sa.null(),
            advert_checked_at=sa.null(),
            advert_ends_at=sa.null(),
        )
    )


def _drop(*which: sa.ColumnElement[bool]) -> ReturningUpdate[Any]:
    return (
        sa.update(deliveries)
        .where(*which)
        .values(
            state=sa.literal(DeliveryState.DROPPED, _d.state.type),
            drop_reason=sa.literal(DropReason.LEFT, _d.drop_reason.type),
            settled_at=sa.bindparam("at_", type_=Instant),
            lease_owner=sa.null(),
            lease_until=sa.null(),
        )
        .returning(_d.subscriber_id)
    )


def _at_once() -> sa.Select[Any]:
    """All of `leave` in one statement: each further one is a way to the server and back, with the readers locked.

    The readers are locked first, in the same order everywhere, so that two groups with the same ones never deadlock:
    all changes ask for the ids that came out of the locking.

    PostgreSQL knows nothing of a table that has just grown until it is analysed, a minute later, and went through all
    that waits (25,000: 24 ms for twenty readers) or all of an edition. So an edition's deliveries are looked for by
    their numbers, and states are compared in a way that no index of them can be taken for.
    """
    known = sa.select(_s.id, _s.address, _s.language).where(is_among(_s.id, sqlite=False))
    locked = known.order_by(_s.id).with_for_update().cte("locked").prefix_with("MATERIALIZED")
    departed = _leave(_is_in(_s.id, locked), _is_one_of(_s.state, _MAY_LEAVE)).returning(_s.id).cte("departed")
    numbers = sa.select(delivery_id(editions.c.id, locked.c.id).label("id")).join_from(editions, locked, sa.true())
    found = numbers.where(_may_go_out).cte("found").prefix_with("MATERIALIZED")
    of_editions = _drop(_is_in(_d.id, found), _is_one_of(_d.state, _WAITING)).cte("of_editions")
    single = _drop(_d.edition_id.is_(None), _is_in(_d.subscriber_id, locked), is_reached).cte("single")
    dropped = sa.union_all(sa.select(of_editions.c.subscriber_id), sa.select(single.c.subscriber_id)).subquery()
    count = sa.select(sa.func.count()).where(dropped.c.subscriber_id == locked.c.id).scalar_subquery()
    both = locked.outerjoin(departed, departed.c.id == locked.c.id)
    return sa.select(*locked.c, departed.c.id.is_not(None), count).select_from(both)


def _is_in(column: sa.ColumnElement[int], rows: sa.CTE) -> sa.ColumnElement[bool]:
    ids = sa.select(rows.c.id).scalar_subquery()
    return column == sa.any_(sa.func.array(ids, type_=postgresql.ARRAY(sa.BigInteger)))


def _is_one_of(column: sa.ColumnElement[Any], states: Collection[str]) -> sa.ColumnElement[bool]:
    return sa.func.coalesce(column, "").in_([sa.literal_column(f"'{state}'") for state in states])


def _queue(*, sqlite: bool) -> sa.UpdateBase:
    """Deliveries of one message to these readers, by the addresses that their rows hold."""
    at = sa.bindparam("at_", type_=Instant)
    numbered: dict[str, sa.ColumnElement[Any]] = {}
    if sqlite:
        numbered["id"] = next_single() + sa.func.row_number().over(order_by=_s.id) - 1
    stored = sa.select(messages.c.id).where(messages.c.key == sa.bindparam("key_", type_=messages.c.key.type))
    columns = numbered | {
        "message_id": stored.scalar_subquery(),
        "recipient": _s.address,
        "recipient_key": _s.address_key,
        "domain": _s.domain,
        "provider": _s.provider,
        "lane": sa.literal(Lane.FIRST, _d.lane.type),
        "state": sa.literal(DeliveryState.QUEUED, _d.state.type),
        "created_at": at,
        "due_at": at,
        "deadline_at": sa.bindparam("deadline_at_", type_=Instant),
    }
    rows = sa.select(*(each.label(name) for name, each in columns.items())).where(
        is_among(_s.id, sqlite=sqlite), stored.exists()
    )
    insert = sqlite_dialect.insert(deliveries) if sqlite else postgresql.insert(deliveries)
    return insert.from_select(list(columns), rows.order_by(_s.id)).on_conflict_do_nothing().returning(_d.recipient_key)


_AT_ONCE = _at_once()
_ours, _theirs = is_among(_s.id, sqlite=True), is_among(_d.subscriber_id, sqlite=True)
_may_leave = sa.or_(*(_s.state == state for state in _MAY_LEAVE))
_READERS = sa.select(_s.id, _s.address, _s.language, _may_leave).where(_ours)
_LEAVE = _leave(_ours, _may_leave)
_given = given_ids(sqlite=True)
_numbers = sa.select(delivery_id(editions.c.id, _given.c.value)).join_from(editions, _given, sa.true())
_DROP_OF_EDITIONS = _drop(_d.id.in_(_numbers.where(_may_go_out)), is_waiting)
_DROP_SINGLE = _drop(_d.edition_id.is_(None), _theirs, is_reached)
_QUEUE = {"sqlite": _queue(sqlite=True), "postgresql": _queue(sqlite=False)}

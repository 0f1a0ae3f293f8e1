"""Readers who leave, many at once: one statement for each thing that changes, however many they are.

After an edition mail providers post hundreds of one-click unsubscriptions a minute (RFC 8058), beside a sender that
writes all the time. A transaction each was ten statements and a wait for the one writer of SQLite; here a group is one.
In: ids of readers, or rows made of them. Out: who really left, and what was given up for whom. All conditions stand in
the updates, so whoever left before changes nothing. For `Database.write`; events and decisions are the caller's
(`subscribe.unsubscribe`).
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect

from digest.database.connection import PlainConnection
from digest.database.consents import values_of
from digest.database.many import ids_for, is_among, run
from digest.database.messages import SHARED, new_row
from digest.database.once import insert_once
from digest.database.subscribers import subscriber_of
from digest.database.tables import (
    Instant,
    Serial,
    consents,
    deliveries,
    editions,
    is_of_edition,
    is_waiting,
    messages,
    subscribers,
    subscriptions,
)
from digest.models.consents import NewConsent
from digest.models.deliveries import DeliveryState, DropReason, Lane, NewMessage
from digest.models.editions import EditionState
from digest.models.readers import Subscriber, SubscriberState

_MAY_LEAVE = (SubscriberState.ACTIVE, SubscriberState.PAUSED, SubscriberState.PENDING)
_OVER = (EditionState.DONE, EditionState.CANCELLED)
_LOOKED_BACK = timedelta(days=7)  # as in `deliveries`: the last mails of what is over may come back deferred

_d, _s = deliveries.c, subscribers.c


def leave(connection: PlainConnection, ids: Collection[int], *, at: datetime) -> set[int]:
    """Note that these readers left; return the ids of those who had not before.

    The consent to adverts ends with it: it must not be there again when a reader comes back for the news alone.
    """
    dialect = connection.dialect.name
    if dialect == "postgresql":  # in the same order everywhere, so that two groups with the same readers never deadlock
        run(connection, _LOCK, ids_for(connection, ids)).all()
    changed = run(connection, _LEAVE[dialect], {"at_": at, **ids_for(connection, ids)})
    return {row[0] for row in changed}


def drop_waiting(connection: PlainConnection, ids: Collection[int], *, at: datetime) -> Counter[int]:
    """Give up everything that waits for these readers, claimed or not; return how many for each."""
    values = {"at_": at, "since_": at - _LOOKED_BACK, **ids_for(connection, ids)}
    of_editions, single = _DROP[connection.dialect.name]
    dropped = Counter(row[0] for row in run(connection, of_editions, values))
    dropped.update(row[0] for row in run(connection, single, values))
    return dropped


def load(connection: PlainConnection, ids: Collection[int]) -> dict[int, Subscriber]:
    """Return these readers by their ids; who was erased is not among them."""
    readers, slots = _LOAD[connection.dialect.name]
    given = ids_for(connection, ids)
    theirs: dict[int, list[str]] = {}
    for row in connection.execute(slots, given):
        theirs.setdefault(row.subscriber_id, []).append(row.slot)
    rows = connection.execute(readers, given).mappings()
    return {row["id"]: subscriber_of(row, tuple(sorted(theirs.get(row["id"], ())))) for row in rows}


def append_consents(connection: PlainConnection, given: Sequence[NewConsent]) -> None:
    """Write acts into the ledger of consents."""
    if given:
        connection.execute(sa.insert(consents), [values_of(each) for each in given])


def queue_for_all(
    connection: PlainConnection,
    message: NewMessage,
    readers: Sequence[Subscriber],
    *,
    at: datetime,
    deadline_at: datetime,
) -> None:
    """Queue a message that names nobody for each of these, in the first lane; it is stored once for all of them.

    The delivery knows no reader: it must not be dropped because they left. Whoever was queued the same message before
    (left, came back and left again on one day) gets it as a further message, for a recipient has each once.
    """
    remaining, number = {reader.address.key: reader.id for reader in readers}, 1
    while remaining:
        message_id = _message_id(connection, replace(message, key=f"{SHARED}{message.key}:{number}"), at=at)
        values = {"message_id_": message_id, "at_": at, "deadline_at_": deadline_at}
        statement = _QUEUE[connection.dialect.name]
        for row in run(connection, statement, {**values, **ids_for(connection, remaining.values())}).all():
            del remaining[row[0]]
        number += 1


def _message_id(connection: PlainConnection, message: NewMessage, *, at: datetime) -> int:
    """Return the id of the stored message, stored now if it was not."""
    query = sa.select(messages.c.id).where(messages.c.key == message.key)
    found: int | None = connection.execute(query).scalar_one_or_none()
    if found is None:
        connection.execute(insert_once(connection, messages).values(new_row(message, at=at)))
        found = connection.execute(query).scalar_one()
    return found


def _leave(*, sqlite: bool) -> sa.Update:
    return (
        sa.update(subscribers)
        .where(is_among(_s.id, sqlite=sqlite), sa.or_(*(_s.state == state for state in _MAY_LEAVE)))
        .values(
            state=SubscriberState.LEFT,
            left_at=sa.bindparam("at_", type_=Instant),
            advert_consent_at=None,
            advert_checked_at=None,
            advert_ends_at=None,
        )
        .returning(_s.id)
    )


def _drop(*, sqlite: bool) -> tuple[sa.Update, sa.Update]:
    """Of the editions that may still go out, by the unique key of edition and reader; and what is no edition's."""
    ended_at = sa.func.coalesce(editions.c.done_at, editions.c.deadline_at)
    is_over = sa.or_(*(editions.c.state == state for state in _OVER))
    since = sa.bindparam("since_", type_=Instant)
    among = sa.select(editions.c.id).where(sa.or_(sa.not_(is_over), ended_at > since))
    if sqlite:
        of_editions = _d.edition_id.in_(among)
    else:  # as an array, see `deliveries`
        of_editions = _d.edition_id == sa.any_(
            sa.func.array(among.scalar_subquery(), type_=postgresql.ARRAY(sa.BigInteger))
        )
    update = sa.update(deliveries).values(
        state=DeliveryState.DROPPED,
        drop_reason=DropReason.LEFT,
        settled_at=sa.bindparam("at_", type_=Instant),
        lease_owner=None,
        lease_until=None,
    )
    theirs = (is_among(_d.subscriber_id, sqlite=sqlite), is_waiting)
    return (
        update.where(is_of_edition, of_editions, *theirs).returning(_d.subscriber_id),
        update.where(_d.edition_id.is_(None), *theirs).returning(_d.subscriber_id),
    )


def _load(*, sqlite: bool) -> tuple[sa.Select[Any], sa.Select[Any]]:
    return (
        sa.select(subscribers).where(is_among(_s.id, sqlite=sqlite)),
        sa.select(subscriptions.c.subscriber_id, subscriptions.c.slot).where(
            is_among(subscriptions.c.subscriber_id, sqlite=sqlite)
        ),
    )


def _queue(*, sqlite: bool) -> sa.UpdateBase:
    """Deliveries of one message to these readers, by the addresses that their rows hold."""
    at = sa.bindparam("at_", type_=Instant)
    columns: dict[str, sa.ColumnElement[Any]] = {
        "message_id": sa.bindparam("message_id_", type_=Serial),
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
    rows = sa.select(*(each.label(name) for name, each in columns.items())).where(is_among(_s.id, sqlite=sqlite))
    insert = sqlite_dialect.insert(deliveries) if sqlite else postgresql.insert(deliveries)
    return insert.from_select(list(columns), rows.order_by(_s.id)).on_conflict_do_nothing().returning(_d.recipient_key)


# By the name of the database, put together once.
_LOCK = sa.select(_s.id).where(is_among(_s.id, sqlite=False)).order_by(_s.id).with_for_update()
_LEAVE = {"sqlite": _leave(sqlite=True), "postgresql": _leave(sqlite=False)}
_DROP = {"sqlite": _drop(sqlite=True), "postgresql": _drop(sqlite=False)}
_LOAD = {"sqlite": _load(sqlite=True), "postgresql": _load(sqlite=False)}
_QUEUE = {"sqlite": _queue(sqlite=True), "postgresql": _queue(sqlite=False)}

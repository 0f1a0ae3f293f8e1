"""Taking people's addresses out of the ledger: one person at once, or what a period has ended for.

What names a person is emptied or removed; what is counted stays: a delivery keeps its state, a consent its keyed hash.
A mail on the wire would come back to a row without an address, so nobody is erased as long as one of theirs is being
handed over: the caller tries again, or leaves it to the next daily pass (`subscribers.erase_asked_at`). Periods are
not decided here (`subscribe.personal`). Ended deliveries are emptied in portions, a transaction each, because an
edition has a million of them and others write in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from digest.addresses import Address, parse, parse_or_none
from digest.database import consents as ledger
from digest.database import deliveries as delivery_rows
from digest.database import raw_mails, shares, suppressions
from digest.database.connection import Connection
from digest.database.drops import dropped
from digest.database.messages import SHARED
from digest.database.tables import (
    attempts,
    consents,
    deliveries,
    delivery_id,
    editions,
    fresh_links,
    is_attempting,
    is_reached,
    is_waiting,
    kept_mails,
    messages,
    of_edition,
    signups,
    subscribers,
)
from digest.models.consents import ConsentAct, ConsentWay, NewConsent, SuppressionReason
from digest.models.deliveries import DropReason, Lane
from digest.models.editions import EditionState
from digest.models.readers import SubscriberState

_d, _s, _c = deliveries.c, subscribers.c, consents.c
_AT_ONCE = 2000
_EMPTY = {"recipient": "", "recipient_key": None, "reply_text": None}
_GONE = (SubscriberState.LEFT, SubscriberState.STOPPED, SubscriberState.EXPIRED)


@dataclass(frozen=True, slots=True)
class Due:
    """Somebody whose address is to be erased.

    `address_hash` None: their row has none, the caller makes it. `reason` None: they were never a reader, and nothing
    is suppressed.
    """

    address: Address
    address_hash: str | None
    reason: SuppressionReason | None


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased of one person. `on_the_wire`: nothing yet, a mail is being handed over; try again shortly.

    `addresses` are the one that was asked for and others of the same reader: earlier ones, and unconfirmed new ones.
    """

    readers: int = 0
    deliveries: int = 0
    consents: int = 0
    requests: int = 0
    on_the_wire: bool = False
    addresses: tuple[Address, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows held the address."""
        return self.readers + self.deliveries + self.consents + self.requests


async def erase(connection: Connection, due: Due, *, how: ConsentWay, at: datetime) -> Erased:
    """Erase a person from every row, give up what waits for them, and suppress their hashes if there is a reason.

    Whoever changed their address is erased with the earlier ones, unless one of those is another reader's by now.
    """
    assert due.address_hash is not None  # made by the caller where the row had none
    readers = await _readers(connection, due)
    known = {due.address_hash: due.address, **await _earlier(connection, readers)}
    named = [*known.values(), *await _asked_for(connection, readers)]
    if due.reason is not None:
        for each in known:
            await suppressions.suppress(connection, each, due.reason, at=at)
    await connection.execute(  # kept for the next pass, in case a mail is on the wire
        sa.update(subscribers).where(_s.id.in_(readers), _s.erase_asked_at.is_(None)).values(erase_asked_at=at)
    )
    for subscriber_id in readers:
        await delivery_rows.drop_for_subscriber(connection, subscriber_id, reason=DropReason.LEFT, at=at)
    singles = [_single(address) for address in named]
    for which in singles:
        await connection.execute(dropped(DropReason.LEFT, at=at).where(which, is_reached))
    theirs = [*(_to_reader(each) for each in readers), *singles]
    if await _any_on_the_wire(connection, theirs):
        return Erased(on_the_wire=True)
    await _empty_messages(connection, theirs)
    emptied = 0
    for which in theirs:
        ids = (await connection.execute(sa.select(_d.id).where(which, _d.recipient != ""))).scalars().all()
        emptied += await _empty_deliveries(connection, ids)
    removed = await connection.execute(sa.delete(subscribers).where(_s.id.in_(readers)))
    requests = await connection.execute(sa.delete(signups).where(signups.c.address_hash.in_(known)))
    await connection.execute(  # a change to this address that somebody asked for
        sa.delete(fresh_links).where(sa.func.lower(fresh_links.c.new_address) == due.address.key)
    )
    for address_hash in known:
        await shares.forget_person(connection, address_hash)
    await raw_mails.forget_person(connection, named, readers)
    told = 0
    for address_hash, address in known.items():
        told += await _empty_consents(connection, address, address_hash, how=how, at=at)
    return Erased(removed.rowcount, emptied, told, requests.rowcount, addresses=tuple(named))


async def left_before(connection: Connection, before: datetime, *, limit: int) -> list[Due]:
    """Return readers who are gone since before that time, and those who asked to be erased; the longest gone first."""
    gone_at = sa.func.coalesce(_s.left_at, _s.created_at)
    is_over = sa.and_(_s.state.in_(_GONE), gone_at <= before)
    rows = await connection.execute(
        sa.select(_s.address, _s.address_hash, _s.state, _s.erase_asked_at)
        .where(sa.or_(is_over, _s.erase_asked_at.is_not(None)))
        .order_by(gone_at)
        .limit(limit)
    )
    return [Due(parse(row.address), row.address_hash, _why_gone(row.state, row.erase_asked_at)) for row in rows]


async def never_readers(connection: Connection, before: datetime, *, limit: int) -> list[Due]:
    """Return whom the ledger of consents names since before that time without their being a reader, or asking to be."""
    is_reader = sa.exists().where(_s.address_hash == _c.address_hash)
    is_asking = sa.exists().where(signups.c.address_hash == _c.address_hash, signups.c.created_at > before)
    is_new = sa.exists().where(
        (later := consents.alias()).c.address_hash == _c.address_hash, later.c.address.is_not(None), later.c.at > before
    )
    rows = await connection.execute(
        sa.select(_c.address, _c.address_hash)
        .where(_c.address.is_not(None), _c.at <= before, ~is_reader, ~is_asking, ~is_new)
        .distinct()
        .limit(limit)
    )
    found = [(parse_or_none(row.address), row.address_hash) for row in rows]
    return [Due(address, address_hash, None) for address, address_hash in found if address is not None]


async def drop_unconfirmed(connection: Connection, *, now: datetime) -> int:
    """Remove the requests whose time is over, and the address from the mail that asked for confirming; return how many.

    Confirmed ones are removed as well: the ledger of consents tells of them.
    """
    over = signups.c.expires_at <= now
    unheard = sa.and_(over, signups.c.confirmed_at.is_(None))
    rows = await connection.execute(
        sa.select(_d.id, _d.message_id).join_from(signups, deliveries, _d.id == signups.c.delivery_id).where(unheard)
    )
    found = [(row.id, row.message_id) for row in rows]
    await _blank(connection, [message_id for _, message_id in found], but=[id_ for id_, _ in found])
    await _empty_deliveries(connection, [id_ for id_, _ in found])
    result = await connection.execute(sa.delete(signups).where(over))
    return result.rowcount


async def ended_edition(connection: Connection, before: datetime) -> int | None:
    """Return an edition that ended before that time and whose deliveries hold addresses, None if all are empty."""
    ended_at = sa.case((editions.c.state == EditionState.DONE, editions.c.done_at), else_=editions.c.deadline_at)
    found: int | None = await connection.scalar(
        sa.select(editions.c.id)
        .where(
            editions.c.recipients_erased_at.is_(None),
            editions.c.state.in_((EditionState.DONE, EditionState.CANCELLED)),
            ended_at <= before,
        )
        .order_by(editions.c.id)
        .limit(1)
    )
    return found


async def empty_edition(connection: Connection, edition_id: int, *, after_id: int, at: datetime) -> int | None:
    """Empty the next portion of an ended edition's deliveries; return the last reader's id, None when it is through."""
    rows = (
        await connection.execute(
            sa.select(_d.id, _d.subscriber_id)
            .where(of_edition(edition_id), _d.id > delivery_id(edition_id, after_id))
            .order_by(_d.id)
            .limit(_AT_ONCE)
        )
    ).all()
    await _empty_deliveries(connection, [row.id for row in rows])
    if len(rows) == _AT_ONCE:
        return int(rows[-1].subscriber_id)
    await connection.execute(sa.update(editions).where(editions.c.id == edition_id).values(recipients_erased_at=at))
    return None


async def empty_singles(connection: Connection, before: datetime, *, shares_before: datetime) -> int:
    """Empty a portion of the deliveries without an edition that ended before that time; return how many.

    Shares are emptied when they ended before `shares_before`: their mails say after how many days.

    Those whose mail is kept (seeds) keep the address as long as the mail.
    """
    is_kept = sa.exists().where(kept_mails.c.delivery_id == _d.id)
    is_over = sa.or_(_d.settled_at <= before, sa.and_(_d.lane == Lane.SHARE, _d.settled_at <= shares_before))
    ended = sa.and_(_d.edition_id.is_(None), _d.recipient_key.is_not(None), is_over, ~is_kept)
    rows = (await connection.execute(sa.select(_d.id, _d.message_id).where(ended).limit(_AT_ONCE))).all()
    ids = [row.id for row in rows]
    await _blank(connection, [row.message_id for row in rows], but=ids)
    return await _empty_deliveries(connection, ids)


async def forget_networks(connection: Connection, before: datetime) -> int:
    """Take the networks out of consents that are older than that; return of how many."""
    result = await connection.execute(
        sa.update(consents).where(_c.at <= before, _c.network.is_not(None)).values(network=None)
    )
    return result.rowcount


def _why_gone(state: SubscriberState, asked_at: datetime | None) -> SuppressionReason | None:
    if asked_at is not None:
        return SuppressionReason.ERASED
    if state is SubscriberState.EXPIRED:
        return None
    return SuppressionReason.LEFT_FOR_GOOD if state is SubscriberState.LEFT else SuppressionReason.PERSON


async def _readers(connection: Connection, due: Due) -> list[int]:
    is_theirs = sa.or_(_s.address_hash == due.address_hash, _s.address_key == due.address.key)
    return list((await connection.execute(sa.select(_s.id).where(is_theirs))).scalars())


async def _earlier(connection: Connection, readers: Sequence[int]) -> dict[str, Address]:
    """Return other addresses that these readers had, by their hashes, as far as nobody else has them now."""
    is_readers = sa.exists().where(_s.address_hash == _c.address_hash)
    had = sa.and_(_c.subscriber_id.in_(readers), _c.address.is_not(None), ~is_readers)
    rows = await connection.execute(sa.select(_c.address_hash, _c.address).where(had).distinct())
    found = {row.address_hash: parse_or_none(row.address) for row in rows}
    return {address_hash: address for address_hash, address in found.items() if address is not None}


async def _asked_for(connection: Connection, readers: Sequence[int]) -> list[Address]:
    """Return new addresses that these readers asked for and nobody has confirmed: a mail went there."""
    is_readers = sa.exists().where(_s.address_key == sa.func.lower(fresh_links.c.new_address))
    asked = sa.and_(fresh_links.c.subscriber_id.in_(readers), fresh_links.c.new_address.is_not(None), ~is_readers)
    rows = (await connection.execute(sa.select(fresh_links.c.new_address).where(asked).distinct())).scalars()
    return [parse(each) for each in rows]


def _single(address: Address) -> sa.ColumnElement[bool]:
    """The deliveries to an address that belong to no edition, with and without a reader."""
    return sa.and_(_d.edition_id.is_(None), _d.recipient_key == address.key)


def _to_reader(subscriber_id: int) -> sa.ColumnElement[bool]:
    """The editions' deliveries to a reader, by their numbers, one for each edition."""
    return sa.and_(_d.id.in_(sa.select(delivery_id(editions.c.id, subscriber_id))))


async def _any_on_the_wire(connection: Connection, theirs: Sequence[sa.ColumnElement[bool]]) -> bool:
    for which in theirs:
        if (await connection.execute(sa.select(sa.exists().where(which, is_attempting)))).scalar_one():
            return True
    return False


async def _empty_messages(connection: Connection, theirs: Sequence[sa.ColumnElement[bool]]) -> None:
    """Empty the mails that went to this address alone: they may name it."""
    for which in theirs:
        rows = (await connection.execute(sa.select(_d.id, _d.message_id).where(which, _d.edition_id.is_(None)))).all()
        await _blank(connection, [row.message_id for row in rows], but=[row.id for row in rows])


async def _blank(connection: Connection, message_ids: Sequence[int], *, but: Sequence[int]) -> None:
    """Empty those messages without an edition of which no other delivery than `but` holds an address.

    Those that name nobody stay (`SHARED`): the next who is sent the same must not get an empty one.
    """
    of_message = sa.and_(_d.message_id == messages.c.id, _d.edition_id.is_(None), _d.recipient != "")
    is_shared = messages.c.key.startswith(SHARED)
    for start in range(0, len(message_ids), 500):
        which = messages.c.id.in_(message_ids[start : start + 500])
        await connection.execute(
            sa.update(messages)
            .where(
                which, messages.c.edition_id.is_(None), ~is_shared, ~sa.exists().where(of_message, _d.id.not_in(but))
            )
            .values(subject="", headers=b"", text=b"", html=b"")
        )


async def _empty_deliveries(connection: Connection, ids: Sequence[int]) -> int:
    emptied = 0
    for start in range(0, len(ids), 500):
        portion = ids[start : start + 500]
        await connection.execute(sa.delete(kept_mails).where(kept_mails.c.delivery_id.in_(portion)))
        await connection.execute(sa.update(attempts).where(attempts.c.delivery_id.in_(portion)).values(detail=""))
        result = await connection.execute(
            sa.update(deliveries).where(_d.id.in_(portion), ~is_waiting, ~is_attempting).values(_EMPTY)
        )
        emptied += result.rowcount
    return emptied


async def _empty_consents(
    connection: Connection, address: Address, address_hash: str, *, how: ConsentWay, at: datetime
) -> int:
    """Take the address out of the ledger's rows, and write that it was."""
    told = await connection.execute(
        sa.update(consents)
        .where(_c.address_hash == address_hash, _c.address.is_not(None))
        .values(address=None, network=None)
    )
    names_it = sa.func.lower(_c.source).contains(address.key, autoescape=True)
    named = sa.and_(_c.address_hash == address_hash, names_it)
    await connection.execute(sa.update(consents).where(named).values(source="(erased: it named the address)"))
    if told.rowcount:
        await ledger.append(connection, NewConsent(None, address_hash, ConsentAct.ERASED, how, at))
    return told.rowcount

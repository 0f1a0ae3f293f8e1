"""The worker's way with a delivery: claimed with a lease, marked before it is sent, freed or settled afterwards.

The chart of DESIGN stands in the conditions of these updates, so that doing one twice, late, or on two machines at once
changes nothing. The order that nobody's mail depends on luck for:

    claim_due        queued | deferred -> queued, under a lease     a dead worker's claims are free when it is over
    mark_attempting  queued -> attempting                           committed before the envelope is written
    results.record   attempting -> accepted | deferred | refused …  the owner's word counts even after its lease
    expire           attempting -> uncertain (or queued)            when the lease is over and the owner silent

Each is one statement for hundreds of rows (`many`). Claims go edition by edition and provider by provider along the
index of what waits, so that neither what is held, paced or not yet due nor what others hold is walked through, and then
on along what is in its edition's turn (`walks`). Which providers have something due is found by one step of the index
each, and how much may be claimed of it by `paces`.
Times and owners are passed in; an owner is one run of one worker: a name that is never used again. All but `expire`
are for `Database.write`, many times a second.

Longer than other modules because every condition of that chart, and the statements they stand in, are to be read side
by side: a claim, a mark and its end that disagree lose a mail or send it twice.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa

from digest.addresses import Address
from digest.database import paces, shares, walks
from digest.database.connection import Connection, PlainConnection
from digest.database.many import ids_for, is_among, run
from digest.database.tables import (
    Instant,
    attempts,
    deliveries,
    editions,
    from_microseconds,
    is_attempting,
    is_reached,
    is_waiting,
    messages,
    subscribers,
)
from digest.models.deliveries import MAIN_RELAY, Delivery, DeliveryState, DropReason, Lane, MessageKind
from digest.models.editions import EditionState
from digest.models.readers import SubscriberState

_Statement = TypeVar("_Statement")

PREFERS_DOUBLE: dict[MessageKind, bool] = {
    # What becomes of a mail whose answer never came: False leaves it `uncertain` (better a gap than the same digest
    # twice), True sends it again under the same Message-ID (better two alerts than none).
    MessageKind.DIGEST: False,
    MessageKind.ALERT: True,
    MessageKind.LINK: True,
    MessageKind.CONFIRM: True,
    MessageKind.NOTICE: True,
    MessageKind.ADVERT_CHECK: True,
    MessageKind.SENDER: True,
    MessageKind.SHARE: False,
    MessageKind.REPLY: False,
    MessageKind.PEOPLE: True,
    MessageKind.PROBE: False,
}

_GOES_OUT: list[sa.ColumnElement[str]] = [
    sa.literal_column(f"'{state}'") for state in (EditionState.RELEASED, EditionState.SENDING)
]
_FREE = {"lease_owner": None, "lease_until": None}

_d = deliveries.c


class Claim(NamedTuple):
    """What a claim brought. `is_held_up`: another worker is walking over an edition, and soon there may be more."""

    deliveries: list[Delivery]
    is_held_up: bool


def claim_due(
    connection: PlainConnection,
    *,
    owner: str,
    lane: Lane,
    now: datetime,
    lease_until: datetime,
    limit: int,
    relay: str = MAIN_RELAY,
    turn: int = 0,
) -> Claim:
    """Give `owner` up to `limit` deliveries that are due, and begin the editions they belong to.

    Editions come in the order of their planned time; within one, providers in turn (`turn`: one more each time, so that
    none stands before the others), and of each the first due first, as many as its pace allows; then those whose first
    turn comes, in the order of their numbers. Rows that another worker is claiming at this moment are passed over, not
    waited for. One past its deadline is never claimed: `settle` sees to it.
    """
    allowed = paces.allowance(connection, relay=relay, lane=lane, now=now, lock=True)
    about = {"owner_": owner, "lane_": lane, "now_": now, "lease_until_": lease_until}
    claimed: list[Delivery] = []
    is_held_up = False
    if lane is Lane.SHARE:
        shares.drop_refused(connection, now=now)
    for source in _sources(connection, lane):
        wanted = limit - len(claimed)
        if wanted <= 0:
            break
        found = _claim_due_of(connection, source, about, wanted, allowed=allowed, turn=turn)
        if source.edition_id is not None and source.walked_to is not None and len(found) < wanted:
            room = wanted - len(found)
            walked = walks.take(
                connection,
                source.edition_id,
                owner=owner,
                now=now,
                lease_until=lease_until,
                limit=room,
                allowed=allowed,
            )
            is_held_up = is_held_up or walked is None
            found += walked or []
        if found and source.state is EditionState.RELEASED:
            _begin_edition(connection, source.edition_id)
        found.sort()  # RETURNING has no order of its own
        claimed += [_delivery(row, source.edition_id, lane) for row in found]
    if allowed is not None:
        allowed.store()
    return Claim(claimed, is_held_up)


def is_due(connection: PlainConnection, *, lane: Lane, now: datetime, relay: str = MAIN_RELAY) -> bool:
    """Whether a claim might find something: a look that holds up no writer, for polling."""
    allowed = paces.allowance(connection, relay=relay, lane=lane, now=now, lock=False)
    for edition_id, _, walked_to in _sources(connection, lane):
        providers = _providers_due(connection, edition_id, lane, now)
        if any(allowed is None or allowed.room(provider, 1) > 0 for provider in providers):
            return True
        if edition_id is None or walked_to is None:
            continue
        if walks.is_due(connection, edition_id, walked_to, now=now, allowed=allowed):
            return True
    return False


def mark_attempting(
    connection: PlainConnection, ids: Collection[int], *, owner: str, now: datetime, lease_until: datetime
) -> set[int]:
    """Mark claimed deliveries as on the wire; return those that really are. Only these may be sent, after the commit.

    Missing are those whose reader left, whose edition was held or cancelled, whose deadline has come, or whose lease
    went to another worker since the claim.
    """
    about = {"owner_": owner, **ids_for(connection, ids)}
    result = run(connection, _MARK[connection.dialect.name], {**about, "now_": now, "lease_until_": lease_until})
    if result.rowcount == len(ids):
        return set(ids)
    marked = set((connection.execute(_MARKED[connection.dialect.name], about)).scalars())
    _drop_departed(connection, set(ids) - marked, owner=owner, now=now)
    return marked


def may_still_go(connection: PlainConnection, ids: Collection[int], *, owner: str) -> set[int]:
    """Return which of the deliveries that `owner` has marked may go out as it stands now.

    Not those whose edition is held, cancelled or to be composed anew, whose message was replaced, or whose reader left.
    """
    about = {"owner_": owner, **ids_for(connection, ids)}
    return set(run(connection, _MAY_STILL_GO[connection.dialect.name], about).scalars())


def give_back(connection: PlainConnection, ids: Collection[int], *, owner: str) -> None:
    """Free deliveries that `owner` has claimed or marked and knows that it did not send."""
    connection.execute(_GIVE_BACK[connection.dialect.name], {"owner_": owner, **ids_for(connection, ids)})


def renew_leases(connection: PlainConnection, ids: Collection[int], *, owner: str, lease_until: datetime) -> None:
    """Hold on to deliveries that `owner` has claimed or marked. Called often enough, leases may be short.

    What its journal is writing at this moment is passed over, since that brings it a new lease or its end: to wait for
    it row by row, each holding what the other wants, ends in a deadlock.
    """
    about = {"owner_": owner, **ids_for(connection, ids)}
    if connection.dialect.name == "postgresql":
        about = {**about, **ids_for(connection, connection.execute(_RENEWABLE, about).scalars().all())}
    connection.execute(_RENEW[connection.dialect.name], {**about, "lease_until_": lease_until})


async def lease_owners(connection: Connection) -> set[str]:
    """Return who holds deliveries that are not on the wire."""
    rows = await connection.execute(sa.select(_d.lease_owner).where(is_reached, _d.lease_owner.is_not(None)).distinct())
    return {str(owner) for owner in rows.scalars()}


async def free_leases(connection: Connection, owners: Collection[str]) -> int:
    """Free what `owners`, who are known to be dead, had claimed and not begun; return how many.

    What they had marked keeps its lease: should one live after all, its word still settles it. Nothing that is freed
    can go out twice, because a mark needs the lease.
    """
    freed = await connection.execute(
        sa.update(deliveries).where(is_reached, _d.lease_owner.in_(owners)).values(**_FREE)
    )
    return freed.rowcount


async def expire(connection: Connection, *, now: datetime) -> tuple[list[int], list[int]]:
    """Settle what a dead worker left on the wire; return the ids now uncertain, and those queued again.

    Which of the two a delivery becomes is said by `PREFERS_DOUBLE` for its kind of message. What its worker is writing
    down at this moment after all is passed over.
    """
    doubled = [kind for kind, prefers_double in PREFERS_DOUBLE.items() if prefers_double]
    may_double = _d.message_id.in_(sa.select(messages.c.id).where(messages.c.kind.in_(doubled)))
    over = sa.select(_d.id).where(is_attempting, _d.lease_until <= now).with_for_update(skip_locked=True)
    ids = (await connection.execute(over)).scalars().all()
    if not ids:
        return [], []
    about = ids_for(connection, ids)
    is_over = (is_among(_d.id, sqlite=connection.dialect.name == "sqlite"), is_attempting)
    queued = await connection.execute(
        sa.update(deliveries)
        .where(*is_over, may_double)
        .values(state=DeliveryState.QUEUED, attempts=_d.attempts + 1, due_at=now, **_FREE)
        .returning(_d.id, _d.attempted_at),
        about,
    )
    # The owner stays written down: if it lives after all, `record` takes its word.
    uncertain = await connection.execute(
        sa.update(deliveries)
        .where(*is_over)
        .values(state=DeliveryState.UNCERTAIN, attempts=_d.attempts + 1, settled_at=now, lease_until=None)
        .returning(_d.id, _d.attempted_at),
        about,
    )
    queued_rows, uncertain_rows = queued.all(), uncertain.all()
    lost = [
        {
            "delivery_id": row.id,
            "began_at": row.attempted_at,
            "ended_at": now,
            "outcome": DeliveryState.UNCERTAIN,
            "charged": True,
            "detail": "the worker that was sending it did not come back",
        }
        for row in (*queued_rows, *uncertain_rows)
    ]
    if lost:
        await connection.execute(sa.insert(attempts), lost)
    return sorted(row.id for row in uncertain_rows), sorted(row.id for row in queued_rows)


class _Source(NamedTuple):
    """Where deliveries of a lane come from: an edition that goes out and how far it was walked, or single mails."""

    edition_id: int | None = None
    state: EditionState | None = None
    walked_to: int | None = None


def _sources(connection: PlainConnection, lane: Lane) -> list[_Source]:
    """Editions that go out, then single mails; lanes other than BULK have only these."""
    if lane is not Lane.BULK:
        return [_Source()]
    return [*(_Source(row.id, row.state, row.walked_to) for row in connection.execute(_GOING_OUT)), _Source()]


def _claim_due_of(
    connection: PlainConnection,
    source: _Source,
    about: dict[str, Any],  # Any: the values of a statement
    limit: int,
    *,
    allowed: paces.Allowance | None,
    turn: int,
) -> list[tuple[Any, ...]]:  # Any: a row of `_claim`, with its provider
    """Claim what the index of what waits has due, provider by provider."""
    statement = _CLAIM_SINGLE if source.edition_id is None else _CLAIM_OF_EDITION
    found: list[tuple[Any, ...]] = []
    for provider in _in_turn(_providers_due(connection, source.edition_id, about["lane_"], about["now_"]), turn):
        wanted = limit - len(found)
        room = wanted if allowed is None else allowed.room(provider, wanted)
        if room <= 0:
            continue
        values = {**about, "edition_id_": source.edition_id, "provider_": provider, "limit_": room}
        rows: Sequence[Any] = run(connection, statement, values).all()
        if allowed is not None and rows:
            allowed.take(provider, [row.id for row in rows])
        found += [(row[0], row[1], provider, *row[2:]) for row in rows]
    return found


def _providers_due(connection: PlainConnection, edition_id: int | None, lane: Lane, now: datetime) -> list[str]:
    """Return the providers of which something is due, in the order of their names."""
    statement = _DUE_SINGLE if edition_id is None else _DUE_OF_EDITION
    about = {"edition_id_": edition_id, "lane_": lane, "now_": now}
    return list(run(connection, statement, about).scalars())


def _in_turn(providers: list[str], turn: int) -> list[str]:
    start = turn % len(providers) if providers else 0
    return providers[start:] + providers[:start]


def _begin_edition(connection: PlainConnection, edition_id: int | None) -> None:
    connection.execute(
        sa.update(editions)
        .where(editions.c.id == edition_id, editions.c.state == EditionState.RELEASED)
        .values(state=EditionState.SENDING)
    )


def _drop_departed(connection: PlainConnection, ids: Collection[int], *, owner: str, now: datetime) -> None:
    """Give up what was made for readers in the moment they left: leaving saw no row yet, composing still a reader."""
    connection.execute(
        _DROP_DEPARTED[connection.dialect.name], {"owner_": owner, "now_": now, **ids_for(connection, ids)}
    )


# ── the statements, put together once ────────────────────────────────────────────────────────────────────────────

_owner = sa.bindparam("owner_", type_=sa.String)
_lane = sa.bindparam("lane_", type_=_d.lane.type)
_now = sa.bindparam("now_", type_=Instant)
_lease_until = sa.bindparam("lease_until_", type_=Instant)
_provider = sa.bindparam("provider_", type_=_d.provider.type)
_is_ours = _d.lease_owner == _owner
_in_time = sa.or_(_d.deadline_at.is_(None), _d.deadline_at > _now)
_edition_id = sa.bindparam("edition_id_", type_=_d.edition_id.type)
_of_edition = sa.and_(_d.edition_id == _edition_id, walks.is_current(_edition_id))
_single = _d.edition_id.is_(None)
_is_due = (
    _d.lane == _lane,
    is_reached,
    _d.due_at <= _now,
    sa.or_(_d.lease_until.is_(None), _d.lease_until <= _now),
    _in_time,
)

_GOING_OUT = (
    sa.select(editions.c.id, editions.c.state, editions.c.walked_to)
    .where(editions.c.state.in_(_GOES_OUT), editions.c.stale_at.is_(None))
    .order_by(editions.c.planned_at, editions.c.id)
)


def _due(which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """The providers of which something is due: from each name a step along the index to the next (a loose scan).

    DISTINCT would walk over all that waits. That a provider's first due row is free is looked up for each.
    """
    is_there = (which, _d.lane == _lane, is_reached)
    first = sa.select(_d.provider).where(*is_there).order_by(_d.provider).limit(1).scalar_subquery()
    names = sa.select(first.label("provider")).cte("names", recursive=True)
    following = sa.select(_d.provider).where(*is_there, _d.provider > names.c.provider).order_by(_d.provider).limit(1)
    step = following.correlate(names).scalar_subquery()
    names = names.union_all(sa.select(step).where(names.c.provider.is_not(None)))
    has_due = sa.select(_d.id).where(which, _d.provider == names.c.provider, *_is_due).correlate(names)
    # A subquery with LIMIT and not EXISTS: PostgreSQL would make a join of that, which reads everything. Ordered as the
    # index is: for any one row it went through the table from its front, where the settled ones of years are.
    first_due = has_due.order_by(_d.due_at).limit(1).scalar_subquery()
    return (
        sa.select(names.c.provider)
        .where(names.c.provider.is_not(None), first_due.is_not(None))
        .order_by(names.c.provider)
    )


_TOLD = (
    _d.due_at,
    _d.id,
    _d.message_id,
    _d.subscriber_id,
    _d.recipient,
    _d.attempts,
    _d.created_at,
    _d.deadline_at,
)


def _claim(which: sa.ColumnElement[bool]) -> sa.UpdateBase:
    due = (
        sa.select(_d.id)
        .where(which, _d.provider == _provider, *_is_due)
        .order_by(_d.due_at)  # and no more: that is what the index says
        .limit(sa.bindparam("limit_", type_=sa.Integer))
        .with_for_update(skip_locked=True, of=deliveries)
        .cte("due")  # not a subquery: PostgreSQL may run one more than once and then claim more than `limit`
    )
    return (
        sa.update(deliveries)
        .where(_d.id.in_(sa.select(due.c.id)))
        .values(state=DeliveryState.QUEUED, lease_owner=_owner, lease_until=_lease_until)
        .returning(*_TOLD)
    )


_DUE_SINGLE, _DUE_OF_EDITION = _due(_single), _due(_of_edition)
_CLAIM_OF_EDITION, _CLAIM_SINGLE = _claim(_of_edition), _claim(_single)

_may_go_out = sa.or_(
    # Only an edition that was released and is not held or cancelled meanwhile goes out; other mails always do.
    _d.edition_id.is_(None),
    _d.edition_id.in_(sa.select(editions.c.id).where(editions.c.state.in_(_GOES_OUT), editions.c.stale_at.is_(None))),
)
_reader_is_active = (
    sa.select(subscribers.c.id)
    .where(subscribers.c.id == _d.subscriber_id, subscribers.c.state == SubscriberState.ACTIVE)
    .exists()
)


def _per_database(make: Callable[[sa.ColumnElement[bool]], _Statement]) -> dict[str, _Statement]:
    """Make a statement about the given ids that are ours, for each kind of database."""
    return {
        name: make(sa.and_(is_among(_d.id, sqlite=name == "sqlite"), _is_ours)) for name in ("sqlite", "postgresql")
    }


_MARK = _per_database(
    lambda ours: (
        sa.update(deliveries)
        .where(
            ours,
            _d.state == DeliveryState.QUEUED,
            _in_time,
            _may_go_out,
            sa.or_(_d.subscriber_id.is_(None), _reader_is_active),
        )
        .values(state=DeliveryState.ATTEMPTING, attempted_at=_now, lease_until=_lease_until)
    )
)
_MARKED = _per_database(lambda ours: sa.select(_d.id).where(ours, _d.state == DeliveryState.ATTEMPTING))
_is_replaced = (
    sa.select(messages.c.id).where(messages.c.id == _d.message_id, messages.c.replaced_by.is_not(None)).exists()
)
_MAY_STILL_GO = _per_database(
    lambda ours: sa.select(_d.id).where(
        ours,
        _d.state == DeliveryState.ATTEMPTING,
        _may_go_out,
        ~_is_replaced,
        sa.or_(_d.subscriber_id.is_(None), _reader_is_active),
    )
)
_DROP_DEPARTED = _per_database(
    lambda ours: (
        sa.update(deliveries)
        .where(ours, _d.state == DeliveryState.QUEUED, _d.subscriber_id.is_not(None), ~_reader_is_active)
        .values(state=DeliveryState.DROPPED, drop_reason=DropReason.LEFT, settled_at=_now, **_FREE)
    )
)
_GIVE_BACK = _per_database(
    lambda ours: (
        sa.update(deliveries)
        .where(ours, _d.state.in_((DeliveryState.QUEUED, DeliveryState.ATTEMPTING)))
        .values(state=DeliveryState.QUEUED, **_FREE)
    )
)
_RENEW = _per_database(
    lambda ours: sa.update(deliveries).where(ours, sa.or_(is_waiting, is_attempting)).values(lease_until=_lease_until)
)
_RENEWABLE = _per_database(lambda ours: sa.select(_d.id).where(ours).with_for_update(skip_locked=True))["postgresql"]


def _delivery(row: tuple[Any, ...], edition_id: int | None, lane: Lane) -> Delivery:  # Any: a row of `_claim`
    _, id_, provider, message_id, subscriber_id, recipient, tries, created_at, deadline_at = row
    local, _, domain = recipient.rpartition("@")
    return Delivery(
        id_,
        message_id,
        edition_id,
        subscriber_id,
        Address(local, domain),
        lane,
        tries,
        _time(created_at),
        None if deadline_at is None else _time(deadline_at),
        provider,
    )


@lru_cache(maxsize=64)
def _time(stored: int | datetime) -> datetime:
    """Read a time as `_claim` tells it; an edition's are the same for all of its rows."""
    return from_microseconds(stored) if isinstance(stored, int) else stored

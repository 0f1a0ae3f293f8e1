"""The worker's way with a delivery: claimed with a lease, marked before it is sent, recorded afterwards.

The chart of DESIGN stands in the conditions of these updates, so that doing one twice, late, or on two machines at once
changes nothing. The order that nobody's mail depends on luck for:

    claim_due        queued | deferred -> queued, under a lease     a dead worker's claims are free when it is over
    mark_attempting  queued -> attempting                           committed before the envelope is written
    record           attempting -> accepted | deferred | refused …  the owner's word counts even after its lease
    expire           attempting -> uncertain (or queued)            when the lease is over and the owner silent

Times and owners are passed in. An owner is one run of one worker: a name that is never used again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from digest.addresses import Address
from digest.database.connection import Connection
from digest.database.tables import attempts, deliveries, editions, messages, subscribers
from digest.models import (
    Delivery,
    DeliveryState,
    DropReason,
    EditionState,
    Lane,
    MessageKind,
    Outcome,
    SubscriberState,
)

PREFERS_DOUBLE: dict[MessageKind, bool] = {
    # What becomes of a mail whose answer never came: False leaves it `uncertain` (better a gap than the same digest
    # twice), True sends it again under the same Message-ID (better two alerts than none).
    MessageKind.DIGEST: False,
    MessageKind.ALERT: True,
}

_WAITING = (DeliveryState.QUEUED, DeliveryState.DEFERRED)
_GOES_OUT = (EditionState.RELEASED, EditionState.SENDING)
_ENDS = (
    DeliveryState.ACCEPTED,
    DeliveryState.REFUSED,
    DeliveryState.UNCERTAIN,
    DeliveryState.DROPPED,
)
_FREE = {"lease_owner": None, "lease_until": None}

_d = deliveries.c

# Only an edition that was released and is not held or cancelled meanwhile goes out; other mails always do.
_may_go_out = sa.or_(
    _d.edition_id.is_(None), _d.edition_id.in_(sa.select(editions.c.id).where(editions.c.state.in_(_GOES_OUT)))
)


@dataclass(frozen=True, slots=True)
class Result:
    """What is to be written down about one attempt: the outcome, and the state the delivery goes to because of it.

    `due_at` is the next try of a deferred one. `state` differs from `outcome.state` where the deadline or the kind of
    mail decides otherwise.
    """

    delivery_id: int
    state: DeliveryState
    outcome: Outcome
    ended_at: datetime
    due_at: datetime | None = None
    drop_reason: DropReason | None = None


async def claim_due(
    connection: Connection, *, owner: str, lane: Lane, now: datetime, lease_until: datetime, limit: int
) -> list[Delivery]:
    """Give `owner` up to `limit` deliveries that are due, first due first, and begin the editions they belong to.

    Rows that another worker is claiming at this moment are passed over, not waited for. One past its deadline is never
    claimed: `settle` sees to it.
    """
    due = (
        sa.select(_d.id)
        .where(*_is_due(lane, now))
        .order_by(_d.due_at, _d.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=deliveries)
        .cte("due")  # not a subquery: PostgreSQL may run one more than once and then claim more than `limit`
    )
    rows = await connection.execute(
        sa.update(deliveries)
        .where(_d.id.in_(sa.select(due.c.id)))
        .values(state=DeliveryState.QUEUED, lease_owner=owner, lease_until=lease_until)
        .returning(deliveries)
    )
    claimed = sorted(rows.mappings().all(), key=lambda row: (row["due_at"], row["id"]))
    await _begin_editions(connection, {row["edition_id"] for row in claimed if row["edition_id"] is not None})
    return [_delivery(row) for row in claimed]


async def is_due(connection: Connection, *, lane: Lane, now: datetime) -> bool:
    """Whether a claim might find something: a look that holds up no writer, for polling."""
    return await connection.scalar(sa.select(_d.id).where(*_is_due(lane, now)).limit(1)) is not None


async def mark_attempting(
    connection: Connection, ids: Collection[int], *, owner: str, now: datetime, lease_until: datetime
) -> set[int]:
    """Mark claimed deliveries as on the wire; return those that really are. Only these may be sent, after the commit.

    Missing are those whose reader left, whose edition was held or cancelled, whose deadline has come, or whose lease
    went to another worker since the claim.
    """
    await _drop_departed(connection, ids, owner=owner, now=now)
    rows = await connection.execute(
        sa.update(deliveries)
        .where(
            _d.id.in_(ids),
            _d.state == DeliveryState.QUEUED,
            _d.lease_owner == owner,
            sa.or_(_d.deadline_at.is_(None), _d.deadline_at > now),
            _may_go_out,
        )
        .values(state=DeliveryState.ATTEMPTING, attempted_at=now, lease_until=lease_until)
        .returning(_d.id)
    )
    return set(rows.scalars())


async def record(connection: Connection, results: Sequence[Result], *, owner: str) -> None:
    """Write down what came of attempts that `owner` made; everything but an acceptance also becomes an attempts row.

    Counts only for deliveries this owner marked and nobody else has taken over. One that was given up as uncertain
    meanwhile (a lease that ran out, a clock that jumped) takes its owner's word after all.
    """
    if not results:
        return
    ours = (
        _d.id == sa.bindparam("delivery_id_"),
        _d.lease_owner == owner,
        # Not IN: SQLAlchemy cannot expand a list for many rows at once.
        sa.or_(_d.state == DeliveryState.ATTEMPTING, _d.state == DeliveryState.UNCERTAIN),
    )
    ordered = sorted(results, key=lambda result: result.delivery_id)  # the same order everywhere: no deadlocks
    troubled = [result for result in ordered if result.outcome.state is not DeliveryState.ACCEPTED]
    if troubled:
        source = sa.select(
            _d.id,
            _d.attempted_at,
            *(sa.bindparam(f"{column.name}_", type_=column.type) for column in _ATTEMPT_COLUMNS),
        ).where(*ours)
        columns = [attempts.c.delivery_id, attempts.c.began_at, *_ATTEMPT_COLUMNS]
        await connection.execute(
            sa.insert(attempts).from_select([column.name for column in columns], source),
            [_attempt_values(result) for result in troubled],
        )
    changes: dict[str, Any] = {name: sa.bindparam(f"{name}_", type_=_d[name].type) for name in _RESULT_COLUMNS}
    changes["attempts"] = _d.attempts + sa.bindparam("charged_", type_=sa.Integer)
    changes["due_at"] = sa.func.coalesce(sa.bindparam("due_at_", type_=_d.due_at.type), _d.due_at)
    await connection.execute(
        sa.update(deliveries).where(*ours).values(**changes, **_FREE), [_result_values(result) for result in ordered]
    )


async def give_back(connection: Connection, ids: Collection[int], *, owner: str) -> None:
    """Free deliveries that `owner` has claimed or marked and knows that it did not send."""
    await connection.execute(
        sa.update(deliveries)
        .where(
            _d.id.in_(ids),
            _d.lease_owner == owner,
            _d.state.in_((DeliveryState.QUEUED, DeliveryState.ATTEMPTING)),
        )
        .values(state=DeliveryState.QUEUED, **_FREE)
    )


async def renew_leases(connection: Connection, ids: Collection[int], *, owner: str, lease_until: datetime) -> None:
    """Hold on to deliveries that `owner` has claimed or marked. Called often enough, leases may be short."""
    await connection.execute(
        sa.update(deliveries)
        .where(_d.id.in_(ids), _d.lease_owner == owner, _d.state.in_((*_WAITING, DeliveryState.ATTEMPTING)))
        .values(lease_until=lease_until)
    )


async def expire(connection: Connection, *, now: datetime) -> tuple[list[int], list[int]]:
    """Settle what a dead worker left on the wire; return the ids now uncertain, and those queued again.

    Which of the two a delivery becomes is said by `PREFERS_DOUBLE` for its kind of message.
    """
    doubled = [kind for kind, prefers_double in PREFERS_DOUBLE.items() if prefers_double]
    may_double = _d.message_id.in_(sa.select(messages.c.id).where(messages.c.kind.in_(doubled)))
    is_over = (_d.state == DeliveryState.ATTEMPTING, _d.lease_until <= now)
    queued = await connection.execute(
        sa.update(deliveries)
        .where(*is_over, may_double)
        .values(state=DeliveryState.QUEUED, attempts=_d.attempts + 1, due_at=now, **_FREE)
        .returning(_d.id, _d.attempted_at)
    )
    # The owner stays written down: if it lives after all, `record` takes its word.
    uncertain = await connection.execute(
        sa.update(deliveries)
        .where(*is_over)
        .values(state=DeliveryState.UNCERTAIN, attempts=_d.attempts + 1, settled_at=now, lease_until=None)
        .returning(_d.id, _d.attempted_at)
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


def _is_due(lane: Lane, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _d.lane == lane,
        _d.state.in_(_WAITING),
        _d.due_at <= now,
        sa.or_(_d.lease_until.is_(None), _d.lease_until <= now),
        sa.or_(_d.deadline_at.is_(None), _d.deadline_at > now),
        _may_go_out,
    )


async def _drop_departed(connection: Connection, ids: Collection[int], *, owner: str, now: datetime) -> None:
    """Give up what was made for readers in the moment they left: leaving saw no row yet, composing still a reader."""
    is_active = sa.select(subscribers.c.id).where(
        subscribers.c.id == _d.subscriber_id, subscribers.c.state == SubscriberState.ACTIVE
    )
    await connection.execute(
        sa.update(deliveries)
        .where(
            _d.id.in_(ids),
            _d.state == DeliveryState.QUEUED,
            _d.lease_owner == owner,
            _d.subscriber_id.is_not(None),
            ~is_active.exists(),
        )
        .values(state=DeliveryState.DROPPED, drop_reason=DropReason.LEFT, settled_at=now, **_FREE)
    )


async def _begin_editions(connection: Connection, edition_ids: set[int]) -> None:
    if edition_ids:
        await connection.execute(
            sa.update(editions)
            .where(editions.c.id.in_(edition_ids), editions.c.state == EditionState.RELEASED)
            .values(state=EditionState.SENDING)
        )


_ATTEMPT_COLUMNS = (
    attempts.c.ended_at,
    attempts.c.outcome,
    attempts.c.charged,
    attempts.c.reply_code,
    attempts.c.reply_status,
    attempts.c.detail,
)
_RESULT_COLUMNS = ("state", "drop_reason", "settled_at", "reply_code", "reply_status", "reply_text")


def _attempt_values(result: Result) -> dict[str, object]:
    outcome, reply = result.outcome, result.outcome.reply
    return {
        "delivery_id_": result.delivery_id,
        "ended_at_": result.ended_at,
        "outcome_": outcome.state,
        "charged_": outcome.charged,
        "reply_code_": reply.code if reply else None,
        "reply_status_": reply.status if reply else None,
        "detail_": outcome.detail,
    }


def _result_values(result: Result) -> dict[str, object]:
    reply = result.outcome.reply
    return {
        "delivery_id_": result.delivery_id,
        "state_": result.state,
        "drop_reason_": result.drop_reason,
        "settled_at_": result.ended_at if result.state in _ENDS else None,
        "reply_code_": reply.code if reply else None,
        "reply_status_": reply.status if reply else None,
        "reply_text_": reply.text if reply else result.outcome.detail or None,
        "charged_": int(result.outcome.charged),
        "due_at_": result.due_at,
    }


def _delivery(row: Any) -> Delivery:  # Any: a row mapping
    local, _, domain = row["recipient"].rpartition("@")
    return Delivery(
        id=row["id"],
        message_id=row["message_id"],
        edition_id=row["edition_id"],
        subscriber_id=row["subscriber_id"],
        recipient=Address(local, domain),
        lane=row["lane"],
        attempt=row["attempts"],
        created_at=row["created_at"],
        deadline_at=row["deadline_at"],
    )

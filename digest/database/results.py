"""What came of attempts, written down in groups.

Acceptances, nearly all of them, are one statement for the whole group; the others bring an attempts row each. A result
counts only for a delivery that its owner marked and nobody else has taken over. One that was given up as uncertain
meanwhile (a lease that ran out, a clock that jumped) takes its owner's word after all. Writing a result twice changes
nothing the second time: the first has freed the delivery. For `Database.write`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from digest import records
from digest.database.connection import PlainConnection
from digest.database.many import given_rows, rows_for, run
from digest.database.tables import attempts, deliveries
from digest.models.deliveries import DeliveryState, DropReason, Outcome

_ENDS = (
    DeliveryState.ACCEPTED,
    DeliveryState.REFUSED,
    DeliveryState.UNCERTAIN,
    DeliveryState.DROPPED,
)
_FREE = {"lease_owner": None, "lease_until": None}

_d = deliveries.c
_by_owner = (
    _d.lease_owner == sa.bindparam("owner_"),
    # Not IN: SQLAlchemy cannot expand a list for many rows at once.
    sa.or_(_d.state == DeliveryState.ATTEMPTING, _d.state == DeliveryState.UNCERTAIN),
)


@records.record
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


def record(connection: PlainConnection, results: Sequence[Result], *, owner: str) -> None:
    """Write down what came of attempts that `owner` made; everything but an acceptance also becomes an attempts row."""
    ordered = sorted(results, key=lambda result: result.delivery_id)  # the same order everywhere: no deadlocks
    accepted = [result for result in ordered if result.state is DeliveryState.ACCEPTED]
    if accepted:
        _record_accepted(connection, accepted, owner)
    troubled = [result for result in ordered if result.state is not DeliveryState.ACCEPTED]
    if troubled:
        connection.execute(_ADD_ATTEMPTS, [_attempt_values(result, owner) for result in troubled])
        connection.execute(_SET_RESULTS, [_result_values(result, owner) for result in troubled])


def _record_accepted(connection: PlainConnection, accepted: Sequence[Result], owner: str) -> None:
    rows = []
    for result in accepted:
        reply = result.outcome.reply
        said = (reply.code, reply.status, reply.text) if reply else (None, None, result.outcome.detail or None)
        rows.append((result.delivery_id, result.ended_at, *said))
    statement = _SET_ACCEPTED[connection.dialect.name]
    run(connection, statement, {"owner_": owner, **rows_for(connection, rows)})


_ACCEPTED_COLUMNS = (_d.id, _d.settled_at, _d.reply_code, _d.reply_status, _d.reply_text)


def _set_accepted(*, sqlite: bool) -> sa.Update:
    given = given_rows(_ACCEPTED_COLUMNS, sqlite=sqlite)
    told = {column.name: given.c[column.name] for column in _ACCEPTED_COLUMNS[1:]}
    return (
        sa.update(deliveries)
        .where(_d.id == given.c.id, *_by_owner)
        .values(state=DeliveryState.ACCEPTED, attempts=_d.attempts + 1, **told, **_FREE)
    )


_SET_ACCEPTED = {"sqlite": _set_accepted(sqlite=True), "postgresql": _set_accepted(sqlite=False)}

_ATTEMPT_COLUMNS = (
    attempts.c.ended_at,
    attempts.c.outcome,
    attempts.c.charged,
    attempts.c.reply_code,
    attempts.c.reply_status,
    attempts.c.detail,
)
_ADD_ATTEMPTS = sa.insert(attempts).from_select(
    ["delivery_id", "began_at", *(column.name for column in _ATTEMPT_COLUMNS)],
    sa.select(
        _d.id,
        _d.attempted_at,
        *(sa.bindparam(f"{column.name}_", type_=column.type) for column in _ATTEMPT_COLUMNS),
    ).where(_d.id == sa.bindparam("delivery_id_"), *_by_owner),
)

_RESULT_COLUMNS = ("state", "drop_reason", "settled_at", "reply_code", "reply_status", "reply_text")
_RESULT_CHANGES: dict[str, Any] = {name: sa.bindparam(f"{name}_", type_=_d[name].type) for name in _RESULT_COLUMNS}
_SET_RESULTS = (
    sa.update(deliveries)
    .where(_d.id == sa.bindparam("delivery_id_"), *_by_owner)
    .values(
        **_RESULT_CHANGES,
        **_FREE,
        attempts=_d.attempts + sa.bindparam("charged_", type_=sa.Integer),
        due_at=sa.func.coalesce(sa.bindparam("due_at_", type_=_d.due_at.type), _d.due_at),
    )
)


def _attempt_values(result: Result, owner: str) -> dict[str, object]:
    outcome, reply = result.outcome, result.outcome.reply
    return {
        "owner_": owner,
        "delivery_id_": result.delivery_id,
        "ended_at_": result.ended_at,
        "outcome_": outcome.state,
        "charged_": outcome.charged,
        "reply_code_": reply.code if reply else None,
        "reply_status_": reply.status if reply else None,
        "detail_": outcome.detail,
    }


def _result_values(result: Result, owner: str) -> dict[str, object]:
    reply = result.outcome.reply
    return {
        "owner_": owner,
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

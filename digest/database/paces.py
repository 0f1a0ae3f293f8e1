"""Who decides how fast: the rows of `paces`, one per provider, relay or stream, shared by all workers.

A row says how many mails per minute and how many at once, until when a provider asked to be left alone, and whether it
is paused. A claim reads the rows that restrict anything, locks them, and takes no more than all of them allow (token
buckets: one second's worth at most lie ready). With no such row that is one look at an empty table.

After a stop a provider is begun with one delivery at a time, then one more each minute, until after twenty it is free.
What is under way is remembered by id in the row (`in_flight`), and looked up: a count of all leases would have to walk
over everything that waits. Scopes are made by `limits`.
"""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from digest.database.connection import Connection, PlainConnection
from digest.database.once import insert_once
from digest.database.tables import Instant, deliveries, is_attempting, is_reached, is_waiting, paces
from digest.limits import RELAYS, Limit, provider_scope, relay_scope, stream_scope
from digest.models.deliveries import Lane
from digest.providers import large

RECOVERS_WITHIN = timedelta(minutes=20)
_AGAIN_WITHIN = timedelta(hours=1)
_BURST_MINUTES = 1 / 60  # two polls of an idle worker; whoever counts by the second is begun with twice the rate
_SKEW = timedelta(minutes=1)  # clocks of several machines differ by less; more is a clock that was set

_d, _p = deliveries.c, paces.c


@dataclass(frozen=True, slots=True)
class Pace:
    """A row as people see it. `per_minute`, `at_once` None: no limit."""

    scope: str
    per_minute: float | None
    at_once: int | None
    stopped_until: datetime | None
    paused_at: datetime | None
    reason: str


def width(stopped_until: datetime | None, now: datetime) -> int | None:
    """Return how many may be under way at once after a stop: 0 during it, then one, one more each minute; None: any."""
    if stopped_until is None:
        return None
    since = now - stopped_until
    if since < timedelta(0):
        return 0
    return None if since >= RECOVERS_WITHIN else 1 + since // timedelta(minutes=1)


def filled(tokens: float, filled_at: datetime | None, now: datetime, per_minute: float) -> tuple[float, datetime]:
    """Return how many tokens there are at `now`, and from when they count on.

    A clock that is a little behind another machine's brings nothing; one that was set back brings nothing once.
    """
    most = max(1.0, per_minute * _BURST_MINUTES)
    if filled_at is None:
        return most, now
    if now < filled_at:
        return min(tokens, most), filled_at if filled_at - now < _SKEW else now
    return min(most, tokens + (now - filled_at).total_seconds() / 60 * per_minute), now


class Allowance:
    """What one claim may take. Made by `allowance`; `store` writes down what was taken."""

    def __init__(self, connection: PlainConnection, rows: Collection[Any], general: Collection[str], now: datetime):
        self._connection = connection
        self._now = now
        self._rows = {row.scope: row for row in rows}
        self._general = [scope for scope in general if scope in self._rows]
        self._tokens: dict[str, tuple[float, datetime]] = {
            row.scope: filled(row.tokens, row.filled_at, now, row.per_minute) for row in rows if row.per_minute
        }
        self._in_flight: dict[str, list[int]] = {}
        self._changed: set[str] = set()

    def room(self, provider: str, wanted: int) -> int:
        """Return how many deliveries to this provider may be claimed now, `wanted` at most."""
        return self._least_of((provider_scope(provider), *self._general), wanted)

    def _least_of(self, scopes: Collection[str], wanted: int) -> int:
        for scope in scopes:
            row = self._rows.get(scope)
            if row is None or wanted <= 0:
                continue
            if row.paused_at is not None:
                return 0
            if scope in self._tokens:
                wanted = min(wanted, math.floor(self._tokens[scope][0] + 1e-9))
            most = _least(row.at_once, width(row.stopped_until, self._now))
            if most is not None:
                wanted = min(wanted, most - len(self._under_way(row)) if most else 0)
        return max(0, wanted)

    def general_room(self, wanted: int) -> int:
        """Return how many may be claimed now, `wanted` at most, as far as it does not matter to whom."""
        return self._least_of(self._general, wanted)

    def take(self, provider: str, ids: Collection[int]) -> None:
        """Note what was claimed."""
        own = provider_scope(provider)
        for scope in (own, *self._general):
            if scope in self._tokens:
                tokens, at = self._tokens[scope]
                self._tokens[scope] = tokens - len(ids), at
                self._changed.add(scope)
        if own in self._in_flight:
            self._in_flight[own] += ids
            self._changed.add(own)

    def store(self) -> None:
        """Write down what was taken, in the claim's own transaction."""
        for scope in sorted(self._changed):
            tokens, at = self._tokens.get(scope, (0.0, None))
            ids = json.dumps(self._in_flight.get(scope, []))
            values = {"scope_": scope, "tokens_": max(0.0, tokens), "filled_at_": at, "in_flight_": ids}
            self._connection.execute(_TAKE, values)

    def _under_way(self, row: Any) -> list[int]:
        """Return which of the remembered deliveries still are under a lease or on the wire."""
        if row.scope not in self._in_flight:
            ids: list[int] = json.loads(row.in_flight or "[]")
            found = self._connection.execute(_UNDER_WAY, {"ids_": ids, "now_": self._now}) if ids else ()
            self._in_flight[row.scope] = [each.id for each in found]
        return self._in_flight[row.scope]


def allowance(connection: PlainConnection, *, relay: str, lane: Lane, now: datetime, lock: bool) -> Allowance | None:
    """Return what restricts a claim now, None if nothing does. `lock` for a claim: until it is stored, others wait."""
    general = (RELAYS, relay_scope(relay), stream_scope(lane))
    rows = connection.execute(_RESTRICTING_LOCKED if lock else _RESTRICTING, {"since_": now - RECOVERS_WITHIN}).all()
    return Allowance(connection, rows, general, now) if rows else None


async def keep_in_step(connection: Connection, limits: Mapping[str, Limit]) -> None:
    """Store the limits of the settings; scopes that are not among them have none. Nothing is written without need.

    A provider that was learned from a domain of the others has their limit, unless the settings name it.
    """
    rows = {row.scope: row for row in await connection.execute(sa.select(paces))}
    others = limits.get(provider_scope(""))
    for scope in sorted({*rows, *limits}):
        limit = limits.get(scope) or (others if scope.startswith("provider:") and _is_learned(scope) else None)
        per_minute, at_once = (limit.per_minute, limit.at_once) if limit else (None, None)
        row = rows.get(scope)
        if row is None:
            await connection.execute(insert_once(connection, paces).values(scope=scope))
        if row is None or (row.per_minute, row.at_once) != (per_minute, at_once):
            await connection.execute(
                sa.update(paces).where(_p.scope == scope).values(per_minute=per_minute, at_once=at_once)
            )


async def pause(connection: Connection, scope: str, *, reason: str, at: datetime) -> None:
    """Pause a scope ("provider:naver.com"); one that is paused keeps its time and gets the reason.

    What is claimed of a provider and not marked is taken back: what is on the wire is finished, nothing more is begun.
    """
    await connection.execute(insert_once(connection, paces).values(scope=scope))
    await connection.execute(
        sa.update(paces)
        .where(_p.scope == scope)
        .values(paused_at=sa.func.coalesce(_p.paused_at, sa.literal(at, Instant)), reason=reason)
    )
    await _take_back(connection, scope)


async def resume(connection: Connection, scope: str) -> bool:
    """Let a scope go on, paused or stopped; return whether it was either. A provider is not begun slowly then."""
    resumed = await connection.execute(
        sa.update(paces)
        .where(_p.scope == scope, sa.or_(_p.paused_at.is_not(None), _p.stopped_until.is_not(None)))
        .values(paused_at=None, stopped_until=None, stops=0, reason="")
    )
    return resumed.rowcount > 0


async def stop(
    connection: Connection, provider: str, *, now: datetime, first: timedelta, longest: timedelta, reason: str
) -> datetime | None:
    """Stop a provider for a while and return until when; None if it is stopped already.

    It lasts `first`, twice as long each time it comes again within an hour, `longest` at most.
    """
    scope = provider_scope(provider)
    await connection.execute(insert_once(connection, paces).values(scope=scope))
    row = (await connection.execute(sa.select(paces).where(_p.scope == scope).with_for_update())).one()
    if row.stopped_until is not None and row.stopped_until > now:
        return None
    is_again = row.stopped_until is not None and now - row.stopped_until < _AGAIN_WITHIN
    stops = row.stops + 1 if is_again else 1
    until: datetime = now + max(first, min(longest, first * 2 ** min(stops - 1, 10)))
    values = {"stopped_until": until, "stops": stops}
    if row.paused_at is None:
        values["reason"] = reason
    await connection.execute(sa.update(paces).where(_p.scope == scope).values(**values))
    await _take_back(connection, scope)
    return until


async def list_paces(connection: Connection) -> list[Pace]:
    """Return every row, by scope."""
    rows = await connection.execute(sa.select(paces).order_by(_p.scope))
    return [Pace(row.scope, row.per_minute, row.at_once, row.stopped_until, row.paused_at, row.reason) for row in rows]


async def _take_back(connection: Connection, scope: str) -> None:
    kind, _, provider = scope.partition(":")
    if kind != "provider":
        return
    # By id, as the journal writes: two that lock many rows must do it in the same order.
    claimed = (
        sa.select(_d.id)
        .where(is_reached, _d.provider == provider, _d.lease_owner.is_not(None))
        .order_by(_d.id)
        .with_for_update()
        .cte("claimed")
    )
    await connection.execute(
        sa.update(deliveries)
        .where(_d.id.in_(sa.select(claimed.c.id)), is_reached)
        .values(lease_owner=None, lease_until=None)
    )


def _is_learned(scope: str) -> bool:
    return scope.partition(":")[2] not in ("", *large())


def _least(*numbers: int | None) -> int | None:
    return min((number for number in numbers if number is not None), default=None)


_RESTRICTING = sa.select(paces).where(
    sa.or_(
        _p.per_minute.is_not(None),
        _p.at_once.is_not(None),
        _p.paused_at.is_not(None),
        _p.stopped_until > sa.bindparam("since_", type_=Instant),
    )
)
_RESTRICTING_LOCKED = _RESTRICTING.order_by(_p.scope).with_for_update()
_UNDER_WAY = sa.select(_d.id).where(
    _d.id.in_(sa.bindparam("ids_", expanding=True)),
    sa.or_(is_attempting, sa.and_(is_waiting, _d.lease_until > sa.bindparam("now_", type_=Instant))),
)
_TAKE = (
    sa.update(paces)
    .where(_p.scope == sa.bindparam("scope_"))
    .values(
        tokens=sa.bindparam("tokens_", type_=sa.Float),
        filled_at=sa.bindparam("filled_at_", type_=Instant),
        in_flight=sa.bindparam("in_flight_", type_=sa.Text),
    )
)

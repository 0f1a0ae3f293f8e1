"""What operators did with people's data: who, when, from where, whose, what (개인정보의 안전성 확보조치 기준 제8조).

Rows are only added, in the transaction of the act itself, and go by their age alone (`subscribe.personal`). Whose data
it was is said by the keyed hash; an address in an operator's own words is taken out before they are stored.

Each row holds the SHA-256 of the row before it and of its own content, so a row that was changed or taken out is found
(`verify`). `audit_ends` keeps the hash before the oldest row and that of the newest: rows that were too old can go, and
what is missing at either end is seen. Its one row is locked while a row is added, which makes the order of the ids that
of the chain. Whoever can write to the database could make a whole new chain: the newest hash, noted down elsewhere, is
what proves that nobody did.
"""

import hashlib
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.once import insert_once
from digest.database.tables import audit, audit_ends

START = "0" * 64
_ONE = 1
_AT_ONCE = 1000
_ADDRESS = re.compile(r"[^\s<>()\[\]{},;:\"'`|]+@[^\s<>()\[\]{},;:\"'`|]+")
_a, _e = audit.c, audit_ends.c


@dataclass(frozen=True, slots=True)
class Noted:
    """One act as it is kept. `chain` is the hash of this row and all before it."""

    id: int
    at: datetime
    who: str
    from_where: str
    whose: str
    what: str
    details: dict[str, Any]  # Any: what JSON can hold
    chain: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What came of looking through the chain. `broken`: ids of rows that do not follow from the row before them.

    `last` is the hash of the newest row. `is_cut_off`: rows after the last one that is there were removed.
    `is_noted_there`: the hash that was asked for stands in the chain; None where none was asked for.
    """

    rows: int
    broken: tuple[int, ...]
    is_cut_off: bool
    last: str
    is_noted_there: bool | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing was changed or removed."""
        return not self.broken and not self.is_cut_off and self.is_noted_there is not False


async def note(
    connection: Connection,
    *,
    at: datetime,
    who: str,
    from_where: str,
    what: str,
    whose: str = "",
    details: dict[str, object] | None = None,
) -> None:
    """Write down one act. `whose` is a keyed hash, empty for many people's; `details` are what JSON can hold.

    Others who add a row wait for the end of this transaction, so this belongs to its last steps.
    """
    content = {
        "at": at,
        "who": who[:80],
        "from_where": from_where[:120],
        "whose": whose,
        "what": what[:80],
        "details": _without_addresses(details or {}),
    }
    await connection.execute(insert_once(connection, audit_ends).values(id=_ONE, before=START, last=START))
    previous = (await connection.execute(sa.select(_e.last).with_for_update())).scalar_one()
    chain = _chain(previous, content)
    await connection.execute(sa.insert(audit).values(chain=chain, **content))
    await connection.execute(sa.update(audit_ends).values(last=chain))


async def prune(connection: Connection, *, before: datetime) -> int:
    """Remove what was noted before that time, oldest first and without a gap; return how many rows."""
    first_kept = sa.select(sa.func.min(_a.id)).where(_a.at >= before).scalar_subquery()
    is_old = sa.and_(_a.at < before, sa.or_(first_kept.is_(None), _a.id < first_kept))
    newest = (
        await connection.execute(sa.select(_a.id, _a.chain).where(is_old).order_by(_a.id.desc()).limit(1))
    ).one_or_none()
    if newest is None:
        return 0
    result = await connection.execute(sa.delete(audit).where(_a.id <= newest.id))
    await connection.execute(sa.update(audit_ends).values(before=newest.chain))
    return result.rowcount


async def verify(connection: Connection, *, noted: str = "") -> Verified:
    """Look through the whole chain. `noted`: a hash that was the newest once, and must stand in it."""
    ends = (await connection.execute(sa.select(_e.before, _e.last))).one_or_none()
    running, last = (START, START) if ends is None else (ends.before, ends.last)
    rows, broken, hashes_noted = 0, [], running == noted
    async for row in _oldest_first(connection):
        content = {name: getattr(row, name) for name in ("at", "who", "from_where", "whose", "what", "details")}
        if _chain(running, content) != row.chain:
            broken.append(row.id)
        running, rows = row.chain, rows + 1
        hashes_noted = hashes_noted or running == noted
    return Verified(rows, tuple(broken), running != last, running, hashes_noted if noted else None)


async def list_noted(
    connection: Connection, *, limit: int, whose: str = "", who: str = "", what: str = "", since: datetime | None = None
) -> list[Noted]:
    """Return the newest acts, newest first. `what` is the beginning of an act's name; empty: whoever, whatever."""
    statement = sa.select(audit).order_by(_a.id.desc()).limit(limit)
    if whose:
        statement = statement.where(_a.whose == whose)
    if who:
        statement = statement.where(_a.who == who)
    if what:
        statement = statement.where(_a.what.startswith(what, autoescape=True))
    if since is not None:
        statement = statement.where(_a.at >= since)
    return [Noted(**row._mapping) for row in await connection.execute(statement)]


async def _oldest_first(connection: Connection) -> AsyncIterator[sa.Row[Any]]:  # Any: the columns of the table
    after_id = 0
    while True:
        rows = (
            await connection.execute(sa.select(audit).where(_a.id > after_id).order_by(_a.id).limit(_AT_ONCE))
        ).all()
        for row in rows:
            yield row
        if len(rows) < _AT_ONCE:
            return
        after_id = rows[-1].id


def _chain(previous: str, content: dict[str, Any]) -> str:  # Any: the columns' values
    """The hash of a row: the one before it, and its own columns in a form that both databases give back alike."""
    at: datetime = content["at"]
    written = json.dumps({**content, "at": at.astimezone(UTC).isoformat()}, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(f"{previous}\n{written}".encode()).hexdigest()


def _without_addresses(value: object) -> Any:  # Any: what JSON can hold
    if isinstance(value, str):
        return _ADDRESS.sub("(address)", value)
    if isinstance(value, dict):
        return {str(name): _without_addresses(each) for name, each in value.items()}
    return [_without_addresses(each) for each in value] if isinstance(value, list | tuple) else value

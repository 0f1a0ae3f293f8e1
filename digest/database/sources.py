"""Sources: what is to be fetched, who fetches it now, and how it went.

A due source is claimed by one worker with a lease; the condition stands inside the UPDATE, and PostgreSQL skips rows
that another worker is claiming. An outcome is written only by the one who still holds the lease. Sources named in
`SOURCES` are provisioned: kept in step at every start, not to be removed elsewhere. A removed source stays as a row,
because its articles name it. A new address is a new source under an old name: nothing known of the fetches of the old
one holds, and its articles of before a day ago are no news again.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa

from digest.database import alerts, tables
from digest.database.connection import Connection
from digest.database.once import insert_once
from digest.errors import NotFoundError, WrongStateError
from digest.models.sources import Rights, Source, SourceSpec, SourceState

_s = tables.sources.c
_LONGEST_WAIT = timedelta(hours=26)  # later than any wait we write: the clock was wrong when it was written
_LONGEST_LEASE = timedelta(hours=1)
_FORGET = {
    "etag": None, "last_modified": None, "first_fetched_at": None, "last_ok_at": None, "next_fetch_at": None,
    "failures": 0, "problem": "", "lease_owner": None, "lease_until": None, "interval_seconds": None, "memory": None,
    "failing_since": None, "given_up_at": None,
}  # fmt: skip


def alert_matter(name: str) -> str:
    """Return the matter under which a person is told of a source."""
    return f"source:{name}"


def moved_matter(name: str) -> str:
    """Return the matter under which a person is told of a source's new address."""
    return f"moved:{name}"


async def provision(connection: Connection, specs: Sequence[SourceSpec], *, now: datetime) -> None:
    """Bring the provisioned sources in step with `specs`; doing it again changes nothing."""
    for spec in specs:
        values = _values(spec)
        new = {**values, "state": SourceState.ACTIVE, "provisioned": True}
        await connection.execute(insert_once(connection, tables.sources).values(name=spec.name, **new))
        same = sa.and_(_s.url == spec.url, _s.type == spec.type, _s.state != SourceState.REMOVED)
        kept = {name: sa.case((same, _s[name]), else_=empty) for name, empty in _FORGET.items()}
        is_new = sa.or_(_s.state == SourceState.REMOVED, sa.and_(_s.given_up_at.is_not(None), ~same))
        state = sa.case((is_new, SourceState.ACTIVE), else_=_s.state)
        is_answered = sa.and_(_s.rights_answer == spec.permission, _s.rights_answered_at.is_not(None))
        answered_at = now if spec.permission else None
        answered = sa.case((is_answered, _s.rights_answered_at), else_=sa.literal(answered_at, tables.Instant))
        await connection.execute(
            sa.update(tables.sources)
            .where(_s.name == spec.name)
            .values(
                **values,
                **kept,
                provisioned=True,
                state=sa.type_coerce(state, _s.state.type),
                rights_answered_at=answered,
                rights_answered_by="SOURCES" if spec.permission else "",
                rights_question="",
            )
        )
    gone = await connection.execute(
        sa.update(tables.sources)
        .where(_s.provisioned, _s.name.not_in([spec.name for spec in specs]))
        .values(state=SourceState.REMOVED, provisioned=False, lease_owner=None, lease_until=None)
        .returning(_s.name)
    )
    for name in gone.scalars():
        await alerts.resolve(connection, alert_matter(name), at=now)
        await alerts.resolve(connection, moved_matter(name), at=now)


async def list_sources(connection: Connection) -> list[Source]:
    """Return all sources but the removed ones, by name."""
    rows = await connection.execute(sa.select(tables.sources).where(_s.state != SourceState.REMOVED).order_by(_s.name))
    return [_source(row) for row in rows.mappings()]


async def get_source(connection: Connection, name: str) -> Source:
    """Return the source `name`; `NotFoundError` if there is none or it was removed."""
    rows = await connection.execute(sa.select(tables.sources).where(_s.name == name, _s.state != SourceState.REMOVED))
    row = rows.mappings().one_or_none()
    if row is None:
        raise NotFoundError("source", name)
    return _source(row)


async def add_source(
    connection: Connection,
    spec: SourceSpec,
    *,
    answered_at: datetime | None = None,
    answered_by: str = "",
    question: str = "",
) -> Source:
    """Add a source by command, or bring a removed one back.

    `question` is what the operator was asked of the right to mail it, `answered_at` and `answered_by` when and who it
    was; the answer is `spec.permission`.
    `WrongStateError` if the name is taken, or if whole texts are to be mailed and nobody allowed it.
    """
    if spec.rights is Rights.FULL_TEXT_MAIL and not spec.permission:
        raise WrongStateError(
            f"Whole texts of {spec.name} may be mailed only with permission (저작권법 제46조). Say whose with "
            '--permission "…", or take --rights excerpt.'
        )
    new = {
        **_values(spec),
        **_FORGET,
        "state": SourceState.ACTIVE,
        "provisioned": False,
        "rights_answered_at": answered_at,
        "rights_answered_by": answered_by,
        "rights_question": question,
    }
    added = await connection.execute(
        insert_once(connection, tables.sources).values(name=spec.name, **new).returning(_s.id)
    )
    if added.scalar_one_or_none() is None:
        revived = await connection.execute(
            sa.update(tables.sources).where(_s.name == spec.name, _s.state == SourceState.REMOVED).values(new)
        )
        if revived.rowcount == 0:
            raise WrongStateError(
                f"There is a source {spec.name} already. Take another name, or remove that one first."
            )
    return await get_source(connection, spec.name)


async def remove_source(connection: Connection, name: str, *, at: datetime) -> None:
    """Stop fetching a source for good; its articles stay. `WrongStateError` for one that `SOURCES` names."""
    source = await get_source(connection, name)
    if source.provisioned:
        raise WrongStateError(f"The source {name} stands in SOURCES. Remove its line there and start again.")
    await connection.execute(
        sa.update(tables.sources)
        .where(_s.id == source.id, sa.not_(_s.provisioned))
        .values(state=SourceState.REMOVED, lease_owner=None, lease_until=None)
    )
    await alerts.resolve(connection, alert_matter(name), at=at)
    await alerts.resolve(connection, moved_matter(name), at=at)


async def claim_due(connection: Connection, *, owner: str, now: datetime, lease: timedelta, limit: int) -> list[Source]:
    """Take up to `limit` sources that are due and nobody holds, the longest overdue first.

    A host that another worker is at is left to it, so that a site meets one of us at a time. Two workers that claim in
    the same instant on PostgreSQL may still share a host, once: neither sees yet what the other takes.
    """
    never_or_due = sa.or_(_s.next_fetch_at.is_(None), _s.next_fetch_at <= now, _s.next_fetch_at > now + _LONGEST_WAIT)
    is_fetched = sa.or_(_s.state == SourceState.ACTIVE, _s.given_up_at.is_not(None))  # the latter once a day
    due = sa.and_(is_fetched, never_or_due, _is_free(now), _is_left_alone(owner, now))
    some = (
        sa.select(_s.id)
        .where(due)
        .order_by(_s.next_fetch_at.asc().nulls_first(), _s.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        # A CTE is run once. A plain subquery PostgreSQL may run for every row, each time with the next `limit` rows.
        .cte("free")
    )
    return await _claim(connection, sa.and_(_s.id.in_(sa.select(some.c.id)), due), owner, now + lease)


async def claim_named(
    connection: Connection, name: str, *, owner: str, now: datetime, lease: timedelta
) -> Source | None:
    """Take the source `name`, due or not, paused or not; None while another worker holds it."""
    condition = sa.and_(_s.name == name, _s.state != SourceState.REMOVED, _is_free(now))
    claimed = await _claim(connection, condition, owner, now + lease)
    return claimed[0] if claimed else None


async def lease_owners(connection: Connection) -> set[str]:
    """Return who holds sources at the moment, or held them and has not said that it is through."""
    rows = await connection.execute(sa.select(_s.lease_owner).where(_s.lease_owner.is_not(None)).distinct())
    return {str(owner) for owner in rows.scalars()}


async def free_leases(connection: Connection, owners: Collection[str]) -> list[str]:
    """Free what `owners` hold, who are known to be dead; return the sources' names.

    An owner that lives after all finds its source taken, keeps nothing of its fetch, and nothing is lost.
    """
    freed = await connection.execute(
        sa.update(tables.sources)
        .where(_s.lease_owner.in_(owners))
        .values(lease_owner=None, lease_until=None)
        .returning(_s.name)
    )
    return sorted(freed.scalars())


async def _claim(
    connection: Connection, condition: sa.ColumnElement[bool], owner: str, until: datetime
) -> list[Source]:
    rows = await connection.execute(
        sa.update(tables.sources)
        .where(condition)
        .values(lease_owner=owner, lease_until=until)
        .returning(*tables.sources.c)
    )
    return [_source(row) for row in rows.mappings()]


def _is_free(now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(_s.lease_until.is_(None), _s.lease_until <= now, _s.lease_until > now + _LONGEST_LEASE)


def _is_left_alone(owner: str, now: datetime) -> sa.ColumnElement[bool]:
    """Whether no other worker is at the source's host at the moment."""
    other = tables.sources.alias("other").c
    is_there = sa.and_(
        other.host == _s.host,
        other.host != "",
        other.lease_owner != owner,
        other.lease_until > now,
        other.lease_until <= now + _LONGEST_LEASE,
    )
    return sa.not_(sa.exists().where(is_there))


def _host(url: str) -> str:
    """Return host and port of an address in small letters, at most as much as the column holds."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()[:255]
    except ValueError:
        return ""


def _values(spec: SourceSpec) -> dict[str, Any]:
    return {
        "type": spec.type,
        "url": spec.url,
        "host": _host(spec.url),
        "purpose": spec.purpose,
        "rights": spec.rights,
        "section": spec.section[:60],
        "picture_hosts": list(spec.picture_hosts),
        "options": dict(spec.options),
        "rights_answer": spec.permission,
    }


def _source(row: Any) -> Source:  # Any: a row mapping
    return Source(
        id=row["id"],
        spec=SourceSpec(
            name=row["name"],
            type=row["type"],
            url=row["url"],
            purpose=row["purpose"],
            rights=row["rights"],
            section=row["section"],
            picture_hosts=tuple(row["picture_hosts"]),
            options=tuple(sorted((row["options"] or {}).items())),
            permission=row["rights_answer"],
        ),
        state=row["state"],
        provisioned=row["provisioned"],
        etag=row["etag"],
        last_modified=row["last_modified"],
        first_fetched_at=row["first_fetched_at"],
        last_ok_at=row["last_ok_at"],
        next_fetch_at=row["next_fetch_at"],
        failures=row["failures"],
        problem=row["problem"],
        rights_answered_at=row["rights_answered_at"],
        rights_question=row["rights_question"],
        rights_answered_by=row["rights_answered_by"],
        interval_seconds=row["interval_seconds"],
        memory=row["memory"],
        failing_since=row["failing_since"],
        given_up_at=row["given_up_at"],
    )

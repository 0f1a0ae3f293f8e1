"""What a person must know: one row per matter, until it is resolved.

Raising the same matter again counts it up instead of adding a row; raising a resolved one opens it anew. Mailing them
(at most hourly per matter) is the worker's pass.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from digest.database import many
from digest.database.connection import Connection, PlainConnection
from digest.database.once import insert_once
from digest.database.tables import Instant, alerts
from digest.models.alerts import Alert

MAIL_EVERY = timedelta(hours=1)

_RESOLVE_ALL = {
    name: sa.update(alerts)
    .where(many.is_among(alerts.c.matter, sqlite=name == "sqlite", kind=sa.Text), alerts.c.resolved_at.is_(None))
    .values(resolved_at=sa.bindparam("at_", type_=Instant))
    .returning(alerts.c.matter)
    for name in ("sqlite", "postgresql")
}


async def raise_alert(connection: Connection, matter: str, text: str, *, at: datetime) -> None:
    """Note that `matter` needs a person. `text` says what happened and what to do, without addresses of readers."""
    updated = await connection.execute(
        sa.update(alerts)
        .where(alerts.c.matter == matter)
        .values(
            text=text,
            last_at=at,
            count=sa.case((alerts.c.resolved_at.is_(None), alerts.c.count + 1), else_=1),
            first_at=sa.case((alerts.c.resolved_at.is_(None), alerts.c.first_at), else_=sa.literal(at, Instant)),
            resolved_at=None,
        )
    )
    if updated.rowcount == 0:
        # Somebody else may raise it in this moment: one row is enough.
        await connection.execute(
            insert_once(connection, alerts).values(matter=matter, text=text, first_at=at, last_at=at, count=1)
        )


async def raise_once(connection: Connection, matter: str, text: str, *, at: datetime) -> None:
    """Raise an alert; of one that is open already say how it stands now, for which nobody is mailed again."""
    updated = await connection.execute(
        sa.update(alerts).where(alerts.c.matter == matter, alerts.c.resolved_at.is_(None)).values(text=text)
    )
    if not updated.rowcount:
        await raise_alert(connection, matter, text, at=at)


async def resolve(connection: Connection, matter: str, *, at: datetime) -> bool:
    """Note that `matter` is over; return whether it was open."""
    result = await connection.execute(
        sa.update(alerts).where(alerts.c.matter == matter, alerts.c.resolved_at.is_(None)).values(resolved_at=at)
    )
    return result.rowcount > 0


def resolve_all(connection: PlainConnection, matters: Collection[str], *, at: datetime) -> set[str]:
    """Note that all of `matters` are over; return those that were open."""
    given = {"at_": at, **many.ids_for(connection, matters)}
    return {matter for (matter,) in many.run(connection, _RESOLVE_ALL[connection.dialect.name], given)}


async def list_open(connection: Connection) -> list[Alert]:
    """Return the alerts that wait for a person, newest first."""
    rows = await connection.execute(
        sa.select(alerts).where(alerts.c.resolved_at.is_(None)).order_by(alerts.c.last_at.desc())
    )
    return [_alert(row) for row in rows.mappings()]


async def list_all(connection: Connection, *, limit: int = 200) -> list[Alert]:
    """Return alerts, resolved ones too, newest first."""
    rows = await connection.execute(sa.select(alerts).order_by(alerts.c.last_at.desc(), alerts.c.matter).limit(limit))
    return [_alert(row) for row in rows.mappings()]


async def claim_for_mail(connection: Connection, *, now: datetime) -> list[Alert]:
    """Return the open alerts to be mailed now, and mark them as mailed in the same transaction.

    An alert is due when it never was mailed, or was raised again since and the last mail is an hour old.
    """
    due = sa.or_(
        alerts.c.mailed_at.is_(None),
        sa.and_(alerts.c.mailed_at <= now - MAIL_EVERY, alerts.c.last_at > alerts.c.mailed_at),
    )
    rows = await connection.execute(
        sa.update(alerts).where(alerts.c.resolved_at.is_(None), due).values(mailed_at=now).returning(alerts)
    )
    return [_alert(row) for row in rows.mappings()]


def _alert(row: Any) -> Alert:  # Any: a row mapping
    return Alert(
        matter=row["matter"],
        text=row["text"],
        first_at=row["first_at"],
        last_at=row["last_at"],
        count=row["count"],
        mailed_at=row["mailed_at"],
        resolved_at=row["resolved_at"],
    )

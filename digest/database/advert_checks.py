"""Consents to adverts that are due to be checked, were checked, or ended for want of an answer.

A consent is due when neither it nor its last check is newer than a given time. Claiming one notes the check in the same
statement that finds it, so whatever is run twice, or on two machines at once, tells each reader once. Everything acts
in the caller's transaction, beside the mail and the row of the ledger. Periods are the caller's (`subscribe`).
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from digest.addresses import Address, parse
from digest.database.connection import Connection
from digest.database.tables import subscribers
from digest.models.readers import SubscriberState

_s = subscribers.c
_GETS_MAILS = (SubscriberState.ACTIVE, SubscriberState.PAUSED)


@dataclass(frozen=True, slots=True)
class DueCheck:
    """A reader whose consent to adverts is to be checked. `checked_at` None: it never was."""

    subscriber_id: int
    address: Address
    language: str
    consent_at: datetime
    checked_at: datetime | None


async def list_due(connection: Connection, *, before: datetime, limit: int) -> list[DueCheck]:
    """Return readers who agreed, and were told of it last, before that time; the longest ago first."""
    rows = await connection.execute(
        sa.select(subscribers).where(_is_due(before)).order_by(_last_at(), _s.id).limit(limit)
    )
    return [_due(row) for row in rows]


async def claim(
    connection: Connection, *, before: datetime, limit: int, at: datetime, ends_at: datetime | None
) -> list[DueCheck]:
    """Note that up to `limit` of these are told now, and return them. `ends_at`: when silence ends their consent."""
    oldest = sa.select(_s.id).where(_is_due(before)).order_by(_last_at(), _s.id).limit(limit)
    rows = await connection.execute(
        sa.update(subscribers)
        .where(_s.id.in_(oldest.scalar_subquery()), _is_due(before))
        .values(advert_checked_at=at, advert_ends_at=ends_at)
        .returning(_s.id, _s.address, _s.language, _s.advert_consent_at, _s.advert_checked_at)
    )
    return sorted((_due(row) for row in rows), key=lambda each: each.subscriber_id)


async def keep(connection: Connection, subscriber_id: int) -> bool:
    """Let a consent that silence would end go on; False if it would not end."""
    kept = await connection.execute(
        sa.update(subscribers)
        .where(_s.id == subscriber_id, _s.advert_consent_at.is_not(None), _s.advert_ends_at.is_not(None))
        .values(advert_ends_at=None)
    )
    return kept.rowcount > 0


async def list_silent(connection: Connection, *, now: datetime, limit: int) -> list[int]:
    """Return the readers whose consent ends now, because they did not answer."""
    silent = sa.select(_s.id).where(_s.advert_consent_at.is_not(None), _s.advert_ends_at <= now)
    return list((await connection.execute(silent.order_by(_s.id).limit(limit))).scalars())


def _is_due(before: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        _s.advert_consent_at <= before,
        sa.or_(_s.advert_checked_at.is_(None), _s.advert_checked_at <= before),
        _s.state.in_(_GETS_MAILS),
    )


def _last_at() -> sa.ColumnElement[datetime]:
    return sa.func.coalesce(_s.advert_checked_at, _s.advert_consent_at)


def _due(row: sa.Row[tuple[object, ...]]) -> DueCheck:
    found = row._mapping
    return DueCheck(
        found["id"], parse(found["address"]), found["language"], found["advert_consent_at"], found["advert_checked_at"]
    )

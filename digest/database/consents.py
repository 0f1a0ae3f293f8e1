"""The ledger of consents: who agreed to what, when, how and to which text, and who took it back.

Rows are only added. What can be erased is the clear text of the address and the network it came from; the keyed hash
stays, so that an inquiry about one address can still be answered by who names it (정보통신망법 제50조, 개인정보 보호법
제22조). All functions act in the caller's transaction: a consent and what it changes are stored together or not at all.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.once import insert_once
from digest.database.tables import consent_texts, consents
from digest.models.consents import Consent, NewConsent

_AT_ONCE = 1000


async def append(connection: Connection, consent: NewConsent) -> int:
    """Write one act into the ledger and return its row's id."""
    inserted = await connection.execute(sa.insert(consents).values(**values_of(consent)).returning(consents.c.id))
    return int(inserted.scalar_one())


async def append_all(connection: Connection, given: list[NewConsent]) -> None:
    """Write many acts at once, as an import does."""
    if given:
        await connection.execute(sa.insert(consents), [values_of(each) for each in given])


async def of_address(connection: Connection, address_hash: str) -> list[Consent]:
    """Return all acts of one address, oldest first."""
    rows = await connection.execute(
        sa.select(consents).where(consents.c.address_hash == address_hash).order_by(consents.c.at, consents.c.id)
    )
    return [_consent(row) for row in rows.mappings()]


async def export(connection: Connection, since: datetime, until: datetime) -> AsyncIterator[Consent]:
    """Yield all acts from `since` to before `until`, in the order of their ids."""
    last_id = 0
    while True:
        rows = (
            await connection.execute(
                sa.select(consents)
                .where(consents.c.id > last_id, consents.c.at >= since, consents.c.at < until)
                .order_by(consents.c.id)
                .limit(_AT_ONCE)
            )
        ).mappings()
        found = [_consent(row) for row in rows]
        for each in found:
            yield each
        if len(found) < _AT_ONCE:
            return
        last_id = found[-1].id


async def keep_text(
    connection: Connection, *, text_hash: str, version: str, language: str, body: str, at: datetime
) -> None:
    """Keep the wording that a hash stands for; keeping it twice changes nothing."""
    await connection.execute(
        insert_once(connection, consent_texts).values(
            text_hash=text_hash, version=version, language=language, body=body, first_at=at
        )
    )


async def text_of(connection: Connection, text_hash: str) -> str | None:
    """Return the wording that was shown, None if it was never kept."""
    body: str | None = await connection.scalar(
        sa.select(consent_texts.c.body).where(consent_texts.c.text_hash == text_hash)
    )
    return body


def values_of(consent: NewConsent) -> dict[str, Any]:  # Any: the columns of the table
    """Return the row of an act that is to be written."""
    return {
        "subscriber_id": consent.subscriber_id,
        "address": None if consent.address is None else str(consent.address),
        "address_hash": consent.address_hash,
        "act": consent.act,
        "text_version": consent.text_version,
        "text_hash": consent.text_hash,
        "how": consent.how,
        "source": consent.source,
        "network": consent.network,
        "at": consent.at,
        "details": consent.details,
    }


def _consent(row: Any) -> Consent:  # Any: a row mapping
    return Consent(**row)

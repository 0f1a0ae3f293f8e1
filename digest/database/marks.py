"""Fingerprints of settings that must not change under the rows that were made with them.

The keyed hashes of suppressions and consents cannot be made again without the addresses. With another key nobody would
be found suppressed, silently, so a start with another key is refused. As long as no hash is stored, the key is free.
"""

from datetime import datetime

import sqlalchemy as sa

from digest.database.connection import Connection, Database
from digest.database.once import insert_once
from digest.database.tables import consents, settings_marks, subscribers, suppressions
from digest.errors import FixSetupError

_KEY = "suppression_key"
_REFUSED = (
    "SUPPRESSION_KEY: it is not the key that the stored hashes were made with, so who must not be written to would not "
    "be known. Put the earlier key back. If the setting was empty then: empty it, and keep every earlier SECRET_KEY in "
    "RETIRED_SECRET_KEYS."
)


async def require_key(database: Database, fingerprint: str, *, now: datetime) -> None:
    """Make sure that the keyed hashes are still made with the same key; the first call notes it.

    Raises `FixSetupError` when the key is another one and hashes are stored.
    """
    async with database.read() as connection:
        if await _stored(connection) == fingerprint:
            return
    async with database.begin() as connection:
        await connection.execute(insert_once(connection, settings_marks).values(name=_KEY, mark=fingerprint, at=now))
        if await _stored(connection) == fingerprint:
            return
        if await _has_hashes(connection):
            raise FixSetupError(_REFUSED)
        await connection.execute(
            sa.update(settings_marks).where(settings_marks.c.name == _KEY).values(mark=fingerprint, at=now)
        )


async def _stored(connection: Connection) -> str | None:
    mark: str | None = await connection.scalar(sa.select(settings_marks.c.mark).where(settings_marks.c.name == _KEY))
    return mark


async def _has_hashes(connection: Connection) -> bool:
    known = subscribers.c.address_hash.is_not(None)
    query = sa.select(
        sa.or_(
            sa.exists(sa.select(suppressions.c.address_hash)),
            sa.exists(sa.select(consents.c.id)),
            sa.exists(sa.select(subscribers.c.id).where(known)),
        )
    )
    return bool((await connection.execute(query)).scalar_one())

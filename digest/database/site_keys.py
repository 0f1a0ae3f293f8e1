"""The keys of the JSON API: added, found by their id, revoked; never removed and never shown again.

A name is used once for ever, because the ledger of consents names the key a request came with. A revoked key stays as
a row that nothing finds. There are a few of them, so origins are looked through, not searched.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.once import insert_once
from digest.database.tables import site_keys
from digest.models.keys import KeyScope, NewKey, SiteKey

_k = site_keys.c


async def add(connection: Connection, key: NewKey) -> bool:
    """Store a key; False if there is, or was, one of that name."""
    statement = insert_once(connection, site_keys).values(
        name=key.name,
        key_id=key.key_id,
        key_hash=key.key_hash,
        scopes=",".join(key.scopes),
        origins=" ".join(key.origins),
        created_at=key.created_at,
    )
    return (await connection.execute(statement.returning(_k.id))).scalar_one_or_none() is not None


async def find(connection: Connection, key_id: str) -> SiteKey | None:
    """Return the key of that id, None if there is none or it was revoked. The caller compares the hash."""
    found = await connection.execute(sa.select(site_keys).where(_k.key_id == key_id, _k.revoked_at.is_(None)))
    row = found.mappings().one_or_none()
    return None if row is None else _key(row)


async def list_keys(connection: Connection) -> list[SiteKey]:
    """Return all keys, revoked ones too, in the order they were made."""
    rows = await connection.execute(sa.select(site_keys).order_by(_k.id))
    return [_key(row) for row in rows.mappings()]


async def revoke(connection: Connection, name: str, *, at: datetime) -> bool:
    """Revoke the key of that name; False if there is none that works."""
    result = await connection.execute(
        sa.update(site_keys).where(_k.name == name, _k.revoked_at.is_(None)).values(revoked_at=at)
    )
    return result.rowcount > 0


async def knows_origin(connection: Connection, origin: str) -> bool:
    """Whether some working key is for pages of that origin."""
    rows = await connection.execute(sa.select(_k.origins).where(_k.revoked_at.is_(None)))
    return any(origin in origins.split() for origins in rows.scalars())


def _key(row: Any) -> SiteKey:  # Any: a row mapping
    key = NewKey(
        name=row["name"],
        key_id=row["key_id"],
        key_hash=row["key_hash"],
        scopes=tuple(map(KeyScope, row["scopes"].split(","))),
        origins=tuple(row["origins"].split()),
        created_at=row["created_at"],
    )
    return SiteKey(row["id"], key, row["revoked_at"])

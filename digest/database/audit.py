"""What operators did with people's data: who, when, from where, whose, what (개인정보의 안전성 확보조치 기준 제8조).

Rows are only added, in the transaction of the act itself, and go by their age alone (`subscribe.personal`). Whose data
it was is said by the keyed hash; no address stands here in clear.
"""

from datetime import datetime

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.tables import audit


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
    """Write down one act. `whose` is a keyed hash, empty for many people's; `details` hold no address."""
    await connection.execute(
        sa.insert(audit).values(
            at=at, who=who[:80], from_where=from_where[:120], whose=whose, what=what[:80], details=details or {}
        )
    )


async def prune(connection: Connection, *, before: datetime) -> int:
    """Remove what was noted before that time; return how many rows."""
    result = await connection.execute(sa.delete(audit).where(audit.c.at < before))
    return result.rowcount

"""The readers of the sample newspaper.

They exist so that the first run ends in delivered mails. Their addresses are reserved for examples (RFC 2606 §3), the
settings refuse a relay beside them, and switching the sample off removes them.
"""

from datetime import datetime

from digest import addresses
from digest.config import Settings
from digest.database import Database, subscribers
from digest.models.readers import Format

CONSENT = "sample"
_READERS = (
    ("reader1@example.com", "ko", Format.HTML),
    ("reader2@example.com", "ko", Format.TEXT),
    ("reader3@example.com", "en", Format.HTML),
)


async def seed(database: Database, settings: Settings, *, now: datetime) -> datetime | None:
    """Add the sample's readers to every slot; return when the sample was first started, None if it is off.

    The first start is when the oldest of them was added: a restart serves the same articles with the same times.
    """
    async with database.begin() as connection:
        if not settings.sample:
            await subscribers.remove_by_consent(connection, CONSENT)
            return None
        slots = [slot.name for slot in settings.editions]
        added = [
            await subscribers.add(
                connection,
                addresses.parse(address),
                slots=slots,
                language=language,
                format=format_,
                consent=CONSENT,
                at=now,
            )
            for address, language, format_ in _READERS
        ]
    return min(reader.created_at for reader in added)

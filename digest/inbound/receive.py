"""Keeping: a mail is stored, byte for byte, before anything about it is decided.

In: what a door took. Out: one row per recipient; a door answers 250 only after that. So a crash loses nothing: what was
answered is in the database and `route` acts upon it at the next start. A mail that comes twice (an answer was lost, two
doors bring the same) is kept once. Nothing is believed here and nothing is parsed but the Message-ID. Its size is
bounded by `INBOUND_MAX_BYTES`.

Event: inbound.kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from digest.config import Settings
from digest.database import Database, raw_mails
from digest.errors import MailTooLargeError
from digest.events import event
from digest.models.inbound import Door

_MAX_SENDER = 254


@dataclass(frozen=True, slots=True)
class Taken:
    """What a door took. `recipients` are addresses of ours; `envelope_from` is empty for the null sender."""

    door: Door
    recipients: Sequence[str]
    envelope_from: str
    content: bytes


async def keep(database: Database, settings: Settings, taken: Taken, *, now: datetime) -> list[int]:
    """Keep a mail for each of its recipients; return the ids of the rows that are new.

    Raises `MailTooLargeError` (552: never), `DatabaseUnavailableError` (451: later); then nothing was kept.
    """
    if len(taken.content) > settings.inbound_max_bytes:
        raise MailTooLargeError(settings.inbound_max_bytes)
    sender = _cleaned(taken.envelope_from)
    recipients = sorted({each.lower() for each in taken.recipients})
    mail = raw_mails.NewRawMail(taken.door, tuple(recipients), sender, now, taken.content)
    ids = await database.write(lambda connection: raw_mails.keep(connection, mail))
    for mail_id in ids:
        event("inbound.kept", mail_id=mail_id, door=taken.door)
    return ids


def _cleaned(envelope_from: str) -> str:
    """Return what the peer said as text that any database takes: it may be anything."""
    printable = "".join(char for char in envelope_from if char.isprintable())
    return printable.encode("utf-8", "replace").decode("utf-8")[:_MAX_SENDER]

"""Answering by ourselves, within its limits: five answers a day to an address, and of some kinds one.

Each limit is claimed in one statement before the answer is queued, in the transaction of the mail that is answered.
Who must not be written to gets none, but the last one that says so. Answers wait in the first lane, are given up
after a day, and go to the address as we know it: a reader's stored one, or the checked one of the sender.
"""

from dataclasses import dataclass
from datetime import timedelta

from digest.addresses import Address
from digest.compose.kinds import reply
from digest.compose.kinds.reply import Say, Standing
from digest.database import Connection, counters, messages
from digest.hashes import address_hash
from digest.inbound.arrival import Means
from digest.models.deliveries import Lane, MessageKind, NewMessage

A_DAY = 5
_DAY = timedelta(days=1)
# Of these one a day: what strangers could have sent to somebody again and again.
_ONCE = frozenset({Say.HELP, Say.UNSURE, Say.UNSURE_LEAVE, Say.NOT_SUBSCRIBED, Say.CONFIRMED_BEFORE})


@dataclass(frozen=True, slots=True)
class Answered:
    """The mail that is answered: its number in the store, and the id it names itself by."""

    mail_id: int
    message_id: str


async def answer(
    connection: Connection,
    means: Means,
    to: Answered,
    say: Say,
    *,
    address: Address,
    language: str,
    standing: Standing | None = None,
) -> bool:
    """Queue an answer; False if it may not be (any more). Raises `TemplateError`."""
    hashed = address_hash(means.settings, address)
    if say in _ONCE and not await counters.claim(
        connection, f"reply-{say}", hashed, now=means.now, limit=1, window=_DAY
    ):
        return False
    if not await counters.claim(connection, "reply", hashed, now=means.now, limit=A_DAY, window=_DAY):
        return False
    mail = reply.compose(means.renderer, means.settings, say, language, message_id=to.message_id, standing=standing)
    message = NewMessage(
        key=f"reply:{to.mail_id}:{say}", kind=MessageKind.REPLY, variant=say, language=language, mail=mail
    )
    queued = await messages.queue_one(
        connection,
        message,
        address,
        lane=Lane.FIRST,
        at=means.now,
        deadline_at=means.now + _DAY,
        address_hash=None if say is Say.NEVER else hashed,
    )
    return queued is not None

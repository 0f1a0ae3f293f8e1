"""Leaving: the act behind the link of every footer and of List-Unsubscribe (RFC 8058).

In: a token from a mail. Out: who left, and how many mails that were already waiting were given up. The token is the
whole authority: no login, no cookie, no confirmation by mail. State and waiting deliveries change in one transaction,
so no mail can be claimed in between, and both conditions stand inside the updates: leaving twice, or from two mail
servers at once, is the same as leaving once. A reader whose row was erased has left as well.

Event: `subscriber.left`, with ids only.
"""

from dataclasses import dataclass
from datetime import datetime

from digest.database import Connection, Database, deliveries, subscribers
from digest.errors import NotFoundError
from digest.events import event
from digest.models import DropReason, Subscriber, SubscriberState
from digest.tokens import Keyring, TokenPurpose

_NOT_WRITTEN_TO = frozenset({SubscriberState.LEFT, SubscriberState.STOPPED, SubscriberState.EXPIRED})


@dataclass(frozen=True, slots=True)
class Left:
    """What came of leaving. `subscriber` None: erased before; `changed` False: had left before."""

    subscriber: Subscriber | None
    changed: bool
    dropped: int


async def read_subscriber(database: Database, keyring: Keyring, token: str) -> Subscriber | None:
    """Return whose link this is, None if that reader was erased. Changes nothing.

    Raises `BadTokenError` for a token that we did not make for leaving.
    """
    subscriber_id = keyring.read(TokenPurpose.LEAVE, token)
    async with database.read() as connection:
        return await _find(connection, subscriber_id)


async def leave(database: Database, keyring: Keyring, token: str, *, now: datetime) -> Left:
    """Let the reader whose link this is leave, and give up every mail that waits for them.

    Raises `BadTokenError` for a token that we did not make for leaving.
    """
    subscriber_id = keyring.read(TokenPurpose.LEAVE, token)
    async with database.begin() as connection:
        changed = await subscribers.leave(connection, subscriber_id, at=now)
        dropped = await deliveries.drop_for_subscriber(connection, subscriber_id, reason=DropReason.LEFT, at=now)
        subscriber = await _find(connection, subscriber_id)
    if changed or dropped:
        event("subscriber.left", subscriber_id=subscriber_id, dropped=dropped)
    return Left(subscriber, changed, dropped)


def is_gone(subscriber: Subscriber) -> bool:
    """Whether nothing is mailed to this reader any more, for whatever reason."""
    return subscriber.state in _NOT_WRITTEN_TO


async def _find(connection: Connection, subscriber_id: int) -> Subscriber | None:
    try:
        return await subscribers.get(connection, subscriber_id)
    except NotFoundError:
        return None

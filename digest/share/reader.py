"""Whose edition a share begins from: the link `친구에게 보내기` below an article of one's own edition.

In: the token of that link. Out: the reader's address, to be shown masked only, because editions are forwarded: whoever
opens the link sees no more of the address than a share would show them. It is no proof of who opens it either. A
browser that does not remember the address (`share.sender`) asks its mailbox first, so nobody sends in a reader's name
with an edition that was passed on.
"""

from digest.addresses import Address
from digest.config import Settings
from digest.database import Database, subscribers
from digest.errors import BadTokenError, NotFoundError
from digest.models.readers import SubscriberState
from digest.tokens import TokenPurpose

_READS = (SubscriberState.ACTIVE, SubscriberState.PAUSED)


async def address_of(database: Database, settings: Settings, token: str) -> Address | None:
    """Return the reader's address; None if the link is none of ours, or of somebody who has left."""
    try:
        subscriber_id = settings.keyring.read(TokenPurpose.SHARER, token)
    except BadTokenError:
        return None
    async with database.read() as connection:
        try:
            subscriber = await subscribers.get(connection, subscriber_id)
        except NotFoundError:
            return None
    return subscriber.address if subscriber.state in _READS else None

"""Leaving by an address that holds a token of ours: the mailto of List-Unsubscribe (RFC 2369), of editions and shares.

The token is the whole authority, as behind the link of every footer: whoever has the mail may leave by it, and mail
programs write these mails by themselves. So neither the sender nor the words are looked at, and no answer goes to the
sender; the notice of the result goes to the stored address. A token that is not ours proves nothing: then the mail is
read like any other.
"""

from digest.config import Settings
from digest.database import Connection
from digest.errors import BadTokenError
from digest.inbound.arrival import Arrival, Means
from digest.models.consents import ConsentWay
from digest.models.inbound import Acted, Outcome
from digest.share import request as share_request
from digest.subaddress import Detail
from digest.subscribe import unsubscribe
from digest.subscribe.result_notice import FarewellNotices
from digest.subscribe.unsubscribe import Leaver
from digest.tokens import TokenPurpose


def question(arrival: Arrival, settings: Settings) -> int | None:
    """Return which reader leaves by this mail."""
    return _subject(arrival, settings, Detail.LEAVE, TokenPurpose.LEAVE)


async def leave(connection: Connection, means: Means, arrival: Arrival, subscriber_id: int) -> Acted:
    """Let them leave; the second time changes nothing. Raises `TemplateError`."""
    source = f"mail {arrival.mail.sha256[:16]} to the address that leaves"
    leaver = Leaver(subscriber_id, ConsentWay.MAIL, source, None, means.now)
    left = await unsubscribe.leave_within(connection, FarewellNotices(means.settings, means.renderer), leaver)
    return Acted(Outcome.COMMANDED, "left" if left.changed else "had left before", subscriber_id=subscriber_id)


def never_question(arrival: Arrival, settings: Settings) -> int | None:
    """Return the delivery of the share whose recipient wants no further ones."""
    return _subject(arrival, settings, Detail.NEVER, TokenPurpose.NEVER)


async def refuse(connection: Connection, means: Means, _arrival: Arrival, delivery_id: int) -> Acted:
    """Let nothing be shared any more with whoever got that mail."""
    is_ours = await share_request.refuse_within(connection, delivery_id, now=means.now)
    return Acted(
        Outcome.COMMANDED, "no further shares" if is_ours else "the share is forgotten", delivery_id=delivery_id
    )


def _subject(arrival: Arrival, settings: Settings, detail: Detail, purpose: TokenPurpose) -> int | None:
    if arrival.addressed.detail is not detail or not arrival.addressed.token:
        return None
    try:
        return settings.keyring.read(purpose, arrival.addressed.token)
    except BadTokenError:
        return None

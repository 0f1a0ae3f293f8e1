"""Subscribing by mail: 구독 asks, an answer to the confirmation agrees, and the answer is kept as evidence.

Whoever asks is sent the confirmation that everybody is sent, with its full notice (개인정보 보호법 시행령 제17조②5),
and nobody is subscribed without it. That mail is the one thing that may go to somebody whom nobody vouches for: it is
the only way in for small domains, so these are counted for the whole site. An answer confirms if a person wrote it,
it belongs to that mail by a token or id of ours, and it agrees; an absence notice that quotes the subject does
neither. Kept with the consent: the hash of the answer, when it was written and came, what DKIM said, and whether the
address it came from is the one that was asked.
"""

from datetime import timedelta

from digest.addresses import Address
from digest.compose.kinds.reply import Say
from digest.database import Connection, counters, signups, when_committed
from digest.events import event
from digest.inbound.answering import Answered, answer
from digest.inbound.arrival import Arrival, Means
from digest.inbound.asking import Asked
from digest.inbound.choosing import slots_of_part
from digest.inbound.words import Verb
from digest.models.consents import ConsentWay, Signup
from digest.models.inbound import Acted, Outcome
from digest.subscribe import signup
from digest.subscribe.signup import Wanted

STRANGERS_A_DAY = 100
_DAY = timedelta(days=1)


async def join(connection: Connection, means: Means, asked: Asked, sender: Address) -> str:
    """Store the request and queue its confirmation; return what was done. Raises `TemplateError`."""
    settings = means.settings
    if not settings.editions:
        return "there is no edition to subscribe to"
    if not asked.authentic.passes and not await counters.claim(
        connection, "mail-join", "strangers", now=means.now, limit=STRANGERS_A_DAY, window=_DAY
    ):
        return "too many requests of strangers today"
    parts = [each.part for each in asked.commands if each.verb is Verb.FREQUENCY and each.part]
    slots = tuple(dict.fromkeys(slot.name for part in parts for slot in slots_of_part(settings, part, means.now)))
    wanted = Wanted(
        address=sender,
        slots=slots or (settings.editions[0].name,),
        sections=(),
        language=asked.language,
        advert=False,
        how=ConsentWay.MAIL,
        host=None,
        source="mail",
    )
    signup_id = await signup.ask_within(connection, settings, means.renderer, wanted, now=means.now)
    if signup_id is None:
        return "asked before, no further mail now"
    when_committed(connection, lambda: event("signup.asked", signup_id=signup_id))
    return "confirmation asked for"


async def waiting(connection: Connection, asked: Asked) -> Signup | None:
    """Return the request that this mail agrees to, confirmed before or not; None if it agrees to none."""
    if asked.answered_id is None or not asked.agrees:
        return None
    return await signups.of_delivery(connection, asked.answered_id)


async def confirm(connection: Connection, means: Means, arrival: Arrival, asked: Asked, found: Signup) -> Acted:
    """Subscribe whoever asked, by a mail that agrees. Raises `TemplateError`."""
    if found.asked.expires_at <= means.now:
        return Acted(Outcome.IGNORED, "agreed too late", sender=asked.sender)
    to = Answered(arrival.mail.id, asked.mail.message_id)
    if found.confirmed_at is not None:
        await answer(
            connection, means, to, Say.CONFIRMED_BEFORE, address=found.asked.address, language=found.asked.language
        )
        return Acted(Outcome.COMMANDED, "confirmed before", sender=asked.sender)
    evidence = {
        "sha256": arrival.mail.sha256,
        "written_at": asked.written_at,
        "received_at": arrival.mail.received_at.isoformat(),
        "dkim": asked.authentic.dkim,
        "same_address": asked.sender is not None and asked.sender.key == found.asked.address.key,
    }
    subscriber = await signup.confirm_within(
        connection, means.settings, means.renderer, found, now=means.now, answer=evidence
    )
    if subscriber is None:
        return Acted(Outcome.IGNORED, "may not be confirmed", sender=asked.sender)
    when_committed(connection, lambda: event("signup.confirmed", signup_id=found.id, subscriber_id=subscriber.id))
    return Acted(Outcome.COMMANDED, "confirmed", sender=asked.sender, subscriber_id=subscriber.id)

"""Fresh links: what a forwarded edition must not open is opened by a link mailed to the stored address on request.

In: whoever has the link of an edition asks for one; the mail goes to the reader's own address and its link works for 30
minutes: it shows what we hold, erases everything, or changes the address. Another address is confirmed by a mail to it,
within 72 hours; until then nothing changes. Who asks is always answered the same, however many mails were sent today
and whether the other address is suppressed or a reader's already: nothing is told about anybody. Links are made when
their mail is sent and stored nowhere; what they open is in `fresh_links`, and erasing and confirming use them up: with
a new address all links that were mailed before end, and asking for another one ends what an earlier one could confirm.

Events: `link.asked`, `subscriber.address_changed`, with ids only.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from digest.addresses import Address
from digest.compose.kinds import link as link_mail
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import (
    Connection,
    Database,
    choices,
    consents,
    counters,
    deliveries,
    fresh_links,
    messages,
    subscribers,
    suppressions,
)
from digest.errors import NotFoundError
from digest.events import event
from digest.hashes import address_hash, network_of
from digest.models.consents import ConsentAct, ConsentWay, NewConsent
from digest.models.deliveries import Lane, Mail, MessageKind, NewMessage
from digest.models.readers import FreshLink, LinkMatter, Subscriber, SubscriberState
from digest.subscribe import retention
from digest.tokens import TokenPurpose

MANAGE_WORKS = timedelta(minutes=30)
NEW_ADDRESS_WORKS = timedelta(hours=72)
A_DAY = 3
_DAY = timedelta(days=1)
_MAILS_TOLD = 1000
_MAY_ASK = (SubscriberState.ACTIVE, SubscriberState.PAUSED)


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that works now, and whose it is."""

    link: FreshLink
    subscriber: Subscriber


async def ask(
    database: Database, settings: Settings, renderer: Renderer, subscriber: Subscriber, now: datetime
) -> None:
    """Mail a reader a fresh link, unless they were mailed three today. Raises `TemplateError`."""
    async with database.begin() as connection:
        is_asked = await ask_within(connection, settings, renderer, subscriber, now=now)
    if is_asked:
        event("link.asked", subscriber_id=subscriber.id, matter=LinkMatter.MANAGE)


async def ask_within(
    connection: Connection, settings: Settings, renderer: Renderer, subscriber: Subscriber, *, now: datetime
) -> bool:
    """Do the same in a transaction that is open; False if they were mailed three today. Raises `TemplateError`."""
    key = address_hash(settings, subscriber.address)
    if not await counters.claim(connection, "fresh-link", key, now=now, limit=A_DAY, window=_DAY):
        return False
    mail = link_mail.compose(renderer, settings, LinkMatter.MANAGE, subscriber.language)
    await _queue(
        connection,
        _message(f"link:{subscriber.id}:{secrets.token_hex(8)}", mail, subscriber),
        subscriber,
        matter=LinkMatter.MANAGE,
        recipient=subscriber.address,
        now=now,
        works=MANAGE_WORKS,
    )
    return True


async def ask_new_address(
    database: Database, settings: Settings, renderer: Renderer, opened: Opened, address: Address, *, now: datetime
) -> None:
    """Mail the other address that it is to be confirmed, if that may be; say nothing either way.

    Not to one that is suppressed or a reader's, and three times a day at most, to an address and for a reader.
    """
    subscriber = opened.subscriber
    mail = link_mail.compose(renderer, settings, LinkMatter.NEW_ADDRESS, subscriber.language)
    hashed = address_hash(settings, address)
    async with database.begin() as connection:
        for key in (address_hash(settings, subscriber.address), hashed):
            if not await counters.claim(connection, "new-address", key, now=now, limit=A_DAY, window=_DAY):
                return
        if await suppressions.is_suppressed(connection, hashed) or not await fresh_links.is_free(connection, address):
            return
        # Who was mistyped first must not be able to confirm after that.
        await fresh_links.end(connection, subscriber.id, at=now, matters=[LinkMatter.NEW_ADDRESS])
        message = _message(f"new-address:{subscriber.id}:{secrets.token_hex(8)}", mail, subscriber)
        await _queue(
            connection,
            message,
            subscriber,
            matter=LinkMatter.NEW_ADDRESS,
            recipient=address,
            now=now,
            works=NEW_ADDRESS_WORKS,
        )
    event("link.asked", subscriber_id=subscriber.id, matter=LinkMatter.NEW_ADDRESS)


async def open_link(database: Database, settings: Settings, token: str, *, now: datetime) -> Opened | None:
    """Return what a mailed link opens; None if it was used or its time is over. Changes nothing.

    Raises `BadTokenError` for a token that we did not make for this.
    """
    delivery_id = settings.keyring.read(TokenPurpose.FRESH, token)
    async with database.read() as connection:
        found = await fresh_links.of_delivery(connection, delivery_id)
        if found is None or found.used_at is not None or found.expires_at <= now:
            return None
        try:
            subscriber = await subscribers.get(connection, found.subscriber_id)
        except NotFoundError:
            return None
    return Opened(found, subscriber) if subscriber.state in _MAY_ASK else None


async def confirm_address(
    database: Database, settings: Settings, opened: Opened, *, host: str | None, now: datetime
) -> bool:
    """Send everything to the new address from now on, what waits too; False if that cannot be (any more).

    Whether the link was used before, or the address is suppressed or a reader's meanwhile, is not told apart.
    """
    address, subscriber = opened.link.new_address, opened.subscriber
    if address is None:
        return False
    hashed = address_hash(settings, address)
    async with database.begin() as connection:
        if not await fresh_links.use(connection, opened.link.id, at=now):
            return False
        if await suppressions.is_suppressed(connection, hashed):
            return False
        await choices.wait_for_releases(connection)
        provider = await fresh_links.change_address(connection, subscriber.id, address, address_hash=hashed)
        if provider is None:
            return False
        await fresh_links.end(connection, subscriber.id, at=now)  # those in the old mailbox, too
        await choices.redirect(
            connection, subscriber.id, recipient=str(address), domain=address.domain, provider=provider
        )
        old = address_hash(settings, subscriber.address)
        told: tuple[tuple[Address, str, dict[str, object]], ...] = (
            (subscriber.address, old, {"became": hashed}),
            (address, hashed, {"was": old}),
        )
        for one, own, details in told:
            await consents.append(connection, _changed(one, own, subscriber.id, host=host, now=now, details=details))
    event("subscriber.address_changed", subscriber_id=subscriber.id)
    return True


async def erase(database: Database, settings: Settings, opened: Opened, *, now: datetime) -> bool:
    """Erase everything about the reader at once; False if the link was used meanwhile."""
    async with database.begin() as connection:
        if not await fresh_links.use(connection, opened.link.id, at=now):
            return False
    await retention.erase(database, settings, opened.subscriber.address, how=ConsentWay.PAGE, now=now)
    return True


async def gather(database: Database, settings: Settings, subscriber: Subscriber) -> dict[str, Any]:
    """Return all that is held about a reader, as it can be written as JSON (개인정보 보호법 제35조)."""
    async with database.read() as connection:
        chosen = await choices.load(connection, subscriber.id)
        acts = await consents.of_address(connection, address_hash(settings, subscriber.address))
        mails = await deliveries.list_for_address(connection, subscriber.address.key, _MAILS_TOLD)
    return {
        "newspaper": settings.newspaper_name,
        "address": str(subscriber.address),
        "state": subscriber.state,
        "subscribed_at": _text(subscriber.created_at),
        "consent": subscriber.consent,
        "advert_consent_at": _text(subscriber.advert_consent_at),
        "language": chosen.language,
        "format": chosen.format,
        "headlines": chosen.headlines,
        "words": list(chosen.words),
        "paused_until": _text(chosen.paused_until),
        "slots": [
            {"slot": each.slot, "weekdays": each.weekdays, "hour": each.hour, "sections": list(each.sections)}
            for each in chosen.slots
        ],
        "consents": [
            {"at": _text(each.at), "act": each.act, "how": each.how, "source": each.source, "network": each.network}
            for each in acts
        ],
        "mails": [
            {"edition": each.edition_id, "state": each.state, "made_at": _text(each.created_at),
             "ended_at": _text(each.settled_at)}
            for each in mails
        ],
    }  # fmt: skip


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _message(key: str, mail: Mail, subscriber: Subscriber) -> NewMessage:
    return NewMessage(key=key, kind=MessageKind.LINK, variant="", language=subscriber.language, mail=mail)


async def _queue(
    connection: Connection,
    message: NewMessage,
    subscriber: Subscriber,
    *,
    matter: LinkMatter,
    recipient: Address,
    now: datetime,
    works: timedelta,
) -> None:
    """Queue the mail without a subscriber: a paused reader gets it too, and its link is made of the delivery."""
    delivery_id = await messages.queue_one(
        connection, message, recipient, lane=Lane.FIRST, at=now, deadline_at=now + works
    )
    if delivery_id is not None:
        await fresh_links.add(
            connection,
            delivery_id=delivery_id,
            subscriber_id=subscriber.id,
            matter=matter,
            at=now,
            expires_at=now + works,
            new_address=recipient if matter is LinkMatter.NEW_ADDRESS else None,
        )


def _changed(
    address: Address,
    hashed: str,
    subscriber_id: int,
    *,
    host: str | None,
    now: datetime,
    details: dict[str, object],
) -> NewConsent:
    return NewConsent(
        address=address,
        address_hash=hashed,
        act=ConsentAct.CHANGED_ADDRESS,
        how=ConsentWay.PAGE,
        at=now,
        subscriber_id=subscriber_id,
        source="/link",
        network=network_of(host),
        details=details,
    )

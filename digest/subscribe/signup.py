"""Signing up: a request, the mail that asks for its confirmation, and what confirming it does.

In: what somebody chose on our page; later the token of the mail. Out: a stored request with its mail queued; then an
active reader, their consents in the ledger, and the notice of the result. Nobody is subscribed without that mail
(double opt-in), whatever else guarded the form, and everything that asks gets the same answer: one who is new, one
who is subscribed, one who waits, one who may not be written to. Who is subscribed already is sent the same mail as
everybody, and by confirming it chooses anew: a mail of its own would tell whoever reads along.

Limits are claimed before the act, in its transaction: at most one confirmation mail an hour and three a day to an
address, whoever asks, and so many a day from one network. Networks are counted by a keyed hash. What is asked for and
confirmed by mail (`inbound`) goes through the same `ask_within` and `confirm_within`, in the transaction of that mail.

Events: `signup.asked`, `signup.confirmed`, with ids only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from digest import proof
from digest.addresses import Address
from digest.compose import composer
from digest.compose.kinds import confirm as confirm_mail
from digest.compose.kinds import notice as notice_mail
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import (
    Connection,
    Database,
    consents,
    counters,
    editions,
    messages,
    signups,
    subscribers,
    suppressions,
)
from digest.errors import BadTokenError, WrongStateError
from digest.events import event
from digest.hashes import address_hash, counted_as, network_of
from digest.models.consents import ConsentAct, ConsentWay, NewConsent, NewSignup, Signup
from digest.models.deliveries import Lane, MessageKind, NewMessage
from digest.models.editions import Edition
from digest.models.readers import Format, Subscriber, SubscriberState, Variant
from digest.subscribe import consent, result_notice
from digest.tokens import TokenPurpose

WAITS = timedelta(hours=confirm_mail.HOURS)
MAILS_A_DAY = 3
MAIL_PAUSE = timedelta(hours=1)
ASKS_A_DAY = 10  # from one network, with the challenge solved
BARE_ASKS_A_DAY = 3  # without
_DAY = timedelta(days=1)
_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody chose. `sections` empty: all. `host` is the address the request came from.

    `source` is what the ledger names beside `how`. `is_vouched_for`: a server of the newspaper's own has asked, which
    let the person in and says where they are; it counts like a form whose challenge was solved.
    """

    address: Address
    slots: tuple[str, ...]
    sections: tuple[str, ...]
    language: str
    advert: bool
    how: ConsentWay
    host: str | None
    source: str = "/subscribe"
    is_vouched_for: bool = False


class Asked(StrEnum):
    """How a request was met. `seen` says nothing about the address; the others are about the form and the network."""

    SEEN = "seen"
    TOO_MANY = "too_many"
    BAD_PROOF = "bad_proof"


async def ask(
    database: Database, settings: Settings, renderer: Renderer, wanted: Wanted, *, payload: str, now: datetime
) -> Asked:
    """Store a request and queue its confirmation mail, as far as the limits allow.

    `payload` is what the form's script worked out, empty without a script. Raises `TemplateError`.
    """
    async with database.begin() as connection:
        if payload and not await proof.claim(connection, settings, payload, now=now):
            return Asked.BAD_PROOF
        scope, limit = _limit(wanted, payload)
        network = counted_as(settings, wanted.host)
        if not await counters.claim(connection, scope, network, now=now, limit=limit, window=_DAY):
            return Asked.TOO_MANY
        signup_id = await ask_within(connection, settings, renderer, wanted, now=now)
    if signup_id is not None:
        event("signup.asked", signup_id=signup_id)
    return Asked.SEEN


async def free_at(database: Database, settings: Settings, wanted: Wanted, *, payload: str, now: datetime) -> datetime:
    """Return when a network that was told TOO_MANY may ask again."""
    scope, _ = _limit(wanted, payload)
    async with database.read() as connection:
        return await counters.next_window(connection, scope, counted_as(settings, wanted.host), window=_DAY) or now


async def waiting(database: Database, settings: Settings, token: str, *, now: datetime) -> Signup | None:
    """Return the request that a mail's token confirms; None if unknown, confirmed, or too old. Changes nothing."""
    async with database.read() as connection:
        signup = await _find(connection, settings, token)
    return signup if signup and signup.confirmed_at is None and signup.asked.expires_at > now else None


async def confirm(
    database: Database, settings: Settings, renderer: Renderer, token: str, *, now: datetime
) -> Subscriber | None:
    """Subscribe whoever holds this mail, and queue the notice of it; None if the token confirms nothing (any more).

    Raises `TemplateError`.
    """
    async with database.begin() as connection:
        signup = await _find(connection, settings, token)
        if signup is None:
            return None
        subscriber = await confirm_within(connection, settings, renderer, signup, now=now)
    if subscriber is not None:
        event("signup.confirmed", signup_id=signup.id, subscriber_id=subscriber.id)
    return subscriber


async def confirm_within(
    connection: Connection,
    settings: Settings,
    renderer: Renderer,
    signup: Signup,
    *,
    now: datetime,
    answer: Mapping[str, object] | None = None,
) -> Subscriber | None:
    """Subscribe whoever asked, and queue the notice of it; None if it was confirmed before or must not be.

    `answer` is the evidence of a mail that agreed (시행령 제17조②5), kept with the consent; None: the button was
    pressed. Raises `TemplateError`.
    """
    if not await signups.may_be_asked(connection, signup.asked.address_hash):
        return None
    if not await signups.confirm(connection, signup.id, at=now):
        return None
    await suppressions.lift(connection, signup.asked.address_hash, at=now)
    subscriber = await signups.activate(connection, signup, at=now)
    await consents.append_all(connection, _acts(signup, subscriber, now, answer))
    await _queue_welcome(connection, settings, renderer, signup, now)
    return subscriber


async def send_latest(
    database: Database, settings: Settings, renderer: Renderer, token: str, *, now: datetime
) -> bool | None:
    """Queue the newest edition for whoever has just confirmed, once; return whether there is one to be sent.

    None: the token was not confirmed, or is too old. Asking again changes nothing.
    """
    async with database.read() as connection:
        signup = await _find(connection, settings, token)
        if signup is None or signup.confirmed_at is None or signup.asked.expires_at <= now:
            return None
        subscriber = await subscribers.find(connection, signup.asked.address)
        edition = await _newest(connection, signup.asked.slots)
    if subscriber is None or subscriber.state is not SubscriberState.ACTIVE:
        return None
    if edition is None:
        return False
    message = await _edition_message(database, settings, renderer, signup, edition)
    async with database.begin() as connection:
        await messages.queue_one(
            connection,
            message,
            subscriber.address,
            lane=Lane.FIRST,
            at=now,
            deadline_at=now + _DAY,
            subscriber_id=subscriber.id,
        )
    return True


def notices(settings: Settings, language: str) -> list[confirm_mail.Notice]:
    """Return the notices of the two consents as pages and mails show them."""
    return [
        confirm_mail.Notice(each.title, each.items)
        for each in (consent.text(kind, language, settings) for kind in consent.KINDS)
    ]


async def ask_within(
    connection: Connection, settings: Settings, renderer: Renderer, wanted: Wanted, *, now: datetime
) -> int | None:
    """Store the request and queue its mail; None if this address gets no (further) mail now. Raises `TemplateError`."""
    hashed = address_hash(settings, wanted.address)
    if not await counters.claim(
        connection, "confirm", hashed, now=now, limit=MAILS_A_DAY, window=_DAY, pause=MAIL_PAUSE
    ):
        return None
    if not await signups.may_be_asked(connection, hashed):
        return None
    shown = {kind: consent.text(kind, wanted.language, settings) for kind in consent.KINDS}
    signup = NewSignup(
        address=wanted.address,
        address_hash=hashed,
        slots=wanted.slots,
        sections=wanted.sections,
        language=wanted.language,
        advert=wanted.advert,
        how=wanted.how,
        network=network_of(wanted.host),
        texts={str(kind): (each.version, each.hash) for kind, each in shown.items()},
        created_at=now,
        expires_at=now + WAITS,
        source=wanted.source,
    )
    signup_id = await signups.add(connection, signup)
    mail = confirm_mail.compose(
        renderer,
        settings,
        wanted.language,
        notices(settings, wanted.language),
        by_mail=wanted.how is ConsentWay.MAIL,
    )
    message = NewMessage(
        key=f"confirm:{signup_id}", kind=MessageKind.CONFIRM, variant="", language=wanted.language, mail=mail
    )
    delivery_id = await messages.queue_one(
        connection, message, wanted.address, lane=Lane.FIRST, at=now, deadline_at=signup.expires_at
    )
    assert delivery_id is not None  # the key is new
    await signups.note_delivery(connection, signup_id, delivery_id)
    return signup_id


async def _queue_welcome(
    connection: Connection, settings: Settings, renderer: Renderer, signup: Signup, now: datetime
) -> None:
    asked = signup.asked
    result = notice_mail.Result.SUBSCRIBED_WITH_ADVERTS if asked.advert else notice_mail.Result.SUBSCRIBED
    slots = [settings.slot(name) for name in asked.slots]
    titles = [slot.title for slot in slots if slot]
    await result_notice.queue(
        connection,
        settings,
        renderer,
        result,
        key=f"welcome:{signup.id}",
        address=asked.address,
        language=asked.language,
        now=now,
        titles=titles,
    )


def _acts(
    signup: Signup, subscriber: Subscriber, now: datetime, answer: Mapping[str, object] | None
) -> list[NewConsent]:
    """The rows of the ledger: that it was asked for, when; that it was confirmed; and adverts, if they were ticked."""
    asked = signup.asked
    answered: dict[str, object] = {} if answer is None else {"answer": dict(answer)}
    chosen: dict[str, object] = {"slots": list(asked.slots), "sections": list(asked.sections)}
    acts = [
        (ConsentAct.ASKED, consent.NEWSLETTER, asked.created_at),
        (ConsentAct.GIVEN, consent.NEWSLETTER, now),
    ]
    if asked.advert:
        acts.append((ConsentAct.ADVERT_GIVEN, consent.ADVERT, now))
    return [
        NewConsent(
            address=asked.address,
            address_hash=asked.address_hash,
            act=act,
            how=asked.how if act is ConsentAct.ASKED or answer is None else ConsentWay.MAIL,
            at=at,
            subscriber_id=subscriber.id,
            text_version=asked.texts[str(kind)][0],
            text_hash=asked.texts[str(kind)][1],
            source=asked.source,
            network=asked.network,
            details={**chosen, "language": asked.language, **(answered if act is not ConsentAct.ASKED else {})},
        )
        for act, kind, at in acts
    ]


async def _find(connection: Connection, settings: Settings, token: str) -> Signup | None:
    try:
        delivery_id = settings.keyring.read(TokenPurpose.CONFIRM, token)
    except BadTokenError:
        return None
    return await signups.of_delivery(connection, delivery_id)


async def _newest(connection: Connection, slots: Sequence[str]) -> Edition | None:
    found = [
        edition
        for slot in slots
        for edition in await editions.list_editions(connection, limit=_LOOKED_AT, slot=slot)
        if editions.is_public(edition)
    ]
    return max(found, key=lambda edition: (edition.planned_at, edition.id), default=None)


async def _edition_message(
    database: Database, settings: Settings, renderer: Renderer, signup: Signup, edition: Edition
) -> NewMessage:
    """Compose the edition as its readers have it: in the chosen sections, or in all if none of those is in it."""
    asked = signup.asked
    variant = Variant(asked.language, Format.HTML, sections=tuple(sorted(asked.sections)))
    try:
        mail = await composer.preview(database, settings, renderer, edition.id, variant)
    except WrongStateError:
        mail = await composer.preview(database, settings, renderer, edition.id, Variant(asked.language, Format.HTML))
    return NewMessage(
        key=f"latest:{signup.id}", kind=MessageKind.DIGEST, variant=variant.key, language=asked.language, mail=mail
    )


def _limit(wanted: Wanted, payload: str) -> tuple[str, int]:
    """Return the scope a network is counted in, and how often it may ask a day."""
    return ("signup", ASKS_A_DAY) if payload or wanted.is_vouched_for else ("signup-bare", BARE_ASKS_A_DAY)

"""Sharing an article: what somebody asks for, the mail that lets the sender confirm, and the share itself.

In: a checked request; later the token of the sender's mail. Out: the article's mail queued for the friend, in the
lane and under the sender address of shares. Nothing goes to the friend before the sender has confirmed: by the mail's
button, or by the cookie that remembers it (`share.sender`), or by the newspaper's own word (`share.vouch`).

The answer never depends on who the friend is: whoever wants no shares is dropped when the delivery is claimed
(`database.shares.drop_refused`), behind the same statements and the same rows. Every check is here or in the values,
not in the page, in the order of the threat model: the proof (`prove`), grammar and words (the values of `Wanted`), the
network's limit, whether sharing has stopped, the other limits, the queue. A share is stored, counted and queued in one
transaction: whoever is killed before its end has neither sent nor counted anything.

Events: `share.asked`, `share.released`, with ids only.
"""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from digest import proof
from digest.addresses import Address
from digest.compose.kinds import sender as sender_mail
from digest.compose.kinds import share as share_mail
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Connection, Database, articles, messages, most_shared, share_stops, shares, when_committed
from digest.errors import BadTokenError, NotFoundError
from digest.events import event
from digest.hashes import address_hash, counted_as
from digest.models.articles import Article
from digest.models.deliveries import Lane, Mail, MessageKind, NewMessage
from digest.models.shares import EVERYBODY, NewShare, Share
from digest.share import limits, stops
from digest.tokens import TokenPurpose

WAITS = timedelta(hours=sender_mail.HOURS)
_GIVEN_UP_AFTER = timedelta(days=1)
_REPORT_ID_BYTES = 6


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks for. `friends`: one, or as many as the operator allows; `host`: from where they ask."""

    article_id: int
    sender: Address
    sender_name: str
    friends: tuple[Address, ...]
    note: str
    language: str
    host: str | None


class Asked(StrEnum):
    """How a request was met; none of them tells anything of the friend but that they were written to often."""

    SENT = "sent"
    PARTLY = "partly"  # of several friends some were written to, and the others are not
    CONFIRM = "confirm"
    TOO_MANY = "too_many"
    STOPPED = "stopped"
    SENDER_STOPPED = "sender_stopped"


@dataclass(frozen=True, slots=True)
class Released:
    """What became of the shares of one mail: how many went out, and how many of several did not, by the reason.

    `refused`: by a limit. `waiting`: sharing rests, and they go on waiting, so that the button can be pressed again.
    `withheld`: people have complained about this sender.
    """

    sender_hash: str
    sent: int
    refused: int
    waiting: int = 0
    withheld: int = 0


class _Fate(StrEnum):
    """What became of one share."""

    SENT = "sent"
    REFUSED = "refused"
    STOPPED = "stopped"
    SENDER_STOPPED = "sender_stopped"
    GONE = "gone"


# What is said where none of the shares asked for at once went out: why.
_ANSWERS = {
    _Fate.STOPPED: Asked.STOPPED,
    _Fate.SENDER_STOPPED: Asked.SENDER_STOPPED,
}


async def public_article(database: Database, article_id: int) -> Article | None:
    """Return an article that may be shared: one that is there and not withdrawn."""
    async with database.read() as connection:
        return await _public(connection, article_id)


async def prove(database: Database, settings: Settings, payload: str, *, now: datetime) -> bool:
    """Whether this solves a challenge, brought for the first time. Asked before anything else is looked at."""
    async with database.begin() as connection:
        return await proof.claim(connection, settings, payload, now=now)


async def ask(
    database: Database,
    settings: Settings,
    renderer: Renderer,
    wanted: Wanted,
    *,
    is_proven: bool,
    is_confirmed: bool,
    now: datetime,
) -> Asked:
    """Take a request: send at once for a confirmed sender, else queue the mail that asks the sender.

    `is_proven`: a challenge was solved; without one only a confirmation mail is queued, never a share. Raises
    `NotFoundError` for an article that may not be shared, `TemplateError`.
    """
    await stops.look(database, now=now)
    async with database.begin() as connection:
        network = counted_as(settings, wanted.host)
        for _ in wanted.friends:
            if not await limits.may_ask(connection, network, now=now):
                return Asked.TOO_MANY
        article = await _public(connection, wanted.article_id)
        if article is None:
            raise NotFoundError("article", wanted.article_id)
        if await share_stops.is_stopped(connection, EVERYBODY):
            return Asked.STOPPED
        new = [_new_share(settings, wanted, friend, now=now) for friend in wanted.friends]
        if not (is_confirmed and is_proven):
            return await _ask_sender(connection, settings, renderer, wanted, new, now=now)
    event("share.asked", article_id=article.id, shares=len(new))
    fates = [await _send(database, settings, renderer, article, each, now=now) for each in new]
    if _Fate.SENT in fates:
        return Asked.SENT if set(fates) == {_Fate.SENT} else Asked.PARTLY
    for fate, answer in _ANSWERS.items():
        if fate in fates:
            return answer
    return Asked.TOO_MANY


async def waiting(database: Database, settings: Settings, token: str, *, now: datetime) -> list[Share]:
    """Return the shares that a mail's link releases; none if it is unknown, used or too old. Changes nothing."""
    delivery_id = _delivery_of(settings, TokenPurpose.SHARE, token)
    if delivery_id is None:
        return []
    async with database.read() as connection:
        return await shares.waiting_for(connection, delivery_id, now=now)


async def release(
    database: Database, settings: Settings, renderer: Renderer, token: str, *, now: datetime
) -> Released | None:
    """Send what waits for this mail's link; None if nothing does (any more). Raises `TemplateError`."""
    stored = await waiting(database, settings, token, now=now)
    article = await public_article(database, stored[0].wanted.article_id) if stored else None
    if article is None:
        return None
    await stops.look(database, now=now)
    fates = [
        await _send(database, settings, renderer, article, share.wanted, now=now, share_id=share.id) for share in stored
    ]
    if set(fates) == {_Fate.GONE}:
        return None
    return Released(
        stored[0].wanted.sender_hash,
        sent=fates.count(_Fate.SENT),
        refused=fates.count(_Fate.REFUSED),
        waiting=fates.count(_Fate.STOPPED),
        withheld=fates.count(_Fate.SENDER_STOPPED),
    )


async def never_again(database: Database, settings: Settings, token: str, *, now: datetime) -> bool:
    """Let nothing be shared any more with whoever got this mail; False if the link is none of ours."""
    delivery_id = _delivery_of(settings, TokenPurpose.NEVER, token)
    if delivery_id is None:
        return False
    async with database.begin() as connection:
        return await refuse_within(connection, delivery_id, now=now)


async def refuse_within(connection: Connection, delivery_id: int, *, now: datetime) -> bool:
    """Do the same in the caller's transaction, for the delivery of a share; False if it is none, or long forgotten."""
    address_hash = await shares.whose_mail(connection, delivery_id)
    if address_hash is not None:
        await shares.refuse(connection, address_hash, at=now)
    return address_hash is not None


async def is_a_share(database: Database, settings: Settings, token: str) -> bool:
    """Whether this link of `다시 받지 않기` is one of ours. Changes nothing."""
    delivery_id = _delivery_of(settings, TokenPurpose.NEVER, token)
    if delivery_id is None:
        return False
    async with database.read() as connection:
        return await shares.whose_mail(connection, delivery_id) is not None


async def _send(
    database: Database,
    settings: Settings,
    renderer: Renderer,
    article: Article,
    wanted: NewShare,
    *,
    now: datetime,
    share_id: int | None = None,
) -> _Fate:
    """Send one share, if its limits let it pass. `share_id` None: it was not stored before.

    Each in a transaction of its own: in one for all, two requests to the same friends could wait for each other.
    """
    mail = await asyncio.to_thread(share_mail.compose, renderer, settings, article=article, share=wanted)
    async with database.begin() as connection:
        if await share_stops.is_stopped(connection, EVERYBODY):
            return _Fate.STOPPED
        is_sender_stopped = await share_stops.is_stopped(connection, wanted.sender_hash)
        if is_sender_stopped and share_id is None:
            return _Fate.SENDER_STOPPED
        if share_id is None:
            share_id = await shares.add(connection, wanted)
        if not await shares.release(connection, share_id, at=now):
            return _Fate.GONE
        if is_sender_stopped or not await limits.may_send(connection, settings, wanted, now=now):
            await shares.end(connection, share_id)
            return _Fate.SENDER_STOPPED if is_sender_stopped else _Fate.REFUSED
        await _queue(connection, settings, Share(share_id, wanted), mail, now=now)
    event("share.released", share_id=share_id, article_id=article.id)
    return _Fate.SENT


async def _queue(connection: Connection, settings: Settings, share: Share, mail: Mail, *, now: datetime) -> None:
    wanted = share.wanted
    message = NewMessage(
        key=f"share:{share.id}", kind=MessageKind.SHARE, variant="", language=wanted.language, mail=mail
    )
    delivery_id = await messages.queue_one(
        connection, message, wanted.recipient, lane=Lane.SHARE, at=now, deadline_at=now + _GIVEN_UP_AFTER
    )
    assert delivery_id is not None  # the key is new
    await shares.note_delivery(connection, share.id, delivery_id)
    await most_shared.count(connection, share.id, wanted, on=now.astimezone(settings.zone).date())


async def _ask_sender(
    connection: Connection,
    settings: Settings,
    renderer: Renderer,
    wanted: Wanted,
    new: Sequence[NewShare],
    *,
    now: datetime,
) -> Asked:
    """Queue the one mail that asks the sender, for all friends of this request."""
    if not await limits.may_confirm_at_all(connection, settings, now=now):
        return Asked.TOO_MANY
    if not await limits.may_confirm(connection, new[0].sender_hash, now=now):
        return Asked.CONFIRM  # the same answer: whether this address was asked before is nobody's business
    ids = [await shares.add(connection, each) for each in new]
    mail = sender_mail.compose(renderer, settings, wanted.language)
    message = NewMessage(
        key=f"sender:{ids[0]}", kind=MessageKind.SENDER, variant="", language=wanted.language, mail=mail
    )
    delivery_id = await messages.queue_one(
        connection, message, wanted.sender, lane=Lane.SHARE, at=now, deadline_at=now + WAITS
    )
    assert delivery_id is not None  # the key is new
    await shares.note_confirmation(connection, ids, delivery_id)
    when_committed(connection, lambda: event("share.asked", article_id=wanted.article_id, shares=len(ids)))
    return Asked.CONFIRM


def _new_share(settings: Settings, wanted: Wanted, friend: Address, *, now: datetime) -> NewShare:
    return NewShare(
        article_id=wanted.article_id,
        sender=wanted.sender,
        sender_hash=address_hash(settings, wanted.sender),
        sender_name=wanted.sender_name,
        recipient=friend,
        recipient_hash=address_hash(settings, friend),
        note=wanted.note,
        language=wanted.language,
        report_id=secrets.token_hex(_REPORT_ID_BYTES),
        created_at=now,
        expires_at=now + WAITS,
    )


async def _public(connection: Connection, article_id: int) -> Article | None:
    try:
        article = await articles.get_article(connection, article_id)
    except NotFoundError:
        return None
    return article if article.withdrawn_at is None else None


def _delivery_of(settings: Settings, purpose: TokenPurpose, token: str) -> int | None:
    try:
        return settings.keyring.read(purpose, token)
    except BadTokenError:
        return None

"""Sharing an article: what somebody asks for, the mail that lets the sender confirm, and the share itself.

In: a checked request; later the token of the sender's mail. Out: the article's mail queued for the friend, in the
lane and under the sender address of shares. Nothing goes to the friend before the sender has confirmed: by the mail's
button, or by the cookie that remembers it (`share.sender`).

The answer never depends on who the friend is: whoever wants no shares is dropped when the delivery is claimed
(`database.shares.drop_refused`), behind the same statements and the same rows. Every check is here, not in the page:
proof, then limits, then the article; grammar and words before that, in the values.

Events: `share.asked`, `share.released`, with ids only.
"""

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
from digest.database import Connection, Database, articles, messages, shares
from digest.errors import BadTokenError, NotFoundError
from digest.events import event, warning
from digest.hashes import address_hash, counted_as
from digest.models.articles import Article
from digest.models.deliveries import Lane, Mail, MessageKind, NewMessage
from digest.models.shares import NewShare, Share
from digest.share import limits
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
    CONFIRM = "confirm"
    TOO_MANY = "too_many"
    BAD_PROOF = "bad_proof"


@dataclass(frozen=True, slots=True)
class Released:
    """What became of the shares of one mail: how many went out, how many a limit stopped."""

    sender_hash: str
    sent: int
    refused: int


async def public_article(database: Database, article_id: int) -> Article | None:
    """Return an article that may be shared: one that is there and not withdrawn."""
    async with database.read() as connection:
        return await _public(connection, article_id)


async def ask(
    database: Database,
    settings: Settings,
    renderer: Renderer,
    wanted: Wanted,
    *,
    payload: str,
    is_confirmed: bool,
    now: datetime,
) -> Asked:
    """Take a request: send at once for a confirmed sender, else queue the mail that asks the sender.

    `payload` is the solved challenge, empty without a script: then only a confirmation mail is queued, never a share.
    Raises `NotFoundError` for an article that may not be shared, `TemplateError`.
    """
    goes_at_once = is_confirmed and bool(payload)
    async with database.begin() as connection:
        if payload and not await proof.claim(connection, settings, payload, now=now):
            return Asked.BAD_PROOF
        if not await limits.may_ask(connection, counted_as(settings, wanted.host), now=now):
            return Asked.TOO_MANY
        article = await _public(connection, wanted.article_id)
        if article is None:
            raise NotFoundError("article", wanted.article_id)
        new = [_new_share(settings, wanted, friend, now=now) for friend in wanted.friends]
        if not goes_at_once and not await limits.may_confirm(connection, new[0].sender_hash, now=now):
            return Asked.CONFIRM  # the same answer: whether this address was asked before is nobody's business
        stored = [Share(await shares.add(connection, each), each) for each in new]
        if not goes_at_once:
            await _ask_sender(connection, settings, renderer, wanted, stored, now=now)
    event("share.asked", article_id=article.id, shares=len(stored))
    if not goes_at_once:
        return Asked.CONFIRM
    released = await _release(database, settings, renderer, article, stored, now=now)
    return Asked.SENT if released.sent else Asked.TOO_MANY


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
    released = await _release(database, settings, renderer, article, stored, now=now)
    return released if released.sent or released.refused else None


async def never_again(database: Database, settings: Settings, token: str, *, now: datetime) -> bool:
    """Let nothing be shared any more with whoever got this mail; False if the link is none of ours."""
    delivery_id = _delivery_of(settings, TokenPurpose.NEVER, token)
    if delivery_id is None:
        return False
    async with database.begin() as connection:
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


async def _release(
    database: Database,
    settings: Settings,
    renderer: Renderer,
    article: Article,
    stored: Sequence[Share],
    *,
    now: datetime,
) -> Released:
    """Send each share that its limits let pass; those they do not are ended.

    Each in a transaction of its own: in one for all, two requests to the same friends could wait for each other.
    """
    sent = refused = 0
    for share in stored:
        mail = share_mail.compose(renderer, settings, article=article, share=share.wanted)
        async with database.begin() as connection:
            if not await shares.release(connection, share.id, at=now):
                continue
            used_up = await limits.may_send(connection, settings, share.wanted, now=now)
            if not used_up:
                await _queue(connection, settings, share, mail, now=now)
        if used_up:
            refused += 1
            if limits.is_of_site(used_up):
                warning("share.site_limit")
        else:
            sent += 1
            event("share.released", share_id=share.id, article_id=article.id)
    return Released(stored[0].wanted.sender_hash, sent, refused)


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
    await shares.count(connection, wanted.article_id, on=now.astimezone(settings.zone).date())


async def _ask_sender(
    connection: Connection,
    settings: Settings,
    renderer: Renderer,
    wanted: Wanted,
    stored: Sequence[Share],
    *,
    now: datetime,
) -> None:
    """Queue the one mail that asks the sender, for all friends of this request."""
    mail = sender_mail.compose(renderer, settings, wanted.language)
    message = NewMessage(
        key=f"sender:{stored[0].id}", kind=MessageKind.SENDER, variant="", language=wanted.language, mail=mail
    )
    delivery_id = await messages.queue_one(
        connection, message, wanted.sender, lane=Lane.SHARE, at=now, deadline_at=now + WAITS
    )
    assert delivery_id is not None  # the key is new
    await shares.note_confirmation(connection, [share.id for share in stored], delivery_id)


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

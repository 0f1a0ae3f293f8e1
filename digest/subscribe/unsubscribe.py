"""Leaving: the act behind the link of every footer and of List-Unsubscribe (RFC 8058), and behind a command.

In: a token from a mail, or the reader whom the operator takes off because they asked for it in another way. Out: who
left, and how many mails that were already waiting were given up. The token is the whole authority: no login, no cookie,
no confirmation by mail. State, waiting deliveries, the ledger of consents and the
notice of the result (정보통신망법 제50조⑦) change in one transaction, so no mail can be claimed in between, and the
conditions stand inside the updates: leaving twice, or from two mail servers at once, is the same as leaving once. The
notice is the last mail (`result_notice`). A reader whose row was erased has left as well.

Event: `subscriber.left`, with ids only.
"""

from dataclasses import dataclass
from datetime import datetime

from digest.compose.kinds import notice
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Connection, Database, consents, deliveries, subscribers
from digest.errors import NotFoundError
from digest.events import event
from digest.hashes import address_hash, network_of
from digest.models.consents import ConsentAct, ConsentWay, NewConsent
from digest.models.deliveries import DropReason
from digest.models.readers import Subscriber, SubscriberState
from digest.subscribe import result_notice
from digest.tokens import Keyring, TokenPurpose

_NOT_WRITTEN_TO = frozenset({SubscriberState.LEFT, SubscriberState.STOPPED, SubscriberState.EXPIRED})


@dataclass(frozen=True, slots=True)
class Left:
    """What came of leaving. `subscriber` None: erased before; `changed` False: had left before."""

    subscriber: Subscriber | None
    changed: bool
    dropped: int


@dataclass(frozen=True, slots=True)
class _Way:
    """How somebody left, for the ledger of consents. `host`: the address a request came from."""

    how: ConsentWay
    source: str
    host: str | None


async def read_subscriber(database: Database, keyring: Keyring, token: str) -> Subscriber | None:
    """Return whose link this is, None if that reader was erased. Changes nothing.

    Raises `BadTokenError` for a token that we did not make for leaving.
    """
    subscriber_id = keyring.read(TokenPurpose.LEAVE, token)
    async with database.read() as connection:
        return await _find(connection, subscriber_id)


async def leave(
    database: Database,
    settings: Settings,
    renderer: Renderer,
    token: str,
    *,
    now: datetime,
    how: ConsentWay = ConsentWay.PAGE,
    host: str | None = None,
) -> Left:
    """Let the reader whose link this is leave, give up every mail that waits for them, and tell them the result once.

    `host` is the address the request came from. Raises `BadTokenError` for a token that we did not make for leaving,
    `TemplateError` if the notice cannot be composed.
    """
    subscriber_id = settings.keyring.read(TokenPurpose.LEAVE, token)
    return await _leave(database, settings, renderer, subscriber_id, _Way(how, "/u", host), now=now)


async def take_off(
    database: Database, settings: Settings, renderer: Renderer, subscriber_id: int, *, now: datetime
) -> Left:
    """Do the same for a reader who told the operator: by telephone, by letter. They are told the result by mail, too.

    Raises `TemplateError` if the notice cannot be composed.
    """
    way = _Way(ConsentWay.COMMAND, "digest subscribers remove", None)
    return await _leave(database, settings, renderer, subscriber_id, way, now=now)


async def _leave(
    database: Database, settings: Settings, renderer: Renderer, subscriber_id: int, way: _Way, *, now: datetime
) -> Left:
    async with database.begin() as connection:
        changed = await subscribers.leave(connection, subscriber_id, at=now)
        dropped = await deliveries.drop_for_subscriber(connection, subscriber_id, reason=DropReason.LEFT, at=now)
        subscriber = await _find(connection, subscriber_id)
        if changed and subscriber is not None:
            await consents.append(connection, _withdrawn(settings, subscriber, way, now))
            await result_notice.queue(
                connection,
                settings,
                renderer,
                notice.Result.LEFT,
                key=f"left:{subscriber.id}:{now.isoformat()}",
                address=subscriber.address,
                language=subscriber.language,
                now=now,
            )
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


def _withdrawn(settings: Settings, subscriber: Subscriber, way: _Way, now: datetime) -> NewConsent:
    """The row of the ledger: every consent is taken back by it, that to adverts too."""
    return NewConsent(
        address=subscriber.address,
        address_hash=address_hash(settings, subscriber.address),
        act=ConsentAct.WITHDRAWN,
        how=way.how,
        at=now,
        subscriber_id=subscriber.id,
        source=way.source,
        network=network_of(way.host),
    )

"""Leaving: the act behind the link of every footer and of List-Unsubscribe (RFC 8058), and behind a command.

In: a token from a mail, or the reader whom the operator takes off because they asked for it in another way. Out: who
left, and how many mails that were already waiting were given up. The token is the whole authority: no login, no cookie,
no confirmation by mail. State, waiting deliveries, the ledger of consents and the
notice of the result (정보통신망법 제50조⑦) change in one transaction, so no mail can be claimed in between, and the
conditions stand inside the updates: leaving twice, or from two mail servers at once, is the same as leaving once. The
notice is the last mail (`result_notice`). A reader whose row was erased has left as well. One transaction serves any
number of readers: `together` gathers those who come at the same moment.

Event: `subscriber.left`, with ids only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from digest.addresses import Address
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Connection, Database, leaving, subscribers, when_committed
from digest.database.connection import PlainConnection
from digest.database.leaving import Leaving
from digest.errors import NotFoundError
from digest.events import event
from digest.hashes import address_hash, network_of
from digest.models.consents import ConsentAct, ConsentWay, NewConsent
from digest.models.readers import Subscriber, SubscriberState
from digest.subscribe.result_notice import GIVEN_UP_AFTER, FarewellNotices
from digest.tokens import Keyring, TokenPurpose

_NOT_WRITTEN_TO = frozenset({SubscriberState.LEFT, SubscriberState.STOPPED, SubscriberState.EXPIRED})


@dataclass(frozen=True, slots=True)
class Left:
    """What came of leaving. `address` None: erased before; `changed` False: had left before."""

    address: Address | None
    language: str
    changed: bool
    dropped: int


@dataclass(frozen=True, slots=True)
class Leaver:
    """A reader who leaves, and how, for the ledger of consents. `host`: the address a request came from."""

    subscriber_id: int
    how: ConsentWay
    source: str
    host: str | None
    at: datetime


async def read_subscriber(database: Database, keyring: Keyring, token: str) -> Subscriber | None:
    """Return whose link this is, None if that reader was erased. Changes nothing.

    Raises `BadTokenError` for a token that we did not make for leaving.
    """
    subscriber_id = keyring.read(TokenPurpose.LEAVE, token)
    async with database.read() as connection:
        return await _find(connection, subscriber_id)


def read_link(keyring: Keyring, token: str, *, how: ConsentWay, host: str | None, now: datetime) -> Leaver:
    """Return who leaves by the link of a mail. `host` is the address the request came from.

    Raises `BadTokenError` for a token that we did not make for leaving.
    """
    return Leaver(keyring.read(TokenPurpose.LEAVE, token), how, "/u", host, now)


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
    leaver = read_link(settings.keyring, token, how=how, host=host, now=now)
    return (await leave_all(database, FarewellNotices(settings, renderer), [leaver]))[0]


async def take_off(
    database: Database, settings: Settings, renderer: Renderer, subscriber_id: int, *, now: datetime
) -> Left:
    """Do the same for a reader who told the operator: by telephone, by letter. They are told the result by mail, too.

    Raises `TemplateError` if the notice cannot be composed.
    """
    leaver = Leaver(subscriber_id, ConsentWay.COMMAND, "digest subscribers remove", None, now)
    return (await leave_all(database, FarewellNotices(settings, renderer), [leaver]))[0]


async def leave_all(database: Database, notices: FarewellNotices, leavers: Sequence[Leaver]) -> list[Left]:
    """Let all of these leave in one transaction; return what came of each, in their order.

    Of several requests for one reader the first counts. What cannot be done for one of them is done for none: the
    caller tries each by itself. Raises `TemplateError` if a notice cannot be composed.
    """
    left = await database.write(partial(_leave_all, notices, leavers))
    for leaver, each in zip(leavers, left, strict=True):
        _tell(leaver, each)
    return left


async def leave_within(connection: Connection, notices: FarewellNotices, leaver: Leaver) -> Left:
    """Let one leave in the caller's transaction: for who leaves by writing a mail. Raises `TemplateError`."""
    left = (await connection.run_sync(partial(_leave_all, notices, [leaver])))[0]
    when_committed(connection, partial(_tell, leaver, left))
    return left


def _tell(leaver: Leaver, left: Left) -> None:
    if left.changed or left.dropped:
        event("subscriber.left", subscriber_id=leaver.subscriber_id, dropped=left.dropped)


def is_gone(subscriber: Subscriber) -> bool:
    """Whether nothing is mailed to this reader any more, for whatever reason."""
    return subscriber.state in _NOT_WRITTEN_TO


def _leave_all(notices: FarewellNotices, leavers: Sequence[Leaver], connection: PlainConnection) -> list[Left]:
    first: dict[int, Leaver] = {}
    for leaver in leavers:
        first.setdefault(leaver.subscriber_id, leaver)
    at = max(leaver.at for leaver in leavers)
    known = leaving.leave(connection, first, at=at)
    gone = [known[subscriber_id] for subscriber_id in sorted(known) if known[subscriber_id].changed]
    leaving.append_consents(connection, [_withdrawn(notices.settings, each, first[each.id]) for each in gone])
    for language in sorted({each.language for each in gone}):
        of_language = [each for each in gone if each.language == language]
        message = notices.message(language, at)
        leaving.queue_for_all(connection, message, of_language, at=at, deadline_at=at + GIVEN_UP_AFTER)
    return [_left(known.get(each.subscriber_id), counts=first[each.subscriber_id] is each) for each in leavers]


def _left(known: Leaving | None, *, counts: bool) -> Left:
    """What came of it for one of them; `counts` False: another request of the same group for this reader did it."""
    if known is None:
        return Left(None, "", changed=False, dropped=0)
    return Left(known.address, known.language, known.changed and counts, known.dropped if counts else 0)


async def _find(connection: Connection, subscriber_id: int) -> Subscriber | None:
    try:
        return await subscribers.get(connection, subscriber_id)
    except NotFoundError:
        return None


def _withdrawn(settings: Settings, gone: Leaving, leaver: Leaver) -> NewConsent:
    """The row of the ledger: every consent is taken back by it, that to adverts too."""
    return NewConsent(
        address=gone.address,
        address_hash=address_hash(settings, gone.address),
        act=ConsentAct.WITHDRAWN,
        how=leaver.how,
        at=leaver.at,
        subscriber_id=gone.id,
        source=leaver.source,
        network=network_of(leaver.host),
    )

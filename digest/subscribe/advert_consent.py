"""The consent to adverts by itself: taken back without leaving, as its text promises, or ended for want of an answer.

In: a reader and where they said so. Out: from this moment no advert goes to them, also none that waits: what waits is
handed over to the edition's message without adverts, or given up if there is none. The ledger of consents and the
notice of the result (정보통신망법 제50조⑦) are in the same transaction; the condition stands inside the update, so
that taking back twice is the same as once.

Event: `adverts.refused`, with ids only.
"""

from dataclasses import replace
from datetime import datetime

from digest.compose.kinds import notice
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Connection, Database, choices, consents, subscribers
from digest.events import event
from digest.hashes import address_hash, network_of
from digest.models.consents import ConsentAct, ConsentWay, NewConsent
from digest.models.deliveries import DropReason
from digest.models.readers import Subscriber
from digest.subscribe import result_notice


async def withdraw(
    database: Database,
    settings: Settings,
    renderer: Renderer,
    subscriber: Subscriber,
    *,
    host: str | None,
    now: datetime,
) -> bool:
    """Take back a reader's consent to adverts; False if there was none (any more).

    `host` is the address the request came from. Raises `TemplateError` if the notice cannot be composed.
    """
    said = _withdrawn(settings, subscriber, now, how=ConsentWay.PAGE, source="/preferences", host=host)
    return await _end(database, settings, renderer, subscriber, said)


async def end_unanswered(
    database: Database, settings: Settings, renderer: Renderer, subscriber: Subscriber, *, now: datetime
) -> bool:
    """End a consent whose check was not answered; False if it was, or has ended before. Raises `TemplateError`."""
    said = _withdrawn(settings, subscriber, now, how=ConsentWay.MAIL, source="no answer to the check", host=None)
    return await _end(database, settings, renderer, subscriber, said, only_silent=True)


async def _end(
    database: Database,
    settings: Settings,
    renderer: Renderer,
    subscriber: Subscriber,
    said: NewConsent,
    *,
    only_silent: bool = False,
) -> bool:
    async with database.begin() as connection:
        await choices.wait_for_releases(connection)
        now = said.at
        silent_at = now if only_silent else None
        if not await subscribers.withdraw_advert_consent(connection, subscriber.id, silent_at=silent_at):
            return False
        await _spare_adverts(connection, subscriber.id, now)
        await consents.append(connection, said)
        await result_notice.queue(
            connection,
            settings,
            renderer,
            notice.Result.ADVERTS_STOPPED,
            key=f"adverts:{subscriber.id}:{now.isoformat()}",
            address=subscriber.address,
            language=subscriber.language,
            now=now,
        )
    event("adverts.refused", subscriber_id=subscriber.id)
    return True


def _withdrawn(
    settings: Settings, subscriber: Subscriber, now: datetime, *, how: ConsentWay, source: str, host: str | None
) -> NewConsent:
    return NewConsent(
        address=subscriber.address,
        address_hash=address_hash(settings, subscriber.address),
        act=ConsentAct.ADVERT_WITHDRAWN,
        how=how,
        at=now,
        subscriber_id=subscriber.id,
        source=source,
        network=network_of(host),
    )


async def _spare_adverts(connection: Connection, subscriber_id: int, now: datetime) -> None:
    """Have what waits come without adverts."""
    for each in await choices.queued(connection, subscriber_id):
        if not each.variant.adverts:
            continue
        message_id = await choices.message_of(connection, each.edition_id, replace(each.variant, adverts=False))
        if message_id is None or not await choices.hand_over(connection, each.delivery_id, message_id):
            await choices.drop(connection, [each.delivery_id], reason=DropReason.LEFT, at=now)

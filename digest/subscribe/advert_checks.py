"""The two-yearly check of consents to adverts (수신동의 확인), and what comes of silence.

정보통신망법 제50조⑧ and 시행령 제62조의3: every two years whoever agreed is told the sender's name, that and when they
agreed, and how to keep or take it back. In: the time. Out: a mail without adverts to each whose two years end within 30
days, a row in the ledger, once for each period however often it is looked. Silence keeps the consent; with
ADVERT_CONSENT_SILENCE=stop it ends it after 30 days, told by the notice of the result, unless the reader presses a
button. Those told under one setting are treated as they were told, whatever the setting says later. So many a pass at
most, since mails that somebody waits for go by the same lane.

Events: `adverts.checked`, `adverts.kept`; `adverts.refused` where silence ended it.
"""

from datetime import date, datetime, time, timedelta

from digest.compose.kinds import advert_check
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Connection, Database, advert_checks, consents, messages, subscribers
from digest.database.advert_checks import DueCheck
from digest.errors import NotFoundError
from digest.events import event
from digest.hashes import address_hash, network_of
from digest.models.consents import ConsentAct, ConsentWay, NewConsent
from digest.models.deliveries import Lane, Mail, MessageKind, NewMessage
from digest.models.readers import Subscriber
from digest.subscribe import advert_consent

TOLD_BEFORE = timedelta(days=30)
_YEARS = 2
_AT_ONCE = 500
_GIVEN_UP_AFTER = timedelta(days=7)


async def check(database: Database, settings: Settings, renderer: Renderer, *, now: datetime) -> int:
    """Tell those who are due, and end what nobody answered; return how many were told. Raises `TemplateError`."""
    told = await _tell(database, settings, renderer, now)
    if told:
        event("adverts.checked", told=told)
    async with database.read() as connection:
        silent = await advert_checks.list_silent(connection, now=now, limit=_AT_ONCE)
    for subscriber_id in silent:
        await _end(database, settings, renderer, subscriber_id, now)
    return told


async def keep(
    database: Database, settings: Settings, subscriber: Subscriber, *, host: str | None, now: datetime
) -> bool:
    """Note that a reader wishes their consent to go on; False where nothing was asked, or they said so before."""
    async with database.begin() as connection:
        if not await advert_checks.keep(connection, subscriber.id):
            return False
        await consents.append(
            connection,
            NewConsent(
                address=subscriber.address,
                address_hash=address_hash(settings, subscriber.address),
                act=ConsentAct.CONFIRMED_AGAIN,
                how=ConsentWay.PAGE,
                at=now,
                subscriber_id=subscriber.id,
                source="/preferences",
                network=network_of(host),
            ),
        )
    event("adverts.kept", subscriber_id=subscriber.id)
    return True


def due_before(settings: Settings, now: datetime, *, within: timedelta = TOLD_BEFORE) -> datetime:
    """Return the time of which consents are due that are older: two years before the end of the day `within` from now.

    The law counts to the same calendar day, whatever the hour; of a consent of 29 February that is the 28th.
    """
    end = (now + within).astimezone(settings.zone).date() + timedelta(days=1)
    return datetime.combine(_years_before(end), time(), settings.zone)


async def _tell(database: Database, settings: Settings, renderer: Renderer, now: datetime) -> int:
    ends_at = now + TOLD_BEFORE if settings.advert_consent_silence == "stop" else None
    before = due_before(settings, now)
    mails: dict[tuple[str, date], Mail] = {}
    async with database.begin() as connection:
        due = await advert_checks.claim(connection, before=before, limit=_AT_ONCE, at=now, ends_at=ends_at)
        for each in due:
            about = (each.language, each.consent_at.astimezone(settings.zone).date())
            if about not in mails:
                mails[about] = advert_check.compose(
                    renderer, settings, each.language, agreed_at=each.consent_at, ends_at=ends_at
                )
            await _queue(connection, each, mails[about], now, consent_on=about[1])
        await consents.append_all(connection, [_noted(settings, each, ends_at, now) for each in due])
    return len(due)


async def _queue(connection: Connection, each: DueCheck, mail: Mail, now: datetime, *, consent_on: date) -> None:
    key = f"{messages.SHARED}advert_check:{each.language}:{consent_on}:{now.isoformat()}"
    message = NewMessage(key=key, kind=MessageKind.ADVERT_CHECK, variant="", language=each.language, mail=mail)
    await messages.queue_one(
        connection,
        message,
        each.address,
        lane=Lane.FIRST,
        at=now,
        deadline_at=now + _GIVEN_UP_AFTER,
        subscriber_id=each.subscriber_id,
    )


def _noted(settings: Settings, each: DueCheck, ends_at: datetime | None, now: datetime) -> NewConsent:
    return NewConsent(
        address=each.address,
        address_hash=address_hash(settings, each.address),
        act=ConsentAct.ADVERT_CHECKED,
        how=ConsentWay.MAIL,
        at=now,
        subscriber_id=each.subscriber_id,
        details={"agreed_at": each.consent_at.isoformat(), "ends_at": ends_at.isoformat() if ends_at else None},
    )


async def _end(database: Database, settings: Settings, renderer: Renderer, subscriber_id: int, now: datetime) -> None:
    async with database.read() as connection:
        try:
            subscriber = await subscribers.get(connection, subscriber_id)
        except NotFoundError:
            return
    await advert_consent.end_unanswered(database, settings, renderer, subscriber, now=now)


def _years_before(day: date) -> date:
    try:
        return day.replace(year=day.year - _YEARS)
    except ValueError:  # 29 February, as the end of the 28th
        return day.replace(year=day.year - _YEARS, month=3, day=1)

"""The two-yearly check of consents to adverts: whom it reaches, what it says, and what silence does."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Connection, Database, subscribers
from digest.database.tables import consents, deliveries, messages
from digest.database.tables import subscribers as reader_table
from digest.models.consents import ConsentAct
from digest.models.deliveries import MessageKind
from digest.models.readers import Subscriber, SubscriberState
from digest.subscribe import advert_checks
from digest.tokens import TokenPurpose
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.support.settings import make_settings
from tests.web.conftest import browser

pytestmark = pytest.mark.anyio

RENDERER = Renderer(None)
STOP = make_settings(advert_consent_silence="stop")


async def agreed(
    database: Database,
    clock: StoppedClock,
    at: datetime,
    name: str = "kim",
    **values: Any,  # Any: columns
) -> int:
    async with database.begin() as connection:
        reader = await rows.add_subscriber(connection, f"{name}@naver.example", at=clock())
        change = sa.update(reader_table).where(reader_table.c.id == reader)
        await connection.execute(change.values(advert_consent_at=at, **values))
    return reader


async def told(database: Database) -> list[str]:
    query = sa.select(deliveries.c.recipient).join(messages, messages.c.id == deliveries.c.message_id)
    async with database.read() as connection:
        found = await connection.execute(query.where(messages.c.kind == MessageKind.ADVERT_CHECK))
        return sorted(each.partition("@")[0] for each in found.scalars())


async def acts(connection: Connection) -> list[ConsentAct]:
    return list((await connection.execute(sa.select(consents.c.act).order_by(consents.c.id))).scalars())


def years_ago(clock: StoppedClock, years: int, *, days: int = 0) -> datetime:
    return clock().replace(year=clock().year - years) + timedelta(days=days)


async def test_those_whose_two_years_end_within_30_days_are_told_once(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """제50조⑧: before the same calendar day two years on; the pass runs every hour."""
    await agreed(database, clock, years_ago(clock, 2, days=30))
    await agreed(database, clock, years_ago(clock, 2, days=31), "later")
    await agreed(database, clock, years_ago(clock, 3), "long")
    await agreed(database, clock, years_ago(clock, 3), "checked", advert_checked_at=years_ago(clock, 1))
    await agreed(database, clock, years_ago(clock, 3), "gone", state=SubscriberState.LEFT)

    assert await advert_checks.check(database, settings, RENDERER, now=clock()) == 2
    after_once = await rows.everything(database)
    assert await advert_checks.check(database, settings, RENDERER, now=clock()) == 0

    assert await told(database) == ["kim", "long"]
    assert await rows.everything(database) == after_once
    async with database.read() as connection:
        assert await acts(connection) == [ConsentAct.ADVERT_CHECKED] * 2


async def test_the_next_check_is_two_years_after_this_one(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """It is asked every two years, not once."""
    await agreed(database, clock, years_ago(clock, 2))
    for _ in range(2):
        await advert_checks.check(database, settings, RENDERER, now=clock())
        clock.advance(days=690)
        assert await advert_checks.check(database, settings, RENDERER, now=clock()) == 0
        clock.advance(days=12)
    assert await told(database) == ["kim"] * 2


async def test_the_mail_says_who_when_and_how_and_carries_no_advert(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """시행령 제62조의3: the sender's name, that and when they agreed, how to keep it or take it back."""
    await agreed(database, clock, datetime(2024, 3, 5, 3, 0, tzinfo=UTC))
    await advert_checks.check(database, settings, RENDERER, now=clock())
    async with database.read() as connection:
        mail = (await connection.execute(sa.select(messages))).one()
    said = mail.text.decode()
    assert mail.subject == "[가온일보] 광고성 정보 수신동의 확인"
    for fact in ("가온일보", "2024년 3월 5일", "유지하시려면", "광고 받지 않기", "\0preferences_url\0"):
        assert fact in said
    assert "(광고)" not in mail.subject + said
    assert b"List-Unsubscribe" not in mail.headers


async def test_silence_keeps_the_consent(database: Database, settings: Settings, clock: StoppedClock) -> None:
    """The law names no end for want of an answer; ending it is the newspaper's choice."""
    reader = await agreed(database, clock, years_ago(clock, 2))
    await advert_checks.check(database, settings, RENDERER, now=clock())
    clock.advance(days=60)
    await advert_checks.check(database, STOP, RENDERER, now=clock())  # the setting changed after they were told
    async with database.read() as connection:
        assert (await subscribers.get(connection, reader)).advert_consent_at is not None


async def test_silence_ends_it_where_the_newspaper_wants_that(database: Database, clock: StoppedClock) -> None:
    """Not before the day the mail named; the end is told, and the news go on."""
    reader = await agreed(database, clock, years_ago(clock, 2))
    await advert_checks.check(database, STOP, RENDERER, now=clock())
    clock.advance(days=29)
    await advert_checks.check(database, STOP, RENDERER, now=clock())
    async with database.read() as connection:
        assert (await subscribers.get(connection, reader)).advert_consent_at is not None
    clock.advance(days=1)
    await advert_checks.check(database, STOP, RENDERER, now=clock())
    async with database.read() as connection:
        found = await subscribers.get(connection, reader)
        assert await acts(connection) == [ConsentAct.ADVERT_CHECKED, ConsentAct.ADVERT_WITHDRAWN]
        kinds = (await connection.execute(sa.select(messages.c.kind).order_by(messages.c.id))).scalars().all()
    assert (found.advert_consent_at, found.state) == (None, SubscriberState.ACTIVE)
    assert kinds == [MessageKind.ADVERT_CHECK, MessageKind.NOTICE]


async def test_an_answer_keeps_it_and_is_proof(database: Database, clock: StoppedClock) -> None:
    """One button behind the link of that mail; looking changes nothing, and the page stops asking."""
    reader = await agreed(database, clock, years_ago(clock, 2))
    await advert_checks.check(database, STOP, RENDERER, now=clock())
    path = f"/preferences/{STOP.keyring.make(TokenPurpose.CHOOSE, reader)}"
    async with browser(database, STOP, clock) as visitor:
        before = await rows.everything(database)
        assert f"{path}/adverts/keep" in (await visitor.get(path)).text
        assert (await visitor.get(f"{path}/adverts/keep")).status_code == 405
        assert await rows.everything(database) == before
        assert (await visitor.post(f"{path}/adverts/keep")).status_code == 200
        assert f"{path}/adverts/keep" not in (await visitor.get(path)).text
        assert (await visitor.post(f"{path}/adverts/keep")).status_code == 200
    clock.advance(days=60)
    await advert_checks.check(database, STOP, RENDERER, now=clock())
    async with database.read() as connection:
        found: Subscriber = await subscribers.get(connection, reader)
        assert await acts(connection) == [ConsentAct.ADVERT_CHECKED, ConsentAct.CONFIRMED_AGAIN]
    assert found.advert_consent_at is not None


@pytest.mark.parametrize(
    ("agreed_on", "today", "is_due"),
    [
        ("2024-02-29", "2026-02-28", True),
        ("2024-03-01", "2026-02-28", False),
        ("2026-02-28", "2028-02-28", True),
        ("2026-03-01", "2028-02-28", False),
    ],
)
def test_a_consent_of_the_29th_of_february_is_due_on_the_28th(
    settings: Settings, agreed_on: str, today: str, is_due: bool
) -> None:
    """Two years on there is no such day; the day before it is in time, the day after would be late."""
    last = datetime.fromisoformat(f"{today}T09:00:00").replace(tzinfo=settings.zone)
    at = datetime.fromisoformat(f"{agreed_on}T12:00:00").replace(tzinfo=settings.zone)
    assert (at <= advert_checks.due_before(settings, last, within=timedelta(0))) is is_due

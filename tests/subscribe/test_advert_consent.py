"""Taking back the consent to adverts: at once, by itself, and told."""

import httpx2
import pytest
import sqlalchemy as sa

from digest.compose import editor
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, subscribers
from digest.database.tables import consents, deliveries, messages
from digest.models.consents import ConsentAct
from digest.models.deliveries import MessageKind
from digest.models.readers import Subscriber
from digest.subscribe import advert_consent
from digest.tokens import TokenPurpose
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.support.newsroom import Newsroom
from tests.support.settings import make_settings
from tests.web.conftest import browser

pytestmark = pytest.mark.anyio

RENDERER = Renderer(None)


@pytest.fixture
def settings() -> Settings:
    return make_settings()


@pytest.fixture
async def kim(database: Database, settings: Settings, clock: StoppedClock) -> Subscriber:
    """One of two readers who agreed to adverts; an edition that carries one waits for both."""
    newsroom = Newsroom(database, clock)
    kim, lee = await newsroom.subscribe("kim", "lee")
    await newsroom.agree_to_adverts(kim, lee)
    await newsroom.publish("다리 개통")
    await newsroom.add_block()
    assert await editor.open_now(database, settings, settings.editions[0], clock=clock) is not None
    await editor.advance(database, settings, RENDERER, clock=clock)
    async with database.read() as connection:
        return await subscribers.get(connection, kim.id)


async def subjects(database: Database) -> dict[tuple[str, str], str]:
    """How the subject of each mail that waits begins, by its kind and reader."""
    query = sa.select(messages.c.kind, deliveries.c.recipient, messages.c.subject)
    async with database.read() as connection:
        found = await connection.execute(query.join(deliveries, deliveries.c.message_id == messages.c.id))
        return {(str(row.kind), row.recipient.partition("@")[0]): row.subject[:4] for row in found}


async def test_what_waits_comes_without_adverts_and_the_others_keep_theirs(
    database: Database, settings: Settings, clock: StoppedClock, kim: Subscriber
) -> None:
    """정보통신망법 제50조②: from this moment, also for what is composed already; the result is told (제50조⑦)."""
    assert await subjects(database) == {("digest", "kim"): "(광고)", ("digest", "lee"): "(광고)"}

    assert await advert_consent.withdraw(database, settings, RENDERER, kim, host="192.0.2.7", now=clock())

    assert await subjects(database) == {
        ("digest", "kim"): "[가온일", ("digest", "lee"): "(광고)", (str(MessageKind.NOTICE), "kim"): "[가온일",
    }  # fmt: skip
    async with database.read() as connection:
        [noted] = (await connection.execute(sa.select(consents))).all()
        assert (await subscribers.get(connection, kim.id)).advert_consent_at is None
    assert (noted.act, noted.network) == (ConsentAct.ADVERT_WITHDRAWN, "192.0.2.0/24")


async def test_twice_is_as_good_as_once(
    database: Database, settings: Settings, clock: StoppedClock, kim: Subscriber
) -> None:
    """A button pressed again notes nothing and mails nothing."""
    await advert_consent.withdraw(database, settings, RENDERER, kim, host=None, now=clock())
    before = await rows.everything(database)
    assert not await advert_consent.withdraw(database, settings, RENDERER, kim, host=None, now=clock())
    assert await rows.everything(database) == before


async def test_the_page_offers_it_to_those_who_agreed_only(
    database: Database, settings: Settings, clock: StoppedClock, kim: Subscriber
) -> None:
    """A button of its own; looking changes nothing, and afterwards there is nothing left to take back."""
    path = f"/preferences/{settings.keyring.make(TokenPurpose.CHOOSE, kim.id)}"
    async with browser(database, settings, clock) as visitor:
        assert f"{path}/adverts" in (await visitor.get(path)).text
        before = await rows.everything(database)
        assert (await visitor.get(f"{path}/adverts")).status_code == 405
        assert await rows.everything(database) == before
        answer: httpx2.Response = await visitor.post(f"{path}/adverts")
        assert (answer.status_code, "이제 광고를 보내지 않습니다" in answer.text) == (200, True)
        assert f"{path}/adverts" not in (await visitor.get(path)).text

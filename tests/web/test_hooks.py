"""`/hooks/NAME`: off until it is configured, quick, bounded, and silent about why."""

import json
from collections.abc import AsyncIterator

import httpx2
import pytest
import sqlalchemy as sa

from digest.config import Settings
from digest.database import Database
from digest.database.tables import raw_mails
from tests.support import sns
from tests.support.clock import StoppedClock
from tests.web.conftest import browser

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hooked(database: Database, settings: Settings, clock: StoppedClock) -> AsyncIterator[httpx2.AsyncClient]:
    configured = settings.model_copy(update={"hook_ses_topics": (sns.TOPIC,)})
    async with browser(database, configured, clock) as opened:
        yield opened


async def kept(database: Database) -> int:
    async with database.read() as connection:
        return int(await connection.scalar(sa.select(sa.func.count()).select_from(raw_mails)) or 0)


@pytest.mark.parametrize("name", ["ses", "sendgrid", "unknown"])
async def test_there_is_nothing_until_it_is_configured(
    client: httpx2.AsyncClient, clock: StoppedClock, name: str
) -> None:
    """A stranger learns nothing of what could be set."""
    assert (await client.post(f"/hooks/{name}", content=sns.message(clock()))).status_code == 404


async def test_a_post_is_kept_once_and_answered(
    hooked: httpx2.AsyncClient, database: Database, clock: StoppedClock
) -> None:
    """Kept before anything is proven or done; Amazon sends again what is not answered."""
    body = sns.message(clock())

    answers = [await hooked.post("/hooks/ses", content=body, headers={"content-type": "text/plain"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert await kept(database) == 1


async def test_what_can_never_be_the_providers_is_refused_and_not_kept(
    hooked: httpx2.AsyncClient, database: Database, clock: StoppedClock
) -> None:
    """Another's topic, and no JSON at all."""
    other = json.dumps({**json.loads(sns.message(clock())), "TopicArn": "arn:aws:sns:us-east-1:1:other"})

    answers = [await hooked.post("/hooks/ses", content=body) for body in (other.encode(), b"hello")]

    assert [(answer.status_code, answer.text) for answer in answers] == [(400, "not understood\n")] * 2
    assert await kept(database) == 0


async def test_the_body_is_bounded(hooked: httpx2.AsyncClient, clock: StoppedClock) -> None:
    """Larger than other pages' because providers send in bundles; and no larger than theirs."""
    small = sns.message(clock(), told={"x": "y" * 100_000})
    large = sns.message(clock(), told={"x": "y" * 300_000})

    assert (await hooked.post("/hooks/ses", content=small)).status_code == 200
    assert (await hooked.post("/hooks/ses", content=large)).status_code == 413


async def test_looking_at_it_shows_nothing(hooked: httpx2.AsyncClient) -> None:
    """GET changes nothing and tells nothing."""
    assert (await hooked.get("/hooks/ses")).status_code in (404, 405)

"""The sample's readers: added at a start, never against their will, gone with the sample."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from digest import addresses
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, subscribers
from digest.database.tables import subscribers as table
from digest.models.readers import SubscriberState
from digest.operate import sample
from digest.subscribe import unsubscribe
from digest.tokens import TokenPurpose
from tests.support.clock import StoppedClock
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio

READER = addresses.parse("reader1@example.com")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(sample=True, data_dir=tmp_path)


async def test_a_sample_reader_who_left_is_not_added_again_by_a_restart(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """Whoever tries the unsubscribe link must see that it holds."""
    started_at = await sample.seed(database, settings, now=clock())
    async with database.read() as connection:
        reader = await subscribers.find(connection, READER)
    assert reader is not None
    token = settings.keyring.make(TokenPurpose.LEAVE, reader.id)
    await unsubscribe.leave(database, settings, Renderer(None), token, now=clock())

    assert await sample.seed(database, settings, now=clock.advance(hours=1)) == started_at

    async with database.read() as connection:
        states = await subscribers.count_by_state(connection)
        left = await subscribers.find(connection, READER)
    assert left is not None
    assert left.state is SubscriberState.LEFT
    assert states == {SubscriberState.ACTIVE: 2, SubscriberState.LEFT: 1}


async def test_switching_the_sample_off_removes_its_readers_and_no_others(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """They do not exist: no relay may get mail for them."""
    await sample.seed(database, settings, now=clock())
    async with database.begin() as connection:
        await connection.execute(
            sa.update(table).where(table.c.address_key == READER.key).values(consent="a form on paper")
        )
    assert await sample.seed(database, make_settings(sample=False), now=clock()) is None
    async with database.read() as connection:
        assert [each.address for each in await subscribers.list_subscribers(connection, limit=9)] == [READER]

"""A week after a share: the mail says that the addresses are erased then, and a command proves it."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.addresses import parse
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database
from digest.database.tables import deliveries, share_counts
from digest.deliver.sender import Sender
from digest.operate.prove import find_everywhere
from digest.share import request
from digest.share.request import Asked, Wanted
from digest.subscribe import retention
from digest.tokens import TokenPurpose
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.support.relay import relay_to
from tests.support.settings import make_settings
from tests.support.smtp_server import HostileServer

pytestmark = pytest.mark.anyio

SENDER = parse("hong@gaon.example")
FRIENDS = (parse("one@naru.example"), parse("two@naru.example"), parse("three@naru.example"))


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return make_settings(
        share_address="share@share.gaon.example",
        abuse_contact="abuse@gaon.example",
        share_friends=3,
        data_dir=tmp_path / "var",
        database_url=database_url,
    )


async def test_three_friends_get_a_mail_each_and_nobody_is_known_a_week_later(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """One transaction of SMTP for each friend, none of whom sees the others; only the count is left of it."""
    async with database.begin() as connection:
        article_id = await rows.add_article(connection, "1", at=clock())
    wanted = Wanted(article_id, SENDER, "홍길동", FRIENDS, "hong@ 아님, 안부만.", "ko", "192.0.2.1")
    asked = await request.ask(
        database, settings, Renderer(None), wanted, is_proven=False, is_confirmed=False, now=clock()
    )
    assert asked is Asked.CONFIRM
    async with HostileServer() as server:
        relay = relay_to(server)
        await Sender(database, settings, relay, clock=clock, owner="a").send_due()
        async with database.read() as connection:
            question = await connection.scalar(sa.select(sa.func.max(deliveries.c.id)))
        token = settings.keyring.make(TokenPurpose.SHARE, question or 0)
        await request.release(database, settings, Renderer(None), token, now=clock())
        await Sender(database, settings, relay, clock=clock, owner="b").send_due()

        assert sorted(server.recipients[1:]) == sorted(map(str, FRIENDS))
        for mail in server.mails[1:]:
            others = {str(each) for each in FRIENDS} - {mail.recipient}
            assert not [other for other in others if other.encode() in mail.content]

    found = [await find_everywhere(database, settings, each) for each in (SENDER, *FRIENDS)]
    assert all(found)
    clock.advance(days=7, hours=1)
    await retention.keep_periods(database, settings, now=clock())

    found = [await find_everywhere(database, settings, each) for each in (SENDER, *FRIENDS)]
    assert found == [[], [], [], []]
    async with database.read() as connection:
        counted = (await connection.execute(sa.select(share_counts.c.count, share_counts.c.senders))).one()
    assert tuple(counted) == (3, 1)

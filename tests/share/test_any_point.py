"""kill -9 at any point of a share, and two at once: nobody is mailed twice, nobody's share is lost.

As `journeys.test_any_point`, for what a visitor does: the process dies before or after each of its transactions, the
visitor presses the same button again. What was sent is counted by the deliveries that are queued; that a delivery goes
out once at most is the sender's own journey (`journeys.test_kill`), and a share prefers a gap to a double.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine

import pytest
import sqlalchemy as sa

from digest.addresses import parse
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database
from digest.database.attempts import PREFERS_DOUBLE
from digest.database.tables import counters, deliveries, messages
from digest.database.tables import shares as share_rows
from digest.models.deliveries import MessageKind
from digest.share import request
from digest.share.request import Wanted
from digest.tokens import TokenPurpose
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.support.mortal import KilledError, Mortal
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio

RENDERER = Renderer(None)
_MOST_POINTS = 12


@pytest.fixture
def settings() -> Settings:
    return make_settings(share_address="share@share.gaon.example", abuse_contact="abuse@gaon.example")


async def queued(database: Database, kind: MessageKind) -> Counter[str]:
    query = sa.select(deliveries.c.recipient).join(messages, messages.c.id == deliveries.c.message_id)
    async with database.read() as connection:
        return Counter((await connection.execute(query.where(messages.c.kind == kind))).scalars())


async def newest_link(database: Database, settings: Settings) -> str:
    async with database.read() as connection:
        newest = (await connection.execute(sa.select(sa.func.max(share_rows.c.confirm_delivery_id)))).scalar_one()
    return settings.keyring.make(TokenPurpose.SHARE, newest)


def wanted(article_id: int, number: int) -> Wanted:
    return Wanted(
        article_id, parse(f"s{number}@gaon.example"), "", (parse(f"f{number}@naru.example"),), "", "ko",
        f"192.0.2.{number}",
    )  # fmt: skip


@pytest.mark.parametrize("is_confirmed", [True, False])
async def test_killed_before_or_after_any_transaction_of_a_share_it_goes_out_once(
    database: Database, settings: Settings, clock: StoppedClock, *, is_confirmed: bool
) -> None:
    """The same request again, the same button again: one question to the sender, one share to the friend."""
    async with database.begin() as connection:
        article_id = await rows.add_article(connection, "1", at=clock())
    mortal, number, finished = Mortal(database.engine), 0, 0

    async def press(ask: Wanted) -> None:
        await request.ask(
            mortal, settings, RENDERER, ask, is_proven=is_confirmed, is_confirmed=is_confirmed, now=clock()
        )
        if not is_confirmed:
            await request.release(mortal, settings, RENDERER, await newest_link(database, settings), now=clock())

    for mortal.after in (False, True):
        for point in range(1, _MOST_POINTS):
            number += 1
            mortal.dies_at = point
            died = await _dies(press(wanted(article_id, number)))
            mortal.dies_at = 0
            await press(wanted(article_id, number))
            if not died:
                finished += 1
                break
    assert finished == 2
    once = Counter(f"f{each}@naru.example" for each in range(1, number + 1))
    assert await queued(database, MessageKind.SHARE) == once
    if not is_confirmed:
        assert max((await queued(database, MessageKind.SENDER)).values()) == 1
    assert not PREFERS_DOUBLE[MessageKind.SHARE]


async def test_two_who_press_one_button_at_once_send_once(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """Two windows, two processes: the update that releases has one winner, and counts once."""
    async with database.begin() as connection:
        article_id = await rows.add_article(connection, "1", at=clock())
    await request.ask(
        database, settings, RENDERER, wanted(article_id, 1), is_proven=False, is_confirmed=False, now=clock()
    )
    link = await newest_link(database, settings)
    released = await asyncio.gather(
        *(request.release(database, settings, RENDERER, link, now=clock()) for _ in range(8))
    )
    assert sum(each.sent for each in released if each) == 1
    assert await queued(database, MessageKind.SHARE) == Counter(["f1@naru.example"])
    async with database.read() as connection:
        counted = await connection.scalar(sa.select(counters.c.count).where(counters.c.scope == "share-sender-hour"))
    assert counted == 1


async def _dies(act: Coroutine[None, None, None]) -> bool:
    try:
        await act
    except KilledError:
        return True
    return False

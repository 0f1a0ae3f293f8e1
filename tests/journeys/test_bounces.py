"""What comes back: a dead address ends it, a full mailbox does not, and the edition adds up either way."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from digest.database import Database, subscribers
from digest.database.tables import delivery_id
from digest.inbound import receive, route
from digest.models.deliveries import DeliveryState
from digest.models.inbound import Door
from digest.models.readers import SubscriberState
from digest.tokens import TokenPurpose
from tests.inbound.test_notices import TOKEN, report
from tests.support.clock import StoppedClock
from tests.support.paper import Paper, open_paper
from tests.support.sink import Sink, running_sink

pytestmark = pytest.mark.anyio

FIRST = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)


def return_paths(sink: Sink) -> dict[str, str]:
    """The return path of the last mail to each reader, as the server was told it."""
    return {line["recipient"]: line["sender"] for line in sink.lines()}


async def publish(paper: Paper, day: datetime, title: str) -> None:
    paper.clock.set(day)
    paper.feed.publish([title], day - timedelta(minutes=30))
    await paper.tick()


async def returns(paper: Paper, return_path: str, content: bytes) -> None:
    """A server somewhere sends a report to where the mail said."""
    token = return_path.partition("+")[2].partition("@")[0]
    taken = receive.Taken(Door.LMTP, [return_path], "", content.replace(TOKEN.encode(), token.encode()))
    await receive.keep(paper.database, paper.settings, taken, now=paper.clock())
    await route.act_due(paper.database, paper.settings, paper.renderer, clock=paper.clock, owner="journey")


async def test_a_dead_address_is_the_end_and_a_full_mailbox_is_not(database: Database, tmp_path: Path) -> None:
    """Both reports come to the return paths that the edition really had; the next edition goes to who is there."""
    clock = StoppedClock(FIRST)
    with running_sink(tmp_path, keep=True) as sink:
        async with open_paper(database, clock, sink, tmp_path) as opened:
            addresses = {
                "inbound_address": "news@gaon.example",
                "bounce_address": "bounce@bounce.gaon.example",
                "inbound_port": 2424,
            }
            paper = replace(opened, settings=opened.settings.model_copy(update=addresses))
            await paper.subscribe("dead", "full")
            await publish(paper, MORNING, "시의회, 내년 예산 의결")
            paths = return_paths(sink)

            await returns(paper, paths["dead@reader.example"], report())
            full = report(status="5.2.2", diagnostic="552 5.2.2 mailbox full")
            await returns(paper, paths["full@reader.example"], full)
            await publish(paper, MORNING + timedelta(days=1), "도서관, 다시 문 열다")

            later, first = await paper.editions()
            counts = await paper.counts(first.id)
            async with database.read() as connection:
                by_state = await subscribers.count_by_state(connection)

    named = {paper.settings.keyring.read(TokenPurpose.RETURN, path[7:44]) for path in paths.values()}
    assert named == {delivery_id(first.id, reader) for reader in (1, 2)}
    assert by_state == {SubscriberState.STOPPED: 1, SubscriberState.ACTIVE: 1}
    assert counts.adds_up
    assert counts.by_state == {DeliveryState.BOUNCED: 2}
    assert sink.times_taken() == {"dead@reader.example": 1, "full@reader.example": 2}
    assert later.id != first.id

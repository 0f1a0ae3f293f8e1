"""친구에게 보내기: from an edition as it was received to the friend's mailbox, and into the next edition's list."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from selectolax.lexbor import LexborHTMLParser

from digest.database import Database
from digest.database.tables import share_counts
from tests.support.clock import StoppedClock
from tests.support.paper import Paper, open_paper
from tests.support.sink import running_sink
from tests.web.conftest import browser

pytestmark = pytest.mark.anyio

MORNING = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)  # Monday, 07:00 in Seoul
TITLE, FRIEND = "시의회, 내년 예산 의결", "friend@naru.example"


@pytest.fixture
async def paper(database: Database, tmp_path: Path) -> AsyncIterator[Paper]:
    clock = StoppedClock(MORNING.replace(hour=9))
    with running_sink(tmp_path, keep=True) as sink:
        async with open_paper(database, clock, sink, tmp_path) as opened:
            sharing = {"share_address": "share@share.gaon.example", "abuse_contact": "abuse@gaon.example"}
            yield replace(opened, settings=opened.settings.model_copy(update=sharing))


def text_of(paper: Paper, recipient: str) -> str:
    """The text of the newest mail to somebody."""
    body = paper.sink.mails()[recipient].get_body(("plain",))
    assert body is not None
    return str(body.get_content())


async def test_from_the_own_edition_to_the_friend_and_into_the_next_edition(paper: Paper) -> None:
    """Every link is taken from a mail as it arrived; the last part is what four more readers make of it."""
    await paper.subscribe("kim")
    paper.clock.set(MORNING)
    paper.clock.advance(minutes=-30)
    paper.feed.publish([TITLE], paper.clock())
    await paper.tick()
    paper.clock.set(MORNING)
    await paper.tick()
    link = re.search(r"http://\S+(/articles/\d+/share\?from=\w+)", text_of(paper, "kim@reader.example"))
    assert link is not None

    async with browser(paper.database, paper.settings, paper.clock) as visitor:
        page = LexborHTMLParser((await visitor.get(link[1])).text)
        assert "ki***@reader.example" in page.css_first(".address").text()  # type: ignore[union-attr]
        hidden = {
            each.attributes["name"] or "": each.attributes["value"] or "" for each in page.css("input[type=hidden]")
        }
        paper.clock.advance(seconds=5)
        await visitor.post(link[1], data={**hidden, "friend": FRIEND, "note": "읽어 보세요."})
        await paper.send()
        question = re.search(r"http://\S+(/share/\w+)", text_of(paper, "kim@reader.example"))
        assert question is not None
        assert (await visitor.post(question[1])).status_code == 200
    await paper.send()
    assert TITLE in text_of(paper, FRIEND)
    assert "> 읽어 보세요." in text_of(paper, FRIEND)

    async with paper.database.begin() as connection:  # four more people send it
        await connection.execute(sa.update(share_counts).values(senders=share_counts.c.senders + 4))
    paper.clock.set(MORNING)
    paper.clock.advance(hours=23, minutes=30)
    paper.feed.publish(["다음 날의 소식"], paper.clock())
    await paper.tick()
    paper.clock.advance(minutes=30)
    await paper.tick()
    tomorrow = text_of(paper, "kim@reader.example")
    assert tomorrow.index("다음 날의 소식") < tomorrow.index("[많이 보낸 기사]") < tomorrow.rindex(TITLE)

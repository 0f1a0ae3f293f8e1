"""A reader chooses, moves and goes, by the links of mails as they were received; what was sent stays without a name."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
import sqlalchemy as sa

from digest.addresses import parse
from digest.database import Database
from digest.database.tables import deliveries, edition_articles, messages
from digest.operate.prove import find_everywhere
from digest.subscribe import retention
from digest.web import app
from tests.support.clock import StoppedClock
from tests.support.paper import Paper, open_paper
from tests.support.sink import Sink, running_sink

pytestmark = pytest.mark.anyio

EVENING = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
KIM, NEW = "kim@reader.example", "kim@elsewhere.example"


def path_in(sink: Sink, recipient: str, place: str) -> str:
    """Return the path of a link in the last mail to somebody; both parts of the mail must have the same."""
    mail, found = sink.mails()[recipient], set()
    for kind in ("plain", "html"):
        body = mail.get_body((kind,))
        assert body is not None
        assert "\0" not in body.get_content()
        found |= set(re.findall(rf"http[^\s\"<]+/{place}/[^\s\"<]+", body.get_content()))
    [url] = found
    return urlsplit(url).path


async def publish(paper: Paper, day: datetime, title: str) -> None:
    paper.clock.set(day)
    paper.feed.publish([title], day - timedelta(minutes=30))
    await paper.tick()


async def test_the_links_of_received_mails_choose_move_and_erase(database: Database, tmp_path: Path) -> None:
    """Each value that is filled in when a mail is sent opens what it says; afterwards no name is left anywhere."""
    clock = StoppedClock(EVENING)
    with running_sink(tmp_path, keep=True) as sink:
        async with open_paper(database, clock, sink, tmp_path) as paper:
            built = app.build(
                database=database, settings=paper.settings, clock=clock, sample_started_at=None, outbox_dir=None
            )
            transport, base_url = httpx2.ASGITransport(app=built), paper.settings.base_url
            async with httpx2.AsyncClient(transport=transport, base_url=base_url) as browser:
                await paper.subscribe("kim")
                await publish(paper, MORNING, "시의회, 내년 예산 의결")

                choices = path_in(sink, KIM, "preferences")
                assert "ki***@reader.example" in (await browser.get(choices)).text
                await browser.post(f"{choices}/link")
                await paper.send()
                fresh = path_in(sink, KIM, "link")
                assert (await browser.post(fresh, data={"act": "export"})).json()["address"] == KIM

                await browser.post(fresh, data={"act": "address", "address": NEW})
                await paper.send()
                assert (await browser.post(path_in(sink, NEW, "link"))).status_code == 200
                await publish(paper, MORNING + timedelta(days=1), "다리 개통")
                assert sink.times_taken() == {KIM: 2, NEW: 2}

                await browser.post(f"{path_in(sink, NEW, 'preferences')}/link")
                await paper.send()
                erasing = {"act": "erase", "sure": "yes"}
                assert (await browser.post(path_in(sink, NEW, "link"), data=erasing)).status_code == 200

            for address in (KIM, NEW):
                assert await find_everywhere(database, paper.settings, parse(address)) == []
            await _editions_are_kept(paper, clock() + timedelta(days=200))


async def _editions_are_kept(paper: Paper, now: datetime) -> None:
    """언론중재법 제15조⑧: what was sent, in its order, for six months at least, and nobody it was sent to."""
    await retention.keep_periods(paper.database, paper.settings, now=now)
    async with paper.database.read() as connection:
        sent = sa.select(messages.c.subject, messages.c.text, messages.c.html).where(messages.c.edition_id.is_not(None))
        kept = (await connection.execute(sent.order_by(messages.c.id))).all()
        placed = await connection.scalar(sa.select(sa.func.count()).select_from(edition_articles))
        recipients = set((await connection.execute(sa.select(deliveries.c.recipient))).scalars())
    for row, title in zip(kept, ("시의회, 내년 예산 의결", "다리 개통"), strict=True):
        assert title in row.subject
        assert title.encode() in row.text
        assert title.encode() in row.html
        assert b"kim" not in row.text + row.html
    assert (placed, recipients) == (2, {""})

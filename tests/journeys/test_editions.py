"""A day's edition; nothing new, no mail; the outage over the cut-off; one click and never again."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from digest.database import Database
from digest.models.deliveries import DeliveryState
from digest.models.editions import EditionState
from digest.web import app
from tests.support.clock import StoppedClock
from tests.support.paper import Paper, open_paper
from tests.support.sink import running_sink

pytestmark = pytest.mark.anyio

EVENING = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)  # Sunday, 18:00 in Seoul: the paper is set up
MORNING = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)  # Monday, 07:00 in Seoul


@pytest.fixture
async def paper(database: Database, tmp_path: Path) -> AsyncIterator[Paper]:
    clock = StoppedClock(EVENING)
    with running_sink(tmp_path, keep=True) as sink:
        async with open_paper(database, clock, sink, tmp_path) as opened:
            yield opened


async def test_a_days_edition(paper: Paper) -> None:
    """From the feed to three mailboxes: chosen at 06:50, sent at 07:00, each reader once, and the sum adds up."""
    await paper.subscribe("kim", "lee", "park")
    paper.clock.set(MORNING.replace(hour=21, minute=30))
    paper.feed.publish(["시의회, 내년 예산 의결", "‘나루길’ 벚나무 <120그루> 심는다 & 돌본다"], paper.clock())
    await paper.tick()
    assert await paper.editions() == []

    paper.clock.set(MORNING.replace(hour=21, minute=50))
    await paper.tick()
    [edition] = await paper.editions()
    assert (edition.state, edition.planned_at) == (EditionState.RELEASED, MORNING)
    assert paper.sink.count() == 0

    paper.clock.set(MORNING)
    await paper.tick()
    await paper.tick()
    assert paper.sink.times_taken() == {f"{name}@reader.example": 1 for name in ("kim", "lee", "park")}
    counts = await paper.counts(edition.id)
    assert (counts.eligible, counts.by_state) == (3, {DeliveryState.ACCEPTED: 3})
    assert (await paper.editions())[0].state is EditionState.DONE

    mail = paper.sink.mails()["kim@reader.example"]
    text = mail.get_body(("plain",))
    html = mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert mail["To"].addresses[0].addr_spec == "kim@reader.example"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "‘나루길’ 벚나무 <120그루> 심는다 & 돌본다" in text.get_content()
    assert "‘나루길’ 벚나무 &lt;120그루&gt; 심는다 &amp; 돌본다" in html.get_content()


async def test_nothing_new_no_mail(paper: Paper) -> None:
    """A morning without news is a morning without mail, and what comes at 07:05 is tomorrow's."""
    await paper.subscribe("kim")
    paper.clock.set(MORNING)
    await paper.tick()
    assert await paper.editions() == []

    paper.clock.advance(minutes=5)
    paper.feed.publish(["늦게 온 소식"], paper.clock())
    paper.clock.advance(minutes=15)
    await paper.tick()
    assert await paper.editions() == []
    assert paper.sink.count() == 0

    paper.clock.set(MORNING)
    paper.clock.advance(days=1)
    await paper.tick()
    assert paper.sink.times_taken() == {"kim@reader.example": 1}


async def test_the_outage_over_the_cutoff(paper: Paper) -> None:
    """Down from 06:00 to 07:40: the edition goes out late with all that is new, once; the next day has the rest."""
    await paper.subscribe("kim")
    paper.clock.set(MORNING.replace(hour=20))
    paper.feed.publish(["새벽에 모은 소식"], paper.clock())
    await paper.tick()

    paper.clock.set(MORNING)
    paper.clock.advance(minutes=40)
    paper.feed.publish(["꺼져 있는 동안 나온 소식"], paper.clock())
    await paper.tick()
    [edition] = await paper.editions()
    assert edition.planned_at == MORNING
    assert paper.sink.times_taken() == {"kim@reader.example": 1}
    body = paper.sink.mails()["kim@reader.example"].get_body(("plain",))
    assert body is not None
    assert "새벽에 모은 소식" in body.get_content()
    assert "꺼져 있는 동안 나온 소식" in body.get_content()

    paper.clock.advance(minutes=20)
    paper.feed.publish(["다시 켠 뒤의 소식"], paper.clock())
    await paper.tick()
    assert paper.sink.count() == 1
    paper.clock.set(MORNING)
    paper.clock.advance(days=1)
    await paper.tick()
    body = paper.sink.mails()["kim@reader.example"].get_body(("plain",))
    assert body is not None
    assert "다시 켠 뒤의 소식" in body.get_content()
    assert "새벽에 모은 소식" not in body.get_content()


async def test_an_outage_past_the_deadline_is_held_for_a_person(paper: Paper) -> None:
    """Yesterday's morning is not sent this afternoon by surprise."""
    await paper.subscribe("kim")
    paper.clock.set(MORNING.replace(hour=20))
    paper.feed.publish(["새벽에 모은 소식"], paper.clock())
    await paper.tick()
    paper.clock.set(MORNING)
    paper.clock.advance(hours=6)
    await paper.tick()
    [edition] = await paper.editions()
    assert edition.state is EditionState.HELD
    assert paper.sink.count() == 0


async def test_one_click_and_never_again(paper: Paper) -> None:
    """A mailbox provider posts the header's link: neither the mail already queued nor any later one is sent."""
    await paper.subscribe("kim", "lee")
    paper.clock.set(MORNING)
    paper.feed.publish(["첫 소식"], paper.clock())
    await paper.tick()
    link = paper.sink.mails()["kim@reader.example"]["List-Unsubscribe"].strip("<> ")

    paper.clock.advance(days=1, minutes=-15)
    paper.feed.publish(["둘째 소식"], paper.clock())
    paper.clock.advance(minutes=5)
    await paper.tick()  # 06:50: composed and queued for both
    pages = app.build(
        database=paper.database, settings=paper.settings, clock=paper.clock, sample_started_at=None, outbox_dir=None
    )
    transport = httpx2.ASGITransport(app=pages)
    async with httpx2.AsyncClient(transport=transport, base_url=paper.settings.base_url) as client:
        answer = await client.post(urlsplit(link).path, data={"List-Unsubscribe": "One-Click"}, follow_redirects=False)
    assert answer.status_code == 200

    paper.clock.advance(minutes=10)
    await paper.tick()
    paper.clock.advance(days=1)
    paper.feed.publish(["셋째 소식"], paper.clock())
    await paper.tick()
    # One edition and the notice of having left (법 제50조⑦), and nothing after it.
    assert paper.sink.times_taken() == {"kim@reader.example": 2, "lee@reader.example": 3}
    for edition in await paper.editions():
        assert (await paper.counts(edition.id)).adds_up

"""A reader chooses by the link of a mail and the next edition is as chosen; scanners open every link in vain."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from digest.database import Database, choices
from digest.web import app
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.support.paper import Paper, open_paper
from tests.support.sink import running_sink
from tests.web.test_subscribe_pages import sign_up

pytestmark = pytest.mark.anyio

EVENING = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)  # Sunday, 18:00 in Seoul: the paper is set up
MORNING = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)  # Monday, 07:00 in Seoul
KIM = "kim@reader.example"
AS_IT_IS = {"slot": "morning", "words": "", "headlines": "", "format": "html", "language": "ko", "paused_until": ""}


@pytest.fixture
async def paper(database: Database, tmp_path: Path) -> AsyncIterator[Paper]:
    clock = StoppedClock(EVENING)
    with running_sink(tmp_path, keep=True) as sink:
        async with open_paper(database, clock, sink, tmp_path) as opened:
            yield opened


@pytest.fixture
async def browser(paper: Paper) -> AsyncIterator[httpx2.AsyncClient]:
    built = app.build(
        database=paper.database, settings=paper.settings, clock=paper.clock, sample_started_at=None, outbox_dir=None
    )
    transport = httpx2.ASGITransport(app=built)
    async with httpx2.AsyncClient(transport=transport, base_url=paper.settings.base_url) as opened:
        yield opened


async def bring_edition(paper: Paper, day: int) -> None:
    """Publish one article of each section in the night before and send the edition of that day (0 is Monday)."""
    morning = MORNING + timedelta(days=day)
    paper.clock.set(morning - timedelta(hours=1))
    for section in ("시정", "의회", "문화"):
        paper.feed.publish([f"{section} 소식 {day}"], paper.clock(), section=section)
    paper.clock.set(morning)
    async with paper.database.begin() as connection:
        await choices.end_pauses(connection, now=morning)
    await paper.tick()


def written(mail: EmailMessage) -> str:
    """Both forms of the mail as one text."""
    bodies = [mail.get_body((kind,)) for kind in ("plain", "html")]
    return "\n".join(body.get_content() for body in bodies if body is not None)


def choosing(paper: Paper) -> str:
    """The path of the choices, as it stands in the reader's newest mail."""
    found = re.search(r"http\S+/preferences/[a-z0-9]+", written(paper.sink.mails()[KIM]))
    assert found
    return urlsplit(found[0]).path


async def test_changed_sections_are_those_of_the_next_edition(paper: Paper, browser: httpx2.AsyncClient) -> None:
    """All of them on Monday, the chosen one on Tuesday, all again on Wednesday."""
    await paper.subscribe("kim", "lee")
    await bring_edition(paper, 0)
    assert all(f"{section} 소식 0" in written(paper.sink.mails()[KIM]) for section in ("시정", "의회", "문화"))

    answer = await browser.post(choosing(paper), data={**AS_IT_IS, "sections.morning": "의회"})
    assert answer.status_code == 200
    await bring_edition(paper, 1)
    mail = written(paper.sink.mails()[KIM])
    assert "의회 소식 1" in mail
    assert "시정 소식" not in mail
    assert "문화 소식" not in mail
    assert "시정 소식 1" in written(paper.sink.mails()["lee@reader.example"])

    assert (await browser.post(choosing(paper), data=AS_IT_IS)).status_code == 200
    await bring_edition(paper, 2)
    assert all(f"{section} 소식 2" in written(paper.sink.mails()[KIM]) for section in ("시정", "의회", "문화"))


async def test_nothing_comes_in_a_pause_and_its_day_brings_the_next(paper: Paper, browser: httpx2.AsyncClient) -> None:
    """Paused until Thursday: no mail on Tuesday and Wednesday, also not later; Thursday's is Thursday's own."""
    await paper.subscribe("kim", "lee")
    await bring_edition(paper, 0)
    answer = await browser.post(choosing(paper), data={**AS_IT_IS, "paused_until": "2026-11-26"})
    assert answer.status_code == 200

    for day in (1, 2):
        await bring_edition(paper, day)
        assert paper.sink.times_taken() == {KIM: 1, "lee@reader.example": day + 1}

    await bring_edition(paper, 3)
    assert paper.sink.times_taken() == {KIM: 2, "lee@reader.example": 4}
    assert "시정 소식 3" in written(paper.sink.mails()[KIM])


async def test_whoever_looks_at_every_link_of_every_mail_changes_nothing(
    paper: Paper, browser: httpx2.AsyncClient
) -> None:
    """T15: confirmation, notice, edition, fresh link and the change of an address, links in their headers included."""
    await sign_up(browser, paper.clock, address=KIM)
    await paper.send()
    seen = await look_at_links(paper, browser)
    assert any("/confirm/" in link for link in seen)
    await browser.post(next(link for link in seen if "/confirm/" in link))
    await paper.send()
    seen |= await look_at_links(paper, browser)
    await bring_edition(paper, 0)
    seen |= await look_at_links(paper, browser)
    await browser.post(f"{choosing(paper)}/link")
    await paper.send()
    fresh = {link for link in await look_at_links(paper, browser) if "/link/" in link}
    await browser.post(fresh.pop(), data={"act": "address", "address": "new@reader.example"})
    await paper.send()
    seen |= await look_at_links(paper, browser, "new@reader.example")
    for place in ("/confirm/", "/u/", "/preferences/", "/editions/", "/link/", "/privacy"):
        assert any(place in link for link in seen), place


async def look_at_links(paper: Paper, browser: httpx2.AsyncClient, address: str = KIM) -> set[str]:
    """Open every link of the newest mail by every method that looks, and return the links."""
    mail = paper.sink.mails()[address]
    text = written(mail) + "".join(str(value) for value in mail.values())
    found = {link.rstrip(".,;)>") for link in re.findall(re.escape(paper.settings.base_url) + r"[^\s\"'<>]*", text)}
    found -= {paper.settings.newspaper_site}
    assert found
    before = await rows.everything(paper.database)
    for link in found:
        for method in ("GET", "HEAD", "OPTIONS"):
            assert (await browser.request(method, link)).status_code in (200, 404, 405), link
    assert await rows.everything(paper.database) == before
    return found

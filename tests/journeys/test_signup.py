"""Somebody signs up: the mail, the button, the notice, the latest edition, and leaving again."""

import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from digest.database import Database
from digest.web import app
from tests.support.clock import StoppedClock
from tests.support.paper import open_paper
from tests.support.sink import running_sink
from tests.web.test_subscribe_pages import sign_up

pytestmark = pytest.mark.anyio

EVENING = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)


async def test_from_the_form_to_the_next_edition_and_away(database: Database, tmp_path: Path) -> None:
    """Every mail arrives that must: the confirmation, the notice, the edition; then one notice more, and none after."""
    clock = StoppedClock(EVENING)
    with running_sink(tmp_path, keep=True) as sink:
        async with open_paper(database, clock, sink, tmp_path) as paper:
            built = app.build(
                database=database, settings=paper.settings, clock=clock, sample_started_at=None, outbox_dir=None
            )
            async with httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=built), base_url=paper.settings.base_url
            ) as browser:
                assert (await sign_up(browser, clock, address="kim@reader.example")).status_code == 200
                await paper.send()
                mail = sink.mails()["kim@reader.example"]
                assert {name.lower() for name in mail}.isdisjoint({"list-unsubscribe", "list-id"})
                body = mail.get_body(("plain",))
                assert body is not None
                found = re.search(r"http\S+/confirm/\S+", body.get_content())
                assert found
                assert "14" not in str(mail["Subject"])
                assert (await browser.post(urlsplit(found[0]).path)).status_code == 200
                await paper.send()
                assert sink.times_taken() == {"kim@reader.example": 2}

                clock.set(MORNING)
                paper.feed.publish(["시의회, 내년 예산 의결"], MORNING.replace(hour=21))
                await paper.tick()
                assert sink.times_taken() == {"kim@reader.example": 3}
                for _ in range(2):  # asked for twice, sent once
                    assert (await browser.post(f"{urlsplit(found[0]).path}/latest")).status_code == 200
                await paper.send()
                assert sink.times_taken() == {"kim@reader.example": 4}

                edition = sink.mails()["kim@reader.example"]
                leaving = urlsplit(str(edition["List-Unsubscribe"]).strip("<>").split(">")[0]).path
                for _ in range(2):
                    assert (await browser.post(leaving, content="List-Unsubscribe=One-Click")).status_code == 200
                await paper.send()
                assert sink.times_taken() == {"kim@reader.example": 5}
                assert "List-Unsubscribe" not in sink.mails()["kim@reader.example"]

"""Seeds: a copy goes first to the operator's own mailboxes, and is kept as the server received it."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digest.compose import editor
from digest.database import Database, kept_mails
from digest.models.deliveries import DeliveryState
from digest.models.editions import EditionState
from digest.operate.cli.terminal import ExitCode
from tests.support.clock import StoppedClock
from tests.support.commands import Commands
from tests.support.paper import Paper, open_paper
from tests.support.sink import running_sink

pytestmark = pytest.mark.anyio

EVENING = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
SEEDS = ("gaon@naver.example", "gaon@gmail.example")


@pytest.fixture
async def paper(database: Database, tmp_path: Path) -> AsyncIterator[Paper]:
    with running_sink(tmp_path, keep=True) as sink:
        async with open_paper(database, StoppedClock(EVENING), sink, tmp_path) as opened:
            settings = opened.settings.model_copy(update={"seed_addresses": SEEDS})
            yield replace(opened, settings=settings)


async def _make(paper: Paper) -> int:
    await paper.subscribe("kim", "lee")
    paper.clock.set(MORNING.replace(hour=21, minute=30))
    paper.feed.publish(["시의회, 내년 예산 의결"], paper.clock())
    await paper.tick()
    paper.clock.set(MORNING.replace(hour=21, minute=50))
    await paper.tick()
    [edition] = await paper.editions()
    return edition.id


async def test_seeds_go_before_the_readers_and_are_kept_as_received(
    paper: Paper, tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the cut-off they are there to be looked at; the sum counts readers only; the kept bytes are the server's."""
    edition_id = await _make(paper)
    assert paper.sink.times_taken() == dict.fromkeys(SEEDS, 1)

    paper.clock.set(MORNING)
    await paper.tick()
    assert paper.sink.times_taken() == dict.fromkeys([*SEEDS, "kim@reader.example", "lee@reader.example"], 1)
    counts = await paper.counts(edition_id)
    assert (counts.eligible, counts.by_state) == (2, {DeliveryState.ACCEPTED: 2})

    async with paper.database.read() as connection:
        kept = await kept_mails.of_edition(connection, edition_id)
    received = {line["recipient"]: line["content"] for line in paper.sink.lines()}
    assert [str(each.recipient) for each in kept] == list(SEEDS)
    for each in kept:
        assert base64.b64decode(received[str(each.recipient)]) == each.content

    monkeypatch.chdir(tmp_path)
    commands = Commands(tmp_path, database_url)
    commands.settings["BASE_URL"] = paper.settings.base_url
    (tmp_path / "seed.eml").write_bytes(b"Received: by x; y\n" + kept[0].content.replace(b"\r\n", b"\n"))
    (tmp_path / "changed.eml").write_bytes(kept[0].content.replace(b"Subject: ", b"Subject: [SPAM] "))
    (tmp_path / "reader.eml").write_bytes(base64.b64decode(received["kim@reader.example"]))
    (tmp_path / "none.eml").write_bytes(b"\0\0")
    number = str(edition_id)
    same = await asyncio.to_thread(commands.json, "editions", "compare", number, "seed.eml")
    changed = await asyncio.to_thread(commands.json, "editions", "compare", number, "changed.eml", code=1)
    reader = await asyncio.to_thread(commands.json, "editions", "compare", number, "reader.eml")
    await asyncio.to_thread(commands, "editions", "compare", number, "none.eml", code=int(ExitCode.SETTINGS))
    shown = await asyncio.to_thread(commands.json, "editions", "show", number)
    assert (same["found_by"], same["same"], same["added"]) == ("message-id", True, ["Received"])
    assert [each["what"] for each in changed["differences"]] == ["Subject"]
    assert (reader["found_by"], reader["same"]) == ("edition", True)
    assert [(each["state"], each["is_kept"]) for each in shown["seeds"]] == [("accepted", True)] * 2


async def test_a_release_after_a_hold_sends_no_seed_twice(paper: Paper) -> None:
    """The operator looked at the seed, held the edition, and let it go after all."""
    edition_id = await _make(paper)
    await editor.hold(paper.database, edition_id, reason="looking")
    released = await editor.release(paper.database, paper.settings, paper.renderer, edition_id, clock=paper.clock)
    paper.clock.set(MORNING)
    await paper.tick()

    assert released.state is EditionState.RELEASED
    assert set(paper.sink.times_taken().values()) == {1}
    assert len(paper.sink.times_taken()) == 4


async def test_what_is_kept_is_removed_after_its_time(paper: Paper) -> None:
    """Six months, and not for ever."""
    edition_id = await _make(paper)
    async with paper.database.begin() as connection:
        assert await kept_mails.prune(connection, before=paper.clock()) == 0
        paper.clock.advance(days=185)
        assert await kept_mails.prune(connection, before=paper.clock() - kept_mails.KEPT) == 2
        assert await kept_mails.of_edition(connection, edition_id) == []

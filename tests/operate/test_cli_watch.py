"""`digest editions watch` and the numbers behind it, on both databases."""

import asyncio
import re
import signal
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta

import pytest

from digest.database import Database, paces, progress
from digest.models.deliveries import DeliveryState
from digest.models.editions import EditionState
from tests.support import ledger
from tests.support.clock import StoppedClock
from tests.support.commands import Commands


@pytest.mark.anyio
async def test_progress_counts_each_domain_and_the_last_minute(database: Database, clock: StoppedClock) -> None:
    """What an operator asks while it goes on: how far, how fast, how long still, and who makes trouble."""
    edition = await ledger.make_edition(database, at=clock(), readers=6)
    now = clock.advance(minutes=5)
    first, second, third, *rest = edition.delivery_ids
    await ledger.set_deliveries(database, [first], state=DeliveryState.ACCEPTED, settled_at=now - timedelta(minutes=3))
    await ledger.set_deliveries(
        database, [second], state=DeliveryState.ACCEPTED, settled_at=now - timedelta(seconds=20)
    )
    await ledger.set_deliveries(database, [third], state=DeliveryState.REFUSED, domain="naver.example", settled_at=now)

    async with database.read() as connection:
        found = await progress.of_edition(connection, edition.id, now=now)

    assert [(each.domain, each.total) for each in found.domains] == [("morning.example", 5), ("naver.example", 1)]
    assert found.domains[1].by_state == {DeliveryState.REFUSED: 1}
    assert (found.total, found.waiting, found.accepted_last_minute) == (6, len(rest), 1)
    assert found.seconds_left == 60  # three, at one in the twenty seconds since it moves


def test_nothing_moving_promises_no_end() -> None:
    """No rate, no time left: a guess would be worse."""
    stuck = progress.Progress((progress.DomainProgress("naver.example", {DeliveryState.QUEUED: 3}),), 0)
    assert stuck.seconds_left is None


async def _send_halfway(database: Database, at: datetime) -> None:
    """One of three is accepted, one waits at a provider that asked to be left alone, one at a paused provider."""
    edition = await ledger.make_edition(database, at=at, readers=3)
    first, second, third = edition.delivery_ids
    await ledger.set_deliveries(database, [first], state=DeliveryState.ACCEPTED, settled_at=at)
    await ledger.set_deliveries(database, [second], provider="gmail.com")
    await ledger.set_deliveries(database, [third], provider="naver.com")
    await ledger.set_edition(database, edition.id, state=EditionState.HELD, reason="a person held it")
    async with database.begin() as connection:
        minute = timedelta(minutes=1)
        await paces.stop(connection, "gmail.com", now=at, first=10 * minute, longest=60 * minute, reason="421 4.7.28")
        await paces.pause(connection, "provider:naver.com", reason="no", at=at)
        await paces.pause(connection, "provider:daum.net", reason="nothing waits there", at=at)


def test_watching_says_why_nothing_moves(commands: Commands, just_now: StoppedClock) -> None:
    """A rate of nothing alone would have the operator look for what is wrong everywhere."""
    commands.act(lambda database: _send_halfway(database, just_now()))
    said = commands("editions", "watch", "1").stdout
    assert "; because a person held it; gmail.com left alone until 20" in said
    assert said.rstrip().endswith("; naver.com paused")


def test_a_terminal_shows_the_bar_and_the_domains_below_each_other(
    commands: Commands, just_now: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bar ends its line: the columns' names once stood behind it and were cut off."""
    commands.act(lambda database: _send_halfway(database, just_now()))
    monkeypatch.setenv("FORCE_COLOR", "1")  # how rich is told that it writes to a terminal
    monkeypatch.setenv("COLUMNS", "200")
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", commands("editions", "watch", "1").stdout)
    _, bar, names, *rows = drawn.splitlines()
    assert set(bar.strip()) <= set("━╸╺")
    assert names.split()[3:] == ["accepted", "deferred", "refused", "uncertain", "dropped", "waiting"]
    assert rows[2].split() == ["naver.com", "0", "0", "0", "0", "0", "1", "paused"]


@pytest.mark.parametrize("every", ["0", "0.4", "-1", "nan", "inf", "1e9"])
def test_looking_again_and_again_without_a_pause_is_no_way_to_watch(commands: Commands, every: str) -> None:
    """Not a number of seconds once meant no pause at all."""
    assert "seconds" in commands("editions", "watch", "1", f"--every={every}", code=2).stderr


def test_watching_ends_with_the_edition(commands: Commands, just_now: StoppedClock) -> None:
    """Where no terminal is, each look is one line, and the last one tells the end."""

    async def fill(database: Database) -> None:
        edition = await ledger.make_edition(database, at=just_now(), readers=2)
        await ledger.set_deliveries(database, edition.delivery_ids, state=DeliveryState.ACCEPTED, settled_at=just_now())
        await ledger.set_edition(database, edition.id, state="sending")

    commands.act(fill)

    said = commands("editions", "watch", "1").stdout
    document = commands.json("editions", "watch", "1")

    assert "2 of 2 settled (accepted 2)" in said
    assert document["waiting"] == 0
    assert document["domains"][0]["by_state"] == {"accepted": 2}


def test_watching_outlives_a_database_that_is_away(
    commands_on_sqlite: Commands, just_now: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who watches over night is told once, and sees the end in the morning."""
    commands_on_sqlite.act(
        lambda database: ledger.make_edition(database, at=just_now(), readers=2, state=EditionState.SENDING)
    )
    file, elsewhere = commands_on_sqlite.folder / "digest.sqlite3", commands_on_sqlite.folder / "elsewhere"
    paused: list[float] = []

    async def sleep(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 1:
            file.rename(elsewhere)
        elif len(paused) == 4:
            elsewhere.rename(file)
            with closing(sqlite3.connect(file, isolation_level=None)) as connection:
                connection.execute("UPDATE editions SET state = 'done'")

    monkeypatch.setattr(asyncio, "sleep", sleep)
    said = commands_on_sqlite("editions", "watch", "1", "--every=9").stdout
    assert paused == [9, 1, 2, 4]
    assert [line.split(":")[0] for line in said.splitlines()] == [
        "Edition 1 sending",
        "The database cannot be used now",
        "Edition 1 done",
    ]


@pytest.mark.parametrize("pauses", [1, 2], ids=["between-two-looks", "while-the-database-is-away"])
def test_watching_is_ended_at_any_time_without_a_complaint(
    commands_on_sqlite: Commands, just_now: StoppedClock, monkeypatch: pytest.MonkeyPatch, pauses: int
) -> None:
    """Ctrl-C is the way to end it, and a script sees by the code that the edition was not at its end."""
    commands_on_sqlite.act(
        lambda database: ledger.make_edition(database, at=just_now(), readers=2, state=EditionState.SENDING)
    )
    paused, pause = [], asyncio.sleep

    async def sleep(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == pauses:
            signal.raise_signal(signal.SIGINT)
            await pause(10)
        (commands_on_sqlite.folder / "digest.sqlite3").unlink()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert commands_on_sqlite("editions", "watch", "1", code=130).stderr == ""
    assert paused == [2, 1][:pauses]


def test_an_edition_that_does_not_exist_is_a_clear_word(commands: Commands) -> None:
    """Not an empty bar."""
    assert "no edition 7" in commands("editions", "watch", "7", code=1).stderr

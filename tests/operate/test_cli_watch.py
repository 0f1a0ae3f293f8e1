"""`digest editions watch` and the numbers behind it, on both databases."""

from datetime import timedelta

import pytest

from digest.database import Database, progress
from digest.models.deliveries import DeliveryState
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
    await ledger.set_deliveries(database, [second], state=DeliveryState.ACCEPTED, settled_at=now)
    await ledger.set_deliveries(database, [third], state=DeliveryState.REFUSED, domain="naver.example", settled_at=now)

    async with database.read() as connection:
        found = await progress.of_edition(connection, edition.id, now=now)

    assert [(each.domain, each.total) for each in found.domains] == [("morning.example", 5), ("naver.example", 1)]
    assert found.domains[1].by_state == {DeliveryState.REFUSED: 1}
    assert (found.total, found.waiting, found.accepted_last_minute) == (6, len(rest), 1)
    assert found.seconds_left == 180


def test_nothing_moving_promises_no_end() -> None:
    """No rate, no time left: a guess would be worse."""
    stuck = progress.Progress((progress.DomainProgress("naver.example", {DeliveryState.QUEUED: 3}),), 0)
    assert stuck.seconds_left is None


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


def test_an_edition_that_does_not_exist_is_a_clear_word(commands: Commands) -> None:
    """Not an empty bar."""
    assert "no edition 7" in commands("editions", "watch", "7", code=1).stderr

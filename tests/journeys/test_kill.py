"""The worker dies mid-send: a real process, a real kill -9, twenty random points of one edition.

The leases of what was on the wire run for thirty seconds, as ever; nobody waits for the last ones' end, they are set
back instead.
"""

import asyncio
import random
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.clock import utc_now
from digest.database import Database
from digest.database.tables import deliveries
from digest.models.deliveries import DeliveryState
from digest.models.editions import EditionState
from tests.journeys.workers import CONNECTIONS, installed, look, make_edition
from tests.support.service import Service, wait_until
from tests.support.sink import Sink, running_sink

READERS = 1500
KILLS = 20


@pytest.mark.patience(300)  # twenty starts of a real worker
def test_the_worker_dies_mid_send(database_url: str, tmp_path: Path) -> None:
    """After twenty deaths every reader has one mail or an honest `uncertain`; nobody has two, nobody is forgotten."""
    with running_sink(tmp_path) as sink, installed(database_url, sink, tmp_path) as service:
        edition_id = asyncio.run(make_edition(database_url, service.parsed, readers=READERS))
        _kill_again_and_again(service, sink)
        asyncio.run(_let_leases_run_out(database_url))
        service.start("worker")
        wait_until(
            lambda: asyncio.run(look(database_url, edition_id))[0].state is EditionState.DONE,
            seconds=60,
            what="the end of the edition",
            pause=0.5,
        )
        service.close()
        service.command("editions", "prove", str(edition_id))
    _, counts = asyncio.run(look(database_url, edition_id))

    taken = sink.times_taken()
    accepted = counts.by_state.get(DeliveryState.ACCEPTED, 0)
    uncertain = counts.by_state.get(DeliveryState.UNCERTAIN, 0)
    assert max(taken.values()) == 1
    assert accepted + uncertain == READERS
    assert accepted <= len(taken) <= READERS
    # On the wire and behind the dot, and one group of the journal (deliver/journal).
    assert uncertain <= KILLS * (2 + 8) * CONNECTIONS


def _kill_again_and_again(service: Service, sink: Sink) -> None:
    chance = random.Random(20)
    for _ in range(KILLS):
        until = sink.count() + chance.randint(1, READERS // KILLS - 15)
        worker = service.start("worker")
        wait_until(lambda until=until: sink.count() >= until, seconds=60, what="the next mails")  # type: ignore[misc]
        worker.kill()
        worker.wait(timeout=10)


async def _let_leases_run_out(database_url: str) -> None:
    database = Database.open(database_url)
    async with database.begin() as connection:
        held = sa.update(deliveries).where(deliveries.c.state == DeliveryState.ATTEMPTING)
        await connection.execute(held.values(lease_until=utc_now() - timedelta(seconds=1)))
    await database.close()

"""The two-yearly check of consents to adverts, by real workers: the mail arrives, and silence does what is set.

A worker asks the machine what time it is, so time passes here by setting back what the database holds.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.clock import utc_now
from digest.database import Database
from digest.database.tables import subscribers
from tests.journeys.workers import Installation, installed
from tests.support import rows
from tests.support.service import wait_until
from tests.support.sink import Sink, running_sink

KIM, LEE = "kim@reader.example", "lee@reader.example"
TWO_YEARS, A_MONTH = timedelta(days=731), timedelta(days=31)


# Each setting once: what it does in each database is proved in tests/subscribe, and a worker's start takes a second.
@pytest.mark.parametrize(
    ("database_url", "silence"), [("sqlite", "keep"), ("postgresql", "stop")], indirect=["database_url"]
)
def test_who_does_not_answer_the_two_yearly_check_is_treated_as_they_were_told(
    database_url: str, tmp_path: Path, silence: str
) -> None:
    """Kim is told and says nothing. A month later Lee's turn comes, by which it shows that everybody was looked at."""
    with running_sink(tmp_path, keep=True) as sink, installed(database_url, sink, tmp_path) as plain:
        service = Installation(tmp_path, {**plain.settings, "ADVERT_CONSENT_SILENCE": silence})
        asyncio.run(agree(database_url, KIM, at=utc_now() - TWO_YEARS + timedelta(days=20)))
        asyncio.run(agree(database_url, LEE, at=utc_now() - TWO_YEARS + timedelta(days=50)))
        work(service, sink, {KIM: 1})
        told = sink.mails()[KIM].get_body(("plain",))
        assert told is not None
        assert ("아무것도 하지 않으셔도" in told.get_content()) == (silence == "keep")

        asyncio.run(let_pass(database_url, A_MONTH))
        work(service, sink, {KIM: 1, LEE: 1} if silence == "keep" else {KIM: 2, LEE: 1})
    assert asyncio.run(who_agrees(database_url)) == ([KIM, LEE] if silence == "keep" else [LEE])


def work(service: Installation, sink: Sink, taken: Mapping[str, int]) -> None:
    """Let a worker look once at everything and deliver what comes of it."""
    worker = service.start("worker")
    wait_until(lambda: sink.times_taken() == taken, seconds=30, what=f"the mails {taken}")
    worker.terminate()
    worker.wait(timeout=30)
    assert sink.times_taken() == taken


async def agree(database_url: str, address: str, *, at: datetime) -> None:
    """Put in a reader who agreed to adverts then."""
    database = Database.open(database_url)
    async with database.begin() as connection:
        reader = await rows.add_subscriber(connection, address, at=at)
        change = sa.update(subscribers).where(subscribers.c.id == reader)
        await connection.execute(change.values(advert_consent_at=at))
    await database.close()


async def let_pass(database_url: str, time: timedelta) -> None:
    """Set back by `time` all that is known of consents to adverts."""
    names = ("advert_consent_at", "advert_checked_at", "advert_ends_at")
    database = Database.open(database_url)
    async with database.begin() as connection:
        for row in (await connection.execute(sa.select(subscribers))).mappings().all():
            earlier = {name: row[name] - time for name in names if row[name]}
            await connection.execute(sa.update(subscribers).where(subscribers.c.id == row["id"]).values(earlier))
    await database.close()


async def who_agrees(database_url: str) -> list[str]:
    """Return the addresses of those whose consent to adverts holds."""
    database = Database.open(database_url)
    async with database.read() as connection:
        query = sa.select(subscribers.c.address).where(subscribers.c.advert_consent_at.is_not(None))
        found = list((await connection.execute(query.order_by(subscribers.c.address))).scalars())
    await database.close()
    return found

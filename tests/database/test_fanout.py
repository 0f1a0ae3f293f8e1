"""A reader gets an edition once: the database itself holds that, and a fan-out that is killed leaves nothing behind."""

import asyncio
import signal
import sys

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from benchmarks import ledger as full
from digest.database import Database
from digest.database.tables import deliveries, delivery_id
from tests.support import ledger
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

_READERS = 200
_KILLED = """
import asyncio, os, signal, sys
from datetime import UTC, timedelta
from digest import clock
from digest.database import Database, messages

async def main(url, edition_id):
    database, now = Database.open(url), clock.utc_now()
    async with database.begin() as connection:
        made = await messages.make_deliveries(
            connection, edition_id, now=now, due_at=now, deadline_at=now + timedelta(hours=1), zone=UTC
        )
        print(made, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def test_second_delivery_of_an_edition_to_a_reader_is_refused(database: Database, clock: StoppedClock) -> None:
    """Not the statement that makes them decides it, but a key: whatever else writes there cannot double a mail."""
    edition = await ledger.make_edition(database, at=clock(), readers=1)
    columns = [column for column in deliveries.c if column.name != "id"]
    number = delivery_id(deliveries.c.edition_id, deliveries.c.subscriber_id)
    again = sa.insert(deliveries).from_select(["id", *(column.name for column in columns)], sa.select(number, *columns))
    with pytest.raises(IntegrityError):
        async with database.begin() as connection:
            await connection.execute(again)
    assert len(await ledger.rows(database)) == len(edition.delivery_ids)


async def test_killed_fan_out_made_again_gives_each_reader_one(database: Database, database_url: str) -> None:
    """`kill -9` between its last row and the commit: nothing of it is left, and the next one is whole."""
    await full.add_readers(database, _READERS)
    edition_id = await full.add_edition(database)
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _KILLED, database_url, str(edition_id), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await killed.communicate()
    assert (killed.returncode, int(said)) == (-signal.SIGKILL, _READERS)

    made = await full.make_deliveries(database, edition_id)
    async with database.read() as connection:
        readers = (await connection.execute(sa.select(deliveries.c.subscriber_id))).scalars().all()
    assert made == _READERS
    assert sorted(readers) == list(range(1, _READERS + 1))

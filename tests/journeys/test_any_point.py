"""kill -9 at any point of a day, from the start to the finished deliveries: between any two of its transactions.

What a killed process leaves behind is what it had committed. So the passes are run on a database that ends them before
the first, the second … transaction, and a new process carries on. After a transaction is before the next one, later by
what is done between them outside the database, and after the last is the end. Sending has a journey of its own
(`test_kill`), with real processes, because there the world outside remembers too.
"""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.collect import collector
from digest.collect.reader import Reader
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, deliveries, editions
from digest.database.tables import deliveries as deliveries_table
from digest.models.editions import Edition
from digest.operate.house import House, owner_name
from digest.operate.timetable import PASSES
from digest.operate.worker import prepare
from digest.outbound import Outbound
from tests.collect.paper import Paper, item, rss
from tests.support.clock import StoppedClock
from tests.support.mortal import KilledError, Mortal
from tests.support.newsroom import Newsroom
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio

_MOST_POINTS = 100


async def test_killed_before_any_transaction_of_a_day_the_next_start_carries_on(
    database: Database, tmp_path: Path
) -> None:
    """Every day the service dies one step later; every day brings its one new article, once, to every reader."""
    clock = StoppedClock(datetime(2026, 11, 22, 20, 0, tzinfo=UTC))
    await Newsroom(database, clock).subscribe("lee", "kim")
    mortal = Mortal(database.engine)
    async with Paper() as paper, Reader() as reader:
        settings = make_settings(
            sources=f"gaon | feed | {paper.url()}", private_hosts=paper.host, data_dir=tmp_path / "var"
        )
        async with Outbound(private_hosts=settings.private_hosts, user_agent="test") as outbound:
            house = House(
                settings, mortal, outbound, reader, Renderer(None), clock, owner_name(), collector.host_queue(settings)
            )
            for point in range(1, _MOST_POINTS):
                clock.set(datetime(2026, 11, 22, 21, 55, tzinfo=UTC) + timedelta(days=point))
                since = max(1, point - 5)
                paper.serve(rss(*(item(n, pubDate=_date(clock, n, point)) for n in range(since, point + 1))))
                mortal.dies_at = point
                died = await _lives_a_day(house)
                mortal.dies_at = 0
                assert not await _lives_a_day(replace(house, owner=owner_name()))
                await _expect_the_days_edition(database, settings, clock, point)
                if not died:
                    break
            assert 5 < point < _MOST_POINTS - 1


async def _lives_a_day(house: House) -> bool:
    """Start, and look at everything once; whether it was killed in between."""
    try:
        await prepare(house)
        for row in PASSES:
            await row.act(house)
    except KilledError:
        return True
    return False


async def _expect_the_days_edition(database: Database, settings: Settings, clock: StoppedClock, day: int) -> None:
    async with database.read() as connection:
        made: list[Edition] = await editions.list_editions(connection, limit=1000)
        newest = made[0]
        placed = await editions.placed_articles(connection, newest.id)
        counts = await deliveries.counts(connection, newest.id)
        rows = await connection.execute(
            sa.select(deliveries_table.c.recipient).where(deliveries_table.c.edition_id == newest.id)
        )
        recipients = Counter(rows.scalars())
    assert len(made) == day
    assert newest.planned_at - clock() == settings.editions[0].cutoff - timedelta(minutes=5)
    assert [one.article.text.title for one in placed] == [f"가온시 소식 {day}"]
    assert recipients == Counter(["lee@reader.example", "kim@reader.example"])
    assert counts.adds_up


def _date(clock: StoppedClock, number: int, day: int) -> str:
    return f"{clock() - timedelta(days=day - number, hours=2):%a, %d %b %Y %H:%M:%S +0000}"

"""많이 보낸 기사: counted without persons, shown only where enough different people sent it."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from digest.addresses import parse
from digest.config import Settings
from digest.database import Database, most_shared, shares
from digest.database.tables import articles, share_counts
from digest.hashes import address_hash
from digest.models.shares import NewShare
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio

TODAY = date(2026, 11, 23)


@pytest.fixture
def settings() -> Settings:
    return make_settings(share_address="share@share.gaon.example", abuse_contact="abuse@gaon.example")


async def share(
    database: Database, settings: Settings, clock: StoppedClock, article_id: int, *names: str, on: date = TODAY
) -> None:
    """Let each of these people send the article to a friend of theirs."""
    for number, name in enumerate(names):
        sender, friend = parse(f"{name}@gaon.example"), parse(f"friend{number}@naru.example")
        new = NewShare(
            article_id, sender, address_hash(settings, sender), "", friend, address_hash(settings, friend), "", "ko",
            report_id=f"{article_id}-{name}-{number}-{on.day}"[:16], created_at=clock(),
            expires_at=clock() + timedelta(hours=24),
        )  # fmt: skip
        async with database.begin() as connection:
            share_id = await shares.add(connection, new)
            await shares.release(connection, share_id, at=clock())
            await most_shared.count(connection, share_id, new, on=on)


async def ranked(database: Database, *, senders: int = 0, since: date = TODAY) -> list[tuple[int, int, int]]:
    async with database.read() as connection:
        found = await most_shared.ranked(connection, since=since, senders=senders, limit=5)
    return [(each.article_id, each.shares, each.senders) for each in found]


async def two_articles(database: Database, clock: StoppedClock) -> tuple[int, int]:
    async with database.begin() as connection:
        first = await rows.add_article(connection, "1", at=clock())
        return first, await rows.add_article(connection, "2", at=clock())


async def test_one_reader_alone_brings_nothing_to_the_top(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """Different senders count first: a list that one person could fill would soon be filled."""
    pushed, liked = await two_articles(database, clock)
    await share(database, settings, clock, pushed, *["kim"] * 9)
    await share(database, settings, clock, liked, "lee", "park", "lee")
    assert await ranked(database) == [(liked, 3, 2), (pushed, 9, 1)]
    assert await ranked(database, senders=2) == [(liked, 3, 2)]


async def test_days_are_added_up_and_old_ones_left_out(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """A week's list is of that week."""
    article, _ = await two_articles(database, clock)
    await share(database, settings, clock, article, "kim", on=TODAY - timedelta(days=8))
    await share(database, settings, clock, article, "lee", "kim", on=TODAY)
    await share(database, settings, clock, article, "park", on=TODAY - timedelta(days=3))
    assert await ranked(database, since=TODAY - timedelta(days=6)) == [(article, 3, 2)]  # kim was counted before


@pytest.mark.parametrize("field", ["withdrawn_at", "contested_at"])
async def test_what_was_taken_back_or_contested_is_in_no_list(
    database: Database, settings: Settings, clock: StoppedClock, field: str
) -> None:
    """Neither in a new list nor in one that was made before."""
    article, _ = await two_articles(database, clock)
    await share(database, settings, clock, article, "kim")
    async with database.read() as connection:
        lines = await most_shared.ranked(connection, since=TODAY, senders=0, limit=5)
        assert await most_shared.still_shown(connection, lines) == tuple(lines)
    async with database.begin() as connection:
        await connection.execute(sa.update(articles).values({field: clock()}))
    assert await ranked(database) == []
    async with database.read() as connection:
        assert await most_shared.still_shown(connection, lines) == ()


def test_no_column_of_the_counts_can_hold_a_person() -> None:
    """An article, a day and two numbers."""
    assert {column.name for column in share_counts.columns} == {"article_id", "day", "count", "senders"}

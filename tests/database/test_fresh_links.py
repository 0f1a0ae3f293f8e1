"""Mailed links and changing an address: each works once, whoever asks for it at the same moment."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from digest.addresses import parse
from digest.database import Database, fresh_links
from digest.database.tables import subscribers
from digest.models.readers import LinkMatter
from tests.support.clock import StoppedClock
from tests.support.rows import add_subscriber

pytestmark = pytest.mark.anyio

NEW = parse("new@naver.example")


async def test_link_is_used_once_and_in_its_time(database: Database, clock: StoppedClock) -> None:
    """Two who press it at the same moment have both seen it unused: the update decides."""
    async with database.begin() as connection:
        kim = await add_subscriber(connection, at=clock())
        for delivery_id in (1, 2):
            await fresh_links.add(
                connection,
                delivery_id=delivery_id,
                subscriber_id=kim,
                matter=LinkMatter.MANAGE,
                at=clock(),
                expires_at=clock() + timedelta(minutes=30),
            )
        assert await fresh_links.use(connection, 1, at=clock())
        assert not await fresh_links.use(connection, 1, at=clock())
        assert not await fresh_links.use(connection, 2, at=clock() + timedelta(minutes=30))


async def test_of_two_who_take_an_address_at_once_one_gets_it(database: Database, clock: StoppedClock) -> None:
    """Neither sees the other's row yet: the unique key decides, and who comes second is answered, not failed."""
    async with database.begin() as connection:
        kim = await add_subscriber(connection, "kim@naver.example", at=clock())
        lee = await add_subscriber(connection, "lee@naver.example", at=clock())
    has_changed, may_commit = asyncio.Event(), asyncio.Event()

    async def first() -> str | None:
        async with database.begin() as connection:
            done = await fresh_links.change_address(connection, kim, NEW, address_hash="1" * 64)
            has_changed.set()
            await may_commit.wait()
            return done

    async def second() -> str | None:
        async with database.begin() as connection:
            done = await fresh_links.change_address(connection, lee, NEW, address_hash="1" * 64)
            await connection.execute(sa.update(subscribers).where(subscribers.c.id == lee).values(headlines=True))
            return done

    one = asyncio.create_task(first())
    await has_changed.wait()
    other = asyncio.create_task(second())
    await asyncio.sleep(0.2)  # it waits for the first one's transaction by now
    may_commit.set()

    assert (await one, await other) == ("", None)
    async with database.read() as connection:
        found = sa.select(subscribers.c.address, subscribers.c.headlines).order_by(subscribers.c.id)
        assert (await connection.execute(found)).all() == [(str(NEW), False), ("lee@naver.example", True)]

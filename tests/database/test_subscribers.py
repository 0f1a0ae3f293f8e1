"""Who is subscribed, and how consent comes and goes."""

from typing import Any

import pytest
import sqlalchemy as sa

from digest import addresses
from digest.database import Database, leaving, subscribers
from digest.database.tables import deliveries, subscriptions
from digest.errors import NotFoundError
from digest.models.deliveries import Lane, Mail, MessageKind, NewMessage
from digest.models.readers import Format, Subscriber, SubscriberState
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

KIM = addresses.parse("Kim@reader.example")


async def add(database: Database, clock: StoppedClock, address: addresses.Address = KIM, **changes: Any) -> Subscriber:
    wish: dict[str, Any] = {
        "slots": ["morning"],
        "language": "ko",
        "format": Format.HTML,
        "consent": "paper form of May",
        **changes,
    }
    async with database.begin() as connection:
        return await subscribers.add(connection, address, at=clock(), **wish)


async def leave(database: Database, clock: StoppedClock, subscriber: Subscriber) -> bool:
    async with database.begin() as connection:
        return (await connection.run_sync(leaving.leave, [subscriber.id], at=clock()))[subscriber.id].changed


async def test_adding_twice_is_adding_once_with_the_slots_of_both(database: Database, clock: StoppedClock) -> None:
    """Another spelling of the same mailbox is the same reader; nothing they chose before is changed."""
    first = await add(database, clock)
    again = await add(
        database, clock, addresses.parse("kim@Reader.example"), slots=["weekly", "morning"], format=Format.TEXT
    )
    assert again.id == first.id
    assert (again.slots, again.format, str(again.address)) == (("morning", "weekly"), Format.HTML, "Kim@reader.example")


async def test_who_left_comes_back_only_by_a_new_consent(database: Database, clock: StoppedClock) -> None:
    """Importing the list they were on a second time must not undo their leaving."""
    subscriber = await add(database, clock, slots=["morning", "weekly"])
    assert await leave(database, clock, subscriber)
    clock.advance(hours=1)
    for consent in ("paper form of May", "", "  "):
        stays = await add(database, clock, slots=["evening"], consent=consent)
        assert (stays.state, stays.slots) == (SubscriberState.LEFT, ("morning", "weekly"))
    back = await add(database, clock, slots=["evening"], consent="asked by phone in June", language="en")
    assert (back.id, back.state, back.left_at) == (subscriber.id, SubscriberState.ACTIVE, None)
    assert (back.slots, back.consent, back.language) == (("evening",), "asked by phone in June", "en")


async def test_nobody_is_added_without_consent(database: Database, clock: StoppedClock) -> None:
    """The law asks where it came from (정보통신망법 제50조)."""
    with pytest.raises(ValueError, match="consent"):
        await add(database, clock, consent=" ")
    async with database.read() as connection:
        assert await subscribers.find(connection, KIM) is None


async def test_leaving_counts_once(database: Database, clock: StoppedClock) -> None:
    """The second click of an impatient reader changes nothing, not even the time."""
    subscriber = await add(database, clock)
    left_at = clock()
    assert await leave(database, clock, subscriber)
    clock.advance(hours=1)
    assert not await leave(database, clock, subscriber)
    async with database.read() as connection:
        found = await subscribers.get(connection, subscriber.id)
    assert (found.state, found.left_at) == (SubscriberState.LEFT, left_at)


async def test_sections_are_kept_sorted_and_cannot_break_the_key_of_a_variant(
    database: Database, clock: StoppedClock
) -> None:
    """Two readers with the same wishes in another order share a message."""
    subscriber = await add(database, clock, sections=["의회", "교육", "의회"])
    async with database.read() as connection:
        assert (await connection.execute(sa.select(subscriptions.c.sections))).scalar_one() == "교육,의회"
        assert await subscribers.chosen_sections(connection, subscriber.id, "morning") == ("교육", "의회")
        assert await subscribers.chosen_sections(connection, subscriber.id, "weekly") == ()
        assert await subscribers.subscription_since(connection, subscriber.id, "morning") == clock()
        assert await subscribers.subscription_since(connection, subscriber.id, "weekly") is None
    with pytest.raises(ValueError, match="comma"):
        await add(database, clock, sections=["사회,문화"])


async def test_list_is_read_page_by_page(database: Database, clock: StoppedClock) -> None:
    """A hundred thousand readers are never in memory at once."""
    added = [await add(database, clock, addresses.parse(f"r{number}@reader.example")) for number in range(5)]
    await leave(database, clock, added[1])
    pages = []
    after_id = 0
    async with database.read() as connection:
        while page := await subscribers.list_subscribers(
            connection, limit=2, after_id=after_id, state=SubscriberState.ACTIVE
        ):
            pages.append([subscriber.id for subscriber in page])
            after_id = page[-1].id
        counted = await subscribers.count_by_state(connection)
        everybody = await subscribers.list_subscribers(connection, limit=10)
        with pytest.raises(NotFoundError):
            await subscribers.get(connection, 999)
    assert pages == [[added[0].id, added[2].id], [added[3].id, added[4].id]]
    assert counted == {SubscriberState.ACTIVE: 4, SubscriberState.LEFT: 1}
    assert len(everybody) == 5


async def test_sample_readers_go_with_what_waits_for_them(database: Database, clock: StoppedClock) -> None:
    """They do not exist: once the sample is off and a relay is set, nothing may be sent to them."""
    from digest.database import messages

    sample = await add(database, clock, consent="sample")
    real = await add(database, clock, addresses.parse("lee@reader.example"))
    async with database.begin() as connection:
        for reader in (sample, real):
            message = NewMessage("test:1", MessageKind.ALERT, "", "ko", Mail("제목", b"", b""))
            await messages.queue_one(
                connection, message, reader.address, lane=Lane.FIRST, at=clock(), subscriber_id=reader.id
            )
        assert await subscribers.remove_by_consent(connection, "sample") == 1
        assert await subscribers.remove_by_consent(connection, "sample") == 0
        assert await subscribers.find(connection, sample.address) is None
        assert await subscribers.find(connection, real.address) == real
        rows = await connection.execute(sa.select(deliveries.c.recipient, deliveries.c.state))
        assert {row.recipient: row.state for row in rows} == {str(KIM): "dropped", "lee@reader.example": "queued"}
        assert (await connection.execute(sa.select(subscriptions.c.subscriber_id))).scalar_one() == real.id


async def test_the_id_of_a_removed_reader_is_given_to_nobody_else(database: Database, clock: StoppedClock) -> None:
    """Links in old mails are made of the id: the link of a sample reader must not unsubscribe a real one."""
    removed = await add(database, clock, consent="sample")
    async with database.begin() as connection:
        await subscribers.remove_by_consent(connection, "sample")
    newcomer = await add(database, clock, addresses.parse("lee@reader.example"))
    assert newcomer.id != removed.id

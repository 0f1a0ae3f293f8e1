"""What is given up, and how editions and readers stand."""

import pytest
import sqlalchemy as sa

from digest.database import Database, attempts, deliveries, messages
from digest.errors import NotFoundError
from digest.models.deliveries import DeliveryState, DropReason, Lane
from digest.models.editions import EditionState
from tests.support import ledger
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio


async def test_a_reader_who_leaves_is_dropped_claimed_or_not(database: Database, clock: StoppedClock) -> None:
    """Rule D14: leaving takes effect at once, also for mails already queued."""
    edition = await ledger.make_edition(database, at=clock(), readers=2)
    async with database.begin() as connection:
        await connection.run_sync(
            attempts.claim_due, owner="a", lane=Lane.BULK, now=clock(), lease_until=clock(), limit=1
        )
    for subscriber_id in edition.subscriber_ids:
        async with database.begin() as connection:
            dropped = await deliveries.drop_for_subscriber(
                connection, subscriber_id, reason=DropReason.LEFT, at=clock()
            )
        assert dropped == 1

    for row in await ledger.rows(database):
        assert (row["state"], row["drop_reason"], row["settled_at"]) == (
            DeliveryState.DROPPED,
            DropReason.LEFT,
            clock(),
        )


async def test_leaving_does_not_touch_what_was_sent(database: Database, clock: StoppedClock) -> None:
    """An accepted mail stays accepted: the sum of the edition must go on adding up."""
    edition = await ledger.make_edition(database, at=clock(), readers=1)
    await ledger.set_deliveries(database, state=DeliveryState.ACCEPTED)
    async with database.begin() as connection:
        dropped = await deliveries.drop_for_subscriber(
            connection, edition.subscriber_ids[0], reason=DropReason.LEFT, at=clock()
        )
    assert dropped == 0


@pytest.mark.parametrize("state", [DeliveryState.QUEUED, DeliveryState.ATTEMPTING, DeliveryState.DEFERRED])
async def test_an_edition_is_not_done_while_anything_is_under_way(
    database: Database, clock: StoppedClock, state: DeliveryState
) -> None:
    """Done means every reader is accounted for."""
    edition = await ledger.make_edition(database, at=clock(), readers=2)
    await ledger.set_deliveries(database, state=DeliveryState.ACCEPTED)
    await ledger.set_deliveries(database, [edition.delivery_ids[1]], state=state)
    async with database.begin() as connection:
        assert await deliveries.finish_editions(connection, now=clock()) == []
    await ledger.set_deliveries(database, state=DeliveryState.REFUSED)
    async with database.begin() as connection:
        assert await deliveries.finish_editions(connection, now=clock()) == [edition.id]
    assert await ledger.edition_state(database, edition.id) is EditionState.DONE


async def test_a_late_word_that_a_mail_was_deferred_takes_up_its_edition_again(
    database: Database, clock: StoppedClock
) -> None:
    """A worker that was believed dead comes back after the edition was done: its reader must not be lost."""
    edition = await ledger.make_edition(database, at=clock(), readers=1)
    await ledger.set_deliveries(database, state=DeliveryState.UNCERTAIN)
    async with database.begin() as connection:
        assert await deliveries.finish_editions(connection, now=clock()) == [edition.id]
    await ledger.set_deliveries(database, state=DeliveryState.DEFERRED)
    async with database.begin() as connection:
        assert await deliveries.finish_editions(connection, now=clock()) == []
    assert await ledger.edition_state(database, edition.id) is EditionState.SENDING


async def test_a_held_edition_keeps_its_deferred_deliveries_for_a_person(
    database: Database, clock: StoppedClock
) -> None:
    """Held over noon and released in the evening, it also reaches those whose mailbox was busy in the morning."""
    await ledger.make_edition(database, at=clock(), readers=1, state=EditionState.HELD)
    await ledger.set_deliveries(database, state=DeliveryState.DEFERRED, attempted_at=clock())
    async with database.begin() as connection:
        assert await deliveries.drop_late(connection, now=clock.advance(hours=4)) == 0


async def test_what_comes_back_deferred_to_a_cancelled_edition_is_dropped_at_its_deadline(
    database: Database, clock: StoppedClock
) -> None:
    """It was on the wire when a person cancelled; nothing may count as waiting for ever."""
    await ledger.make_edition(database, at=clock(), readers=1, state=EditionState.CANCELLED)
    await ledger.set_deliveries(database, state=DeliveryState.DEFERRED, attempted_at=clock())
    async with database.begin() as connection:
        assert await deliveries.drop_late(connection, now=clock.advance(hours=3)) == 1


async def test_the_sweeps_walk_along_indexes_of_what_is_not_settled(database: Database, clock: StoppedClock) -> None:
    """They run every five seconds beside an edition of a million readers, on SQLite under the lock of all writers."""
    if not database.is_sqlite:
        pytest.skip("only SQLite plans by the indexes alone; the other goes by how many rows there are")
    await ledger.make_edition(database, at=clock(), readers=1)
    statements: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, _context: object, _many: bool) -> None:
        statements.append((statement, parameters))

    later = clock.advance(hours=4)
    async with database.begin() as connection:
        sa.event.listen(database.engine.sync_engine, "before_cursor_execute", note)
        await deliveries.drop_late(connection, now=later)
        await deliveries.hold_late_editions(connection, now=later, reason="late")
        await deliveries.finish_editions(connection, now=later)
        await messages.drop_waiting(connection, 1, reason=DropReason.CANCELLED, at=later)
        sa.event.remove(database.engine.sync_engine, "before_cursor_execute", note)
        plans = [
            (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)).all()  # type: ignore[arg-type]  # as the driver was given them
            for statement, parameters in statements
        ]
    steps = [row[3] for plan in plans for row in plan if "deliveries" in row[3]]
    assert steps
    ways = ("ix_deliveries_waiting", "ix_deliveries_attempting", "INTEGER PRIMARY KEY (rowid>? AND rowid<?)")
    assert [step for step in steps if not any(way in step for way in ways)] == []


async def test_an_edition_nobody_gets_is_done_at_once(database: Database, clock: StoppedClock) -> None:
    """The first edition of a newspaper without subscribers must not wait for ever."""
    edition = await ledger.make_edition(database, at=clock(), readers=0)
    async with database.begin() as connection:
        assert await deliveries.finish_editions(connection, now=clock()) == [edition.id]


@pytest.mark.parametrize("state", [EditionState.HELD, EditionState.CANCELLED, EditionState.CHOSEN])
async def test_only_an_edition_that_goes_out_is_finished(
    database: Database, clock: StoppedClock, state: EditionState
) -> None:
    """A held edition waits for a person, not for its deliveries."""
    await ledger.make_edition(database, at=clock(), readers=0, state=state)
    async with database.begin() as connection:
        assert await deliveries.finish_editions(connection, now=clock()) == []


async def test_the_sum_of_an_edition_is_told_by_state(database: Database, clock: StoppedClock) -> None:
    """`editions prove` stands on this."""
    edition = await ledger.make_edition(database, at=clock(), readers=3)
    async with database.begin() as connection:
        await deliveries.drop_for_subscriber(connection, edition.subscriber_ids[0], reason=DropReason.LEFT, at=clock())
    async with database.read() as connection:
        counts = await deliveries.counts(connection, edition.id)
        with pytest.raises(NotFoundError):
            await deliveries.counts(connection, 4711)
    assert counts.by_state == {DeliveryState.QUEUED: 2, DeliveryState.DROPPED: 1}
    assert counts.adds_up


async def test_what_waits_is_counted_per_lane(database: Database, clock: StoppedClock) -> None:
    """Shown by `doctor` and later by the metrics."""
    await ledger.make_edition(database, at=clock(), readers=3)
    async with database.read() as connection:
        assert await deliveries.waiting(connection) == {Lane.FIRST: 0, Lane.SHARE: 0, Lane.BULK: 3}


async def test_an_addresss_deliveries_come_newest_first(database: Database, clock: StoppedClock) -> None:
    """`explain ADDRESS` begins with what happened last."""
    first = await ledger.make_single(database, at=clock(), recipient="Kim@b.example", key="one")
    second = await ledger.make_single(database, at=clock(), recipient="kim@b.example", key="two")
    await ledger.make_single(database, at=clock(), recipient="lee@b.example")
    async with database.read() as connection:
        found = await deliveries.list_for_address(connection, "kim@b.example", 10)
        newest = await deliveries.list_for_address(connection, "kim@b.example", 1)
    assert [each.id for each in found] == [second, first]
    assert [each.id for each in newest] == [second]
    assert found[0].state is DeliveryState.QUEUED
    assert found[0].reply is None

"""The worker's way with a delivery: claimed, marked, recorded, and settled when nobody comes back."""

from datetime import timedelta
from typing import Any

import pytest

from digest.database import Database, attempts, leaving, results
from digest.database.results import Result
from digest.models.deliveries import Delivery, DeliveryState, DropReason, Lane, MessageKind, Outcome, Reply
from digest.models.editions import EditionState
from tests.support import ledger
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

LEASE = timedelta(seconds=30)
OK = Reply(250, "2.0.0", "2.0.0 queued")
TAKEN = Outcome(DeliveryState.ACCEPTED, OK)
LATER = Outcome(DeliveryState.DEFERRED, Reply(450, "4.2.0", "4.2.0 greylisted"), "deferred at RCPT")


async def _claim(
    database: Database, clock: StoppedClock, owner: str = "a", lane: Lane = Lane.BULK, limit: int = 10
) -> list[Delivery]:
    async with database.begin() as connection:
        claim = await connection.run_sync(
            attempts.claim_due, owner=owner, lane=lane, now=clock(), lease_until=clock() + LEASE, limit=limit
        )
        return claim.deliveries


async def _mark(database: Database, clock: StoppedClock, claimed: list[Delivery], owner: str = "a") -> set[int]:
    async with database.begin() as connection:
        return await connection.run_sync(
            attempts.mark_attempting,
            [each.id for each in claimed],
            owner=owner,
            now=clock(),
            lease_until=clock() + LEASE,
        )


async def _record(database: Database, clock: StoppedClock, delivery_id: int, owner: str = "a", **changes: Any) -> None:
    outcome: Outcome = changes.pop("outcome", TAKEN)
    result = Result(delivery_id, changes.pop("state", outcome.state), outcome, ended_at=clock(), **changes)
    async with database.begin() as connection:
        await connection.run_sync(results.record, [result], owner=owner)


async def test_claims_come_first_due_first_and_begin_the_edition(database: Database, clock: StoppedClock) -> None:
    """Readers are served in the order they were queued in."""
    edition = await ledger.make_edition(database, at=clock(), readers=5)

    claimed = await _claim(database, clock, limit=3)

    assert [each.id for each in claimed] == list(edition.delivery_ids[:3])
    assert str(claimed[0].recipient) == edition.recipients[0]
    assert claimed[0].subscriber_id == edition.subscriber_ids[0]
    assert await ledger.edition_state(database, edition.id) is EditionState.SENDING


async def test_a_mail_made_in_the_moment_its_reader_left_is_not_sent(database: Database, clock: StoppedClock) -> None:
    """Leaving finds no row that another transaction has yet to commit; the last look before sending does."""
    edition = await ledger.make_edition(database, at=clock(), readers=2)
    async with database.begin() as connection:
        await connection.run_sync(leaving.leave, [edition.subscriber_ids[0]], at=clock())

    claimed = await _claim(database, clock)
    marked = await _mark(database, clock, claimed)

    assert marked == {edition.delivery_ids[1]}
    dropped = await ledger.row(database, edition.delivery_ids[0])
    assert (dropped.state, dropped.drop_reason) == (DeliveryState.DROPPED, DropReason.LEFT)


async def test_no_two_owners_get_the_same_delivery(database: Database, clock: StoppedClock) -> None:
    """Two workers share an edition; neither waits, neither repeats."""
    await ledger.make_edition(database, at=clock(), readers=5)

    first = await _claim(database, clock, "a", limit=3)
    second = await _claim(database, clock, "b", limit=3)

    assert len({each.id for each in (*first, *second)}) == 5
    assert await _mark(database, clock, first, "b") == set()
    assert await _claim(database, clock, "c") == []


async def test_a_dead_workers_claims_are_free_when_the_lease_is_over(database: Database, clock: StoppedClock) -> None:
    """They were never sent, so anybody may send them."""
    edition = await ledger.make_edition(database, at=clock())
    first = await _claim(database, clock, "dead")

    clock.advance(seconds=31)
    again = await _claim(database, clock, "b")

    assert [each.id for each in again] == list(edition.delivery_ids)
    assert await _mark(database, clock, first, "dead") == set()
    assert await _mark(database, clock, again, "b") == set(edition.delivery_ids)


@pytest.mark.parametrize("state", [EditionState.CHOSEN, EditionState.HELD, EditionState.CANCELLED])
async def test_an_edition_that_is_not_released_is_not_claimed(
    database: Database, clock: StoppedClock, state: EditionState
) -> None:
    """Held means held, whatever the deliveries say."""
    await ledger.make_edition(database, at=clock(), state=state)
    assert await _claim(database, clock) == []
    async with database.read() as connection:
        assert not await connection.run_sync(attempts.is_due, lane=Lane.BULK, now=clock())


async def test_what_is_held_between_claim_and_mark_is_not_sent(database: Database, clock: StoppedClock) -> None:
    """The last look before the wire."""
    edition = await ledger.make_edition(database, at=clock())
    claimed = await _claim(database, clock)
    await ledger.set_edition(database, edition.id, state=EditionState.HELD)
    assert await _mark(database, clock, claimed) == set()


async def test_nothing_is_claimed_before_it_is_due_or_after_its_deadline(
    database: Database, clock: StoppedClock
) -> None:
    """A reader's own hour is kept, and old news is not sent."""
    await ledger.make_edition(database, at=clock() + timedelta(minutes=1), deadline=timedelta(hours=1))
    assert await _claim(database, clock) == []
    clock.advance(minutes=1)
    claimed = await _claim(database, clock)
    assert len(claimed) == 3
    clock.advance(hours=1)
    assert await _mark(database, clock, claimed) == set()
    assert await _claim(database, clock, "b") == []


async def test_lanes_are_claimed_apart(database: Database, clock: StoppedClock) -> None:
    """What somebody waits for does not queue behind an edition."""
    await ledger.make_edition(database, at=clock())
    single = await ledger.make_single(database, at=clock())
    assert [each.id for each in await _claim(database, clock, lane=Lane.FIRST)] == [single]


async def test_an_acceptance_is_recorded_once(database: Database, clock: StoppedClock) -> None:
    """The state, the reply and the time; no attempts row, which would double a million rows."""
    edition = await ledger.make_edition(database, at=clock(), readers=1)
    await _mark(database, clock, await _claim(database, clock))
    clock.advance(seconds=2)

    await _record(database, clock, edition.delivery_ids[0])
    await _record(database, clock, edition.delivery_ids[0], outcome=LATER)

    row = await ledger.row(database, edition.delivery_ids[0])
    assert (row["state"], row["attempts"], row["reply_code"]) == (DeliveryState.ACCEPTED, 1, 250)
    assert row["settled_at"] == clock()
    assert row["lease_owner"] is None
    assert await ledger.attempt_rows(database) == []


async def test_a_deferral_waits_for_its_time_and_leaves_a_trace(database: Database, clock: StoppedClock) -> None:
    """`explain` must be able to say what was tried and what the server said."""
    edition = await ledger.make_edition(database, at=clock(), readers=1)
    await _mark(database, clock, await _claim(database, clock))
    due_at = clock() + timedelta(minutes=1)

    await _record(database, clock, edition.delivery_ids[0], outcome=LATER, due_at=due_at)

    row = await ledger.row(database, edition.delivery_ids[0])
    assert (row["state"], row["attempts"], row["due_at"]) == (DeliveryState.DEFERRED, 1, due_at)
    [attempt] = await ledger.attempt_rows(database)
    assert (attempt["outcome"], attempt["reply_code"], attempt["charged"]) == (DeliveryState.DEFERRED, 450, True)
    assert attempt["began_at"] == row["attempted_at"]
    assert await _claim(database, clock) == []
    clock.advance(minutes=1)
    [again] = await _claim(database, clock)
    assert again.attempt == 1
    assert (await ledger.row(database, again.id))["state"] is DeliveryState.QUEUED


async def test_a_group_of_results_is_recorded_in_one_go(database: Database, clock: StoppedClock) -> None:
    """Outcomes come in groups, of different kinds."""
    edition = await ledger.make_edition(database, at=clock(), readers=4)
    await _mark(database, clock, await _claim(database, clock))
    outcomes = [TAKEN, LATER, Outcome(DeliveryState.REFUSED, Reply(550, "5.1.1", "5.1.1 unknown")), TAKEN]
    found = [
        Result(delivery_id, outcome.state, outcome, ended_at=clock())
        for delivery_id, outcome in zip(edition.delivery_ids, outcomes, strict=True)
    ]
    async with database.begin() as connection:
        await connection.run_sync(results.record, found, owner="a")
    assert [row["state"] for row in await ledger.rows(database)] == [outcome.state for outcome in outcomes]
    assert [row["reply_code"] for row in await ledger.attempt_rows(database)] == [450, 550]


async def test_an_uncharged_attempt_is_not_counted(database: Database, clock: StoppedClock) -> None:
    """The relay's trouble is not the reader's."""
    edition = await ledger.make_edition(database, at=clock(), readers=1)
    await _mark(database, clock, await _claim(database, clock))
    outcome = Outcome(DeliveryState.DEFERRED, None, "lost at MAIL", charged=False)
    await _record(database, clock, edition.delivery_ids[0], outcome=outcome, due_at=clock())
    [again] = await _claim(database, clock)
    assert again.attempt == 0


async def test_only_the_owner_may_record(database: Database, clock: StoppedClock) -> None:
    """A worker that was taken for dead and replaced must not overwrite its successor."""
    edition = await ledger.make_edition(database, at=clock(), readers=1)
    await _mark(database, clock, await _claim(database, clock, "a"), "a")
    await _record(database, clock, edition.delivery_ids[0], owner="b")
    assert (await ledger.row(database, edition.delivery_ids[0]))["state"] is DeliveryState.ATTEMPTING


async def test_what_a_dead_worker_had_on_the_wire_is_uncertain_for_an_edition(
    database: Database, clock: StoppedClock
) -> None:
    """Better a gap than the same digest twice."""
    edition = await ledger.make_edition(database, at=clock(), readers=2)
    claimed = await _claim(database, clock, "dead", limit=1)
    await _mark(database, clock, claimed, "dead")
    clock.advance(seconds=31)

    async with database.begin() as connection:
        assert await attempts.expire(connection, now=clock()) == ([edition.delivery_ids[0]], [])
    async with database.begin() as connection:
        assert await attempts.expire(connection, now=clock()) == ([], [])

    assert await ledger.states(database) == {DeliveryState.UNCERTAIN: 1, DeliveryState.QUEUED: 1}
    assert [row["attempts"] for row in await ledger.rows(database)] == [1, 0]
    [attempt] = await ledger.attempt_rows(database)
    assert attempt["outcome"] is DeliveryState.UNCERTAIN


async def test_what_a_dead_worker_had_on_the_wire_is_sent_again_for_an_alert(
    database: Database, clock: StoppedClock
) -> None:
    """Better two alerts than none; the Message-ID is the same, so a mailbox may show one."""
    single = await ledger.make_single(database, at=clock())
    await _mark(database, clock, await _claim(database, clock, "dead", Lane.FIRST), "dead")
    clock.advance(seconds=31)

    async with database.begin() as connection:
        assert await attempts.expire(connection, now=clock()) == ([], [single])

    [again] = await _claim(database, clock, "b", Lane.FIRST)
    assert (again.id, again.attempt) == (single, 1)


async def test_a_slow_owners_answer_counts_after_its_lease(database: Database, clock: StoppedClock) -> None:
    """Uncertain was only a guess; who sent the mail knows."""
    edition = await ledger.make_edition(database, at=clock(), readers=1)
    await _mark(database, clock, await _claim(database, clock))
    clock.advance(hours=2)
    async with database.begin() as connection:
        await attempts.expire(connection, now=clock())

    await _record(database, clock, edition.delivery_ids[0])

    assert await ledger.states(database) == {DeliveryState.ACCEPTED: 1}


async def test_a_slow_owners_answer_comes_too_late_for_what_came_back(database: Database, clock: StoppedClock) -> None:
    """A bounce is later word than the acceptance it follows, whichever is told first."""
    edition = await ledger.make_edition(database, at=clock(), readers=1)
    await _mark(database, clock, await _claim(database, clock))
    clock.advance(hours=2)
    async with database.begin() as connection:
        await attempts.expire(connection, now=clock())
    await ledger.set_deliveries(database, state=DeliveryState.BOUNCED)

    await _record(database, clock, edition.delivery_ids[0])
    await _record(database, clock, edition.delivery_ids[0], outcome=LATER, due_at=clock())

    assert await ledger.states(database) == {DeliveryState.BOUNCED: 1}


async def test_renewed_leases_are_not_settled_by_others(database: Database, clock: StoppedClock) -> None:
    """A relay may take ten minutes for one answer; the worker that waits for it is alive."""
    edition = await ledger.make_edition(database, at=clock(), readers=2)
    await _mark(database, clock, (await _claim(database, clock))[:1])
    clock.advance(seconds=20)
    async with database.begin() as connection:
        await connection.run_sync(attempts.renew_leases, edition.delivery_ids, owner="a", lease_until=clock() + LEASE)
    clock.advance(seconds=20)
    async with database.begin() as connection:
        assert await attempts.expire(connection, now=clock()) == ([], [])
    assert await _claim(database, clock, "b") == []


async def test_given_back_deliveries_are_free_at_once(database: Database, clock: StoppedClock) -> None:
    """A clean stop, or a relay that does not answer: the next worker need not wait for the lease."""
    edition = await ledger.make_edition(database, at=clock(), readers=2)
    claimed = await _claim(database, clock)
    await _mark(database, clock, claimed[:1])
    async with database.begin() as connection:
        await connection.run_sync(attempts.give_back, edition.delivery_ids, owner="a")
    assert len(await _claim(database, clock, "b")) == 2
    async with database.begin() as connection:
        await connection.run_sync(attempts.give_back, edition.delivery_ids, owner="a")
    assert await _claim(database, clock, "c") == []


def test_every_kind_of_mail_says_what_becomes_of_an_unanswered_one() -> None:
    """A new kind must decide between a gap and a double."""
    assert set(attempts.PREFERS_DOUBLE) == set(MessageKind)


async def test_nothing_waits_for_what_a_journal_is_writing(database: Database, clock: StoppedClock) -> None:
    """Renewing and settling lock many rows; to wait for another's while holding some ended in deadlocks."""
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time: nothing to wait for, row by row")
    edition = await ledger.make_edition(database, at=clock(), readers=3)
    claimed = await _claim(database, clock)
    await _mark(database, clock, claimed)
    first, *others = sorted(edition.delivery_ids)
    result = Result(first, DeliveryState.ACCEPTED, TAKEN, ended_at=clock())

    async with database.begin() as journal:
        await journal.run_sync(results.record, [result], owner="a")
        later = clock() + 2 * LEASE
        async with database.begin() as connection:
            await connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
            await connection.run_sync(attempts.renew_leases, edition.delivery_ids, owner="a", lease_until=later)
            assert await attempts.expire(connection, now=later) == (others, [])
    assert await ledger.states(database) == {DeliveryState.ACCEPTED: 1, DeliveryState.UNCERTAIN: 2}

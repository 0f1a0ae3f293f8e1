"""What every worker sweeps up: the abandoned, the late, the finished."""

from datetime import timedelta

import pytest

from digest.database import Database, alerts, attempts
from digest.deliver.settle import settle
from digest.models.deliveries import DeliveryState, DropReason, Lane
from digest.models.editions import EditionState
from tests.support import ledger
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio


async def _put_on_the_wire(database: Database, clock: StoppedClock, lane: Lane, limit: int) -> None:
    lease_until = clock() + timedelta(seconds=30)
    async with database.begin() as connection:
        claimed = await connection.run_sync(
            attempts.claim_due, owner="dead", lane=lane, now=clock(), lease_until=lease_until, limit=limit
        )
        ids = [each.id for each in claimed.deliveries]
        await connection.run_sync(attempts.mark_attempting, ids, owner="dead", now=clock(), lease_until=lease_until)


async def test_an_edition_with_nothing_left_is_done(database: Database, clock: StoppedClock) -> None:
    """The end of the way, and settling again changes nothing."""
    edition = await ledger.make_edition(database, at=clock())
    await ledger.set_deliveries(database, state=DeliveryState.ACCEPTED)

    assert (await settle(database, now=clock())).done == (edition.id,)
    assert (await settle(database, now=clock())).done == ()


async def test_a_dead_workers_mails_are_settled_by_kind(database: Database, clock: StoppedClock) -> None:
    """The edition prefers a gap, the alert a double."""
    await ledger.make_edition(database, at=clock(), readers=2)
    await ledger.make_single(database, at=clock())
    await _put_on_the_wire(database, clock, Lane.BULK, 2)
    await _put_on_the_wire(database, clock, Lane.FIRST, 1)

    assert (await settle(database, now=clock())).uncertain == 0
    clock.advance(seconds=31)
    settled = await settle(database, now=clock())

    assert (settled.uncertain, settled.requeued) == (2, 1)
    assert await ledger.states(database) == {DeliveryState.UNCERTAIN: 2, DeliveryState.QUEUED: 1}


async def test_an_edition_past_its_deadline_is_held_and_a_person_told(database: Database, clock: StoppedClock) -> None:
    """Old news is never sent by surprise: not even to those who only waited for the relay."""
    edition = await ledger.make_edition(database, at=clock(), readers=5)
    await ledger.set_deliveries(database, edition.delivery_ids[:1], state=DeliveryState.ACCEPTED)
    tried = {"state": DeliveryState.DEFERRED, "attempts": 1, "attempted_at": clock()}
    later = {"deadline_at": clock() + timedelta(hours=5)}  # for a reader's hour of one's own
    await ledger.set_deliveries(database, edition.delivery_ids[1:2], **tried)
    await ledger.set_deliveries(database, edition.delivery_ids[4:], **tried, **later)
    clock.advance(hours=3)

    settled = await settle(database, now=clock())
    again = await settle(database, now=clock())

    assert settled.held == (edition.id,)
    assert again.held == ()
    assert await ledger.edition_state(database, edition.id) is EditionState.HELD
    assert await ledger.states(database) == {
        DeliveryState.ACCEPTED: 1,
        DeliveryState.DROPPED: 1,  # tried in time, and now too late
        DeliveryState.QUEUED: 2,  # never tried: for a person to decide
        DeliveryState.DEFERRED: 1,  # not too late for this one, but held with the rest
    }
    async with database.read() as connection:
        [alert] = await alerts.list_open(connection)
    assert alert.matter == f"edition:{edition.id}"
    assert "3 of 5 readers" in alert.text
    assert f"digest editions release {edition.id}" in alert.text


async def test_a_deferred_delivery_past_its_deadline_is_dropped_as_too_late(
    database: Database, clock: StoppedClock
) -> None:
    """A mailbox that was full all morning gets no morning edition in the evening."""
    edition = await ledger.make_edition(database, at=clock(), readers=1)
    await ledger.set_deliveries(database, state=DeliveryState.DEFERRED, attempts=2, attempted_at=clock())
    clock.advance(hours=3)

    settled = await settle(database, now=clock())

    row = await ledger.row(database, edition.delivery_ids[0])
    assert (row["state"], row["drop_reason"]) == (DeliveryState.DROPPED, DropReason.TOO_LATE)
    assert settled.done == (edition.id,)


async def test_a_late_mail_without_an_edition_is_dropped(database: Database, clock: StoppedClock) -> None:
    """There is nothing to hold it for."""
    await ledger.make_single(database, at=clock(), deadline=timedelta(minutes=10))
    clock.advance(minutes=11)
    assert (await settle(database, now=clock())).dropped == 1


async def test_a_further_try_claimed_at_the_deadline_is_left_to_its_worker_and_holds_nothing(
    database: Database, clock: StoppedClock
) -> None:
    """Its edition was tried in time: a person need not decide about it, and nobody settles under a lease."""
    edition = await ledger.make_edition(database, at=clock(), readers=1)
    lease = {"lease_owner": "a", "lease_until": clock() + timedelta(hours=3, seconds=10)}
    await ledger.set_deliveries(database, attempts=1, attempted_at=clock(), **lease)

    at_the_deadline = await settle(database, now=clock.advance(hours=3))
    after_the_lease = await settle(database, now=clock.advance(seconds=10))

    assert (at_the_deadline.dropped, at_the_deadline.held) == (0, ())
    assert (after_the_lease.dropped, after_the_lease.held, after_the_lease.done) == (1, (), (edition.id,))


async def test_what_is_on_the_wire_at_the_deadline_is_left_to_its_worker(
    database: Database, clock: StoppedClock
) -> None:
    """It may be accepted in this second."""
    await ledger.make_edition(database, at=clock(), readers=1, deadline=timedelta(seconds=10))
    await _put_on_the_wire(database, clock, Lane.BULK, 1)
    clock.advance(seconds=11)
    settled = await settle(database, now=clock())
    assert (settled.dropped, settled.held, settled.done) == (0, (), ())
    assert await ledger.states(database) == {DeliveryState.ATTEMPTING: 1}

"""The first pass over an edition: every delivery comes up once, whoever walks and whatever is written meanwhile."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from digest.database import Database, attempts, choices, deliveries, domains, messages, paces, renewals, walks
from digest.database.tables import deliveries as table
from digest.database.tables import editions
from digest.limits import Limit, provider_scope, stream_scope
from digest.models.deliveries import DeliveryState, DropReason, Lane
from tests.support import ledger
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

_LEASE = timedelta(seconds=30)


async def _claim(database: Database, clock: StoppedClock, limit: int, owner: str = "a") -> list[int]:
    return [delivery.id for delivery in (await _whole_claim(database, clock, limit, owner)).deliveries]


async def _whole_claim(database: Database, clock: StoppedClock, limit: int, owner: str = "a") -> attempts.Claim:
    def act(connection: Any) -> attempts.Claim:
        until = clock() + _LEASE
        return attempts.claim_due(connection, owner=owner, lane=Lane.BULK, now=clock(), lease_until=until, limit=limit)

    return await database.write(act)


async def _is_due(database: Database, clock: StoppedClock) -> bool:
    async with database.read() as connection:
        return await connection.run_sync(lambda c: attempts.is_due(c, lane=Lane.BULK, now=clock()))


async def _walked_to(database: Database, edition_id: int) -> int | None:
    async with database.read() as connection:
        return await connection.scalar(sa.select(editions.c.walked_to).where(editions.c.id == edition_id))


async def _in_turn(database: Database) -> list[int]:
    return [row["id"] for row in await ledger.rows(database) if row["in_turn"]]


async def _providers(database: Database, ids: Collection[int], provider: str) -> None:
    async with database.begin() as connection:
        await connection.execute(sa.update(table).where(table.c.id.in_(ids)).values(provider=provider))


async def test_claims_come_in_the_order_of_readers(database: Database, clock: StoppedClock) -> None:
    """Each claim goes on where the last one ended, and the walk is over when all had their turn."""
    edition = await ledger.make_edition(database, at=clock(), readers=5)
    assert [await _claim(database, clock, 2) for _ in range(4)] == [
        list(edition.delivery_ids[:2]),
        list(edition.delivery_ids[2:4]),
        [edition.delivery_ids[4]],
        [],
    ]
    assert await _walked_to(database, edition.id) is None
    assert not await _is_due(database, clock)


async def test_claimed_ones_of_a_dead_worker_come_up_again(database: Database, clock: StoppedClock) -> None:
    """They lie behind the walk, so they stand in the index of what waits."""
    edition = await ledger.make_edition(database, at=clock(), readers=4)
    await _claim(database, clock, 3, owner="dead")
    clock.advance(seconds=31)
    assert sorted(await _claim(database, clock, 10)) == list(edition.delivery_ids)


async def test_what_a_pace_does_not_allow_is_put_off_and_comes_later(database: Database, clock: StoppedClock) -> None:
    """A paced provider neither holds up the others nor loses anybody."""
    edition = await ledger.make_edition(database, at=clock(), readers=6)
    slow = edition.delivery_ids[:4]
    await _providers(database, slow, "slow.example")
    async with database.begin() as connection:
        await paces.pause(connection, provider_scope("slow.example"), reason="", at=clock())

    assert await _claim(database, clock, 10) == list(edition.delivery_ids[4:])
    assert await _in_turn(database) == []

    async with database.begin() as connection:
        await paces.resume(connection, provider_scope("slow.example"))
    assert await _claim(database, clock, 10) == list(slow)


async def test_what_no_stream_has_room_for_stays_in_turn(database: Database, clock: StoppedClock) -> None:
    """A limit for all of them is no reason to put off each: the walk stands until there is room."""
    edition = await ledger.make_edition(database, at=clock(), readers=6)
    async with database.begin() as connection:
        await paces.keep_in_step(connection, {stream_scope(Lane.BULK): Limit(stream_scope(Lane.BULK), 60, None)})
    taken = await _claim(database, clock, 10)
    assert 0 < len(taken) < 6
    assert await _in_turn(database) == list(edition.delivery_ids[len(taken) :])
    assert not await _is_due(database, clock)


async def test_a_walk_over_many_that_are_put_off_ends_and_goes_on(
    database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A claim is short even where a large provider is paused: the next one goes on behind what was put off."""
    monkeypatch.setattr(walks, "MOST_PUT_OFF", 2)
    edition = await ledger.make_edition(database, at=clock(), readers=6)
    await _providers(database, edition.delivery_ids[:5], "slow.example")
    async with database.begin() as connection:
        await paces.pause(connection, provider_scope("slow.example"), reason="", at=clock())
    claims = [await _claim(database, clock, 2) for _ in range(3)]
    assert claims == [[], [], [edition.delivery_ids[5]]]


@pytest.mark.parametrize("wait", [timedelta(minutes=-1), timedelta(hours=3)])
async def test_nothing_is_claimed_before_its_time_or_past_its_deadline(
    database: Database, clock: StoppedClock, wait: timedelta
) -> None:
    """And it stays in turn: a person may move the deadline."""
    edition = await ledger.make_edition(database, at=clock(), readers=2)
    clock.advance(seconds=wait.total_seconds())
    assert await _claim(database, clock, 10) == []
    assert await _in_turn(database) == list(edition.delivery_ids)


async def test_an_hour_chosen_meanwhile_is_out_of_turn(database: Database, clock: StoppedClock) -> None:
    """The walk passes over it, and the index of what waits brings it at its hour."""
    edition = await ledger.make_edition(database, at=clock(), readers=3)
    later = clock() + timedelta(hours=1)
    async with database.begin() as connection:
        await choices.move(connection, edition.delivery_ids[1], due_at=later, deadline_at=later + timedelta(hours=3))
    first = await _claim(database, clock, 10)
    clock.advance(hours=1, seconds=1)
    assert (first, edition.delivery_ids[1] in await _claim(database, clock, 10)) == (
        [edition.delivery_ids[0], edition.delivery_ids[2]],
        True,
    )


async def test_one_whose_row_is_being_written_is_not_left_behind(database: Database, clock: StoppedClock) -> None:
    """The walk ends before it and goes on when the other is done, though what follows was free."""
    if database.is_sqlite:
        pytest.skip("only one writes at a time there")
    edition = await ledger.make_edition(database, at=clock(), readers=4)
    async with database.begin() as other:
        await other.execute(sa.select(table.c.id).where(table.c.id == edition.delivery_ids[1]).with_for_update())
        before = await _claim(database, clock, 10)
        again = await _claim(database, clock, 10)
    assert (before, again) == ([edition.delivery_ids[0]], [])
    assert await _claim(database, clock, 10) == list(edition.delivery_ids[1:])


async def test_two_never_walk_at_once(database: Database, clock: StoppedClock) -> None:
    """A worker that finds another one walking goes without; what that one gives up comes up again."""
    if database.is_sqlite:
        pytest.skip("only one writes at a time there")
    edition = await ledger.make_edition(database, at=clock(), readers=4)
    with pytest.raises(ZeroDivisionError):
        async with database.begin() as other:
            await other.run_sync(
                lambda c: attempts.claim_due(
                    c, owner="b", lane=Lane.BULK, now=clock(), lease_until=clock() + _LEASE, limit=2
                )
            )
            assert await _whole_claim(database, clock, 10) == ([], True)
            raise ZeroDivisionError
    everything = await _whole_claim(database, clock, 10)
    assert [delivery.id for delivery in everything.deliveries] == list(edition.delivery_ids)
    assert not everything.is_held_up


async def test_cancelling_gives_up_both_what_is_in_turn_and_what_was_reached(
    database: Database, clock: StoppedClock
) -> None:
    """Nobody is forgotten when an edition adds up."""
    edition = await ledger.make_edition(database, at=clock(), readers=5)
    await _claim(database, clock, 2)
    async with database.begin() as connection:
        dropped = await messages.drop_waiting(connection, edition.id, reason=DropReason.CANCELLED, at=clock())
    assert dropped == 5
    assert await ledger.states(database) == {DeliveryState.DROPPED: 5}


async def test_a_new_deadline_is_given_to_both(database: Database, clock: StoppedClock) -> None:
    """A late edition that a person lets go goes to all who wait."""
    edition = await ledger.make_edition(database, at=clock(), readers=4)
    await _claim(database, clock, 1)
    clock.advance(hours=4)
    async with database.begin() as connection:
        moved = await messages.move_deadline(connection, edition.id, deadline_at=clock() + timedelta(hours=1))
    assert moved == 4
    assert sorted(await _claim(database, clock, 10)) == list(edition.delivery_ids)


async def test_a_message_composed_anew_takes_over_both(database: Database, clock: StoppedClock) -> None:
    """Neither a claimed one nor one in turn is sent what was withdrawn."""
    edition = await ledger.make_edition(database, at=clock(), readers=4)
    other = await ledger.make_edition(database, at=clock(), readers=0, slot="evening")
    await _claim(database, clock, 1)
    async with database.begin() as connection:
        handed = await renewals.hand_over(connection, edition.id, edition.message_id, other.message_id)
    assert handed == 4
    assert {row["message_id"] for row in await ledger.rows(database)} == {other.message_id}


async def test_an_edition_whose_last_readers_left_is_done(database: Database, clock: StoppedClock) -> None:
    """Also while no worker walks: a relay may be paused for days."""
    edition = await ledger.make_edition(database, at=clock(), readers=2)
    async with database.begin() as connection:
        for reader in edition.subscriber_ids:
            await deliveries.drop_for_subscriber(connection, reader, reason=DropReason.LEFT, at=clock())
        assert await deliveries.finish_editions(connection, now=clock()) == [edition.id]


async def test_an_edition_with_readers_in_turn_is_not_done(database: Database, clock: StoppedClock) -> None:
    """Nothing of it stands in an index yet; it is not finished for that."""
    await ledger.make_edition(database, at=clock(), readers=2)
    async with database.begin() as connection:
        assert await deliveries.finish_editions(connection, now=clock()) == []


async def test_what_is_in_turn_is_counted_and_moves_with_its_domain(database: Database, clock: StoppedClock) -> None:
    """What people see, and what is learned of a domain, is about all who wait."""
    await ledger.make_edition(database, at=clock(), readers=3)
    await _claim(database, clock, 1)
    async with database.begin() as connection:
        await domains.learn(connection, "morning.example", "large.example")
        waiting = await deliveries.waiting(connection)
        (figures,) = await domains.figures(connection, now=clock())
    assert (waiting[Lane.BULK], figures.provider, figures.waiting) == (3, "large.example", 3)

"""Token buckets, stops and pauses that all workers share, and claims that keep to them."""

from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa

from digest.addresses import parse
from digest.database import Database, attempts, domains, paces, subscribers
from digest.database.tables import deliveries
from digest.limits import Limit
from digest.models.deliveries import Delivery, DeliveryState, Lane
from digest.models.readers import Format
from tests.support import ledger
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio


async def _edition(database: Database, clock: StoppedClock, *names: str) -> ledger.MadeEdition:
    """An edition with one reader at each of the named providers."""
    edition = await ledger.make_edition(database, at=clock(), readers=len(names))
    for name in set(names):
        ids = [each for each, other in zip(edition.delivery_ids, names, strict=True) if other == name]
        await ledger.set_deliveries(database, ids, provider=name)
    return edition


async def _claim(
    database: Database, clock: StoppedClock, *, owner: str = "a", limit: int = 100, turn: int = 0
) -> list[Delivery]:
    until = clock() + timedelta(seconds=30)
    claimed = await database.write(
        lambda connection: attempts.claim_due(
            connection, owner=owner, lane=Lane.BULK, now=clock(), lease_until=until, limit=limit, turn=turn
        )
    )
    return claimed.deliveries


async def _is_due(database: Database, clock: StoppedClock) -> bool:
    async with database.read() as connection:
        return await connection.run_sync(lambda plain: attempts.is_due(plain, lane=Lane.BULK, now=clock()))


async def _limit(database: Database, *limits: Limit) -> None:
    async with database.begin() as connection:
        await paces.keep_in_step(connection, {limit.scope: limit for limit in limits})


def _by_provider(claimed: list[Delivery]) -> Counter[str]:
    return Counter(each.provider for each in claimed)


def test_after_a_stop_there_is_one_at_a_time_and_then_more() -> None:
    """One more each minute, and free after twenty."""
    now = StoppedClock()()
    at = [paces.width(now, now + timedelta(minutes=minutes)) for minutes in (-1, 0, 0.9, 1, 19.5, 20)]
    assert at == [0, 1, 1, 2, 20, None]


def test_a_clock_that_jumps_fills_no_bucket() -> None:
    """Back by an hour brings nothing once and does not stop it for an hour; forward brings a burst at most."""
    now = StoppedClock()()
    assert paces.filled(2, now, now - timedelta(hours=1), 120) == (2, now - timedelta(hours=1))
    assert paces.filled(2, now, now - timedelta(seconds=2), 120) == (2, now)
    assert paces.filled(3, now, now + timedelta(days=1), 120)[0] == 2
    assert paces.filled(0, now, now + timedelta(seconds=0.5), 120)[0] == 1


def test_the_first_minute_of_a_pace_brings_no_more_than_it_says() -> None:
    """An edition begins with a full bucket: with ten seconds' worth in it 500/s were 630/s (benchmarks/README.md)."""
    now, tokens, at, taken = StoppedClock()(), 0.0, None, 0
    for half_second in range(120):
        tokens, at = paces.filled(tokens, at, now + half_second * timedelta(seconds=0.5), per_minute=30_000)
        taken, tokens = taken + int(tokens), tokens - int(tokens)
    assert 29_500 <= taken <= 30_500


async def test_two_workers_share_one_bucket_and_a_restart_does_not_fill_it(
    database: Database, database_url: str, clock: StoppedClock
) -> None:
    """The limit is a provider's, however many workers there are and however often they start."""
    await _edition(database, clock, *["naver.com"] * 30, *["gmail.com"] * 5)
    await _limit(database, Limit("provider:naver.com", 300.0))

    first = await _claim(database, clock)
    other = Database.open(database_url)
    try:
        second = await _claim(other, clock, owner="b")
        clock.advance(seconds=0.6)
        third = await _claim(other, clock, owner="b")
    finally:
        await other.close()

    assert _by_provider(first) == {"naver.com": 5, "gmail.com": 5}
    assert second == []
    assert _by_provider(third) == {"naver.com": 3}
    assert not await _is_due(database, clock)


async def test_the_least_of_provider_relay_and_stream_holds(database: Database, clock: StoppedClock) -> None:
    """Tokens are taken of every scope for what was really claimed."""
    await _edition(database, clock, *["naver.com"] * 30, *["gmail.com"] * 30)
    await _limit(database, Limit("provider:naver.com", 300.0), Limit("stream:bulk", 600.0), Limit("relay:main", 450.0))

    claimed = await _claim(database, clock)
    assert len(claimed) == 7
    clock.advance(seconds=0.4)
    assert len(await _claim(database, clock)) == 3


async def test_no_more_than_so_many_are_under_way_at_once(database: Database, clock: StoppedClock) -> None:
    """Of all workers; an outcome, and a dead worker's lease, makes room for the next."""
    await _edition(database, clock, *["gmail.com"] * 9)
    await _limit(database, Limit("provider:gmail.com", None, 2))

    first = await _claim(database, clock)
    assert len(first) == 2
    assert await _claim(database, clock, owner="b") == []
    await ledger.set_deliveries(database, [first[0].id], state=DeliveryState.ACCEPTED, lease_until=None)
    assert len(await _claim(database, clock, owner="b")) == 1
    clock.advance(seconds=31)
    assert len(await _claim(database, clock, owner="c")) == 2


async def test_a_stopped_provider_waits_the_others_go_on_and_it_is_begun_slowly(
    database: Database, clock: StoppedClock
) -> None:
    """What was claimed of it comes back at once; a second stop within the hour lasts twice as long."""
    await _edition(database, clock, *["gmail.com"] * 9, *["naver.com"] * 2)
    await _claim(database, clock)
    about = {"first": timedelta(minutes=10), "longest": timedelta(hours=1), "reason": "421 4.7.28 slow"}

    async with database.begin() as connection:
        assert await paces.stop(connection, "gmail.com", now=clock(), **about) == clock() + timedelta(minutes=10)
        assert await paces.stop(connection, "gmail.com", now=clock(), **about) is None
    clock.advance(minutes=1)
    assert _by_provider(await _claim(database, clock)) == {"naver.com": 2}
    clock.advance(minutes=9)
    assert _by_provider(await _claim(database, clock)) == {"gmail.com": 1, "naver.com": 2}
    assert _by_provider(await _claim(database, clock, owner="b")) == {}
    async with database.begin() as connection:
        assert await paces.stop(connection, "gmail.com", now=clock(), **about) == clock() + timedelta(minutes=20)
    clock.advance(minutes=40)
    assert _by_provider(await _claim(database, clock)) == {"gmail.com": 9, "naver.com": 2}


async def test_pausing_takes_back_what_is_claimed(database: Database, clock: StoppedClock) -> None:
    """What a worker holds and has not marked is not begun any more; it goes on when resumed."""
    edition = await _edition(database, clock, "naver.com", "gmail.com")
    await _claim(database, clock)
    async with database.begin() as connection:
        await paces.pause(connection, "provider:naver.com", reason="a test", at=clock())

    marked = await database.write(
        lambda connection: attempts.mark_attempting(
            connection, edition.delivery_ids, owner="a", now=clock(), lease_until=clock() + timedelta(seconds=30)
        )
    )
    assert marked == {edition.delivery_ids[1]}
    assert not await _is_due(database, clock)
    async with database.begin() as connection:
        assert await paces.resume(connection, "provider:naver.com")
    assert _by_provider(await _claim(database, clock)) == {"naver.com": 1}


async def test_providers_come_in_turn(database: Database, clock: StoppedClock) -> None:
    """A large one does not stand before the others, nor do its mails overtake each other."""
    edition = await _edition(database, clock, *["a.example"] * 6, "b.example", "c.example")
    await ledger.set_deliveries(database)  # all of them were put off

    claimed = [await _claim(database, clock, limit=2, turn=turn) for turn in (0, 1, 1)]

    assert [_by_provider(each) for each in claimed] == [
        {"a.example": 2},
        {"b.example": 1, "c.example": 1},
        {"a.example": 2},
    ]
    assert [each.id for each in (*claimed[0], *claimed[2])] == list(edition.delivery_ids[:4])


async def test_what_is_held_back_is_not_walked_through(database: Database, clock: StoppedClock) -> None:
    """Each step of looking for what is due is a search in the index of what waits, never a scan."""
    await _edition(database, clock, *["a.example"] * 3)
    values = {"edition_id_": 1, "lane_": Lane.BULK, "now_": clock(), "owner_": "a", "lease_until_": clock()}
    values |= {"provider_": "a.example", "limit_": 5}
    claim = attempts._CLAIM_OF_EDITION
    for statement in (attempts._DUE_OF_EDITION, claim):
        compiled = statement.compile(
            dialect=database.engine.dialect if not database.is_sqlite else database.plain_engine.dialect  # type: ignore[union-attr]
        )
        if not database.is_sqlite:
            continue
        plan = await database.write(
            lambda connection, compiled=compiled: connection.exec_driver_sql(  # type: ignore[misc]
                f"EXPLAIN QUERY PLAN {compiled}", compiled.construct_params(values) and _ordered(compiled, values)
            ).all()
        )
        steps = [row[3] for row in plan if "deliveries" in row[3]]
        assert steps
        assert not [step for step in steps if step.startswith("SCAN")], steps


def _ordered(compiled: sa.Compiled, values: dict[str, object]) -> tuple[object, ...]:
    given = compiled.construct_params(values)
    processors = compiled._bind_processors  # type: ignore[attr-defined]
    names = compiled.positiontup or []  # type: ignore[attr-defined]
    return tuple(processors[name](given[name]) if name in processors else given[name] for name in names)


async def test_a_learned_domain_takes_its_readers_and_what_waits_along(database: Database, clock: StoppedClock) -> None:
    """Readers added later belong to it, too, and what large providers' domains are is never changed."""
    await ledger.make_edition(database, at=clock(), readers=2)

    async with database.begin() as connection:
        assert await domains.make_own(connection, "morning.example") == "morning.example"
        assert await domains.make_own(connection, "hanmail.net") == "daum.net"
        assert not await domains.learn(connection, "morning.example", "gmail.com")
        for address in ("new@morning.example", "kim@kakao.com", "lee@other.example"):
            await subscribers.add(
                connection,
                parse(address),
                slots=["morning"],
                language="ko",
                format=Format.HTML,
                consent="t",
                at=clock(),
            )
        found = await connection.execute(sa.text("SELECT address, provider FROM subscribers ORDER BY id"))
        assert [row.provider for row in found] == ["morning.example"] * 3 + ["daum.net", ""]
        waiting = await connection.execute(sa.select(deliveries.c.provider))
        assert set(waiting.scalars()) == {"morning.example"}

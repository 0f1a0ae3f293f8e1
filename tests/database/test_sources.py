"""The rows of sources: provisioning, claiming, outcomes."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from digest.database import Database, alerts, sources, turns
from digest.database.connection import PlainConnection
from digest.errors import NotFoundError, WrongStateError
from digest.models.sources import Purpose, Rights, Source, SourceSpec
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

LEASE = timedelta(minutes=5)
GAON = SourceSpec("gaon", "feed", "https://gaon.example/rss", section="시정", picture_hosts=("img.gaon.example",))
NARU = SourceSpec("naru", "feed", "https://naru.example/rss", Purpose.MOST_READ, Rights.LINK_ONLY)


async def provision(database: Database, clock: StoppedClock, *specs: SourceSpec) -> None:
    async with database.begin() as connection:
        await sources.provision(connection, specs, now=clock())


async def claim(database: Database, clock: StoppedClock, owner: str = "w", limit: int = 10) -> list[Source]:
    async with database.begin() as connection:
        return await sources.claim_due(connection, owner=owner, now=clock(), lease=LEASE, limit=limit)


async def fetched(database: Database, source: Source, at: datetime, owner: str = "w") -> bool:
    def act(connection: PlainConnection) -> bool:
        if source.id not in turns.still_ours(connection, [source], owner=owner):
            return False
        one = turns.Fetched(source, at + timedelta(minutes=10), etag='"1"')
        turns.mark_fetched(connection, [one], owner=owner, at=at)
        return True

    return await database.write(act)


async def get(database: Database, name: str = "gaon") -> Source:
    async with database.read() as connection:
        return await sources.get_source(connection, name)


async def test_provisioned_sources_are_kept_in_step(database: Database, clock: StoppedClock) -> None:
    """Every start does this: new ones come, changed ones change, missing ones go, and the rest stays as it was."""
    await provision(database, clock, GAON, NARU)
    (claimed, _other) = sorted(await claim(database, clock), key=lambda source: source.spec.name)
    assert await fetched(database, claimed, clock())
    before = await get(database)
    await provision(database, clock, GAON, NARU)
    assert await get(database) == before
    assert (before.spec, before.provisioned, before.etag) == (GAON, True, '"1"')

    await provision(database, clock, SourceSpec("gaon", "feed", GAON.url, rights=Rights.LINK_ONLY))
    kept = await get(database)
    assert (kept.spec.rights, kept.etag) == (Rights.LINK_ONLY, '"1"')
    async with database.read() as connection:
        assert [source.spec.name for source in await sources.list_sources(connection)] == ["gaon"]
        with pytest.raises(NotFoundError, match="naru"):
            await sources.get_source(connection, "naru")


async def test_a_new_address_forgets_what_was_known_of_the_old_one(database: Database, clock: StoppedClock) -> None:
    """Its ETag means nothing there, and its backlog is a backlog."""
    await provision(database, clock, GAON)
    (claimed,) = await claim(database, clock)
    await fetched(database, claimed, clock())
    await provision(database, clock, SourceSpec("gaon", "feed", "https://new.example/rss"))
    moved = await get(database)
    assert (moved.etag, moved.first_fetched_at, moved.next_fetch_at, moved.failures) == (None, None, None, 0)


async def test_a_source_taken_from_the_settings_and_put_back_is_fetched_again(
    database: Database, clock: StoppedClock
) -> None:
    """Its row stays, because its articles name it."""
    await provision(database, clock, GAON)
    first = await get(database)
    async with database.begin() as connection:
        await alerts.raise_alert(connection, "source:gaon", "broken", at=clock())
    await provision(database, clock)
    assert await claim(database, clock) == []
    async with database.read() as connection:
        assert await alerts.list_open(connection) == []
    await provision(database, clock, GAON)
    assert (await get(database)).id == first.id
    assert len(await claim(database, clock)) == 1


async def test_sources_are_added_and_removed_by_command(database: Database, clock: StoppedClock) -> None:
    """A name is taken once; a removed one is free again; what SOURCES names is removed there."""
    await provision(database, clock, NARU)
    async with database.begin() as connection:
        added = await sources.add_source(connection, GAON)
        assert (added.spec, added.provisioned) == (GAON, False)
        with pytest.raises(WrongStateError, match="gaon already"):
            await sources.add_source(connection, GAON)
        with pytest.raises(WrongStateError, match="SOURCES"):
            await sources.remove_source(connection, "naru", at=clock())
        await sources.remove_source(connection, "gaon", at=clock())
        with pytest.raises(NotFoundError):
            await sources.remove_source(connection, "gaon", at=clock())
        assert (await sources.add_source(connection, GAON)).id == added.id


async def test_sources_added_by_command_survive_a_start(database: Database, clock: StoppedClock) -> None:
    """Provisioning touches only its own."""
    async with database.begin() as connection:
        await sources.add_source(connection, GAON)
    await provision(database, clock, NARU)
    assert (await get(database)).provisioned is False


async def test_many_workers_claim_each_source_once(database: Database, clock: StoppedClock) -> None:
    """However many ask at once."""
    urls = [f"https://x{number}.example/" for number in range(12)]
    await provision(database, clock, *(SourceSpec(f"s{number}", "feed", url) for number, url in enumerate(urls)))
    claims = await asyncio.gather(*(claim(database, clock, f"w{number}", limit=5) for number in range(5)))
    names = [source.spec.name for claimed in claims for source in claimed]
    assert len(names) == len(set(names))
    assert len(names) + len(await claim(database, clock, limit=20)) == 12


async def test_a_lease_holds_until_it_runs_out(database: Database, clock: StoppedClock) -> None:
    """A dead worker's sources wait for that long and no longer."""
    await provision(database, clock, GAON)
    (first,) = await claim(database, clock, "dead")
    assert await claim(database, clock, "other") == []
    clock.advance(minutes=5)
    assert len(await claim(database, clock, "other")) == 1
    assert await fetched(database, first, clock(), "dead") is False
    async with database.begin() as connection:
        failed = await turns.mark_failed(
            connection, first, owner="dead", at=clock(), next_fetch_at=clock(), problem="late"
        )
    assert failed is False
    assert await fetched(database, first, clock(), "other")


async def test_the_longest_overdue_come_first(database: Database, clock: StoppedClock) -> None:
    """Under load nobody starves; what was never fetched comes before all."""
    for name in ("first", "second", "third"):
        async with database.begin() as connection:
            await sources.add_source(connection, SourceSpec(name, "feed", f"https://{name}.example/"))
        if name != "third":
            (claimed,) = await claim(database, clock)
            await fetched(database, claimed, clock())
        clock.advance(seconds=1)
    clock.advance(hours=1)
    order = [(await claim(database, clock, limit=1))[0].spec.name for _ in range(3)]
    assert order == ["third", "first", "second"]


async def test_a_clock_that_jumped_back_does_not_stop_the_fetching(database: Database, clock: StoppedClock) -> None:
    """A source must not wait until a year that was a mistake."""
    await provision(database, clock, GAON)
    now = clock()
    clock.advance(days=3650)
    (claimed,) = await claim(database, clock)
    await fetched(database, claimed, clock())
    clock.set(now)
    assert len(await claim(database, clock)) == 1
    clock.advance(days=-3650)
    assert len(await claim(database, clock)) == 1


async def test_failures_are_counted_in_a_row(database: Database, clock: StoppedClock) -> None:
    """And the last reason is kept."""
    await provision(database, clock, GAON)
    for number in range(2):
        (claimed,) = await claim(database, clock)
        async with database.begin() as connection:
            await turns.mark_failed(
                connection, claimed, owner="w", at=clock(), next_fetch_at=clock(), problem=f"problem {number}"
            )
    failing = await get(database)
    assert (failing.failures, failing.problem, failing.last_ok_at) == (2, "problem 1", None)
    (claimed,) = await claim(database, clock)
    await fetched(database, claimed, clock())
    well = await get(database)
    assert (well.failures, well.problem, well.last_ok_at, well.first_fetched_at) == (0, "", clock(), clock())


async def test_the_answer_on_rights_is_kept_with_its_time(database: Database, clock: StoppedClock) -> None:
    """A later start changes neither as long as the words in the settings are the same; other words are a new answer."""
    spec = SourceSpec(
        "gaon", "listpage", "https://gaon.example/list", rights=Rights.FULL_TEXT_MAIL, options=(("pages", "2"),),
        permission="own paper",
    )  # fmt: skip
    first = clock()
    await provision(database, clock, spec)
    await provision(database, clock, spec)
    clock.advance(days=1)
    await provision(database, clock, spec)
    kept = await get(database)
    await provision(database, clock, replace(spec, permission="a contract"))

    assert (kept.spec, kept.rights_answered_at) == (spec, first)
    assert (await get(database)).rights_answered_at == clock()


async def test_whole_texts_without_permission_are_refused(database: Database) -> None:
    """저작권법 제46조: whoever asks the ledger, not only the commands."""
    spec = SourceSpec("gaon", "feed", "https://gaon.example/rss", rights=Rights.FULL_TEXT_MAIL)
    async with database.begin() as connection:
        with pytest.raises(WrongStateError, match="permission"):
            await sources.add_source(connection, spec)


async def test_a_host_that_another_worker_is_at_is_left_to_it(database: Database, clock: StoppedClock) -> None:
    """A site meets one of us at a time; the worker that is there may take more of it."""
    names = ["a", "b", "c"]
    await provision(database, clock, *(SourceSpec(name, "feed", f"https://Paper.example/{name}") for name in names))
    (first,) = await claim(database, clock, "one", limit=1)
    assert await claim(database, clock, "two") == []
    (second,) = await claim(database, clock, "one", limit=1)
    assert first.id != second.id
    clock.advance(minutes=5)
    assert len(await claim(database, clock, "two")) == 3

"""The audit log: only added to, and whoever changes or removes a row is found out."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from digest.database import Database, audit
from digest.database.tables import audit as table
from digest.database.tables import audit_ends
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio


async def fill(database: Database, clock: StoppedClock, acts: int = 5, who: str = "kim") -> list[int]:
    """Note acts a minute apart; return the ids."""
    for number in range(acts):
        async with database.begin() as connection:
            await audit.note(
                connection, at=clock() + timedelta(minutes=number, microseconds=7), who=who,
                from_where="here", what="subscribers.export", details={"reason": f"나들이 {number}", "n": 1, "x": None},
            )  # fmt: skip
    async with database.read() as connection:
        return list((await connection.execute(sa.select(table.c.id).order_by(table.c.id))).scalars())


async def verified(database: Database, noted: str = "") -> audit.Verified:
    async with database.read() as connection:
        return await audit.verify(connection, noted=noted)


async def test_an_untouched_log_is_whole(database: Database, clock: StoppedClock) -> None:
    """What a row is hashed from comes back the same from both databases; an empty log is whole too."""
    assert (await verified(database)).is_whole

    await fill(database, clock)

    found = await verified(database)
    assert (found.rows, found.is_whole, len(found.last)) == (5, True, 64)


@pytest.mark.parametrize(
    "change",
    [
        {"who": "lee"},
        {"what": "subscribers.show"},
        {"whose": "1" * 64},
        {"from_where": "there"},
        {"details": {"reason": "moving house"}},
    ],
)
async def test_a_changed_row_is_found(database: Database, clock: StoppedClock, change: dict[str, object]) -> None:
    """Each of the five facts the law asks for is under the hash, the time as well."""
    ids = await fill(database, clock)
    async with database.begin() as connection:
        await connection.execute(sa.update(table).where(table.c.id == ids[2]).values(**change))
        await connection.execute(
            sa.update(table).where(table.c.id == ids[3]).values(at=clock() + timedelta(minutes=3, microseconds=8))
        )

    assert (await verified(database)).broken == (ids[2], ids[3])


@pytest.mark.parametrize("place", [0, 2])
async def test_a_removed_row_is_found_by_the_next(database: Database, clock: StoppedClock, place: int) -> None:
    """The first one too: where the chain begins is kept apart."""
    ids = await fill(database, clock)
    async with database.begin() as connection:
        await connection.execute(sa.delete(table).where(table.c.id == ids[place]))

    assert (await verified(database)).broken == (ids[place + 1],)


async def test_removing_the_newest_row_is_found(database: Database, clock: StoppedClock) -> None:
    """No row follows that would miss it; where the chain ends is kept apart."""
    ids = await fill(database, clock)
    async with database.begin() as connection:
        await connection.execute(sa.delete(table).where(table.c.id == ids[-1]))

    found = await verified(database)
    assert (found.broken, found.is_cut_off, found.is_whole) == ((), True, False)


async def test_a_log_made_anew_lacks_the_hash_that_was_noted(database: Database, clock: StoppedClock) -> None:
    """Who may write to the database can compute hashes, too, but not the one in somebody's notebook."""
    await fill(database, clock, 3)
    noted = (await verified(database)).last
    await fill(database, clock, 1)
    assert (await verified(database, noted)).is_whole

    async with database.begin() as connection:
        await connection.execute(sa.delete(table))
        await connection.execute(sa.delete(audit_ends))
    await fill(database, clock, 4, who="lee")

    found = await verified(database, noted)
    assert (found.broken, found.is_cut_off, found.is_noted_there, found.is_whole) == ((), False, False, False)


async def test_what_is_two_years_old_goes_and_the_rest_stays_verifiable(
    database: Database, clock: StoppedClock
) -> None:
    """Old rows go without a gap; one whose clock ran ahead waits behind the others. Removing all is whole as well."""
    ids = await fill(database, clock)
    async with database.begin() as connection:
        gone = await audit.prune(connection, before=clock() + timedelta(minutes=2, seconds=1))
        again = await audit.prune(connection, before=clock() + timedelta(minutes=2, seconds=1))
        kept = list((await connection.execute(sa.select(table.c.id).order_by(table.c.id))).scalars())

    assert (gone, again, kept) == (3, 0, ids[3:])
    assert (await verified(database)).is_whole
    async with database.begin() as connection:
        await audit.prune(connection, before=clock() + timedelta(days=1))
    await fill(database, clock, 1)
    assert ((await verified(database)).rows, (await verified(database)).is_whole) == (1, True)


async def test_addresses_in_an_operators_words_are_not_stored(database: Database, clock: StoppedClock) -> None:
    """A row cannot be changed when that person is erased, so their address must never come in."""
    async with database.begin() as connection:
        details: dict[str, object] = {"reason": 'asked by "kim@naver.example", \\lee@naver.example', "more": ["a@b.c"]}
        await audit.note(
            connection, at=clock(), who="kim", from_where="here", what="subscribers.export", details=details
        )

    async with database.read() as connection:
        [noted] = await audit.list_noted(connection, limit=5)
    assert noted.details == {"reason": 'asked by "(address)", (address)', "more": ["(address)"]}
    assert (await verified(database)).is_whole

"""What a worker claims, and when it says that there is nothing."""

from datetime import timedelta
from typing import Any

import pytest

from digest.database import Database, attempts
from digest.deliver import claimer as claimers
from digest.deliver.claimer import Claimer
from digest.deliver.journal import Journal
from digest.deliver.mails import Mails
from digest.deliver.stock import Stock
from digest.errors import DatabaseUnavailableError
from digest.models.deliveries import Lane
from tests.support import ledger
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

LEASE = timedelta(seconds=30)


async def test_an_edition_goes_on_that_ran_dry_while_other_lanes_were_looked_after(
    database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look takes a moment; a pass that took its answer for the edition's, too, ended with mails left over."""
    await ledger.make_edition(database, at=clock(), readers=25)
    stock = Stock()
    journal = Journal(database, stock, owner="a", clock=clock, lease=LEASE, lanes=1)
    claimer = Claimer(database, stock, journal, owner="a", clock=clock, lease=LEASE, connections=1)
    assert await claimer.fill()
    first = len(stock.held)
    is_due = attempts.is_due

    def lanes_take_all(*args: object, **named: object) -> bool:
        stock.take_unsent()
        return is_due(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(attempts, "is_due", lanes_take_all)
    assert await claimer.fill()
    assert 0 < first < 25
    assert stock.held


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_edition_that_goes_on_is_claimed_without_a_look_and_others_with_one(
    database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look before each cost a twentieth of all the time; a mail somebody waits for must be seen all the same."""
    await ledger.make_edition(database, at=clock(), readers=60)
    stock = Stock()
    journal = Journal(database, stock, owner="a", clock=clock, lease=LEASE, lanes=1)
    claimer = Claimer(database, stock, journal, owner="a", clock=clock, lease=LEASE, connections=1)
    looked_for, is_due = [], attempts.is_due

    def look(*args: Any, lane: Lane, **named: Any) -> bool:
        looked_for.append(lane)
        return is_due(*args, lane=lane, **named)

    monkeypatch.setattr(attempts, "is_due", look)
    found = []
    for urgent in (False, True, False):
        if urgent:
            await ledger.make_single(database, at=clock())
        assert await claimer.fill()
        found.append((Lane.BULK in looked_for, stock.waiting(Lane.FIRST), stock.waiting(Lane.BULK) >= 10))
        assert not claimer.is_wanted
        assert not await claimer.fill()  # there is enough
        stock.take_unsent()
        assert claimer.is_wanted
        looked_for.clear()

    assert found == [(True, 0, True), (False, 1, True), (False, 0, True)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_claims_grow_and_shrink_with_how_soon_they_are_used_up(
    database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few are held by a worker that may die, and still a fast relay never waits for a claim."""
    await ledger.make_edition(database, at=clock(), readers=120)
    now = 100.0
    monkeypatch.setattr(claimers, "monotonic_seconds", lambda: now)
    monkeypatch.setattr(claimers, "_MAX", 30)
    stock = Stock()
    journal = Journal(database, stock, owner="a", clock=clock, lease=LEASE, lanes=1)
    claimer = Claimer(database, stock, journal, owner="a", clock=clock, lease=LEASE, connections=1)
    claims, lows = [], [stock.low]
    for seconds in (0, 0.01, 0.01, 0.01, 2, 2, 2):
        now += seconds
        await claimer.fill()
        claims.append(len(stock.held))
        lows.append(stock.low)
        stock.take_unsent()

    assert claims == [10, 10, 20, 30, 30, 15, 5]  # the last ones are all that was left
    assert lows == [5, 5, 10, 15, 15, 7, 5, 5]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_who_meets_another_at_an_edition_comes_again_in_a_moment(database: Database, clock: StoppedClock) -> None:
    """Nothing was found, and yet there is more: neither may its pass end nor its next look wait."""
    await ledger.make_edition(database, at=clock(), readers=6)
    stock = Stock()
    journal = Journal(database, stock, owner="a", clock=clock, lease=LEASE, lanes=1)
    claimer = Claimer(database, stock, journal, owner="a", clock=clock, lease=LEASE, connections=1)
    about: dict[str, Any] = {
        "owner": "b",
        "lane": Lane.BULK,
        "now": clock(),
        "lease_until": clock() + LEASE,
        "limit": 2,
    }
    async with database.begin() as other:
        await other.run_sync(attempts.claim_due, **about)
        assert (await claimer.fill(), claimer.is_wanted, len(stock.held)) == (True, True, 0)
    assert (await claimer.fill(), len(stock.held)) == (True, 4)


async def test_what_was_claimed_and_cannot_be_read_is_free_at_once(
    database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection breaks between the claim and the message: nobody should wait for the lease of what is not sent."""
    edition = await ledger.make_edition(database, at=clock(), readers=3)
    journal = Journal(database, Stock(), owner="a", clock=clock, lease=LEASE, lanes=1)
    claimer = Claimer(database, Stock(), journal, owner="a", clock=clock, lease=LEASE, connections=1)

    async def gone(_mails: Mails, _message_id: int) -> None:
        raise DatabaseUnavailableError("The database cannot be used now: the connection was closed.")

    monkeypatch.setattr(Mails, "get", gone)
    with pytest.raises(DatabaseUnavailableError):
        await claimer.fill()
    async with journal.running(may_mark=lambda: False, marked=lambda: None):
        await journal.written()

    owners = [row["lease_owner"] for row in await ledger.rows(database, edition.delivery_ids)]
    assert owners == [None, None, None]

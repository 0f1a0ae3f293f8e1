"""What a worker claims, and when it says that there is nothing."""

from datetime import timedelta

import pytest

from digest.database import Database, attempts
from digest.deliver.claimer import Claimer
from digest.deliver.journal import Journal
from digest.deliver.mails import Mails
from digest.deliver.stock import Stock
from digest.errors import DatabaseUnavailableError
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

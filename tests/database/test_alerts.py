"""What a person must know is a row, counted up, mailed at most hourly."""

import pytest

from digest.database import Database, alerts
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio


async def test_the_same_matter_again_is_counted_not_repeated(database: Database, clock: StoppedClock) -> None:
    """A source that fails all night is one line at breakfast."""
    async with database.begin() as connection:
        await alerts.raise_alert(connection, "source:gaon", "answers 500", at=clock())
        await alerts.raise_alert(connection, "source:gaon", "answers 502", at=clock.advance(minutes=5))
        found = await alerts.list_open(connection)
    assert [(alert.matter, alert.text, alert.count) for alert in found] == [("source:gaon", "answers 502", 2)]


async def test_a_matter_is_mailed_once_and_again_after_an_hour_if_it_goes_on(
    database: Database, clock: StoppedClock
) -> None:
    """An operator's mailbox is not a log."""
    async with database.begin() as connection:
        await alerts.raise_alert(connection, "relay", "refuses the login", at=clock())
        assert len(await alerts.claim_for_mail(connection, now=clock())) == 1
        await alerts.raise_alert(connection, "relay", "refuses the login", at=clock.advance(minutes=30))
        assert await alerts.claim_for_mail(connection, now=clock()) == []
        assert len(await alerts.claim_for_mail(connection, now=clock.advance(minutes=31))) == 1
        assert await alerts.claim_for_mail(connection, now=clock.advance(hours=2)) == []


async def test_a_resolved_matter_opens_anew_when_it_comes_back(database: Database, clock: StoppedClock) -> None:
    """The second outage is news again."""
    async with database.begin() as connection:
        await alerts.raise_alert(connection, "relay", "down", at=clock())
        assert await alerts.resolve(connection, "relay", at=clock.advance(minutes=1))
        assert await alerts.list_open(connection) == []
        await alerts.raise_alert(connection, "relay", "down again", at=clock.advance(minutes=1))
        found = await alerts.list_open(connection)
    assert [(alert.count, alert.first_at) for alert in found] == [(1, clock())]

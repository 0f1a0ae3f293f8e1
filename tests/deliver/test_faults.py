"""Faults of ours while mails are on the wire: each has an outcome all the same, and one fault stays one."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from digest.database import Database
from digest.deliver import lanes
from digest.deliver.attempt import Envelopes
from digest.deliver.sender import Sender
from digest.models.deliveries import DeliveryState
from tests.support import ledger
from tests.support.clock import StoppedClock
from tests.support.relay import relay_to
from tests.support.settings import make_settings
from tests.support.smtp_server import HostileServer

pytestmark = pytest.mark.anyio

ACCEPTED, QUEUED, UNCERTAIN = DeliveryState.ACCEPTED, DeliveryState.QUEUED, DeliveryState.UNCERTAIN


def _failing(act: Callable[..., Any], *, at: int) -> Callable[..., Any]:
    """Return `act`, which fails when it is called the `at`th time."""
    calls = 0

    def failing(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            raise ValueError("a fault of ours")
        return act(*arguments, **named)

    return failing


async def test_a_fault_puts_what_is_under_way_in_doubt_and_the_rest_goes_on(
    database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail without an outcome would stay under its lease as long as the worker lives, and its edition never end."""
    edition = await ledger.make_edition(database, at=clock(), readers=20)
    monkeypatch.setattr(lanes, "settle_result", _failing(lanes.settle_result, at=5))
    monkeypatch.setattr(lanes, "_AFTER_FAULT_SECONDS", 0.0)
    async with HostileServer() as server:
        sender = Sender(database, make_settings(smtp_connections=1), relay_to(server), clock=clock, owner="a")
        await asyncio.wait_for(sender.send_due(), 20)

    states = await ledger.states(database)
    assert (states[ACCEPTED] + states[UNCERTAIN], states[UNCERTAIN] <= 2) == (20, True)
    assert Counter(server.recipients) <= Counter(edition.recipients)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_fault_in_every_mail_does_not_burn_through_the_list(
    database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each lane meets it once and rests; so there is time to end the worker before everybody is in doubt."""
    await ledger.make_edition(database, at=clock(), readers=40)
    met, stop = asyncio.Event(), asyncio.Event()

    def fail(*_: object, **__: object) -> None:
        met.set()
        raise ValueError("a fault of ours")

    monkeypatch.setattr(Envelopes, "make", fail)
    monkeypatch.setattr(lanes, "_AFTER_FAULT_SECONDS", 60.0)
    async with HostileServer() as server:
        sender = Sender(database, make_settings(smtp_connections=3), relay_to(server), clock=clock, owner="a")
        running = asyncio.create_task(sender.run(stop))
        await asyncio.wait_for(met.wait(), 20)
        await asyncio.sleep(0.3)
        stop.set()
        await asyncio.wait_for(running, 20)

    states = await ledger.states(database)
    assert (states[UNCERTAIN] + states[QUEUED], states[UNCERTAIN] <= 2) == (40, True)  # one place is for urgent mails

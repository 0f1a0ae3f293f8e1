"""What is marked ahead of the wire: little, and given back when it is not sent after all."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from digest.database import Database, results
from digest.database.results import Result
from digest.deliver import journal as journals
from digest.deliver import lanes
from digest.deliver.journal import Journal
from digest.deliver.sender import Sender
from digest.deliver.stock import Stock
from digest.errors import DatabaseUnavailableError
from digest.models.deliveries import DeliveryState, Outcome, Reply
from tests.support import ledger
from tests.support.clock import StoppedClock
from tests.support.relay import relay_to
from tests.support.settings import make_settings
from tests.support.smtp_server import SILENCE, HostileServer, Received, Script

pytestmark = pytest.mark.anyio

ACCEPTED, QUEUED, UNCERTAIN = DeliveryState.ACCEPTED, DeliveryState.QUEUED, DeliveryState.UNCERTAIN
LANES = 3


async def test_what_a_kill_would_leave_in_doubt_is_bounded_at_every_moment(
    database: Database, clock: StoppedClock
) -> None:
    """Two per lane on the wire, eight per lane marked ahead or not written down: the promise of `deliver/sender`."""
    await ledger.make_edition(database, at=clock(), readers=200)
    in_doubt: list[int] = []
    async with HostileServer() as server:

        async def look(_mail: Received) -> None:
            if len(server.mails) % 20 == 0:
                in_doubt.append((await ledger.states(database))[DeliveryState.ATTEMPTING])

        server.on_mail = look
        sender = Sender(database, make_settings(smtp_connections=LANES), relay_to(server), clock=clock, owner="a")
        await sender.send_due()

    assert await ledger.states(database) == {ACCEPTED: 200}
    assert 0 < max(in_doubt) <= (2 + 8) * LANES


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_could_not_be_stored_is_tried_again_before_it_counts_as_written(
    database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last mails of an edition bring nobody else who would ask for it."""
    lease = timedelta(seconds=30)
    edition = await ledger.make_edition(database, at=clock(), readers=1)
    on_the_wire: dict[str, Any] = {"state": DeliveryState.ATTEMPTING, "attempted_at": clock()}
    await ledger.set_deliveries(database, **on_the_wire, lease_owner="a", lease_until=clock() + lease)
    monkeypatch.setattr(journals, "_TRY_AGAIN_SECONDS", 0.01)
    record, failures = results.record, [DatabaseUnavailableError("The database cannot be used now.")] * 2

    def fail_twice(*arguments: Any, **named: Any) -> None:
        if failures:
            raise failures.pop()
        record(*arguments, **named)

    monkeypatch.setattr(results, "record", fail_twice)
    journal = Journal(database, Stock(), owner="a", clock=clock, lease=lease, lanes=1)
    async with journal.running(may_mark=lambda: False, marked=lambda: None):
        journal.note(Result(edition.delivery_ids[0], ACCEPTED, Outcome(ACCEPTED, Reply(250, "2.0.0", "ok")), clock()))
        await asyncio.wait_for(journal.written(), 5)

    assert await ledger.states(database) == {ACCEPTED: 1}
    assert journal.trouble is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_relay_that_is_slow_to_answer_has_little_marked_ahead(database: Database, clock: StoppedClock) -> None:
    """Eight per lane are for a fast one; here as many again as are on the wire will do."""
    await ledger.make_edition(database, at=clock(), readers=40)
    in_doubt, was_looked_at = [], asyncio.Event()
    async with HostileServer() as server:

        async def look(mail: Received) -> None:
            if mail is server.mails[0]:
                await asyncio.sleep(0.1)
                in_doubt.append((await ledger.states(database))[DeliveryState.ATTEMPTING])
                was_looked_at.set()
            await was_looked_at.wait()

        server.on_mail = look
        transport = relay_to(server, final_timeout_seconds=10)
        await Sender(database, make_settings(smtp_connections=LANES), transport, clock=clock, owner="a").send_due()

    assert in_doubt[0] <= 3 * LANES


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_nothing_is_marked_while_no_lane_is_open(database: Database, clock: StoppedClock) -> None:
    """A relay that does not greet would else leave in doubt what nobody has begun to send."""
    await ledger.make_edition(database, at=clock(), readers=20)
    stop = asyncio.Event()
    async with HostileServer(Script({"greeting": SILENCE})) as server:
        transport = relay_to(server, timeout_seconds=60)
        sender = Sender(database, make_settings(smtp_connections=LANES), transport, clock=clock, owner="a")
        running = asyncio.create_task(sender.run(stop))
        async with asyncio.timeout(20):
            while not server.connections:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        found = await ledger.states(database)
        stop.set()
        await asyncio.wait_for(running, 20)

    assert found == {QUEUED: 20}


async def test_what_was_marked_and_not_handed_over_is_given_back_at_a_stop(
    database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what the relay may have is uncertain; the rest goes on at once with another worker."""
    monkeypatch.setattr(lanes, "_WIRE_SECONDS", 0.2)
    await ledger.make_edition(database, at=clock(), readers=50)
    stop = asyncio.Event()
    silent = Script({"BODY": ["250 2.0.0 ok"] * 6 + [SILENCE] * 40})
    all_silent = asyncio.Event()
    async with HostileServer(silent) as server:

        def look(_mail: Received) -> None:
            if len(server.mails) == 6 + LANES - 1:  # one lane is kept for mails somebody waits for
                all_silent.set()

        server.on_mail = look
        transport = relay_to(server, timeout_seconds=60, final_timeout_seconds=600)
        sender = Sender(database, make_settings(smtp_connections=LANES), transport, clock=clock, owner="a")
        running = asyncio.create_task(sender.run(stop))
        await asyncio.wait_for(all_silent.wait(), 20)
        stop.set()
        await asyncio.wait_for(running, 20)

    found = await ledger.states(database)
    assert found[UNCERTAIN] == LANES - 1
    assert found[ACCEPTED] == 6
    assert found[QUEUED] + found[DeliveryState.DEFERRED] == 50 - 6 - (LANES - 1)
    assert {row["lease_owner"] for row in await ledger.rows(database) if row["state"] is QUEUED} == {None}

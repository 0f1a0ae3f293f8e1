"""What providers answer about our speed, and that only the one that asks for it is left alone."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest
import sqlalchemy as sa

from digest.addresses import parse
from digest.database import Database, alerts, paces
from digest.database.tables import put_offs
from digest.deliver import mx, outcome, pace
from digest.deliver.outcome import Stage
from digest.deliver.sender import Sender
from digest.models.deliveries import Delivery, DeliveryState, Lane, Outcome
from tests.support import ledger
from tests.support.clock import StoppedClock
from tests.support.relay import relay_to
from tests.support.settings import make_settings
from tests.support.smtp_server import HostileServer, Received, Script

pytestmark = pytest.mark.anyio

GMAIL = "4.7.28 Gmail has detected an unusual rate of unsolicited mail"


@pytest.mark.parametrize(
    ("code", "text", "wants"),
    [
        (421, GMAIL, True),
        (451, "4.7.650 The mail server has been temporarily rate limited", True),
        (450, "4.2.1 The user is receiving mail at a rate that prevents more, too many", False),
        (451, "4.7.1 Greylisted, try again in five minutes", False),
        (421, "4.3.2 Too many connections", False),
        (550, "5.7.1 rate limit", False),
    ],
)
async def test_who_asks_for_a_rest(code: int, text: str, wants: bool) -> None:
    """A mailbox's own limit, greylisting and the relay's trouble are not the provider's wish."""
    assert pace.wants_rest(outcome.judge(Stage.RCPT, outcome.read_reply(code, text))) is wants


async def test_only_the_provider_that_asks_for_it_is_left_alone(database: Database, clock: StoppedClock) -> None:
    """421 4.7.28 stops gmail for ten minutes, pauses no relay, costs no try; then everybody gets theirs."""
    edition = await ledger.make_edition(database, at=clock(), readers=12)
    await ledger.set_deliveries(database, edition.delivery_ids[:6], provider="gmail.com")
    script = Script(by_recipient=dict.fromkeys(edition.recipients[:6], f"421 {GMAIL}"), close_after_reply=frozenset())
    async with HostileServer(script) as server:
        sender = Sender(
            database, make_settings(smtp_connections=2), relay_to(server), clock=clock, owner="a", chance=lambda: 0.5
        )
        await sender.send_due()
        accepted = (await ledger.states(database))[DeliveryState.ACCEPTED]
        script.by_recipient.clear()
        clock.advance(minutes=9)
        await sender.send_due()
        assert set(server.recipients).isdisjoint(edition.recipients[:6])
        async with database.read() as connection:
            matters = [alert.matter for alert in await alerts.list_open(connection)]
        clock.advance(minutes=31)
        await sender.send_due()
        await pace.tend(database, make_settings(), now=clock())

    assert accepted == 6
    assert matters == ["provider:gmail.com"]
    assert await ledger.states(database) == {DeliveryState.ACCEPTED: 12}
    async with database.read() as connection:
        assert await alerts.list_open(connection) == []


async def test_after_its_rest_a_provider_gets_one_mail_at_a_time_and_then_more(
    database: Database, clock: StoppedClock
) -> None:
    """Over all lanes of a worker: ten at once would bring the next 4.7.28."""
    under_way = most = 0
    are_two = asyncio.Event()

    async def count(_mail: Received) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if most > 1:
            are_two.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(are_two.wait(), 0.03 if is_first else 5)
        under_way -= 1

    async with HostileServer() as server:
        server.on_mail = count
        settings = make_settings(smtp_connections=6)
        sender = Sender(database, settings, relay_to(server), clock=clock, owner="a")
        async with database.begin() as connection:
            minutes = timedelta(minutes=10)
            await paces.stop(connection, "gmail.com", now=clock(), first=minutes, longest=minutes, reason=GMAIL)
        clock.advance(minutes=10)
        found = []
        for is_first, slot in ((True, "morning"), (False, "evening")):  # noqa: B007 - `count` reads it
            edition = await ledger.make_edition(database, at=clock(), readers=4, slot=slot)
            await ledger.set_deliveries(database, edition.delivery_ids, provider="gmail.com")
            await sender.send_due()
            found.append((len(server.mails), most))
            clock.advance(minutes=2)

    assert found[0] == (4, 1)
    assert found[1] in ((8, 2), (8, 3))


async def test_the_alert_of_a_paused_provider_stays_when_its_rest_is_long_over(
    database: Database, clock: StoppedClock
) -> None:
    """A person paused it meanwhile, or it refuses what we send: nothing goes there, and that must be seen."""
    minutes = timedelta(minutes=10)
    async with database.begin() as connection:
        await paces.stop(connection, "gmail.com", now=clock(), first=minutes, longest=minutes, reason=GMAIL)
        await paces.pause(connection, "provider:gmail.com", reason="it refuses", at=clock())
        await alerts.raise_alert(connection, "provider:gmail.com", "It is paused.", at=clock())
    await pace.tend(database, make_settings(), now=clock() + timedelta(hours=2))
    async with database.read() as connection:
        assert [alert.matter for alert in await alerts.list_open(connection)] == ["provider:gmail.com"]


async def test_domains_behind_a_large_providers_servers_are_learned(database: Database, clock: StoppedClock) -> None:
    """Those with many readers only; without an answer nothing is noted, and it is tried again."""
    await ledger.make_edition(database, at=clock(), readers=20)
    await ledger.make_edition(database, at=clock(), readers=19, slot="evening")
    asked: list[str] = []

    async def offline(_domain: str) -> None:
        return None

    async def google(domain: str) -> str:
        asked.append(domain)
        return "aspmx.l.google.com"

    assert await mx.learn(database, now=clock(), look_up=offline) == 0
    assert await mx.learn(database, now=clock(), look_up=google) == 1
    assert await mx.learn(database, now=clock() + timedelta(days=1), look_up=google) == 0
    assert asked == ["morning.example"]
    assert {row["provider"] for row in await ledger.rows(database) if row["domain"] == "morning.example"} == {
        "gmail.com"
    }


_GREYLISTED = outcome.judge(Stage.RCPT, outcome.read_reply(451, "4.7.1 Greylisted, try again"))
_TAKEN = Outcome(DeliveryState.ACCEPTED)


class _Workers:
    """Two workers on one database that hear how mails of an edition fare at a provider."""

    def __init__(self, database: Database, edition: ledger.MadeEdition, clock: StoppedClock) -> None:
        self._database, self._clock = database, clock
        recipient = parse("kim@daum.example")
        self._delivery = Delivery(1, 1, edition.id, 1, recipient, Lane.BULK, 0, clock(), None, "daum.net")
        self._pacings = [pace.Pacing(database, clock) for _ in range(2)]

    async def hear(self, which: int, heard: Outcome, times: int = 1) -> None:
        for _ in range(times):
            self._pacings[which].heard(self._delivery, heard)
            await self._pacings[which].finish(5)
            self._clock.advance(seconds=1)

    async def is_stopped(self) -> bool:
        async with self._database.read() as connection:
            return [each.scope for each in await paces.list_paces(connection) if each.stopped_until] != []

    async def resume(self) -> None:
        async with self._database.begin() as connection:
            await paces.resume(connection, "provider:daum.net")


async def test_ten_put_off_by_a_provider_are_those_of_all_workers(database: Database, clock: StoppedClock) -> None:
    """Ten workers would otherwise bring it a hundred mails before it is left alone."""
    workers = _Workers(database, await ledger.make_edition(database, at=clock()), clock)
    await workers.hear(0, _GREYLISTED, 5)
    await workers.hear(1, _GREYLISTED, 4)
    assert not await workers.is_stopped()
    await workers.hear(0, _GREYLISTED)
    assert await workers.is_stopped()

    await workers.resume()
    await workers.hear(1, _GREYLISTED)
    assert not await workers.is_stopped()  # it is counted from nothing


async def test_what_a_worker_had_accepted_ends_the_row_of_all(database: Database, clock: StoppedClock) -> None:
    """It says so with what it hears next; what another one had accepted is looked for when there are ten."""
    edition = await ledger.make_edition(database, at=clock())
    workers = _Workers(database, edition, clock)
    await workers.hear(0, _GREYLISTED, 9)
    await workers.hear(0, _TAKEN)
    await workers.hear(0, _GREYLISTED, 4)
    await workers.hear(1, _GREYLISTED, 5)
    assert not await workers.is_stopped()

    await ledger.set_edition(database, edition.id, walked_to=edition.delivery_ids[-1])
    accepted = {"state": DeliveryState.ACCEPTED, "provider": "daum.net", "settled_at": clock()}
    await ledger.set_deliveries(database, edition.delivery_ids[:1], **accepted)
    await workers.hear(1, _GREYLISTED, 2)
    assert not await workers.is_stopped()


async def test_what_is_put_off_now_and_then_is_not_counted_in_the_ledger(
    database: Database, clock: StoppedClock
) -> None:
    """Greylisting is everyday's; a statement for each would cost more than the mails."""
    workers = _Workers(database, await ledger.make_edition(database, at=clock()), clock)
    for _ in range(5):
        await workers.hear(0, _GREYLISTED, 2)
        await workers.hear(0, _TAKEN)
    async with database.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(put_offs)) == 0

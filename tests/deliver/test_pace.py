"""What providers answer about our speed, and that only the one that asks for it is left alone."""

from datetime import timedelta

import pytest

from digest.database import Database, alerts
from digest.deliver import mx, outcome, pace
from digest.deliver.outcome import Stage
from digest.deliver.sender import Sender
from digest.models.deliveries import DeliveryState
from tests.support import ledger
from tests.support.clock import StoppedClock
from tests.support.relay import relay_to
from tests.support.settings import make_settings
from tests.support.smtp_server import HostileServer, Script

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

"""The whole way of a delivery: claimed, marked, sent over real SMTP, recorded."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from digest.config import Settings
from digest.database import Database, alerts, attempts, deliveries, messages, renewals
from digest.database.tables import subscribers
from digest.deliver import lanes, relay_watch, transport
from digest.deliver.sender import Sender
from digest.deliver.settle import settle
from digest.deliver.transport import RelayReport
from digest.deliver.transports import TRANSPORTS
from digest.deliver.transports.outbox import list_mails, read_mail
from digest.models.alerts import Alert
from digest.models.deliveries import DeliveryState, DropReason, Lane, MessageKind, NewMessage
from digest.models.editions import EditionState
from digest.models.readers import SubscriberState
from tests.support import ledger
from tests.support.clock import StoppedClock
from tests.support.relay import relay_to
from tests.support.settings import make_settings
from tests.support.smtp_server import CLOSE, SILENCE, HostileServer, Received, Script

pytestmark = pytest.mark.anyio

ACCEPTED, DEFERRED, REFUSED = DeliveryState.ACCEPTED, DeliveryState.DEFERRED, DeliveryState.REFUSED
_A_MOMENT = 0.1  # longer than a marked mail is handed over without another look
QUEUED, UNCERTAIN, DROPPED = DeliveryState.QUEUED, DeliveryState.UNCERTAIN, DeliveryState.DROPPED


def _sender(database: Database, server: HostileServer, clock: Any, owner: str = "a", **settings: Any) -> Sender:
    chosen = make_settings(**{"smtp_connections": 2, **settings})
    return Sender(database, chosen, relay_to(server), clock=clock, owner=owner, chance=lambda: 0.5)


async def _alerts(database: Database) -> list[Alert]:
    async with database.read() as connection:
        return await alerts.list_open(connection)


# ── the good way ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_edition_reaches_every_reader_once_as_composed(
    database: Database, clock: StoppedClock, settings: Settings, tmp_path: Path
) -> None:
    """Through the built-in server, read back by another parser and compared part by part."""
    edition = await ledger.make_edition(database, at=clock(), readers=7)

    async with TRANSPORTS["outbox"](settings, clock) as transport:
        sender = Sender(database, settings, transport, clock=clock, owner="a")
        assert await sender.send_due() == 7
        assert await sender.send_due() == 0
    await settle(database, now=clock())

    assert await ledger.edition_state(database, edition.id) is EditionState.DONE
    async with database.read() as connection:
        counts = await deliveries.counts(connection, edition.id)
    assert counts.by_state == {ACCEPTED: 7}
    assert counts.adds_up
    folder = settings.data_dir / "outbox"
    mails = list_mails(folder, 100)
    assert sorted(mail.recipient for mail in mails) == sorted(edition.recipients)
    for mail in mails:
        message = message_from_bytes(read_mail(folder, mail.name)[1], policy=policy.SMTP)
        link = message["List-Unsubscribe"].strip("<>")
        text, html = (part.get_payload(decode=True).decode() for part in message.iter_parts())  # type: ignore[union-attr]
        assert message["To"] == mail.recipient
        assert text.replace(link, "(link)") == ledger.TEXT.replace("\0unsubscribe_url\0", "(link)")
        assert html.replace(link, "(link)") == ledger.HTML.replace("\0unsubscribe_url\0", "(link)")
        assert message["Date"].datetime == clock()


@pytest.mark.parametrize("connections", [1, 2, 4])
async def test_a_mail_somebody_waits_for_goes_before_an_edition(
    database: Database, clock: StoppedClock, connections: int
) -> None:
    """An edition of a hundred thousand must not stand before one confirmation."""
    await ledger.make_edition(database, at=clock(), readers=30)
    await ledger.make_single(database, at=clock(), recipient="waiting@gaon.example")

    async with HostileServer() as server:
        await _sender(database, server, clock, smtp_connections=connections).send_due()

    assert server.recipients.index("waiting@gaon.example") <= connections
    assert await ledger.states(database) == {ACCEPTED: 31}


async def test_a_mail_somebody_waits_for_overtakes_an_edition_that_is_being_sent(
    database: Database, clock: StoppedClock
) -> None:
    """The one that comes while an edition is being sent is the usual case, here over a single connection."""
    await ledger.make_edition(database, at=clock(), readers=60)
    async with HostileServer() as server:

        async def urgent(_mail: Received) -> None:
            if len(server.mails) == 5:
                await ledger.make_single(database, at=clock(), recipient="waiting@gaon.example")
            if len(server.mails) >= 5:
                await asyncio.sleep(0.02)

        server.on_mail = urgent
        await _sender(database, server, clock, smtp_connections=1).send_due()

    # Not behind all sixty: as far as they were sent until somebody looked, a tenth of a second later.
    assert server.recipients.index("waiting@gaon.example") <= 30
    assert await ledger.states(database) == {ACCEPTED: 61}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_worker_that_finds_another_at_an_edition_comes_again(database: Database, clock: StoppedClock) -> None:
    """Of three that were started for an edition, one sent it alone: the others had met it at a claim, and left."""
    edition = await ledger.make_edition(database, at=clock(), readers=6)
    until = clock() + timedelta(seconds=30)
    async with HostileServer() as server:
        async with database.begin() as other:
            claim = await other.run_sync(
                attempts.claim_due, owner="b", lane=Lane.BULK, now=clock(), lease_until=until, limit=2
            )
            sending = asyncio.create_task(_sender(database, server, clock).send_due())
            await asyncio.wait({sending}, timeout=_A_MOMENT)
            assert not server.mails
        assert await sending == 4

    assert [delivery.id for delivery in claim.deliveries] == list(edition.delivery_ids[:2])
    assert await ledger.states(database) == {ACCEPTED: 4, QUEUED: 2}


async def test_a_connection_is_renewed_after_its_cap(database: Database, clock: StoppedClock) -> None:
    """Providers cut connections off after a number of mails."""
    await ledger.make_edition(database, at=clock(), readers=10)
    async with HostileServer() as server:
        sender = Sender(
            database,
            make_settings(smtp_connections=1),
            relay_to(server, messages=4),
            clock=clock,
            owner="a",
        )
        await sender.send_due()
    assert server.connections == 3
    assert await ledger.states(database) == {ACCEPTED: 10}


async def test_a_deferred_mail_goes_out_at_its_next_try_under_the_same_message_id(
    database: Database, clock: StoppedClock
) -> None:
    """A server that kept the first one after all can recognise the second."""
    edition = await ledger.make_edition(database, at=clock(), readers=1)
    async with HostileServer(Script({"BODY": ["451 4.3.0 try again"]})) as server:
        got: list[bytes] = []
        server.on_mail = lambda mail: got.append(mail.content)
        sender = _sender(database, server, clock)
        await sender.send_due()
        row = await ledger.row(database, edition.delivery_ids[0])
        assert (row["state"], row["due_at"]) == (DEFERRED, clock() + timedelta(minutes=1))
        clock.advance(minutes=1)
        await sender.send_due()

    ids = [message_from_bytes(content, policy=policy.SMTP)["Message-ID"] for content in got]
    assert len(ids) == 2
    assert ids[0] == ids[1]
    assert await ledger.states(database) == {ACCEPTED: 1}


async def test_running_sends_what_comes_and_stops_cleanly(database: Database, clock: StoppedClock) -> None:
    """The worker's life: wakes for new work, and leaves no lease behind."""
    stop, wake = asyncio.Event(), asyncio.Event()
    async with HostileServer() as server:
        taken = asyncio.Event()
        server.on_mail = lambda _mail: taken.set()
        running = asyncio.create_task(_sender(database, server, clock).run(stop, wake))
        await ledger.make_edition(database, at=clock(), readers=3)
        wake.set()
        await asyncio.wait_for(taken.wait(), 20)
        stop.set()
        await asyncio.wait_for(running, 20)

    rows = await ledger.rows(database)
    assert {row["lease_owner"] for row in rows} == {None}
    assert {row["state"] for row in rows} <= {ACCEPTED, QUEUED}
    assert Counter(row["state"] for row in rows)[ACCEPTED] == len(server.mails)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_an_idle_lane_is_kept_for_the_next_mail(database: Database, clock: StoppedClock) -> None:
    """Who subscribes a moment after another does not wait for a connection, and relays count them."""
    stop, wake = asyncio.Event(), asyncio.Event()
    async with HostileServer() as server, asyncio.timeout(20):
        running = asyncio.create_task(_sender(database, server, clock, smtp_connections=1).run(stop, wake))
        for number in (1, 2):
            await ledger.make_single(database, at=clock(), recipient=f"reader{number}@gaon.example")
            while await ledger.states(database) != {ACCEPTED: number}:
                wake.set()
                await asyncio.sleep(0.01)
        stop.set()
        await running

    assert server.connections == 1


async def test_stopping_cuts_off_a_relay_that_does_not_answer(
    database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends in five seconds, and what was on the wire has a state that is true."""
    monkeypatch.setattr(lanes, "_WIRE_SECONDS", 0.2)
    await ledger.make_edition(database, at=clock(), readers=3)
    stop = asyncio.Event()
    async with HostileServer(Script({"BODY": SILENCE})) as server:
        sender = Sender(
            database,
            make_settings(smtp_connections=2),
            relay_to(server, timeout_seconds=60, final_timeout_seconds=600),
            clock=clock,
            owner="a",
        )
        running = asyncio.create_task(sender.run(stop))
        await asyncio.wait_for(server.heard("DATA"), 20)
        stop.set()
        await asyncio.wait_for(running, 20)

    assert await ledger.states(database) == {UNCERTAIN: 1, QUEUED: 2}
    assert len(server.mails) == 1


async def test_stopping_waits_for_the_answer_to_what_is_on_the_wire(database: Database, clock: StoppedClock) -> None:
    """A restart in the middle of an edition leaves nobody in doubt as long as the relay answers within seconds."""
    await ledger.make_edition(database, at=clock(), readers=3)
    stop = asyncio.Event()

    async def stop_before_the_answer(_mail: Received) -> None:
        stop.set()
        await asyncio.sleep(0.2)

    async with HostileServer() as server:
        server.on_mail = stop_before_the_answer
        sender = _sender(database, server, clock, smtp_connections=2)
        await asyncio.wait_for(sender.run(stop), 20)

    assert await ledger.states(database) == {ACCEPTED: 1, QUEUED: 2}
    assert len(server.mails) == 1


# ── leaving, holding, withdrawing ────────────────────────────────────────────────────────────────────────────────


class _Meanwhile:
    """A transport that lets something happen between the claim and the first mail."""

    def __init__(self, server: HostileServer, act: Any) -> None:
        self._inner, self._act = relay_to(server), act

    async def open_lane(self) -> transport.Lane:
        await self._act()
        return await self._inner.open_lane()

    async def check(self) -> RelayReport:
        return await self._inner.check()


async def test_a_reader_who_leaves_between_claim_and_send_gets_no_mail(database: Database, clock: StoppedClock) -> None:
    """Rule D14: one click, and not even the mail that was about to go."""
    edition = await ledger.make_edition(database, at=clock(), readers=3)

    async def leave() -> None:
        async with database.begin() as connection:
            await deliveries.drop_for_subscriber(
                connection, edition.subscriber_ids[1], reason=DropReason.LEFT, at=clock()
            )

    async with HostileServer() as server:
        sender = Sender(database, make_settings(), _Meanwhile(server, leave), clock=clock, owner="a")
        assert await sender.send_due() == 2

    assert sorted(server.recipients) == [edition.recipients[0], edition.recipients[2]]
    assert await ledger.states(database) == {ACCEPTED: 2, DROPPED: 1}


async def test_an_edition_held_while_it_is_sent_stops_and_can_go_on(database: Database, clock: StoppedClock) -> None:
    """Holding works at once, and keeps no claim that would stop the release."""
    edition = await ledger.make_edition(database, at=clock(), readers=60)
    async with HostileServer() as server:

        async def hold(_mail: Received) -> None:
            if len(server.mails) == 3:
                await ledger.set_edition(database, edition.id, state=EditionState.HELD)
                await asyncio.sleep(_A_MOMENT)

        server.on_mail = hold
        sender = _sender(database, server, clock)
        assert await sender.send_due() in (3, 4)  # one may stand behind the third's dot; what was marked comes back
        assert await sender.send_due() == 0
        await ledger.set_edition(database, edition.id, state=EditionState.RELEASED)
        await sender.send_due()

    assert sorted(server.recipients) == sorted(edition.recipients)
    assert await ledger.states(database) == {ACCEPTED: 60}


async def test_a_reader_who_leaves_after_the_mark_gets_no_mail(database: Database, clock: StoppedClock) -> None:
    """Marked ahead and not handed over yet: on a slow relay that may be a while."""
    edition = await ledger.make_edition(database, at=clock(), readers=20)
    async with HostileServer() as server:

        async def leave(_mail: Received) -> None:
            if len(server.mails) == 3:
                async with database.begin() as connection:
                    for number in edition.subscriber_ids[3:]:
                        left = sa.update(subscribers).where(subscribers.c.id == number)
                        await connection.execute(left.values(state=SubscriberState.LEFT))
                        await deliveries.drop_for_subscriber(connection, number, reason=DropReason.LEFT, at=clock())
                await asyncio.sleep(_A_MOMENT)

        server.on_mail = leave
        assert await _sender(database, server, clock, smtp_connections=1).send_due() in (3, 4)

    states = await ledger.states(database)
    assert (states[ACCEPTED] + states[DROPPED], states[DROPPED] >= 16) == (20, True)


async def test_what_is_marked_does_not_go_out_with_a_withdrawn_article(database: Database, clock: StoppedClock) -> None:
    """The edition is composed anew between two mails: the rest waits for the new message."""
    edition = await ledger.make_edition(database, at=clock(), readers=20)
    async with HostileServer() as server:

        async def replace_message(_mail: Received) -> None:
            if len(server.mails) == 3:
                async with database.begin() as connection:
                    new = await messages.store(
                        connection,
                        NewMessage("new", MessageKind.DIGEST, "ko|html", "ko", ledger.DIGEST, edition.id),
                        at=clock(),
                    )
                    await renewals.hand_over(connection, edition.id, edition.message_id, new)
                await asyncio.sleep(_A_MOMENT)

        server.on_mail = replace_message
        assert await _sender(database, server, clock, smtp_connections=1).send_due() >= 3

    old = [row for row in await ledger.rows(database) if row["message_id"] == edition.message_id]
    assert sum(row["state"] == ACCEPTED for row in old) in (3, 4)


async def test_a_mail_that_no_server_may_be_given_holds_its_edition(database: Database, clock: StoppedClock) -> None:
    """One refusal per reader would be the price of sending it."""
    broken = replace(ledger.DIGEST, html=b"<p>" + b"x" * 1200 + b"</p>\r\n")
    edition = await ledger.make_edition(database, at=clock(), readers=5, mail=broken)
    async with HostileServer() as server:
        await _sender(database, server, clock).send_due()

    assert server.mails == []
    assert await ledger.edition_state(database, edition.id) is EditionState.HELD
    [alert] = await _alerts(database)
    assert (alert.matter, "998 octets" in alert.text) == (f"edition:{edition.id}", True)
    assert (await ledger.states(database))[REFUSED] == 0


# ── bad input: the relay ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_relay_that_refuses_the_login_costs_no_delivery_and_alerts(
    database: Database, clock: StoppedClock
) -> None:
    """A changed password must not cost one reader one try."""
    await ledger.make_edition(database, at=clock(), readers=5)
    script = Script({"AUTH": "535 5.7.8 wrong password"}, extensions=("AUTH PLAIN",))
    async with HostileServer(script) as server:
        transport = relay_to(server, user="news", password="wrong")
        sender = Sender(database, make_settings(), transport, clock=clock, owner="a")
        assert await sender.send_due() == 0
        [alert] = await _alerts(database)
        assert (alert.matter, "535 5.7.8 wrong password" in alert.text) == ("relay", True)
        rows = await ledger.rows(database)
        assert {(row["state"], row["attempts"], row["lease_owner"]) for row in rows} == {(QUEUED, 0, None)}

        script.replies.clear()
        assert await sender.send_due() == 5

    assert await _alerts(database) == []
    assert await ledger.states(database) == {ACCEPTED: 5}


@pytest.mark.parametrize("stage", ["greeting", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", "BODY"])
async def test_a_relay_that_answers_4xx_at_each_stage_loses_nobody(
    database: Database, clock: StoppedClock, stage: str
) -> None:
    """Not now is not never: every reader still waits, and gets the mail when the relay has recovered."""
    edition = await ledger.make_edition(database, at=clock(), readers=5)
    code = "451 4.3.0 try again later"
    script = Script({stage: code, "HELO": code}, extensions=("AUTH PLAIN",))
    async with HostileServer(script) as server:
        sender = Sender(database, make_settings(), relay_to(server, user="u", password="p"), clock=clock, owner="a")
        await sender.send_due()
        assert set(await ledger.states(database)) <= {QUEUED, DEFERRED}
        assert server.mails == []

        script.replies.clear()
        for _ in range(3):
            clock.advance(minutes=10)
            await sender.send_due()

    assert sorted(server.recipients) == sorted(edition.recipients)
    assert await ledger.states(database) == {ACCEPTED: 5}


@pytest.mark.parametrize(
    ("stage", "said", "matter"),
    [
        ("greeting", "554 5.3.2 not here", "relay"),
        ("AUTH", "535 5.7.8 no", "relay"),
        ("MAIL", "550 5.7.1 sender not allowed", "edition:1"),
        ("RCPT", "554 5.7.1 relay access denied", "relay"),
        ("RCPT", "550 5.1.1 unknown user", ""),
        ("DATA", "554 5.5.1 no", "relay"),
        ("DATA", "550 5.1.1 unknown user", ""),
        ("BODY", "554 5.7.1 looks like spam", "edition:1"),
        ("BODY", "550 5.1.1 unknown user", ""),
    ],
)
async def test_a_relay_that_answers_5xx_at_each_stage_burns_no_list(
    database: Database, clock: StoppedClock, stage: str, said: str, matter: str
) -> None:
    """Only what is said about a recipient is final for that recipient; the rest stops the sending and is told."""
    await ledger.make_edition(database, at=clock(), readers=30)
    async with HostileServer(Script({stage: said}, extensions=("AUTH PLAIN",))) as server:
        transport = relay_to(server, user="u", password="p")
        sent = await Sender(database, make_settings(smtp_connections=2), transport, clock=clock, owner="a").send_due()

    found = await ledger.states(database)
    if not matter:
        assert (found, await _alerts(database)) == ({REFUSED: 30}, [])
        return
    [alert] = await _alerts(database)
    assert (alert.matter, said in alert.text) == (matter, True)
    if stage in ("greeting", "AUTH"):
        assert sent == 0
    else:  # three in a row are the relay's, five the mail's; and what the other lane had on the wire
        assert sent == 3 if matter == "relay" else 5 <= sent <= 5 + 1
    assert found == +Counter({QUEUED: 30 - sent, DEFERRED: sent})
    assert {row["attempts"] for row in await ledger.rows(database)} == {0}


@pytest.mark.parametrize("extensions", [("PIPELINING",), ()])
async def test_a_relay_that_refuses_the_null_sender_is_not_paused(
    database: Database, clock: StoppedClock, extensions: tuple[str, ...]
) -> None:
    """Answers alone go under it: they wait for the operator, who reads which setting helps; all else goes out."""
    for number in range(5):
        to = f"reader{number}@gaon.example"
        await ledger.make_single(database, at=clock(), recipient=to, kind=MessageKind.REPLY, deadline=timedelta(days=1))
    said = "501 5.1.7 <>: sender address must contain a domain"
    async with HostileServer(Script({"MAIL": said}, extensions=extensions)) as server:
        await _sender(database, server, clock, smtp_connections=1).send_due()
        assert await ledger.states(database) == {DEFERRED: 5}
        [alert] = await _alerts(database)
        assert (alert.matter, "INBOUND_NULL_SENDER" in alert.text) == ("mails:null-sender", True)

        server.script.replies.clear()
        await ledger.make_edition(database, at=clock(), readers=2)
        clock.advance(hours=1)
        await _sender(database, server, clock, inbound_null_sender=False).send_due()

    assert await ledger.states(database) == {ACCEPTED: 7}
    assert {mail.envelope_from for mail in server.mails} == {str(make_settings().sender)}


async def test_one_refused_reader_stops_nobody_else(database: Database, clock: StoppedClock) -> None:
    """The list goes on, and the refusal is kept with its words."""
    edition = await ledger.make_edition(database, at=clock(), readers=6)
    script = Script(
        by_recipient={
            edition.recipients[0]: "550 5.1.1 unknown",
            edition.recipients[2]: "452 4.2.2 mailbox full",
            edition.recipients[4]: "550 5.7.1 we do not like you",
        }
    )
    async with HostileServer(script) as server:
        await _sender(database, server, clock).send_due()

    states = {row["recipient"]: row["state"] for row in await ledger.rows(database)}
    assert [states[each] for each in edition.recipients] == [REFUSED, ACCEPTED, DEFERRED, ACCEPTED, DEFERRED, ACCEPTED]
    assert (await ledger.row(database, edition.delivery_ids[0]))["reply_text"] == "5.1.1 unknown"
    assert await _alerts(database) == []


async def test_a_full_mailbox_is_deferred_until_the_deadline_and_then_dropped(
    database: Database, clock: StoppedClock
) -> None:
    """5xx for a full mailbox is not final, but the morning's news has an end."""
    edition = await ledger.make_edition(database, at=clock(), readers=1)
    async with HostileServer(Script({"RCPT": "552 5.2.2 mailbox full"})) as server:
        sender = _sender(database, server, clock)
        while (row := await ledger.row(database, edition.delivery_ids[0]))["state"] is not DROPPED:
            clock.set(row["due_at"])
            await sender.send_due()

    assert (row["drop_reason"], row["reply_status"]) == (DropReason.TOO_LATE, "5.2.2")
    # After 0, 1, 6, 21, 51, 111 and 171 minutes; the next would be past the three hours.
    assert row["attempts"] == len(await ledger.attempt_rows(database)) == 7


async def test_a_relay_that_closes_the_connection_in_the_middle_of_data_leaves_an_edition_uncertain(
    database: Database, clock: StoppedClock
) -> None:
    """Never sent again by machine: the reader might get the digest twice. Three in a row stop the sending."""
    await ledger.make_edition(database, at=clock(), readers=10)
    script = Script(cut_body_after=100)
    async with HostileServer(script) as server:
        sender = _sender(database, server, clock)
        assert await sender.send_due() == 3
        assert await ledger.states(database) == {UNCERTAIN: 3, QUEUED: 7}
        [alert] = await _alerts(database)
        assert alert.matter == "relay"

        script.cut_body_after = None
        await sender.send_due()

    assert await ledger.states(database) == {UNCERTAIN: 3, ACCEPTED: 7}
    assert max(Counter(server.recipients).values()) == 1


async def test_an_alert_without_an_answer_is_sent_again(database: Database, clock: StoppedClock) -> None:
    """Its kind prefers a double to a gap."""
    single = await ledger.make_single(database, at=clock())
    async with HostileServer(Script({"BODY": [CLOSE]})) as server:
        sender = _sender(database, server, clock)
        await sender.send_due()
        assert (await ledger.row(database, single))["state"] is DEFERRED
        clock.advance(minutes=1)
        await sender.send_due()

    assert [mail.acknowledged for mail in server.mails] == [False, True]
    assert await ledger.states(database) == {ACCEPTED: 1}
    assert [row["outcome"] for row in await ledger.attempt_rows(database)] == [UNCERTAIN]


@pytest.mark.parametrize(("stage", "state"), [("greeting", QUEUED), ("MAIL", DEFERRED), ("BODY", UNCERTAIN)])
async def test_a_relay_that_never_answers_is_given_up_after_its_time(
    database: Database, clock: StoppedClock, stage: str, state: DeliveryState
) -> None:
    """No lane hangs for ever, and before the body nothing is charged."""
    edition = await ledger.make_edition(database, at=clock(), readers=1)
    async with HostileServer(Script({stage: SILENCE})) as server:
        await _sender(database, server, clock).send_due()

    row = await ledger.row(database, edition.delivery_ids[0])
    assert (row["state"], row["attempts"]) == (state, 1 if state is UNCERTAIN else 0)


async def test_421_between_two_mails_goes_on_over_a_new_connection(database: Database, clock: StoppedClock) -> None:
    """How relays end a connection they find long enough."""
    edition = await ledger.make_edition(database, at=clock(), readers=4)
    script = Script({"MAIL": ["250 2.1.0 ok", "421 4.7.0 enough", "250 2.1.0 ok"]})
    async with HostileServer(script) as server:
        sender = _sender(database, server, clock)
        await sender.send_due()
        clock.advance(minutes=1)
        await sender.send_due()

    assert sorted(server.recipients) == sorted(edition.recipients)
    assert await _alerts(database) == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_pause_in_the_middle_of_an_edition_leaves_the_rest_of_the_process_its_time(
    database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker once looked again without a pause of its own: no lease was renewed, no page answered for a minute."""
    await ledger.make_edition(database, at=clock(), readers=60)
    looks, fill, stop = 0, Sender._fill, asyncio.Event()

    async def look(sender: Sender) -> bool:
        nonlocal looks
        looks += 1
        return await fill(sender)

    monkeypatch.setattr(Sender, "_fill", look)
    monkeypatch.setattr(relay_watch, "_FIRST_PAUSE_SECONDS", 2.0)
    async with HostileServer() as server, asyncio.timeout(30):

        def go_away(_mail: Received) -> None:
            if len(server.mails) == 12:
                server.script.replies.update({"greeting": "421 4.3.2 going down", "MAIL": CLOSE})

        server.on_mail = go_away
        running = asyncio.create_task(_sender(database, server, clock).run(stop))
        while not await _alerts(database):  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        before = looks
        await asyncio.sleep(0.3)
        found = await ledger.states(database)
        stop.set()
        await running

    assert looks - before < 20
    assert found[DeliveryState.ATTEMPTING] == 0


async def test_a_relay_that_is_away_is_waited_for(database: Database, clock: StoppedClock) -> None:
    """The alert comes and goes by itself; nobody lost a try."""
    await ledger.make_edition(database, at=clock(), readers=2)
    server = HostileServer()
    async with server:
        port = server.port
    sender = _sender(database, server, clock)
    await sender.send_due()
    [alert] = await _alerts(database)
    assert "cannot be reached" in alert.text

    server = HostileServer()
    server.port = port
    async with server:
        await sender.send_due()
    assert await ledger.states(database) == {ACCEPTED: 2}
    assert await _alerts(database) == []


# ── bad input: workers and clocks ────────────────────────────────────────────────────────────────────────────────


async def test_two_workers_started_by_mistake_send_nothing_twice(database: Database, clock: StoppedClock) -> None:
    """The ledger decides who sends; nobody has to be the leader."""
    edition = await ledger.make_edition(database, at=clock(), readers=80)
    await ledger.make_single(database, at=clock())
    async with HostileServer() as server:
        workers = [_sender(database, server, clock, owner, smtp_connections=3) for owner in ("a", "b")]
        sent = await asyncio.gather(*(worker.send_due() for worker in workers))

    assert sum(sent) == 81
    assert Counter(server.recipients) == Counter([*edition.recipients, "operator@gaon.example"])
    assert await ledger.states(database) == {ACCEPTED: 81}


class _JumpingClock(StoppedClock):
    """Jumps by `by` when it is asked the `after`th time."""

    def __init__(self, after: int, by: timedelta) -> None:
        super().__init__()
        self._after, self._by = after, by

    def __call__(self) -> Any:
        self._after -= 1
        if self._after == 0:
            self.at += self._by
        return self.at


@pytest.mark.parametrize(("after", "hours"), [(1, -26), (12, -26), (12, -1), (12, 1), (12, 26), (40, 26)])
async def test_a_clock_that_jumps_sends_nothing_twice_and_loses_nobody(
    database: Database, after: int, hours: int
) -> None:
    """A machine that wakes with a wrong time, and is set right later."""
    start = StoppedClock().at
    edition = await ledger.make_edition(database, at=start, readers=20)
    clock = _JumpingClock(after, timedelta(hours=hours))
    async with HostileServer() as server:
        sender = _sender(database, server, clock)
        await sender.send_due()
        await settle(database, now=clock())
        jumped = await ledger.edition_state(database, edition.id)

        clock.set(start + timedelta(minutes=1))
        await ledger.set_edition(database, edition.id, state=EditionState.RELEASED)  # `digest editions release`
        await sender.send_due()

    assert jumped is not EditionState.HELD or hours == 26
    assert sorted(server.recipients) == sorted(edition.recipients)
    assert await ledger.states(database) == {ACCEPTED: 20}


async def test_an_edition_past_its_deadline_is_not_sent(database: Database, clock: StoppedClock) -> None:
    """A worker that was away for the morning must not mail it in the afternoon."""
    await ledger.make_edition(database, at=clock(), readers=3)
    clock.advance(hours=3)
    async with HostileServer() as server:
        assert await _sender(database, server, clock).send_due() == 0
    assert server.mails == []


async def test_a_test_mail_of_a_digest_goes_in_the_first_lane(database: Database, clock: StoppedClock) -> None:
    """`send-test` shows the edition to one person without being part of its sum."""
    mail = replace(ledger.DIGEST, headers=ledger.make_headers(leave=False), text=b"test\r\n", html=b"<p>test</p>\r\n")
    single = await ledger.make_single(database, at=clock(), kind=MessageKind.DIGEST, mail=mail)
    async with HostileServer() as server:
        await _sender(database, server, clock).send_due()
    assert (await ledger.row(database, single))["lane"] is Lane.FIRST
    assert await ledger.states(database) == {ACCEPTED: 1}

"""Several relays: which of them gets the mails while one is in trouble, and after."""

import asyncio
from collections import Counter

import pytest

from digest.database import Database, alerts, paces
from digest.deliver.place import make_places
from digest.deliver.relays import Relays
from digest.deliver.sender import Sender
from digest.deliver.transport import WayOut
from digest.deliver.transports.smtp import SmtpTransport
from digest.errors import LoginRefusedError, RelayLoginError
from digest.limits import Limit
from digest.models.deliveries import DeliveryState
from tests.support import ledger
from tests.support.clock import StoppedClock
from tests.support.relay import relay_to
from tests.support.settings import make_settings
from tests.support.smtp_server import CLOSE, SILENCE, HostileServer, Received, Script

pytestmark = pytest.mark.anyio

ACCEPTED, DEFERRED = DeliveryState.ACCEPTED, DeliveryState.DEFERRED
QUEUED, UNCERTAIN = DeliveryState.QUEUED, DeliveryState.UNCERTAIN


def _sender(
    database: Database,
    clock: StoppedClock,
    main: SmtpTransport,
    backup: HostileServer,
    *,
    connections: int = 4,
    backup_connections: int = 3,
) -> Sender:
    further = WayOut("backup", relay_to(backup, final_timeout_seconds=5), backup_connections)
    settings = make_settings(smtp_connections=connections)
    return Sender(database, settings, main, clock=clock, owner="a", further=[further], chance=lambda: 0.5)


async def _alerts(database: Database) -> dict[str, str]:
    async with database.read() as connection:
        return {alert.matter: alert.text for alert in await alerts.list_open(connection)}


async def test_a_first_relay_that_refuses_the_login_leaves_everything_to_the_next(
    database: Database, clock: StoppedClock
) -> None:
    """A changed password in the night: the morning's edition goes out, nobody is charged a try, a person is told."""
    edition = await ledger.make_edition(database, at=clock(), readers=40)
    refusing = Script({"AUTH": "535 5.7.8 wrong password"}, extensions=("AUTH PLAIN",))
    async with HostileServer(refusing) as main, HostileServer() as backup:
        await _sender(database, clock, relay_to(main, user="news", password="wrong"), backup).send_due()

    assert (main.mails, Counter(backup.recipients)) == ([], Counter(edition.recipients))
    assert backup.connections <= 2  # of the three it allows one is for mails somebody waits for
    assert await ledger.states(database) == {ACCEPTED: 40}
    assert await ledger.attempt_rows(database) == []
    told = await _alerts(database)
    assert list(told) == ["relay"]
    assert "535 5.7.8 wrong password" in told["relay"]


async def test_a_first_relay_that_dies_in_the_middle_leaves_the_rest_to_the_next(
    database: Database, clock: StoppedClock
) -> None:
    """What was on the wire at it is not given to the other: it may have been taken."""
    edition = await ledger.make_edition(database, at=clock(), readers=60)
    async with HostileServer() as main, HostileServer() as backup:

        def die(_mail: Received) -> None:
            if len(main.mails) == 10:
                main.script.replies.update({"greeting": "421 4.3.2 going down", "BODY": CLOSE, "MAIL": CLOSE})

        main.on_mail = die
        sender = _sender(database, clock, relay_to(main), backup)
        await sender.send_due()
        clock.advance(minutes=1)
        await sender.send_due()

    found = await ledger.states(database)
    assert set(found) <= {ACCEPTED, UNCERTAIN}
    assert found[UNCERTAIN] <= 4  # one per lane
    assert Counter(main.recipients + backup.recipients) == Counter(edition.recipients)
    assert len(backup.recipients) > 30
    assert {row["attempts"] for row in await ledger.rows(database) if row["state"] is not UNCERTAIN} <= {0, 1}


async def test_lanes_move_back_when_the_first_relay_works_again(database: Database, clock: StoppedClock) -> None:
    """One lane tries it; the others go on with the next relay until it has answered, and follow then."""
    first = await ledger.make_edition(database, at=clock(), readers=20)
    async with HostileServer(Script({"greeting": "421 4.3.2 not now"})) as main, HostileServer() as backup:
        sender = _sender(database, clock, relay_to(main), backup)
        await sender.send_due()
        assert sorted(backup.recipients) == sorted(first.recipients)

        main.script.replies.clear()
        connections, was_tried = main.connections, asyncio.Event()

        async def not_before_it_was_tried(_mail: Received) -> None:
            await asyncio.wait_for(was_tried.wait(), 5)

        async def tried(_mail: Received) -> None:
            if not was_tried.is_set():
                assert main.connections == connections + 1  # one lane, not all of them
                was_tried.set()

        backup.on_mail, main.on_mail = not_before_it_was_tried, tried
        second = await ledger.make_edition(database, at=clock(), readers=100, slot="evening")
        await sender.send_due()

    later = backup.recipients[20:]
    assert Counter(main.recipients + later) == Counter(second.recipients)
    assert len(later) <= 3 * 2  # what its lanes had under way when the first relay answered
    assert await ledger.states(database) == {ACCEPTED: 120}
    assert await _alerts(database) == {}


async def test_a_relay_that_fails_again_when_it_is_tried_costs_one_lane_and_no_reader(
    database: Database, clock: StoppedClock
) -> None:
    """It answers the greeting and refuses every envelope: the mails with which it was tried are not charged."""
    await ledger.make_edition(database, at=clock(), readers=60)
    script = Script({"greeting": "421 4.3.2 not now"})
    async with HostileServer(script) as main, HostileServer() as backup:
        sender = _sender(database, clock, relay_to(main), backup)
        await ledger.make_single(database, at=clock())
        await sender.send_due()
        script.replies = {"MAIL": "451 4.3.0 out of order"}
        await ledger.make_edition(database, at=clock(), readers=60, slot="evening")
        await sender.send_due()

    found = await ledger.states(database)
    assert found[DEFERRED] == 3
    assert found[ACCEPTED] == 121 - 3
    assert {row["attempts"] for row in await ledger.rows(database) if row["state"] is DEFERRED} == {0}
    assert list(await _alerts(database)) == ["relay"]


async def test_while_a_relay_that_is_tried_does_not_answer_the_next_goes_on(
    database: Database, clock: StoppedClock
) -> None:
    """Its pause is over, but nobody knows yet whether it works: what is claimed is for the one that does."""
    await ledger.make_single(database, at=clock())
    async with HostileServer(Script({"greeting": "421 4.3.2 not now"})) as main, HostileServer() as backup:
        sender = _sender(database, clock, relay_to(main, timeout_seconds=60), backup)
        await sender.send_due()
        main.script.replies["greeting"] = SILENCE
        second = await ledger.make_edition(database, at=clock(), readers=60)

        async def when_all_have_come(_mail: Received) -> None:
            if len(backup.mails) == 1 + 60:
                main.conversations[-1].say("421 4.3.2 not now")

        backup.on_mail = when_all_have_come
        await asyncio.wait_for(sender.send_due(), 20)

    assert Counter(backup.recipients[1:]) == Counter(second.recipients)


async def test_a_relay_that_allows_one_connection_takes_every_kind_of_mail_over_it(
    database: Database, clock: StoppedClock
) -> None:
    """The place in front is for mails somebody waits for alone; with one connection none is set aside."""
    await ledger.make_edition(database, at=clock(), readers=20)
    await ledger.make_single(database, at=clock())
    async with HostileServer(Script({"greeting": "421 4.3.2 not now"})) as main, HostileServer() as backup:
        await _sender(database, clock, relay_to(main), backup, backup_connections=1).send_due()

    assert backup.connections == 1
    assert await ledger.states(database) == {ACCEPTED: 21}


async def test_when_every_relay_fails_nobody_is_charged_and_each_is_told(
    database: Database, clock: StoppedClock
) -> None:
    """Each of them is somebody's to repair."""
    await ledger.make_edition(database, at=clock(), readers=10)
    away = {"greeting": "421 4.3.2 not now"}
    async with HostileServer(Script(dict(away))) as main, HostileServer(Script(dict(away))) as backup:
        sender = _sender(database, clock, relay_to(main), backup)
        assert await sender.send_due() == 0
        rows = await ledger.rows(database)
        assert {(row["state"], row["attempts"], row["lease_owner"]) for row in rows} == {(QUEUED, 0, None)}
        assert set(await _alerts(database)) == {"relay", "relay:backup"}

        backup.script.replies.clear()
        await sender.send_due()

    assert await ledger.states(database) == {ACCEPTED: 10}
    assert list(await _alerts(database)) == ["relay"]


async def test_a_further_relay_has_a_pace_of_its_own(database: Database, clock: StoppedClock) -> None:
    """The one that helps out may be a small one; what the first may take says nothing about it."""
    await ledger.make_edition(database, at=clock(), readers=60)
    async with database.begin() as connection:
        await paces.keep_in_step(connection, {"relay:backup": Limit("relay:backup", 300.0)})
    async with HostileServer(Script({"greeting": "421 4.3.2 not now"})) as main, HostileServer() as backup:
        sender = _sender(database, clock, relay_to(main), backup)
        for _ in range(3):  # one second's worth, and nothing more while the clock stands still
            await sender.send_due()
        first = len(backup.recipients)
        clock.advance(seconds=1)
        await sender.send_due()

    assert (first, len(backup.recipients)) == (5, 10)


async def test_the_pace_of_a_further_relay_is_not_that_of_the_first(database: Database, clock: StoppedClock) -> None:
    """A limit stands for the relay it names, and for no other."""
    await ledger.make_edition(database, at=clock(), readers=30)
    async with database.begin() as connection:
        await paces.keep_in_step(connection, {"relay:backup": Limit("relay:backup", 1.0)})
    async with HostileServer() as main, HostileServer() as backup:
        await _sender(database, clock, relay_to(main), backup).send_due()

    assert (len(main.recipients), backup.recipients) == (30, [])


async def test_a_wrong_password_is_tried_once_and_not_by_every_lane(database: Database, clock: StoppedClock) -> None:
    """Twenty failed logins within seconds make a provider lock the account; when it is mended all lanes connect."""
    await ledger.make_edition(database, at=clock(), readers=40)
    wrong = "535 5.7.8 wrong password"
    script = Script({"AUTH": [wrong, wrong]}, extensions=("AUTH PLAIN", "PIPELINING"))
    async with HostileServer(script) as server:

        async def until_all_are_connected(_mail: Received) -> None:
            async with asyncio.timeout(5):
                while server.connections < 2 + 3:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0)

        server.on_mail = until_all_are_connected
        transport = relay_to(server, user="news", password="secret")
        sender = Sender(database, make_settings(smtp_connections=4), transport, clock=clock, owner="a")
        for logins in (1, 2):  # the second is that after a pause
            await sender.send_due()
            assert server.connections == logins
        await sender.send_due()
        assert server.connections == 2 + 3  # the place in front is for mails somebody waits for
        assert await ledger.states(database) == {ACCEPTED: 40}
        assert await _alerts(database) == {}

        script.replies["AUTH"] = wrong  # it was changed a moment after it had worked
        await ledger.make_edition(database, at=clock(), readers=40, slot="evening")
        await sender.send_due()
        before = server.connections
        await sender.send_due()

    assert server.connections == before + 1


async def test_a_login_refused_to_one_lane_keeps_the_others_from_trying_it(
    database: Database, clock: StoppedClock
) -> None:
    """The password is changed while lanes stand open: the login was known good a moment ago, and is not any more."""
    await ledger.make_edition(database, at=clock(), readers=20)
    async with HostileServer(Script(extensions=("AUTH PLAIN", "PIPELINING"))) as server:

        async def change_the_password(mail: Received) -> None:
            async with asyncio.timeout(5):
                while len(server.mails) < 3:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)
                server.script.replies["AUTH"] = "535 5.7.8 wrong password"
                while mail is not server.mails[0] and not await _alerts(database):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)

        server.on_mail = change_the_password
        transport = relay_to(server, user="news", password="secret", messages=1, final_timeout_seconds=5)
        await Sender(database, make_settings(smtp_connections=4), transport, clock=clock, owner="a").send_due()

    assert (len(server.mails), server.connections) == (3, 3 + 1)  # the fourth is the one that was refused


async def test_whoever_tried_a_login_in_vain_leaves_the_next_try_to_any(
    database: Database, clock: StoppedClock
) -> None:
    """The place for urgent mails may have nothing more to send: the edition must not wait for it for ever."""
    first, other = make_places(2)
    refusing = Script({"AUTH": "535 5.7.8 wrong password"}, extensions=("AUTH PLAIN",))
    async with HostileServer(refusing) as server:
        relays = Relays([WayOut("main", relay_to(server, user="news", password="wrong"), 2)], database, clock)
        relay = relays.relay_for(first)
        assert relay is not None
        relays.connects(first, relay)
        assert not relay.lets_in(other)
        with pytest.raises(RelayLoginError):
            await relay.open_lane(first)

    assert relay.lets_in(other)


async def test_a_login_that_works_after_anothers_was_refused_lets_nobody_else_in(
    database: Database, clock: StoppedClock
) -> None:
    """It was on the way when the password changed. After the pause one tries alone all the same."""
    first, other = make_places(2)
    script = Script({"AUTH": ["535 5.7.8 wrong password", "235 2.7.0 welcome"]}, extensions=("AUTH PLAIN",))
    async with HostileServer(script) as server:
        relays = Relays([WayOut("main", relay_to(server, user="news", password="secret"), 2)], database, clock)
        relay = relays.relay_for(first)
        assert relay is not None
        with pytest.raises(LoginRefusedError) as refused:
            await relay.open_lane(first)
        await relay.watch.cannot_connect(refused.value)
        lane = await relay.open_lane(other)
        await lane.close()
        relay.watch.resume()
        relays.connects(first, relay)

    assert not relay.lets_in(other)

"""The circuit breaker: a mail that is refused for what it is does not burn through the list."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from digest.addresses import parse
from digest.database import Database, alerts
from digest.database import paces as paces_of
from digest.database.tables import editions, paces
from digest.deliver.breaker import Breaker
from digest.deliver.sender import Sender
from digest.deliver.stops import Refusal, Stops, Told
from digest.models.deliveries import Delivery, DeliveryState, Lane, Outcome, Reply
from digest.models.editions import EditionState
from tests.support import ledger
from tests.support.clock import StoppedClock
from tests.support.relay import relay_to
from tests.support.settings import make_settings
from tests.support.smtp_server import HostileServer, Script

pytestmark = pytest.mark.anyio

LANES = 4
ACCEPTED, DEFERRED, QUEUED = DeliveryState.ACCEPTED, DeliveryState.DEFERRED, DeliveryState.QUEUED


def _sender(database: Database, server: HostileServer, clock: StoppedClock) -> Sender:
    settings = make_settings(smtp_connections=LANES)
    return Sender(database, settings, relay_to(server), clock=clock, owner="a", chance=lambda: 0.5)


def _asked(server: HostileServer) -> list[str]:
    """Return the recipients the server was asked about, whatever it answered."""
    return [command[9:].partition(">")[0] for command in server.commands if command.startswith("RCPT TO:<")]


async def _alerts(database: Database) -> dict[str, str]:
    async with database.read() as connection:
        return {alert.matter: alert.text for alert in await alerts.list_open(connection)}


async def test_an_edition_whose_content_everybody_refuses_is_held_after_five(
    database: Database, clock: StoppedClock
) -> None:
    """The person who repairs it reads the relay's own words, and the list is as good as untouched."""
    edition = await ledger.make_edition(database, at=clock(), readers=200)
    said = "554 5.7.1 <reader0@morning.example> looks like spam (rule 17)"
    async with HostileServer(Script({"BODY": said})) as server:
        sender = _sender(database, server, clock)
        await sender.send_due()
        assert 5 <= len(_asked(server)) <= 5 + LANES
        assert await ledger.edition_state(database, edition.id) is EditionState.HELD
        told = await _alerts(database)
        assert list(told) == [f"edition:{edition.id}"]
        assert "554 5.7.1 <address> looks like spam (rule 17)" in told[f"edition:{edition.id}"]
        assert "reader0@" not in told[f"edition:{edition.id}"]
        async with database.read() as connection:
            reason = await connection.scalar(sa.select(editions.c.reason))
        assert "looks like spam (rule 17)" in reason
        assert {row["attempts"] for row in await ledger.rows(database)} == {0}
        assert {row["lease_owner"] for row in await ledger.rows(database)} == {None}

        server.script.replies.clear()  # repaired, and released by a person
        await ledger.set_edition(database, edition.id, state=EditionState.RELEASED)
        clock.advance(minutes=10)
        await sender.send_due()

    assert Counter(server.recipients) == Counter(edition.recipients)
    assert await ledger.states(database) == {ACCEPTED: 200}


async def test_what_lies_ready_for_a_lane_is_given_back_when_its_edition_is_held(
    database: Database, clock: StoppedClock
) -> None:
    """The lane that hears the fifth refusal would take its next mail in the same moment."""
    await ledger.make_edition(database, at=clock(), readers=20)
    async with HostileServer(Script({"BODY": "554 5.7.1 looks like spam"})) as server:
        sender = Sender(database, make_settings(smtp_connections=1), relay_to(server), clock=clock, owner="a")
        await sender.send_due()

    assert len(_asked(server)) == 5


async def test_a_provider_that_alone_refuses_an_edition_is_paused_and_the_others_get_theirs(
    database: Database, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Daum's filter refused a newspaper in 2020; its readers elsewhere were none of Daum's business."""
    monkeypatch.setattr("digest.deliver.stops._AFTERWARDS_SECONDS", 10)  # a busy machine comes late to the others
    edition = await ledger.make_edition(database, at=clock(), readers=120)
    at_daum = dict(zip(edition.delivery_ids[::2], edition.recipients[::2], strict=True))
    await ledger.set_deliveries(database, list(at_daum), provider="daum.net")
    others = [each for each in edition.delivery_ids if each not in at_daum]
    await ledger.set_deliveries(database, others, provider="naver.com")
    said = "550 5.7.1 this newspaper is not wanted here"
    async with HostileServer(Script(by_recipient=dict.fromkeys(at_daum.values(), said))) as server:
        await _sender(database, server, clock).send_due()

    states = {row["id"]: row["state"] for row in await ledger.rows(database)}
    assert {states[each] for each in others} == {ACCEPTED}
    assert {states[each] for each in at_daum} == {QUEUED, DEFERRED}
    assert len(set(_asked(server)) & set(at_daum.values())) <= 5 + 2 * LANES
    assert await ledger.edition_state(database, edition.id) is EditionState.SENDING
    async with database.read() as connection:
        paused = sa.select(paces.c.paused_at, paces.c.reason).where(paces.c.scope == "provider:daum.net")
        pace = (await connection.execute(paused)).one()
    assert (pace.paused_at, said in pace.reason) == (clock(), True)
    told = await _alerts(database)
    assert list(told) == ["provider:daum.net"]
    for word in (said, "digest domains resume daum.net", f"digest domains resend daum.net --edition {edition.id}"):
        assert word in told["provider:daum.net"]


async def test_refusals_among_acceptances_stop_nothing(database: Database, clock: StoppedClock) -> None:
    """Filters have whims about single readers."""
    edition = await ledger.make_edition(database, at=clock(), readers=40)
    said = "550 5.7.1 this newspaper is not wanted here"
    async with HostileServer(Script(by_recipient=dict.fromkeys(edition.recipients[::8], said))) as server:
        await _sender(database, server, clock).send_due()

    assert await ledger.states(database) == {ACCEPTED: 35, DEFERRED: 5}
    assert await _alerts(database) == {}


async def test_refused_mails_that_are_no_editions_are_told_and_charged(database: Database, clock: StoppedClock) -> None:
    """Nobody releases them: they are tried ever more seldom, and one alert stands for all."""
    for number in range(6):
        await ledger.make_single(database, at=clock(), recipient=f"reader{number}@gaon.example")
    async with HostileServer(Script({"BODY": "554 5.7.1 no"})) as server:
        await _sender(database, server, clock).send_due()

    assert list(await _alerts(database)) == ["mails:refused"]
    assert {(row["state"], row["attempts"]) for row in await ledger.rows(database)} == {(DEFERRED, 1)}


# ── several workers ──────────────────────────────────────────────────────────────────────────────────────────────


class _Workers:
    """Some workers on one database, each with a breaker of its own, that hear of an edition's mails."""

    def __init__(self, database: Database, clock: StoppedClock, edition_id: int) -> None:
        self._clock = clock
        self._edition_id = edition_id
        self._stops = [Stops(database, clock) for _ in range(3)]
        self._breakers = [Breaker(stops) for stops in self._stops]

    async def hear(self, which: int, word: str) -> None:
        """Let one hear that a mail was refused (`-n`) or taken (`+n`), and write down what it makes of it."""
        outcome = _TAKEN if word[0] == "+" else _REFUSED
        self._breakers[which].heard(replace(_delivery(word[1:]), edition_id=self._edition_id), outcome)
        await self._stops[which].finish(5)  # the count
        await self._stops[which].finish(5)  # the stop that may follow
        self._clock.advance(seconds=1)


async def _taken(
    database: Database, clock: StoppedClock, edition: ledger.MadeEdition, number: int, provider: str
) -> None:
    """Let some worker's mail of the edition be taken at a provider now."""
    delivery_id = edition.delivery_ids[number]
    await ledger.set_edition(database, edition.id, walked_to=delivery_id)
    values = {"state": ACCEPTED, "provider": provider, "settled_at": clock()}
    await ledger.set_deliveries(database, [delivery_id], **values)
    clock.advance(seconds=1)


async def _stopped(database: Database) -> list[str]:
    """Return the editions and providers that are stopped."""
    async with database.read() as connection:
        held = await connection.execute(sa.select(editions.c.slot).where(editions.c.state == EditionState.HELD))
        paused = await connection.execute(sa.select(paces.c.scope).where(paces.c.paused_at.is_not(None)))
        return [*held.scalars(), *paused.scalars()]


async def test_five_refusals_of_all_workers_together_hold_the_edition(database: Database, clock: StoppedClock) -> None:
    """Ten workers would otherwise burn fifty readers' mails before the first of them has heard five."""
    edition = await ledger.make_edition(database, at=clock(), readers=3)
    workers = _Workers(database, clock, edition.id)
    for number in range(4):
        await workers.hear(number % 3, "-.city.kr")
    before = await ledger.edition_state(database, edition.id)
    await workers.hear(1, "-.city.kr")

    assert (before, await ledger.edition_state(database, edition.id)) == (EditionState.RELEASED, EditionState.HELD)
    assert list(await _alerts(database)) == [f"edition:{edition.id}"]

    await ledger.set_edition(database, edition.id, state=EditionState.RELEASED)  # by a person
    await workers.hear(2, "-.city.kr")
    assert await _stopped(database) == []  # it is counted from nothing


async def test_refusals_wherever_it_comes_hold_an_edition_that_was_taken_before(
    database: Database, clock: StoppedClock
) -> None:
    """Each worker has met two of them at most; together it is not one provider's whim."""
    edition = await ledger.make_edition(database, at=clock(), readers=3)
    await _taken(database, clock, edition, 0, "gmail.com")
    workers = _Workers(database, clock, edition.id)
    for number, word in enumerate(("-daum.net", "-naver.com", "-daum.net", "-naver.com", "-daum.net")):
        await workers.hear(number % 3, word)

    assert await _stopped(database) == ["morning"]


async def test_what_another_worker_had_accepted_ends_the_row(database: Database, clock: StoppedClock) -> None:
    """It was not the mail, then."""
    edition = await ledger.make_edition(database, at=clock(), readers=3)
    workers = _Workers(database, clock, edition.id)
    for number in range(6):
        if number == 2:
            await _taken(database, clock, edition, 0, "gmail.com")
        await workers.hear(number % 3, "-.city.kr")

    assert await ledger.edition_state(database, edition.id) is EditionState.RELEASED


async def test_five_refusals_of_all_workers_together_pause_one_provider(
    database: Database, clock: StoppedClock
) -> None:
    """Each worker alone has heard two: none of them would have stopped before fifteen readers' mails were refused."""
    edition = await ledger.make_edition(database, at=clock(), readers=3)
    await _taken(database, clock, edition, 0, "gmail.com")
    workers = _Workers(database, clock, edition.id)
    for which in range(3):
        await workers.hear(which, "+gmail.com")
    for number in range(4):
        await workers.hear(number % 3, "-daum.net")
    before = await _stopped(database)
    await workers.hear(1, "-daum.net")

    assert (before, await _stopped(database)) == ([], ["provider:daum.net"])
    told = await _alerts(database)
    assert "The relay answered 554 5.7.1 no." in told["provider:daum.net"]

    async with database.begin() as connection:
        await paces_of.resume(connection, "provider:daum.net")
    await workers.hear(2, "-daum.net")
    assert await _stopped(database) == []  # it is counted from nothing


async def test_what_the_provider_took_from_another_worker_ends_its_row(database: Database, clock: StoppedClock) -> None:
    """A filter's whim about single readers stops nobody, whoever hears of it."""
    edition = await ledger.make_edition(database, at=clock(), readers=3)
    await _taken(database, clock, edition, 0, "gmail.com")
    workers = _Workers(database, clock, edition.id)
    for number in range(6):
        if number == 2:
            await _taken(database, clock, edition, 1, "daum.net")
        await workers.hear(number % 3, "-daum.net")
    before = await _stopped(database)
    for number in range(4):
        await workers.hear(number % 3, "-daum.net")

    assert (before, await _stopped(database)) == ([], ["provider:daum.net"])  # of a new row


async def test_what_the_provider_took_from_the_same_worker_ends_its_row_at_once(
    database: Database, clock: StoppedClock
) -> None:
    """The worker says so with its next refusal: its own acceptance may not be stored yet."""
    edition = await ledger.make_edition(database, at=clock(), readers=3)
    await _taken(database, clock, edition, 0, "gmail.com")
    workers = _Workers(database, clock, edition.id)
    for word in ("+gmail.com", "-daum.net", "+daum.net", *["-daum.net"] * 4):
        await workers.hear(0, word)

    assert await _stopped(database) == []


async def test_a_worker_that_met_one_provider_only_does_not_hold_what_others_take(
    database: Database, clock: StoppedClock
) -> None:
    """After a start anew, or a person's `resend`, nothing else may be left of the edition."""
    edition = await ledger.make_edition(database, at=clock(), readers=3)
    await _taken(database, clock, edition, 0, "gmail.com")
    workers = _Workers(database, clock, edition.id)
    for _ in range(5):
        await workers.hear(0, "-daum.net")

    assert await _stopped(database) == ["provider:daum.net"]


async def test_counts_that_are_late_do_not_hold_an_edition_whose_provider_was_set_aside(
    database: Database, clock: StoppedClock
) -> None:
    """Five lanes hear it at once; what they tell the ledger comes when the others' turn has just begun."""
    edition = await ledger.make_edition(database, at=clock(), readers=3)
    stops = Stops(database, clock)
    breaker = Breaker(stops)
    for _ in range(5):
        breaker.heard(replace(_delivery("daum.net"), edition_id=edition.id), _REFUSED)
    await stops.finish(5)  # the counts
    await stops.finish(5)  # what might follow

    assert await _stopped(database) == []


async def test_one_providers_refusals_do_not_hold_what_another_worker_had_taken_meanwhile(
    database: Database, clock: StoppedClock
) -> None:
    """While the provider was set aside here, somebody else has shown that it is not the mail."""
    edition = await ledger.make_edition(database, at=clock(), readers=3)
    await _taken(database, clock, edition, 0, "gmail.com")
    stops = Stops(database, clock)
    stops.hold_edition(edition.id, Told("held", "held"), unless="daum.net", else_pause=Told("paused", "paused"))
    await stops.finish(5)  # the look
    await stops.finish(5)  # the pause

    assert await _stopped(database) == ["provider:daum.net"]


# ── who is stopped, without a server ─────────────────────────────────────────────────────────────────────────────


class _Stopped(Stops):
    """Notes what would be stopped."""

    def __init__(self) -> None:
        self.what: list[str] = []

    def covers(self, delivery: Delivery) -> bool:
        return False

    def count_refusal(self, refusal: Refusal, **_: object) -> None:
        pass  # of one worker alone

    def set_aside(self, provider: str) -> None:
        self.what.append(f"aside {provider}")

    def hold_edition(self, edition_id: int, told: Told, **_: object) -> bool:
        self.what.append(f"edition:{edition_id}")
        return True

    def pause_provider(self, provider: str, told: Told, **_: object) -> bool:
        self.what.append(f"provider:{provider}")
        return True

    def tell_of_domain(self, domain: str, text: str) -> None:
        self.what.append(f"told of {domain}")


@pytest.mark.parametrize(
    ("course", "stopped"),
    [
        ("-n -n -n -n", []),
        ("-n -n -n -n -n", ["aside n"]),  # nobody else was tried
        ("-n -n -n -n -n -n", ["aside n", "edition:1"]),
        ("-n -n -n -n -n -d", ["aside n", "edition:1"]),
        ("-n -n -n -n -n +d", ["aside n", "provider:n"]),
        ("+n -n -n -n -n -n -n", ["aside n", "edition:1"]),  # nobody else is known to take it
        ("-.city.kr -.city.kr -.city.kr -.city.kr -.city.kr", ["edition:1"]),
        ("+g -n -n -n -n -n", ["provider:n"]),
        ("+g -n -n -n -n +n -n", []),
        ("+g -n +g -n +g -n +g -n +g -n", ["provider:n"]),
        ("+g -n -n -n -n -d", []),  # one at Daum may be a whim
        ("+g -n -n -n -n -d -n", ["provider:n"]),
        ("+g -n -d -n -d -n", ["edition:1"]),  # took it before, and now it is refused wherever it comes
        ("+g -.city.kr -.city.kr -.city.kr -.city.kr -.city.kr", ["told of city.kr"]),
        ("-n -d -n -d -n -n -d -n -d -n", ["edition:1", "edition:1"]),  # released, and no better
    ],
)
async def test_what_is_stopped_follows_from_who_takes_it(course: str, stopped: list[str]) -> None:
    """Read `-n` as refused at provider n, `+g` as taken at g; `.city.kr` is a domain of no large provider."""
    stops = _Stopped()
    breaker = Breaker(stops)
    for word in course.split():
        breaker.heard(_delivery(word[1:]), _TAKEN if word[0] == "+" else _REFUSED)
    assert stops.what == stopped


_TAKEN = Outcome(ACCEPTED, Reply(250, "2.0.0", "ok"))
_REFUSED = Outcome(DEFERRED, Reply(554, "5.7.1", "no"), charged=False, mail_problem="The relay answered 554 5.7.1 no.")


def _delivery(where: str) -> Delivery:
    domain, provider = (where[1:], "") if where.startswith(".") else ("gaon.example", where)
    at = StoppedClock()()
    return Delivery(1, 1, 1, 1, parse(f"reader@{domain}"), Lane.BULK, 0, at, at + timedelta(hours=3), provider)

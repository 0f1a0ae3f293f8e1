"""Acting upon what came back: the first row that answers, once, and nothing is lost when it fails."""

from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Connection, Database, alerts, raw_mails, when_committed
from digest.database.tables import raw_mails as table
from digest.errors import DatabaseUnavailableError, MailTooLargeError
from digest.events import event
from digest.inbound import receive, route
from digest.inbound.arrival import Arrival, Means
from digest.inbound.routes import Route
from digest.models.inbound import Acted, Door, Outcome
from tests.support.clock import StoppedClock
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio

MAIL = b"From: Hong <hong@naver.example>\r\nMessage-ID: <1@naver.example>\r\nSubject: hello\r\n\r\nhello\r\n"


@pytest.fixture
def settings() -> Settings:
    return make_settings(
        inbound_address="news@gaon.example", bounce_address="bounce@bounce.gaon.example", inbound_port=2424
    )


class Acts:
    """An act that notes and logs what it was called for; with `error` it raises after that."""

    def __init__(self, outcome: Outcome = Outcome.COMMANDED, error: Exception | None = None) -> None:
        self.outcome, self.error = outcome, error
        self.found: list[object] = []

    async def __call__(self, connection: Connection, means: Means, arrival: Arrival, found: object) -> Acted:
        self.found.append(found)
        when_committed(connection, lambda: event("acted", found=found))
        await alerts.raise_alert(connection, "acted", "test", at=means.now)
        if self.error is not None:
            raise self.error
        return Acted(self.outcome, "done")


def row(act: Acts, answer: object = "yes", name: str = "row") -> Route[Any]:
    return Route(name, lambda arrival, settings: answer, act)


async def keep(database: Database, settings: Settings, clock: StoppedClock, to: str = "news@gaon.example") -> list[int]:
    return await receive.keep(
        database, settings, receive.Taken(Door.LMTP, [to], "hong@naver.example", MAIL), now=clock()
    )


async def act(database: Database, settings: Settings, clock: StoppedClock, *rows: Route[Any]) -> int:
    return await route.act_due(
        database, settings, Renderer(settings.templates_dir), clock=clock, owner="one", routes=rows
    )


async def outcome(database: Database) -> tuple[str, str]:
    async with database.read() as connection:
        found = (await connection.execute(sa.select(table.c.outcome, table.c.detail))).one()
    return found.outcome, found.detail


async def matters(database: Database) -> set[str]:
    async with database.read() as connection:
        return {each.matter for each in await alerts.list_open(connection)}


async def test_the_first_row_that_answers_acts_alone(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """A bounce must never be read as a command as well."""
    silent, first, second = Acts(), Acts(), Acts()
    await keep(database, settings, clock)

    settled = await act(database, settings, clock, row(silent, None), row(first, "one"), row(second, "two"))

    assert (settled, silent.found, first.found, second.found) == (1, [], ["one"], [])
    assert await outcome(database) == (Outcome.COMMANDED, "done")


async def test_acting_twice_acts_once(database: Database, settings: Settings, clock: StoppedClock) -> None:
    """Two workers and a restart look at the same rows."""
    acts = Acts()
    await keep(database, settings, clock)

    await act(database, settings, clock, row(acts))
    clock.advance(hours=1)
    await act(database, settings, clock, row(acts))

    assert len(acts.found) == 1


async def test_a_mail_delivered_twice_acts_once(database: Database, settings: Settings, clock: StoppedClock) -> None:
    """A peer that did not hear our answer brings it again, perhaps long after it was acted upon."""
    acts = Acts()
    for _ in range(2):
        await keep(database, settings, clock)
        await act(database, settings, clock, row(acts))

    assert len(acts.found) == 1


async def test_what_no_row_answers_stays_for_a_person(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """Nothing is dropped: what we cannot handle is kept and shown."""
    await keep(database, settings, clock)

    await act(database, settings, clock)

    assert await outcome(database) == (Outcome.PERSON, "left here")


async def test_an_act_that_fails_leaves_nothing_behind_and_is_tried_again(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """What it had done is undone with it; the operator is told."""
    await keep(database, settings, clock)

    assert await act(database, settings, clock, row(Acts(error=RuntimeError("a fault")))) == 0
    assert await outcome(database) == (Outcome.KEPT, "RuntimeError")
    assert await matters(database) == {"inbound"}

    clock.advance(minutes=1)
    assert await act(database, settings, clock, row(Acts())) == 1


async def test_what_was_undone_is_not_in_the_log(database: Database, settings: Settings, clock: StoppedClock) -> None:
    """Whoever reads "left" in the log believes it; the next transaction tells its own alone."""
    await keep(database, settings, clock)

    with capture_logs() as logs:
        await act(database, settings, clock, row(Acts(error=RuntimeError("a fault")), "undone"))
        clock.advance(minutes=1)
        await act(database, settings, clock, row(Acts(), "done"))

    assert [each["found"] for each in logs if each["event"] == "acted"] == ["done"]


async def test_a_mail_that_always_fails_waits_for_a_person_in_the_end(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """It is not tried for ever, and not forgotten."""
    acts = Acts(error=RuntimeError("a fault"))
    await keep(database, settings, clock)

    for _ in range(8):
        await act(database, settings, clock, row(acts))
        clock.advance(hours=7)

    assert (len(acts.found), await outcome(database)) == (5, (Outcome.FAILED, "RuntimeError"))


async def test_a_database_that_is_away_costs_no_try(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """It is not the mail's fault."""
    await keep(database, settings, clock)

    with pytest.raises(DatabaseUnavailableError):
        await act(database, settings, clock, row(Acts(error=DatabaseUnavailableError("gone"))))

    clock.advance(minutes=5)
    assert await act(database, settings, clock, row(Acts())) == 1


async def test_a_mail_to_an_address_that_is_ours_no_more_is_put_aside(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """The settings were changed after it was taken; it is no command and no bounce of ours."""
    await keep(database, settings, clock)

    await act(database, make_settings(sender_address="other@gaon.example"), clock, row(Acts()))

    assert await outcome(database) == (Outcome.IGNORED, "no address of ours")


async def test_a_mail_that_is_too_large_is_not_kept(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """A disk is full sooner than a mailbox of strangers."""
    taken = receive.Taken(Door.LMTP, ["news@gaon.example"], "", b"x" * (settings.inbound_max_bytes + 1))

    with pytest.raises(MailTooLargeError):
        await receive.keep(database, settings, taken, now=clock())

    async with database.begin() as connection:
        assert await raw_mails.claim(connection, owner="one", now=clock(), lease=route.LEASE, limit=1) == []


@pytest.mark.parametrize("sender", ["\0", "a\r\nRCPT TO:<x>", "\ud800", "x" * 1000, "뉴스@예시.example"])
async def test_whatever_a_peer_calls_itself_is_kept(
    database: Database, settings: Settings, clock: StoppedClock, sender: str
) -> None:
    """The envelope's sender is a stranger's word; no database may choke on it."""
    taken = receive.Taken(Door.LMTP, ["news@gaon.example"], sender, MAIL)

    assert len(await receive.keep(database, settings, taken, now=clock())) == 1

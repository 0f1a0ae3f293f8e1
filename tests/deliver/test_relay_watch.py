"""When a relay is left alone, for how long, and what ends it."""

from collections.abc import Callable

import pytest

from digest.database import Database, alerts
from digest.deliver import relay_watch
from digest.deliver.relay_watch import RelayWatch
from digest.errors import LoginRefusedError, RelayUnavailableError
from tests.support.clock import StoppedClock

pytestmark = pytest.mark.anyio

AWAY = RelayUnavailableError("The relay cannot be reached.")
REFUSED = LoginRefusedError("The relay answered 535 5.7.8 at AUTH: it refuses the login.")


@pytest.fixture
def pass_seconds(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Stop the monotonic clock of the watch, and move it on by hand."""
    now = 1000.0

    def pass_seconds(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(relay_watch, "monotonic_seconds", lambda: now)
    return pass_seconds


async def _alert_count(database: Database) -> int:
    async with database.read() as connection:
        return len(await alerts.list_open(connection))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("error", "pauses"),
    [(AWAY, [5, 10, 20, 40, 80, 160, 300, 300]), (REFUSED, [60, 120, 240, 300, 300])],
    ids=["away", "login-refused"],
)
async def test_pauses_grow_and_are_longer_for_a_refused_login(
    database: Database,
    clock: StoppedClock,
    pass_seconds: Callable[[float], None],
    error: RelayUnavailableError | LoginRefusedError,
    pauses: list[int],
) -> None:
    """A relay may be back in a moment; a password is mended by a person, and providers lock who tries it often."""
    watch = RelayWatch(database, clock)
    found = []
    for pause in pauses:
        await watch.cannot_connect(error)
        pass_seconds(pause - 0.1)
        found.append(watch.is_paused)
        pass_seconds(0.2)
        found.append(watch.is_paused)
    assert found == [True, False] * len(pauses)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_trouble_that_all_lanes_meet_at_once_is_one_pause(
    database: Database, clock: StoppedClock, pass_seconds: Callable[[float], None]
) -> None:
    """Twenty lanes that lose their relay in the same second must not leave it alone for minutes."""
    watch = RelayWatch(database, clock)
    for _ in range(20):
        await watch.cannot_connect(AWAY)
    pass_seconds(5.1)
    assert not watch.is_paused


async def test_a_lane_that_is_still_open_does_not_call_off_a_refused_login(
    database: Database, clock: StoppedClock, pass_seconds: Callable[[float], None]
) -> None:
    """The password was changed while lanes stood open: what they carry says nothing about the login."""
    watch = RelayWatch(database, clock)
    await watch.cannot_connect(REFUSED)
    await watch.works()
    assert await _alert_count(database) == 1
    pass_seconds(60.1)
    await watch.works()
    assert await _alert_count(database) == 1
    assert not watch.is_trusted  # else nobody listens any more when the login works again
    watch.connected()
    await watch.works()
    assert await _alert_count(database) == 0

"""A way out to a test's own server: no protection, short patience; and a small sender over one lane after the other."""

from collections import deque
from collections.abc import Iterable
from typing import Any

from digest.config import Tls
from digest.deliver.transport import Envelope, Lane, Transport
from digest.deliver.transports.smtp import Relay, SmtpTransport
from digest.errors import RelayUnavailableError
from digest.models.deliveries import Outcome
from tests.support.smtp_server import HostileServer


def relay_to(server: HostileServer, *, take_over: bool = True, **changes: Any) -> SmtpTransport:
    """Return a transport to `server`; `changes` are fields of `Relay`."""
    values: dict[str, Any] = {"tls": Tls.NONE, "timeout_seconds": 0.5, "final_timeout_seconds": 0.5, **changes}
    return SmtpTransport(Relay("127.0.0.1", server.port, **values), take_over=take_over)


async def hand_over_all(lane: Lane, envelopes: Iterable[Envelope]) -> list[tuple[int, Outcome]]:
    """Send as many of `envelopes` over `lane` as it takes, in order, and return the outcomes in theirs."""
    waiting, outcomes, under_way = deque(envelopes), list[tuple[int, Outcome]](), 0
    while True:
        while waiting and lane.has_room:
            lane.hand_over(waiting.popleft())
            under_way += 1
        if not under_way:
            return outcomes
        outcomes.append(await lane.next_outcome())
        under_way -= 1


async def open_lane(transport: Transport) -> Lane:
    """Open a lane, again where a busy machine was not there in time: these short limits are for what comes after."""
    for _ in range(3):
        try:
            return await transport.open_lane()
        except RelayUnavailableError as error:
            if "Timed out" not in str(error):
                raise
    return await transport.open_lane()


async def send_all(transport: Transport, envelopes: Iterable[Envelope]) -> list[list[tuple[int, Outcome]]]:
    """Send every envelope once, over as many lanes as that takes; return each lane's outcomes."""
    waiting, lanes = list(envelopes), list[list[tuple[int, Outcome]]]()
    while waiting:
        lane = await open_lane(transport)
        lanes.append(await hand_over_all(lane, waiting))
        await lane.close()
        del waiting[: len(lanes[-1])]
    return lanes

"""The ways out of the house, by name. Each entry opens a `Transport` for as long as it is used.

    async with TRANSPORTS[name_for(settings)](settings, clock) as transport:
        …

`smtp` hands over to the operator's relay. `outbox` starts the built-in receiving server and hands over to that, over
the same SMTP: what works with it works with a relay. The relays of `RELAYS` stand behind the first (`further_relays`).
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from digest.clock import Clock
from digest.config import Settings
from digest.deliver.transport import Transport, WayOut
from digest.deliver.transports.outbox import HOST, OutboxServer
from digest.deliver.transports.smtp import Relay, SmtpTransport
from digest.models.deliveries import Tls

OUTBOX_FOLDER = "outbox"


@asynccontextmanager
async def _smtp(settings: Settings, _clock: Clock) -> AsyncIterator[Transport]:
    yield SmtpTransport(Relay.of(settings))


@asynccontextmanager
async def _outbox(settings: Settings, clock: Clock) -> AsyncIterator[Transport]:
    async with OutboxServer(settings.data_dir / OUTBOX_FOLDER, clock) as server:
        yield SmtpTransport(Relay(HOST, server.port, Tls.NONE, timeout_seconds=settings.smtp_timeout_seconds))


TRANSPORTS: dict[str, Callable[[Settings, Clock], AbstractAsyncContextManager[Transport]]] = {
    "smtp": _smtp,
    "outbox": _outbox,
}


def further_relays(settings: Settings) -> tuple[WayOut, ...]:
    """Return the ways out that help when the first relay does not, best first; nothing is opened yet."""
    return tuple(
        WayOut(spec.name, SmtpTransport(Relay.further(spec, settings)), spec.connections) for spec in settings.relays
    )


def name_for(settings: Settings) -> str:
    """Return which transport the settings ask for: the relay if there is one, else the outbox."""
    return "smtp" if settings.has_relay else "outbox"

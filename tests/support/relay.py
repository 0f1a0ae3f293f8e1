"""A way out to a test's own server: no protection, short patience."""

from typing import Any

from digest.config import Tls
from digest.deliver.transports.smtp import Relay, SmtpTransport
from tests.support.smtp_server import HostileServer


def relay_to(server: HostileServer, **changes: Any) -> SmtpTransport:
    """Return a transport to `server`; `changes` are fields of `Relay`."""
    values: dict[str, Any] = {"tls": Tls.NONE, "timeout_seconds": 0.5, "final_timeout_seconds": 0.5, **changes}
    return SmtpTransport(Relay("127.0.0.1", server.port, **values))

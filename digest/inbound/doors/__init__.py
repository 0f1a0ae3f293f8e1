"""The ways in, by name: a listener behind the operator's mail server (LMTP or SMTP), and a mailbox read by IMAP."""

from collections.abc import Callable

from digest.config import Settings
from digest.inbound.door import Doorkeeper, Intake
from digest.inbound.doors.imap import Mailbox
from digest.inbound.doors.lmtp import Listener
from digest.models.inbound import Door

DOORS: dict[Door, Callable[[Settings, Intake], Doorkeeper]] = {
    Door.LMTP: Listener.of,
    Door.SMTP: Listener.of,
    Door.IMAP: Mailbox.of,
}


def names_for(settings: Settings) -> list[Door]:
    """Return which doors the settings ask for; none, one or two."""
    listener = [Door(settings.inbound_protocol)] if settings.inbound_port else []
    return [*listener, *([Door.IMAP] if settings.inbound_imap_host else [])]

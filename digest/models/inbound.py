"""Mail that comes back: the raw mail as it was taken at a door, and what became of it."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from digest.addresses import Address


class Door(StrEnum):
    """Which way a mail came in. `hook`: no mail, but what a provider told of one by its webhook."""

    LMTP = "lmtp"
    SMTP = "smtp"
    IMAP = "imap"
    HOOK = "hook"


class Outcome(StrEnum):
    """What became of a raw mail. `kept` is the beginning, every other one an end; `failed` waits for a person.

    `ignored`: a loop, a forgery, a stranger whom the rules do not answer; `unreadable`: no mail that can be read.
    """

    KEPT = "kept"
    COMMANDED = "commanded"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    AUTOMATIC = "automatic"
    PERSON = "person"
    IGNORED = "ignored"
    UNREADABLE = "unreadable"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RawMail:
    """A mail as it was taken, for one of its envelope's recipients, always one of our own addresses.

    `envelope_from` is empty for the null sender, and whatever the peer has said: evidence of nothing. `content` is the
    whole RFC 5322 message, byte for byte, with the line ends it came with.
    """

    id: int
    door: Door
    recipient: str
    envelope_from: str
    received_at: datetime
    content: bytes

    @property
    def sha256(self) -> str:
        """The hash of the whole content, which names this mail where it is evidence."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredMail:
    """How a raw mail stands; `size` of its content in bytes. `acted_at` None: it waits until `due_at`."""

    id: int
    door: Door
    recipient: str
    envelope_from: str
    received_at: datetime
    size: int
    outcome: Outcome
    detail: str
    sender: str | None
    subscriber_id: int | None
    delivery_id: int | None
    tries: int
    due_at: datetime
    acted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Acted:
    """What an act made of a raw mail. `detail` is words of ours for the operator, without addresses and tokens.

    `sender` is who it is from, `subscriber_id` and `delivery_id` what it was about, each as far as that is known.
    """

    outcome: Outcome
    detail: str = ""
    sender: Address | None = None
    subscriber_id: int | None = None
    delivery_id: int | None = None

"""Messages, deliveries, their outcomes, and the relays that take them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from digest.addresses import Address
from digest.records import record


class Tls(StrEnum):
    """How the connection to a relay is protected: not at all, by STARTTLS (port 587), from the start (port 465)."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


MAIN_RELAY = "main"  # the one of the SMTP_ settings


@dataclass(frozen=True, slots=True)
class RelaySpec:
    """A further relay, from one line of `RELAYS`, its password read from `password_file`. `user` empty: no login."""

    name: str
    host: str
    port: int
    tls: Tls = Tls.STARTTLS
    verify: bool = True
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    password_file: str = ""
    connections: int = 2
    messages: int = 500


class Lane(StrEnum):
    """`first` is for mails somebody waits for (confirmations, tests, alerts); `share` for what readers send to friends;
    `bulk` for editions. In this order they go out; `share` has a sender of its own, so that it cannot harm the others.
    """

    FIRST = "first"
    SHARE = "share"
    BULK = "bulk"


class MessageKind(StrEnum):
    """What a message is for. Each kind has a folder of templates of the same name."""

    DIGEST = "digest"
    ALERT = "alert"
    LINK = "link"
    CONFIRM = "confirm"
    NOTICE = "notice"
    ADVERT_CHECK = "advert_check"
    SENDER = "sender"
    SHARE = "share"
    REPLY = "reply"
    PEOPLE = "people"
    PROBE = "probe"


@dataclass(frozen=True, slots=True)
class Mail:
    """A composed mail before it is addressed: three spliced texts (see `digest.splice`), UTF-8, CRLF line ends.

    `headers` ends without the blank line and holds neither MIME-Version nor Content-*: those depend on how the parts
    are encoded and are added by the transport. `html` is empty for a text-only mail.
    """

    subject: str
    headers: bytes
    text: bytes
    html: bytes = b""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be stored. `key` is its idempotency key: the same key is stored once.

    `keeps_copy`: each of its mails is kept as it went over the wire (`database.kept_mails`).
    """

    key: str
    kind: MessageKind
    variant: str
    language: str
    mail: Mail
    edition_id: int | None = None
    keeps_copy: bool = False


class DeliveryState(StrEnum):
    """The closed set of DESIGN: see the chart in ARCHITECTURE.md for who moves what where."""

    QUEUED = "queued"
    ATTEMPTING = "attempting"
    DEFERRED = "deferred"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    DROPPED = "dropped"


class DropReason(StrEnum):
    """Why a queued delivery was given up without being sent."""

    LEFT = "left"
    SUPPRESSED = "suppressed"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"
    TOO_LATE = "too_late"
    PAUSED = "paused"


@record
class Delivery:
    """One message to one recipient, as claimed by a worker.

    `attempt` counts tries that were begun, this one not included. `deadline_at` None: no deadline. `provider` is who
    keeps the recipient's mailbox, empty for all the others.
    """

    id: int
    message_id: int
    edition_id: int | None
    subscriber_id: int | None
    recipient: Address
    lane: Lane
    attempt: int
    created_at: datetime
    deadline_at: datetime | None
    provider: str = ""


@record
class Reply:
    """What a server said: code of RFC 5321 §4.2, enhanced status of RFC 3463 (empty if none), first 500 letters."""

    code: int
    status: str
    text: str


@record
class Outcome:
    """What came of one attempt. `charged` False: it was not the recipient's fault and costs the delivery no try.

    At most one of the problems is set, in the relay's own words: whose fault it was, where a person should hear of it
    if it happens again and again; of `sender_problem`, that it takes nothing from the null sender, at once.
    """

    state: DeliveryState
    reply: Reply | None = None
    detail: str = ""
    charged: bool = True
    relay_problem: str = ""
    mail_problem: str = ""
    sender_problem: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """How an edition's deliveries stand; `eligible` was counted when they were made."""

    eligible: int
    by_state: dict[DeliveryState, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.by_state.values())

    @property
    def adds_up(self) -> bool:
        """Whether every eligible reader has exactly one delivery in a known state."""
        return self.eligible == self.total

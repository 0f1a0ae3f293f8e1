"""Shares (기사 메일전송): one article that a reader sends to a friend, and how it stands."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from digest.addresses import Address


class ShareState(StrEnum):
    """`waiting` for its sender's confirmation; `released`: its delivery is queued; `expired`: never confirmed, or
    stopped by a limit.
    """

    WAITING = "waiting"
    RELEASED = "released"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class NewShare:
    """What somebody wants to be sent, its texts checked (`share.words`). `sender_name` and `note` may be empty.

    `report_id` is what a recipient quotes in a complaint; it tells nothing to who has not the database.
    """

    article_id: int
    sender: Address
    sender_hash: str
    sender_name: str
    recipient: Address
    recipient_hash: str
    note: str
    language: str
    report_id: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class EndedMail:
    """What became of one mail of the share stream, its people as keyed hashes.

    `about`: the sender whose share it was; for the question to a sender that sender, who is its recipient, too.
    """

    recipient: str
    about: str
    is_share: bool
    is_bounced: bool
    is_complained: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """Whose shares go out no more, since when and why. `whose`: a sender's keyed hash, or `EVERYBODY`."""

    whose: str
    reason: str
    stopped_at: datetime


EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class SharedOften:
    """An article and how often it was shared (많이 보낸 기사), by how many different people. Both 0: not told."""

    article_id: int
    title: str
    link: str
    shares: int = 0
    senders: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """A stored share that waits for its sender."""

    id: int
    wanted: NewShare

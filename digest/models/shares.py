"""Shares (기사 메일전송): one article that a reader sends to a friend, and how it stands."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from digest.addresses import Address


class ShareState(StrEnum):
    """`waiting` for its sender's confirmation; `released`: its delivery is queued; `expired`: never confirmed."""

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
class Share:
    """A stored share that waits for its sender."""

    id: int
    wanted: NewShare

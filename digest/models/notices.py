"""What a mail that came back says: whose fault, about whom, and by which token of ours it is known.

A notice is what a server, not a person, writes about a mail of ours: a bounce (RFC 3464 or free text), or a complaint
(RFC 5965, or a provider's webhook). Pure values; `inbound.notices` and `deliver.webhooks` make them, `deliver.feedback`
acts on them.
"""

from dataclasses import dataclass
from enum import StrEnum


class NoticeClass(StrEnum):
    """`hard`: the address is dead. `soft`: it failed, but not for that. `none`: counts for nothing (a delay that was
    overcome, a challenge, a read receipt, a report on authentication). `complaint`: a reader called it spam.
    """

    HARD = "hard"
    SOFT = "soft"
    NONE = "none"
    COMPLAINT = "complaint"


class Cause(StrEnum):
    """Why a mail came back, as its text or status tells. `unknown`: neither says."""

    GONE = "gone"
    NO_DOMAIN = "no_domain"
    DISABLED = "disabled"
    SUSPENDED = "suspended"
    FULL = "full"
    POLICY = "policy"
    SIZE = "size"
    RELAY = "relay"
    LATER = "later"
    CHALLENGE = "challenge"
    UNKNOWN = "unknown"


class TokenPlace(StrEnum):
    """Where a token stood: the address the notice came to or the return path it tells of, the envelope id of the
    report (RFC 3461), the Message-ID or the List-Unsubscribe of the mail that came back with it.
    """

    RETURN_PATH = "return_path"
    ENVELOPE_ID = "envelope_id"
    MESSAGE_ID = "message_id"
    UNSUBSCRIBE = "unsubscribe"


@dataclass(frozen=True, slots=True)
class FoundToken:
    """Something that has the shape of a token of ours. Whether it is one, `deliver.feedback` finds out."""

    place: TokenPlace
    token: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What a notice says. `status` is the enhanced code of RFC 3463, the text's where it says more than the field.

    `recipients` are the addresses it names, as we wrote to them where it tells that; `finals` what a forwarding made of
    them. Neither is acted on: anyone can write them. `is_status_told` False: the status was made of the words.
    `is_delayed`: it is being tried again. `tokens`: the most trusted place first.
    """

    kind: NoticeClass
    cause: Cause = Cause.UNKNOWN
    recipients: tuple[str, ...] = ()
    finals: tuple[str, ...] = ()
    status: str = ""
    is_status_told: bool = False
    diagnostic: str = ""
    is_delayed: bool = False
    feedback_type: str = ""
    tokens: tuple[FoundToken, ...] = ()

"""The one table of personal data: each column and folder that names a person, how long, and what becomes of it.

Pure data: the hourly pass (`retention`) goes by the periods, the page `/privacy` tells them by topic (`told`: as people
say them), `digest privacy prove` and a test go by the columns. A column that holds an address, or text in which one may
stand, belongs here before anything is written to it. A keyed hash (`hashes`) names nobody to who has not the key, and
is no personal column.

Where the periods come from: 개인정보 보호법 제21조 (destroyed without delay when not needed); 언론중재법 제15조⑧ (what
an internet newspaper sent, six months); 통신비밀보호법 시행령 제41조② (connections, three months); 개인정보의 안전성
확보조치 기준 제8조 (what operators did, two years).
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

UNCONFIRMED_KEPT = timedelta(hours=72)
GONE_KEPT = timedelta(days=30)
ENDED_KEPT = timedelta(days=30)
NETWORK_KEPT = timedelta(days=92)
COPY_KEPT = timedelta(days=184)
AUDIT_KEPT = timedelta(days=731)
SHARE_KEPT = timedelta(days=7)
OUTBOX_KEPT = timedelta(days=30)
RAW_KEPT = timedelta(days=30)

_AN_HOUR = timedelta(hours=1)
_IN_HOURS_UNTIL = timedelta(days=4)


class Unit(StrEnum):
    """What a period is told in."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Period:
    """A period as it is told: 72 hours, 30 days, 2 years."""

    number: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.number} {self.unit}{'' if self.number == 1 else 's'}"


# Months and years are kept as many days as they can have, so that nothing goes before the last of them is over.
_BY_THE_CALENDAR = {
    timedelta(days=92): Period(3, Unit.MONTH),
    timedelta(days=184): Period(6, Unit.MONTH),
    timedelta(days=366): Period(1, Unit.YEAR),
    timedelta(days=731): Period(2, Unit.YEAR),
}


def told(kept: timedelta) -> Period:
    """Return how `kept` is told: the short ones in hours, those of the calendar in months or years, else whole days."""
    if kept < _IN_HOURS_UNTIL:
        return Period(kept // _AN_HOUR, Unit.HOUR)
    return _BY_THE_CALENDAR.get(kept, Period(kept.days, Unit.DAY))


class Topic(StrEnum):
    """What the privacy page speaks of. What belongs to one topic is kept equally long; a test holds the page to it."""

    READER = "reader"
    REQUEST = "request"
    CONSENT = "consent"
    NETWORK = "network"
    MAILS = "mails"
    OPERATORS = "operators"
    SHARES = "shares"
    OWN = "own"  # the newspaper's own mailboxes: no matter for readers


@dataclass(frozen=True, slots=True)
class Personal:
    """One row of the table. `where` is "table.column" or "folder/"; `kept` None: as long as the person subscribes."""

    where: str
    what: str
    kept: timedelta | None
    since: str
    becomes: str
    topic: Topic


def kept(topic: Topic) -> timedelta:
    """Return how long that is kept after the time that ends it. Raises `LookupError` for one without a period."""
    return next(each.kept for each in PERSONAL if each.topic is topic and each.kept is not None)


_GONE = "the reader left or was stopped"
_HASH = "removed; a keyed hash among the suppressions"
_READER = ("subscribers.address", "subscribers.address_key", "subscribers.consent", "subscribers.words")
_ENDED = ("deliveries.recipient", "deliveries.recipient_key", "deliveries.reply_text", "attempts.detail")
_SHARED = ("shares.sender", "shares.sender_name", "shares.recipient", "shares.note")
_SINGLE = ("messages.subject", "messages.headers", "messages.text", "messages.html")
_COPY = "a copy for the newspaper's own mailboxes"
_TO_WHOM = "whom a mail went to, and what was answered"
_OUTBOX = "mails kept on this machine where there is no relay"
_NAMED = "emptied where it names the address"
_SHARER = "who shared an article, with whom, and their words"
_SHARE_HASH = "emptied; keyed hashes stay for 다시 받지 않기"
_RAW = ("raw_mails.recipient", "raw_mails.envelope_from", "raw_mails.sender", "raw_mails.content")
_NEW = "who is to confirm a change of address"

PERSONAL: tuple[Personal, ...] = (
    *(Personal(each, "a reader", GONE_KEPT, _GONE, _HASH, Topic.READER) for each in _READER),
    Personal("signups.address", "who asked to subscribe", UNCONFIRMED_KEPT, "asking", "removed", Topic.REQUEST),
    Personal("signups.network", "from where", UNCONFIRMED_KEPT, "asking", "removed", Topic.REQUEST),
    Personal("fresh_links.new_address", _NEW, UNCONFIRMED_KEPT, "asking", "removed", Topic.REQUEST),
    Personal("consents.address", "who agreed", GONE_KEPT, f"{_GONE}, or never confirmed", "emptied; its hash stays",
             Topic.CONSENT),
    Personal("consents.source", "how, in the operator's words", GONE_KEPT, _GONE, _NAMED, Topic.CONSENT),
    Personal("consents.network", "from where they agreed", NETWORK_KEPT, "the act", "emptied", Topic.NETWORK),
    *(Personal(each, _TO_WHOM, ENDED_KEPT, "the edition or mail ended", "emptied", Topic.MAILS) for each in _ENDED),
    *(Personal(each, "a mail to one person", ENDED_KEPT, "it ended", "emptied", Topic.MAILS) for each in _SINGLE),
    *(Personal(each, _SHARER, SHARE_KEPT, "it was sent, or never confirmed", _SHARE_HASH, Topic.SHARES)
      for each in _SHARED),
    Personal("kept_mails.content", _COPY, COPY_KEPT, "sending", "removed", Topic.OWN),
    Personal("audit.who", "an operator", AUDIT_KEPT, "the act", "removed", Topic.OPERATORS),
    Personal("audit.from_where", "an operator's machine", AUDIT_KEPT, "the act", "removed", Topic.OPERATORS),
    *(Personal(each, "a mail that was written to us", RAW_KEPT, "receiving", "removed", Topic.MAILS) for each in _RAW),
    Personal("outbox/", _OUTBOX, OUTBOX_KEPT, "receiving", "removed", Topic.MAILS),
)  # fmt: skip

"""The one table of personal data: each column and folder that names a person, how long, and what becomes of it.

Pure data: the daily pass (`retention`) goes by the periods, `digest privacy prove` and a test by the columns. A column
that holds an address, or text in which one may stand, belongs here before anything is written to it. A keyed hash
(`hashes`) names nobody to who has not the key, and is no personal column.

Where the periods come from: 개인정보 보호법 제21조 (destroyed without delay when not needed); 언론중재법 제15조⑧ (what
an internet newspaper sent, six months); 통신비밀보호법 시행령 제41조② (connections, three months); 개인정보의 안전성
확보조치 기준 제8조 (what operators did, two years).
"""

from dataclasses import dataclass
from datetime import timedelta

UNCONFIRMED_KEPT = timedelta(hours=72)
GONE_KEPT = timedelta(days=30)
ENDED_KEPT = timedelta(days=30)
NETWORK_KEPT = timedelta(days=92)
COPY_KEPT = timedelta(days=184)
AUDIT_KEPT = timedelta(days=731)
OUTBOX_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Personal:
    """One row of the table. `where` is "table.column" or "folder/"; `kept` None: as long as the person subscribes."""

    where: str
    what: str
    kept: timedelta | None
    since: str
    becomes: str


_GONE = "the reader left or was stopped"
_READER = ("subscribers.address", "subscribers.address_key", "subscribers.consent")
_ENDED = ("deliveries.recipient", "deliveries.recipient_key", "deliveries.reply_text", "attempts.detail")
_SINGLE = ("messages.subject", "messages.headers", "messages.text", "messages.html")

PERSONAL: tuple[Personal, ...] = (
    *(Personal(each, "a reader", GONE_KEPT, _GONE, "removed; a keyed hash among the suppressions") for each in _READER),
    Personal("signups.address", "who asked to subscribe", UNCONFIRMED_KEPT, "asking", "removed"),
    Personal("signups.network", "from where", UNCONFIRMED_KEPT, "asking", "removed"),
    Personal("fresh_links.new_address", "who is to confirm a change of address", UNCONFIRMED_KEPT, "asking", "removed"),
    Personal("consents.address", "who agreed", GONE_KEPT, f"{_GONE}, or never confirmed", "emptied; its hash stays"),
    Personal("consents.source", "how, in the operator's words", GONE_KEPT, _GONE, "emptied where it names the address"),
    Personal("consents.network", "from where they agreed", NETWORK_KEPT, "the act", "emptied"),
    *(Personal(each, "whom a mail went to, and what was answered", ENDED_KEPT, "the edition or mail ended", "emptied")
      for each in _ENDED),
    *(Personal(each, "a mail to one person", ENDED_KEPT, "it ended", "emptied") for each in _SINGLE),
    Personal("kept_mails.content", "a copy for the newspaper's own mailboxes", COPY_KEPT, "sending", "removed"),
    Personal("audit.who", "an operator", AUDIT_KEPT, "the act", "removed"),
    Personal("audit.from_where", "an operator's machine", AUDIT_KEPT, "the act", "removed"),
    Personal("outbox/", "mails kept on this machine where there is no relay", OUTBOX_KEPT, "receiving", "removed"),
)  # fmt: skip

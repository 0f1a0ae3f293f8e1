"""Decide what became of one attempt: stage of the conversation + reply code + enhanced status -> `Outcome`. Pure.

The question behind every row of the table is whose matter a refusal is (RFC 5321 §4.2, RFC 3463 §3):

    the recipient's   this mailbox does not exist, moved        -> refused; deferred for 4xx and full mailboxes
    the relay's       overloaded, wants a login, denies us, 421 -> deferred, not charged, `relay_problem` set
    the mail's        its content or our sender is refused, 5xx -> deferred, not charged, `mail_problem` set
    nobody's          MAIL FROM:<> is refused, 5xx              -> deferred, charged, `sender_problem` set

A refusal that is not the recipient's must not burn through a list, so it costs no try, and a person hears of it in the
relay's own words. The relay's pauses that relay (`relay_watch`); the mail's would be the same at any relay and for
every reader, so it stops the edition (`breaker`). A connection lost before the body was begun is as if nothing had been
sent; after that nobody knows whether the mail was taken, and the outcome is `uncertain`.
"""

import re
from dataclasses import replace
from enum import Enum, StrEnum

from digest.models.deliveries import DeliveryState, Outcome, Reply

_MAX_TEXT = 500
_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")
_ADDRESS = re.compile(r"<?[^\s<>@]+@[^\s<>]+>?")

_LEAVING = 421
RATE_LIMITED = "4.7.28"  # the provider says that we are too fast: `pace` leaves it alone, the relay is well
_LOGIN_CODES = frozenset({530, 534, 535, 538})
# Subjects and details of RFC 3463 §3 that speak of the relay or the mail, not of the recipient.
_RELAY_DETAILS = frozenset({"3.1", "3.2", "3.5", "5.1", "5.2", "5.4", "5.6"})
_MAIL_DETAILS = frozenset({"1.7", "1.8", "3.4"})  # our sender, the size
_MAIL_SUBJECTS = frozenset({"6", "7"})
_SYNTAX_CODES = frozenset({500, 501, 502, 503, 504, 555})
_FULL_MAILBOX = "2.2"
_SAYS_RELAY = re.compile(r"\brelay", re.IGNORECASE)
# With 5.7.x before the body servers mean either whom they let in or what: "Client host rejected", "not authenticated".
_SAYS_US = re.compile(r"\brelay|\bclient\b|authenticat|\blog ?in", re.IGNORECASE)
_SAYS_CONTENT = re.compile(r"spam|virus|\bcontent\b|\bpolicy\b|(block|black) ?list", re.IGNORECASE)


class _Whose(Enum):
    """Who a refusal is about."""

    RECIPIENT = "recipient"
    RELAY = "relay"
    MAIL = "mail"


class Stage(StrEnum):
    """How far the conversation had come. Only at `BODY` can the mail have been taken."""

    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "EHLO"
    TLS = "TLS"
    AUTH = "AUTH"
    RSET = "RSET"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BODY = "body"
    EMPTY_BODY = "empty body"  # the bare dot after a DATA that was accepted although the envelope was refused


def read_reply(code: int, text: str) -> Reply:
    """Make a `Reply` of what a server said: one line, without control characters, its enhanced status taken out."""
    line = " ".join(text.split())
    if not line.isprintable():
        line = "".join(char if char.isprintable() else " " for char in line)
    found = _STATUS.match(line)
    return Reply(code, found.group() if found else "", line[:_MAX_TEXT])


def judge(stage: Stage, reply: Reply, *, has_sender: bool = True) -> Outcome:
    """Decide on a reply that was read at `stage` (MAIL, RCPT, DATA or BODY) and was not the wished-for one.

    `has_sender` False: the mail goes under the null sender, which RFC 5321 §4.5.5 has every server take. Some do not;
    that is neither trouble of the relay nor of this mail, and a setting mends it (INBOUND_NULL_SENDER).

    A 2xx at BODY is the one good end. Any other reply that is neither 4xx nor 5xx is out of step with the protocol.
    """
    if stage is Stage.BODY and 200 <= reply.code < 300:
        return Outcome(DeliveryState.ACCEPTED, reply)
    if not 400 <= reply.code < 600:
        return lost(stage, f"the answer {in_words(reply)} makes no sense here")
    if reply.status == RATE_LIMITED:
        return Outcome(DeliveryState.DEFERRED, reply, f"slowed down at {stage}", charged=False)
    if not has_sender and _is_about_null_sender(stage, reply):
        said = f"The relay answered {in_words(reply)} to MAIL FROM:<>."
        return Outcome(DeliveryState.DEFERRED, reply, "refused at MAIL: the null sender", sender_problem=said)
    whose = _whose_matter(stage, reply)
    if whose is not _Whose.RECIPIENT:
        said = f"The relay answered {in_words(reply)} at {stage}."
        kept_back = Outcome(DeliveryState.DEFERRED, reply, f"refused at {stage}", charged=False)
        if whose is _Whose.MAIL:
            return replace(kept_back, mail_problem=said)
        return replace(kept_back, relay_problem=said)
    if reply.code < 500 or _is_full_mailbox(reply):
        return Outcome(DeliveryState.DEFERRED, reply, f"deferred at {stage}")
    return Outcome(DeliveryState.REFUSED, reply, f"refused at {stage}")


def lost(stage: Stage, how: str) -> Outcome:
    """Decide on a connection that was lost, or an answer that never came or made no sense, at `stage`.

    `how` says which, in a few words for the operator ("timed out").
    """
    if stage is Stage.BODY:
        return Outcome(
            DeliveryState.UNCERTAIN,
            None,
            f"no answer after the mail was handed over: {how}",
            relay_problem=f"The relay took a mail and did not say whether it keeps it: {how}.",
        )
    return Outcome(
        DeliveryState.DEFERRED,
        None,
        f"lost at {stage}: {how}",
        charged=False,
        relay_problem=f"The connection to the relay broke off at {stage}: {how}.",
    )


def not_begun(how: str) -> Outcome:
    """Decide on a mail whose connection was lost before its turn came, by no fault of its own or the relay's."""
    return Outcome(DeliveryState.DEFERRED, None, f"not begun: {how}", charged=False)


def in_words(reply: Reply) -> str:
    """Quote a reply for an alert: the relay's own words, with every mail address in them masked."""
    return f"{reply.code} {_ADDRESS.sub('<address>', reply.text)}".strip()


def _whose_matter(stage: Stage, reply: Reply) -> _Whose:
    if reply.code == _LEAVING or reply.code in _LOGIN_CODES:
        return _Whose.RELAY
    if stage is Stage.MAIL and reply.code < 500:
        return _Whose.RELAY
    if not reply.status:
        return _whose_matter_without_status(stage, reply)
    _, subject, detail = reply.status.split(".")
    about = f"{subject}.{detail}"
    if about in _RELAY_DETAILS or (reply.code < 500 and about in _MAIL_DETAILS):
        return _Whose.RELAY
    # 4.7.x is greylisting or a speed limit for this recipient: trying again later is the whole answer.
    if reply.code < 500 or not (about in _MAIL_DETAILS or subject in _MAIL_SUBJECTS or stage is Stage.MAIL):
        return _Whose.RECIPIENT
    is_about_us = stage in (Stage.MAIL, Stage.RCPT) and about not in _MAIL_DETAILS and _SAYS_US.search(reply.text)
    return _Whose.RELAY if is_about_us else _Whose.MAIL


def _whose_matter_without_status(stage: Stage, reply: Reply) -> _Whose:
    if reply.code in _SYNTAX_CODES:
        return _Whose.RELAY
    if stage is Stage.MAIL:
        return _Whose.RELAY if _SAYS_US.search(reply.text) else _Whose.MAIL
    if stage is Stage.RCPT:  # "550 relaying denied"
        return _Whose.RELAY if reply.code >= 500 and _SAYS_RELAY.search(reply.text) else _Whose.RECIPIENT
    # After the body 554 is what servers without enhanced codes say about its content (RFC 5321 §4.2.2, §4.2.5).
    says_content = reply.code >= 500 and _SAYS_CONTENT.search(reply.text)
    return _Whose.MAIL if reply.code == 554 or says_content else _Whose.RECIPIENT


def _is_about_null_sender(stage: Stage, reply: Reply) -> bool:
    is_about_us = reply.code in _LOGIN_CODES or _SAYS_US.search(reply.text)
    return stage is Stage.MAIL and reply.code >= 500 and not is_about_us


def _is_full_mailbox(reply: Reply) -> bool:
    """A full mailbox is emptied some day: worth trying until the deadline, whatever the code says."""
    return reply.status[2:] == _FULL_MAILBOX or (reply.code == 552 and not reply.status)

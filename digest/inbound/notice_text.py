"""Read notices that are no report of RFC 3464: what qmail, Exim, Exchange and portals write to people. Pure.

In: an `Opened` mail. Out: whether a server wrote it because a mail of ours failed or waits, what of its text is the
server's own, and the addresses it names. A mail counts as one only if both its sender (a null return path, a daemon or
postmaster) or its subject, and its words say so: what a person or a list writes about mail is no notice, and neither is
an answer from a holiday. Addresses: flufl.bounce's rules for some twenty systems first, then lines that begin with one.
"""

import re
from email.message import Message

from flufl.bounce import all_failures

from digest.inbound.notice_parts import Opened
from digest.inbound.notice_phrases import (
    ANSWERS,
    DELAYS,
    FAILURES,
    GIVEN_UP,
    PLAIN_FAILURES,
    PLAIN_SUBJECTS,
    RETURNED,
    SENDERS,
    SUBJECTS,
)
from digest.inbound.notice_words import compiled

_DAEMON = compiled(SENDERS)
_SUBJECT = compiled(SUBJECTS)
_WORDS = compiled(FAILURES)
_PLAIN_SUBJECT = compiled(PLAIN_SUBJECTS, begins="^")
_PLAIN_WORDS = compiled(PLAIN_FAILURES)
_DELAY = compiled(DELAYS)
_GIVEN_UP = compiled(GIVEN_UP)
_DELAY_SUBJECT = re.compile(r"delay|warning|still being retried|will retry|지연", re.IGNORECASE)
_ANSWER_LINE = re.compile(r"(?<![\d.:])[45][0-7]\d[ -]|(?<![\d.])[45]\.\d\.\d|\bsaid:|\breason:|<<<", re.IGNORECASE)
_ANSWER = compiled(ANSWERS)
_CUT = compiled(RETURNED, begins="^[ >|*#=_~-]*")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_LEADS = re.compile(
    r"^[\s>*\"'(]*(?:to:|rcpt to:|recipient:|address:|addressee:|unable to deliver (?:message )?to"
    r"|undeliverable\s+to|\d{3}[ -])?\s*[\"'<(\[]*(?:smtp:|rfc822;?)?\s*(" + _ADDRESS.pattern + r")[\"'>)\]:.,]*",
    re.IGNORECASE,
)
_OWN = re.compile(r"postmaster|mailer-?daemon|abuse@|support@|helpdesk|no-?reply", re.IGNORECASE)
_MAX_LINES = 400
_MAX_FLUFL_BYTES = 300_000
_MAX_ADDRESSES = 20


def server_text(opened: Opened) -> str:
    """Return what the server itself wrote: the readable parts up to where the mail that came back begins."""
    lines: list[str] = []
    for text in opened.texts:
        for line in text.split("\n"):
            if _CUT.match(line) and lines:
                break
            lines.append(line.rstrip())
        if len(lines) > _MAX_LINES:
            break
    return "\n".join(lines[:_MAX_LINES])


def quoted_answers(text: str) -> str:
    """Return the lines that quote another server's answer, each with the two behind it, where it may go on."""
    lines = text.split("\n")
    wanted = {n + more for n, line in enumerate(lines) if _ANSWER_LINE.search(line) for more in range(3)}
    return "\n".join(lines[n] for n in sorted(wanted) if n < len(lines))


def returned_text(opened: Opened) -> str:
    """Return what stands behind that point: the mail that came back, where it is no part of its own."""
    for text in opened.texts:
        lines = text.split("\n")
        for number, line in enumerate(lines):
            if number and _CUT.match(line):
                return "\n".join(lines[number : number + _MAX_LINES])
    return opened.embedded_text


def is_from_server(opened: Opened, text: str) -> bool:
    """Whether a server wrote this about a mail that failed or waits."""
    subject = opened.header("subject")
    sender = opened.header("from")
    null_path = opened.message.get("return-path") is not None and opened.header("return-path") in ("<>", "")
    by_daemon = null_path or bool(_DAEMON.search(sender)) or "x-failed-recipients" in opened.message
    about = bool(_SUBJECT.search(subject))
    says = bool(_WORDS.search(" ".join(text.split())[:6000]))
    if _ANSWER.search(subject) or (_ANSWER.search(text[:2000]) and not about):
        return False
    if opened.message.get("in-reply-to") and not by_daemon:
        return False
    if by_daemon:
        return about or says
    # Some gateways write as an administrator: then subject and words must both be a report's.
    return bool(_PLAIN_SUBJECT.search(subject) and _PLAIN_WORDS.search(" ".join(text.split())[:3000]))


def is_delay(opened: Opened, text: str) -> bool:
    """Whether it only says that the mail waits and is tried again."""
    words = " ".join(text.split())
    if _GIVEN_UP.search(words):
        return False
    return bool(_DELAY.search(words)) or bool(_DELAY_SUBJECT.search(opened.header("subject")) and "retr" in words)


def recipients_in(opened: Opened, text: str) -> tuple[str, ...]:
    """Return whom the text names as not reached."""
    failed = _clean(opened.header("x-failed-recipients").split(","), opened)
    if failed:
        return failed
    found = _clean(_flufl(opened.message), opened) if opened.size <= _MAX_FLUFL_BYTES else ()
    if found:
        return found
    leading = [match.group(1) for line in text.split("\n") if (match := _LEADS.match(line))]
    found = _clean(leading, opened)
    if found:
        return found
    found = _clean(_ADDRESS.findall(" ".join((text, opened.header("subject")))), opened)
    written_to = {each.lower() for each in embedded_to(opened)}
    both = tuple(each for each in found if each.lower() in written_to)
    return both or found[:1] or tuple(embedded_to(opened)[:1])


def embedded_to(opened: Opened) -> list[str]:
    """Return the addresses the mail that came back was written to."""
    if opened.embedded is None:
        return []
    return _ADDRESS.findall(" ".join(str(value) for value in opened.embedded.get_all("to", [])))


def _flufl(message: Message) -> list[str]:
    try:
        temporary, permanent = all_failures(message)
    except Exception:
        return []
    return [each.decode("ascii", "replace") for each in sorted(permanent | temporary)]


def _clean(addresses: list[str], opened: Opened) -> tuple[str, ...]:
    """Return the addresses once each, without the server's own and without whoever had sent the mail."""
    ours = {
        each.lower()
        for name in ("to", "from", "delivered-to", "reply-to")
        for each in _ADDRESS.findall(opened.header(name))
    }
    if opened.embedded is not None:
        ours |= {each.lower() for each in _ADDRESS.findall(str(opened.embedded.get("from", "")))}
    kept: dict[str, str] = {}
    for each in addresses:
        match = _ADDRESS.search(each.lstrip("'"))  # which may begin an address, but hardly ever does
        if match and match.group().lower() not in ours and not _OWN.search(match.group()):
            kept.setdefault(match.group().lower(), match.group().rstrip("."))
    return tuple(kept.values())[:_MAX_ADDRESSES]

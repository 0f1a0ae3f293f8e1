"""Read what a mail that came back says: bounces and complaints, by report or by text. Pure.

In: the bytes of a mail, whatever they are. Out: a `Notice`, or None for what no server wrote about a mail of ours.
First complaints (RFC 5965, and the shapes of Hotmail and AOL before it), then delivery reports (RFC 3464, RFC 6533),
then free text. The text of a report is asked beside its fields, because it often says more. Nothing here is trusted:
addresses are for the operator to read, and only a token of ours, which `deliver.feedback` verifies, changes anything.
"""

import json
import re
from collections.abc import Iterable
from email.message import Message

from digest.inbound import notice_text, notice_words
from digest.inbound.notice_parts import Fields, Opened, clear, open_mail
from digest.models.notices import Cause, FoundToken, Notice, NoticeClass, TokenPlace

_NO_COMPLAINT = frozenset({"auth-failure", "not-spam", "dkim", "virus", "dmarc"})
_SHAPE = r"[a-z2-7]{37}"  # of a token: `tokens`
_DETAIL = re.compile(rf"[A-Za-z0-9_.]{{1,24}}[-+=]({_SHAPE})@", re.IGNORECASE)
_BARE = re.compile(rf"(?<![A-Za-z0-9])({_SHAPE})(?![A-Za-z0-9])", re.IGNORECASE)
_ID = re.compile(rf"<({_SHAPE})@", re.IGNORECASE)
_LEAVE = re.compile(rf"/u/({_SHAPE})", re.IGNORECASE)
_OWN_ADDRESS = ("delivered-to", "x-original-to", "envelope-to", "to", "x-envelope-to", "x-rcpt-to")
_HOTMAIL = re.compile(r"^\s*complaint about message from", re.IGNORECASE)
_REPORT_SUBJECT = re.compile(r"e?-?mail feedback report|abuse report|complaint about message", re.IGNORECASE)
_SES = re.compile(r'\{"notificationType"\s*:\s*"Complaint".{0,20000}\}', re.DOTALL)
_ADDRESS_TYPE = re.compile(r"^\s*[a-z0-9-]+\s*;\s*", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s<>,;]+@[^\s<>,;]+")
_REJECTED = re.compile(r"\b(?:rejected|refused|not delivered|quota)\b", re.IGNORECASE)
_MAX_DIAGNOSTIC = 500
_MAX_TOKENS = 12


def read_notice(content: bytes) -> Notice | None:
    """Return what the mail says, None if it is no notice. Never raises, whatever the bytes are."""
    opened = open_mail(content)
    text = notice_text.server_text(opened)
    return _complaint(opened, text) or _receipt(opened, text) or _report(opened, text) or _free_text(opened, text)


# ── complaints ───────────────────────────────────────────────────────────────────────────────────────────────────


def _complaint(opened: Opened, text: str) -> Notice | None:
    if opened.feedback is not None:
        return _feedback_report(opened, opened.feedback)
    sender, subject = opened.header("from"), opened.header("subject")
    told_by = opened.header("x-hmxmroriginalrecipient")
    from_hotmail = "staff@hotmail.com" in f"{sender} {opened.header('return-path')}".lower()
    if (from_hotmail and _HOTMAIL.match(subject) and opened.embedded is not None) or (from_hotmail and told_by):
        about = told_by or _first_to(opened)
        return Notice(
            NoticeClass.COMPLAINT, recipients=(about,) if about else (), feedback_type="abuse", tokens=_tokens(opened)
        )
    if _REPORT_SUBJECT.search(subject) and opened.embedded is not None and _is_multipart_report(opened):
        return Notice(
            NoticeClass.COMPLAINT,
            recipients=_as_tuple(_first_to(opened)),
            feedback_type="abuse",
            tokens=_tokens(opened),
        )
    return _ses_by_mail(opened, text)


def _feedback_report(opened: Opened, fields: Fields) -> Notice:
    kind = fields.get("feedback-type", "abuse").strip().lower()
    about = fields.get("original-rcpt-to") or fields.get("removal-recipient") or _first_to(opened)
    return Notice(
        NoticeClass.NONE if kind in _NO_COMPLAINT else NoticeClass.COMPLAINT,
        recipients=_as_tuple(_address(about)),
        feedback_type=kind[:40],
        tokens=_tokens(opened, fields),
    )


def _ses_by_mail(opened: Opened, text: str) -> Notice | None:
    """Amazon SES tells of complaints by mail, too, where a topic is subscribed by mail: JSON in the text."""
    if "sns.amazonaws.com" not in opened.header("from").lower():
        return None
    found = _SES.search(text)
    if found is None:
        return None
    try:
        told, _ = json.JSONDecoder().raw_decode(found.group())
        about = tuple(str(each["emailAddress"]) for each in told["complaint"]["complainedRecipients"])
    except (ValueError, KeyError, TypeError, RecursionError):
        about = ()
    return Notice(NoticeClass.COMPLAINT, recipients=about, feedback_type="abuse", tokens=_tokens(opened))


def _is_multipart_report(opened: Opened) -> bool:
    return opened.message.get_content_type() in ("multipart/report", "multipart/mixed")


def _first_to(opened: Opened) -> str:
    return next(iter(notice_text.embedded_to(opened)), "")


def _receipt(opened: Opened, text: str) -> Notice | None:
    """A receipt counts for nothing, unless the mail server writes it because it threw the mail away (Dovecot does)."""
    if opened.receipt is None:
        return None
    if "deleted" in opened.receipt.get("disposition", "") and _REJECTED.search(text):
        cause = notice_words.cause_of(text)
        about = _as_tuple(_address(opened.receipt.get("final-recipient")))
        return Notice(
            NoticeClass.SOFT, cause, about, diagnostic=" ".join(text.split())[:_MAX_DIAGNOSTIC], tokens=_tokens(opened)
        )
    return Notice(NoticeClass.NONE, tokens=_tokens(opened))


# ── delivery reports ─────────────────────────────────────────────────────────────────────────────────────────────


def _report(opened: Opened, text: str) -> Notice | None:
    blocks = [
        block for block in opened.status_blocks if "action" in block or "status" in block or "final-recipient" in block
    ]
    if not blocks:
        return None
    read = [_read_block(block, text) for block in blocks]
    failed = [each for each in read if each is not None]
    envelope = _joined(opened.status_blocks)
    if not failed:
        return Notice(NoticeClass.NONE, tokens=_tokens(opened, envelope))
    worst = next((each for each in failed if each.kind is NoticeClass.HARD), failed[0])
    recipients = _unique(address for each in failed for address in each.recipients)
    return Notice(
        worst.kind,
        worst.cause,
        recipients or notice_text.recipients_in(opened, text),
        _unique(address for each in failed for address in each.finals),
        failed[0].status,
        diagnostic=worst.diagnostic,
        is_status_told=failed[0].is_status_told,
        is_delayed=all(each.is_delayed for each in failed),
        tokens=_tokens(opened, envelope),
    )


def _read_block(block: Fields, text: str) -> Notice | None:
    """Read the fields about one recipient; None if they tell of no failure."""
    action = block.get("action", "").split("(")[0].split(";")[0].strip().lower()
    field, diagnostic = block.get("status", ""), block.get("diagnostic-code", "")
    if action in ("delivered", "relayed", "expanded") or (not action and field.startswith("2")):
        return None
    final, original = _address(block.get("final-recipient")), _address(block.get("original-recipient"))
    status = notice_words.best_status(field, f"{diagnostic} {block.get('status', '')}")
    cause = notice_words.cause_of(diagnostic)
    if cause in (Cause.UNKNOWN, Cause.LATER):
        of_status = notice_words.cause_of_status(status)
        told = notice_words.cause_of(text) if of_status is Cause.UNKNOWN else of_status
        cause = cause if told is Cause.UNKNOWN else told
    status = status or notice_words.best_status("", text)
    is_told = bool(status)
    if not status:
        status = notice_words.status_of(cause, is_delayed=action == "delayed")
    kind = (
        NoticeClass.SOFT
        if action == "delayed"
        else notice_words.classify(cause, status, 0 if field else notice_words.reply_in(diagnostic))
    )
    return Notice(
        kind,
        cause,
        _as_tuple(original or final),
        _as_tuple(final if original and original.lower() != final.lower() else ""),
        status,
        diagnostic=" ".join(diagnostic.split())[:_MAX_DIAGNOSTIC],
        is_delayed=action == "delayed",
        is_status_told=is_told,
    )


# ── free text ────────────────────────────────────────────────────────────────────────────────────────────────────


def _free_text(opened: Opened, text: str) -> Notice | None:
    if not notice_text.is_from_server(opened, text):
        return None
    is_delayed = notice_text.is_delay(opened, text)
    said = f"{opened.header('subject')}\n{text}"
    status = notice_words.best_status("", text)
    cause = notice_words.cause_of(notice_text.quoted_answers(text))
    if cause in (Cause.UNKNOWN, Cause.LATER):
        cause = notice_words.cause_of(said)
    if cause is Cause.UNKNOWN:
        cause = notice_words.cause_of_status(status)
    kind = (
        NoticeClass.SOFT
        if is_delayed
        else notice_words.classify(cause, status, 0 if status else notice_words.reply_in(text))
    )
    return Notice(
        kind,
        cause,
        notice_text.recipients_in(opened, text),
        status=status or notice_words.status_of(cause, is_delayed=is_delayed),
        is_status_told=bool(status),
        diagnostic=" ".join(text.split())[:_MAX_DIAGNOSTIC],
        is_delayed=is_delayed,
        tokens=_tokens(opened),
    )


# ── tokens ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _tokens(opened: Opened, fields: Fields | None = None) -> tuple[FoundToken, ...]:
    """Return what has the shape of our token, the most telling place first."""
    found: dict[str, FoundToken] = {}

    def take(place: TokenPlace, pattern: re.Pattern[str], text: str) -> None:
        for match in pattern.findall(text[:20_000]):
            if len(found) < _MAX_TOKENS:
                found.setdefault(match.lower(), FoundToken(place, match.lower()))

    for name in _OWN_ADDRESS:
        take(TokenPlace.RETURN_PATH, _DETAIL, " ".join(clear(each) for each in opened.message.get_all(name, [])))
    if fields:
        take(TokenPlace.ENVELOPE_ID, _BARE, fields.get("original-envelope-id", ""))
        take(TokenPlace.RETURN_PATH, _DETAIL, fields.get("original-mail-from", ""))
    returned = notice_text.returned_text(opened)
    came_back = opened.embedded if opened.embedded is not None else Message()
    take(TokenPlace.RETURN_PATH, _DETAIL, " ".join(clear(each) for each in came_back.get_all("return-path", [])))
    take(TokenPlace.MESSAGE_ID, _ID, str(came_back.get("message-id", "")))
    take(TokenPlace.UNSUBSCRIBE, _LEAVE, str(came_back.get("list-unsubscribe", "")))
    take(TokenPlace.RETURN_PATH, _DETAIL, returned)
    take(TokenPlace.MESSAGE_ID, _ID, returned)
    return tuple(found.values())


def _address(value: str | None) -> str:
    """Return the address in a field like `rfc822; <a@b.c>`."""
    bare = _ADDRESS_TYPE.sub("", (value or "")[:1000]).strip()
    found = _ADDRESS.search(bare)
    return found.group().strip("\"'()") if found else ""


def _as_tuple(address: str) -> tuple[str, ...]:
    return (address,) if address else ()


def _unique(addresses: Iterable[str]) -> tuple[str, ...]:
    kept: dict[str, str] = {}
    for each in addresses:
        kept.setdefault(each.lower(), each)
    return tuple(kept.values())


def _joined(blocks: list[Fields]) -> Fields:
    joined: Fields = {}
    for block in blocks:
        for name, value in block.items():
            joined.setdefault(name, value)
    return joined

"""The header block of a mail before it is addressed, put together byte by byte.

In: what all mails of a stream have in common, and a subject. Out: header lines with CRLF and the slots of
`digest.splice` for what differs per recipient (To, Date, Message-ID, the unsubscribe link). MIME-Version and
Content-* are the transport's.

Own assembly, because the standard library's is 30 times slower and, worse, folds a List-Unsubscribe link of more than
77 characters into encoded words, which no provider reads. So links and ids stand on one physical line each, only the
display name and the subject are ever encoded (RFC 2047: words of at most 75 characters, each with whole characters),
and what can be folded is folded at 78 (RFC 5322 §2.1.1). A line break, NUL or other control character in any value is
a `ValueError`: the value was not cleaned where it came in.
"""

import base64
import re
import unicodedata
from dataclasses import dataclass

from digest import splice
from digest.addresses import Address
from digest.subaddress import Detail, OwnAddresses

_FOLD_AT = 78
_WORD_BEFORE, _WORD_AFTER = "=?utf-8?b?", "?="
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_MESSAGE_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@:-]{1,250}")
_SENDER_ID = range(5, 16)  # letters, by Google's rules for Feedback-ID


@dataclass(frozen=True, slots=True)
class MailingList:
    """What makes a stream one that readers can leave: an edition's slot. `name` is plain ASCII, as slots' names are."""

    name: str
    domain: str
    subscribe_url: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """What an automatic answer refers to, and what keeps two robots from answering each other (RFC 3834 §3.1).

    `message_id` is a stranger's, without brackets; `Answers.of` leaves out one that may not stand in a header.
    """

    message_id: str
    loop_mark: str

    @classmethod
    def of(cls, message_id: str, loop_mark: str) -> "Answers":
        """Refer to the mail that has this id."""
        return cls(message_id if _MESSAGE_ID.fullmatch(message_id) else "", loop_mark)


@dataclass(frozen=True, slots=True)
class Stream:
    """What all mails of one kind have in common. `mailing_list` None: mails nobody subscribed to (alerts).

    `reply_to` None: answers go to the sender address, or to that of the slot `reply_slot`. `is_share`: a mail that
    somebody else asked for; whoever gets it can refuse all further ones with one click. `answers`: what a mail of ours
    answers to, if it answers one by itself. `own` None: there is no door for mail, so no address is shown for it.
    `report_id`: by which a complaint about a share names it.
    """

    kind: str
    from_name: str
    sender: Address
    reply_to: Address | None
    mailing_list: MailingList | None = None
    is_share: bool = False
    reply_slot: str = ""
    answers: "Answers | None" = None
    own: OwnAddresses | None = None
    report_id: str = ""


def header_block(stream: Stream, subject: str) -> bytes:
    """Write the headers of a mail of `stream`, each once, ending in CRLF and without the blank line."""
    lines = [
        _mailbox("From", stream.from_name, stream.sender),
        f"To: {splice.marker(splice.RECIPIENT)}",
        _text("Subject", subject),
        f"Date: {splice.marker(splice.DATE)}",
        f"Message-ID: {splice.marker(splice.MESSAGE_ID)}",
        *([_plain("Reply-To", str(stream.reply_to))] if stream.reply_to else []),
        *([f"Reply-To: {splice.marker(stream.reply_slot)}"] if stream.reply_slot else []),
        *(_list_lines(stream, stream.mailing_list) if stream.mailing_list else []),
        *(_share_lines(stream) if stream.is_share else []),
        *(_answer_lines(stream.answers) if stream.answers else ["Auto-Submitted: auto-generated"]),
    ]
    if stream.mailing_list or stream.answers:
        lines.append("Precedence: bulk")
    return ("\r\n".join(lines) + "\r\n").encode("ascii")


def _list_lines(stream: Stream, mailing_list: MailingList) -> list[str]:
    """Write what mailbox providers ask of bulk mail: RFC 2919, RFC 8058, Google's feedback loop.

    List-Unsubscribe has its one link first and on one line, its mailto where there is a door for mail; so do
    List-Subscribe and List-Help (RFC 2369). There is no List-Archive: every address in a header must lead to something
    that is there.
    """
    own = stream.own
    by_mail = splice.marker(splice.LEAVE_MAILTO) if own else ""
    return [
        _plain("List-Id", f"{mailing_list.name} <{mailing_list.name}.{mailing_list.domain}>"),
        f"List-Unsubscribe: <{splice.marker(splice.UNSUBSCRIBE_URL)}>{by_mail}",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        *([_plain("List-Subscribe", f"<{mailing_list.subscribe_url}>, <{own.mailto(Detail.JOIN)}>")] if own else []),
        *([_plain("List-Help", f"<{own.mailto(Detail.HELP)}>")] if own else []),
        _plain("Feedback-ID", f"{mailing_list.name}:{stream.kind}:bulk:{sender_id(stream.sender.domain)}"),
    ]


def _share_lines(stream: Stream) -> list[str]:
    """Write what lets a friend refuse all further shares by one click (RFC 8058), and nobody answer automatically."""
    by_mail = splice.marker(splice.NEVER_MAILTO) if stream.own else ""
    return [
        f"List-Unsubscribe: <{splice.marker(splice.NEVER_URL)}>{by_mail}",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        _plain("Feedback-ID", f"share:{stream.kind}:mail:{sender_id(stream.sender.domain)}"),
        "X-Auto-Response-Suppress: OOF, AutoReply",
        *([_plain("X-Report-Id", stream.report_id)] if stream.report_id else []),
    ]


def _answer_lines(answers: Answers) -> list[str]:
    """Write what an automatic answer says of itself."""
    refers = [f"{name}: <{answers.message_id}>" for name in ("In-Reply-To", "References") if answers.message_id]
    return [
        *refers,
        "Auto-Submitted: auto-replied",
        _plain("X-Loop", answers.loop_mark),
        "X-Auto-Response-Suppress: All",
    ]


def sender_id(domain: str) -> str:
    """Return the sender's name in Feedback-ID: of 5 to 15 letters and digits, always the same for a domain."""
    letters = re.sub(r"[^a-z0-9]", "", domain)
    return letters[: _SENDER_ID.stop - 1].ljust(_SENDER_ID.start, "0")


def _plain(name: str, value: str) -> str:
    """Write a header that is never encoded nor folded: addresses, ids, links."""
    _refuse_control(name, value)
    if not value.isascii():
        raise ValueError(f"{name} may hold ASCII only")
    return f"{name}: {value}"


def _text(name: str, value: str) -> str:
    """Write a header of free text, folded, encoded where it must be."""
    _refuse_control(name, value)
    value = value.strip()
    folded = _fold(f"{name}:", value.split())
    if value.isascii() and "=?" not in value and "  " not in value and _fits(folded):
        return folded
    return _fold(f"{name}:", _encoded_words(value, first_room=_FOLD_AT - len(name) - 2))


def _mailbox(name: str, display: str, address: Address) -> str:
    _refuse_control(name, display)
    display = display.strip()
    if not display:
        return _plain(name, str(address))
    if not display.isascii() or "=?" in display:
        words = _encoded_words(display, first_room=_FOLD_AT - len(name) - 2)
    elif _ATOMS.fullmatch(display):
        words = display.split()
    else:
        words = ['"' + display.replace("\\", "\\\\").replace('"', '\\"') + '"']
    return _fold(f"{name}:", [*words, f"<{address}>"])


def _encoded_words(text: str, *, first_room: int) -> list[str]:
    """Cut `text` into encoded words that fit their lines; the blank between two of them is not read as one."""
    words, chunk, room = [], b"", first_room
    for char in text:
        octets = char.encode("utf-8")
        if chunk and len(_encoded_word(chunk + octets)) > room:
            words.append(_encoded_word(chunk))
            chunk, room = b"", 75
        chunk += octets
    return [*words, _encoded_word(chunk)] if chunk else words


def _encoded_word(octets: bytes) -> str:
    return _WORD_BEFORE + base64.b64encode(octets).decode("ascii") + _WORD_AFTER


def _fold(line: str, words: list[str]) -> str:
    """Put `words` behind `line`, with a fold (CRLF and a blank) before each that would reach past the line's end."""
    lines = [line]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > _FOLD_AT and lines[-1] != line:
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines)


def _fits(folded: str) -> bool:
    return all(len(line) <= _FOLD_AT for line in folded.split("\r\n"))


def _refuse_control(name: str, value: str) -> None:
    if any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in value):
        raise ValueError(f"{name} holds a line break or another control character")

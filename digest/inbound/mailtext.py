"""A mail that came in, read within bounds: who, about what, and the first text in it.

In: the raw bytes, whoever sent them. Out: one `Reading`, always: broken MIME, wrong labels, absent fields and noise
give what can be read of them. The text is the first text/plain part that holds something, else the first HTML part as
text (`hypertext`), because Korean webmail and phones often send HTML alone; parts of enclosed mails and attachments
are not the sender's words. Only the first 256 kB are read, and of a mail nested deeper than any honest one only the
headers: the standard library's parser would spend seconds on it. Decoding is `headers.decode`. Pure. RFC 5322, RFC
2045, 2046.
"""

import re
import unicodedata
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from email.policy import compat32
from functools import cached_property

from digest.inbound import headers, hypertext
from digest.inbound.headers import Mailbox

READ_OCTETS = 256_000
_HEAD_OCTETS = 64_000
_MAX_FIELDS = 500
_MAX_NESTING = 40
_TEXT_LETTERS = 60_000
_NESTS = re.compile(rb"boundary\s*=|message/", re.IGNORECASE)
_END_OF_HEAD = re.compile(rb"(?:\r\n|\r|\n)(?:\r\n|\r|\n)")
_LINE_ENDS = re.compile(r"\r\n|\r|\x0b|\x0c|\x85|\u2028|\u2029")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")


@dataclass(frozen=True)
class Reading:
    """What a raw mail says. Nothing in it is to be trusted or written back to anybody.

    `fields` are the header fields in their order, names in small letters, values as they came. `text` is the first
    text, lines ending in \\n, in NFC. `is_whole` False: it was longer than is read.
    """

    fields: tuple[tuple[str, bytes], ...]
    text: str
    is_html_only: bool
    content_type: str
    report_type: str
    is_whole: bool

    def all_of(self, name: str) -> list[bytes]:
        """Return the values of every field of that name, the topmost first."""
        return [value for each, value in self.fields if each == name]

    def raw(self, name: str) -> bytes:
        """Return the value of the topmost field of that name, empty if there is none."""
        return next((value for each, value in self.fields if each == name), b"")

    def has(self, name: str) -> bool:
        """Whether there is a field of that name."""
        return any(each == name for each, _ in self.fields)

    def value(self, name: str) -> str:
        """Return the topmost field of that name as text on one line."""
        return headers.words(self.raw(name))

    @cached_property
    def subject(self) -> str:
        """The subject, decoded, on one line."""
        return self.value("subject")

    @cached_property
    def sender(self) -> Mailbox | None:
        """Whom the mail says it is from; None if it names nobody with an address."""
        return next(iter(headers.mailboxes(self.raw("from"))), None)

    @cached_property
    def has_one_sender(self) -> bool:
        """Whether it says so once and names one: only then can a server have checked who that is."""
        named = self.all_of("from")
        if len(named) != 1 or len(headers.mailboxes(named[0])) != 1:
            return False
        return b"," not in re.sub(rb'"(?:[^"\\]|\\.)*"|<[^<>]*>', b"", named[0])

    @cached_property
    def message_id(self) -> str:
        """The id of the mail, without its brackets, empty if it has none."""
        return next(iter(headers.ids(self.raw("message-id"))), "")

    @cached_property
    def answers(self) -> tuple[str, ...]:
        """The ids of the mails that this one answers: In-Reply-To first, then References, the newest first."""
        found = [*headers.ids(self.raw("in-reply-to")), *reversed(headers.ids(self.raw("references")))]
        return tuple(dict.fromkeys(found))


def read(raw: bytes) -> Reading:
    """Read a mail; never raises, whatever it is."""
    looked_at = raw[:READ_OCTETS].removeprefix(b"\xef\xbb\xbf")
    if len(_NESTS.findall(looked_at)) > _MAX_NESTING:
        end = _END_OF_HEAD.search(looked_at)
        looked_at = looked_at[: min(end.end() if end else _HEAD_OCTETS, _HEAD_OCTETS)]
    try:
        mail = message_from_bytes(looked_at, policy=compat32)
        fields = tuple((name.lower(), _octets(value)) for name, value in mail.raw_items())[:_MAX_FIELDS]
        text, is_html_only = _first_text(mail)
        content_type, report_type = mail.get_content_type(), str(mail.get_param("report-type") or "").lower()
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError):
        # The parser's own faults with broken parameters and nesting. What it says of the headers is kept.
        fields, text, is_html_only, content_type, report_type = _fields_alone(looked_at), "", False, "text/plain", ""
    return Reading(fields, text, is_html_only, content_type, report_type, is_whole=len(raw) <= READ_OCTETS)


def lines_of(text: str) -> list[str]:
    """Return the lines of a text without what cannot be seen and without blanks at their ends."""
    return [line.strip() for line in text.split("\n")]


def _first_text(mail: Message) -> tuple[str, bool]:
    """Return the first text part that holds something, else the first HTML part as text; and whether it is that."""
    html = ""
    for part in _own_parts(mail):
        kind = part.get_content_type()
        if kind == "text/plain":
            text = _clean(_decoded(part))
            if text.strip():
                return text, False
        elif kind == "text/html" and not html:
            html = _clean(hypertext.as_text(_decoded(part)))
    return html, bool(html)


def _own_parts(mail: Message) -> list[Message]:
    """Return the leaves that are the sender's own words: no attachment, nothing of an enclosed mail."""
    found, waiting = [], [mail]
    while waiting:
        part = waiting.pop()
        if part.get_content_maintype() == "message" or part.get_content_disposition() == "attachment":
            continue
        payload = part.get_payload()
        if isinstance(payload, list):
            waiting += reversed([each for each in payload if isinstance(each, Message)])
        else:
            found.append(part)
    return found


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    octets = payload if isinstance(payload, bytes) else b""
    label = part.get_param("charset") or ""
    return headers.decode(octets, label[2] if isinstance(label, tuple) else str(label))


def _clean(text: str) -> str:
    text = unicodedata.normalize("NFC", _LINE_ENDS.sub("\n", text.replace("\0", "")))
    return _INVISIBLE.sub("", text).replace("\xa0", " ")[:_TEXT_LETTERS]


def _octets(value: object) -> bytes:
    return str(value).encode("utf-8", "surrogateescape").strip()


def _fields_alone(raw: bytes) -> tuple[tuple[str, bytes], ...]:
    """Read header fields and nothing else, for mails whose structure cannot be read."""
    end = _END_OF_HEAD.search(raw)
    head = re.sub(rb"(?:\r\n|\r|\n)([ \t])", rb"\1", raw[: end.start() if end else _HEAD_OCTETS])
    found = []
    for line in re.split(rb"\r\n|\r|\n", head)[:_MAX_FIELDS]:
        name, colon, value = line.partition(b":")
        if colon and re.fullmatch(rb"[!-9;-~]+", name):
            found.append((name.decode("ascii").lower(), value.strip()))
    return tuple(found)

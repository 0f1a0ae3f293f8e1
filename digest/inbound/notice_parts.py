"""Open the bytes of a mail that may be a notice: line ends, parts, report fields, the mail that came back. Pure.

In: foreign bytes, at most `_MAX_BYTES` of them looked at. Out: `Opened`, whatever the bytes are. Reports are taken from
the raw bytes of their part: the standard library reads `message/delivery-status` as messages (and stops at the first
line that is no header) and `message/global-delivery-status` (RFC 6533) as one, while real ones lack blank lines, have
too many, or begin with MIME headers of their own. Line ends may be CRLF, LF, or CR alone.
"""

import re
from dataclasses import dataclass, field
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser

_MAX_BYTES = 1_000_000
_MAX_PARTS = 60
_MAX_TEXT = 60_000
_MAX_BLOCKS = 50
_STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_EMBEDDED_TYPES = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "text/rfc822-header",
                             "message/global-headers", "message/rfc822-headers"})  # fmt: skip
_FIELD = re.compile(r"^([A-Za-z][A-Za-z0-9-]*)[ \t]*:[ \t]*(.*)$")
_PER_RECIPIENT = frozenset({"original-recipient", "final-recipient", "action", "status", "diagnostic-code"})
_BOUNDARY_LINE = re.compile(rb"(?m)^--([!-~][ -~]{4,68}[!-~])\nContent-", re.IGNORECASE)
_TAG = re.compile(r"<(?:[A-Za-z/!][^<>@]{0,400})>")
_BREAK = re.compile(r"<(?:br|/?p|/?div|/?tr|/?li|/?h\d)\b[^<>]{0,400}>", re.IGNORECASE)
_HIDDEN = ("style", "script", "head")
_ENTITIES = (
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&nbsp;", " "),
    ("&quot;", '"'),
    ("&#43;", "+"),
    ("&#64;", "@"),
    ("&amp;", "&"),
)
_CHARSETS = {"euc-kr": "cp949", "ks_c_5601-1987": "cp949", "ksc5601": "cp949", "ks_x_1001": "cp949"}

Fields = dict[str, str]


@dataclass(slots=True)
class Opened:
    """A mail taken apart.

    `texts` are its readable parts in order, `status_blocks` the groups of fields of its delivery reports, `feedback`
    those of a complaint, `receipt` those of a program that tells what it did with a mail (RFC 8098), `embedded` the
    headers of the mail that came back, `embedded_text` that as it stood. `size` is in bytes.
    """

    message: Message
    size: int
    texts: list[str] = field(default_factory=list)
    status_blocks: list[Fields] = field(default_factory=list)
    feedback: Fields | None = None
    embedded: Message | None = None
    embedded_text: str = ""
    receipt: Fields | None = None

    def header(self, name: str) -> str:
        """Return a header in clear and on one line; empty if it is not there."""
        return clear(self.message.get(name))


def open_mail(content: bytes) -> Opened:
    """Take a mail apart. Never raises."""
    content = _with_line_ends(content[:_MAX_BYTES])
    try:
        message = message_from_bytes(content)
    except RecursionError:  # multiparts in multiparts, some hundred deep
        return Opened(BytesHeaderParser().parsebytes(content), size=len(content))
    if message.get_content_maintype() == "multipart" and not message.is_multipart():
        message = _with_boundary_found(message, content)
    opened = Opened(message, size=len(content))
    queue, seen = [message], 0
    while queue and seen < _MAX_PARTS:
        part = queue.pop(0)
        seen += 1
        kind = part.get_content_type()
        if kind in _STATUS_TYPES or part.get_filename("") == "deliverystatus.txt":
            opened.status_blocks += read_blocks(_raw(part))
        elif kind == "message/feedback-report":
            opened.feedback = _joined(read_blocks(_raw(part), splits=False))
        elif kind == "message/disposition-notification":
            opened.receipt = _joined(read_blocks(_raw(part), splits=False))
        elif kind in _EMBEDDED_TYPES or (part is not message and kind.startswith("message/")):
            _take_embedded(opened, part, queue)
        elif part.is_multipart():
            queue[:0] = _children(part)
        elif kind.startswith("text/"):
            opened.texts.append(_text(part, is_html=kind == "text/html")[:_MAX_TEXT])
    return opened


def clear(value: object) -> str:
    """Return a header's value in clear, on one line."""
    if value is None:
        return ""
    raw = str(value)
    try:
        decoded = str(make_header(decode_header(raw)))
    except (HeaderParseError, LookupError, UnicodeError, ValueError, AssertionError):
        decoded = raw
    return " ".join(decoded.split())


def read_blocks(raw: bytes, *, splits: bool = True) -> list[Fields]:
    """Return the groups of fields of a report, with lower-case names; the first is about the whole mail.

    `splits`: a second Final-Recipient or Action begins a group although no blank line stands before it.
    """
    blocks: list[Fields] = [{}]
    last = ""
    for line in raw.decode("utf-8", "replace").split("\n"):
        if not line.strip():
            blocks.append({})
            last = ""
        elif line[0] in " \t" and last:
            blocks[-1][last] += " " + line.strip()
        elif found := _FIELD.match(line):
            last = found.group(1).lower()
            if splits and last in _PER_RECIPIENT and last in blocks[-1]:
                blocks.append({})
            blocks[-1].setdefault(last, found.group(2).strip())
        elif last:
            blocks[-1][last] += " " + line.strip()  # a folded line that lost its blank
        if len(blocks) > _MAX_BLOCKS:
            break
    return [block for block in blocks if block]


def _with_line_ends(content: bytes) -> bytes:
    content = content.replace(b"\r\n", b"\n")
    return content.replace(b"\r", b"\n") if content.count(b"\r") > content.count(b"\n") else content.replace(b"\r", b"")


def _with_boundary_found(message: Message, content: bytes) -> Message:
    """Read a mail again whose Content-Type names another boundary than it uses."""
    found = _BOUNDARY_LINE.search(content)
    if found is None:
        return message
    again = message_from_bytes(content)
    again.set_param("boundary", found.group(1).decode("ascii", "replace"))
    head = "".join(f"{name}: {value!s}\n" for name, value in again.items()).encode("utf-8", "replace")
    _, _, body = content.partition(b"\n\n")
    return message_from_bytes(head + b"\n" + body)


def _children(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def _raw(part: Message) -> bytes:
    """Return the bytes of a part whatever the parser made of it."""
    payload = part.get_payload()
    if isinstance(payload, list):
        # A part that was parsed as messages: each is put back as it stood, a blank line between two.
        return b"\n\n".join(_headers_and_body(child) for child in payload if isinstance(child, Message))
    return _body(part)


def _headers_and_body(part: Message) -> bytes:
    head = "\n".join(f"{name}: {value}" for name, value in part.items())
    payload = part.get_payload()
    body = _raw(part) if isinstance(payload, list) else _body(part)
    return head.encode("utf-8", "replace") + b"\n\n" + body


def _body(part: Message) -> bytes:
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError, AttributeError):
        payload = None
    if isinstance(payload, bytes):
        return payload
    text = part.get_payload()
    return text.encode("utf-8", "replace") if isinstance(text, str) else b""


def _text(part: Message, *, is_html: bool) -> str:
    raw = _body(part)
    charset = str(part.get_param("charset", "") or "").strip("\"' ").lower()
    text = decode(raw, charset)
    if is_html:
        text = _TAG.sub(" ", _BREAK.sub("\n", _without_hidden(text[: 4 * _MAX_TEXT])))
        for entity, char in _ENTITIES:
            text = text.replace(entity, char)
    return text


def _without_hidden(html: str) -> str:
    """Cut out what no reader sees. By searching, not by an expression: one without an end would cost its square."""
    for name in _HIDDEN:
        kept, at, low = [], 0, html.lower()
        while (start := low.find(f"<{name}", at)) >= 0 and (end := low.find(f"</{name}", start)) >= 0:
            kept.append(html[at:start])
            at = end
        html = "".join((*kept, html[at:]))
    return html


def decode(raw: bytes, charset: str) -> str:
    """Decode by the label, else as UTF-8, else as Korean, else what is readable of it."""
    for each in (_CHARSETS.get(charset, charset), "utf-8", "cp949"):
        if each:
            try:
                return raw.decode(each)
            except (UnicodeError, LookupError):
                continue
    try:
        return raw.decode(_CHARSETS.get(charset, charset) or "utf-8", "replace")
    except (UnicodeError, LookupError):
        return raw.decode("utf-8", "replace")


def _take_embedded(opened: Opened, part: Message, queue: list[Message]) -> None:
    """Keep the headers of the first mail that came back; a server's own part of this type may hold the report."""
    if opened.embedded is not None:
        return
    children = _children(part)
    if children:
        opened.embedded = children[0]
        if (
            children[0].get_content_type() == "multipart/report"
            and opened.message.get_content_type() != "multipart/report"
        ):
            queue += _children(children[0])  # a gateway wrapped the report into a notice of its own
        return
    raw = _body(part)
    opened.embedded = message_from_bytes(raw.lstrip())
    opened.embedded_text = raw.decode("utf-8", "replace")[:_MAX_TEXT]


def _joined(blocks: list[Fields]) -> Fields:
    joined: Fields = {}
    for block in blocks:
        for name, value in block.items():
            joined.setdefault(name, value)
    return joined

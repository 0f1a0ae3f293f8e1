"""Whether a mail that arrived still is the one that was approved.

In: the bytes that were handed to the relay, and a mail as a mailbox saved it. Out: every difference by its name, none
if a reader sees and can do the same. What mail servers may do on the way is no difference: other line ends, folding and
transfer encodings, other boundaries, trace fields on top. Everything else is told: a field changed, added or lost, a
part changed, added or lost, another charset, words put in, links and pictures that lead to another host. Pure.

The found mail is foreign: it is read leniently by the older half of the standard library's parser, and what cannot be
read as a mail at all is said to be so.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser

from digest.errors import FixSetupError

MAX_BYTES = 30_000_000
_MAX_PARTS = 100
_COMPARED_LINES = 5_000  # ours have some hundred; to find what was put in takes the product of both
_SHOWN_LETTERS = 120
_MAIL_FIELDS = ("from", "subject", "date", "message-id")
_OF_PARTS = ("mime-version", "content-type", "content-transfer-encoding")
_TRACE = (
    "received", "return-path", "delivered-to", "authentication-results", "dkim-signature", "dkim-filter",
    "domainkey-signature", "envelope-to", "original-recipient", "status", "delivery-date", "content-length", "lines",
)  # fmt: skip
_TRACE_BEGINS = ("x-", "arc-", "received-", "authentication-")
_PERSONAL = ("to", "date", "message-id", "list-unsubscribe")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as approved. `name` is stable ("header changed"), `what` says which, the rest shows it."""

    name: str
    what: str
    approved: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of it. `is_identical`: byte for byte; `added` are the trace fields that servers put on top."""

    is_identical: bool
    differences: tuple[Difference, ...] = ()
    added: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether a reader has before them what was approved."""
        return not self.differences


@dataclass(frozen=True, slots=True)
class _Part:
    media_type: str
    charset: str
    content: str
    name: str


def message_id(content: bytes) -> str:
    """Return a mail's Message-ID, empty if it has none. Raises `FixSetupError` for what is no mail."""
    return _value(_parsed(content).get("message-id", ""))


def recipients(content: bytes) -> set[str]:
    """Return the addresses of a mail's To field, in small letters."""
    return {address.lower() for _, address in getaddresses([_value(_parsed(content).get("to", ""))])}


def compare(
    approved: bytes, found: bytes, *, leaving: tuple[str, ...] = (), is_same_delivery: bool = True
) -> Comparison:
    """Compare a mail as found with the one that was approved. Raises `FixSetupError` for a file that is no mail.

    `is_same_delivery` False: they went to different people, so To, Date, Message-ID and the links that begin with
    `leaving` (where our links that leave and choose lead) may differ.
    """
    if approved == found:
        return Comparison(is_identical=True)
    ours, theirs = _parsed(approved), _parsed(found)
    differences = list(_fields(ours, theirs, () if is_same_delivery else _PERSONAL))
    personal = () if is_same_delivery else leaving
    try:
        differences += _parts(_leaves(ours, personal), _leaves(theirs, personal))
    except (RecursionError, MessageError, ValueError) as error:
        raise FixSetupError("The parts of this mail cannot be read: it is damaged.") from error
    if ours.get_content_type() != theirs.get_content_type():
        kinds = (ours.get_content_type(), theirs.get_content_type())
        differences.insert(0, Difference("header changed", "Content-Type", *kinds))
    known = {name.lower() for name in ours}
    added = dict.fromkeys(name for name in theirs if name.lower() not in known and _is_trace(name.lower()))
    return Comparison(is_identical=False, differences=tuple(differences), added=tuple(added))


def _parsed(content: bytes) -> "Message[str, str]":
    try:
        parsed = message_from_bytes(content.removeprefix(b"\xef\xbb\xbf"))
    except (RecursionError, MessageError, ValueError) as error:
        raise FixSetupError("This file cannot be read as a mail.") from error
    if sum(name in parsed for name in _MAIL_FIELDS) < 2:
        raise FixSetupError(
            "This file is no mail: it does not begin with a mail's header. Save the mail with its source (.eml, 원문)."
        )
    return parsed


def _is_trace(name: str) -> bool:
    return name in _TRACE or name.startswith(_TRACE_BEGINS)


def _fields(ours: "Message[str, str]", theirs: "Message[str, str]", left_out: Sequence[str]) -> Iterator[Difference]:
    """Compare the fields of the header, each by all its values."""
    skipped = {*_OF_PARTS, *left_out, "dkim-signature"}
    names = dict.fromkeys(name for name in ours if name.lower() not in skipped)
    for name in names:
        before, after = ([_value(value) for value in mail.get_all(name, [])] for mail in (ours, theirs))
        if not after:
            yield Difference("header lost", name, _cut("; ".join(before)))
        elif _meaning(name, before) != _meaning(name, after):
            yield Difference("header changed", name, _cut("; ".join(before)), _cut("; ".join(after)))
    known = {name.lower() for name in names} | skipped
    for name in dict.fromkeys(name for name in theirs if name.lower() not in known):
        if not _is_trace(name.lower()):
            yield Difference("header added", name, found=_cut(_value(theirs.get(name, ""))))


def _meaning(name: str, values: Sequence[str]) -> object:
    """Return what tells two values of a field apart: a time may be written in two ways."""
    if name.lower() == "date" and len(values) == 1:
        try:
            return parsedate_to_datetime(values[0])
        except ValueError:
            pass
    return list(values)


def _value(raw: object) -> str:
    """Return a field's value unfolded, with encoded words (RFC 2047) read."""
    text = " ".join(str(raw).split())
    try:
        return " ".join(str(make_header(decode_header(text))).split())
    except (MessageError, LookupError, ValueError):
        return text


def _leaves(mail: "Message[str, str]", personal: tuple[str, ...]) -> list[_Part]:
    parts: list[_Part] = []
    for part in mail.walk():
        if part.is_multipart():
            continue
        if len(parts) == _MAX_PARTS:
            raise FixSetupError(f"This mail has more than {_MAX_PARTS} parts: none of ours has.")
        payload = part.get_payload(decode=True)
        charset = (part.get_content_charset() or "us-ascii").lower()
        content = _decoded(payload if isinstance(payload, bytes) else b"", charset)
        content = "\n".join(line.rstrip() for line in content.splitlines()).strip("\n")
        parts.append(_Part(part.get_content_type(), charset, _impersonal(content, personal), part.get_filename() or ""))
    return parts


def _decoded(payload: bytes, charset: str) -> str:
    try:
        return payload.decode(charset, "replace")
    except (LookupError, ValueError):  # no such charset, or one that is no way to write text ("idna")
        return payload.decode("utf-8", "replace")


def _impersonal(content: str, leaving: tuple[str, ...]) -> str:
    """Return `content` with one stand-in for every link that begins with one of `leaving`, whosever it is."""
    for link in leaving:
        first, *others = content.split(link)
        content = first + "".join(link + "…" + other.lstrip("abcdefghijklmnopqrstuvwxyz234567") for other in others)
    return content


def _parts(ours: list[_Part], theirs: list[_Part]) -> Iterator[Difference]:
    """Pair the parts by their media type, in order, and compare each pair."""
    left = list(theirs)
    for part in ours:
        found = next((each for each in left if each.media_type == part.media_type), None)
        if found is None:
            yield Difference("part lost", part.media_type)
            continue
        left.remove(found)
        if found.charset != part.charset:
            yield Difference("charset changed", part.media_type, part.charset, found.charset)
        if found.content != part.content:
            yield from _html(part, found) if part.media_type == "text/html" else _text(part, found)
    for extra in left:
        yield Difference("part added", " ".join(filter(None, (extra.media_type, extra.name))))


def _text(part: _Part, found: _Part) -> Iterator[Difference]:
    yield from _lines("text", part.content.splitlines(), found.content.splitlines())


def _html(part: _Part, found: _Part) -> Iterator[Difference]:
    """Compare what a reader sees and can follow; a difference of the markup alone is told as such."""
    ours, theirs = LexborHTMLParser(part.content), LexborHTMLParser(found.content)
    told = list(_lines("HTML", _words(ours), _words(theirs)))
    for what, css, attribute in (("link", "a[href], area[href]", "href"), ("picture", "img[src]", "src")):
        told += _targets(what, _values(ours, css, attribute), _values(theirs, css, attribute))
    if not told:
        told += [
            Difference("markup changed", "HTML", each.approved, each.found)
            for each in _lines("HTML", part.content.splitlines(), found.content.splitlines())
        ]
    yield from told


def _words(page: LexborHTMLParser) -> list[str]:
    """Return the texts of a page in order, as they are read."""
    for node in page.css("head, style, script, title"):
        node.decompose()
    texts = page.root.text(separator="\n").splitlines() if page.root else []
    return [text for line in texts if (text := " ".join(line.split()))]


def _values(page: LexborHTMLParser, css: str, attribute: str) -> list[str]:
    return [(node.attributes.get(attribute) or "").strip() for node in page.css(css)]


def _targets(what: str, before: list[str], after: list[str]) -> Iterator[Difference]:
    gone, new = list((Counter(before) - Counter(after)).elements()), list((Counter(after) - Counter(before)).elements())
    if gone and len(gone) == len(new):
        says = f"{len(new)} {what}s to {_hosts(new)}"
        yield Difference(f"{what}s rewritten", says, _cut(gone[0]), _cut(new[0]))
    elif new or gone:
        if gone:
            yield Difference(f"{what}s lost", f"{len(gone)} {what}s to {_hosts(gone)}", approved=_cut(gone[0]))
        if new:
            yield Difference(f"{what}s added", f"{len(new)} {what}s to {_hosts(new)}", found=_cut(new[0]))


def _hosts(addresses: list[str]) -> str:
    hosts = dict.fromkeys(_host(address) for address in addresses)
    return ", ".join(list(hosts)[:5])


def _host(address: str) -> str:
    try:
        split = urlsplit(address)
    except ValueError:
        return "an address that cannot be read"
    return split.hostname or f"{split.scheme or 'no'}:"


def _lines(what: str, before: list[str], after: list[str]) -> Iterator[Difference]:
    """Tell the first line that differs, or that lines were put in while none of ours is missing."""
    if before == after:
        return
    changes = [
        (kind, before[first:end], after[found:found_end])
        for kind, first, end, found, found_end in SequenceMatcher(
            None, before[:_COMPARED_LINES], after[:_COMPARED_LINES], autojunk=False
        ).get_opcodes()
        if kind != "equal"
    ]
    if not changes:
        yield Difference(f"{what} differs", f"behind line {_COMPARED_LINES}")
        return
    if all(kind == "insert" for kind, _, _ in changes):
        yield Difference("banner added", what, found=_cut(" ".join(changes[0][2])))
        return
    _, ours, theirs = changes[0]
    yield Difference(f"{what} differs", "first differing line", _cut(" ".join(ours[:1])), _cut(" ".join(theirs[:1])))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_LETTERS else text[: _SHOWN_LETTERS - 1] + "…"

"""Header fields of mails that come in: bytes to words, addresses and ids, whatever was written there.

In: the bytes of one field. Out: text in NFC on one line. Encoded words (RFC 2047) are decoded by their label, with
the Korean labels meaning CP949, and two of one label are joined before they are decoded, because mailers cut within a
syllable. Bytes that no label tells of are UTF-8, else CP949: old Korean mailers write headers raw. iOS and macOS
write Hangul decomposed, so everything ends in NFC. Nothing here raises. Pure. RFC 5322 §3.4, §3.6.4.
"""

import base64
import binascii
import quopri
import re
import unicodedata
from dataclasses import dataclass

from digest.collect import charset

_MAX_FIELD = 16_000  # octets of one field that are looked at
_WORD = re.compile(rb"=\?([A-Za-z0-9_.:+-]{1,40})(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=")
_GAP = re.compile(rb"[ \t\r\n]*")
_FOLD = re.compile(rb"(?:\r\n|\r|\n)[ \t]+")
_BLIND = ("usascii", "ascii", "unknown8bit", "xunknown", "unknown", "8bit", "binary", "default")
_LATIN = ("iso88591", "latin1", "windows1252", "cp1252")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_IN_ANGLES = re.compile(r"<\s*([^<>\s]+@[^<>\s]+?)\s*>")
_BARE = re.compile(r"[^\s<>()\[\],;:\"']+@[^\s<>()\[\],;:\"']+")
# Japanese mailers write circled digits and the like under a label that has none of them; the wider EUC has.
_JIS_ROW = re.compile(rb"\x1b\$[@B]([^\x1b]*)(?:\x1b\([BJ])?")
_ID = re.compile(r"<([^<>\s]{1,300})>")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Who a field names: the address as written, and the name beside it. Both may be anything a stranger wrote."""

    address: str
    name: str


def decode(body: bytes, label: str) -> str:
    """Return the text of `body`: as labelled if it fits, else UTF-8, else CP949 where that makes Hangul of it."""
    key = re.sub(r"[^a-z0-9]", "", label.lower())
    if not key or key in _BLIND:
        return charset.decode(body).text
    if key not in _LATIN and (text := charset.as_named(body, label)) is not None:
        return text
    if key.startswith("iso2022jp"):
        return _JIS_ROW.sub(_as_euc, body).decode("euc_jis_2004", "replace")
    return charset.decode(body, f"charset={label}").text


def words(field: bytes) -> str:
    """Return a field of free text on one line, decoded, in NFC, without what cannot be seen."""
    field = _FOLD.sub(b" ", field[:_MAX_FIELD])
    pieces: list[str] = []
    pending, label, at = b"", "", 0
    for found in _WORD.finditer(field):
        between = field[at : found.start()]
        name = found[1].decode("ascii")
        if pending and _GAP.fullmatch(between) and name.lower() == label.lower():
            pending += _word_bytes(found)
        else:
            pieces += [decode(pending, label)] if pending else []
            # Blanks between two encoded words belong to neither (RFC 2047 §6.2).
            if not (pending and _GAP.fullmatch(between)):
                pieces.append(decode(between, ""))
            pending, label = _word_bytes(found), name
        at = found.end()
    pieces += [decode(pending, label)] if pending else []
    pieces.append(decode(field[at:], ""))
    return one_line("".join(pieces))


def one_line(text: str) -> str:
    """Return `text` in NFC on one line: every control character a blank, no blanks at the ends or twice."""
    text = unicodedata.normalize("NFC", text)
    return " ".join("".join(" " if unicodedata.category(char) in _CONTROL else char for char in text).split())


_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})


def mailboxes(field: bytes) -> list[Mailbox]:
    """Return whom a From or To names, in order; what has no @ is left out.

    Addresses are looked for in the field as it came, before encoded words are decoded: a decoded name may look like
    an address, and must not be one.
    """
    raw = _FOLD.sub(b" ", field[:_MAX_FIELD]).decode("latin-1")
    bare = _QUOTED.sub(lambda quoted: " " * len(quoted[0]), raw)
    inside = list(_IN_ANGLES.finditer(bare))
    if not inside:
        return [Mailbox(found[0].rstrip("."), "") for found in _BARE.finditer(bare)]
    boxes, at = [], 0
    for found in inside:
        name = words(raw[at : found.start()].strip(" ,;").encode("latin-1")).strip("\"' ")
        boxes.append(Mailbox(found[1], name))
        at = found.end()
    return boxes


def ids(field: bytes) -> tuple[str, ...]:
    """Return the message ids of a Message-ID, In-Reply-To or References, without their brackets, at most fifty."""
    text = field[:_MAX_FIELD].decode("ascii", "replace")
    return tuple(_ID.findall(text))[:50]


def _as_euc(row: re.Match[bytes]) -> bytes:
    return bytes(octet | 0x80 for octet in row[1])


def _word_bytes(found: re.Match[bytes]) -> bytes:
    payload = found[3]
    if found[2] in b"bB":
        payload = re.sub(rb"[^A-Za-z0-9+/]", b"", payload)
        payload = payload[: len(payload) - (len(payload) % 4 == 1)]
        try:
            return base64.b64decode(payload + b"=" * (-len(payload) % 4))
        except (binascii.Error, ValueError):
            return b""
    return quopri.decodestring(payload.replace(b"_", b" "), header=False)

"""Join a composed mail and one recipient's values into the bytes that go over the wire.

A mail is prepared once per message and encoding, and filled in per delivery by joining: microseconds instead of the
milliseconds that composing costs. `Prepared.content` is what is written after DATA: a whole RFC 5322 message, CRLF,
dots stuffed (RFC 5321 §4.5.2), with the final dot. A mail with HTML becomes multipart/alternative, text first (RFC
2046 §5.1.4); one without is text/plain alone. Korean goes as 8bit where the relay takes it (RFC 6152), else as base64
(`runs`); quoted-printable would double it. The standard library's `email` is the oracle of the tests.

What other code promised is checked once more on finished bytes, because a server's answer to a broken mail would be
one refusal per reader: CRLF only, no NUL, lines of at most 998 octets (RFC 5322 §2.1.1), ASCII headers, exactly one of
each field that must be there once. Values are printable ASCII, so only their lengths can change the answer: it is
remembered per lengths. A mail that fails raises `UnsendableMailError` and is not sent.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime

from digest import links
from digest.config import Settings
from digest.deliver.dkim import is_canonical
from digest.deliver.runs import Base64, Plain
from digest.errors import UnsendableMailError
from digest.models.deliveries import Delivery, Mail
from digest.splice import (
    CONFIRM_ADDRESS,
    CONFIRM_URL,
    DATE,
    FRESH_URL,
    LEAVE_MAILTO,
    MESSAGE_ID,
    NEVER_MAILTO,
    NEVER_URL,
    PREFERENCES_URL,
    RECIPIENT,
    RETURN_TOKEN,
    SHARE_URL,
    SHARER,
    SLOT_NAMES,
    UNSUBSCRIBE_URL,
    Spliced,
)
from digest.subaddress import Detail, OwnAddresses
from digest.tokens import TokenPurpose

_BAD_LINE_END = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_LONG_LINE = re.compile(rb"(?m)^\.?+[^\r\n]{999}")  # a stuffed dot does not count (RFC 5321 §4.5.3.1.6)
_FIELD_NAME = re.compile(rb"([!-9;-~]+):[ \t]")
_VALUE = re.compile(rb"[ -~]+")
_ONCE = (b"from", b"to", b"subject", b"date", b"message-id")
_OURS = (b"mime-version", b"content-")
_LINE_BEGINS_WITH_DOT = re.compile(rb"(?m)^\.")
_END = b".\r\n"
_LENGTHS_KEPT = 4096  # sets of lengths that were checked: recipients' addresses differ by some dozen octets


class Values:
    """What stands in the slots of each delivery; what the settings decide is worked out once."""

    def __init__(self, settings: Settings) -> None:
        self._keyring = settings.keyring
        self._minters = {
            (chooses, shares): settings.keyring.minter(
                TokenPurpose.LEAVE, *[TokenPurpose.CHOOSE] * chooses, *[TokenPurpose.SHARER] * shares
            )
            for chooses in (False, True)
            for shares in (False, True)
        }
        self._zone = settings.zone
        self._id_end = f"@{settings.sender.domain}>"
        self._base_url = settings.base_url
        self._leave = _around(settings.own_addresses, Detail.LEAVE)
        self._never = _around(settings.own_addresses, Detail.NEVER)
        self._names_return_path = bool(settings.bounce_address)
        self._own = settings.own_addresses
        self._date = (0, b"")  # of this second

    def of(self, delivery: Delivery, now: datetime, wanted: Collection[str] = SLOT_NAMES) -> dict[str, bytes]:
        """Return the values of `delivery`. The Message-ID is the same at every try, so a double can be recognised.

        A delivery without a subscriber (an alert, a test) has no unsubscribe address; a mail that wants one is refused.
        What confirms (`subscribe.signup`) and a fresh link (`subscribe.fresh`) are known by the delivery of their mail,
        so that the link is stored nowhere. `wanted`: what the mail has slots for; the dearer others may be missing.
        `RETURN_TOKEN` is for the envelope, empty where there is no address for bounces.
        """
        if self._names_return_path:
            token, returning = self._keyring.make_message_tokens(delivery.id)
        else:
            token, returning = self._keyring.make_lasting(TokenPurpose.MESSAGE_ID, delivery.id), ""
        values = {
            RECIPIENT: str(delivery.recipient).encode("ascii"),
            MESSAGE_ID: f"<{token}{self._id_end}".encode("ascii"),
            DATE: self._date_of(now),
            RETURN_TOKEN: returning.encode("ascii"),
        }
        if delivery.subscriber_id is not None:
            chooses, shares = PREFERENCES_URL in wanted, SHARER in wanted
            leave, *further = self._minters[chooses, shares].make(delivery.subscriber_id)
            values[UNSUBSCRIBE_URL] = links.unsubscribe_url(self._base_url, leave).encode("ascii")
            if LEAVE_MAILTO in wanted:
                values[LEAVE_MAILTO] = leave.encode("ascii").join(self._leave)
            if chooses:
                values[PREFERENCES_URL] = links.preferences_url(self._base_url, further[0]).encode("ascii")
            if shares:
                values[SHARER] = further[-1].encode("ascii")
        elif delivery.edition_id is None:
            confirm = self._keyring.make(TokenPurpose.CONFIRM, delivery.id)
            values[CONFIRM_URL] = links.confirm_url(self._base_url, confirm).encode("ascii")
            if CONFIRM_ADDRESS in wanted and self._own.command is not None:
                values[CONFIRM_ADDRESS] = self._own.confirm(confirm).encode("ascii")
            fresh = self._keyring.make(TokenPurpose.FRESH, delivery.id)
            values[FRESH_URL] = links.fresh_url(self._base_url, fresh).encode("ascii")
            if NEVER_URL in wanted:
                never = self._keyring.make(TokenPurpose.NEVER, delivery.id)
                values[NEVER_URL] = links.never_url(self._base_url, never).encode("ascii")
                values[NEVER_MAILTO] = never.encode("ascii").join(self._never)
                release = self._keyring.make(TokenPurpose.SHARE, delivery.id)
                values[SHARE_URL] = links.release_url(self._base_url, release).encode("ascii")
        return values

    def _date_of(self, now: datetime) -> bytes:
        second = int(now.timestamp())
        if second != self._date[0]:
            self._date = (second, format_datetime(now.astimezone(self._zone)).encode("ascii"))
        return self._date[1]


def _around(own: OwnAddresses, detail: Detail) -> tuple[bytes, ...]:
    """Return what stands before and behind the token in the further way of List-Unsubscribe; one piece without a door.

    A mail that was composed while there was a door, and is sent when there is none, has a blank there.
    """
    return tuple(own.further(detail, "\0").encode("ascii").split(b"\0"))


def values_for(delivery: Delivery, settings: Settings, now: datetime) -> dict[str, bytes]:
    """Return the values of one delivery's slots (`Values.of`)."""
    return Values(settings).of(delivery, now)


class Prepared:
    """One message made ready for one encoding. Make it with `prepare` and keep it as long as the message is sent."""

    def __init__(self, headers: bytes, parts: Sequence[Plain | Base64]) -> None:
        self._headers = Spliced.parse(headers)
        self._parts = tuple(parts)
        self.names = tuple(dict.fromkeys(name for part in parts for name in part.names))  # the values it wants
        self._checked: set[tuple[int, ...]] = set()
        self.may_be_signed = False  # its body is hashed as it stands, whatever the values (`dkim.is_canonical`)

    def content(self, values: Mapping[str, bytes]) -> bytes:
        """Return the message for one recipient as it is written after DATA, the final dot included.

        Raises `UnsendableMailError` if that would break a rule of RFC 5322 or lacks a value.
        """
        wanted = self._wanted(values)
        pieces: list[bytes] = []
        for part in self._parts:
            part.add_to(pieces, values)
        pieces.append(_END)
        content = b"".join(pieces)
        lengths = tuple(map(len, wanted))
        if lengths not in self._checked:
            _check_headers(self._headers.fill(values))
            _check_lines(content)
            if len(self._checked) < _LENGTHS_KEPT:
                self._checked.add(lengths)
        return content

    def _wanted(self, values: Mapping[str, bytes]) -> list[bytes]:
        """Return the values that are wanted, each of them checked."""
        try:
            wanted = [values[name] for name in self.names]
        except KeyError as error:
            raise UnsendableMailError(f"The mail wants a value for {error} that this one has not.") from error
        if not wanted or (all(wanted) and _VALUE.fullmatch(b"".join(wanted))):
            return wanted
        wrong = next(name for name in self.names if not _VALUE.fullmatch(values[name]))
        raise UnsendableMailError(f"The value of {wrong} holds something that may not stand in a header.")


def prepare(mail: Mail, *, eight_bit: bool) -> Prepared:
    """Make `mail` ready; costs about a millisecond. `eight_bit`: the relay offers 8BITMIME.

    Raises `UnsendableMailError` for a mail that no value could make fit to be sent.
    """
    headers, text, html = (_with_line_end(stored) for stored in (mail.headers, mail.text, mail.html))
    for what, stored in (("headers", headers), ("text", text), ("html", html)):
        _check_stored(stored, what)
    head = headers + b"MIME-Version: 1.0\r\n"
    if mail.html:
        boundary = b"--" + _boundary(text, html)
        parts = [
            *_part(head + _alternative_head(boundary[2:], eight_bit) + boundary + b"\r\n", b"plain", text, eight_bit),
            *_part(b"\r\n" + boundary + b"\r\n", b"html", html, eight_bit),
            Plain(b"\r\n" + boundary + b"--\r\n"),
        ]
    else:
        parts = _part(head, b"plain", text, eight_bit)
    prepared = Prepared(headers, parts)
    probe = prepared.content(dict.fromkeys(SLOT_NAMES, b"x"))  # finds whatever does not depend on the values
    prepared.may_be_signed = not eight_bit and is_canonical(probe)
    return prepared


def assemble(mail: Mail, values: Mapping[str, bytes], *, eight_bit: bool) -> bytes:
    """Return the whole message as the receiving server keeps it: dots not stuffed, no final dot. For looking at."""
    return as_received(prepare(mail, eight_bit=eight_bit).content(values))


def as_received(content: bytes) -> bytes:
    """Return what is written after DATA as the server reads it: a whole RFC 5322 message."""
    return _LINE_BEGINS_WITH_DOT.sub(b"", content.removesuffix(_END))


def _part(head: bytes, subtype: bytes, content: bytes, eight_bit: bool) -> list[Plain | Base64]:
    head += b"Content-Type: text/" + subtype + b"; charset=utf-8\r\nContent-Transfer-Encoding: "
    if eight_bit:
        return [Plain(head + b"8bit\r\n\r\n" + content)]
    return [Plain(head + b"base64\r\n\r\n"), Base64(content)]


def _alternative_head(boundary: bytes, eight_bit: bool) -> bytes:
    # An entity that holds 8bit parts must say so itself (RFC 2045 §6.4).
    encoding = b"Content-Transfer-Encoding: 8bit\r\n" if eight_bit else b""
    return b'Content-Type: multipart/alternative;\r\n boundary="' + boundary + b'"\r\n' + encoding + b"\r\n"


def _boundary(text: bytes, html: bytes) -> bytes:
    """Return a boundary that stands in neither part, the same for the same parts."""
    seed = hashlib.sha256(text + html)
    while True:
        boundary = b"=_" + seed.hexdigest()[:32].encode("ascii")
        if boundary not in text and boundary not in html:
            return boundary
        seed.update(b"again")


def _with_line_end(content: bytes) -> bytes:
    return content if content.endswith(b"\r\n") else content + b"\r\n"


def _check_stored(stored: bytes, what: str) -> None:
    try:
        Spliced.parse(stored)
    except ValueError as error:
        raise UnsendableMailError(f"The {what} of the mail: {error}.") from error
    if _BAD_LINE_END.search(stored):
        raise UnsendableMailError(f"The {what} of the mail hold a line end that is not CRLF.")


def _check_headers(headers: bytes) -> None:
    if not headers.isascii():
        raise UnsendableMailError("A header of the mail holds characters that are not ASCII.")
    names: Counter[bytes] = Counter()
    for line in headers.removesuffix(b"\r\n").split(b"\r\n"):
        found = _FIELD_NAME.match(line)
        if found:
            names[found.group(1).lower()] += 1
        elif not names or line[:1] not in (b" ", b"\t") or not line.strip():
            raise UnsendableMailError(
                "The headers of the mail hold a line that is neither a field nor its continuation."
            )
    wrong = [name.decode() for name in _ONCE if names[name] != 1]
    wrong += [name.decode() for name in names if name.startswith(_OURS)]
    if wrong:
        raise UnsendableMailError(f"The mail does not have exactly one of these header fields: {', '.join(wrong)}.")


def _check_lines(content: bytes) -> None:
    if b"\0" in content or _BAD_LINE_END.search(content):
        raise UnsendableMailError("The mail holds a line end that is not CRLF, or a NUL.")
    if _LONG_LINE.search(content):
        raise UnsendableMailError("The mail holds a line of more than 998 octets.")

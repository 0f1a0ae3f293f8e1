"""Join a composed mail and one recipient's values into the bytes that go over the wire.

In: the three spliced texts of a `Mail` and the values of its slots. Out: one whole RFC 5322 message with CRLF line
ends, not dot-stuffed. A mail with HTML becomes multipart/alternative, text first (RFC 2046 §5.1.4); one without is
text/plain alone. Korean goes as 8bit where the relay takes it (RFC 6152), else as base64 with 76-character lines;
quoted-printable would double it. The standard library's `email` is not used here (4 ms a mail, and it breaks long
List-Unsubscribe lines); it is the oracle of the tests.

What other code promised is checked once more on the finished bytes, because a server's answer to a broken mail would
be one refusal per reader: CRLF only, no NUL, lines of at most 998 octets (RFC 5322 §2.1.1), ASCII headers, exactly one
of each field that must be there once. A mail that fails raises `UnsendableMailError` and is not sent.
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime

from digest import links
from digest.config import Settings
from digest.errors import UnsendableMailError
from digest.models import Delivery, Mail
from digest.splice import DATE, MESSAGE_ID, RECIPIENT, UNSUBSCRIBE_URL, Spliced
from digest.tokens import TokenPurpose

_BAD_BYTES = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")
_LONG_LINE = re.compile(rb"[^\r\n]{999}")
_FIELD_NAME = re.compile(rb"([!-9;-~]+):[ \t]")
_VALUE = re.compile(rb"[ -~]+")
_ONCE = (b"from", b"to", b"subject", b"date", b"message-id")
_OURS = (b"mime-version", b"content-")


def values_for(delivery: Delivery, settings: Settings, now: datetime) -> dict[str, bytes]:
    """Return the values of `delivery`'s slots. The Message-ID is the same at every try, so a double can be recognised.

    A delivery without a subscriber (an alert, a test) has no unsubscribe address; a mail that wants one is refused.
    """
    keyring = settings.keyring
    token = keyring.make(TokenPurpose.MESSAGE_ID, delivery.id)
    values = {
        RECIPIENT: str(delivery.recipient),
        MESSAGE_ID: f"<{token}@{settings.sender.domain}>",
        DATE: format_datetime(now.astimezone(settings.zone)),
    }
    if delivery.subscriber_id is not None:
        leave = keyring.make(TokenPurpose.LEAVE, delivery.subscriber_id)
        values[UNSUBSCRIBE_URL] = links.unsubscribe_url(settings.base_url, leave)
    return {name: value.encode("ascii") for name, value in values.items()}


def assemble(mail: Mail, values: Mapping[str, bytes], *, eight_bit: bool) -> bytes:
    """Return the whole message for one recipient. `eight_bit`: the relay offers 8BITMIME.

    Raises `UnsendableMailError` if it would break a rule of RFC 5322 or lacks a value.
    """
    for name, value in values.items():
        if not _VALUE.fullmatch(value):
            raise UnsendableMailError(f"The value of {name} holds something that may not stand in a header.")
    headers = _with_line_end(_filled(mail.headers, values, "headers"))
    text = _part(_filled(mail.text, values, "text"), b"plain", eight_bit)
    if mail.html:
        html = _part(_filled(mail.html, values, "html"), b"html", eight_bit)
        body = _alternative(text, html, eight_bit)
    else:
        body = text
    _check_headers(headers)
    message = headers + b"MIME-Version: 1.0\r\n" + body
    _check_lines(message)
    return message


def _filled(stored: bytes, values: Mapping[str, bytes], what: str) -> bytes:
    try:
        return Spliced.parse(stored).fill(values)
    except KeyError as error:
        raise UnsendableMailError(f"The {what} of the mail want a value for {error} that this one has not.") from error
    except ValueError as error:
        raise UnsendableMailError(f"The {what} of the mail: {error}.") from error


def _part(content: bytes, subtype: bytes, eight_bit: bool) -> bytes:
    head = b"Content-Type: text/" + subtype + b"; charset=utf-8\r\nContent-Transfer-Encoding: "
    if eight_bit:
        return head + b"8bit\r\n\r\n" + _with_line_end(content)
    return head + b"base64\r\n\r\n" + base64.encodebytes(content).replace(b"\n", b"\r\n")


def _alternative(text: bytes, html: bytes, eight_bit: bool) -> bytes:
    boundary = _boundary(text, html)
    # An entity that holds 8bit parts must say so itself (RFC 2045 §6.4).
    encoding = b"Content-Transfer-Encoding: 8bit\r\n" if eight_bit else b""
    head = b'Content-Type: multipart/alternative;\r\n boundary="' + boundary + b'"\r\n' + encoding + b"\r\n"
    line = b"--" + boundary
    return b"\r\n".join((head + line, text, line, html, line + b"--", b""))


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


def _check_lines(message: bytes) -> None:
    if _BAD_BYTES.search(message):
        raise UnsendableMailError("The mail holds a line end that is not CRLF, or a NUL.")
    if _LONG_LINE.search(message):
        raise UnsendableMailError("The mail holds a line of more than 998 octets.")

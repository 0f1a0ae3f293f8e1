"""DKIM signatures (RFC 6376, RFC 8301) for relays that do not sign: rsa-sha256, relaxed/relaxed.

In: a whole mail as it goes on the wire, and the time. Out: the same mail behind its DKIM-Signature field. Signed are
the fields a reader or a mailbox provider acts on, both List-Unsubscribe fields among them (RFC 8058 §4 asks for it),
and From once more than it occurs, so that none can be added. Mails to be signed are composed in base64: relays may
recode 8bit on the way, and then the body's hash would be wrong.

Our own bytes are nearly canonical already; only where a run of blanks is found is anything rewritten for its hash. A
2048-bit signature costs 0.4 ms, so it is made in threads (`signing`), apart from everything else: the library lets
others run meanwhile, and what holds the interpreter's lock stays on the loop. The body's hash cannot be shared: the
reader's links stand in the body.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from digest.config import Settings
from digest.errors import FixSetupError, UnsendableMailError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_SIGNED = (
    b"from",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"reply-to",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
    b"list-id",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"feedback-id",
    b"auto-submitted",
)
_MIN_KEY_BITS = 1024  # RFC 8301 §3.2; 2048 is what to use
_END = b".\r\n"  # the dot that ends a mail on the wire
_BLANKS = re.compile(rb"[ \t]+")
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_LINE_BLANKS = re.compile(rb"[ \t]+(?=\r\n)")


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail to be signed: `canonical` is what the signature is made of, `field` the signature's field up to `b=`."""

    field: bytes
    canonical: bytes
    content: bytes

    def signed(self, signature: bytes) -> bytes:
        """Return the mail behind its signature."""
        return b"".join((self.field, _wrapped(base64.b64encode(signature)), b"\r\n", self.content))


@dataclass(frozen=True)
class Signer:
    """Signs for `domain` with the key whose public half stands at SELECTOR._domainkey.DOMAIN."""

    domain: str
    selector: str
    key: "RSAPrivateKey"

    @classmethod
    def of(cls, settings: Settings) -> "Signer | None":
        """Return the signer the settings ask for, None if the relay signs.

        Raises `FixSetupError` when the library is missing or the key is not one that can sign.
        """
        if not settings.dkim_selector:
            return None
        key = _read_key(settings.dkim_private_key.get_secret_value())
        return cls(settings.dkim_domain or settings.sender.domain, settings.dkim_selector, key)

    def sign(self, content: bytes, *, at: datetime) -> bytes:
        """Return `content` (as on the wire: CRLF, ending in a dot) with its signature in front. Raises as `draft`."""
        draft = self.draft(content, at=at)
        return draft.signed(self.signature(draft.canonical))

    def draft(self, content: bytes, *, at: datetime) -> Draft:
        """Return what `content` is to be signed by.

        Raises `UnsendableMailError` for a mail with dot-stuffed lines: what is signed must be what is read.
        """
        head, separator, body = content.removesuffix(_END).partition(b"\r\n\r\n")
        # One octet is looked for first: in base64 there are no dots, and looking for three takes ten times as long.
        if not separator or (b"." in body and (body.startswith(b".") or b"\r\n." in body)):
            raise UnsendableMailError("A mail that is to be signed must be composed in base64.")
        fields = _fields(head + b"\r\n")
        names = [name for name in _SIGNED if name in fields]
        body_hash = base64.b64encode(hashlib.sha256(_relaxed_body(body)).digest())
        unsigned = self._field(names, body_hash, at)
        canonical = b"".join(_relaxed_field(name, fields[name]) for name in names)
        canonical += _relaxed_field(b"dkim-signature", unsigned.partition(b":")[2]).removesuffix(b"\r\n")
        return Draft(unsigned, canonical, content)

    def signature(self, canonical: bytes) -> bytes:
        """Return the signature: nearly all of the work, during which other threads run."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        return self.key.sign(canonical, padding.PKCS1v15(), hashes.SHA256())

    def _field(self, names: list[bytes], body_hash: bytes, at: datetime) -> bytes:
        """The field up to `b=`. From is listed twice: a second one would have been there to be signed."""
        tags = (
            b"v=1; a=rsa-sha256; c=relaxed/relaxed; d=%s; s=%s;" % (self.domain.encode(), self.selector.encode()),
            b"t=%d; bh=%s;" % (int(at.timestamp()), body_hash),
            b"h=%s;" % b":\r\n  ".join([*names, b"from"]),
            b"b=",
        )
        return b"DKIM-Signature: " + b"\r\n ".join(tags)


def _read_key(pem: str) -> "RSAPrivateKey":
    try:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ModuleNotFoundError as error:
        raise FixSetupError("DKIM_SELECTOR needs a library: pip install 'newspaper-digest[dkim]'") from error
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise FixSetupError("DKIM_PRIVATE_KEY is no private key in PEM form without a password.") from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < _MIN_KEY_BITS:
        raise FixSetupError("DKIM_PRIVATE_KEY must be an RSA key of 2048 bits.")
    return key


def _fields(head: bytes) -> dict[bytes, bytes]:
    """Return the fields by name in small letters; our mails hold each of those we sign once (rule D2)."""
    fields: dict[bytes, bytes] = {}
    for line in _FOLD.sub(b"", head).split(b"\r\n"):
        name, _, value = line.partition(b":")
        fields[name.lower()] = value
    return fields


def _relaxed_field(name: bytes, value: bytes) -> bytes:
    """RFC 6376 §3.4.2."""
    if b"  " in value or b"\t" in value or b"\r" in value:
        value = _BLANKS.sub(b" ", _FOLD.sub(b"", value))
    return b"%s:%s\r\n" % (name, value.strip())


def _relaxed_body(body: bytes) -> bytes:
    """RFC 6376 §3.4.4."""
    # In base64 there are hardly any blanks: to cut at them finds a run, or one before a line end, five times as fast.
    if b"\t" in body or any(not piece or piece.startswith(b"\r\n") for piece in body.split(b" ")[1:]):
        body = _LINE_BLANKS.sub(b"", _BLANKS.sub(b" ", body))
    stripped = body.rstrip(b"\r\n")
    return stripped + b"\r\n" if stripped else b""


def _wrapped(text: bytes) -> bytes:
    return b"\r\n ".join(text[start : start + 76] for start in range(0, len(text), 76))

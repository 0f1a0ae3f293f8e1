"""DKIM signatures (RFC 6376, RFC 8301) for relays that do not sign: rsa-sha256, relaxed/relaxed.

In: a whole mail as it goes on the wire, and the time. Out: the same mail behind its DKIM-Signature field. Signed are
the fields a reader or a mailbox provider acts on, both List-Unsubscribe fields among them (RFC 8058 §4 asks for it),
and From once more than it occurs, so that none can be added. Mails to be signed are composed in base64: relays may
recode 8bit on the way, and then the body's hash would be wrong.

Our own bytes are canonical already: in base64 there is neither a blank nor a dot, whatever the values, so a body is
looked at once per message (`is_canonical`), and what must be rewritten for its hash is refused. Most fields are the
same in every mail of an edition and are remembered. A 2048-bit signature costs 0.4 to 0.8 ms, so it is made elsewhere
(`signatures`), which is given some hundred octets. The body's hash cannot be shared: the reader's links stand in it.
"""

import base64
import functools
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from digest.config import Settings
from digest.deliver import rsa
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
_HEAD_END = b"\r\n\r\n"
_BLANKS = re.compile(rb"[ \t]+")
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_NOT_CANONICAL = re.compile(rb"\t|[ ](?:[ ]|\r\n)|(?:\A|\n)\.|\r\n\r\n\Z|(?<!\r\n)\Z|\A\r\n\Z")
_FIELDS_KEPT = 128  # those of a few messages at a time, and of the last readers


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
        """Return `content` (as on the wire: CRLF, ending in a dot) with its signature in front.

        Raises `UnsendableMailError` for a body that is not canonical, one with dot-stuffed lines for instance: what is
        signed must be what is read.
        """
        if not is_canonical(content):
            raise UnsendableMailError("A mail that is to be signed must be composed in base64.")
        draft = self.draft(content, at=at)
        return draft.signed(*rsa.sign(self.key, [draft.canonical]))

    def draft(self, content: bytes, *, at: datetime) -> Draft:
        """Return what `content` is to be signed by. Trusts that its body `is_canonical`."""
        head_end = content.index(_HEAD_END)
        fields = dict(_relaxed_field(line) for line in _FOLD.sub(b"", content[:head_end]).split(b"\r\n"))
        names = [name for name in _SIGNED if name in fields]
        body = memoryview(content)[head_end + len(_HEAD_END) : -len(_END)]
        body_hash = base64.b64encode(hashlib.sha256(body).digest())
        unsigned = self._field(names, body_hash, at)
        own = b"dkim-signature:" + b" ".join(unsigned.split()[1:])
        canonical = b"\r\n".join([*(fields[name] for name in names), own])
        return Draft(unsigned, canonical, content)

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


def is_canonical(content: bytes) -> bool:
    """Whether the body of `content` (as on the wire) is its own relaxed form, and has no dot that is stuffed.

    RFC 6376 §3.4.4: no run of blanks, none before a line end, one line end at the end.
    """
    _, separator, body = content.removesuffix(_END).partition(_HEAD_END)
    return bool(separator) and _NOT_CANONICAL.search(body) is None


@functools.lru_cache(maxsize=_FIELDS_KEPT)
def _relaxed_field(line: bytes) -> tuple[bytes, bytes]:
    """Return the name of an unfolded field in small letters, and the field in its relaxed form (RFC 6376 §3.4.2).

    Our mails hold each field that we sign once (rule D2).
    """
    name, _, value = line.partition(b":")
    name = name.lower()
    return name, name + b":" + _BLANKS.sub(b" ", value).strip()


def _wrapped(text: bytes) -> bytes:
    return b"\r\n ".join(text[start : start + 76] for start in range(0, len(text), 76))

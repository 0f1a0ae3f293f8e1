"""Tokens for links: short, purpose-bound, unforgeable, and not stored.

A token is lower-case base32 without padding (it survives mail servers that fold case and fits the 64 octets of a
local part), over: key id (1 byte), subject id (6 bytes), HMAC-SHA-256 of purpose and both, cut to 16 bytes
(128 bits). All tokens have the same length, which keeps spliced mails aligned. The key is derived from `SECRET_KEY`
per purpose, so a token for one purpose is noise for every other (`RETURN`'s is the other half of `MESSAGE_ID`'s HMAC).
A retired key goes on verifying, also after an older one was taken out or their order was changed: the key id stands for
the record, and every key is tried.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from digest.errors import BadTokenError

_ID_BYTES = 6
_MAC_BYTES = 16
TOKEN_LENGTH = 37  # characters: 23 bytes in base32
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_SHIFTS = range(170, -1, -10)


class TokenPurpose(StrEnum):
    """What a token allows; the value is part of what is signed and must never change."""

    LEAVE = "leave"
    MESSAGE_ID = "message-id"
    RETURN = "return"
    CHOOSE = "choose"
    FRESH = "fresh"
    CONFIRM = "confirm"
    FORM = "form"
    SHARE = "share"
    NEVER = "never"
    SHARER = "sharer"


@dataclass(frozen=True, slots=True)
class Keyring:
    """The secret in use and those that went before it, newest first; key ids are counted from the oldest."""

    secrets: tuple[str, ...]

    @classmethod
    def of(cls, current: str, retired: Sequence[str] = ()) -> "Keyring":
        """Make a ring of the secret in use and the retired ones, newest first."""
        return cls((current, *retired))

    def make(self, purpose: TokenPurpose, subject_id: int) -> str:
        """Return the token that lets its bearer do `purpose` to `subject_id` (0 to 2^48-1)."""
        key_id = len(self.secrets) - 1
        return _encode(key_id, self.secrets[0], purpose, subject_id)

    def make_lasting(self, purpose: TokenPurpose, subject_id: int) -> str:
        """Return a token that stays the same when the secret is changed, as long as the oldest one is kept as retired.

        For names that must never change, like a Message-ID; not for what a token allows.
        """
        return _encode(0, self.secrets[-1], purpose, subject_id)

    def make_message_tokens(self, delivery_id: int) -> tuple[str, str]:
        """Return the lasting token of a mail's Message-ID and that of its return path, for the price of one HMAC.

        They are its two halves: who sees the one, which is quoted wherever a mail is answered, knows nothing of the
        other, by which a mail that comes back is believed.
        """
        body, mac = _signed(0, self.secrets[-1], TokenPurpose.MESSAGE_ID, delivery_id)
        return _base32(body + mac[:_MAC_BYTES]), _base32(body + mac[_MAC_BYTES:])

    def read(self, purpose: TokenPurpose, token: str) -> int:
        """Return the subject of `token`, or raise `BadTokenError`; in the same time for every wrong token."""
        key_id, subject_id = _claimed(token)
        given = token.lower().encode("ascii")
        wanted = [_encode(key_id, secret, purpose, subject_id).encode() for secret in self.secrets]
        matches = [hmac.compare_digest(each, given) for each in wanted]
        if not any(matches):
            raise BadTokenError("The link is incomplete, was changed on its way, or made with a key not known here.")
        return subject_id


@lru_cache(maxsize=32)  # the same few keys for every mail
def _keyed(secret: str, purpose: TokenPurpose) -> hmac.HMAC:
    """Return the HMAC with its key taken in, to be copied: for each token `hmac.digest` would let other threads run."""
    key = hashlib.sha256(b"digest-token\0" + purpose.encode() + b"\0" + secret.encode()).digest()
    return hmac.new(key, digestmod="sha256")


def _encode(key_id: int, secret: str, purpose: TokenPurpose, subject_id: int) -> str:
    if purpose is TokenPurpose.RETURN:
        body, mac = _signed(key_id, secret, TokenPurpose.MESSAGE_ID, subject_id)
        return _base32(body + mac[_MAC_BYTES:])
    body, mac = _signed(key_id, secret, purpose, subject_id)
    return _base32(body + mac[:_MAC_BYTES])


def _signed(key_id: int, secret: str, purpose: TokenPurpose, subject_id: int) -> tuple[bytes, bytes]:
    """Return key id and subject as bytes, and all 32 bytes of their HMAC."""
    body = bytes([key_id]) + subject_id.to_bytes(_ID_BYTES, "big")
    mac = _keyed(secret, purpose).copy()
    mac.update(body)
    return body, mac.digest()


def _base32(raw: bytes) -> str:
    """Write 23 bytes as 37 letters; `base64.b32encode` takes twice as long, and every mail holds two tokens."""
    number = int.from_bytes(raw, "big") << 1  # 184 bits, filled up to 37 groups of five
    return _LETTERS[number >> 180] + "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


def _claimed(token: str) -> tuple[int, int]:
    if len(token) != TOKEN_LENGTH or not token.isascii():
        raise BadTokenError("The link is incomplete or was changed on its way.")
    try:
        raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
    except (binascii.Error, ValueError) as error:
        raise BadTokenError("The link is incomplete or was changed on its way.") from error
    return raw[0], int.from_bytes(raw[1 : 1 + _ID_BYTES], "big")

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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from digest.errors import BadTokenError

_ID_BYTES = 6
_MAC_BYTES = 16
TOKEN_LENGTH = 37  # characters: 23 bytes in base32
_BITS = 5 * TOKEN_LENGTH
_BLOCK = 64  # octets that SHA-256 takes at a time
_LETTERS = b"abcdefghijklmnopqrstuvwxyz234567" + bytes(224)  # a table for `translate`
_Mac = Callable[[bytes], bytes]


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
        body = _body(0, delivery_id)
        mac = _mac(self.secrets[-1], TokenPurpose.MESSAGE_ID)(body)
        message_id, returning = _letters([body + mac[:_MAC_BYTES], body + mac[_MAC_BYTES:]])
        return message_id, returning

    def minter(self, *purposes: TokenPurpose) -> "Minter":
        """Return what makes the tokens of these purposes for many subjects; none of them `RETURN`."""
        return Minter(len(self.secrets) - 1, [_mac(self.secrets[0], purpose) for purpose in purposes])

    def read(self, purpose: TokenPurpose, token: str) -> int:
        """Return the subject of `token`, or raise `BadTokenError`; in the same time for every wrong token."""
        key_id, subject_id = _claimed(token)
        given = token.lower().encode("ascii")
        wanted = [_encode(key_id, secret, purpose, subject_id).encode() for secret in self.secrets]
        matches = [hmac.compare_digest(each, given) for each in wanted]
        if not any(matches):
            raise BadTokenError("The link is incomplete, was changed on its way, or made with a key not known here.")
        return subject_id


class Minter:
    """Makes what one mail needs for its reader in one go. Get it from `Keyring.minter`."""

    def __init__(self, key_id: int, macs: Sequence[_Mac]) -> None:
        self._key_id = key_id
        self._macs = macs

    def make(self, subject_id: int) -> list[str]:
        """Return a token of each purpose for `subject_id` (0 to 2^48-1)."""
        body = _body(self._key_id, subject_id)
        return _letters([body + mac(body)[:_MAC_BYTES] for mac in self._macs])


@lru_cache(maxsize=64)  # the same few keys for every mail
def _mac(secret: str, purpose: TokenPurpose) -> _Mac:
    """Return the HMAC-SHA-256 under one key (RFC 2104 §2 and §4: both of its halves begun once, and copied).

    `hmac` would take the key in anew for each token, or copy its own object, which takes half as long again.
    """
    key = hashlib.sha256(b"digest-token\0" + purpose.encode() + b"\0" + secret.encode()).digest().ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(bytes(octet ^ 0x36 for octet in key))
    outer = hashlib.sha256(bytes(octet ^ 0x5C for octet in key))

    def mac(body: bytes) -> bytes:
        inside, outside = inner.copy(), outer.copy()
        inside.update(body)
        outside.update(inside.digest())
        return outside.digest()

    return mac


def _body(key_id: int, subject_id: int) -> bytes:
    return bytes((key_id,)) + subject_id.to_bytes(_ID_BYTES, "big")


def _encode(key_id: int, secret: str, purpose: TokenPurpose, subject_id: int) -> str:
    body = _body(key_id, subject_id)
    if purpose is TokenPurpose.RETURN:
        return _letters([body + _mac(secret, TokenPurpose.MESSAGE_ID)(body)[_MAC_BYTES:]])[0]
    return _letters([body + _mac(secret, purpose)(body)[:_MAC_BYTES]])[0]


def _letters(raw: Sequence[bytes]) -> list[str]:
    """Write each 23 bytes as 37 letters of base32, all together: a letter's five bits are brought into a byte of its
    own, for all letters at once. `base64.b32encode` takes thrice as long, and every mail holds three tokens or more.
    """
    bits = 0
    for each in raw:
        bits = bits << _BITS | int.from_bytes(each, "big") << 1  # 184 bits, filled up to 37 groups of five
    length = TOKEN_LENGTH * len(raw)
    for right, left, shift in _spreading(1 << (length - 1).bit_length()):
        bits = bits & right | (bits & left) << shift
    written = bits.to_bytes(length, "big").translate(_LETTERS).decode("ascii")
    return [written[start : start + TOKEN_LENGTH] for start in range(0, length, TOKEN_LENGTH)]


@lru_cache(maxsize=8)
def _spreading(groups: int) -> list[tuple[int, int, int]]:
    """Return the steps that move groups of five bits to bytes of their own: halves apart, then their halves, and so on.

    Each is the bits that stay, those that move, and how far. `groups` is a power of two.
    """
    steps = []
    block = groups  # groups in a block that is halved
    while block > 1:
        half = block // 2
        ones = (1 << 5 * half) - 1
        right = sum(ones << 8 * block * number for number in range(groups // block))
        steps.append((right, right << 5 * half, 3 * half))
        block = half
    return steps


def _claimed(token: str) -> tuple[int, int]:
    if len(token) != TOKEN_LENGTH or not token.isascii():
        raise BadTokenError("The link is incomplete or was changed on its way.")
    try:
        raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
    except (binascii.Error, ValueError) as error:
        raise BadTokenError("The link is incomplete or was changed on its way.") from error
    return raw[0], int.from_bytes(raw[1 : 1 + _ID_BYTES], "big")

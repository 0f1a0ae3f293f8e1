"""Tokens for links: short, purpose-bound, unforgeable, and not stored.

A token is lower-case base32 without padding (it survives mail servers that fold case and fits the 64 octets of a
local part), over: key id (1 byte), subject id (6 bytes), HMAC-SHA-256 of purpose and both, cut to 16 bytes
(128 bits). All tokens have the same length, which keeps spliced mails aligned. The key is derived from `SECRET_KEY`
per purpose, so a token for one purpose is noise for every other. A retired key goes on verifying under its id.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from digest.errors import BadTokenError

_ID_BYTES = 6
_MAC_BYTES = 16
TOKEN_LENGTH = 37  # characters: 23 bytes in base32


class TokenPurpose(StrEnum):
    """What a token allows; the value is part of what is signed and must never change."""

    LEAVE = "leave"
    MESSAGE_ID = "message-id"


@dataclass(frozen=True, slots=True)
class Keyring:
    """The secret in use and those that went before it, newest first; their positions are counted from the oldest."""

    secrets: tuple[str, ...]

    @classmethod
    def of(cls, current: str, retired: Sequence[str] = ()) -> "Keyring":
        """Make a ring of the secret in use and the retired ones, newest first."""
        return cls((current, *retired))

    def make(self, purpose: TokenPurpose, subject_id: int) -> str:
        """Return the token that lets its bearer do `purpose` to `subject_id` (0 to 2^48-1)."""
        key_id = len(self.secrets) - 1
        return _encode(key_id, self.secrets[0], purpose, subject_id)

    def read(self, purpose: TokenPurpose, token: str) -> int:
        """Return the subject of `token`, or raise `BadTokenError`; both in the same time for every wrong token."""
        key_id, subject_id = _claimed(token)
        index = len(self.secrets) - 1 - key_id
        if not 0 <= index < len(self.secrets):
            raise BadTokenError("The link was made with a key that is not known here.")
        wanted = _encode(key_id, self.secrets[index], purpose, subject_id)
        if not hmac.compare_digest(wanted.encode(), token.lower().encode("ascii", "replace")):
            raise BadTokenError("The link is incomplete or was changed on its way.")
        return subject_id


def _encode(key_id: int, secret: str, purpose: TokenPurpose, subject_id: int) -> str:
    body = bytes([key_id]) + subject_id.to_bytes(_ID_BYTES, "big")
    key = hashlib.sha256(b"digest-token\0" + purpose.encode() + b"\0" + secret.encode()).digest()
    mac = hmac.digest(key, body, "sha256")[:_MAC_BYTES]
    return base64.b32encode(body + mac).decode("ascii").rstrip("=").lower()


def _claimed(token: str) -> tuple[int, int]:
    if len(token) != TOKEN_LENGTH or not token.isascii():
        raise BadTokenError("The link is incomplete or was changed on its way.")
    try:
        raw = base64.b32decode(token.upper() + "=" * (-len(token) % 8))
    except (binascii.Error, ValueError) as error:
        raise BadTokenError("The link is incomplete or was changed on its way.") from error
    return raw[0], int.from_bytes(raw[1 : 1 + _ID_BYTES], "big")

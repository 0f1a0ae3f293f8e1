"""The keys that a newspaper's own sites call our JSON API with: made once, shown once, kept as a hash.

A key is `digest_ID_SECRET`: ten letters that a row is found by, and 256 bits of chance. Only the SHA-256 of the whole
is stored; the secret is chance and no word of a person, so nothing slower is needed to keep it from being guessed. The
prefix lets programs that search published code for secrets know one of ours. Out of a text that is no key comes None,
before any database is asked.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

_KEY = re.compile(r"digest_([a-z2-7]{10})_[a-z2-7]{52}")
_NO_HASH = "0" * 64


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key: `shown` goes to whoever asked for it and nowhere else."""

    shown: str
    key_id: str
    key_hash: str


def make() -> MadeKey:
    """Make a key of chance."""
    key_id = _letters(7)[:10]
    shown = f"digest_{key_id}_{_letters(32)}"
    return MadeKey(shown, key_id, key_hash(shown))


def id_of(text: str) -> str | None:
    """Return the id that a key's row is found by; None if `text` has not the form of a key."""
    match = _KEY.fullmatch(text)
    return match[1] if match else None


def key_hash(text: str) -> str:
    """Return what is stored of a key: 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_key(text: str, stored_hash: str | None) -> bool:
    """Whether `text` is the key of that hash, in the same time for every text; `stored_hash` None: it is not."""
    return hmac.compare_digest(key_hash(text), stored_hash or _NO_HASH) and stored_hash is not None


def _letters(number_of_bytes: int) -> str:
    return base64.b32encode(secrets.token_bytes(number_of_bytes)).decode().lower().rstrip("=")

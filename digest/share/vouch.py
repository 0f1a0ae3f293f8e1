"""The newspaper's own word that a logged-in reader is who they are: a signed statement that stands for confirming.

A JSON Web Token (RFC 7519) of the newspaper's server, signed with HMAC-SHA-256 (HS256, RFC 7515), because every
language has a library for it. It says whose mailbox it is (`sub`), that it is meant for our POST /api/shares (`aud`),
from when to when it holds (`iat`, `exp`: five minutes at most), and a name of its own (`jti`) that counts once. The
secret belongs to one key of the API: it is derived from `SECRET_KEY` and the key's id, shown with the key, and stored
nowhere, so neither a copy of the database nor a key that stands in pages is enough to make a statement. Everything that
is wrong with one is answered alike. No other algorithm is known here, so none can be talked into.
"""

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest import addresses
from digest.addresses import Address
from digest.config import Settings
from digest.database import Connection, counters

HOLDS = timedelta(minutes=5)
MAX_LETTERS = 2000
AUDIENCE = "/api/shares"
_SKEW_SECONDS = 60  # how far the newspaper's clock may be ahead of ours
_ID_LETTERS = range(8, 65)
_SCOPE = "share-statement"
_USED_FOR = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement whose signature and times are right. `used_as`: what it is counted by, once."""

    sender: Address
    used_as: str


def secret_of(settings: Settings, key_id: str) -> str:
    """Return the secret that statements with this key are signed with, to be shown together with the key."""
    return _secret(settings.keyring.secrets[0], key_id)


def read(settings: Settings, key_id: str, text: str, *, now: datetime) -> Statement | None:
    """Return what a statement says; None if anything is wrong with it."""
    parts = text.split(".")
    if len(text) > MAX_LETTERS or not text.isascii() or len(parts) != 3:
        return None
    signed = f"{parts[0]}.{parts[1]}".encode()
    given = _decoded(parts[2])
    matches = [
        hmac.compare_digest(hmac.digest(_secret(each, key_id).encode(), signed, "sha256"), given)
        for each in settings.keyring.secrets
    ]
    header, claims = _object(parts[0]), _object(parts[1])
    if not any(matches) or header.get("alg") != "HS256" or "crit" in header:
        return None
    if claims.get("aud") != settings.base_url + AUDIENCE or not _is_in_time(claims, now):
        return None
    name, mailbox = claims.get("jti"), claims.get("sub")
    sender = addresses.parse_or_none(mailbox) if isinstance(mailbox, str) else None
    if sender is None or not isinstance(name, str) or len(name) not in _ID_LETTERS:
        return None
    return Statement(sender, hashlib.sha256(f"{key_id}\0{name}".encode()).hexdigest())


async def claim(connection: Connection, statement: Statement, *, now: datetime) -> bool:
    """Use a statement up; False if it was used before."""
    return await counters.claim(connection, _SCOPE, statement.used_as, now=now, limit=1, window=_USED_FOR)


def _secret(master: str, key_id: str) -> str:
    key = hashlib.sha256(b"digest-share-statement\0" + master.encode()).digest()
    made = hmac.digest(key, key_id.encode(), "sha256")
    return "vouch_" + base64.b32encode(made).decode().lower().rstrip("=")


def _is_in_time(claims: dict[str, object], now: datetime) -> bool:
    issued, expires = claims.get("iat"), claims.get("exp")
    if type(issued) not in (int, float) or type(expires) not in (int, float):
        return False
    assert isinstance(issued, int | float)
    assert isinstance(expires, int | float)
    at = now.timestamp()
    return issued <= at + _SKEW_SECONDS and at < expires and 0 < expires - issued <= HOLDS.total_seconds()


def _object(part: str) -> dict[str, object]:
    try:
        found = json.loads(_decoded(part))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _decoded(part: str) -> bytes:
    """Read base64url without padding (RFC 7515 §2); b"" for what is none."""
    try:
        return base64.b64decode(part.encode() + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""

"""Who has confirmed once, in this browser: a signed cookie that holds no address.

It holds until when, and a code over that and the keyed hash of the sender's address. It says nothing to who reads it,
fits only a form with the same address, and no other browser has it: whoever opens a forwarded edition confirms anew.
"""

import hashlib
import hmac
from datetime import datetime, timedelta

from digest.config import Settings

COOKIE = "share_sender"
REMEMBERED = timedelta(days=30)
_MAX_LETTERS = 200


def cookie(settings: Settings, sender_hash: str, *, now: datetime) -> str:
    """Return the cookie's value for whoever has just confirmed."""
    until = int((now + REMEMBERED).timestamp())
    return f"{until}.{_code(settings.keyring.secrets[0], sender_hash, until)}"


def is_remembered(settings: Settings, value: str, sender_hash: str, *, now: datetime) -> bool:
    """Whether this cookie says that this sender has confirmed, and not too long ago."""
    moment, dot, code = value.partition(".")
    if len(value) > _MAX_LETTERS or not dot or not (moment.isascii() and moment.isdigit()) or not code.isascii():
        return False
    until = int(moment)
    matches = [
        hmac.compare_digest(_code(secret, sender_hash, until).encode(), code.encode())
        for secret in settings.keyring.secrets
    ]
    return any(matches) and now.timestamp() < until


def _code(secret: str, sender_hash: str, until: int) -> str:
    key = hashlib.sha256(b"digest-share-sender\0" + secret.encode()).digest()
    return hmac.new(key, f"{sender_hash}\0{until}".encode(), hashlib.sha256).hexdigest()

"""What tells a person's form from a program's: when it was opened, and a sum that the browser worked out.

In: what a form brings back. Out: whether it was filled in as people do, and whether its challenge was solved. The time
stands in a signed ticket (`tokens`), so that a form needs no cookie and no row. The challenge is ALTCHA's (PBKDF2,
about half a second for a browser, under a millisecond for us to check); our own small script solves it in a worker. A
solution counts once: it is claimed in the database before anything else is done. Without a script nothing is solved,
and only the limits are lower: the confirmation mail guards anyway.

The library reads the machine's clock for its own expiry, so the time is signed in the challenge's data instead.
"""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta

import altcha

from digest.config import Settings
from digest.database import Connection, counters
from digest.errors import BadTokenError
from digest.tokens import TokenPurpose

OPEN_AT_LEAST = timedelta(seconds=3)
OPEN_AT_MOST = timedelta(hours=12)
COST = 2000  # rounds of PBKDF2 for each try; 256 tries are needed on average
MAX_LETTERS = 4000
_ALGORITHM = "PBKDF2/SHA-256"
_SCOPE = "proof"


def ticket(settings: Settings, now: datetime) -> str:
    """Return what a form brings back to say when it was opened."""
    return settings.keyring.make(TokenPurpose.FORM, int(now.timestamp()))


def opened_at(settings: Settings, ticket_text: str, now: datetime) -> datetime | None:
    """Return when a form with this ticket was opened; None if it is none of ours, or too old."""
    try:
        seconds = settings.keyring.read(TokenPurpose.FORM, ticket_text)
        opened = datetime.fromtimestamp(seconds, UTC)
    except (BadTokenError, ValueError, OverflowError):
        return None
    return opened if opened <= now < opened + OPEN_AT_MOST else None


def challenge(settings: Settings, now: datetime) -> str:
    """Return a new challenge as JSON, for a form opened now."""
    made = altcha.create_challenge(
        _ALGORITHM, COST, data={"until": int((now + OPEN_AT_MOST).timestamp())}, hmac_secret=_secret(settings)
    )
    return json.dumps(made.to_dict())


async def claim(connection: Connection, settings: Settings, payload: str, *, now: datetime) -> bool:
    """Whether `payload` solves a challenge of ours that is in time and was not brought before; it is used up then."""
    nonce = _solved(settings, payload, now)
    if nonce is None:
        return False
    key = hashlib.sha256(nonce.encode()).hexdigest()
    return await counters.claim(connection, _SCOPE, key, now=now, limit=1, window=timedelta(days=36500))


def _solved(settings: Settings, payload: str, now: datetime) -> str | None:
    """Return the nonce of the solved challenge, None if it is not solved."""
    if len(payload) > MAX_LETTERS or not payload.isascii():
        return None
    try:
        given = json.loads(base64.b64decode(payload, validate=True))
        parameters = given["challenge"]["parameters"]
        # What is costly to check is decided by the challenge: nothing but what we have made is worked out.
        if parameters["cost"] != COST or parameters["algorithm"] != _ALGORITHM or parameters["keyLength"] != 32:
            return None
        if not altcha.verify_solution(payload, _secret(settings)).verified:
            return None
        return str(parameters["nonce"]) if parameters["data"]["until"] > now.timestamp() else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _secret(settings: Settings) -> str:
    return hashlib.sha256(b"digest-proof\0" + settings.keyring.secrets[0].encode()).hexdigest()

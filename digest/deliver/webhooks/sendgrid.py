"""SendGrid's signed event webhook: bounces, refusals and complaints about mails that went over its relay.

In: a list of events as JSON. Signed with ECDSA over P-256 and SHA-256 (X-Twilio-Email-Event-Webhook-Signature over the
timestamp and the body); the public key is the one its settings page shows. Known by `smtp-id`, which is our Message-ID.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime

from digest.config import Settings
from digest.deliver.webhook import Means, Post
from digest.errors import FixSetupError, HookRefusedError
from digest.models.notices import Cause, FoundToken, Notice, NoticeClass, TokenPlace

SIGNATURE, TIMESTAMP = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"
HEADERS = (SIGNATURE, TIMESTAMP)
_MAX_AGE_SECONDS = 86_400
_MAX_EVENTS = 2000
_COMPLAINTS = frozenset({"spamreport"})
_FAILURES = frozenset({"bounce", "blocked", "dropped"})


def is_on(settings: Settings) -> bool:
    """Whether its public key is set."""
    return bool(settings.hook_sendgrid_key)


def look(settings: Settings, post: Post, now: datetime) -> None:  # noqa: ARG001 (the contract's)
    """Look at the age and the shape of a post."""
    stamp = post.headers.get(TIMESTAMP, "")
    if not stamp.isdecimal() or len(stamp) > 12 or abs(now.timestamp() - int(stamp)) > _MAX_AGE_SECONDS:
        raise HookRefusedError("its timestamp is missing or older than a day")
    if not post.headers.get(SIGNATURE):
        raise HookRefusedError("it is not signed")


async def prove(means: Means, post: Post) -> None:
    """Check the signature over timestamp and body."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import load_der_public_key
    except ImportError as error:
        raise FixSetupError(
            "HOOK_SENDGRID_KEY: the library 'cryptography' is missing; install the extra 'dkim'."
        ) from error
    try:
        key = load_der_public_key(base64.b64decode(means.settings.hook_sendgrid_key, validate=True))
    except (ValueError, binascii.Error) as error:
        raise FixSetupError("HOOK_SENDGRID_KEY is not the public key that SendGrid shows.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise FixSetupError("HOOK_SENDGRID_KEY is not the public key that SendGrid shows.")
    try:
        signature = base64.b64decode(post.headers.get(SIGNATURE, ""), validate=True)
        key.verify(signature, post.headers.get(TIMESTAMP, "").encode() + post.body, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError, binascii.Error) as error:
        raise HookRefusedError("its signature does not fit") from error


async def read(means: Means, post: Post) -> list[Notice]:  # noqa: ARG001 (the contract's)
    """Return what its events tell."""
    try:
        events = json.loads(post.body)
    except (ValueError, RecursionError) as error:
        raise HookRefusedError("it is no JSON") from error
    if not isinstance(events, list):
        raise HookRefusedError("it is no list of events")
    found = [_notice(event) for event in events[:_MAX_EVENTS] if isinstance(event, dict)]
    return [notice for notice in found if notice is not None]


def _notice(event: Mapping[str, object]) -> Notice | None:
    what = str(event.get("event", ""))
    token = str(event.get("smtp-id", "")).strip().strip("<>").partition("@")[0].lower()
    tokens = (FoundToken(TokenPlace.MESSAGE_ID, token),)
    if what in _COMPLAINTS:
        return Notice(NoticeClass.COMPLAINT, feedback_type="abuse", tokens=tokens)
    if what not in _FAILURES:
        return None
    status = str(event.get("status", ""))[:16]
    reason = str(event.get("reason", ""))[:500]
    is_blocked = what != "bounce" or event.get("type") == "blocked"  # refused for what it is; SendGrid's own word
    return Notice(
        NoticeClass.SOFT,
        Cause.POLICY if is_blocked else Cause.UNKNOWN,
        status=status,
        is_status_told=bool(status),
        diagnostic=" ".join(reason.split()),
        tokens=tokens,
    )

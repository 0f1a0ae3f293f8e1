"""Amazon SES over SNS: bounces and complaints as JSON, signed by Amazon, and the question whether we want them at all.

In: a message of Amazon SNS (Notification or SubscriptionConfirmation) of a topic named in the settings. Its signature
(versions 1 and 2: RSA over SHA-1 and SHA-256) is checked with a certificate that is fetched only from
sns.REGION.amazonaws.com through the guarded client; its chain must lead to an authority the system trusts, over what
stands in the same file or, from Amazon's own repository, over the issuer it names. A subscription is confirmed by
fetching the address in the message, at the same hosts only. SES rewrites Message-IDs, so mails are known by `source`,
the return path (VERP), and by the original headers where the topic includes them.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from digest.config import Settings
from digest.deliver.webhook import Means, Post
from digest.deliver.webhooks import ses_certificate
from digest.errors import HookRefusedError
from digest.models.notices import Cause, FoundToken, Notice, NoticeClass, TokenPlace

if TYPE_CHECKING:
    from cryptography import x509

HEADERS: tuple[str, ...] = ()
_HOST = re.compile(r"sns\.[a-z0-9-]{1,40}\.amazonaws\.com(?:\.cn)?")
_CERTIFICATE_PATH = re.compile(r"/[A-Za-z0-9._-]{1,200}\.pem")
_MAX_AGE = timedelta(hours=24)
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_SHAPE = r"[a-z2-7]{37}"
_DETAIL = re.compile(rf"[+-]({_SHAPE})@", re.IGNORECASE)
_ID = re.compile(rf"<?({_SHAPE})@", re.IGNORECASE)
_CAUSES = {
    "NoEmail": Cause.GONE, "Suppressed": Cause.GONE, "OnAccountSuppressionList": Cause.GONE,
    "MailboxFull": Cause.FULL, "MessageTooLarge": Cause.SIZE, "ContentRejected": Cause.POLICY,
    "AttachmentRejected": Cause.POLICY,
}  # fmt: skip


def is_on(settings: Settings) -> bool:
    """Whether a topic is named."""
    return bool(settings.hook_ses_topics)


def look(settings: Settings, post: Post, now: datetime) -> None:
    """Look at type, topic and age."""
    message = _message(post)
    if str(message.get("Type")) not in _SIGNED:
        raise HookRefusedError("it is of no type that is understood")
    if str(message.get("TopicArn")) not in settings.hook_ses_topics:
        raise HookRefusedError("its topic is not in HOOK_SES_TOPICS")
    try:
        at = datetime.fromisoformat(str(message.get("Timestamp", "")).replace("Z", "+00:00"))
    except ValueError as error:
        raise HookRefusedError("its timestamp cannot be read") from error
    if abs(now - (at if at.tzinfo else at.replace(tzinfo=UTC))) > _MAX_AGE:
        raise HookRefusedError("it is older than a day")


async def prove(means: Means, post: Post) -> None:
    """Check the signature with Amazon's certificate."""
    message = _message(post)
    url = str(message.get("SigningCertURL", ""))
    if not is_amazons(url) or not _CERTIFICATE_PATH.fullmatch(urlsplit(url).path):
        raise HookRefusedError("its certificate is not Amazon's")
    certificate = await ses_certificate.fetch(means, url)
    try:
        signature = base64.b64decode(str(message.get("Signature", "")), validate=True)
    except (ValueError, binascii.Error) as error:
        raise HookRefusedError("its signature cannot be read") from error
    _verify(certificate, signature, signed_text(message), str(message.get("SignatureVersion", "")))


async def read(means: Means, post: Post) -> list[Notice]:
    """Return what it tells; confirm the subscription if that is asked."""
    message = _message(post)
    if message.get("Type") == "SubscriptionConfirmation":
        await _confirm(means, message)
        return []
    try:
        told = json.loads(str(message.get("Message", "")))
    except (ValueError, RecursionError):
        return []  # Amazon's greeting to a new topic is no JSON
    return _notices(told) if isinstance(told, dict) else []


def is_amazons(url: str) -> bool:
    """Whether this is an address of Amazon SNS, over https, at its usual port, without a user or a fragment."""
    try:
        split = urlsplit(url)
        host, port = split.hostname or "", split.port
    except ValueError:
        return False
    is_plain = split.netloc.lower() in (host, f"{host}:443") and not split.fragment
    return split.scheme == "https" and port in (None, 443) and is_plain and bool(_HOST.fullmatch(host))


def signed_text(message: Mapping[str, object]) -> bytes:
    """Return what Amazon signs: names and values in the order of the names, a line each."""
    names = _SIGNED[str(message["Type"])]
    return "".join(f"{name}\n{message[name]}\n" for name in names if message.get(name) is not None).encode()


def _verify(certificate: "x509.Certificate", signature: bytes, text: bytes, version: str) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    algorithm = {"1": hashes.SHA1(), "2": hashes.SHA256()}.get(version)  # noqa: S303 (version 1 is SNS's default)
    key = certificate.public_key()
    if algorithm is None or not isinstance(key, rsa.RSAPublicKey):
        raise HookRefusedError("it is signed in a way that is not understood")
    try:
        key.verify(signature, text, padding.PKCS1v15(), algorithm)
    except InvalidSignature as error:
        raise HookRefusedError("its signature does not fit") from error


async def _confirm(means: Means, message: Mapping[str, object]) -> None:
    url = str(message.get("SubscribeURL", ""))
    asked = parse_qs(urlsplit(url).query)
    if not is_amazons(url) or asked.get("Action") != ["ConfirmSubscription"]:
        raise HookRefusedError("its address for confirming is not Amazon's")
    if asked.get("TopicArn") != [str(message.get("TopicArn"))]:
        raise HookRefusedError("its address for confirming is another topic's")
    await means.fetch(url)


def _message(post: Post) -> dict[str, object]:
    try:
        message = json.loads(post.body)
    except (ValueError, RecursionError) as error:
        raise HookRefusedError("it is no JSON") from error
    if not isinstance(message, dict):
        raise HookRefusedError("it is no message of Amazon SNS")
    return message


def _notices(told: dict[str, object]) -> list[Notice]:
    what = str(told.get("notificationType") or told.get("eventType") or "")
    tokens = _tokens(told.get("mail"))
    if what == "Complaint":
        about = told.get("complaint")
        kind = str(about.get("complaintFeedbackType") or "abuse") if isinstance(about, dict) else "abuse"
        is_one = kind not in ("not-spam", "auth-failure")
        return [Notice(NoticeClass.COMPLAINT if is_one else NoticeClass.NONE, feedback_type=kind[:40], tokens=tokens)]
    bounce = told.get("bounce")
    if what != "Bounce" or not isinstance(bounce, dict):
        return []
    recipients = bounce.get("bouncedRecipients")
    first = recipients[0] if isinstance(recipients, list) and recipients and isinstance(recipients[0], dict) else {}
    status = str(first.get("status") or "")[:16]
    is_permanent = bounce.get("bounceType") == "Permanent"
    cause = _CAUSES.get(str(bounce.get("bounceSubType")), Cause.UNKNOWN if is_permanent else Cause.LATER)
    return [
        Notice(
            NoticeClass.HARD if is_permanent and cause is Cause.GONE else NoticeClass.SOFT,
            cause,
            status=status,
            is_status_told=bool(status),
            diagnostic=" ".join(str(first.get("diagnosticCode") or "").split())[:500],
            tokens=tokens,
        )
    ]


def _tokens(mail: object) -> tuple[FoundToken, ...]:
    if not isinstance(mail, dict):
        return ()
    found = [FoundToken(TokenPlace.RETURN_PATH, each.lower()) for each in _DETAIL.findall(str(mail.get("source", "")))]
    headers = mail.get("headers")
    for header in headers[:100] if isinstance(headers, list) else []:
        if isinstance(header, dict) and str(header.get("name", "")).lower() == "message-id":
            ids = _ID.findall(str(header.get("value", ""))[:300])
            found += [FoundToken(TokenPlace.MESSAGE_ID, each.lower()) for each in ids]
    return tuple(found)

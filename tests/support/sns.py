"""An Amazon of our own: a certificate authority, a leaf for sns.amazonaws.com, and messages that it signs."""

import base64
import json
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from digest.deliver.webhooks.ses import signed_text

TOPIC = "arn:aws:sns:ap-northeast-2:123456789012:news"
CERTIFICATE_URL = "https://sns.ap-northeast-2.amazonaws.com/SimpleNotificationService-0123.pem"
SUBSCRIBE_URL = f"https://sns.ap-northeast-2.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t"


@lru_cache(maxsize=4)
def _key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def authority(name: str, now: datetime) -> x509.Certificate:
    """Return the certificate of an authority."""
    key = _key(name)
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        _begun(name, name, key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def leaf(name: str, issuer: str, now: datetime) -> x509.Certificate:
    """Return a certificate for sns.amazonaws.com from that authority."""
    issuing = _key(issuer)
    return (
        _begun(name, issuer, _key(name), now)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("sns.amazonaws.com")]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing.public_key()), critical=False)
        .sign(issuing, hashes.SHA256())
    )


def _begun(name: str, issuer: str, key: rsa.RSAPrivateKey, now: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
    )


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def message(now: datetime, *, told: dict[str, object] | None = None, version: str = "2", **changed: str) -> bytes:
    """Return a signed message of Amazon SNS as it is posted; `changed` fields are signed, too."""
    fields: dict[str, object] = {
        "Type": "Notification",
        "MessageId": "11111111-2222-3333-4444-555555555555",
        "TopicArn": TOPIC,
        "Message": json.dumps(told or {}),
        "Timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.000Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        **changed,
    }
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
    signature = _key("sns").sign(signed_text(fields), padding.PKCS1v15(), algorithm)
    return json.dumps({**fields, "Signature": base64.b64encode(signature).decode()}).encode()


def bounce(token: str, *, kind: str = "Permanent", sub: str = "General", status: str = "5.1.1") -> dict[str, object]:
    """Return what SES tells of a bounce of the mail with that return path."""
    return {
        "notificationType": "Bounce",
        "bounce": {
            "bounceType": kind,
            "bounceSubType": sub,
            "bouncedRecipients": [
                {
                    "emailAddress": "hong@naver.example",
                    "status": status,
                    "diagnosticCode": f"smtp; 550 {status} unknown user",
                }
            ],
        },
        "mail": {"source": f"bounce+{token}@bounce.gaon.example"},
    }


def complaint(token: str) -> dict[str, object]:
    """Return what SES tells of a complaint."""
    return {
        "notificationType": "Complaint",
        "complaint": {"complaintFeedbackType": "abuse"},
        "mail": {"source": f"bounce+{token}@bounce.gaon.example"},
    }

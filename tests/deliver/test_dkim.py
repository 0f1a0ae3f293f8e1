"""Signatures that another implementation verifies, and that break when anything signed is changed."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from digest.deliver.dkim import Signer, is_canonical
from digest.errors import FixSetupError, UnsendableMailError
from tests.support.settings import make_settings

AT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
MAIL = (
    b"From: =?utf-8?b?6rCA7Jio7J2867O0?= <news@gaon.example>\r\n"
    b"To: <reader@reader.example>\r\n"
    b"Subject: =?utf-8?b?7JWE7LmoIOyGjOyLnQ==?=\r\n =?utf-8?b?7JWE7LmoIOyGjOyLnQ==?=\r\n"
    b"Date: Mon, 23 Nov 2026 07:00:00 +0900\r\n"
    b"Message-ID: <token@gaon.example>\r\n"
    b"Reply-To: <desk@gaon.example>\r\n"
    b"List-Unsubscribe: <https://news.gaon.example/u/token>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: base64\r\n"
    b"\r\n"
    b"6rCA7Jio7Iuc7J2Y7ZqMLCDrgrTrhYQg7JiI7IKw7JWIIOydmOqysA==\r\n"
    b".\r\n"
)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def signer(key: rsa.RSAPrivateKey) -> Signer:
    return Signer("gaon.example", "mail2026", key)


@pytest.fixture
def verifies(key: rsa.RSAPrivateKey) -> Callable[[bytes], bool]:
    """Verify with the other implementation, its DNS answered from here."""
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)

    def answer(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"mail2026._domainkey.gaon.example."
        return record

    def verify(content: bytes) -> bool:
        return bool(dkim.verify(content.removesuffix(b".\r\n"), dnsfunc=answer))

    return verify


def test_another_implementation_verifies_the_signature(signer: Signer, verifies: Callable[[bytes], bool]) -> None:
    """What only we can verify is of no use to a mailbox provider."""
    assert verifies(signer.sign(MAIL, at=AT))


@pytest.mark.parametrize(
    "line",
    [line.partition(b":")[0] for line in MAIL.partition(b"\r\n\r\n")[0].split(b"\r\n") if not line.startswith(b" ")],
)
def test_a_change_of_any_field_breaks_the_signature(
    signer: Signer, verifies: Callable[[bytes], bool], line: bytes
) -> None:
    """D11: both List-Unsubscribe fields, the sender and everything a provider goes by are signed."""
    signed = signer.sign(MAIL, at=AT)
    start = signed.index(b"\r\n" + line + b":") + len(line) + 4
    assert not verifies(signed[:start] + b"x" + signed[start:])


def test_a_second_from_breaks_the_signature(signer: Signer, verifies: Callable[[bytes], bool]) -> None:
    """Mail programs may show the one that was added."""
    signed = signer.sign(MAIL, at=AT)
    assert not verifies(signed.replace(b"To: ", b"From: <somebody@else.example>\r\nTo: ", 1))


def test_a_change_of_the_body_breaks_the_signature(signer: Signer, verifies: Callable[[bytes], bool]) -> None:
    """The article is signed too."""
    signed = signer.sign(MAIL, at=AT)
    assert not verifies(signed.replace(b"6rCA7Jio7Iuc", b"6rCA7Jio7Iud"))


def test_blanks_a_relay_adds_do_not_break_it(signer: Signer, verifies: Callable[[bytes], bool]) -> None:
    """Relaxed canonicalisation forgives refolding."""
    signed = signer.sign(MAIL, at=AT)
    assert verifies(signed.replace(b"Reply-To: <desk", b"Reply-To:   <desk"))


def test_no_line_of_the_signature_is_long(signer: Signer) -> None:
    """Folded well under 998 octets, and under 78 for readers of headers."""
    field = signer.sign(MAIL, at=AT)[: -len(MAIL)]
    assert max(len(line) for line in field.split(b"\r\n")) <= 100


def test_a_mail_with_stuffed_dots_is_not_signed(signer: Signer) -> None:
    """The reader sees the line without its second dot, so the hash would not fit."""
    with pytest.raises(UnsendableMailError):
        signer.sign(MAIL.replace(b"6rCA", b"..rCA"), at=AT)


@pytest.mark.parametrize(
    "body",
    [
        b"6rCA  7Jio\r\n",
        b"6rCA \r\n",
        b"6rCA\t7Jio\r\n",
        b".6rCA\r\n",
        b"6rCA\r\n.7Jio\r\n",
        b"6rCA\r\n\r\n",
        b"\r\n",
        b"",
    ],
)
def test_a_body_that_would_be_hashed_in_another_form_is_found(body: bytes) -> None:
    """RFC 6376 §3.4.4: what is hashed is what stands there, so nothing may have to be rewritten."""
    assert is_canonical(MAIL)
    assert not is_canonical(b"To: <reader@reader.example>\r\n\r\n" + body + b".\r\n")


def test_without_a_selector_nothing_is_signed() -> None:
    """The relay signs: the usual case."""
    assert Signer.of(make_settings()) is None


def test_the_settings_make_a_signer_for_the_senders_domain(key: rsa.RSAPrivateKey) -> None:
    """D10: the signing domain is the From domain unless said otherwise."""
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    made = Signer.of(make_settings(dkim_selector="mail2026", dkim_private_key=pem))
    assert made is not None
    assert (made.domain, made.selector) == ("gaon.example", "mail2026")


@pytest.mark.parametrize("kind", ["rubbish", "elliptic"])
def test_a_key_that_cannot_sign_is_a_clear_word_at_the_start(kind: str) -> None:
    """Not a traceback with the first mail."""
    pem = "rubbish"
    if kind == "elliptic":
        made = ec.generate_private_key(ec.SECP256R1())
        pem = made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
    with pytest.raises(FixSetupError, match="DKIM_PRIVATE_KEY"):
        Signer.of(make_settings(dkim_selector="mail2026", dkim_private_key=pem))

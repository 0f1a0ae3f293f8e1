"""Whom our own mail server vouches for, and that nobody else can."""

import pytest

from digest.inbound import mailtext
from digest.inbound.authentication import authenticate

US = "mx.gaon.test"


def _passes(*fields: str, sender: str = "reader@naver.example", authserv_id: str = US) -> bool:
    raw = "".join(f"Authentication-Results: {field}\r\n" for field in fields) + f"From: {sender}\r\n\r\nx"
    return authenticate(mailtext.read(raw.encode()), authserv_id).passes


@pytest.mark.parametrize(
    "field",
    [
        f"{US}; dkim=pass header.d=naver.example header.s=s1",
        f"{US} 1; dkim=pass (2048-bit (rsa) key) header.i=@naver.example; spf=none",
        f"{US}; spf=pass smtp.mailfrom=reader@naver.example",
        f"{US}; spf=pass smtp.mailfrom=bounces.naver.example; dmarc=pass (p=none) header.from=naver.example",
        f"{US}; dkim=fail header.d=naver.example; dkim=pass header.d=naver.example",
        f"{US}; dmarc=pass header.from=naver.example",
        "MX.GAON.TEST; dkim=pass header.d=naver.example",
    ],
)
def test_what_vouches_for_a_sender(field: str) -> None:
    """An aligned SPF or DKIM, or DMARC, of our own server."""
    assert _passes(field)


@pytest.mark.parametrize(
    "field",
    [
        "mx.evil.test; dkim=pass header.d=naver.example",
        f"{US}.evil.test; dkim=pass header.d=naver.example",
        f"{US}; dkim=pass header.d=evil.test",
        f"{US}; dkim=pass header.d=xnaver.example",
        f"{US}; spf=pass smtp.mailfrom=a@evil.test",
        f"{US}; spf=pass smtp.helo=naver.example",
        f"{US}; dkim=fail header.d=naver.example; spf=softfail smtp.mailfrom=naver.example",
        f"{US}; dkim=pass header.d=naver.example; dmarc=fail header.from=naver.example",
        f"{US}; none",
        f"{US}; dkim=none (dkim=pass header.d=naver.example)",
        "",
    ],
)
def test_what_does_not(field: str) -> None:
    """Other servers, other domains, comments, HELO."""
    assert not _passes(field)


def test_a_forged_field_below_ours_changes_nothing() -> None:
    """What a sender writes under our name stands below what our server has put on top."""
    ours = f"{US}; spf=pass smtp.mailfrom=a@evil.test; dkim=none"

    assert not _passes(ours, f"{US}; spf=pass smtp.mailfrom=a@naver.example; dkim=pass header.d=naver.example")
    assert not _passes(ours, f"{US}; dmarc=pass header.from=naver.example")


def test_without_a_name_nobody_is_believed() -> None:
    """Whoever has not said which server is theirs answers nobody unknown."""
    assert not _passes("; dkim=pass header.d=naver.example", authserv_id="")


def test_two_senders_are_not_vouched_for() -> None:
    """DMARC says nothing about a mail with two From."""
    assert not _passes(f"{US}; dkim=pass header.d=naver.example", sender="a@naver.example, b@other.example")


def test_a_public_suffix_vouches_for_nobody() -> None:
    """co.kr is nobody's domain."""
    assert not _passes(f"{US}; spf=pass smtp.mailfrom=a@co.kr", sender="reader@gaon.co.kr")


def test_what_dkim_said_is_kept_as_evidence() -> None:
    """The result and the domain that signed, without more."""
    mail = mailtext.read(
        f"Authentication-Results: {US}; dkim=pass header.d=naver.example\r\nFrom: a@b.kr\r\n\r\n".encode()
    )

    assert authenticate(mail, US).dkim == "pass naver.example"

"""Whether a mail that came back from a mailbox is held for the approved one, or told from it."""

from email import message_from_bytes, policy

import pytest

from digest.deliver import wire
from digest.errors import FixSetupError
from digest.operate.compare import Comparison, compare
from tests.support import ledger

VALUES = {
    "recipient": b"seed@naver.example",
    "date": b"Mon, 23 Nov 2026 07:00:00 +0900",
    "message_id": b"<token@gaon.example>",
    "unsubscribe_url": b"https://news.gaon.example/u/" + b"a" * 37,
    "preferences_url": b"https://news.gaon.example/preferences/" + b"a" * 37,
}
APPROVED = wire.assemble(ledger.DIGEST, VALUES, eight_bit=True)
AS_BASE64 = wire.assemble(ledger.DIGEST, VALUES, eight_bit=False)
TRACE = b"Received: from a by b; Mon, 23 Nov 2026 07:00:01 +0900\r\nX-Spam: no\r\nReturn-Path: <news@gaon.example>\r\n"


def _names(result: Comparison) -> set[str]:
    return {each.name for each in result.differences}


def test_the_same_bytes_are_identical() -> None:
    """A provider that changes nothing is said to have changed nothing."""
    assert compare(APPROVED, APPROVED).is_identical


@pytest.mark.parametrize(
    "found",
    [
        AS_BASE64,
        APPROVED.replace(b"\r\n", b"\n"),
        TRACE + APPROVED,
        TRACE + AS_BASE64.replace(b"\r\n", b"\n"),
        APPROVED.replace(b"Subject: ", b"Subject:\r\n "),
        APPROVED.replace(b"=_", b"=_other"),
        message_from_bytes(APPROVED, policy=policy.SMTP).as_bytes(),
    ],
    ids=["base64", "LF", "trace", "all", "folded", "boundary", "rewritten"],
)
def test_what_servers_may_do_is_no_difference(found: bytes) -> None:
    """Otherwise every mail would differ, and nobody would look."""
    result = compare(APPROVED, found)

    assert not result.is_identical
    assert result.differences == ()


def test_trace_fields_are_named() -> None:
    """They tell which way the mail came."""
    assert compare(APPROVED, TRACE + APPROVED).added == ("Received", "X-Spam", "Return-Path")


@pytest.mark.parametrize(
    ("before", "after", "name", "what"),
    [
        (b"Subject: =?utf-8?b?7JWE7LmoIOyGjOyLnQ==?=", b"Subject: [SPAM] x", "header changed", "Subject"),
        (b"To: <seed@naver.example>", b"To: <other@naver.example>", "header changed", "To"),
        (b"07:00:00 +0900", b"08:00:00 +0900", "header changed", "Date"),
        (b"<token@gaon.example>", b"<other@naver.example>", "header changed", "Message-ID"),
        (b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", b"", "header lost", "List-Unsubscribe-Post"),
        (b"MIME-Version", b"Reply-To: x@evil.example\r\nMIME-Version", "header added", "Reply-To"),
        (b"multipart/alternative", b"multipart/mixed", "header changed", "Content-Type"),
        (b'<a href="https://news', b'<a href="https://click.evil.example/?https://news', "links rewritten", "evil"),
        (b'<p lang="ko">', b'<p lang="ko"><img src="https://px.example/1.gif">', "pictures added", "px.example"),
        (b'<p lang="ko">', "<p>외부에서 온 메일</p><p lang='ko'>".encode(), "banner added", "HTML"),
        ("가온시의회".encode(), "나루시의회".encode(), "text differs", "first differing line"),
        (b'<p lang="ko">', b"<p>", "markup changed", "HTML"),
        (b"text/plain; charset=utf-8", b"text/plain; charset=x-none", "charset changed", "text/plain"),
    ],
)
def test_each_change_is_told_by_its_name(before: bytes, after: bytes, name: str, what: str) -> None:
    """The operator must know what to complain about, and to whom."""
    assert before in APPROVED
    found = compare(APPROVED, TRACE + APPROVED.replace(before, after))

    assert name in _names(found)
    assert any(what in each.what for each in found.differences)


def test_a_part_lost_and_a_part_added_are_told() -> None:
    """A gateway that drops the HTML, or hangs on a notice."""
    start = APPROVED.index(b"--=_")
    boundary = APPROVED[start : APPROVED.index(b"\r\n", start)]
    html = APPROVED.index(boundary, start + 5)
    lost = APPROVED[:html] + boundary + b"--\r\n"
    notice = boundary + b"\r\nContent-Type: application/pdf; name=x.pdf\r\n\r\n...\r\n" + boundary + b"--"

    assert _names(compare(APPROVED, lost)) == {"part lost"}
    assert _names(compare(APPROVED, APPROVED.replace(boundary + b"--", notice))) == {"part added"}


def test_a_readers_own_values_differ_only_between_people() -> None:
    """A mail saved by a reader is compared with a seed's but for what is the reader's own."""
    values = {**VALUES, "recipient": b"kim@daum.example", "message_id": b"<b@gaon.example>"}
    values["unsubscribe_url"] = b"https://news.gaon.example/u/" + b"b" * 37
    theirs = wire.assemble(ledger.DIGEST, values, eight_bit=False)

    assert compare(APPROVED, theirs, leaving=("https://news.gaon.example/u/",), is_same_delivery=False).is_same
    assert not compare(APPROVED, theirs).is_same


@pytest.mark.parametrize("content", [b"", b"\0\xff" * 100, b"PK\x03\x04", b"<html>mail</html>", b"no mail\n"])
def test_a_file_that_is_no_mail_is_said_to_be_none(content: bytes) -> None:
    """Not told as a mail in which everything differs."""
    with pytest.raises(FixSetupError, match="no mail"):
        compare(APPROVED, content)

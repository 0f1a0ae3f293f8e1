"""Notices: what servers write about mails that came back, as reports, as text, and as complaints."""

import json
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.inbound.notices import read_notice
from digest.models.notices import Cause, NoticeClass, TokenPlace

TOKEN = "a" * 36 + "b"

REPORT = """\
Return-Path: <>
Delivered-To: bounce+{token}@bounce.news.example
From: Mail Delivery System <MAILER-DAEMON@mx.example>
To: bounce+{token}@bounce.news.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

{text}

--b
Content-Type: {kind}

Reporting-MTA: dns; mx.example
Original-Envelope-Id: {token}

Final-Recipient: rfc822; reader@example.kr
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {diagnostic}

--b
Content-Type: message/rfc822

Return-Path: <bounce+{token}@bounce.news.example>
From: news@news.example
To: reader@example.kr
Message-ID: <{token}@news.example>
Subject: today

--b--
"""


def report(
    *,
    status: str = "5.1.1",
    diagnostic: str = "550 5.1.1 user unknown",
    action: str = "failed",
    kind: str = "message/delivery-status",
    text: str = "It could not be delivered.",
) -> bytes:
    return REPORT.format(
        token=TOKEN, status=status, diagnostic=diagnostic, action=action, kind=kind, text=text
    ).encode()


def plain(text: str, *, subject: str = "Undelivered Mail", sender: str = "MAILER-DAEMON@mx.example") -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, f"bounce+{TOKEN}@bounce.news.example", subject
    mail.set_content(text, cte="base64")
    return mail.as_bytes()


def complaint(feedback_type: str) -> bytes:
    return f"""\
From: fbl@example.net
To: abuse@news.example
Subject: FW: today
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: message/feedback-report

Feedback-Type: {feedback_type}
User-Agent: fbl/1
Version: 1

--b
Content-Type: message/rfc822

Return-Path: <bounce+{TOKEN}@bounce.news.example>
To: reader@example.kr
Message-ID: <{TOKEN}@news.example>

--b--
""".encode()


@pytest.mark.parametrize("kind", ["message/delivery-status", "message/global-delivery-status"])
def test_report_tells_class_recipient_status_and_token(kind: str) -> None:
    """Both types of report are read alike, though the standard library takes one for a message."""
    notice = read_notice(report(kind=kind))
    assert notice is not None
    assert (notice.kind, notice.cause, notice.status) == (NoticeClass.HARD, Cause.GONE, "5.1.1")
    assert notice.recipients == ("reader@example.kr",)
    assert (notice.tokens[0].place, notice.tokens[0].token) == (TokenPlace.RETURN_PATH, TOKEN)


@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"])
def test_line_ends_do_not_matter(line_end: bytes) -> None:
    """Some gateways write CR alone."""
    notice = read_notice(report().replace(b"\n", line_end))
    assert notice is not None
    assert (notice.kind, notice.recipients) == (NoticeClass.HARD, ("reader@example.kr",))


def test_report_without_blank_lines_is_read() -> None:
    """The group about the recipient is to begin after a blank line; many write none."""
    content = report().replace(b"\n\nFinal-Recipient", b"\nFinal-Recipient")
    notice = read_notice(content)
    assert notice is not None
    assert (notice.kind, notice.status) == (NoticeClass.HARD, "5.1.1")


def test_report_with_another_boundary_than_it_names_is_read() -> None:
    """The report is there, only its Content-Type is wrong."""
    notice = read_notice(report().replace(b'boundary="b"', b'boundary="other"').replace(b"--b", b"--bbbbbbb"))
    assert notice is not None
    assert (notice.kind, notice.recipients) == (NoticeClass.HARD, ("reader@example.kr",))


@pytest.mark.parametrize(
    ("status", "diagnostic", "cause"),
    [
        ("5.2.2", "552 5.2.2 over quota", Cause.FULL),
        ("5.1.1", "550 5.1.1 Mailbox full", Cause.FULL),
        ("5.0.0", "550 message is likely unsolicited mail", Cause.POLICY),
        ("5.1.1", "550 5.1.1 blocked: spam", Cause.POLICY),
        ("5.7.1", "550 5.7.1 refused", Cause.POLICY),
        ("5.7.1", "554 5.7.1 Relay access denied", Cause.RELAY),
        ("5.3.4", "552 message too large", Cause.SIZE),
        ("4.4.7", "delivery time expired", Cause.LATER),
    ],
)
def test_what_is_not_the_address_is_never_hard(status: str, diagnostic: str, cause: Cause) -> None:
    """The text says more than the field: a full mailbox with 5.1.1 is a full mailbox."""
    notice = read_notice(report(status=status, diagnostic=diagnostic))
    assert notice is not None
    assert (notice.kind, notice.cause) == (NoticeClass.SOFT, cause)


def test_text_of_a_report_makes_a_vague_status_hard() -> None:
    """Postfix puts 5.0.0 where the other server told no enhanced code."""
    notice = read_notice(report(status="5.0.0", diagnostic="550 no such user here"))
    assert notice is not None
    assert (notice.kind, notice.cause) == (NoticeClass.HARD, Cause.GONE)


def test_status_in_the_diagnostic_replaces_an_empty_one() -> None:
    """5.0.0 says nothing; the answer it quotes does."""
    notice = read_notice(report(status="5.0.0", diagnostic="550 5.1.6 the recipient has moved"))
    assert notice is not None
    assert notice.status == "5.1.6"


@pytest.mark.parametrize("status", ["4.4.1", "5.1.1"])
def test_delayed_mail_is_never_hard(status: str) -> None:
    """It is still being tried."""
    notice = read_notice(report(action="delayed", status=status))
    assert notice is not None
    assert notice.is_delayed
    assert notice.kind is NoticeClass.SOFT


def test_delivered_counts_for_nothing() -> None:
    """A report of success (NOTIFY=SUCCESS was never asked for) is no failure."""
    notice = read_notice(report(action="delivered", status="2.0.0", diagnostic="250 ok"))
    assert notice is not None
    assert notice.kind is NoticeClass.NONE


@pytest.mark.parametrize(
    ("text", "kind", "cause"),
    [
        ("<reader@example.kr>:\n550 5.1.1 user unknown", NoticeClass.HARD, Cause.GONE),
        ("메일을 전송할 수 없습니다.\nreader@example.kr\n존재하지 않는 사용자입니다.", NoticeClass.HARD, Cause.GONE),
        (
            "메일이 전송되지 못했습니다.\nreader@example.kr\n수신자의 메일함 용량이 초과되었습니다.",
            NoticeClass.SOFT,
            Cause.FULL,
        ),
        ("메일이 전달되지 못했습니다.\nreader@example.kr\n스팸으로 차단되었습니다.", NoticeClass.SOFT, Cause.POLICY),
        ("<reader@example.kr>:\nSorry, I couldn't find any host by that name.", NoticeClass.HARD, Cause.NO_DOMAIN),
        ("<reader@example.kr>:\n450 4.2.0 Greylisted, please try again later", NoticeClass.SOFT, Cause.LATER),
    ],
)
def test_free_text_is_read(text: str, kind: NoticeClass, cause: Cause) -> None:
    """qmail, Exim and the Korean portals write to people, not to programs."""
    notice = read_notice(plain(text))
    assert notice is not None
    assert (notice.kind, notice.cause) == (kind, cause)
    assert notice.recipients == ("reader@example.kr",)


def test_naver_works_is_read_from_its_subject() -> None:
    """It comes from a no_reply address, and its address stands in the subject."""
    notice = read_notice(
        plain(
            "보내신 메일이 전송되지 못했습니다.\n받는 사람의 메일 주소를 찾을 수 없습니다.",
            subject="[발송실패 안내] 'reader@example.kr'로 메일이 전송되지 못했습니다.",
            sender="no_reply@worksmobile.example",
        )
    )
    assert notice is not None
    assert (notice.kind, notice.recipients) == (NoticeClass.HARD, ("reader@example.kr",))


def test_what_was_said_in_words_alone_is_marked() -> None:
    """Only a code that a server told stops a reader at once."""
    notice = read_notice(plain("<reader@example.kr>:\nno such user"))
    assert notice is not None
    assert (notice.status, notice.is_status_told) == ("5.1.1", False)


@pytest.mark.parametrize(
    ("sender", "subject", "text"),
    [
        (
            "kim@example.kr",
            "Re: 오늘의 기사",
            "이 기사에서 user unknown 이라는 말은 무엇인가요? spam 으로 차단되었습니다.",
        ),
        ("kim@example.kr", "부재중 자동응답", "휴가 중입니다. 메일이 전달되지 못했습니다."),
        (
            "list@example.org",
            "[list] Your message could not be delivered?",
            "Has anybody seen 550 user unknown lately?",
        ),
        ("MAILER-DAEMON@mx.example", "Out of office", "I am out of the office until Monday."),
    ],
)
def test_what_people_and_their_programs_write_is_no_notice(sender: str, subject: str, text: str) -> None:
    """Words alone make no notice: nobody is stopped for what somebody wrote about mail."""
    assert read_notice(plain(text, subject=subject, sender=sender)) is None


def test_returned_mail_is_not_read_for_causes() -> None:
    """The edition that came back may tell of spam, full mailboxes and unknown users."""
    notice = read_notice(
        plain(
            "<reader@example.kr>:\n552 mailbox full\n\n--- Original message ---\nSubject: user unknown\n\nno such user"
        )
    )
    assert notice is not None
    assert notice.cause is Cause.FULL


@pytest.mark.parametrize("feedback_type", ["abuse", "fraud", "opt-out"])
def test_complaint_is_known_by_the_token_of_the_mail_that_came_back(feedback_type: str) -> None:
    """Providers black the address out; the return path and Message-ID stay."""
    notice = read_notice(complaint(feedback_type))
    assert notice is not None
    assert notice.kind is NoticeClass.COMPLAINT
    assert notice.tokens[0].token == TOKEN


@pytest.mark.parametrize("feedback_type", ["auth-failure", "not-spam"])
def test_reports_on_authentication_are_no_complaints(feedback_type: str) -> None:
    """Nobody is unsubscribed because a DKIM signature broke, or because they said "not spam"."""
    notice = read_notice(complaint(feedback_type))
    assert notice is not None
    assert notice.kind is NoticeClass.NONE


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 900), st.binary(max_size=40))
def test_no_bytes_crash_the_reading(noise: bytes, at: int, more: bytes) -> None:
    """Anyone can send anything here."""
    whole = report()
    read_notice(noise)
    read_notice(whole[:at] + more + whole[at:])
    read_notice(b"Content-Type: " + noise + b"\n\n" + whole)


def test_nested_parts_do_not_exhaust_the_stack() -> None:
    """The standard library's parser recurses once per multipart."""
    content = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n) for n in range(3000))
    assert read_notice(content) is None


def test_real_notices_are_read(samples: Path) -> None:
    """At least 97 of 100 classes right, and nobody stopped who is alive."""
    folder = samples / "bounces"
    mails = json.loads((folder / "MANIFEST.json").read_text())["mails"]
    wrong, wrongly_hard = [], []
    for mail in mails:
        notice = read_notice((folder / mail["file"]).read_bytes())
        kind = notice.kind.value if notice else "none"
        wanted = {mail["class"], *(mail["class_also_ok"] or ())}
        if kind not in wanted:
            wrong.append(mail["file"])
            if kind == "hard":
                wrongly_hard.append(mail["file"])
    assert wrongly_hard == []
    assert len(wrong) <= 0.03 * len(mails), wrong

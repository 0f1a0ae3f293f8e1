"""Who wrote a mail: machines are never answered, people are recognised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.inbound import mailtext
from digest.inbound.classify import Nature, Ours, judge

OURS = Ours(lambda address: address == "news@gaon.test", frozenset({"gaon.test"}), "news@gaon.test")
_PERSON = "From: reader@example.com\r\nSubject: {subject}\r\n{fields}\r\n{text}"


def _judge(
    subject: str = "안녕하세요", fields: str = "", text: str = "기사 잘 읽었습니다.", envelope: str | None = None
) -> Nature:
    raw = _PERSON.format(subject=subject, fields=fields, text=text).encode()
    return judge(mailtext.read(raw), envelope_from=envelope, ours=OURS).nature


def _from(sender: str) -> Nature:
    mail = mailtext.read(f"From: {sender}\r\nSubject: hello\r\n\r\nhello".encode())
    return judge(mail, envelope_from=None, ours=OURS).nature


@pytest.mark.parametrize(
    "field",
    ["Auto-Submitted: auto-replied", "Auto-Submitted: auto-generated (failure)", "List-Id: <a.b>",
     "List-Unsubscribe: <x>", "Precedence: bulk", "Precedence: auto_reply", "X-Autoreply: yes", "X-Autorespond: x",
     "Return-Path: <>", "Return-Path: <bounce-7@example.com>", "X-Failed-Recipients: a@b.kr",
     "Content-Type: multipart/report; boundary=x"],
)  # fmt: skip
def test_what_machines_say_of_themselves_is_believed(field: str) -> None:
    """RFC 3834: none of these is ever answered."""
    assert _judge(fields=field + "\r\n") is Nature.AUTOMATIC


@pytest.mark.parametrize(
    "field", ["X-Auto-Response-Suppress: All", "Auto-Submitted: no", "Precedence: normal", "X-Loop: other@example.net"]
)
def test_what_is_no_sign_of_a_machine(field: str) -> None:
    """Outlook writes X-Auto-Response-Suppress into the mails of people."""
    assert _judge(fields=field + "\r\n") is Nature.PERSON


def test_the_null_sender_of_the_envelope_is_a_machine() -> None:
    """Whatever its words: nobody could be answered."""
    assert _judge(envelope="") is Nature.AUTOMATIC


@pytest.mark.parametrize(
    "sender",
    ["MAILER-DAEMON@example.com", "postmaster@example.com", "no-reply@example.com", "noreply@example.com",
     "no_reply@worksmobile.example", "comments-noreply@example.com", "bounce+x@example.com", "mailman@example.com",
     "listserv@example.com", "majordomo@example.com", "news-request@example.com"],
)  # fmt: skip
def test_names_that_machines_send_under(sender: str) -> None:
    """Answers to these go nowhere, or round and round."""
    assert _from(sender) is Nature.AUTOMATIC


@pytest.mark.parametrize("sender", ["noreen@example.com", "bouncer.kim@example.com", "auto.park@example.com"])
def test_names_of_people_that_resemble_them(sender: str) -> None:
    """Noreen is nobody's robot."""
    assert _from(sender) is Nature.PERSON


def test_mails_of_our_own_are_not_answered() -> None:
    """By address, by domain, and by the X-Loop of our answers."""
    assert _from("news@gaon.test") is Nature.OWN
    assert _from("desk@gaon.test") is Nature.OWN
    assert _judge(fields="X-Loop: news@gaon.test\r\n") is Nature.OWN


def test_nobody_is_a_mail_without_a_sender() -> None:
    """There is nobody to answer."""
    assert _from("undisclosed") is Nature.NOBODY


@pytest.mark.parametrize(
    "subject",
    ["부재중입니다", "[자동응답] 메일 잘 받았습니다", "자동 회신: 확인해 주세요", "휴가 중입니다",
     "Re: 부재중 자동응답",
     "Out of Office: 확인해 주세요", "Automatic reply: [가온일보] 확인해 주세요", "Auto: away", "OOO Re: news",
     "[발송실패 안내] 'a@b.kr'로 메일이 전송되지 못했습니다.", "Undeliverable: news", "읽음: 아침 소식",
     "AUTO: Kim is out of the office",
     "Abwesenheitsnotiz: x", "[Confirm your message] (Action Required)"],
)  # fmt: skip
def test_subjects_of_machines(subject: str) -> None:
    """Korean webmail's absence notices carry no field that says what they are."""
    assert _judge(subject=subject) is Nature.AUTOMATIC


@pytest.mark.parametrize(
    "text",
    ["본 메일은 자동으로 발송된 메일입니다.", "안녕하세요. 현재 부재중입니다.\n복귀 후 회신드리겠습니다.",
     "12월 1일까지 휴가 중이오니 급한 용무는 담당자에게 연락 바랍니다.",
     "I am on vacation until Monday and will reply when I am back.",
     "This is an automatic reply. I am out of the office.", "저는 퇴사하였습니다. 업무 문의는 김과장에게 해주세요."],
)  # fmt: skip
def test_absence_notices_are_known_by_their_words(text: str) -> None:
    """These quote our token in their subject and must never confirm."""
    assert _judge(subject="Re: [확인]", fields="In-Reply-To: <a@gaon.test>\r\n", text=text) is Nature.AUTOMATIC


@pytest.mark.parametrize(
    "text",
    ["휴가지에서 기사 잘 읽었습니다.", "구독 해지", "휴가 7일", "기자님, 제보할 것이 있습니다. 연락 부탁드립니다.",
     "네", "자동차 기사 잘 봤습니다.", "오늘 신문이 배달되지 않았습니다.",
     "My newspaper was not delivered today.", "The article about the new office was great, thank you.",
     "퇴근길에 잘 읽고 있습니다. 회신 부탁드려요."],
)  # fmt: skip
def test_people_who_write_of_holidays_and_offices_are_people(text: str) -> None:
    """At least 98 of 100 people must be recognised."""
    assert _judge(subject="Re: 아침 소식", fields="In-Reply-To: <a@gaon.test>\r\n", text=text) is Nature.PERSON


@pytest.mark.parametrize(
    "subject", ["Fwd: Undeliverable: news", "전달: 부재중 자동응답", "Challenge accepted", "Spam filter"]
)
def test_people_forward_what_machines_wrote_to_them(subject: str) -> None:
    """And write about such things."""
    assert _judge(subject=subject) is Nature.PERSON


def test_a_quoted_notice_does_not_make_a_machine_of_its_reader() -> None:
    """Our own mails say that they are automatic; people answer below or above them."""
    text = "잘 읽었습니다.\r\n\r\n> 이 메일은 자동으로 발송된 메일입니다.\r\n"

    assert _judge(fields="In-Reply-To: <a@gaon.test>\r\n", text=text) is Nature.PERSON


def test_a_large_mail_of_a_person_is_not_answered() -> None:
    """A photograph for the newsroom is a person's; it holds no commands."""
    raw = b"From: reader@example.com\r\n\r\n" + b"x" * mailtext.READ_OCTETS
    judged = judge(mailtext.read(raw), envelope_from=None, ours=OURS)

    assert judged.is_person
    assert not judged.may_be_answered


@given(st.text(max_size=300), st.text(max_size=60))
def test_any_words_are_judged(text: str, subject: str) -> None:
    """No text makes a pattern fail."""
    _judge(subject=" ".join(subject.split()), text=text)

"""Mails read as they come: charsets, broken structure, HTML alone, and what programs put around the words."""

import base64
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.inbound import headers, hypertext, mailtext
from digest.inbound.quoting import own_lines
from tests.inbound import corpus

CORPUS = list(corpus.mails())


def test_the_corpus_has_120_mails() -> None:
    """The table must not shrink unseen."""
    assert len(CORPUS) == 120


@pytest.mark.parametrize("written", CORPUS, ids=lambda written: written.name)
def test_only_what_was_typed_is_read(written: corpus.Written) -> None:
    """Whatever program and charset: the reader's own words, the subject and the sender, and nothing of the quote."""
    mail = mailtext.read(written.raw)

    assert own_lines(mail.text) == [written.typed]
    assert mail.subject == unicodedata.normalize("NFC", written.subject)
    assert mail.sender == headers.Mailbox(corpus.READER, "홍길동")


@pytest.mark.parametrize("label", ["euc-kr", "EUC-KR", "ks_c_5601-1987", "ksc5601", "ks_x_1001", '"euc-kr"'])
def test_korean_labels_mean_cp949(label: str) -> None:
    """똠방각하 is in no strict EUC-KR, and written under its name every day."""
    body = "똠방각하 뷁".encode("cp949")

    mail = mailtext.read(b"Content-Type: text/plain; charset=" + label.encode() + b"\r\n\r\n" + body)

    assert mail.text == "똠방각하 뷁"


@pytest.mark.parametrize("codec", ["utf-8", "cp949"])
@pytest.mark.parametrize("label", ["", "us-ascii", "unknown-8bit"])
def test_bytes_without_a_label_are_utf8_or_cp949(codec: str, label: str) -> None:
    """Old mailers send eight bits and do not say of what."""
    head = f"Content-Type: text/plain; charset={label}\r\n".encode() if label else b""

    assert mailtext.read(head + b"\r\n" + "구독을 해지합니다".encode(codec)).text == "구독을 해지합니다"


def test_a_syllable_cut_between_encoded_words_is_whole() -> None:
    """Mailers cut after so many octets, also within a syllable."""
    octets = "구독 해지".encode()
    cut = [base64.b64encode(part).decode() for part in (octets[:4], octets[4:])]

    assert headers.words(f"=?utf-8?B?{cut[0]}?=\r\n =?UTF-8?B?{cut[1]}?=".encode()) == "구독 해지"


def test_a_short_word_is_read_by_its_label() -> None:
    """청 in EUC-KR is û in UTF-8: the label decides, not what would fit."""
    assert headers.words(b"=?euc-kr?B?" + base64.b64encode("청".encode("cp949")) + b"?=") == "청"


def test_a_display_name_is_never_taken_for_the_address() -> None:
    """Who writes an address into a name must not be taken for its owner."""
    field = b'"victim@example.com" <real@example.net>'

    assert [box.address for box in headers.mailboxes(field)] == ["real@example.net"]


@pytest.mark.parametrize("raw", [b"From: a@b.kr\r\nFrom: c@d.kr\r\n\r\n", b"From: a@b.kr, c@d.kr\r\n\r\n", b"\r\n"])
def test_several_senders_are_nobody_certain(raw: bytes) -> None:
    """A server that checked one of two From says nothing about the other."""
    assert not mailtext.read(raw).has_one_sender


def test_an_enclosed_mail_is_not_the_senders_words() -> None:
    """A forwarded 해지 is somebody else's."""
    raw = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n"
        + b"Subject: a\r\n\r\n" + "해지".encode() + b"\r\n--x--\r\n"
    )  # fmt: skip

    assert mailtext.read(raw).text == ""


def test_nesting_beyond_measure_is_not_followed() -> None:
    """A mail of a thousand parts within parts costs no seconds, and its headers are read."""
    deep = b"Subject: hello\r\n" + b"".join(
        f"Content-Type: multipart/mixed; boundary=b{number}\r\n\r\n--b{number}\r\n".encode() for number in range(1000)
    )

    assert mailtext.read(deep).subject == "hello"


def test_html_keeps_lines_and_leaves_out_what_is_not_shown() -> None:
    """A command is a line of its own in HTML, too."""
    html = "<style>p{}</style><div>구독&nbsp;해지</div><p style='display:none'>구독</p>안녕<br>하세요"

    assert hypertext.as_text(html).split("\n") == ["구독 해지", "안녕", "하세요"]


def test_ids_of_what_is_answered_come_newest_first() -> None:
    """In-Reply-To names the mail that was answered; References those before it."""
    mail = mailtext.read(b"References: <a@x> <b@x>\r\nIn-Reply-To: <c@x>\r\n\r\n")

    assert mail.answers == ("c@x", "b@x", "a@x")


@given(st.binary(max_size=2000))
def test_noise_is_read_without_a_fault(raw: bytes) -> None:
    """Whatever bytes come, a reading comes out."""
    mail = mailtext.read(raw)
    own_lines(mail.text)
    assert isinstance(mail.subject, str)


_PIECES = st.sampled_from(
    [b"Content-Type: multipart/mixed; boundary=x\r\n", b"Content-Type: text/plain; charset=", b"\r\n\r\n", b"--x\r\n",
     b"--x--", b"Subject: =?euc-kr?B?", b"?=", b"\xb1\xb8", b"Content-Transfer-Encoding: base64\r\n", b"charset*0=",
     b"Content-Type: message/rfc822\r\n", b"From: <", b">", b"@", b"\x00", b"\r", b"\n", b"Content-Disposition: ;;\r\n",
     b"; charset*=utf-8''%ff\r\n", b"Content-Type: text/html\r\n", b"<blockquote", b"<p>", b"On Sat, x wrote:\n"]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=40))
def test_broken_structure_is_read_without_a_fault(pieces: list[bytes]) -> None:
    """Half of a MIME structure, in any order, is still a mail."""
    mail = mailtext.read(b"".join(pieces))
    own_lines(mail.text)
    assert mail.sender is None or "@" in mail.sender.address

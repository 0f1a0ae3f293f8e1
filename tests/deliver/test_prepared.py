"""Mails that are prepared once and filled in per delivery, against the slow way: join, then let the library encode."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digest.deliver import wire
from digest.deliver.runs import Base64, Plain
from digest.errors import UnsendableMailError
from digest.models.deliveries import Mail
from digest.splice import DATE, MESSAGE_ID, RECIPIENT, SLOT_NAMES, UNSUBSCRIBE_URL, Spliced, marker
from tests.support.ledger import DIGEST, make_headers

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=60)
_PIECE = _TEXT | st.sampled_from(
    [
        ".",
        "..",
        ".점",
        "\r\n",
        "\r\n.\r\n",
        "\r\n.",
        "--",
        "From me",
        "한" * 19,
        "x" * 57,
        *map(marker, sorted(SLOT_NAMES)),
    ]
)
_STORED = st.lists(_PIECE, max_size=30).map(lambda pieces: "".join(pieces).encode())
_VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=120) | st.sampled_from(
    [".", "..", ".com", "https://news.gaon.example/u/" + "b" * 37]
)
_VALUES = st.fixed_dictionaries({name: _VALUE.map(str.encode) for name in sorted(SLOT_NAMES)})
_IN_HEADERS = {
    RECIPIENT: b"reader@b.example",
    MESSAGE_ID: b"<token@gaon.example>",
    DATE: b"Mon, 23 Nov 2026 07:00:00 +0900",
}


def _received(content: bytes) -> bytes:
    """Return what a server keeps of what was written after DATA (RFC 5321 §4.5.2)."""
    lines = content.split(b"\r\n")
    assert lines.index(b".") == len(lines) - 2  # the one lone dot is the end
    assert lines[-1] == b""
    return b"\r\n".join([line.removeprefix(b".") for line in lines[:-2]] + [b""])


def _part(message: EmailMessage, subtype: str) -> bytes:
    part = next(part for part in message.walk() if part.get_content_subtype() == subtype)
    assert not part.defects
    return cast(bytes, part.get_payload(decode=True))


def _filled(stored: bytes, values: Mapping[str, bytes]) -> bytes:
    joined = Spliced.parse(stored).fill(values)
    return joined if joined.endswith(b"\r\n") else joined + b"\r\n"


@pytest.mark.parametrize("eight_bit", [True, False])
@given(text=_STORED, html=_STORED, links=st.lists(_VALUE, min_size=1, max_size=4))
@example(text=b".", html=b".\0unsubscribe_url\0.\r\n\0unsubscribe_url\0", links=[".", "..x"])
@example(text=b"\r\n\0unsubscribe_url\0\r\n.\r\n", html=b"\0unsubscribe_url\0\0recipient\0", links=["x", ".y"])
def test_every_delivery_decodes_to_what_joining_gives(
    eight_bit: bool, text: bytes, html: bytes, links: list[str]
) -> None:
    """One message, several readers whose values differ in length: dots, slots and scripts in any order."""
    mail = Mail("x", make_headers(leave=False), text, b"<p>\r\n" + html)
    try:
        prepared = wire.prepare(mail, eight_bit=eight_bit)
    except UnsendableMailError as error:
        assert "998" in str(error)  # noqa: PT017 - whether it is raised depends on what was drawn
        return
    for link in links:
        values = {**dict.fromkeys(SLOT_NAMES, b"https://gaon.example/x"), **_IN_HEADERS, UNSUBSCRIBE_URL: link.encode()}

        content = prepared.content(values)

        message = cast(EmailMessage, message_from_bytes(_received(content), policy=policy.SMTP))
        assert not message.defects
        assert message["To"] == "reader@b.example"
        assert message["Message-ID"] == "<token@gaon.example>"
        assert _part(message, "plain") == _filled(mail.text, values)
        assert _part(message, "html") == _filled(mail.html, values)


@given(stored=_STORED, readers=st.lists(_VALUES, min_size=1, max_size=4))
def test_runs_are_what_encoding_the_whole_would_be(stored: bytes, readers: list[dict[str, bytes]]) -> None:
    """Byte for byte, also for values that touch, and for lengths not met before."""
    part = Base64(stored)
    for values in readers:
        pieces: list[bytes] = []
        part.add_to(pieces, values)
        whole = base64.encodebytes(Spliced.parse(stored).fill(values)).replace(b"\n", b"\r\n")
        assert b"".join(pieces) == whole


@given(stored=_STORED, values=_VALUES)
def test_dots_are_stuffed_wherever_a_line_begins(stored: bytes, values: dict[str, bytes]) -> None:
    """A dot that a value brings to the beginning of a line would end the mail, or be eaten."""
    pieces: list[bytes] = []
    Plain(stored).add_to(pieces, values)
    lines = Spliced.parse(stored).fill(values).split(b"\r\n")
    assert b"".join(pieces) == b"\r\n".join([b"." + line if line.startswith(b".") else line for line in lines])


def test_only_the_lines_around_a_value_differ_between_readers() -> None:
    """What makes base64 cheap: 29 kB are encoded once, some hundred octets per delivery."""
    text = ("가온시의회가 예산안을 의결했다.\r\n" * 400 + marker(UNSUBSCRIBE_URL) + "\r\n끝\r\n" * 300).encode()
    prepared = wire.prepare(replace(DIGEST, text=text), eight_bit=False)
    one, two = (
        prepared.content({**_IN_HEADERS, UNSUBSCRIBE_URL: b"https://news.gaon.example/u/" + end * 37}).split(b"\r\n")
        for end in (b"a", b"b")
    )
    assert len(one) == len(two) > 300
    assert sum(mine != yours for mine, yours in zip(one, two, strict=True)) <= 8


@pytest.mark.parametrize("length", [254, 999])
def test_a_value_that_makes_a_line_too_long_is_noticed_for_this_reader(length: int) -> None:
    """The check is remembered per lengths, so a longer address is looked at anew."""
    prepared = wire.prepare(DIGEST, eight_bit=True)
    values = {**_IN_HEADERS, UNSUBSCRIBE_URL: b"https://news.gaon.example/u/a"}
    prepared.content(values)
    values[RECIPIENT] = b"r" * length
    if length < 900:
        assert prepared.content(values)
    else:
        with pytest.raises(UnsendableMailError, match="998"):
            prepared.content(values)


@pytest.mark.parametrize(
    ("line", "is_sent"), [(b"." + b"x" * 997, True), (b"." + b"x" * 998, False), (b"x" * 998, True)]
)
def test_a_stuffed_dot_does_not_count_for_the_length_of_a_line(line: bytes, is_sent: bool) -> None:
    """RFC 5321 §4.5.3.1.6."""
    mail = replace(DIGEST, text=line + b"\r\n")
    if is_sent:
        assert wire.prepare(mail, eight_bit=True)
    else:
        with pytest.raises(UnsendableMailError):
            wire.prepare(mail, eight_bit=True)


@pytest.mark.parametrize("eight_bit", [True, False])
def test_a_mail_that_can_never_be_sent_is_refused_while_it_is_prepared(eight_bit: bool) -> None:
    """Before the first reader's delivery is touched, and whatever the relay offers."""
    with pytest.raises(UnsendableMailError, match="line end"):
        wire.prepare(replace(DIGEST, html=b"<p>\n</p>"), eight_bit=eight_bit)
    with pytest.raises(UnsendableMailError, match="exactly one"):
        wire.prepare(replace(DIGEST, headers=b"Subject: x\r\n"), eight_bit=eight_bit)

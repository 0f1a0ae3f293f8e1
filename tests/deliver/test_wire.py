"""The bytes that go over the wire, read back by the standard library's parser."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.addresses import parse
from digest.config import Settings
from digest.deliver import wire
from digest.deliver.dkim import is_canonical
from digest.errors import UnsendableMailError
from digest.models.deliveries import Delivery, Lane, Mail
from digest.splice import LEAVE_MAILTO, RECIPIENT, UNSUBSCRIBE_URL, Spliced, marker
from digest.subaddress import Detail
from digest.tokens import TokenPurpose
from tests.support.ledger import ALERT, DIGEST, make_headers
from tests.support.settings import make_settings

NOW = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
DELIVERY = Delivery(7, 1, 1, 3, parse("reader@b.example"), Lane.BULK, 0, NOW, None)
VALUES = {
    "recipient": b"reader@b.example",
    "message_id": b"<token@gaon.example>",
    "date": b"Mon, 23 Nov 2026 07:00:00 +0900",
    "unsubscribe_url": b"https://news.gaon.example/u/token",
    "preferences_url": b"https://news.gaon.example/preferences/token",
}

# What an article may hold, in lines that a composer has wrapped to 998 octets.
_LINES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=240)
    | st.sampled_from([".", "..", ".점", "--", "--=_", "From me", "=", "x" * 998, "한" * 332])
)
_TEXTS = _LINES.map(lambda lines: "".join(f"{line}\r\n" for line in lines))


def _parsed(content: bytes) -> EmailMessage:
    message = cast(EmailMessage, message_from_bytes(content, policy=policy.SMTP))
    defects = [*message.defects, *(defect for part in message.walk() for defect in part.defects)]
    assert defects == []
    return message


def _body(message: EmailMessage, subtype: str) -> bytes:
    part = next(part for part in message.walk() if part.get_content_subtype() == subtype)
    return cast(bytes, part.get_payload(decode=True))


@pytest.mark.parametrize("eight_bit", [True, False])
@given(text=_TEXTS, html=_TEXTS)
def test_what_was_composed_is_what_arrives(eight_bit: bool, text: str, html: str) -> None:
    """Lone dots, lines that look like boundaries, any script: both parts come out as they were put in."""
    mail = replace(DIGEST, text=text.encode(), html=b"<p>\r\n" + html.encode())

    content = wire.assemble(mail, VALUES, eight_bit=eight_bit)

    message = _parsed(content)
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    if text:
        assert _body(message, "plain").removesuffix(b"\r\n") == text.encode().removesuffix(b"\r\n")
    assert _body(message, "html").removesuffix(b"\r\n") == mail.html.removesuffix(b"\r\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", content)
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    assert eight_bit or content.isascii()


@pytest.mark.parametrize("eight_bit", [True, False])
def test_a_text_mail_is_text_plain_alone(eight_bit: bool) -> None:
    """A reader who chose text gets no multipart around it."""
    message = _parsed(wire.assemble(ALERT, VALUES, eight_bit=eight_bit))
    assert message.get_content_type() == "text/plain"
    assert message.get_content_charset() == "utf-8"
    assert message.get_payload(decode=True) == ALERT.text


def test_headers_stand_once_and_hold_this_recipients_values() -> None:
    """Rules D2, D4, D12: one of each, and the link of the reader it goes to."""
    message = _parsed(wire.assemble(DIGEST, VALUES, eight_bit=True))
    for name in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version"):
        assert len(message.get_all(name, [])) == 1
    assert message["To"] == "reader@b.example"
    assert message["From"].addresses[0].display_name == "가온일보"
    assert message["List-Unsubscribe"] == "<https://news.gaon.example/u/token>"
    assert b"https://news.gaon.example/u/token" in _body(message, "plain")


def test_base64_lines_have_76_characters() -> None:
    """RFC 2045 §6.8; some old servers cut longer ones."""
    content = wire.assemble(DIGEST, VALUES, eight_bit=False)
    body = content.partition(b"\r\n\r\n")[2]
    assert max(len(line) for line in body.split(b"\r\n")) == 76


def test_a_base64_mail_may_be_signed_as_it_stands() -> None:
    """No value changes the form in which its body is hashed; in 8bit an article may hold blanks and dots."""
    assert wire.prepare(DIGEST, eight_bit=False).may_be_signed
    assert wire.prepare(ALERT, eight_bit=False).may_be_signed
    assert not wire.prepare(DIGEST, eight_bit=True).may_be_signed
    assert is_canonical(wire.prepare(DIGEST, eight_bit=False).content(VALUES))


def test_the_boundary_is_the_same_for_the_same_mail_and_stands_in_no_part() -> None:
    """A part that quotes another mail with our boundary must not end early."""
    first = wire.assemble(DIGEST, VALUES, eight_bit=True)
    boundary = re.search(rb'boundary="([^"]+)"', first)
    assert boundary is not None
    assert wire.assemble(DIGEST, VALUES, eight_bit=True) == first

    quoting = replace(DIGEST, text=b"--" + boundary.group(1) + b"--\r\nstill the text\r\n")
    again = _parsed(wire.assemble(quoting, VALUES, eight_bit=True))
    assert b"still the text" in _body(again, "plain")


@pytest.mark.parametrize(
    "mail",
    [
        replace(DIGEST, text=b"bare\nline feed\r\n"),
        replace(DIGEST, text=b"bare\rcarriage return\r\n"),
        replace(DIGEST, html=b"x" * 999 + b"\r\n"),
        replace(DIGEST, text=b"\0recipient\0 and a lone \0\r\n"),
        replace(DIGEST, text=b"\0password\0\r\n"),
        replace(DIGEST, headers=DIGEST.headers + b"From: <again@gaon.example>\r\n"),
        replace(DIGEST, headers=DIGEST.headers.replace(b"Subject:", b"X-Subject:")),
        replace(DIGEST, headers=DIGEST.headers + b"Content-Type: text/html\r\n"),
        replace(DIGEST, headers=DIGEST.headers + b"\r\nthe body begins early\r\n"),
        replace(DIGEST, headers=DIGEST.headers + "X-Title: 가온\r\n".encode()),
        replace(DIGEST, headers=DIGEST.headers + b"no field at all\r\n"),
    ],
    ids=["LF", "CR", "long", "NUL", "slot", "two-from", "no-subject", "ours", "blank", "8bit-header", "no-field"],
)
def test_a_mail_that_breaks_the_rules_is_not_sent(mail: Mail) -> None:
    """Every server would refuse it, once per reader; or worse, read something else from it."""
    with pytest.raises(UnsendableMailError):
        wire.assemble(mail, VALUES, eight_bit=True)


@given(value=st.text().filter(lambda text: not text.isascii() or not text.isprintable()))
def test_no_value_opens_a_header_line(value: str) -> None:
    """A hostile name or address must not become a Bcc."""
    with pytest.raises(UnsendableMailError):
        wire.assemble(ALERT, {**VALUES, RECIPIENT: value.encode("utf-8", "surrogatepass")}, eight_bit=True)


def test_a_mail_with_an_unsubscribe_link_is_not_sent_to_somebody_who_has_none(settings: Settings) -> None:
    """A link with a hole in it is worse than no mail."""
    values = wire.values_for(replace(DELIVERY, subscriber_id=None), settings, NOW)
    with pytest.raises(UnsendableMailError, match="unsubscribe_url"):
        wire.assemble(DIGEST, values, eight_bit=True)


def test_the_values_belong_to_the_delivery(settings: Settings) -> None:
    """Rules D3, D4: own domain, no address inside; the newspaper's zone; the link leads back to this reader."""
    values = wire.values_for(DELIVERY, settings, NOW)
    later = wire.values_for(DELIVERY, settings, NOW + timedelta(hours=1))

    assert re.fullmatch(rb"<[a-z2-7]{37}@gaon\.example>", values["message_id"])
    assert later["message_id"] == values["message_id"]
    assert values["date"] == b"Mon, 23 Nov 2026 07:00:00 +0900"
    assert parsedate_to_datetime(later["date"].decode()) == NOW + timedelta(hours=1)
    token = values[UNSUBSCRIBE_URL].decode().removeprefix("http://127.0.0.1:8000/u/")
    assert settings.keyring.read(TokenPurpose.LEAVE, token) == 3


def test_the_address_that_leaves_is_this_readers() -> None:
    """With a door for mail; the same token as the link's, in an address of at most 64 letters before the @."""
    settings = make_settings(inbound_address="news@gaon.example", inbound_port=2424)
    further = wire.values_for(DELIVERY, settings, NOW)[LEAVE_MAILTO].decode()
    address = further.removeprefix(", <mailto:").removesuffix("?subject=unsubscribe>")

    addressed = settings.own_addresses.read(address)

    assert addressed is not None
    assert addressed.detail is Detail.LEAVE
    assert settings.keyring.read(TokenPurpose.LEAVE, addressed.token) == 3


def test_a_mail_of_the_time_with_a_door_goes_out_without_one(settings: Settings) -> None:
    """The operator closes the door while an edition waits: its mails must not be held for an address they show."""
    headers = DIGEST.headers.replace(
        b">\r\nList-Unsubscribe-Post", f">{marker(LEAVE_MAILTO)}\r\nList-Unsubscribe-Post".encode()
    )
    assert headers != DIGEST.headers

    sent = wire.assemble(replace(DIGEST, headers=headers), wire.values_for(DELIVERY, settings, NOW), eight_bit=True)

    assert b"mailto:" not in sent


def test_message_ids_are_unique(settings: Settings) -> None:
    """Rule D3: a mailbox throws a second mail with a known Message-ID away."""
    found = {wire.values_for(replace(DELIVERY, id=number), settings, NOW)["message_id"] for number in range(2000)}
    assert len(found) == 2000


def test_headers_without_a_last_line_end_are_completed() -> None:
    """Both readings of "ends without the blank line" give the same mail."""
    bare = replace(ALERT, headers=make_headers(leave=False).removesuffix(b"\r\n"))
    assert wire.assemble(bare, VALUES, eight_bit=True) == wire.assemble(ALERT, VALUES, eight_bit=True)


def test_the_slots_of_the_test_mails_are_known() -> None:
    """The mails of these tests are spliced as real ones are."""
    stored = (DIGEST.headers, DIGEST.text, DIGEST.html)
    assert {name for part in stored for name in Spliced.parse(part).names} == set(VALUES) - {"preferences_url"}

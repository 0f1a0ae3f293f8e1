"""The header block, on its bytes: rules D1, D2, D5, D6, D8, D9, D12, D20, D21 of deliverability."""

import re
from email import policy
from email.header import decode_header
from email.parser import BytesParser
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import addresses, splice
from digest.compose import mime
from digest.splice import Spliced
from digest.subaddress import OwnAddresses
from tests.compose.making import VALUES

SENDER = addresses.parse("news@gaon.example")
DESK = addresses.parse("desk@gaon.example")
DIGEST = mime.Stream("digest", "가온일보 뉴스레터", SENDER, DESK, mime.MailingList("morning", "gaon.example"))
ALERT = mime.Stream("alert", "가온일보 뉴스레터", SENDER, DESK)

# Everything but what the headers refuse.
ANY_TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=150)


def _lines(block: bytes) -> list[bytes]:
    assert block.endswith(b"\r\n")
    return block[:-2].split(b"\r\n")


def _raw(block: bytes, name: str) -> str:
    """Return the value of one header as it stands, unfolded."""
    unfolded = block.decode("ascii").replace("\r\n ", " ")
    [value] = re.findall(rf"(?m)^{name}: ?(.*?)\r$", unfolded)
    return value


def _decoded(value: str) -> str:
    """Decode a raw header as RFC 2047 says."""
    return "".join(
        piece.decode(charset or "ascii") if isinstance(piece, bytes) else piece
        for piece, charset in decode_header(value)
    )


@given(ANY_TEXT)
def test_any_subject_comes_back_as_it_was(subject: str) -> None:
    """Titles are verbatim (신문법 제10조②), also with quotes, `%s`, `=?`, emoji or right-to-left letters."""
    block = mime.header_block(DIGEST, subject)
    assert _decoded(_raw(block, "Subject")) == subject.strip()


@given(ANY_TEXT)
def test_headers_are_short_ascii_lines_with_crlf(subject: str) -> None:
    """D1: folded at 78; D5: encoded words of at most 75, each of whole characters."""
    block = mime.header_block(DIGEST, subject)
    assert block.isascii()
    assert b"\n" not in block.replace(b"\r\n", b"")
    assert b"\r" not in block.replace(b"\r\n", b"")
    for line in _lines(block):
        assert len(line) <= 78
        assert line.strip(), "a fold without a word is a header's end to some parsers"
    for word in re.findall(rb"=\?utf-8\?b\?[^?]*\?=", block):
        assert len(word) <= 75
        [(octets, charset)] = decode_header(word.decode("ascii"))
        assert isinstance(octets, bytes)
        assert octets.decode(charset or "ascii")


@pytest.mark.parametrize("bad", ["a\r\nBcc: x@example.com", "a\nb", "a\rb", "a\0b", "a\x1b[2J", "a\x85b", "a\u2028b"])
def test_line_breaks_and_control_characters_are_refused(bad: str) -> None:
    """A header that foreign text could end would be a header that strangers write."""
    with pytest.raises(ValueError, match="control character"):
        mime.header_block(DIGEST, bad)
    with pytest.raises(ValueError, match="control character"):
        mime.header_block(mime.Stream("digest", bad, SENDER, DESK), "제목")


@pytest.mark.parametrize("stream", [DIGEST, ALERT])
def test_each_header_stands_once(stream: mime.Stream) -> None:
    """D2; MIME-Version and Content-* are the transport's to add."""
    names = [
        line.split(b":")[0].lower() for line in _lines(mime.header_block(stream, "제목 " * 30)) if line[:1] != b" "
    ]
    assert len(names) == len(set(names))
    assert {b"from", b"to", b"subject", b"date", b"message-id", b"reply-to"} <= set(names)
    assert not [name for name in names if name.startswith((b"content-", b"mime-"))]


def test_ids_and_links_are_never_encoded_nor_folded() -> None:
    """D6, D12: a folded or encoded List-Unsubscribe is one that no provider reads."""
    block = mime.header_block(DIGEST, "제목")
    for name in ("To", "Date", "Message-ID", "Reply-To", "List-Id", "List-Unsubscribe", "Feedback-ID"):
        [line] = [line for line in _lines(block) if line.startswith(name.encode() + b": ")]
        assert b"=?" not in line
    assert _raw(block, "List-Unsubscribe") == f"<{splice.marker('unsubscribe_url')}>"
    assert _raw(block, "List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"
    assert _raw(block, "List-Id") == "morning <morning.gaon.example>"


def test_only_what_differs_per_recipient_is_a_slot() -> None:
    """One message serves all its readers."""
    block = mime.header_block(DIGEST, "제목")
    assert sorted(Spliced.parse(block).names) == ["date", "message_id", "recipient", "unsubscribe_url"]


def test_with_a_door_readers_can_leave_by_mail_too() -> None:
    """D12, RFC 2369 and 8058: exactly one https, first; the mailto behind it; no blank within the brackets."""
    own = OwnAddresses(SENDER, None, "+")
    listed = mime.MailingList("morning", "gaon.example", "https://news.gaon.example/subscribe")
    stream = mime.Stream("digest", "가온일보", SENDER, DESK, listed, own=own)
    block = Spliced.parse(mime.header_block(stream, "제목")).fill(VALUES)
    fields = {name: _links(_raw(block, name)) for name in ("List-Unsubscribe", "List-Subscribe", "List-Help")}

    assert fields == {
        "List-Unsubscribe": [
            VALUES["unsubscribe_url"].decode(), f"mailto:news+leave+{'a' * 37}@gaon.example?subject=unsubscribe"
        ],
        "List-Subscribe": [
            "https://news.gaon.example/subscribe", "mailto:news+join@gaon.example?subject=subscribe"
        ],
        "List-Help": ["mailto:news+help@gaon.example?subject=help"],
    }  # fmt: skip


def _links(value: str) -> list[str]:
    """Read a field as RFC 2369 §3.1 writes it: links in angle brackets, a comma between two; nothing else."""
    link = r"<[!-;=?-~]+>"
    assert re.fullmatch(rf"{link}(, {link})*", value.strip())
    return [each.strip("<>") for each in value.strip().split(", ")]


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("가온일보 뉴스레터", "news@gaon.example"),
        ("Gaon Daily", "news@gaon.example"),
        ('Gaon, "Daily" \\ News <x@y.example>', "news@gaon.example"),
        ("가" * 60, "a-rather-long-local-part-of-an-address@a-rather-long-domain-name.example"),
        ("", "news@gaon.example"),
    ],
)
def test_from_is_one_mailbox_with_a_constant_name(name: str, address: str) -> None:
    """D2, D9: whatever the name holds, a second parser reads one mailbox and the name as it was set."""
    block = mime.header_block(mime.Stream("digest", name, addresses.parse(address), DESK), "제목")
    message = BytesParser(policy=policy.default).parsebytes(Spliced.parse(block).fill(VALUES) + b"\r\n")
    [mailbox] = message["From"].addresses
    assert mailbox.addr_spec == address
    # That parser puts blanks between the encoded words of a long name, against RFC 2047 §6.2; the older one does not.
    raw_name, _ = parseaddr(_raw(block, "From"))
    assert _decoded(raw_name) == name
    assert all(len(line) <= 78 for line in _lines(block))


@pytest.mark.parametrize(
    "domain", ["a.kr", "gaon.example", "news.a-very-long-newspaper-name.co.kr", "xn--ob0bz7ioqd.kr"]
)
def test_feedback_id_names_the_sender_in_5_to_15_letters(domain: str) -> None:
    """D20: three fields and a SenderId, nothing of it per message."""
    stream = mime.Stream("digest", "x", addresses.parse(f"news@{domain}"), DESK, mime.MailingList("morning", domain))
    values = {_raw(mime.header_block(stream, subject), "Feedback-ID") for subject in ("하나", "둘")}
    assert len(values) == 1
    assert re.fullmatch(r"morning:digest:bulk:[a-z0-9]{5,15}", values.pop())


def test_digest_says_that_it_is_automatic_bulk() -> None:
    """D21: so that vacation notices do not answer it."""
    block = mime.header_block(DIGEST, "제목")
    assert _raw(block, "Auto-Submitted") == "auto-generated"
    assert _raw(block, "Precedence") == "bulk"


def test_alert_has_no_list_to_leave() -> None:
    """D15: an unsubscribe header that does nothing is worse than none."""
    block = mime.header_block(ALERT, "Needs you")
    assert b"\r\nList-" not in block
    assert b"Precedence" not in block
    assert b"Feedback-ID" not in block
    assert _raw(block, "Auto-Submitted") == "auto-generated"

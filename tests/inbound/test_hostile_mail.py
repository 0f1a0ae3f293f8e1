"""Whatever bytes come in, what the doors read of them raises nothing, takes no time, and names nobody else."""

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from digest.config import Settings
from digest.database.raw_mails import print_of
from digest.inbound.doors.imap import envelope_of
from digest.subaddress import OwnAddresses

HEADERS = ("Delivered-To", "X-Original-To", "To", "Cc")
PIECES = st.sampled_from(
    [
        *(b"To: ", b"Delivered-To:", b"Return-Path: <", b"news@gaon.example", b"=?utf-8?b?//8=?=", b"=?x?q?=00?="),
        *(b"<", b">", b'"', b"\\", b"(", b")", b",", b";", b":", b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b"\xff"),
        *(b"\xed\xa0\x80", b"Message-ID: <1@x.example>", b"Message-ID:\r\n <", b"@" * 50, "해지".encode("cp949")),
    ]
)
CONTENTS = st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=40).map(b"".join))


class Knows:
    """An intake as far as the reading of an envelope needs it."""

    def __init__(self, own: OwnAddresses) -> None:
        self._own = own

    def knows(self, recipient: str) -> bool:
        return self._own.read(recipient) is not None


@pytest.fixture(scope="module")
def knows() -> Knows:
    from tests.support.settings import make_settings

    settings: Settings = make_settings(inbound_address="news@gaon.example", inbound_port=2424)
    return Knows(settings.own_addresses)


@effort(max_examples=300, deadline=None, derandomize=True)
@given(content=CONTENTS)
def test_an_envelope_is_read_from_any_bytes(knows: Knows, content: bytes) -> None:
    """One mail that the library falls over must not stop the mailbox; an address is ours or none."""
    recipient, _ = envelope_of(content, HEADERS, knows)  # type: ignore[arg-type]

    assert recipient is None or knows.knows(recipient)


@effort(max_examples=300, deadline=None, derandomize=True)
@given(content=CONTENTS)
def test_a_byte_more_makes_another_mail(content: bytes) -> None:
    """Also where there is no header, no body and no Message-ID: nobody's mail vanishes because another is like it."""
    assert print_of(content) != print_of(content + b"x")


def test_a_head_of_megabytes_takes_no_time_to_speak_of() -> None:
    """A pattern that looks at everything twice would keep the door busy for minutes."""
    for piece in (b"Message-ID:", b"Message-ID:\r\n ", b"\r\n ", b"<"):
        assert len(print_of(piece * 200_000)) == 64

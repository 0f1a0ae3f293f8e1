"""Addresses of our own with details: what is written is read again, and nothing else is ours."""

import pytest

from digest.addresses import parse
from digest.subaddress import Addressed, Detail, OwnAddresses, longest_local
from digest.tokens import TOKEN_LENGTH, Keyring, TokenPurpose

OWN = OwnAddresses(
    command=parse("News@gaon.example"),
    bounce=parse("bounce@bounce.gaon.example"),
    delimiter="+",
    plain=frozenset({parse("desk@gaon.example")}),
)
DASHED = OwnAddresses(OWN.command, OWN.bounce, "-", OWN.plain)
TOKEN = Keyring.of("a-secret-only-for-tests-0123456789abcdef").make(TokenPurpose.LEAVE, 7)


@pytest.mark.parametrize("own", [OWN, DASHED])
def test_each_address_is_read_as_it_was_written(own: OwnAddresses) -> None:
    """A mail to it must do what the mail that carried it has promised."""
    written = {
        own.leave(TOKEN): Addressed(Detail.LEAVE, TOKEN),
        own.confirm(TOKEN): Addressed(Detail.CONFIRM, TOKEN),
        own.never(TOKEN): Addressed(Detail.NEVER, TOKEN),
        own.returning(TOKEN): Addressed(Detail.BOUNCE, TOKEN),
        own.join(): Addressed(Detail.JOIN),
        own.help(): Addressed(Detail.HELP),
    }

    assert {address: own.read(address) for address in written} == written


def test_bounces_of_another_stream_come_to_its_own_domain() -> None:
    """Shares have return paths of their own; a mailbox of the same name there is not ours."""
    own = OwnAddresses(OWN.command, OWN.bounce, "+", OWN.plain, bounce_domains=frozenset({"share.gaon.example"}))
    assert own.read(f"bounce+{TOKEN}@share.gaon.example") == Addressed(Detail.BOUNCE, TOKEN)
    assert own.read("bounce@share.gaon.example") is None
    assert OWN.read(f"bounce+{TOKEN}@share.gaon.example") is None


def test_servers_that_fold_the_case_change_nothing() -> None:
    """Some write recipients in capitals, some in small letters."""
    assert OWN.read(OWN.leave(TOKEN).upper()) == Addressed(Detail.LEAVE, TOKEN)


@pytest.mark.parametrize(
    ("recipient", "says"),
    [
        ("news@gaon.example", Addressed(Detail.PLAIN)),
        ("desk@gaon.example", Addressed(Detail.PLAIN)),
        ("bounce@bounce.gaon.example", Addressed(Detail.BOUNCE)),
    ],
)
def test_addresses_without_details_are_ours(recipient: str, says: Addressed) -> None:
    """People answer to them, and some servers send notices there."""
    assert OWN.read(recipient) == says


@pytest.mark.parametrize(
    "recipient",
    ["newsroom@gaon.example", "news@gaon.example.evil.example", "news+rm@gaon.example", "news-leave@gaon.example",
     "desk+join@gaon.example", "bounce@gaon.example", "", "news", "@gaon.example", "\0", "뉴스@gaon.example"],
)  # fmt: skip
def test_every_other_address_is_not_ours(recipient: str) -> None:
    """A door that takes them would be an open relay into our database."""
    assert OWN.read(recipient) is None


def test_the_longest_address_fits_a_local_part() -> None:
    """64 octets and no more (RFC 5321): a server may refuse what is longer, and nobody could unsubscribe."""
    longest = "n" * longest_local(TOKEN_LENGTH)
    own = OwnAddresses(parse(f"{longest}@gaon.example"), None, "+")

    assert len(own.confirm(TOKEN).partition("@")[0]) == 64


def test_without_an_address_nothing_is_written() -> None:
    """A mail must not carry an address that nobody reads."""
    with pytest.raises(ValueError, match="no such address"):
        OwnAddresses(None, None, "+").leave(TOKEN)

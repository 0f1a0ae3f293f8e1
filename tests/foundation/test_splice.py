"""Bytes with slots."""

import pytest

from digest import splice
from digest.splice import Spliced


def test_filling_in_puts_each_value_where_its_marker_stood() -> None:
    """The whole mail of a reader is one join."""
    stored = f"To: {splice.marker(splice.RECIPIENT)}\r\n".encode()
    assert Spliced.parse(stored).fill({"recipient": b"a@example.com"}) == b"To: a@example.com\r\n"


def test_a_missing_value_is_an_error_not_a_hole() -> None:
    """A mail without its unsubscribe link must not go out."""
    with pytest.raises(KeyError):
        Spliced.parse(splice.marker(splice.UNSUBSCRIBE_URL).encode()).fill({})


@pytest.mark.parametrize("stored", [b"a\0b", b"a\0password\0b", b"\0recipient\0\0"])
def test_a_nul_of_foreign_text_opens_no_slot(stored: bytes) -> None:
    """An article's title may hold any byte its feed holds."""
    with pytest.raises(ValueError, match="NUL"):
        splice.checked(stored)


def test_a_slot_may_be_allowed_in_one_text_only() -> None:
    """A reader's address belongs into the To header and nowhere else."""
    with pytest.raises(ValueError, match="recipient"):
        splice.checked(splice.marker(splice.RECIPIENT).encode(), allowed={splice.UNSUBSCRIBE_URL})

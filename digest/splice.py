"""Bytes with slots: a text composed once, filled in per recipient by joining.

The stored form is the text itself with `NUL name NUL` where a value belongs. NUL can stand in no mail, no XML and no
database text, and `checked` refuses any that does not belong to a known slot, so foreign text cannot open one.
Parsing happens once per message; filling in is one `join`, microseconds for a digest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

RECIPIENT = "recipient"
MESSAGE_ID = "message_id"
DATE = "date"
UNSUBSCRIBE_URL = "unsubscribe_url"
PREFERENCES_URL = "preferences_url"
FRESH_URL = "fresh_url"
CONFIRM_URL = "confirm_url"
CONFIRM_ADDRESS = "confirm_address"
SHARE_URL = "share_url"
NEVER_URL = "never_url"
LEAVE_MAILTO = "leave_mailto"  # behind the link of List-Unsubscribe: a comma and the other way, or a blank
NEVER_MAILTO = "never_mailto"
RETURN_TOKEN = "return_token"  # noqa: S105 (the name of a value for the envelope; no slot: no template can show it)
SHARER = "sharer"
SLOT_NAMES = frozenset(
    {
        RECIPIENT,
        MESSAGE_ID,
        DATE,
        UNSUBSCRIBE_URL,
        CONFIRM_URL,
        CONFIRM_ADDRESS,
        PREFERENCES_URL,
        FRESH_URL,
        SHARE_URL,
        NEVER_URL,
        LEAVE_MAILTO,
        NEVER_MAILTO,
        SHARER,
    }
)


def marker(name: str) -> str:
    """Return the text that stands for slot `name` in a template's output."""
    return f"\0{name}\0"


@dataclass(frozen=True, slots=True)
class Spliced:
    """Alternating literals and slot names: literals[0], names[0], literals[1], … literals[-1]."""

    literals: tuple[bytes, ...]
    names: tuple[str, ...]

    @classmethod
    def parse(cls, stored: bytes) -> "Spliced":
        """Read the stored form. Raises `ValueError` for an odd NUL or an unknown slot: the text was not checked."""
        pieces = stored.split(b"\0")
        names = tuple(piece.decode("ascii", "replace") for piece in pieces[1::2])
        if len(pieces) % 2 == 0 or not SLOT_NAMES.issuperset(names):
            raise ValueError("the text holds a NUL that is not a known slot")
        return cls(tuple(pieces[0::2]), names)

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """Join the literals with `values`. A missing value raises `KeyError`: no mail goes out with a hole in it."""
        pieces = [self.literals[0]]
        for name, literal in zip(self.names, self.literals[1:], strict=True):
            pieces.append(values[name])
            pieces.append(literal)
        return b"".join(pieces)


def checked(stored: bytes, *, allowed: Iterable[str] = SLOT_NAMES) -> bytes:
    """Return `stored` if every NUL in it belongs to an allowed slot; raise `ValueError` otherwise."""
    unknown = set(Spliced.parse(stored).names) - set(allowed)
    if unknown:
        raise ValueError(f"the text holds slots that do not belong there: {', '.join(sorted(unknown))}")
    return stored

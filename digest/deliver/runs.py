"""Encode what is the same for every recipient once, and only the rest per delivery.

A prepared mail is a row of parts. `Plain` stands on the wire as it is (headers, boundaries, 8bit texts): its dots are
stuffed once (RFC 5321 §4.5.2), and filling it in puts the values between the literals. `Base64` stands encoded (RFC
2045 §6.8): 57 octets make a line of 76 characters, so a value changes only the lines it touches as long as its length
is the same, and our links all have one length. Everything else is encoded once per set of lengths; a set that was not
met before costs an encoding of the whole part.

Trusts that values hold no line ends and are not empty (`wire` checks them), and that each part begins a line.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from digest.splice import Spliced

_LINE_BEGINS_WITH_DOT = re.compile(rb"(?m)^\.")
_OCTETS_A_LINE = 57
_LAYOUTS_KEPT = 16


class Plain:
    """A piece of the mail that is sent as it is. `names` are its slots."""

    def __init__(self, stored: bytes) -> None:
        content = Spliced.parse(_LINE_BEGINS_WITH_DOT.sub(b"..", stored))
        self.names = content.names
        self._pieces: list[bytes] = [b""] * (2 * len(content.names) + 1)
        self._pieces[0::2] = content.literals
        # A value that begins a line may itself begin with a dot.
        self._begins_line = tuple(index for index in range(1, len(self._pieces), 2) if _ends_line(self._pieces[:index]))

    def add_to(self, pieces: list[bytes], values: Mapping[str, bytes]) -> None:
        """Append what goes over the wire for these values."""
        filled = self._pieces.copy()
        filled[1::2] = [values[name] for name in self.names]
        for index in self._begins_line:
            if filled[index].startswith(b"."):
                filled[index] = b"." + filled[index]
        pieces += filled


@dataclass(frozen=True, slots=True)
class _Value:
    """Where a value stands in the text before it is encoded."""

    name: str
    start: int
    end: int


class Base64:
    """A text that is sent as base64. `names` are its slots."""

    def __init__(self, stored: bytes) -> None:
        self._content = Spliced.parse(stored)
        self.names = self._content.names
        self._distinct = tuple(dict.fromkeys(self.names))
        self._layouts: dict[tuple[int, ...], tuple[bytes | Spliced, ...]] = {}

    def add_to(self, pieces: list[bytes], values: Mapping[str, bytes]) -> None:
        """Append what goes over the wire for these values."""
        lengths = tuple([len(values[name]) for name in self._distinct])
        layout = self._layouts.get(lengths)
        if layout is None:
            layout = _lay_out(self._content, dict(zip(self._distinct, lengths, strict=True)))
            if len(self._layouts) < _LAYOUTS_KEPT:
                self._layouts[lengths] = layout
        for run in layout:
            pieces.append(run if isinstance(run, bytes) else _encoded(run.fill(values)))


def _ends_line(pieces: Sequence[bytes]) -> bool:
    """Whether what follows `pieces` begins a line; slots in them (every second one) are never empty."""
    return (len(pieces) == 1 and not pieces[0]) or pieces[-1].endswith(b"\n")


def _lay_out(content: Spliced, lengths: Mapping[str, int]) -> tuple[bytes | Spliced, ...]:
    """Return encoded runs and, between them, the whole lines that hold values, to be encoded when these are known."""
    values = _places(content, lengths)
    text = content.fill({name: bytes(length) for name, length in lengths.items()})
    layout: list[bytes | Spliced] = []
    done = 0
    for start, end in _lines_touched(values):
        layout.append(_encoded(text[done:start]))
        literals, names, at = [], [], start
        for value in values:
            if start <= value.start < end:
                literals.append(text[at : value.start])
                names.append(value.name)
                at = value.end
        layout.append(Spliced((*literals, text[at:end]), tuple(names)))
        done = end
    layout.append(_encoded(text[done:]))
    return tuple(run for run in layout if run)


def _places(content: Spliced, lengths: Mapping[str, int]) -> list[_Value]:
    values: list[_Value] = []
    at = len(content.literals[0])
    for name, literal in zip(content.names, content.literals[1:], strict=True):
        values.append(_Value(name, at, at + lengths[name]))
        at += lengths[name] + len(literal)
    return values


def _lines_touched(values: Sequence[_Value]) -> list[tuple[int, int]]:
    """Return the ranges of whole base64 lines that hold `values`; ranges that touch are one."""
    ranges: list[tuple[int, int]] = []
    for value in values:
        start = value.start - value.start % _OCTETS_A_LINE
        end = value.end + -value.end % _OCTETS_A_LINE
        if ranges and start <= ranges[-1][1]:
            start = ranges.pop()[0]
        ranges.append((start, end))
    return ranges


def _encoded(octets: bytes) -> bytes:
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")

"""What is remembered of a source's last document, so that the next one costs little.

Kept in one column of the source's row: a digest of the settings it was read with, a digest of its bytes, how long it
asked to be left alone, whether its entries are plain (`sources.feed_plain`), and for each entry its key (see `scan`)
with short forms of the marks its article is known by. With other settings, in another release, in another zone
everything is forgotten, and the document read as if for the first time. 32 bytes an entry: fifty entries are 1.6 kB.

A document in which two articles share a mark is remembered without its entries: whether a mark is one is decided by
looking at all articles at once (`database.identity`). For the same reason a new article that shares a mark with a
known one is no news to be read alone, but a reason to read the whole. Pure.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from digest import __version__
from digest.database.identity import Keys
from digest.models.sources import SourceSpec

_FORMAT = 3  # one more whenever what is read of a document changes within a release
_SHORT = 8
_DIGITS = 2 * _SHORT  # of a short key, in hexadecimal
_NONE = "0" * _DIGITS
_HEAD = struct.Struct(f">{_SHORT}s{2 * _SHORT}sI?")
_ENTRY_DIGITS = 4 * _DIGITS


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of the last document. `quiet_seconds`: how long it asked not to be fetched again (0: nothing).

    `entries` are kept as they are stored; `entries_of` reads them, for most answers are the same as the last one.
    """

    settings: bytes
    body: bytes = bytes(2 * _SHORT)
    quiet_seconds: int = 0
    entries: bytes = b""
    is_plain: bool = False

    @property
    def count(self) -> int:
        """How many entries are known."""
        return 2 * len(self.entries) // _ENTRY_DIGITS


def settings_digest(spec: SourceSpec, zone: str) -> bytes:
    """Return the digest of everything but the document itself that decides what is read of it."""
    told = (_FORMAT, __version__, zone, spec.type, spec.url, spec.purpose.value, spec.section, spec.options)
    return hashlib.blake2b(repr(told).encode("utf-8", "replace"), digest_size=_SHORT).digest()


def body_digest(body: bytes, content_type: str, url: str) -> bytes:
    """Return the digest of a document, its label, and where it came from (links are relative to that)."""
    told = hashlib.sha256(f"{content_type}\x00{url}\x00".encode("utf-8", "replace"))
    told.update(body)
    return told.digest()[: 2 * _SHORT]


def marks(keys: Keys) -> str:
    """Return the short forms of an article's guid, link and title keys, one after the other."""
    return "".join(key[:_DIGITS] if key else _NONE for key in keys)


def clash(known: Iterable[str], new: Sequence[str]) -> bool:
    """Whether one of the `new` articles has a mark that another new or a known one has, too."""
    taken = " ".join(known)
    for one in new:
        own = [mark for at in range(0, len(one), _DIGITS) if (mark := one[at : at + _DIGITS]) != _NONE]
        if any(mark in taken for mark in own):
            return True
        taken = f"{taken} {one}"
    return False


def entries_of(memory: Memory) -> dict[str, str]:
    """Return the marks of each known entry's article by the entry's key, in the order of the document."""
    digits = memory.entries.hex()
    return {
        digits[at : at + _DIGITS]: digits[at + _DIGITS : at + _ENTRY_DIGITS]
        for at in range(0, len(digits), _ENTRY_DIGITS)
    }


def packed_entries(entries: Mapping[str, str]) -> bytes:
    """Return what `entries_of` reads."""
    return bytes.fromhex("".join([key + marked for key, marked in entries.items()]))


def packed(memory: Memory) -> bytes:
    """Return the bytes to keep."""
    return _HEAD.pack(memory.settings, memory.body, memory.quiet_seconds, memory.is_plain) + memory.entries


def unpacked(kept: bytes | None, settings: bytes) -> Memory:
    """Return what is remembered; nothing if it was made with other `settings`, or is no memory of ours."""
    if kept is None or 2 * (len(kept) - _HEAD.size) % _ENTRY_DIGITS or not kept.startswith(settings):
        return Memory(settings)
    _, body, quiet_seconds, is_plain = _HEAD.unpack_from(kept)
    return Memory(settings, body, quiet_seconds, kept[_HEAD.size :], is_plain)

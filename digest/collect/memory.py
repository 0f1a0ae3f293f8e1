"""What is remembered of a source's last document, so that the next one costs little.

Kept in one column of the source's row: a digest of the settings it was read with, a digest of its bytes, how long it
asked to be left alone, and for each entry its key (see `scan`) with short forms of the marks its article is known by.
With other settings, in another release, in another zone everything is forgotten, and the document read as if for the
first time. 32 bytes an entry: fifty entries are 1.6 kB.

A document in which two articles share a mark is remembered without its entries: whether a mark is one is decided by
looking at all articles at once (`database.identity`). For the same reason a new article that shares a mark with a
known one is no news to be read alone, but a reason to read the whole. Pure.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from digest import __version__
from digest.models.sources import SourceSpec

Marks = tuple[bytes, bytes, bytes]
"""Short forms of an article's guid, link and title keys; zeros where it has none."""

_FORMAT = 1  # one more whenever what is read of a document changes within a release
_SHORT = 8
_NONE = bytes(_SHORT)
_HEAD = struct.Struct(f">{_SHORT}s{2 * _SHORT}sI")
_ENTRY = struct.Struct(f">{_SHORT}s{_SHORT}s{_SHORT}s{_SHORT}s")


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known of the last document. `quiet_seconds`: how long it asked not to be fetched again (0: nothing)."""

    settings: bytes
    body: bytes = bytes(2 * _SHORT)
    quiet_seconds: int = 0
    entries: Mapping[str, Marks] = field(default_factory=dict)


def settings_digest(spec: SourceSpec, zone: str) -> bytes:
    """Return the digest of everything but the document itself that decides what is read of it."""
    told = (_FORMAT, __version__, zone, spec.type, spec.url, spec.purpose.value, spec.section, spec.options)
    return hashlib.blake2b(repr(told).encode("utf-8", "replace"), digest_size=_SHORT).digest()


def body_digest(body: bytes, content_type: str, url: str) -> bytes:
    """Return the digest of a document, its label, and where it came from (links are relative to that)."""
    told = hashlib.blake2b(f"{content_type}\x00{url}\x00".encode("utf-8", "replace"), digest_size=2 * _SHORT)
    told.update(body)
    return told.digest()


def short(key: str | None) -> bytes:
    """Return the short form of a mark: the first bytes of its SHA-256 in hexadecimal digits."""
    return bytes.fromhex(key[: 2 * _SHORT]) if key else _NONE


def clash(known: Iterable[Marks], new: Sequence[Marks]) -> bool:
    """Whether one of the `new` articles has a mark that another new or a known one has, too."""
    columns = tuple(zip(*known, strict=True)) or ((), (), ())
    for position, before in enumerate(columns):
        taken = set(before) - {_NONE}
        for marks in new:
            if marks[position] in taken:
                return True
            if marks[position] != _NONE:
                taken.add(marks[position])
    return False


def packed(memory: Memory) -> bytes:
    """Return the bytes to keep."""
    head = _HEAD.pack(memory.settings, memory.body, memory.quiet_seconds)
    return head + b"".join(_ENTRY.pack(bytes.fromhex(key), *marks) for key, marks in memory.entries.items())


def unpacked(kept: bytes | None, settings: bytes) -> Memory:
    """Return what is remembered; nothing if it was made with other `settings`, or is no memory of ours."""
    if kept is None or (len(kept) - _HEAD.size) % _ENTRY.size or not kept.startswith(settings):
        return Memory(settings)
    _, body, quiet_seconds = _HEAD.unpack_from(kept)
    entries = {key.hex(): (guid, link, title) for key, guid, link, title in _ENTRY.iter_unpack(kept[_HEAD.size :])}
    return Memory(settings, body, quiet_seconds, entries)

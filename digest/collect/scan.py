"""Cut an XML feed into its entries, cheaply and surely, so that known ones need not be read again.

In: the text of a feed from its root element on. Out: the entries with a key each, and the document with only some of
them; or None where anything is in doubt, and the whole document has to be read. The cutting is done by expat, the
parser that feedparser itself asks first, with no more than the names of elements: a thirtieth of what reading costs.
`cut_known` is quicker by far: it looks for the tags of entries only, for documents most of which was read before.

In doubt is whatever is not well-formed (feedparser reads that by rules of its own), entries within entries, entries in
several places or more of them than are read at all. A key is a digest of an entry's bytes and of all that its meaning
hangs on outside of it: names and attributes of the elements around it, namespaces, the document's address; and of how
often the document asks to be fetched. So a key that was seen before stands for an article that was read before. What
an entry means, feedparser says. Pure.
"""

import hashlib
import itertools
import re
from collections.abc import Collection
from dataclasses import dataclass
from xml.parsers import expat

from digest.collect.source import MAX_ARTICLES

_ENTRIES = ("item", "entry")
_KEY_BYTES = 8
_TAG = re.compile(rb"<([^\s/>]+)")
_FIRST = re.compile(rb"<((?:[^\s<>/:]+:)?(?i:item|entry))(?=[\s>])")
_BLANKS = re.compile(rb"\s*")
_SECTION = b"<![CDATA["
_HOW_OFTEN = re.compile(rb"<(?:ttl|[^\s<>/:]+:update\w+)[^<]*")  # it asks to be fetched
# What RSS says of a whole feed in a plain text of its own: no entry's meaning hangs on it.
_ABOUT_ALL = re.compile(
    rb"<(title|link|description|language|copyright|generator|lastBuildDate|pubDate|docs|managingEditor|webMaster)>"
    rb"(?:[^<]*|<!\[CDATA\[[^<\]]*\]\]>)</\1>\s*"
)


@dataclass(frozen=True, slots=True)
class Outside:
    """What stands around all entries of a feed, and their meaning hangs on.

    `path` are the names and attributes (one after the other) of the elements down to an entry, `namespaces` the
    declarations in the order of the document: prefix, address, and how many elements they stand in.
    """

    path: tuple[tuple[str, tuple[str, ...]], ...] = ()
    namespaces: tuple[tuple[str | None, str | None, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Cut:
    """A feed cut into its entries. `keys` stand in the order of the entries, `spans` say where these are in `body`."""

    body: bytes
    keys: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    outside: Outside

    def entry(self, number: int) -> str:
        """Return the text of an entry. Raises `UnicodeDecodeError`."""
        start, end = self.spans[number]
        return self.body[start:end].decode()

    def without(self, known: Collection[str]) -> str:
        """Return the document without the entries whose keys are `known`, and without what it says of itself.

        Of the elements before the entries those go that have nothing to do with any of them; all others, what the
        document asks of those who fetch it among them, and all between and behind the entries stay where they are.
        """
        end = self.spans[0][0] if self.spans else 0
        pieces = [_ABOUT_ALL.sub(b"", self.body[:end]) if self.body.startswith(b"<rss") else self.body[:end]]
        for key, (start, after) in zip(self.keys, self.spans, strict=True):
            if key in known:
                pieces.append(self.body[end:start].lstrip())
                end = after
        pieces.append(self.body[end:])
        return b"".join(pieces).decode()


class _DoubtError(Exception):
    """The document may mean something else than it seems to."""


def cut(text: str, about: str) -> Cut | None:
    """Cut `text` into its entries, or return None where that is not sure. `about` is what else a key depends on."""
    try:
        body = text.encode()
        scanner = _Scanner()
        spans = scanner.spans(body)
    except (expat.ExpatError, UnicodeEncodeError, _DoubtError):
        return None
    return _cut(body, spans, scanner.outside, about)


def cut_known(body: bytes, about: str) -> Cut | None:
    """As `cut`, for a document most of whose entries are known, and without a proof that all of it is well-formed.

    `body` is thought to be UTF-8. The proof is complete when every entry that is left out is known (an entry of a
    well-formed document, with the same around it), the rest is UTF-8, and feedparser finds it well-formed with just
    the entries that are left, or these are so plain that they cannot be otherwise. Entries must stand side by side
    with nothing but blanks between them, without comments and namespaces of their own; None otherwise.
    """
    try:
        spans, head_end, name = _entry_spans(body)
        scanner = _Scanner()
        tail = body[spans[-1][1] :]
        if len(scanner.spans(body[:head_end] + b"</" + name + b">" + tail)) != 1 or b"xmlns" in tail:
            return None
    except (expat.ExpatError, _DoubtError):
        return None
    return _cut(body, spans, scanner.outside, about)


def _cut(body: bytes, spans: list[tuple[int, int]], outside: Outside, about: str) -> Cut:
    how_often = _HOW_OFTEN.findall(body, 0, spans[0][0]) if spans else []
    return Cut(body, _keys(body, spans, f"{about}\x00{outside}{how_often}"), tuple(spans), outside)


def _keys(body: bytes, spans: list[tuple[int, int]], about: str) -> tuple[str, ...]:
    begun = hashlib.sha256(hashlib.sha256(about.encode("utf-8", "replace")).digest())
    keys = []
    for start, end in spans:
        digest = begun.copy()
        digest.update(body[start:end])
        keys.append(digest.hexdigest()[: 2 * _KEY_BYTES])
    return tuple(keys)


def _entry_spans(body: bytes) -> tuple[list[tuple[int, int]], int, bytes]:
    """Return where the entries are, where the first one's start tag ends, and their name as it is written.

    That nothing else in the document is an entry, the caller's parsers find out.
    """
    first = _FIRST.search(body)
    has_marks = b"<!" in body  # looked for once: most bodies hold none, or marked sections only
    if first is None or (has_marks and b"<!--" in body) or b"<?" in body:
        raise _DoubtError  # comments and the like may hold what looks like a tag
    name, start = first[1], first.start()
    end_tag, start_tag = b"</" + name + b">", re.compile(b"<" + name + rb"(?:\s[^<>]*)?>")
    has_sections = has_marks and _SECTION in body
    pieces = body[start:].split(end_tag)[:-1]
    if 0 < len(pieces) <= MAX_ARTICLES and (alike := _alike(pieces, start, name, has_sections=has_sections)):
        return alike, start + len(name) + 2, name
    spans: list[tuple[int, int]] = []
    end, is_in_section = start, False
    for piece in pieces:
        end += len(piece) + len(end_tag)
        if has_sections:
            opened, closed = piece.rfind(_SECTION), piece.rfind(b"]]>")
            is_in_section = opened > closed or (is_in_section and closed < 0)
            if is_in_section:  # an end tag in a marked section is text
                continue
        tag = start_tag.match(body, start)
        if tag is None:
            break
        if b"xmlns" in tag[0]:
            raise _DoubtError
        spans.append((start, end))
        start = _BLANKS.match(body, end).end()  # type: ignore[union-attr]  # it always matches
    if not spans or is_in_section or len(spans) > MAX_ARTICLES:
        raise _DoubtError
    return spans, body.index(b">", first.end()) + 1, name


def _alike(pieces: list[bytes], start: int, name: bytes, *, has_sections: bool) -> list[tuple[int, int]] | None:
    """Return where the entries are if all stand alike: the same start tag behind the same blanks, no open section.

    `pieces` are what stands between end tags, from `start` on. So it is with most newspapers' feeds.
    """
    tag = b"<" + name + b">"
    blanks = _BLANKS.match(pieces[1])[0] if len(pieces) > 1 else b""  # type: ignore[index]  # it always matches
    if not pieces[0].startswith(tag) or not all(piece.startswith(blanks + tag) for piece in pieces[1:]):
        return None
    if has_sections and any(piece.rfind(_SECTION) > piece.rfind(b"]]>") for piece in pieces):
        return None
    ends = list(itertools.accumulate([len(piece) + len(tag) + 1 for piece in pieces], initial=start))
    gap = len(blanks)
    return [(start, ends[1]), *((begun + gap, end) for begun, end in itertools.pairwise(ends[1:]))]


class _Scanner:
    """Follows expat through one document and notes where its entries begin and end."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        self._parser.ordered_attributes = True
        self._is_entry: dict[str, bool] = {}
        self._path: list[tuple[str, tuple[str, ...]]] = []
        self._namespaces: list[tuple[str | None, str | None, int]] = []
        self._inside = 0  # how deep within an entry
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._where: list[tuple[str, tuple[str, ...]]] | None = None

    @property
    def outside(self) -> Outside:
        """All outside of the entries that their meaning hangs on."""
        return Outside(tuple(self._where or ()), tuple(self._namespaces))

    def spans(self, body: bytes) -> list[tuple[int, int]]:
        """Return where the entries are. Raises `expat.ExpatError` and `_DoubtError`."""
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartNamespaceDeclHandler = self._namespace
        self._parser.Parse(body, True)
        return [_span(body, start, end) for start, end in zip(self._starts, self._ends, strict=True)]

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        if not self._inside:
            self._namespaces.append((prefix, uri, len(self._path)))

    def _start(self, name: str, attributes: list[str]) -> None:
        is_entry = self._is_entry.get(name)
        if is_entry is None:
            is_entry = self._is_entry[name] = name.rpartition(" ")[2].lower() in _ENTRIES
        if self._inside:
            if is_entry:
                raise _DoubtError
            self._inside += 1
        elif is_entry:
            self._open(name)
        else:
            self._path.append((name, tuple(attributes)))

    def _open(self, name: str) -> None:
        where = [*self._path, (name, ())]
        if self._where is None:
            self._where = where
        elif self._where != where or len(self._starts) == MAX_ARTICLES:
            raise _DoubtError
        self._starts.append(self._parser.CurrentByteIndex)
        self._inside = 1

    def _end(self, _name: str) -> None:
        if not self._inside:
            self._path.pop()
            return
        self._inside -= 1
        if not self._inside:
            self._ends.append(self._parser.CurrentByteIndex)


def _span(body: bytes, start: int, end: int) -> tuple[int, int]:
    """Return where an entry's bytes are. `end` is where its end tag begins; an empty element has none."""
    name = _TAG.match(body, start)
    if name is None or not body.startswith(b"</" + name[1], end):
        raise _DoubtError
    return start, body.index(b">", end) + 1

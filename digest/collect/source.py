"""The contract of a source type: turn the bytes of one answer into articles.

In: a body as it came, the Content-Type it came with, the address it came from (after redirects), and the newspaper's
time zone. Out: `Parsed`. An adapter is pure and trusts nothing: it does not fetch, ask the time, or touch files, and
it runs in a process of its own with limits (see `reader`), because what it reads is written by strangers.
"""

from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

from digest.models import FoundArticle

MAX_ARTICLES = 1000
"""The newest articles taken of one document. Papers list 10 to 100; more is an archive, and would hold up the rest."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a document holds. `kind` names its format ("rss20", "atom10", "json"); `doubts` are about all of it."""

    kind: str
    title: str
    articles: tuple[FoundArticle, ...]
    doubts: tuple[str, ...] = ()


class SourceType(Protocol):
    """One way of listing articles. Its module is named in `sources.SOURCE_TYPES`."""

    def read(self, body: bytes, content_type: str, url: str, zone: ZoneInfo) -> Parsed:
        """Return the articles, in the document's order, or raise `SourceUnreadableError` saying what it is instead."""
        ...

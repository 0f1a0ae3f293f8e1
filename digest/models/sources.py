"""Where articles come from: sources, what they are read for, and what of them may be mailed."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Purpose(StrEnum):
    """What a source is read for: its articles, or its list of most-read ones (많이 본 뉴스)."""

    ARTICLES = "articles"
    MOST_READ = "most_read"


class Rights(StrEnum):
    """What may be mailed of a source's articles (저작권법 제46조: only what its owner allowed)."""

    LINK_ONLY = "link_only"
    EXCERPT = "excerpt"
    FULL_TEXT_MAIL = "full_text_mail"


class SourceState(StrEnum):
    """`active` is fetched; `paused` was stopped by a person; `removed` is kept only for its articles."""

    ACTIVE = "active"
    PAUSED = "paused"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A source as an operator names it, in `SOURCES` or by command. `section` is given to articles without one.

    `options` are those of its type, as names and values (`pattern` of a list page). `permission` is the operator's
    answer, in words, to whether the articles may be mailed; empty: none was given.
    """

    name: str
    type: str
    url: str
    purpose: Purpose = Purpose.ARTICLES
    rights: Rights = Rights.EXCERPT
    section: str = ""
    picture_hosts: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()
    permission: str = ""

    @property
    def reads_pages(self) -> bool:
        """Whether its articles' own pages are read; the option `read=no` says that they are not."""
        return dict(self.options).get("read") != "no"


@dataclass(frozen=True, slots=True)
class Source:
    """A stored source: what was asked for, and how fetching it has gone.

    `interval_seconds` was learned from how often it brings something (None: nothing yet), `memory` is of its last
    document (`collect.memory`), `given_up_at` says that it was paused by itself, after failing since `failing_since`.
    """

    id: int
    spec: SourceSpec
    state: SourceState
    provisioned: bool
    etag: str | None = None
    last_modified: str | None = None
    first_fetched_at: datetime | None = None
    last_ok_at: datetime | None = None
    next_fetch_at: datetime | None = None
    failures: int = 0
    problem: str = ""
    rights_answered_at: datetime | None = None
    rights_question: str = ""
    rights_answered_by: str = ""
    interval_seconds: float | None = None
    memory: bytes | None = field(default=None, repr=False)
    failing_since: datetime | None = None
    given_up_at: datetime | None = None

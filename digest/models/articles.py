"""Articles as they are found, read from their pages, kept, and revised."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from digest.models.sources import Rights


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of an article: absolute URL, caption as printed (empty if none), size in pixels where known."""

    url: str
    caption: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class ArticleText:
    """What an article says at one moment: the part of it that a revision keeps.

    Titles and sub-headlines are verbatim (신문법 제10조②). `excerpt` is plain text, at most 200 characters, cut with
    an ellipsis. `body` holds plain-text paragraphs, empty where the source gives none. `registered_at` is when the
    paper says it was published (기사등록), `modified_at` when it says it was changed (기사수정). `mobile_link` is the
    page that it names for telephones, if it has one of its own for them.
    """

    title: str
    link: str
    subheads: tuple[str, ...] = ()
    section: str = ""
    byline: str = ""
    excerpt: str = ""
    body: tuple[str, ...] = ()
    picture: Picture | None = None
    registered_at: datetime | None = None
    modified_at: datetime | None = None
    mobile_link: str = ""


@dataclass(frozen=True, slots=True)
class FoundArticle:
    """An article as read from a source, before it is compared with what is stored.

    `guid` is the source's own identifier, empty if it gives none. `doubts` says in words what was repaired or
    guessed ("date without a zone, taken as Asia/Seoul").
    """

    guid: str
    text: ArticleText
    doubts: tuple[str, ...] = ()


class PageState(StrEnum):
    """`unread` was never looked at; `thin` holds no body worth the name; `closed` may not be read (robots.txt)."""

    UNREAD = "unread"
    READ = "read"
    THIN = "thin"
    CLOSED = "closed"
    FAILED = "failed"
    GONE = "gone"


class WithdrawnBy(StrEnum):
    """Who took an article back. What its page took back, its page can bring again; a person's word stands."""

    PAGE = "page"
    PERSON = "person"


class CorrectionKind(StrEnum):
    """What became of an article after it was mailed (지난 호 기사 수정·삭제 알림)."""

    CHANGED = "changed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class PageText:
    """What an article's own page says; fields are empty where it does not.

    `body` are plain paragraphs, section heads such as "◇ …" among them; `excerpt` is its beginning, as in
    `ArticleText`. `link` is the address the page asks to be cited by (고유링크), else its canonical one; `mobile_link`
    its page for telephones, if that is another. `found_by` tells for each field the way it was found ("selector",
    "json-ld", "meta", "cms:NAME", "trafilatura", "text"). `is_thin`: there is no body worth the name. `is_withdrawn`:
    the page says that the article was deleted; `is_closed`: it asks for a login or a subscription to read on.
    """

    title: str = ""
    subheads: tuple[str, ...] = ()
    section: str = ""
    byline: str = ""
    byline_address: str = ""
    registered_at: datetime | None = None
    modified_at: datetime | None = None
    body: tuple[str, ...] = ()
    excerpt: str = ""
    picture: Picture | None = None
    link: str = ""
    mobile_link: str = ""
    most_read: "tuple[MostRead, ...]" = ()
    found_by: dict[str, str] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    is_thin: bool = False
    is_withdrawn: bool = False
    is_closed: bool = False


@dataclass(frozen=True, slots=True)
class Article:
    """A stored article in one of its revisions (usually the latest)."""

    id: int
    source_id: int
    source_name: str
    rights: Rights
    revision: int
    text: ArticleText
    first_seen_at: datetime
    eligible: bool
    withdrawn_at: datetime | None = None
    withdrawn_by: WithdrawnBy | None = None
    contested_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MostRead:
    """One line of a source's list of most-read articles, as the newspaper ranks them."""

    title: str
    link: str
    excerpt: str = ""

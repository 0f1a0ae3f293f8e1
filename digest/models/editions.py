"""Slots of the timetable, editions, and the articles placed in them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from digest.models.articles import Article, CorrectionKind, MostRead
from digest.models.shares import SharedOften

ALL_SECTIONS = "*"


@dataclass(frozen=True, slots=True)
class Slot:
    """A named place in the timetable, from one line of `EDITIONS`.

    `crontab` is five fields with day names, in the newspaper's zone. `sections` is their order in the edition;
    `*` stands for all the others (without it they are left out). The edition is chosen `cutoff` before its planned
    time and not sent on its own later than `deadline` after it. `minimum` articles make an edition; `per_section` is
    how many of a section are shown with excerpts (the rest as headlines), `limit` how many are shown at all.
    `most_read` and `most_shared` are the lengths of its lists of articles read, or sent to friends, most.
    `except_slots`: what these slots brought a reader is left out for that reader. `at_start` opens one edition when
    the service starts (for watching it, not for newspapers).
    """

    name: str
    title: str
    crontab: str
    sections: tuple[str, ...] = (ALL_SECTIONS,)
    cutoff: timedelta = timedelta(0)
    deadline: timedelta = timedelta(hours=3)
    minimum: int = 1
    per_section: int = 8
    limit: int = 60
    most_read: int = 5
    most_shared: int = 5
    except_slots: tuple[str, ...] = ()
    at_start: bool = False


class BlockKind(StrEnum):
    """What a block beside the articles is: the paper's own words, its own offer, or somebody's paid advert."""

    EDITORIAL = "editorial"
    HOUSE = "house"
    AD = "ad"


@dataclass(frozen=True, slots=True)
class NewBlock:
    """A block to be stored. `slot` empty: in the editions of every slot whose planned time is from `from_at` to before
    `until_at`. `link` and `picture` may be empty; both are checked web addresses.
    """

    kind: BlockKind
    title: str
    from_at: datetime
    until_at: datetime
    slot: str = ""
    text: str = ""
    link: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A stored block. `ended_at`: a person took it out before its time."""

    id: int
    block: NewBlock
    created_at: datetime
    ended_at: datetime | None = None


class EditionState(StrEnum):
    """`open → chosen → (held ↔) released → sending → done`; any before `done` may become `cancelled`."""

    OPEN = "open"
    CHOSEN = "chosen"
    HELD = "held"
    RELEASED = "released"
    SENDING = "sending"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Edition:
    """One issue of a slot for one planned time. `reason` says why it is held or cancelled."""

    id: int
    slot: str
    title: str
    planned_at: datetime
    cutoff_at: datetime
    deadline_at: datetime
    state: EditionState
    reason: str = ""
    most_read: tuple[MostRead, ...] = ()
    most_shared: tuple[SharedOften, ...] = ()
    corrections: "tuple[Correction, ...]" = ()
    blocks: tuple[Block, ...] = ()
    chosen_at: datetime | None = None
    looked_at: datetime | None = None
    released_at: datetime | None = None
    done_at: datetime | None = None


class Role(StrEnum):
    """How an edition shows an article. `left_out` ones belong to it but are only counted in it; `repeated` ones tell
    the same story as another that this slot shows or has shown, and are not even counted.
    """

    LEAD = "lead"
    ARTICLE = "article"
    HEADLINE = "headline"
    LEFT_OUT = "left_out"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Placement:
    """An article's place in an edition: which revision, as what, under which section heading, in which order."""

    article_id: int
    revision: int
    role: Role
    section: str
    position: int
    same_sources: int = 0  # so many other sources bring the same story (같은 소식 n건)


@dataclass(frozen=True, slots=True)
class Correction:
    """What an edition tells of an article that earlier editions of its slot brought in another state.

    `title` and `link` are the article's own now; `shown_at` is the planned time of the latest edition that brought it.
    `is_again`: an earlier edition told it; this one tells those readers whom that one did not reach.
    """

    id: int
    article_id: int
    kind: CorrectionKind
    title: str
    link: str
    shown_at: datetime
    is_again: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A correction, the messages (with their editions) whose readers it concerns, and those that told it before."""

    correction_id: int
    message_ids: tuple[int, ...]
    edition_ids: tuple[int, ...]
    telling_message_ids: tuple[int, ...] = ()
    telling_edition_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PlacedArticle:
    """A placement together with the revision it placed. `noticed`: the words a reader asked to be told about (알림어)
    that it holds; such articles come first. `is_changed`: it is a later revision that says something else in substance.
    """

    placement: Placement
    article: Article
    noticed: tuple[str, ...] = ()
    is_changed: bool = False

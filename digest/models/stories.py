"""What tells that two articles are one story (같은 소식), and the story they make."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Facts:
    """What a text names that another report of the same thing must not contradict, each with its kind ("city 가온").

    `lead` holds those of `title` too, and `whole` those of both.
    """

    title: frozenset[str]
    lead: frozenset[str]
    whole: frozenset[str]


@dataclass(frozen=True, slots=True)
class Signature:
    """What is kept of an article to find near-duplicates of it (`collect.near` makes and compares them).

    `title` and `lead` (the beginning) are letters and digits only; `minhash` is empty where there is no text,
    `shingles` is how many different 3-grams it has. `bands` are keys of 64 bits: texts that are alike share one. `site`
    is where it was printed, empty where that is not known; it is not kept, the article's link says it.
    """

    title: str
    lead: str
    minhash: bytes
    shingles: int
    facts: Facts
    bands: tuple[int, ...]
    site: str = ""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two articles are (0 to 1), whether they count as one story, and why in words."""

    score: float
    is_same: bool
    reason: str


class JoinedBy(StrEnum):
    """Who put an article into its story; a person's word stands over the machine's."""

    MACHINE = "machine"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class StoryMember:
    """An article in its story, whose id is that of its first article. `score` None: the first, or a person's word."""

    article_id: int
    story_id: int
    score: float | None
    reason: str
    joined_by: JoinedBy
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Story:
    """Articles that tell the same: the ids of all, first the one that founded it, and of how many sources they are.

    `is_by_person`: a person named the first one.
    """

    id: int
    article_ids: tuple[int, ...]
    sources: int
    is_by_person: bool = False

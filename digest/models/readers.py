"""Subscribers, what they chose, and the variants that their choices make."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from digest.addresses import Address


class SubscriberState(StrEnum):
    """`pending → active ↔ paused`; `active | paused → left | stopped`; `pending → expired`."""

    PENDING = "pending"
    ACTIVE = "active"
    PAUSED = "paused"
    LEFT = "left"
    STOPPED = "stopped"
    EXPIRED = "expired"


class Format(StrEnum):
    """`html` is multipart/alternative with both parts; `text` is text/plain alone."""

    HTML = "html"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A person who asked for editions. `slots` are the names of those, in alphabetical order."""

    id: int
    address: Address
    language: str
    format: Format
    state: SubscriberState
    consent: str
    created_at: datetime
    slots: tuple[str, ...] = ()
    left_at: datetime | None = None
    address_hash: str | None = None
    advert_consent_at: datetime | None = None
    advert_checked_at: datetime | None = None
    advert_ends_at: datetime | None = None
    erase_asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """What readers must share to be sent the same message.

    `sections` empty means all of the edition's. `had` are the ids of other slots' editions these readers were sent
    and whose articles this edition leaves out (`except=`), `told` those of the corrections that concern what these
    readers were sent earlier; both ascending. `headlines`: titles without texts. `words` are those the readers asked to
    be told about (알림어), sorted. `adverts`: these readers agreed to adverts, and the edition carries some.
    """

    language: str
    format: Format
    sections: tuple[str, ...] = ()
    had: tuple[int, ...] = ()
    told: tuple[int, ...] = ()
    headlines: bool = False
    words: tuple[str, ...] = ()
    adverts: bool = False

    @property
    def key(self) -> str:
        """The text by which the ledger joins readers and messages, unique within an edition.

        Headlines, words and adverts stand in it only where they are chosen.
        """
        had = ",".join([*map(str, self.had), *(f"c{correction_id}" for correction_id in self.told)])
        key = f"{self.language}|{self.format}|{','.join(self.sections)}|{had}"
        if self.headlines or self.words or self.adverts:
            key += f"|{'headlines' if self.headlines else ''}|{','.join(self.words)}"
        return f"{key}|adverts" if self.adverts else key

    @classmethod
    def of_key(cls, key: str) -> "Variant":
        """Return the variant that has this key."""
        language, kind, sections, past, headlines, words, adverts = (*key.split("|"), "", "", "")[:7]
        ids = past.split(",") if past else []
        return cls(
            language,
            Format(kind),
            tuple(sections.split(",")) if sections else (),
            had=tuple(int(one) for one in ids if not one.startswith("c")),
            told=tuple(int(one[1:]) for one in ids if one.startswith("c")),
            headlines=bool(headlines),
            words=tuple(words.split(",")) if words else (),
            adverts=bool(adverts),
        )


ALL_DAYS = 127


@dataclass(frozen=True, slots=True)
class SlotChoice:
    """How a reader gets a slot.

    `weekdays` is a sum of 1 for Monday to 64 for Sunday, of the planned time's day in the newspaper's zone. `hour`: not
    before it on that day; None: when the edition comes. `sections` empty: all.
    """

    slot: str
    weekdays: int = ALL_DAYS
    hour: int | None = None
    sections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choices:
    """What a reader chose. `words` (알림어) are sorted; nothing is mailed before `paused_until`, if it is set."""

    language: str
    format: Format
    slots: tuple[SlotChoice, ...] = ()
    headlines: bool = False
    words: tuple[str, ...] = ()
    paused_until: datetime | None = None

    def of(self, slot: str) -> SlotChoice | None:
        """Return how they get `slot`, None if not at all."""
        return next((each for each in self.slots if each.slot == slot), None)


class LinkMatter(StrEnum):
    """What a fresh link opens: a reader's own data (download, erasure, change of address), or a new address."""

    MANAGE = "manage"
    NEW_ADDRESS = "new_address"


@dataclass(frozen=True, slots=True)
class FreshLink:
    """A link that was mailed on request. `new_address` is the one to be confirmed, of a change of address."""

    id: int
    matter: LinkMatter
    subscriber_id: int
    expires_at: datetime
    new_address: Address | None = None
    used_at: datetime | None = None

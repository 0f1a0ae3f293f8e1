"""Choosing: what a reader gets and when, changed behind the link of every edition.

In: a token from an edition, and the fields of the page's form. Out: the choices as stored, and what became of the mails
that waited already. Editions are forwarded, so this link changes choices and leads to leaving, no more; the rest is for
a fresh link (`fresh`). A change holds for the next mail, also for one that is queued: one of a slot, weekday or time
that is not wanted any more is dropped, one for another hour is moved, and one in another form is handed over to the
edition's message of that form, where some reader's choice has made one; otherwise it comes as it was composed.

What is typed is read by `read_form`, pure and strict: a form of ours cannot send what it refuses.

Event: `subscriber.chose`, with ids only.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from digest import languages, schedule
from digest.config import Settings
from digest.database import Connection, Database, choices, messages, subscribers
from digest.database.choices import Queued
from digest.errors import NotFoundError
from digest.events import event
from digest.models.deliveries import DropReason
from digest.models.editions import ALL_SECTIONS, Slot
from digest.models.readers import ALL_DAYS, Choices, Format, SlotChoice, Subscriber, SubscriberState
from digest.tokens import TokenPurpose

MAX_WORDS = 10
MAX_WORD_LETTERS = 20
MAX_PAUSE = timedelta(days=366)
_MAX_TYPED = 500  # letters of the field of words
_SIGNS = frozenset(" -.&·+'%")
_MAY_CHOOSE = (SubscriberState.ACTIVE, SubscriberState.PAUSED)


class Problem(StrEnum):
    """What is wrong with a form; the page says it in the reader's language."""

    WORDS_SIGNS = "words_signs"
    WORDS_LONG = "words_long"
    WORDS_MANY = "words_many"
    PAUSE = "pause"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a slot offers to choose from. `weekdays` as in `SlotChoice`; `hours` are those later than it comes."""

    slot: Slot
    weekdays: int
    hours: tuple[int, ...]
    sections: tuple[str, ...]

    @property
    def days(self) -> tuple[int, ...]:
        """The days on which the slot may come, Monday being 0."""
        return tuple(day for day in range(7) if self.weekdays >> day & 1)


@dataclass(frozen=True, slots=True)
class Desk:
    """A reader's page: who, what they chose, what there is."""

    subscriber: Subscriber
    choices: Choices
    offers: tuple[Offer, ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """What came of saving. `as_it_was`: so many mails that wait already come in the form they had before."""

    dropped: int = 0
    as_it_was: int = 0


async def open_desk(database: Database, settings: Settings, token: str, *, now: datetime) -> Desk | None:
    """Return the page of the reader whose link this is; None if they get no mails any more. Changes nothing.

    Raises `BadTokenError` for a token that we did not make for choosing.
    """
    subscriber_id = settings.keyring.read(TokenPurpose.CHOOSE, token)
    async with database.read() as connection:
        return await desk_of(connection, settings, subscriber_id, now=now)


async def desk_of(connection: Connection, settings: Settings, subscriber_id: int, *, now: datetime) -> Desk | None:
    """Return the page of this reader; None if they get no mails any more."""
    try:
        subscriber = await subscribers.get(connection, subscriber_id)
    except NotFoundError:
        return None
    if subscriber.state not in _MAY_CHOOSE:
        return None
    chosen = await choices.load(connection, subscriber_id)
    offers = [await _offer(connection, settings, slot, chosen, now) for slot in settings.editions]
    return Desk(subscriber, chosen, tuple(offers))


async def save(database: Database, settings: Settings, desk: Desk, wanted: Choices, *, now: datetime) -> Saved | None:
    """Store what a reader chose and let it hold for what waits; None if they left meanwhile."""
    async with database.begin() as connection:
        saved = await save_within(connection, settings, desk.subscriber.id, wanted, now=now)
    if saved is not None:
        event("subscriber.chose", subscriber_id=desk.subscriber.id, dropped=saved.dropped)
    return saved


async def save_within(
    connection: Connection, settings: Settings, subscriber_id: int, wanted: Choices, *, now: datetime
) -> Saved | None:
    """Do the same in a transaction that is open."""
    await choices.wait_for_releases(connection)
    if not await choices.save(connection, subscriber_id, wanted, at=now):
        return None
    return await _apply(connection, settings, subscriber_id, wanted, now)


def read_form(desk: Desk, settings: Settings, form: Mapping[str, Sequence[str]], *, now: datetime) -> Choices | Problem:
    """Read the page's form, or return what is wrong with it. Slots that it does not offer stay as they are. Pure."""
    words = read_words(_one(form, "words"))
    if isinstance(words, Problem):
        return words
    paused_until = _pause(_one(form, "paused_until").strip(), settings, now)
    language, kind, headlines = _one(form, "language"), _one(form, "format"), _one(form, "headlines")
    slots = [_slot(offer, form) for offer in desk.offers]
    known = (
        language in languages.LANGUAGES
        and kind in tuple(Format)
        and headlines in ("", "yes")
        and set(form.get("slot", ())) <= {offer.slot.name for offer in desk.offers}
    )
    if not known or Problem.UNKNOWN in slots:
        return Problem.UNKNOWN
    if isinstance(paused_until, Problem):
        return paused_until
    offered = {offer.slot.name for offer in desk.offers}
    chosen = [each for each in slots if isinstance(each, SlotChoice)]
    chosen += [each for each in desk.choices.slots if each.slot not in offered]
    return Choices(
        language=language,
        format=Format(kind),
        slots=tuple(sorted(chosen, key=lambda each: each.slot)),
        headlines=headlines == "yes",
        words=words,
        paused_until=paused_until,
    )


def read_words(typed: str) -> tuple[str, ...] | Problem:
    """Read words between commas or on lines: small letters, composed, sorted, each once. Pure."""
    if len(typed) > _MAX_TYPED:
        return Problem.WORDS_LONG
    parts = unicodedata.normalize("NFC", typed).replace("\r\n", ",").replace("\n", ",").split(",")
    words = {" ".join(part.casefold().split(" ")).strip() for part in parts} - {""}
    if any(not (char.isalnum() or char in _SIGNS) for word in words for char in word):
        return Problem.WORDS_SIGNS
    if any(len(word) > MAX_WORD_LETTERS for word in words):
        return Problem.WORDS_LONG
    return Problem.WORDS_MANY if len(words) > MAX_WORDS else tuple(sorted(words))


# ── what is offered, what was ticked ─────────────────────────────────────────────────────────────────────────────


async def _offer(connection: Connection, settings: Settings, slot: Slot, chosen: Choices, now: datetime) -> Offer:
    theirs = chosen.of(slot.name)
    found = await choices.sections_of(connection, slot.name)
    named = [name for name in slot.sections if name != ALL_SECTIONS]
    others = sorted((found | set(theirs.sections if theirs else ())) - set(named))
    names = [name for name in (*named, *others) if name and "," not in name and "|" not in name]
    planned_at = schedule.next_planned(slot.crontab, settings.zone, after=now)
    first = 0 if planned_at is None else planned_at.astimezone(settings.zone).hour + 1
    return Offer(
        slot=slot,
        weekdays=schedule.weekdays(slot.crontab, settings.zone),
        hours=tuple(hour for hour in messages.OWN_HOURS if hour >= first or (theirs and hour == theirs.hour)),
        sections=tuple(names),
    )


def _slot(offer: Offer, form: Mapping[str, Sequence[str]]) -> SlotChoice | Problem | None:
    """Read what was ticked for a slot: None if it is not wanted. All of its weekdays ticked, or none, is every day."""
    name = offer.slot.name
    if name not in form.get("slot", ()):
        return None
    days, hour = form.get(f"days.{name}", ()), _one(form, f"hour.{name}")
    sections = form.get(f"sections.{name}", ())
    if (
        not set(days) <= set("0123456")
        or (hour and hour not in map(str, messages.OWN_HOURS))
        or not set(sections) <= set(offer.sections)
    ):
        return Problem.UNKNOWN
    weekdays = sum(1 << day for day in {int(day) for day in days})
    if weekdays & offer.weekdays in (0, offer.weekdays):
        weekdays = ALL_DAYS
    everything = set(sections) == set(offer.sections)
    return SlotChoice(name, weekdays, int(hour) if hour else None, () if everything else tuple(sorted(set(sections))))


def _pause(typed: str, settings: Settings, now: datetime) -> datetime | Problem | None:
    """Read a date as the beginning of that day in the newspaper's zone; it must be after today, within a year."""
    if not typed:
        return None
    try:
        day = date.fromisoformat(typed) if len(typed) == 10 else None
    except ValueError:
        day = None
    if day is None or not now.astimezone(settings.zone).date() < day:
        return Problem.PAUSE
    if day - now.astimezone(settings.zone).date() > MAX_PAUSE:
        return Problem.PAUSE
    return datetime.combine(day, time(0), settings.zone).astimezone(UTC)


def _one(form: Mapping[str, Sequence[str]], name: str) -> str:
    values = form.get(name, ())
    return values[-1] if values else ""


# ── what waits ───────────────────────────────────────────────────────────────────────────────────────────────────


async def _apply(
    connection: Connection, settings: Settings, subscriber_id: int, wanted: Choices, now: datetime
) -> Saved:
    waiting = await choices.queued(connection, subscriber_id)
    if wanted.paused_until is not None:
        ids = [each.delivery_id for each in waiting]
        return Saved(dropped=await choices.drop(connection, ids, reason=DropReason.PAUSED, at=now))
    unwanted = [each.delivery_id for each in waiting if not _is_wanted(each, wanted, settings)]
    dropped = await choices.drop(connection, unwanted, reason=DropReason.LEFT, at=now)
    as_it_was = 0
    for each in waiting:
        theirs = wanted.of(each.slot)
        if each.delivery_id in unwanted or theirs is None:
            continue
        await _move(connection, settings, each, theirs, now)
        variant = replace(
            each.variant,
            language=wanted.language,
            format=wanted.format,
            sections=theirs.sections,
            headlines=wanted.headlines,
            words=wanted.words,
        )
        if variant != each.variant:
            as_it_was += not await choices.hand_over(connection, each, variant)
    return Saved(dropped, as_it_was)


def _is_wanted(each: Queued, wanted: Choices, settings: Settings) -> bool:
    theirs = wanted.of(each.slot)
    day = 1 << each.planned_at.astimezone(settings.zone).weekday()
    return theirs is not None and theirs.weekdays & day != 0


async def _move(connection: Connection, settings: Settings, each: Queued, theirs: SlotChoice, now: datetime) -> None:
    """Move what was never tried to the reader's hour, its deadline with it."""
    if not each.is_untried:
        return
    hours = messages.own_hours(each.planned_at, settings.zone, after=max(now, each.planned_at))
    due_at = max(now, each.planned_at) if theirs.hour is None else hours.get(theirs.hour, max(now, each.planned_at))
    if due_at == each.due_at or max(due_at, each.due_at) <= now:
        return
    deadline_at = None if each.deadline_at is None else each.deadline_at + (due_at - each.due_at)
    await choices.move(connection, each, due_at=due_at, deadline_at=deadline_at)

"""Choosing: what a reader gets and when, changed behind the link of every edition.

In: a token from an edition, and the fields of the page's form. Out: the choices as stored, and what became of the mails
that waited already. Editions are forwarded, so this link changes choices and leads to leaving, no more; the rest is for
a fresh link (`fresh`). A change holds for the next mail, also for one that is queued: one of a slot, weekday or time
that is not wanted any more is dropped, one for another hour is moved, and one in another form is handed over to the
edition's message of that form, composed now where nobody's choice had made one (`waiting`).

What is typed is read by `read_form`, pure and strict: a form of ours cannot send what it refuses.

Event: `subscriber.chose`, with ids only.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from digest import languages, schedule
from digest.compose import late
from digest.compose.late import Late
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Connection, Database, choices, counters, messages, subscribers
from digest.errors import NotFoundError, TemplateError
from digest.events import event
from digest.models.editions import ALL_SECTIONS, Slot
from digest.models.readers import ALL_DAYS, Choices, Format, SlotChoice, Subscriber, SubscriberState
from digest.subscribe import waiting
from digest.subscribe.waiting import Followed, Form, Made, MissingFormsError
from digest.tokens import TokenPurpose

MAX_WORDS = 10
MAX_WORD_LETTERS = 20
MAX_PAUSE = timedelta(days=366)
MAX_FORMS = 20  # of mails that wait already, composed for one reader in a day
_SCOPE = "preferences.form"
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


async def open_desk(database: Database, settings: Settings, token: str, *, now: datetime) -> Desk | None:
    """Return the page of the reader whose link this is; None if they get no mails any more. Changes nothing.

    Raises `BadTokenError` for a token that we did not make for choosing.
    """
    subscriber_id = settings.keyring.read(TokenPurpose.CHOOSE, token)
    async with database.read() as connection:
        return await desk_of(connection, settings, subscriber_id, now=now)


async def language_of(database: Database, settings: Settings, token: str) -> str:
    """Return what the reader whose link this is reads, also of one who has left; empty if they were erased.

    Raises `BadTokenError` for a token that we did not make for choosing.
    """
    subscriber_id = settings.keyring.read(TokenPurpose.CHOOSE, token)
    async with database.read() as connection:
        try:
            return (await subscribers.get(connection, subscriber_id)).language
        except NotFoundError:
            return ""


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


async def save(
    database: Database, settings: Settings, renderer: Renderer, desk: Desk, wanted: Choices, *, now: datetime
) -> Followed | None:
    """Store what a reader chose and let it hold for what waits; None if they left meanwhile.

    What waits and is wanted in a form that nobody had is composed in it, as often as a limit for each reader allows.
    """
    made: dict[Form, Late | None] = {}
    for is_last in (False, False, True):
        try:
            async with database.begin() as connection:
                saved = await save_within(connection, settings, desk.subscriber.id, wanted, made, now=now)
            break
        except MissingFormsError as error:
            if is_last:
                raise
            made |= await compose_missing(database, settings, renderer, error, now=now)
    if saved is None:
        return None
    event("subscriber.chose", subscriber_id=desk.subscriber.id, dropped=saved.dropped)
    return saved


async def save_within(
    connection: Connection, settings: Settings, subscriber_id: int, wanted: Choices, made: Made, *, now: datetime
) -> Followed | None:
    """Do the same in the caller's transaction, for who chooses by writing a mail, too.

    There nothing can be composed: raises `MissingFormsError` for what waits and is wanted in a form that nobody had.
    The caller undoes the transaction, has it made (`compose_missing`), and begins anew with it.
    """
    await choices.wait_for_releases(connection)
    if not await choices.save(connection, subscriber_id, wanted, at=now):
        return None
    return await waiting.follow(connection, settings, subscriber_id, wanted, made, now=now)


async def compose_missing(
    database: Database, settings: Settings, renderer: Renderer, missing: MissingFormsError, *, now: datetime
) -> dict[Form, Late | None]:
    """Compose what is missing, outside of any transaction; None for a mail that is to come as it was composed."""
    made: dict[Form, Late | None] = {}
    for form in missing.forms:
        may = await _may_have_composed(database, missing.subscriber_id, now)
        made[form] = await _compose(database, settings, renderer, form) if may else None
    return made


async def _may_have_composed(database: Database, subscriber_id: int, now: datetime) -> bool:
    """Count one more form composed for a reader; False if there were many today: each costs work and a stored mail."""
    day = timedelta(days=1)
    async with database.begin() as connection:
        return await counters.claim(connection, _SCOPE, str(subscriber_id), now=now, limit=MAX_FORMS, window=day)


async def _compose(database: Database, settings: Settings, renderer: Renderer, form: Form) -> Late | None:
    """Compose a mail that waits in another form; None if a template is wrong."""
    try:
        return await late.compose(database, settings, renderer, *form)
    except TemplateError:  # the edition's own alert tells of it
        return None


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

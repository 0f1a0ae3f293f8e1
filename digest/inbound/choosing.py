"""Choosing by mail: pauses, weekdays, editions and sections, through the same act as the page of the link.

In: commands and what a reader has chosen so far. Out: what they choose now, and what could not be done; pure but for
the look at their desk. What is typed is only compared with what is offered. The answer tells how everything stands.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from digest import schedule
from digest.compose.kinds.reply import Standing
from digest.config import Settings
from digest.inbound.commands import Command
from digest.inbound.words import Verb
from digest.languages import Words, words
from digest.models.editions import Slot
from digest.models.readers import ALL_DAYS, Choices, SlotChoice
from digest.subscribe.preferences import MAX_PAUSE, Desk, Offer

_PARTS = {"morning": ("아침", "오전", "morning"), "evening": ("저녁", "오후", "evening"), "weekly": ("주간", "weekly")}
_NOON, _AFTERNOON = 12, 15


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a reader chooses now, and what is to be said of it in their language, empty: nothing."""

    choices: Choices
    note: str = ""


def choose(desk: Desk, settings: Settings, commands: Sequence[Command], *, now: datetime) -> Chosen:
    """Return what these commands make of a reader's choices. Weekdays on several lines are meant together."""
    said = words(desk.subscriber.language)
    choices, notes = desk.choices, list[str]()
    weekdays = 0
    for command in commands:
        if command.verb is Verb.FREQUENCY and command.weekdays:
            weekdays |= command.weekdays
    if weekdays:
        choices, note = _on_days(desk, choices, weekdays, said)
        notes.append(note)
    for command in commands:
        note = ""
        if command.verb is Verb.PAUSE:
            choices, note = _pause(choices, settings, command, said, now)
        elif command.verb is Verb.RESUME:
            choices = replace(choices, paused_until=None)
        elif command.verb is Verb.FREQUENCY and command.part:
            choices, note = _part(desk, choices, settings, command.part, said=said, now=now)
        elif command.verb is Verb.TOPICS:
            choices, note = _topic(desk, choices, command, said)
        notes.append(note)
    return Chosen(choices, " ".join(filter(None, notes)))


def standing(desk: Desk, choices: Choices, settings: Settings, note: str) -> Standing:
    """Return how everything stands, in words, for the answer to the stored address."""
    said = words(desk.subscriber.language)
    if choices.paused_until is None:
        state = said.gettext("The mails come")
    else:
        state = said.gettext("No mails until %(day)s", day=said.date(choices.paused_until, settings.zone))
    rows = [(said.gettext("Now"), state)]
    for offer in desk.offers:
        theirs = choices.of(offer.slot.name)
        if theirs is None:
            rows.append((offer.slot.title, said.gettext("not chosen")))
            continue
        days = _days(theirs.weekdays & offer.weekdays, offer, said)
        sections = ", ".join(theirs.sections) if theirs.sections else said.gettext("all sections")
        hour = said.gettext("from %(hour)s o’clock", hour=theirs.hour) if theirs.hour is not None else ""
        rows.append((offer.slot.title, " · ".join(filter(None, (days, hour, sections)))))
    if choices.words:
        rows.append((said.gettext("Words you asked to be told of"), ", ".join(choices.words)))
    return Standing(tuple(rows), note)


def slots_of_part(settings: Settings, part: str, now: datetime) -> list[Slot]:
    """Return the slots that a word means: by their name or title, else by when they come."""
    named = [
        slot
        for slot in settings.editions
        if any(word in f"{slot.name} {slot.title}".casefold() for word in _PARTS[part])
    ]
    return named or [slot for slot in settings.editions if _comes(slot, settings, part, now)]


def _comes(slot: Slot, settings: Settings, part: str, now: datetime) -> bool:
    if part == "weekly":
        return schedule.weekdays(slot.crontab, settings.zone).bit_count() == 1
    planned_at = schedule.next_planned(slot.crontab, settings.zone, after=now)
    hour = -1 if planned_at is None else planned_at.astimezone(settings.zone).hour
    return 0 <= hour < _NOON if part == "morning" else hour >= _AFTERNOON


def _pause(choices: Choices, settings: Settings, command: Command, said: Words, now: datetime) -> tuple[Choices, str]:
    today = now.astimezone(settings.zone).date()
    if command.until is not None:
        until = command.until
    else:
        until = today + (MAX_PAUSE if command.days is None else timedelta(days=command.days))
    if not timedelta(0) < until - today <= MAX_PAUSE:
        return choices, said.gettext("A pause ends after today and within a year; nothing was changed.")
    return replace(choices, paused_until=_begins(until, settings)), ""


def _begins(day: date, settings: Settings) -> datetime:
    return datetime.combine(day, time(0), settings.zone).astimezone(UTC)


def _on_days(desk: Desk, choices: Choices, weekdays: int, said: Words) -> tuple[Choices, str]:
    offers = {offer.slot.name: offer for offer in desk.offers}
    changed, has_any = [], False
    for each in choices.slots:
        offer = offers.get(each.slot)
        on = weekdays & offer.weekdays if offer else 0
        has_any = has_any or bool(on)
        changed.append(replace(each, weekdays=ALL_DAYS if offer and on == offer.weekdays else on) if on else each)
    if not has_any:
        return choices, said.gettext("None of your editions comes on that day; nothing was changed.")
    return replace(choices, slots=tuple(changed)), ""


def _part(
    desk: Desk, choices: Choices, settings: Settings, part: str, *, said: Words, now: datetime
) -> tuple[Choices, str]:
    wanted = {slot.name for slot in slots_of_part(settings, part, now)}
    if wanted:
        slots = [choices.of(name) or SlotChoice(name) for name in sorted(wanted)]
        return replace(choices, slots=tuple(slots)), ""
    if part != "weekly":
        return choices, said.gettext("There is no such edition; nothing was changed.")
    first = min((_first_day(offer) for offer in desk.offers if choices.of(offer.slot.name)), default=1)
    return _on_days(desk, choices, first, said)


def _first_day(offer: Offer) -> int:
    return offer.weekdays & -offer.weekdays


def _topic(desk: Desk, choices: Choices, command: Command, said: Words) -> tuple[Choices, str]:
    offered = {_key(name): name for offer in desk.offers for name in offer.sections}
    section = offered.get(_key(command.topic))
    if section is None:
        listed = ", ".join(sorted(set(offered.values()))) or "–"
        return choices, said.gettext(
            "There is no such section; nothing was changed. There are: %(names)s", names=listed
        )
    slots = []
    for each in choices.slots:
        offer = next((offer for offer in desk.offers if offer.slot.name == each.slot), None)
        if offer is None or section not in offer.sections:
            slots.append(each)
            continue
        everything = set(offer.sections)
        had = set(each.sections)
        now_chosen = (had or everything) - {section} if command.is_without else had | {section}
        if not now_chosen:
            return choices, said.gettext("Without that section nothing would be left; nothing was changed.")
        slots.append(replace(each, sections=() if now_chosen == everything else tuple(sorted(now_chosen))))
    return replace(choices, slots=tuple(slots)), ""


def _key(name: str) -> str:
    return "".join(unicodedata.normalize("NFC", name).casefold().split())


def _days(weekdays: int, offer: Offer, said: Words) -> str:
    if weekdays == offer.weekdays:
        return said.gettext("each time it comes")
    names = (
        said.gettext("Mondays"), said.gettext("Tuesdays"), said.gettext("Wednesdays"), said.gettext("Thursdays"),
        said.gettext("Fridays"), said.gettext("Saturdays"), said.gettext("Sundays"),
    )  # fmt: skip
    return ", ".join(name for day, name in enumerate(names) if weekdays >> day & 1)

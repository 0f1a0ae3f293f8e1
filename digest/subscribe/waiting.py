"""What waits for a reader follows their new choices: dropped, moved to another hour, or in its new form.

In: the choices as they are stored in the same transaction. Out: how many mails were dropped, and how many come as they
were composed. A mail in another form is handed over to the edition's message of that form. Where nobody's choice has
made one, `MissingFormsError` undoes the transaction, so that the caller composes it outside and comes again with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from digest.compose import late
from digest.compose.late import Late
from digest.config import Settings
from digest.database import Connection, choices, messages
from digest.database.choices import Queued
from digest.errors import TryLaterError
from digest.models.deliveries import DropReason
from digest.models.readers import Choices, SlotChoice, Variant

Form = tuple[int, Variant]  # an edition, and as what it is wanted
Made = Mapping[Form, Late | None]  # None: it comes as it was composed


@dataclass(frozen=True, slots=True)
class Followed:
    """What came of it. `as_it_was`: so many mails that wait already come in the form they had before."""

    dropped: int = 0
    as_it_was: int = 0


class MissingFormsError(TryLaterError):
    """A reader's mails are wanted in forms that are not composed, or not as the edition is now."""

    def __init__(self, subscriber_id: int, forms: tuple[Form, ...]) -> None:
        super().__init__("A mail that waits is wanted in a form that is not composed yet.")
        self.subscriber_id = subscriber_id
        self.forms = forms


async def follow(
    connection: Connection, settings: Settings, subscriber_id: int, wanted: Choices, made: Made, *, now: datetime
) -> Followed:
    """Let the choices hold for what waits. Raises `MissingFormsError` for forms neither there nor in `made`."""
    waiting = await choices.queued(connection, subscriber_id)
    if wanted.paused_until is not None:
        ids = [each.delivery_id for each in waiting]
        return Followed(dropped=await choices.drop(connection, ids, reason=DropReason.PAUSED, at=now))
    unwanted = [each.delivery_id for each in waiting if not _is_wanted(each, wanted, settings)]
    as_it_was = 0
    missing: list[Form] = []
    for each in waiting:
        theirs = wanted.of(each.slot)
        if each.delivery_id in unwanted or theirs is None:
            continue
        await _move(connection, settings, each, theirs, now)
        variant = _variant(each, wanted, theirs)
        if variant == each.variant:
            continue
        form = (each.edition_id, variant)
        message_id = await choices.message_of(connection, *form)
        if message_id is None and form not in made:
            missing.append(form)
            continue
        if message_id is None and (composed := made[form]) is not None:
            if composed.composed is None:
                unwanted.append(each.delivery_id)  # nothing of the edition is left for them
                continue
            message_id = await late.store(connection, composed, at=now)
            if message_id is None:
                missing.append(form)
                continue
        as_it_was += message_id is None or not await choices.hand_over(connection, each.delivery_id, message_id)
    if missing:
        raise MissingFormsError(subscriber_id, tuple(missing))
    return Followed(await choices.drop(connection, unwanted, reason=DropReason.LEFT, at=now), as_it_was)


def _variant(each: Queued, wanted: Choices, theirs: SlotChoice) -> Variant:
    return replace(
        each.variant,
        language=wanted.language,
        format=wanted.format,
        sections=theirs.sections,
        headlines=wanted.headlines,
        words=wanted.words,
    )


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
    await choices.move(connection, each.delivery_id, due_at=due_at, deadline_at=deadline_at)

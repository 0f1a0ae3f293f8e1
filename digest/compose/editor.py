"""From the timetable to editions: open, choose, release, hold, cancel.

`open_due` and `advance` are passes: the worker calls them again and again, on any number of machines, and each call
carries on where the rows say. Opening and choosing are two transactions, so that a worker that dies between them leaves
an open edition for the next pass; the articles and their places are stored before anything is rendered. Of the planned
times that were missed only the latest is opened: membership is by set, so that one edition brings all that is new. What
is too late to be sent without a surprise is held, and released by a person only.

A little longer than a module should be: the acts of an edition's life are read side by side.

Events: `edition.opened`, `edition.chosen`, `edition.nothing_new`, `edition.held`, `edition.not_composed`,
`edition.cancelled`, `edition.not_looked_at`, and those of the composer.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest import schedule
from digest.clock import Clock
from digest.compose import composer, select
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import (
    Connection,
    Database,
    alerts,
    articles,
    corrections,
    editions,
    kept_mails,
    messages,
    most_read,
    most_shared,
    slots,
    stories,
)
from digest.database.slots import SlotHistory
from digest.errors import AdvertNotReadyError, DatabaseUnavailableError, DigestError, WrongStateError
from digest.events import event, failure
from digest.models.articles import Article
from digest.models.deliveries import DropReason
from digest.models.editions import Edition, EditionState, PlacedArticle, Slot
from digest.models.shares import SharedOften

LOOKED_AHEAD = timedelta(minutes=2)
"""So long before an edition's planned time the pages of its articles are looked at once more."""
_DEADLINE_OF_UNKNOWN_SLOT = timedelta(hours=3)

Look = Callable[[Collection[int]], Awaitable[object]]
"""Looks at the pages of these articles, by their ids, within a time limit of its own."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A cancelled edition: how many deliveries were dropped, and how many articles the next one may bring."""

    edition: Edition
    dropped: int
    given_back: int


async def open_due(database: Database, settings: Settings, slot: Slot, *, clock: Clock) -> Edition | None:
    """Open and choose the slot's edition for its latest planned time whose cut-off has come.

    None when there is no such time, when it was decided before, or when there is nothing new: such a time is over,
    and what comes later goes into the next one.
    """
    now = clock()
    until = now + slot.cutoff
    history, unfinished = await _look_back(database, slot, until=until)
    if history is None:
        async with database.begin() as connection:
            await slots.know_slots(connection, [slot.name], now=now)
        history = SlotHistory(since_at=now, decided_at=None)
    after = history.since_at if history.decided_at is None else max(history.since_at, history.decided_at)
    planned_at = schedule.latest_planned(slot.crontab, settings.zone, after=after, until=until)
    if planned_at is not None:
        edition_id = await open_planned(database, slot, planned_at, now=now)
    else:
        edition_id = unfinished.id if unfinished else None
    return None if edition_id is None else await choose_articles(database, slot, edition_id, now=now)


async def open_now(
    database: Database,
    settings: Settings,  # noqa: ARG001 (the acts on a slot are called alike)
    slot: Slot,
    *,
    clock: Clock,
    planned_at: datetime | None = None,
) -> Edition | None:
    """Open and choose an edition out of turn, planned for now or for `planned_at`; None if there is nothing new."""
    now = clock()
    async with database.begin() as connection:
        await slots.know_slots(connection, [slot.name], now=now)
        edition_id = await editions.open_edition(connection, slot, planned_at=planned_at or now, cutoff_at=now)
    return None if edition_id is None else await choose_articles(database, slot, edition_id, now=now)


async def open_planned(database: Database, slot: Slot, planned_at: datetime, *, now: datetime) -> int | None:
    """Decide the planned time and open its edition: the first step of `open_due`. None if somebody was faster."""
    async with database.begin() as connection:
        if not await slots.decide(connection, slot.name, planned_at, until=now + slot.cutoff):
            return None
        edition_id = await editions.open_edition(
            connection, slot, planned_at=planned_at, cutoff_at=planned_at - slot.cutoff
        )
    if edition_id is not None:
        event("edition.opened", edition_id=edition_id, slot=slot.name, planned_at=planned_at.isoformat())
    return edition_id


async def choose_articles(database: Database, slot: Slot, edition_id: int, *, now: datetime) -> Edition | None:
    """Choose and store the articles of an open edition: the second step. None if it was not open, or is removed.

    An edition with fewer articles than the slot's minimum is removed; its articles stay free for the next one.
    """
    async with database.begin() as connection:
        since_at = await slots.lock(connection, slot.name)
        edition = await editions.take_open(connection, edition_id, now=now)
        if edition is None:
            return None
        free = await _free_articles(connection, slot, since_at=since_at, cutoff_at=edition.cutoff_at)
        placements = select.choose(slot, free, *await _stories(connection, slot, free))
        if placements:
            await corrections.take(connection, edition)
            lines = await most_read.latest(connection, now=now, limit=slot.most_read) if slot.most_read else []
            await editions.place(connection, edition, placements, lines, await shared_most(connection, slot, now=now))
            edition = await editions.get_edition(connection, edition_id)
        else:
            await editions.forget(connection, edition_id)
    if not placements:
        event("edition.nothing_new", slot=slot.name, planned_at=edition.planned_at.isoformat(), free=len(free))
        return None
    event("edition.chosen", edition_id=edition_id, slot=slot.name, articles=len(placements))
    return edition


async def plan(
    database: Database,
    settings: Settings,  # noqa: ARG001 (the acts on a slot are called alike)
    slot: Slot,
    *,
    now: datetime,
) -> list[PlacedArticle]:
    """Return what would be chosen for the slot now, storing nothing; empty when that would make no edition."""
    async with database.read() as connection:
        history = await slots.get_history(connection, slot.name, until=now)
        since_at = now if history is None else history.since_at
        free = await _free_articles(connection, slot, since_at=since_at, cutoff_at=now)
        stories = await _stories(connection, slot, free)
        hosts = await articles.picture_hosts(connection)
    by_id = {article.id: article for article in free}
    placed = [
        PlacedArticle(placement, by_id[placement.article_id]) for placement in select.choose(slot, free, *stories)
    ]
    return composer.with_https_pictures(placed, hosts)


async def shared_most(connection: Connection, slot: Slot, *, now: datetime) -> list[SharedOften]:
    """Return the slot's lines of 많이 보낸 기사: of about a week, and only what enough different people sent."""
    since = (now - timedelta(days=most_shared.DAYS - 1)).date()
    least = most_shared.SHOWN_FROM_SENDERS
    return await most_shared.ranked(connection, since=since, senders=least, limit=slot.most_shared)


async def advance(
    database: Database, settings: Settings, renderer: Renderer, *, clock: Clock, look: Look | None = None
) -> list[Edition]:
    """Release every chosen edition, or hold it when it is past its deadline; return those that moved.

    Shortly before its first delivery `look` is asked to look at its articles' pages once more, and what was composed
    earlier is composed anew (`renewal`) if that brings something else. One that cannot be composed stays chosen, raises
    an alert and is tried again by the next pass; it stops no other.
    """
    async with database.read() as connection:
        chosen = await editions.list_in_state(connection, EditionState.CHOSEN)
        composed = await editions.list_in_state(connection, EditionState.RELEASED)
    for edition in (*chosen, *composed):
        is_near = edition.planned_at - LOOKED_AHEAD <= clock() < edition.deadline_at
        if look is not None and is_near and edition.looked_at is None:
            await look_again(database, edition.id, look, clock=clock)
    moved = [edition.id for edition in chosen if await _advance_one(database, settings, renderer, edition, now=clock())]
    async with database.read() as connection:
        return [await editions.get_edition(connection, edition_id) for edition_id in moved]


async def look_again(database: Database, edition_id: int, look: Look, *, clock: Clock) -> None:
    """Have the pages of an edition's articles looked at, and show what they say now if it is not composed yet.

    Whatever goes wrong with looking: the edition goes out with what is stored.
    """
    async with database.read() as connection:
        placed = await editions.placed_articles(connection, edition_id)
    try:
        await look([one.article.id for one in placed if one.placement.role in select.SHOWN])
    except DatabaseUnavailableError:
        raise
    except Exception as error:
        failure("edition.not_looked_at", edition_id=edition_id, exc_info=error)
    async with database.begin() as connection:
        await editions.note_looked(connection, edition_id, at=clock())


async def release(
    database: Database, settings: Settings, renderer: Renderer, edition_id: int, *, clock: Clock
) -> Edition:
    """Release a chosen or held edition because a person says so, with a deadline counted from now.

    One that was held while it was being sent goes on; it is not composed again. Raises `WrongStateError` for any other.
    """
    now = clock()
    slot_deadline = _deadline(settings, (await _get(database, edition_id)).slot)
    async with database.begin() as connection:
        edition = await editions.get_edition(connection, edition_id)
        if edition.state not in editions.RELEASABLE:
            raise _wrong_state(edition, "a chosen or held edition can be released")
        deadline_at = max(edition.deadline_at, now + slot_deadline)
        goes_on = await editions.mark_released_again(connection, edition_id, deadline_at=deadline_at)
        if goes_on:
            await messages.move_deadline(connection, edition_id, deadline_at=deadline_at)
            await alerts.resolve(connection, f"edition:{edition_id}", at=now)
    if goes_on:
        event("edition.released", edition_id=edition_id, slot=edition.slot, again=True)
    elif not await composer.compose_edition(
        database, settings, renderer, edition, states=editions.RELEASABLE, deadline_at=deadline_at, now=now
    ):
        raise _wrong_state(await _get(database, edition_id), "a chosen or held edition can be released")
    return await _get(database, edition_id)


async def cancel(
    database: Database, edition_id: int, *, reason: str, give_back: bool | None, clock: Clock
) -> Cancelled:
    """Cancel an edition that is not done, and drop what of it waits to be sent.

    `give_back`: the slot's next edition may bring its articles; None: if nobody can have read it yet, which is looked
    at when nothing more of it can be sent. Raises `WrongStateError` for one that is done or cancelled.
    """
    now = clock()
    async with database.begin() as connection:
        if not await editions.mark_cancelled(connection, edition_id, reason=reason):
            edition = await editions.get_edition(connection, edition_id)
            raise _wrong_state(edition, "an edition that is not done can be cancelled")
        dropped = await messages.drop_waiting(connection, edition_id, reason=DropReason.CANCELLED, at=now)
        await kept_mails.drop_seeds(connection, edition_id, reason=DropReason.CANCELLED, at=now)
        if give_back is None:
            give_back = not await messages.may_have_arrived(connection, edition_id)
        given_back = await editions.give_back(connection, edition_id, at=now) if give_back else 0
        if give_back:
            await corrections.give_back(connection, edition_id)
        await alerts.resolve(connection, f"edition:{edition_id}", at=now)
        edition = await editions.get_edition(connection, edition_id)
    event("edition.cancelled", edition_id=edition_id, slot=edition.slot, dropped=dropped, given_back=given_back)
    return Cancelled(edition, dropped, given_back)


async def hold(database: Database, edition_id: int, *, reason: str) -> Edition:
    """Hold a chosen, released or sending edition until a person releases it; nothing more of it is sent."""
    async with database.begin() as connection:
        if not await editions.mark_held(connection, edition_id, states=editions.HOLDABLE, reason=reason):
            edition = await editions.get_edition(connection, edition_id)
            raise _wrong_state(edition, "a chosen, released or sending edition can be held")
        edition = await editions.get_edition(connection, edition_id)
    event("edition.held", edition_id=edition_id, slot=edition.slot)
    return edition


async def _advance_one(
    database: Database, settings: Settings, renderer: Renderer, edition: Edition, *, now: datetime
) -> bool:
    if now >= edition.deadline_at:
        return await _hold_late(database, edition, now=now)
    try:
        return await composer.compose_edition(
            database,
            settings,
            renderer,
            edition,
            states={EditionState.CHOSEN},
            deadline_at=edition.deadline_at,
            now=now,
        )
    except DatabaseUnavailableError:
        raise  # an alert could not be stored either
    except AdvertNotReadyError as error:
        return await _hold(database, edition, str(error), "Then send it with:", now=now)
    except Exception as error:  # whatever is wrong with this edition must not stop the others
        failure("edition.not_composed", edition_id=edition.id, slot=edition.slot, exc_info=error)
        # The words of a foreign error may hold a reader's address; they are in the log only.
        why = str(error) if isinstance(error, DigestError) else f"{type(error).__name__}, see the log"
        text = f"Edition {edition.id} ({edition.title}) cannot be composed and is tried again: {why}"
        async with database.begin() as connection:
            await alerts.raise_alert(connection, f"edition:{edition.id}", text, at=now)
        return False


async def _hold_late(database: Database, edition: Edition, *, now: datetime) -> bool:
    reason = f"past its deadline ({edition.deadline_at:%Y-%m-%d %H:%M} UTC)"
    return await _hold(database, edition, reason, "It is not sent on its own any more. Send it with:", now=now)


async def _hold(database: Database, edition: Edition, reason: str, hint: str, *, now: datetime) -> bool:
    text = (
        f"Edition {edition.id} ({edition.title}) is held: {reason}. {hint} digest editions release {edition.id}. "
        f"Or give its articles to the next one with: digest editions cancel {edition.id}"
    )
    async with database.begin() as connection:
        is_held = await editions.mark_held(connection, edition.id, states={EditionState.CHOSEN}, reason=reason)
        if is_held:
            await alerts.raise_alert(connection, f"edition:{edition.id}", text, at=now)
    if is_held:
        event("edition.held", edition_id=edition.id, slot=edition.slot)
    return is_held


async def _look_back(database: Database, slot: Slot, *, until: datetime) -> tuple[SlotHistory | None, Edition | None]:
    async with database.read() as connection:
        history = await slots.get_history(connection, slot.name, until=until)
        return history, await editions.left_open(connection, slot.name)


async def _free_articles(
    connection: Connection, slot: Slot, *, since_at: datetime, cutoff_at: datetime
) -> Sequence[Article]:
    free = await slots.free_articles(connection, slot.name, since_at=since_at, cutoff_at=cutoff_at)
    stored = await articles.load_revisions(connection, free)
    return [stored[each] for each in free]


async def _stories(
    connection: Connection, slot: Slot, free: Sequence[Article]
) -> tuple[dict[int, int], frozenset[int], frozenset[int]]:
    """Return the story of each article that tells one with others, those the slot has shown, those a person made."""
    told = await stories.story_of(connection, [article.id for article in free])
    shown = await slots.shown_articles(
        connection, slot.name, {one for story in told.values() for one in story.article_ids}
    )
    by_article = {article_id: story.id for article_id, story in told.items()}
    known = frozenset(story.id for story in told.values() if shown.intersection(story.article_ids))
    return by_article, known, frozenset(story.id for story in told.values() if story.is_by_person)


async def _get(database: Database, edition_id: int) -> Edition:
    async with database.read() as connection:
        return await editions.get_edition(connection, edition_id)


def _deadline(settings: Settings, slot_name: str) -> timedelta:
    slot = settings.slot(slot_name)
    return slot.deadline if slot and slot.deadline else _DEADLINE_OF_UNKNOWN_SLOT


def _wrong_state(edition: Edition, rule: str) -> WrongStateError:
    return WrongStateError(f"Edition {edition.id} is {edition.state}; only {rule}.")

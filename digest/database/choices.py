"""What readers chose, and what of it holds for the mails that already wait for them.

Choices decide who is in an edition's audience, as which variant and from when (`audience`, `messages`). A change holds
at once: what waits is dropped, moved to another hour, or handed over to the edition's message of the other variant, if
there is one; `subscribe.preferences` decides which. Every act on a delivery has its condition inside the update and
makes claims on it void, so that a worker that has claimed it sends nothing of the old.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from digest.database.connection import Connection
from digest.database.drops import dropped
from digest.database.once import insert_once
from digest.database.tables import (
    deliveries,
    delivery_id,
    edition_articles,
    editions,
    is_waiting,
    messages,
    subscribers,
    subscriptions,
)
from digest.errors import NotFoundError
from digest.models.deliveries import DeliveryState, DropReason
from digest.models.editions import EditionState
from digest.models.readers import Choices, SlotChoice, SubscriberState, Variant

_LATEST = 30  # editions of a slot whose sections are offered
_MAY_CHOOSE = (SubscriberState.ACTIVE, SubscriberState.PAUSED)
_IN_HAND = (EditionState.CHOSEN, EditionState.HELD)
_COMPOSED = (EditionState.RELEASED, EditionState.SENDING, EditionState.HELD)

_d = deliveries.c


@dataclass(frozen=True, slots=True)
class Queued:
    """A delivery of an edition that waits for a reader. `is_untried`: it never came to an attempt."""

    delivery_id: int
    edition_id: int
    slot: str
    planned_at: datetime
    due_at: datetime
    deadline_at: datetime | None
    is_untried: bool
    variant: Variant


# ── choices ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def load(connection: Connection, subscriber_id: int) -> Choices:
    """Return what a reader chose, or raise `NotFoundError`."""
    row = (await connection.execute(sa.select(subscribers).where(subscribers.c.id == subscriber_id))).one_or_none()
    if row is None:
        raise NotFoundError("subscriber", subscriber_id)
    slots = await connection.execute(
        sa.select(subscriptions).where(subscriptions.c.subscriber_id == subscriber_id).order_by(subscriptions.c.slot)
    )
    return Choices(
        language=row.language,
        format=row.format,
        slots=tuple(
            SlotChoice(each.slot, each.weekdays, each.hour, tuple(each.sections.split(",")) if each.sections else ())
            for each in slots
        ),
        headlines=row.headlines,
        words=tuple(row.words.split(",")) if row.words else (),
        paused_until=row.paused_until if row.state is SubscriberState.PAUSED else None,
    )


async def save(connection: Connection, subscriber_id: int, choices: Choices, *, at: datetime) -> bool:
    """Store what a reader chose; False, and nothing is changed, for one who is neither active nor paused.

    Slots that they already get keep the time since when.
    """
    state = SubscriberState.ACTIVE if choices.paused_until is None else SubscriberState.PAUSED
    changed = await connection.execute(
        sa.update(subscribers)
        .where(subscribers.c.id == subscriber_id, subscribers.c.state.in_(_MAY_CHOOSE))
        .values(
            state=state,
            language=choices.language,
            format=choices.format,
            headlines=choices.headlines,
            words=",".join(choices.words),
            paused_until=choices.paused_until,
        )
    )
    if changed.rowcount == 0:
        return False
    of_reader = subscriptions.c.subscriber_id == subscriber_id
    kept = [each.slot for each in choices.slots]
    await connection.execute(sa.delete(subscriptions).where(of_reader, subscriptions.c.slot.not_in(kept)))
    for each in choices.slots:
        values = {"weekdays": each.weekdays, "hour": each.hour, "sections": ",".join(each.sections)}
        await connection.execute(
            insert_once(connection, subscriptions).values(
                subscriber_id=subscriber_id, slot=each.slot, since_at=at, **values
            )
        )
        await connection.execute(
            sa.update(subscriptions).where(of_reader, subscriptions.c.slot == each.slot).values(**values)
        )
    return True


async def end_pauses(connection: Connection, *, now: datetime) -> int:
    """Make those active again whose pause is over; return how many."""
    ended = await connection.execute(
        sa.update(subscribers)
        .where(subscribers.c.state == SubscriberState.PAUSED, subscribers.c.paused_until <= now)
        .values(state=SubscriberState.ACTIVE, paused_until=None)
    )
    return ended.rowcount


async def sections_of(connection: Connection, slot: str) -> set[str]:
    """Return the names of the sections that the slot's latest editions held."""
    latest = (
        sa.select(editions.c.id)
        .where(editions.c.slot == slot)
        .order_by(editions.c.planned_at.desc())
        .limit(_LATEST)
        .scalar_subquery()
    )
    rows = await connection.execute(
        sa.select(edition_articles.c.section).where(edition_articles.c.edition_id.in_(latest)).distinct()
    )
    return set(rows.scalars())


# ── what waits ───────────────────────────────────────────────────────────────────────────────────────────────────


async def wait_for_releases(connection: Connection) -> None:
    """Wait for editions that are being released at this moment: their deliveries are seen afterwards.

    Without, a change in that very second would miss them (PostgreSQL; on SQLite only one writes at a time).
    """
    await connection.execute(
        sa.select(editions.c.id)
        .where(editions.c.state.in_(_IN_HAND))
        .order_by(editions.c.id)
        .with_for_update(read=True)
    )


def _numbers(subscriber_id: int) -> sa.Select[tuple[int]]:
    """The deliveries to a reader of the editions in hand, by their numbers: one look-up each."""
    return sa.select(delivery_id(editions.c.id, subscriber_id)).where(editions.c.state.in_(_COMPOSED))


async def queued(connection: Connection, subscriber_id: int) -> list[Queued]:
    """Return the deliveries of editions that wait for a reader."""
    rows = await connection.execute(
        sa.select(
            deliveries,
            editions.c.slot,
            editions.c.planned_at,
            messages.c.variant,
        )
        .join(editions, editions.c.id == _d.edition_id)
        .join(messages, messages.c.id == _d.message_id)
        .where(
            _d.id.in_(_numbers(subscriber_id)),
            is_waiting,
        )
        .order_by(_d.id)
    )
    return [
        Queued(
            delivery_id=row.id,
            edition_id=row.edition_id,
            slot=row.slot,
            planned_at=row.planned_at,
            due_at=row.due_at,
            deadline_at=row.deadline_at,
            is_untried=row.state is DeliveryState.QUEUED and row.attempts == 0,
            variant=Variant.of_key(row.variant),
        )
        for row in rows
    ]


async def drop(connection: Connection, delivery_ids: Collection[int], *, reason: DropReason, at: datetime) -> int:
    """Give up what waits of these; return how many."""
    if not delivery_ids:
        return 0
    which = (_d.id.in_(delivery_ids), is_waiting)
    return (await connection.execute(dropped(reason, at=at).where(*which))).rowcount


async def message_of(connection: Connection, edition_id: int, variant: Variant) -> int | None:
    """Return the edition's message of `variant`; None if there is none, or only one from before it was composed anew.

    One that nobody waits for is not renewed when something it shows is withdrawn: it must not be sent any more.
    """
    new = messages.alias("new")
    renewed_at = (
        sa.select(sa.func.max(new.c.created_at))
        .join(old := messages.alias("old"), old.c.replaced_by == new.c.id)
        .where(old.c.edition_id == edition_id)
        .scalar_subquery()
    )
    found = await connection.execute(
        sa.select(messages.c.id)
        .where(
            messages.c.edition_id == edition_id,
            messages.c.variant == variant.key,
            messages.c.replaced_by.is_(None),
            messages.c.created_at >= sa.func.coalesce(renewed_at, messages.c.created_at),
        )
        .order_by(messages.c.id.desc())
    )
    return found.scalars().first()


async def hand_over(connection: Connection, delivery_id: int, message_id: int) -> bool:
    """Have a waiting delivery send another message of its edition; False if it is on the wire."""
    moved = await connection.execute(
        sa.update(deliveries)
        .where(_d.id == delivery_id, is_waiting)
        .values(message_id=message_id, lease_owner=None, lease_until=None)
    )
    return moved.rowcount > 0


async def move(connection: Connection, delivery_id: int, *, due_at: datetime, deadline_at: datetime | None) -> bool:
    """Give a delivery that was never tried another time; False if it is on the wire meanwhile."""
    moved = await connection.execute(
        sa.update(deliveries)
        .where(_d.id == delivery_id, _d.state == DeliveryState.QUEUED, _d.attempts == 0)
        .values(due_at=due_at, deadline_at=deadline_at, in_turn=sa.false(), lease_owner=None, lease_until=None)
    )
    return moved.rowcount > 0


async def redirect(connection: Connection, subscriber_id: int, *, recipient: str, domain: str, provider: str) -> int:
    """Have the editions that wait for a reader go to their new address; return how many."""
    moved = await connection.execute(
        sa.update(deliveries)
        .where(
            _d.id.in_(_numbers(subscriber_id)),
            is_waiting,
        )
        .values(recipient=recipient, domain=domain, provider=provider, lease_owner=None, lease_until=None)
    )
    return moved.rowcount

"""Sweep up: what nobody holds any more, what is too late, what is finished. Run by every worker every few seconds.

Each step is one transaction whose conditions make a repeat do nothing:

    a dead worker's mails on the wire   -> uncertain, or queued again (by kind: `PREFERS_DOUBLE`)
    tried in time, past the deadline    -> dropped, too late
    never tried, past the deadline      -> its edition is held and a person told: old news is never sent by surprise
    editions with nothing left to send  -> done

Events: `delivery.abandoned`, `delivery.too_late`, `edition.held`, `edition.done`. Alert: `edition:ID`.
"""

from dataclasses import dataclass
from datetime import datetime

from digest.database import Database, alerts, attempts, deliveries
from digest.events import event, warning
from digest.models.deliveries import DeliveryState

_HELD = "Its deadline came before all of it could be sent."


@dataclass(frozen=True, slots=True)
class Settled:
    """What one sweep changed: deliveries now uncertain, queued again, dropped; editions held and done."""

    uncertain: int
    requeued: int
    dropped: int
    held: tuple[int, ...]
    done: tuple[int, ...]


async def settle(database: Database, *, now: datetime) -> Settled:
    """Sweep once and return what changed. Raises `DatabaseUnavailableError`; the next sweep makes up for it."""
    async with database.begin() as connection:
        uncertain, requeued = await attempts.expire(connection, now=now)
    if uncertain or requeued:
        warning("delivery.abandoned", uncertain=len(uncertain), queued_again=len(requeued))
    async with database.begin() as connection:
        dropped = await deliveries.drop_late(connection, now=now)
    if dropped:
        warning("delivery.too_late", dropped=dropped)
    held = await _hold_late(database, now)
    async with database.begin() as connection:
        done = await deliveries.finish_editions(connection, now=now)
    for edition_id in done:
        event("edition.done", edition_id=edition_id)
    return Settled(len(uncertain), len(requeued), dropped, tuple(held), tuple(done))


async def _hold_late(database: Database, now: datetime) -> list[int]:
    async with database.begin() as connection:
        held = await deliveries.hold_late_editions(connection, now=now, reason=_HELD)
        for edition_id in held:
            counts = await deliveries.counts(connection, edition_id)
            waiting = sum(counts.by_state.get(state, 0) for state in (DeliveryState.QUEUED, DeliveryState.DEFERRED))
            text = (
                f"Edition {edition_id} is held: its deadline came before all of it could be sent. "
                f"{waiting} of {counts.eligible} readers have not got it. "
                f"Send it to them with: digest editions release {edition_id}, "
                f"or give it up with: digest editions cancel {edition_id}"
            )
            await alerts.raise_alert(connection, f"edition:{edition_id}", text, at=now)
    for edition_id in held:
        warning("edition.held", edition_id=edition_id, reason="deadline")
    return held

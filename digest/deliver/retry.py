"""Decide when a deferred delivery is tried again, or that it is not. Pure: time and random number are passed in.

After the first charged try a minute, then 5, 15, 30 and 60 minutes, each ±20 %, so that a hundred thousand deferred
at once do not come back at once. What was the relay's fault is charged to nobody: a broken connection is repeated soon,
a refusal of the relay after five minutes; the sender pauses by itself when they follow one another. Nothing is tried
past its deadline, or 48 hours after it was made where it has none: old news is worse than none.
"""

from datetime import datetime, timedelta

from digest.models.deliveries import Delivery, Outcome

_STEPS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60))
_AFTER_LOST_CONNECTION = timedelta(seconds=15)
_AFTER_RELAYS_REFUSAL = timedelta(minutes=5)
_JITTER = 0.2
_WITHOUT_DEADLINE = timedelta(hours=48)
_LEAVING = 421


def last_try_at(delivery: Delivery) -> datetime:
    """Return the moment from which on `delivery` is not tried any more."""
    return delivery.deadline_at or delivery.created_at + _WITHOUT_DEADLINE


def next_try_at(delivery: Delivery, outcome: Outcome, *, now: datetime, chance: float) -> datetime | None:
    """Return when to try again after `outcome`, or None if that would be too late. `chance` is from 0 to 1."""
    wait = _wait(delivery.attempt, outcome) * (1 + _JITTER * (2 * chance - 1))
    due_at = now + wait
    return due_at if due_at < last_try_at(delivery) else None


def _wait(charged_before: int, outcome: Outcome) -> timedelta:
    if outcome.charged:
        return _STEPS[min(charged_before, len(_STEPS) - 1)]
    if outcome.reply is None or outcome.reply.code == _LEAVING:
        return _AFTER_LOST_CONNECTION
    return _AFTER_RELAYS_REFUSAL

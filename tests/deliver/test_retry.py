"""When a deferred delivery is tried again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from digest.addresses import parse
from digest.deliver.retry import next_try_at
from digest.models.deliveries import Delivery, DeliveryState, Lane, Outcome, Reply

NOW = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
FULL = Outcome(DeliveryState.DEFERRED, Reply(452, "4.2.2", "full"))
DELIVERY = Delivery(1, 1, 1, 1, parse("a@b.example"), Lane.BULK, 0, NOW, None)


def _waits(outcome: Outcome, tries: int) -> timedelta:
    due_at = next_try_at(replace(DELIVERY, attempt=tries), outcome, now=NOW, chance=0.5)
    assert due_at is not None
    return due_at - NOW


def test_the_waits_grow_to_an_hour() -> None:
    """A full mailbox is not emptied by asking every minute."""
    minutes = [_waits(FULL, tries).total_seconds() / 60 for tries in range(7)]
    assert minutes == [1, 5, 15, 30, 60, 60, 60]


def test_a_broken_connection_is_repeated_soon_and_a_relays_refusal_after_a_while() -> None:
    """Neither is the reader's fault; only the second is likely to come again at once."""
    broken = Outcome(DeliveryState.DEFERRED, None, charged=False)
    leaving = Outcome(DeliveryState.DEFERRED, Reply(421, "", "bye"), charged=False)
    denied = Outcome(DeliveryState.DEFERRED, Reply(554, "5.7.1", "denied"), charged=False)
    assert _waits(broken, 0) == _waits(leaving, 0) == timedelta(seconds=15)
    assert _waits(denied, 0) == timedelta(minutes=5)


@given(chance=st.floats(0, 1), tries=st.integers(0, 50))
def test_the_next_try_is_spread_but_never_past_the_deadline(chance: float, tries: int) -> None:
    """A hundred thousand deferred at once must not come back at once, and old news is not sent."""
    deadline = NOW + timedelta(minutes=45)
    due_at = next_try_at(replace(DELIVERY, attempt=tries, deadline_at=deadline), FULL, now=NOW, chance=chance)
    if due_at is None:
        assert tries >= 3
    else:
        assert NOW + timedelta(seconds=48) <= due_at < deadline


def test_a_try_that_would_come_at_the_deadline_is_none() -> None:
    """A claim asks for a deadline yet to come: the delivery would wait for nothing."""
    due_at = NOW + _waits(FULL, 0)
    assert next_try_at(replace(DELIVERY, deadline_at=due_at), FULL, now=NOW, chance=0.5) is None


def test_without_a_deadline_it_is_given_up_after_two_days() -> None:
    """A mail nobody set an end for must not be tried for ever."""
    late = NOW + timedelta(hours=47, minutes=30)
    assert next_try_at(replace(DELIVERY, attempt=9), FULL, now=late, chance=0.5) is None
    assert next_try_at(DELIVERY, FULL, now=late, chance=0.5) is not None

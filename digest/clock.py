"""The only module that asks the time.

Everything else is handed a `Clock`, a plain callable that returns an aware UTC datetime. Tests hand in a stopped one.
Durations on one machine are measured with `monotonic_seconds`, which a jumping wall clock does not touch.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def monotonic_seconds() -> float:
    """Return seconds that only ever grow, for measuring durations and timeouts."""
    return time.monotonic()

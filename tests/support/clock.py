"""A clock that stands still until it is moved."""

from datetime import UTC, datetime, timedelta


class StoppedClock:
    """Call it for the time; `advance` or `set` it. Starts on a Monday, 07:00 in Seoul."""

    def __init__(self, at: datetime = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **parts: float) -> datetime:
        """Move on by `timedelta(**parts)` and return the new time."""
        self.at += timedelta(**parts)
        return self.at

    def set(self, at: datetime) -> None:
        """Jump to `at`, forward or backward."""
        self.at = at

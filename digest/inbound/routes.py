"""The table of what a kept mail may be: (question, act), asked from the top; the first answer decides.

A question is pure: it gets the mail and the settings and returns what it found, or None for "not mine". The act gets
what its question has found, and the connection of the one transaction in which the mail's outcome is written, too: it
must not open another (on SQLite it would wait for itself), must not catch `DatabaseUnavailableError`, and need not
think of being called twice: after it was committed it is not. What it sends it queues as a delivery, what it logs it
logs when that is committed (`when_committed`), because it may be undone and done anew.

The order: what the address says by a token of ours, notices and complaints, what machines answer, commands, people.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from digest.config import Settings
from digest.database import Connection
from digest.inbound import hear, leaving, people
from digest.inbound.arrival import Arrival, Means
from digest.models.inbound import Acted

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Route(Generic[Found]):
    """One row: `name` for the log; the question, and the act for what it finds."""

    name: str
    question: Callable[[Arrival, Settings], Found | None]
    act: Callable[[Connection, Means, Arrival, Found], Awaitable[Acted]]


ROUTES: tuple[Route[Any], ...] = (  # Any: each row has a finding of its own
    Route("leave", leaving.question, leaving.leave),
    Route("never", leaving.never_question, leaving.refuse),
    Route("notice", hear.question, hear.act),
    Route("machines", people.machine_question, people.put_aside),
    Route("people", people.person_question, people.hear),
)

"""What operators must act on."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Alert:
    """What a person must know. One row per `matter` ("source:gaon", "relay"); `count` times since `first_at`."""

    matter: str
    text: str
    first_at: datetime
    last_at: datetime
    count: int
    mailed_at: datetime | None = None
    resolved_at: datetime | None = None

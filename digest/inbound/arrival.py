"""What the questions and acts of `routes` are given: a kept mail, and what acts work with."""

from dataclasses import dataclass, field
from datetime import datetime

from digest.compose.render import Renderer
from digest.config import Settings
from digest.models.inbound import RawMail
from digest.subaddress import Addressed
from digest.subscribe.waiting import Made


@dataclass(frozen=True, slots=True)
class Arrival:
    """A kept mail, and what the address says that it came to."""

    mail: RawMail
    addressed: Addressed


@dataclass(frozen=True, slots=True)
class Means:
    """What acts work with, besides the connection. `made`: mails that wait, in the form that a choice wanted."""

    settings: Settings
    renderer: Renderer
    now: datetime
    made: Made = field(default_factory=dict)

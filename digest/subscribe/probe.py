"""Trying a mailbox: queue the probe to a reader whose mails came back (`deliver.feedback` decides when).

It goes out in the first lane within three days, once per reader and day, and only to a reader who is active: one who
pauses is written to by nothing, a probe neither.
"""

from datetime import datetime, timedelta
from functools import partial

from digest.compose.kinds import probe
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Connection, messages
from digest.deliver.feedback import Ear
from digest.models.deliveries import Lane, MessageKind, NewMessage
from digest.models.readers import Subscriber, SubscriberState

_GIVEN_UP_AFTER = timedelta(days=3)


def ear(settings: Settings, renderer: Renderer, way: str, *, now: datetime) -> Ear:
    """Return what `feedback.hear` works with."""
    return Ear(settings, partial(queue, settings, renderer), way, now)


async def queue(
    settings: Settings, renderer: Renderer, connection: Connection, reader: Subscriber, now: datetime
) -> int | None:
    """Queue the mail; return its delivery, None if there is none to be made. Raises `TemplateError`."""
    if reader.state is not SubscriberState.ACTIVE:
        return None
    mail = probe.compose(renderer, settings, reader.language)
    key = f"probe:{reader.id}:{now:%Y-%m-%d}"
    message = NewMessage(key=key, kind=MessageKind.PROBE, variant="", language=reader.language, mail=mail)
    return await messages.queue_one(
        connection,
        message,
        reader.address,
        lane=Lane.FIRST,
        at=now,
        deadline_at=now + _GIVEN_UP_AFTER,
        subscriber_id=reader.id,
    )

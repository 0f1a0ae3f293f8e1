"""A mail that no server may be given: hold its edition and tell a person, once per message.

It would be the same for every reader, so the list must not burn through it: the edition is held, and what was claimed
of it waits for the repair. A single mail is refused by ourselves.

Events: `delivery.unsendable`. Alerts: `edition:ID`, `message:ID`.
"""

import asyncio

from digest.clock import Clock
from digest.database import Database, alerts, editions
from digest.deliver.waiting import cancelled
from digest.errors import DatabaseUnavailableError, UnsendableMailError
from digest.events import failure
from digest.models import Delivery, DeliveryState, EditionState, Outcome


class Unsendable:
    """Deals with mails that cannot be sent, in the background."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._telling: dict[int, asyncio.Task[None]] = {}  # by message

    def outcome(self, delivery: Delivery, error: UnsendableMailError) -> Outcome:
        """Begin to hold and tell, and return what this delivery comes to."""
        if delivery.message_id not in self._telling:
            failure("delivery.unsendable", delivery_id=delivery.id, message_id=delivery.message_id, reason=str(error))
            task = asyncio.create_task(self._tell(delivery, error))
            self._telling[delivery.message_id] = task
            task.add_done_callback(lambda _: self._telling.pop(delivery.message_id, None))
        if delivery.edition_id is None:
            return Outcome(DeliveryState.REFUSED, detail=str(error))
        return Outcome(DeliveryState.DEFERRED, detail=str(error), charged=False)

    async def finish(self, seconds: float) -> None:
        """Wait until everything is told, but no longer than `seconds`."""
        tasks = list(self._telling.values())
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)
            await cancelled(tasks)

    async def _tell(self, delivery: Delivery, error: UnsendableMailError) -> None:
        edition_id, now = delivery.edition_id, self._clock()
        matter = f"message:{delivery.message_id}" if edition_id is None else f"edition:{edition_id}"
        text = f"Message {delivery.message_id} cannot be sent. {error}"
        try:
            async with self._database.begin() as connection:
                if edition_id is not None:
                    states = (EditionState.RELEASED, EditionState.SENDING)
                    await editions.mark_held(connection, edition_id, states=states, reason=text)
                    text += f" The edition is held. See: digest editions show {edition_id}"
                await alerts.raise_alert(connection, matter, text, at=now)
        except DatabaseUnavailableError as trouble:  # the next delivery finds the same
            failure("delivery.unsendable", message_id=delivery.message_id, reason=str(trouble))

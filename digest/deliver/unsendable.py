"""A mail that no server may be given: hold its edition and tell a person.

It would be the same for every reader, so the list must not burn through it: the edition is held, and what was claimed
of it waits for the repair. A single mail is refused by ourselves.

Events: `delivery.unsendable`. Alerts: `edition:ID`, `message:ID`.
"""

from digest.deliver.stops import Stops, Told
from digest.errors import UnsendableMailError
from digest.events import failure
from digest.models.deliveries import Delivery, DeliveryState, Outcome


def unsendable(stops: Stops, delivery: Delivery, error: UnsendableMailError) -> Outcome:
    """Begin to hold and tell, and return what this delivery comes to."""
    text = f"Message {delivery.message_id} cannot be sent. {error}"
    if delivery.edition_id is None:
        stops.tell_of_message(delivery.message_id, text)
        is_news = True
    else:
        told = f"{text} The edition is held. See: digest editions show {delivery.edition_id}"
        is_news = stops.hold_edition(delivery.edition_id, Told(text, told))
    if is_news:
        failure("delivery.unsendable", delivery_id=delivery.id, message_id=delivery.message_id, reason=str(error))
    if delivery.edition_id is None:
        return Outcome(DeliveryState.REFUSED, detail=str(error))
    return Outcome(DeliveryState.DEFERRED, detail=str(error), charged=False)

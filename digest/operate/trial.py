"""A mail sent to one address to see whether it arrives and how it looks.

It goes the way of every mail: stored as a message, queued in the first lane, sent by a worker. It belongs to no
edition and counts in none, and its leaving link is nobody's (`digest.operate.showing`). What came of it is read from
the ledger.
"""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import timedelta

from digest import addresses, clock
from digest.addresses import Address
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, deliveries, editions, messages
from digest.database.deliveries import StoredDelivery
from digest.errors import NotFoundError
from digest.models.deliveries import DeliveryState, Lane, Mail, MessageKind, NewMessage
from digest.models.editions import Edition, Slot
from digest.operate import showing

_UNSETTLED = (DeliveryState.QUEUED, DeliveryState.ATTEMPTING)
_LOOK_EVERY_SECONDS = 0.5
_GIVEN_UP_AFTER = timedelta(hours=1)
_LOOKED_AT = 50


@dataclass(frozen=True, slots=True)
class Trial:
    """A queued test mail. `what` says in words what it shows."""

    delivery_id: int
    recipient: Address
    subject: str
    what: str


async def queue_trial(settings: Settings, database: Database, address: str, slot_name: str | None) -> Trial:
    """Queue a mail to `address` and return it. `slot_name` None: the slot with the latest edition.

    Raises `BadAddressError`, `NotFoundError` for an unknown slot, or `TemplateError`.
    """
    recipient = addresses.parse(address)
    mail, what = await _mail(settings, database, slot_name)
    now = clock.utc_now()
    message = NewMessage(
        key=f"test:{uuid.uuid4()}", kind=MessageKind.DIGEST, variant="", language=settings.language, mail=mail
    )
    async with database.begin() as connection:
        delivery_id = await messages.queue_one(
            connection, message, recipient, lane=Lane.FIRST, at=now, deadline_at=now + _GIVEN_UP_AFTER
        )
    assert delivery_id is not None  # the key is new
    return Trial(delivery_id, recipient, mail.subject, what)


async def wait_until_settled(database: Database, trial: Trial, *, seconds: float) -> StoredDelivery:
    """Return how the mail stands once it is tried, or when `seconds` are over."""
    end = clock.monotonic_seconds() + seconds
    while True:
        async with database.read() as connection:
            theirs = await deliveries.list_for_address(connection, trial.recipient.key, limit=_LOOKED_AT)
        found = next((each for each in theirs if each.id == trial.delivery_id), None)
        if found is None:
            raise NotFoundError("delivery", trial.delivery_id)
        if (found.state not in _UNSETTLED) or clock.monotonic_seconds() >= end:
            return found
        await asyncio.sleep(_LOOK_EVERY_SECONDS)


async def _mail(settings: Settings, database: Database, slot_name: str | None) -> tuple[Mail, str]:
    renderer, language = Renderer(settings.templates_dir), settings.language
    edition = await _latest(database, slot_name)
    if edition is not None:
        mail = await showing.edition_mail(database, settings, renderer, edition.id, language)
        return mail, f"edition {edition.id} of {edition.slot}"
    slot = _slot(settings, slot_name)
    if slot is not None:
        try:
            mail = await showing.planned_mail(database, settings, renderer, slot, language, now=clock.utc_now())
        except NotFoundError:
            pass  # nothing is collected yet
        else:
            return mail, f"what {slot.name} would bring now"
    return await showing.specimen_mail(settings, renderer, language), "invented articles, as none are collected yet"


async def _latest(database: Database, slot_name: str | None) -> Edition | None:
    async with database.read() as connection:
        latest = await editions.list_editions(connection, limit=_LOOKED_AT, slot=slot_name)
    return next((edition for edition in latest if editions.is_public(edition)), None)


def _slot(settings: Settings, name: str | None) -> Slot | None:
    if name is None:
        return settings.editions[0] if settings.editions else None
    slot = settings.slot(name)
    if slot is None:
        raise NotFoundError("slot", f"{name!r} in EDITIONS")
    return slot

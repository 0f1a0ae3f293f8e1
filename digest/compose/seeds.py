"""Seeds: copies of an edition that go to the operator's own mailboxes at the large providers, before the readers.

In: the edition's main variant (the newspaper's language, HTML, all sections) as composed, and `SEED_ADDRESSES`. Out:
one message for all of them and a delivery each, queued in the first lane when the edition is released: with a cut-off
before the planned time there is time to look, and to hold the edition. They belong to no edition's sum, and the link
that leaves is nobody's (`nobody`). Unique by edition and address: releasing again queues nothing twice. An edition that
is composed anew has its seeds sent anew, and those that still wait are given up (`renew`). What the provider makes of a
seed changes nothing for the readers.
"""

from datetime import datetime

from digest.compose.nobody import with_nobodys_link
from digest.config import Settings
from digest.database import Connection, kept_mails, messages
from digest.models.deliveries import DropReason, Lane, Mail, MessageKind, NewMessage
from digest.models.editions import Edition
from digest.models.readers import Format, Variant


def main_variant(settings: Settings) -> Variant | None:
    """Return the variant that seeds are sent; None if there are no seeds."""
    return Variant(settings.language, Format.HTML) if settings.seed_addresses else None


async def queue(
    connection: Connection,
    settings: Settings,
    edition: Edition,
    mail: Mail,
    *,
    now: datetime,
    deadline_at: datetime,
    is_anew: bool = False,
) -> int:
    """Queue the edition's seeds and return how many are new. `mail` is the main variant's, with all its slots open.

    `is_anew`: the edition was composed anew at `now`, so what was queued for it before does not count.
    """
    message = NewMessage(
        key=kept_mails.seed_key(edition.id, composed_anew_at=now if is_anew else None),
        kind=MessageKind.DIGEST,
        variant="",
        language=settings.language,
        mail=with_nobodys_link(mail, settings),
        keeps_copy=True,
    )
    queued = 0
    for address in settings.seeds:
        delivery_id = await messages.queue_one(
            connection, message, address, lane=Lane.FIRST, at=now, deadline_at=deadline_at
        )
        queued += delivery_id is not None
    return queued


async def renew(
    connection: Connection, settings: Settings, edition: Edition, mail: Mail | None, *, at: datetime
) -> int:
    """Give up the seeds that wait and queue those of the edition as it is composed now; return how many.

    `mail` None: nothing is left of the main variant, or of the settings' seeds.
    """
    await kept_mails.drop_seeds(connection, edition.id, reason=DropReason.WITHDRAWN, at=at)
    if mail is None:
        return 0
    return await queue(connection, settings, edition, mail, now=at, deadline_at=edition.deadline_at, is_anew=True)

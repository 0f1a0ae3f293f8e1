"""Compose a variant of an edition after its release: for a reader whose new choices nobody had when it was composed.

In: an edition that still waits for somebody, and the variant they have just chosen. Out: a draft, rendered outside of
any transaction; then, in the caller's, a further message of the edition to hand the delivery over to. It is stored only
if nothing that it shows was withdrawn meanwhile, under a key made of its content: whoever chooses the same gets the
same message. Withdrawing later finds it like every other message (`renewal`).
"""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime

from digest.compose import composer, select
from digest.compose.composer import Brief
from digest.compose.kind import Composed
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Connection, Database, editions, messages
from digest.models.deliveries import MessageKind, NewMessage
from digest.models.readers import Variant


@dataclass(frozen=True, slots=True)
class Late:
    """A variant as composed from what the edition shows now. `composed` None: nothing is left of it for them."""

    brief: Brief
    variant: Variant
    composed: Composed | None


async def compose(
    database: Database, settings: Settings, renderer: Renderer, edition_id: int, variant: Variant
) -> Late:
    """Render the variant. Raises `TemplateError` for a mistake in a template."""
    async with database.read() as connection:
        edition, placed = await composer.load_edition(connection, edition_id)
        shown_in = await editions.shown_articles(connection, variant.had)
    brief = Brief(edition, tuple(placed), (), shown_in, (variant,))
    return Late(brief, variant, await asyncio.to_thread(composer.draft, renderer, settings, brief, variant))


async def store(connection: Connection, late: Late, *, at: datetime) -> int | None:
    """Store the message and return its id; None where something it shows was withdrawn: it must be composed anew."""
    assert late.composed is not None
    if not await composer.is_current(connection, late.brief):
        return None
    mail, edition_id = late.composed.mail, late.brief.edition.id
    told = hashlib.sha256(b"\0".join((late.variant.key.encode(), mail.headers, mail.text, mail.html))).hexdigest()
    message = NewMessage(
        key=f"late:{edition_id}:{told}",
        kind=MessageKind.DIGEST,
        variant=late.variant.key,
        language=late.variant.language,
        mail=mail,
        edition_id=edition_id,
    )
    message_id = await messages.store(connection, message, at=at)
    await messages.note_articles(connection, message_id, select.shown(late.brief.kept(late.variant)))
    return message_id

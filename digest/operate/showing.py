"""Mails to be looked at: an edition's, or what a slot would bring now, for an address that no reader has.

In: an edition or a slot. Out: a mail composed exactly as readers get it, but for the link that leaves, which is
nobody's (`digest.compose.nobody`). Nothing is stored here.
"""

import asyncio
from dataclasses import replace
from datetime import datetime

from digest.compose import composer, editor
from digest.compose.kinds import digest as digest_kind
from digest.compose.nobody import with_nobodys_link
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, blocks, most_read
from digest.errors import NotFoundError
from digest.models.deliveries import Mail
from digest.models.editions import Edition, EditionState, Slot
from digest.models.readers import Format, Variant


async def edition_mail(
    database: Database,
    settings: Settings,
    renderer: Renderer,
    edition_id: int,
    language: str,
    *,
    adverts: bool = False,
) -> Mail:
    """Return a stored edition's mail with all its sections. `adverts`: as readers get it who agreed to them.

    Raises `NotFoundError`, `WrongStateError` (nothing is chosen yet) or `TemplateError`.
    """
    variant = Variant(language, Format.HTML, adverts=adverts)
    mail = await composer.preview(database, settings, renderer, edition_id, variant)
    return with_nobodys_link(mail, settings)


async def planned_mail(
    database: Database,
    settings: Settings,
    renderer: Renderer,
    slot: Slot,
    language: str,
    *,
    now: datetime,
    adverts: bool = False,
) -> Mail:
    """Return the mail of the edition that would be made of `slot` now, `adverts` as above.

    Raises `NotFoundError` when nothing is new, or `TemplateError`.
    """
    placed = await editor.plan(database, settings, slot, now=now)
    if not placed:
        raise NotFoundError("new article", f"for {slot.name}, or fewer than its minimum")
    async with database.read() as connection:
        lines = await most_read.latest(connection, now=now, limit=slot.most_read) if slot.most_read else []
        shared = await editor.shared_most(connection, slot, now=now)
    edition = Edition(
        id=0,
        slot=slot.name,
        title=slot.title,
        planned_at=now,
        cutoff_at=now,
        deadline_at=now + slot.deadline,
        state=EditionState.CHOSEN,
        most_read=tuple(lines),
        most_shared=tuple(shared),
    )
    async with database.read() as connection:
        edition = replace(edition, blocks=await blocks.of_edition(connection, edition))
    composed = await asyncio.to_thread(
        digest_kind.compose,
        renderer,
        settings,
        edition=edition,
        articles=placed,
        variant=Variant(language, Format.HTML, adverts=adverts),
    )
    return with_nobodys_link(composed.mail, settings)


async def specimen_mail(settings: Settings, renderer: Renderer, language: str) -> Mail:
    """Return a digest of invented articles, for a service that has collected nothing yet."""
    composed = await asyncio.to_thread(digest_kind.specimen, renderer, settings, language)
    return with_nobodys_link(composed.mail, settings)

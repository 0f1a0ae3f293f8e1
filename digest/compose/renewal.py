"""Compose anew what still waits of an edition from which something was withdrawn while it was being sent, or whose
articles had changed at the last look before its first delivery.

In: editions that are stale (`database.renewals`); nothing of them goes out meanwhile. Out: for each variant that
readers still wait for a new message without what was withdrawn, to which their deliveries are handed over, all in one
transaction; where nothing is left, they are dropped. Who has been sent the old message is told in the next edition.
What was on the wire and comes back follows at the next pass. The seeds are sent anew, ahead of the readers who wait.
Rendered outside the transaction; if another article is withdrawn meanwhile, the edition is stale since a later moment,
the transaction changes nothing, and the next pass begins anew.

Event: `edition.renewed`.
"""

import asyncio
from datetime import datetime

from digest.clock import Clock
from digest.compose import composer, seeds, select
from digest.compose.composer import Brief
from digest.compose.kind import Composed
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Connection, Database, editions, messages, renewals
from digest.database.renewals import Waiting
from digest.events import event
from digest.models.deliveries import MessageKind, NewMessage
from digest.models.readers import Variant


async def renew_stale(database: Database, settings: Settings, renderer: Renderer, *, clock: Clock) -> list[int]:
    """Renew every stale edition; return the ids of those that were. Raises `TemplateError` for a wrong template."""
    async with database.begin() as connection:
        stale = await renewals.list_stale(connection)
        await renewals.catch_up(connection)
    return [
        edition_id
        for edition_id, since in stale
        if await _renew(database, settings, renderer, edition_id, since=since, clock=clock)
    ]


async def _renew(
    database: Database, settings: Settings, renderer: Renderer, edition_id: int, *, since: datetime, clock: Clock
) -> bool:
    async with database.read() as connection:
        edition, placed = await composer.load_edition(connection, edition_id)
        waiting = await renewals.waiting_messages(connection, edition_id)
        variants = {one.message_id: Variant.of_key(one.variant) for one in waiting}
        had = {earlier for variant in variants.values() for earlier in variant.had}
        shown_in = await editions.shown_articles(connection, had)
    brief = Brief(edition, tuple(placed), (), shown_in, tuple(variants.values()))
    drafts = {
        message_id: await asyncio.to_thread(composer.draft, renderer, settings, brief, variant)
        for message_id, variant in variants.items()
    }
    main = seeds.main_variant(settings) if waiting else None
    seed = await asyncio.to_thread(composer.draft, renderer, settings, brief, main) if main else None
    now = clock()
    handed_over = dropped = 0
    async with database.begin() as connection:
        if not await renewals.clear_stale(connection, edition_id, since=since):
            return False
        for one in waiting:
            composed = drafts[one.message_id]
            if composed is None:
                dropped += await renewals.drop(connection, edition_id, one.message_id, at=now)
                continue
            new = await _store(connection, brief, one, composed, at=now)
            handed_over += await renewals.hand_over(connection, edition_id, one.message_id, new)
        if waiting:
            await seeds.renew(connection, settings, edition, seed.mail if seed else None, at=now)
    event("edition.renewed", edition_id=edition_id, slot=edition.slot, waiting=handed_over, dropped=dropped)
    return True


async def _store(connection: Connection, brief: Brief, old: Waiting, composed: Composed, *, at: datetime) -> int:
    variant = Variant.of_key(old.variant)
    message = NewMessage(
        key=f"renewed:{brief.edition.id}:{old.message_id}:{at.isoformat()}",
        kind=MessageKind.DIGEST,
        variant=variant.key,
        language=variant.language,
        mail=composed.mail,
        edition_id=brief.edition.id,
    )
    message_id = await messages.store(connection, message, at=at)
    await messages.note_articles(connection, message_id, select.shown(brief.kept(variant)))
    return message_id

"""From a chosen edition to stored messages and deliveries.

In: an edition whose articles are placed. Out: one message per variant really in use, one delivery per reader, all in
one transaction whose first statement moves the edition to released; the second worker stops there and changes nothing.
Rendering takes long and needs no lock, so it is done before that transaction. The world may change meanwhile, which the
transaction finds out; it then undoes itself, and another round renders what is missing. Readers change (somebody
switches to text, another slot's edition reaches somebody): whoever has no message although something is left for them
must not be missed. An article is withdrawn: nothing rendered with it may go out.

Events: `edition.released`, `edition.audience_moved`, `edition.article_withdrawn`.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit, urlunsplit

import digest.compose.kinds.digest as digest_kind
from digest.compose import adverts, seeds, select
from digest.compose.kind import Composed
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import (
    Connection,
    Database,
    alerts,
    articles,
    audience,
    blocks,
    corrections,
    editions,
    messages,
    most_read,
    most_shared,
)
from digest.database.audience import Past
from digest.database.layers import substantial_change
from digest.errors import TryLaterError, WrongStateError
from digest.events import event
from digest.models.deliveries import Mail, MessageKind, NewMessage
from digest.models.editions import Edition, EditionState, PlacedArticle
from digest.models.readers import Variant

_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Brief:
    """What an edition's messages are made of, as it stood at one moment. `adverts`: it carries some."""

    edition: Edition
    placed: tuple[PlacedArticle, ...]
    earlier: tuple[Past, ...]
    shown_in: Mapping[int, frozenset[int]]
    variants: tuple[Variant, ...]
    adverts: bool = False

    def kept(self, variant: Variant) -> list[PlacedArticle]:
        """Return what of the edition the readers of `variant` are sent; nothing if no article would be shown."""
        return select.for_variant(self.placed, variant, self.shown_in)


_Drafts = dict[Variant, Composed | None]  # None: nothing is left of the edition for this variant


class _AudienceMovedError(TryLaterError):
    """Readers changed while the edition was rendered, and some of them would be missed."""


class _ArticleWithdrawnError(TryLaterError):
    """Something that the edition was rendered with has been withdrawn."""


async def compose_edition(
    database: Database,
    settings: Settings,
    renderer: Renderer,
    edition: Edition,
    *,
    states: Collection[EditionState],
    deadline_at: datetime,
    now: datetime,
) -> bool:
    """Render the edition for all its variants and release it from one of `states`; False if it was not in one.

    Raises `TemplateError` when a template is wrong, `AdvertNotReadyError` when it carries an advert and the settings do
    not say who sends it; the edition then stays as it is.
    """
    drafts: _Drafts = {}
    for _ in range(_ROUNDS):
        async with database.read() as connection:
            brief = await _brief(connection, settings, edition.id, now=now)
        adverts.require_particulars(brief.edition, settings)
        main = seeds.main_variant(settings)
        for variant in (*brief.variants, *([main] if main else [])):
            if variant not in drafts:
                drafts[variant] = await asyncio.to_thread(draft, renderer, settings, brief, variant)
        try:
            return await _release(database, settings, brief, drafts, states=states, deadline_at=deadline_at, now=now)
        except _AudienceMovedError:
            event("edition.audience_moved", edition_id=edition.id)
        except _ArticleWithdrawnError:
            drafts.clear()
            event("edition.article_withdrawn", edition_id=edition.id)
    raise TryLaterError(f"The readers or articles of edition {edition.id} kept changing while it was composed.")


async def preview(
    database: Database, settings: Settings, renderer: Renderer, edition_id: int, variant: Variant
) -> Mail:
    """Return the mail that readers of `variant` are sent, storing nothing.

    Raises `WrongStateError` for an edition without chosen articles, and when nothing is left for the variant.
    """
    async with database.read() as connection:
        edition, placed = await load_edition(connection, edition_id)
        shown_in = await editions.shown_articles(connection, variant.had)
    if edition.state is EditionState.OPEN:
        raise WrongStateError(f"Edition {edition_id} is still open: its articles are not chosen yet.")
    brief = Brief(edition, tuple(placed), (), shown_in, (variant,))
    composed = draft(renderer, settings, brief, variant)
    if composed is None:
        raise WrongStateError(f"Edition {edition_id} holds no article for these sections.")
    return composed.mail


async def load_edition(connection: Connection, edition_id: int) -> tuple[Edition, list[PlacedArticle]]:
    """Return an edition and its articles as readers are to see them: without what was withdrawn, pictures over https.

    Raises `NotFoundError` if there is no such edition.
    """
    edition = await editions.get_edition(connection, edition_id)
    lines = await most_read.without_withdrawn(connection, edition.most_read)
    placed = await editions.placed_articles(connection, edition_id)
    hosts = await articles.picture_hosts(connection)
    noted, _ = await corrections.of_edition(connection, edition_id)
    carried = await blocks.of_edition(connection, edition)
    shared = await most_shared.still_shown(connection, edition.most_shared)
    edition = replace(edition, most_read=tuple(lines), most_shared=shared, corrections=tuple(noted), blocks=carried)
    return edition, with_https_pictures(placed, hosts)


async def as_they_stand(connection: Connection, placed: Sequence[PlacedArticle]) -> list[PlacedArticle]:
    """Return an edition's articles in their latest revisions: pages change with the articles (신문법 제10조④).

    What was mailed is kept as it was, in the messages.
    """
    latest = await articles.load_latest(connection, (one.placement.article_id for one in placed))
    hosts = await articles.picture_hosts(connection)
    standing = [
        replace(
            one,
            article=now,
            is_changed=now.revision > one.article.revision and bool(substantial_change(one.article.text, now.text)),
        )
        for one in placed
        if (now := latest.get(one.placement.article_id)) is not None
    ]
    return with_https_pictures(standing, hosts)


def with_https_pictures(placed: Sequence[PlacedArticle], hosts: Mapping[str, bool]) -> list[PlacedArticle]:
    """Turn the pictures' http addresses to https where `hosts` says that the host answers so."""
    return [_with_https_picture(each, hosts) for each in placed]


def _with_https_picture(placed: PlacedArticle, hosts: Mapping[str, bool]) -> PlacedArticle:
    picture = placed.article.text.picture
    if picture is None:
        return placed
    url = _https(picture.url, hosts)
    if url == picture.url:
        return placed
    text = replace(placed.article.text, picture=replace(picture, url=url))
    return replace(placed, article=replace(placed.article, text=text))


def _https(url: str, hosts: Mapping[str, bool]) -> str:
    split = urlsplit(url)
    if split.scheme != "http" or split.port not in (None, 80) or not hosts.get(split.hostname or "", False):
        return url
    return urlunsplit(split._replace(scheme="https", netloc=split.netloc.removesuffix(":80")))


async def _brief(connection: Connection, settings: Settings, edition_id: int, *, now: datetime) -> Brief:
    edition, placed = await load_edition(connection, edition_id)
    slot = settings.slot(edition.slot)
    earlier = await audience.earlier_editions(connection, edition, slot.except_slots if slot else ())
    _, told = await corrections.of_edition(connection, edition_id)
    past: tuple[Past, ...] = (*earlier, *told)
    has_adverts = adverts.carries(edition.blocks, settings)
    variants = await audience.variants_in_use(
        connection, edition, past, at=now, zone=settings.zone, adverts=has_adverts
    )
    return Brief(
        edition=edition,
        placed=tuple(placed),
        earlier=past,
        shown_in=await editions.shown_articles(connection, [each.edition_id for each in earlier]),
        variants=_with_twins(variants),
        adverts=has_adverts,
    )


def _with_twins(variants: Sequence[Variant]) -> tuple[Variant, ...]:
    """Add to each variant with adverts the one without: for readers who take their consent back while it waits."""
    twins = (replace(variant, adverts=False) for variant in variants)
    return tuple(dict.fromkeys((*variants, *twins)))


def draft(renderer: Renderer, settings: Settings, brief: Brief, variant: Variant) -> Composed | None:
    """Render what the readers of `variant` are sent of an edition; None if nothing is left of it for them."""
    kept = brief.kept(variant)
    if not kept:
        return None
    noted = tuple(one for one in brief.edition.corrections if one.id in variant.told)
    told = replace(brief.edition, corrections=noted)
    return digest_kind.compose(renderer, settings, edition=told, articles=kept, variant=variant)


async def _release(
    database: Database,
    settings: Settings,
    brief: Brief,
    drafts: _Drafts,
    *,
    states: Collection[EditionState],
    deadline_at: datetime,
    now: datetime,
) -> bool:
    edition = brief.edition
    async with database.begin() as connection:
        if not await editions.mark_released(connection, edition.id, states=states, at=now, deadline_at=deadline_at):
            return False
        if not await is_current(connection, brief):
            raise _ArticleWithdrawnError(f"An article of edition {edition.id} was withdrawn while it was composed.")
        await _store_messages(connection, brief, drafts, now=now)
        eligible = await messages.make_deliveries(
            connection,
            edition.id,
            earlier=brief.earlier,
            now=now,
            due_at=max(now, edition.planned_at),
            deadline_at=deadline_at,
            zone=settings.zone,
            adverts=brief.adverts,
        )
        missed = await audience.variants_without_delivery(
            connection, edition, brief.earlier, at=now, zone=settings.zone, adverts=brief.adverts, made=eligible
        )
        if any(variant not in drafts or drafts[variant] is not None for variant in missed):
            raise _AudienceMovedError(f"Readers of edition {edition.id} changed while it was composed.")
        await editions.note_eligible(connection, edition.id, eligible)
        main = seeds.main_variant(settings)
        if main and (composed := drafts[main]):
            await seeds.queue(connection, settings, edition, composed.mail, now=now, deadline_at=deadline_at)
        await alerts.resolve(connection, f"edition:{edition.id}", at=now)
        await _tell_warnings(connection, edition, [drafts[variant] for variant in brief.variants], now=now)
    event(
        "edition.released",
        edition_id=edition.id,
        slot=edition.slot,
        variants=sum(drafts[variant] is not None for variant in brief.variants),
        eligible=eligible,
    )
    return True


async def is_current(connection: Connection, brief: Brief) -> bool:
    """Whether nothing the brief shows was withdrawn since.

    Whoever withdraws something from now on waits for the end of this transaction (`articles.withdraw`).
    """
    lines = await most_read.without_withdrawn(connection, brief.edition.most_read)
    is_withdrawn = await articles.any_withdrawn(connection, [each.article.id for each in brief.placed])
    is_withdrawn = is_withdrawn or await blocks.of_edition(connection, brief.edition) != brief.edition.blocks
    shared = await most_shared.still_shown(connection, brief.edition.most_shared)
    return not is_withdrawn and len(lines) == len(brief.edition.most_read) and shared == brief.edition.most_shared


async def _store_messages(connection: Connection, brief: Brief, drafts: _Drafts, *, now: datetime) -> None:
    for variant in brief.variants:
        composed = drafts[variant]
        if composed is not None:
            message = NewMessage(
                key=messages.edition_key(brief.edition.id, variant),
                kind=MessageKind.DIGEST,
                variant=variant.key,
                language=variant.language,
                mail=composed.mail,
                edition_id=brief.edition.id,
            )
            message_id = await messages.store(connection, message, at=now)
            await messages.note_articles(connection, message_id, select.shown(brief.kept(variant)))


async def _tell_warnings(
    connection: Connection, edition: Edition, composed: Sequence[Composed | None], *, now: datetime
) -> None:
    """One matter per slot: its limits are what a person may change, and the next edition shows whether that helped."""
    warnings = sorted({warning for each in composed if each is not None for warning in each.warnings})
    if warnings:
        text = f"Edition {edition.id} ({edition.title}): " + " ".join(warnings)
        await alerts.raise_alert(connection, f"slot:{edition.slot}:size", text, at=now)
    else:
        await alerts.resolve(connection, f"slot:{edition.slot}:size", at=now)

"""Which articles an edition shows, as what and in which order. Pure.

The lead is the newest article with a picture of the first configured section that has one, else the newest of all. The
sections follow in the configured order (`*`: all others, in alphabetical order, those without a section last), each
newest first. Beyond `per_section` an article is a headline; beyond `limit` the headlines are left out before articles
are, so that a busy section does not push out a quiet one. What is left out belongs to the edition all the same: it is
counted in it and does not come back. The time that orders is the registered one, but never later than the moment we
first saw the article: a date in the future would hold the top for days.

One story is shown once: of several articles that tell it (a press release that sections and papers print) the one that
shows most of it, the others are `repeated` and tell only how many other sources brought it. What the slot has shown in
an earlier edition does not come back in another paper's words.

What readers chose only leaves out of that, or shows it otherwise: their sections, headlines without texts, and first
what holds one of their words (알림어), even if the edition as such only counts it.
"""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from digest.models.articles import Article
from digest.models.editions import ALL_SECTIONS, PlacedArticle, Placement, Role, Slot
from digest.models.readers import Variant
from digest.models.sources import Rights

SHOWN = frozenset({Role.LEAD, Role.ARTICLE, Role.HEADLINE})


def choose(
    slot: Slot,
    articles: Sequence[Article],
    stories: Mapping[int, int] | None = None,
    shown_stories: Collection[int] = (),
    stories_by_person: Collection[int] = (),
) -> tuple[Placement, ...]:
    """Return the places of all `articles` in an edition of `slot`, or nothing if fewer than its minimum are shown.

    `stories` names the story of an article, by their ids; `shown_stories` are those that the slot has shown before.
    Of `stories_by_person` the first article is shown, whichever shows most.
    """
    # Of equal times the higher id is the newer: a document's articles are stored from its end, where the oldest stand.
    newest_first = sorted(articles, key=lambda article: (ordering_time(article), article.id), reverse=True)
    headings = _headings(slot, newest_first)
    told = _told_once(
        [article for article in newest_first if article.text.section in headings],
        stories or {},
        shown_stories,
        stories_by_person,
    )
    wanted = [article for article in newest_first if article.id in told.same_sources]
    if not wanted:
        return ()
    lead = _lead(slot, wanted)
    by_heading = {heading: _of(wanted, heading, lead) for heading in headings}
    full = [article for members in by_heading.values() for article in members[: slot.per_section]]
    heads = [article for members in by_heading.values() for article in members[slot.per_section :]]
    room = slot.limit - 1
    roles = {lead.id: Role.LEAD}
    roles |= {article.id: Role.ARTICLE for article in full[:room]}
    roles |= {article.id: Role.HEADLINE for article in heads[: max(0, room - len(full))]}
    if len(roles) < slot.minimum:
        return ()
    in_order = [lead, *(article for members in by_heading.values() for article in members)]
    shown = [article for article in in_order if article.id in roles]
    rest = [article for article in newest_first if article.id not in roles]
    return tuple(
        Placement(
            article_id=article.id,
            revision=article.revision,
            role=Role.REPEATED if article.id in told.repeated else roles.get(article.id, Role.LEFT_OUT),
            section=article.text.section,
            position=position,
            same_sources=told.same_sources.get(article.id, 0),
        )
        for position, article in enumerate([*shown, *rest])
    )


def for_variant(
    placed: Sequence[PlacedArticle], variant: Variant, shown_in: Mapping[int, frozenset[int]]
) -> list[PlacedArticle]:
    """Return what of an edition the readers of `variant` are sent; nothing if no article would be shown.

    `shown_in` holds the ids of the articles shown in each edition that a variant may have had.
    """
    had = frozenset[int]().union(*(shown_in[edition_id] for edition_id in variant.had))
    kept = [
        each
        for each in placed
        if each.article.id not in had and (not variant.sections or each.placement.section in variant.sections)
    ]
    if not any(each.placement.role in SHOWN for each in kept):
        return []
    if variant.words:
        kept = [_noticing(each, variant.words) for each in kept]
    return [_as_headline(each) for each in kept] if variant.headlines else kept


def noticed_words(article: Article, words: Collection[str]) -> tuple[str, ...]:
    """Return those of a reader's `words` (small letters, composed) that the article holds, as it is listed or whole."""
    text = article.text
    whole = "\n".join((text.title, *text.subheads, text.section, text.excerpt, *text.body))
    whole = " ".join(unicodedata.normalize("NFC", whole).casefold().split())
    return tuple(word for word in words if word in whole)


def _noticing(placed: PlacedArticle, words: Collection[str]) -> PlacedArticle:
    """Mark an article that holds one of the words and show it with its text, also if it is only counted otherwise."""
    found = () if placed.placement.role is Role.REPEATED else noticed_words(placed.article, words)
    if not found:
        return placed
    return replace(placed, placement=replace(placed.placement, role=Role.ARTICLE), noticed=found)


def _as_headline(placed: PlacedArticle) -> PlacedArticle:
    if placed.placement.role not in (Role.LEAD, Role.ARTICLE):
        return placed
    return replace(placed, placement=replace(placed.placement, role=Role.HEADLINE))


def shown(placed: Sequence[PlacedArticle]) -> list[tuple[int, int]]:
    """Return (article id, revision) of those that are shown, with text or as a headline."""
    return [(one.article.id, one.placement.revision) for one in placed if one.placement.role in SHOWN]


def ordering_time(article: Article) -> datetime:
    """Return the time an article is ordered by: when it was registered, at the latest when it was first seen."""
    registered_at = article.text.registered_at
    return article.first_seen_at if registered_at is None else min(registered_at, article.first_seen_at)


@dataclass(frozen=True, slots=True)
class _Told:
    """What becomes of articles by their stories: those that may be shown, with the number of other sources that tell
    the same, and those that repeat one.
    """

    same_sources: Mapping[int, int]
    repeated: frozenset[int]


def _told_once(
    articles: Sequence[Article], stories: Mapping[int, int], shown: Collection[int], by_person: Collection[int]
) -> _Told:
    by_story: dict[int, list[Article]] = {}
    for article in articles:
        by_story.setdefault(stories.get(article.id, -article.id), []).append(article)
    same_sources: dict[int, int] = {}
    for story, members in by_story.items():
        if story not in shown:
            named = [member for member in members if member.id == story and story in by_person]
            best = max(named or members, key=_how_much)
            same_sources[best.id] = len({member.source_id for member in members} - {best.source_id})
    return _Told(same_sources, frozenset(article.id for article in articles) - same_sources.keys())


def _how_much(article: Article) -> tuple[bool, bool, bool, float, int]:
    """How much of a story an article shows; of equals the one that was there first."""
    text = article.text
    is_open = article.rights is not Rights.LINK_ONLY
    return (
        is_open,
        _has_picture(article),
        bool(text.body or text.excerpt),
        -article.first_seen_at.timestamp(),
        -article.id,
    )


def _headings(slot: Slot, articles: Sequence[Article]) -> list[str]:
    """The names of the sections in the order of the edition, `*` replaced by all that are not named."""
    others = _others(slot, articles)
    headings: list[str] = []
    for name in slot.sections:
        headings += others if name == ALL_SECTIONS else [name]
    return list(dict.fromkeys(headings))


def _others(slot: Slot, articles: Sequence[Article]) -> list[str]:
    found = {article.text.section for article in articles} - set(slot.sections)
    return sorted(found, key=lambda section: (not section, section))


def _lead(slot: Slot, wanted: Sequence[Article]) -> Article:
    others = _others(slot, wanted)
    for name in slot.sections:
        members = others if name == ALL_SECTIONS else [name]
        for article in wanted:
            if article.text.section in members and _has_picture(article):
                return article
    return wanted[0]


def _has_picture(article: Article) -> bool:
    return article.text.picture is not None and article.rights is not Rights.LINK_ONLY


def _of(wanted: Sequence[Article], heading: str, lead: Article) -> list[Article]:
    return [article for article in wanted if article.text.section == heading and article is not lead]

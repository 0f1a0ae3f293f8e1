"""The digest: one edition for readers of one variant, as a mail before it is addressed.

In: an edition, its placed articles, a variant. Out: a `Mail` with HTML and text (or text alone), and warnings for the
operator. Both parts come from one record (`digest.compose.view`), so they tell the same articles and links.

An advert among the edition's blocks reaches only a variant of readers who agreed to adverts, and what the law asks of
such a mail is made sure of here (`digest.compose.adverts`), whatever the templates are.

Gmail clips a mail near 102 kB and hides its end, the unsubscribe link included. So HTML of more than 90 kB is made
smaller: pictures go first, from the end, then articles with text become headlines, and only if even the headlines are
too many are the last of them counted instead of named. Each step is told in a warning; no article goes silently.
"""

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from digest import links, splice
from digest.compose import adverts, block_view, lines, mime, specimens
from digest.compose.kind import MAX_HTML_BYTES, Composed
from digest.compose.plain import cut
from digest.compose.render import ONLY_EDITORIAL, Renderer
from digest.compose.view import ArticleView, EditionView, HeadlineView, SectionView, view
from digest.config import Settings
from digest.models.deliveries import Mail, MessageKind
from digest.models.editions import BlockKind, Edition, PlacedArticle
from digest.models.readers import Format, Variant
from digest.tokens import TOKEN_LENGTH

__all__ = ["compose", "specimen", "view"]

WARN_HTML_BYTES = 80_000
SUBJECT_LETTERS = 100
_READERS_LINKS = (splice.UNSUBSCRIBE_URL, splice.PREFERENCES_URL, splice.SHARER)
_READER = {name: splice.marker(name) for name in _READERS_LINKS}


def compose(
    renderer: Renderer, settings: Settings, *, edition: Edition, articles: Sequence[PlacedArticle], variant: Variant
) -> Composed:
    """Compose the mail of `edition` for the readers of `variant`.

    `articles` are those the variant gets, with the addresses of pictures as they shall stand in the mail. Raises
    `TemplateError` for a mistake in a template.
    """
    blocks = adverts.shown_to(edition, variant, settings)
    shown = view(settings, edition, articles, variant.language, blocks=block_view.views(blocks, settings))
    html = b""
    warnings: tuple[str, ...] = ()
    if variant.format is Format.HTML:
        html, shown, warnings = _html_that_fits(renderer, settings, shown, variant.language)
    context = _context(shown)
    subject = renderer.text("digest/subject.txt", variant.language, context)
    subject = " ".join(subject.split())
    if shown.is_advert:
        adverts.require_particulars(edition, settings)
        subject = f"{adverts.SUBJECT_MARK} {subject}"
    subject = cut(subject, SUBJECT_LETTERS)
    text = lines.text_lines(renderer.text("digest/body.txt", variant.language, context, may_carry=_kinds(shown)))
    if shown.is_advert:
        adverts.require_complete(settings, text.decode(), html.decode())
    stream = mime.Stream(
        kind=MessageKind.DIGEST,
        from_name=settings.from_name,
        sender=settings.sender,
        reply_to=settings.reply_to,
        mailing_list=mime.MailingList(edition.slot, settings.sender.domain, links.subscribe_url(settings.base_url)),
        own=settings.own_addresses if settings.own_addresses.command else None,
    )
    mail = Mail(subject=subject, headers=mime.header_block(stream, subject), text=_checked(text), html=_checked(html))
    return Composed(mail, warnings)


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:
    """Compose a digest of invented articles that uses everything its templates can show."""
    edition, articles = specimens.edition()
    told = tuple(one.id for one in edition.corrections)
    variant = Variant(language, Format.HTML, told=told, adverts=not adverts.missing_particulars(settings))
    return compose(renderer, settings, edition=edition, articles=articles, variant=variant)


# ── size ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Cuts:
    """How much is taken away from an edition, counted from its end."""

    pictures: int = 0
    texts: int = 0
    titles: int = 0


def _html_that_fits(
    renderer: Renderer, settings: Settings, full: EditionView, language: str
) -> tuple[bytes, EditionView, tuple[str, ...]]:
    """Render with as few cuts as bring the HTML under its limit; find them by halving."""
    steps = _steps(full)

    def rendered(step: int) -> bytes:
        context = _context(_with_cuts(full, steps[step]))
        html = renderer.mail_html("digest/body.mjml", language, context, may_carry=_kinds(full))
        return lines.html_lines(html)

    def fits(step: int) -> bool:
        return _filled_size(rendered(step), settings) <= MAX_HTML_BYTES

    html, step = rendered(0), 0
    if _filled_size(html, settings) > MAX_HTML_BYTES:
        step = min(bisect.bisect_left(range(len(steps)), True, key=fits), len(steps) - 1)
        html = rendered(step)
    return html, _with_cuts(full, steps[step]), _warnings(_filled_size(html, settings), steps[step])


def _steps(full: EditionView) -> list[_Cuts]:
    pictures = sum(1 for article in full.contents if article.picture is not None)
    texts = len(full.contents)
    told_first = len(full.noticed.articles) + len(full.noticed.headlines) if full.noticed else 0
    titles = full.shown - told_first - (1 if full.lead else 0)
    steps = [_Cuts(count) for count in range(pictures + 1)]
    steps += [_Cuts(pictures, count) for count in range(1, texts + 1)]
    return steps + [_Cuts(pictures, texts, count) for count in range(1, titles + 1)]


def _with_cuts(full: EditionView, cuts: _Cuts) -> EditionView:
    with_picture = [article.anchor for article in full.contents if article.picture is not None]
    bare = set(with_picture[len(with_picture) - cuts.pictures :])
    anchors = [article.anchor for article in full.contents]
    short = set(anchors[len(anchors) - cuts.texts :])
    sections, left_out = _fewer_titles([_smaller(section, bare, short) for section in full.sections], cuts.titles)
    noticed = None if full.noticed is None else _smaller(full.noticed, bare, short)
    lead = full.lead
    if lead is not None and lead.anchor in bare:
        lead = replace(lead, picture=None)
    if lead is not None and lead.anchor in short:
        lead = replace(lead, excerpt="")  # it stays the lead: its title is the edition's
    return replace(full, noticed=noticed, lead=lead, sections=tuple(sections), left_out=full.left_out + left_out)


def _smaller(section: SectionView, bare: set[str], short: set[str]) -> SectionView:
    articles = [replace(article, picture=None) if article.anchor in bare else article for article in section.articles]
    return SectionView(
        title=section.title,
        articles=tuple(article for article in articles if article.anchor not in short),
        headlines=(*(_headline(article) for article in articles if article.anchor in short), *section.headlines),
    )


def _headline(article: ArticleView) -> HeadlineView:
    return HeadlineView(article.title, article.link, article.same_sources, article.is_contested, article.noticed)


def _fewer_titles(sections: list[SectionView], count: int) -> tuple[list[SectionView], int]:
    """Take the last `count` headlines away; a section that has nothing left goes with them."""
    kept, left = [], count
    for section in reversed(sections):
        taken = min(left, len(section.headlines))
        left -= taken
        smaller = replace(section, headlines=section.headlines[: len(section.headlines) - taken])
        if smaller.headlines or smaller.articles:
            kept.append(smaller)
    return kept[::-1], count - left


def _filled_size(html: bytes, settings: Settings) -> int:
    """Return the size of the HTML with a reader's links in it."""
    token = "x" * TOKEN_LENGTH
    leave, choose = links.unsubscribe_url(settings.base_url, token), links.preferences_url(settings.base_url, token)
    urls = {splice.UNSUBSCRIBE_URL: leave.encode(), splice.PREFERENCES_URL: choose.encode()}
    urls[splice.SHARER] = token.encode()
    return len(splice.Spliced.parse(html).fill(urls))


def _warnings(size: int, cuts: _Cuts) -> tuple[str, ...]:
    told = []
    if cuts.pictures:
        told.append(f"{cuts.pictures} picture(s) were left out to keep the mail below {MAX_HTML_BYTES // 1000} kB.")
    if cuts.texts:
        told.append(f"{cuts.texts} article(s) are only headlines, to keep the mail below its limit.")
    if cuts.titles:
        told.append(f"{cuts.titles} headline(s) are only counted, to keep the mail below its limit.")
    if size >= WARN_HTML_BYTES:
        told.append(
            f"The HTML has {size / 1000:.1f} kB; Gmail clips it near 102 kB. Lower the slot's limit or per_section."
        )
    return tuple(told)


def _kinds(shown: EditionView) -> frozenset[BlockKind]:
    """Return the kinds of blocks that the mail was composed to carry; editorial ones may stand in any."""
    return ONLY_EDITORIAL | {each.kind for each in shown.blocks}


def _context(shown: EditionView) -> Mapping[str, object]:
    return {"edition": shown, "reader": _READER}


def _checked(part: bytes) -> bytes:
    return splice.checked(part, allowed=_READERS_LINKS)

"""An edition as its templates see it: the mail's two parts and the page in the browser are made from one record.

In: the stored edition and its placed articles. Out: `EditionView`, frozen, with everything said in the reader's
language and the newspaper's zone, so that templates hold layout and sentences and no arithmetic. Titles and
sub-headlines are verbatim (신문법 제10조②). What a source's rights do not allow is not in the record at all: of a
`link_only` article neither sub-headlines, excerpt nor picture can reach a template.

Article texts are strangers' words and are made `plain` here, once. Escaping is the renderer's. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from digest import links
from digest.compose.block_view import BlockView
from digest.compose.plain import clean, cut, is_short, short_link
from digest.config import Settings
from digest.languages import Words, words
from digest.models.articles import Article, CorrectionKind, Picture
from digest.models.editions import Correction, Edition, PlacedArticle, Placement, Role
from digest.models.sources import Rights

PICTURE_WIDTH = 552  # pixels: the mail's 600 less its margins
PICTURE_MAX_HEIGHT = 736  # a portrait picture is made narrower rather than higher than a screen
ALTERNATIVE_LETTERS = 100
MOST_READ_COUNT = 5
SUMMARY_LETTERS = 90  # about what inboxes show behind the subject


@dataclass(frozen=True, slots=True)
class PictureView:
    """A picture with the size it is shown at; `height` None where the source does not tell. `title` is its article's,
    cut, for the alternative text (the caption stands below it anyway).
    """

    url: str
    title: str
    caption: str
    width: int
    height: int | None


@dataclass(frozen=True, slots=True)
class HeadlineView:
    """A title and where it leads."""

    title: str
    link: str
    same_sources: int = 0
    is_contested: bool = False
    noticed: tuple[str, ...] = ()
    is_changed: bool = False


@dataclass(frozen=True, slots=True)
class ArticleView:
    """An article shown with its text. `anchor` names it within the page; times are written out, empty if unknown.

    `same_sources`: so many other sources bring the same story. `is_contested`: a correction was claimed. `noticed`: the
    reader's words (알림어) that it holds. `share_url`: the page that sends it to a friend, empty where sharing is off.
    `is_changed`: it says something else in substance than the edition did that went out.
    """

    anchor: str
    title: str
    link: str
    section: str
    subheads: tuple[str, ...]
    excerpt: str
    byline: str
    registered: str
    modified: str
    picture: PictureView | None
    same_sources: int = 0
    is_contested: bool = False
    noticed: tuple[str, ...] = ()
    share_url: str = ""
    is_changed: bool = False


@dataclass(frozen=True, slots=True)
class CorrectionView:
    """An article that earlier editions brought in another state; `link` is empty for one that was withdrawn."""

    title: str
    link: str
    shown_on: str
    is_withdrawn: bool


@dataclass(frozen=True, slots=True)
class SectionView:
    """A section: articles with text, then further ones as headlines. `title` is empty for those of no section."""

    title: str
    articles: tuple[ArticleView, ...]
    headlines: tuple[HeadlineView, ...]


@dataclass(frozen=True, slots=True)
class MostReadView:
    """One of the most read, in the newspaper's own order, or of those that readers sent to friends most."""

    title: str
    link: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class EditionView:
    """Everything an edition shows.

    `summary` is its one visible line of titles, cut with an ellipsis; `summary_more` how many articles it does not
    name. `shown` counts the articles with a title in the edition, `left_out` those that are only counted in it.
    `identity` are the lines of the imprint. `noticed` are the articles with a reader's words, before all others.
    """

    newspaper: str
    site_url: str
    privacy_url: str
    title: str
    day: str
    date: str
    web_url: str
    summary: str
    summary_more: int
    lead: ArticleView | None
    sections: tuple[SectionView, ...]
    most_read: tuple[MostReadView, ...]
    most_shared: tuple[MostReadView, ...]
    left_out: int
    identity: tuple[str, ...]
    corrections: tuple[CorrectionView, ...] = ()
    noticed: SectionView | None = None
    blocks: tuple[BlockView, ...] = ()

    @property
    def is_advert(self) -> bool:
        """Whether a block makes the whole mail an advert."""
        return any(each.is_advert for each in self.blocks)

    @property
    def first_title(self) -> str:
        """The title that stands for the edition in its subject; empty if nothing is shown."""
        return next(self._titles(), "")

    @property
    def contents(self) -> tuple[ArticleView, ...]:
        """The articles shown with text, in their order: the list at the top leads to them."""
        first = () if self.noticed is None else self.noticed.articles
        lead = () if self.lead is None else (self.lead,)
        return first + lead + tuple(article for section in self.sections for article in section.articles)

    @property
    def shown(self) -> int:
        """How many articles have a title in the edition."""
        return sum(1 for _ in self._titles())

    def _titles(self) -> Iterator[str]:
        if self.noticed is not None:
            yield from (article.title for article in self.noticed.articles)
            yield from (headline.title for headline in self.noticed.headlines)
        if self.lead is not None:
            yield self.lead.title
        for section in self.sections:
            yield from (article.title for article in section.articles)
            yield from (headline.title for headline in section.headlines)


def view(
    settings: Settings,
    edition: Edition,
    articles: Sequence[PlacedArticle],
    language: str,
    *,
    blocks: Sequence[BlockView] = (),
) -> EditionView:
    """Prepare `edition` for its templates: the articles of one variant in any order, left-out ones too, and blocks."""
    said = words(language)
    placed = sorted(articles, key=lambda one: one.placement.position)
    lead = next((one for one in placed if one.placement.role is Role.LEAD), None)
    others = [one for one in placed if one.placement.role in (Role.ARTICLE, Role.HEADLINE)]
    first, rest = [one for one in others if one.noticed], [one for one in others if not one.noticed]
    titles = [clean(one.article.text.title) for one in first + ([lead] if lead else []) + rest]
    summary, more = _summary(titles)
    return EditionView(
        newspaper=clean(settings.newspaper_name),
        site_url=settings.newspaper_site,
        privacy_url=links.privacy_url(settings.base_url),
        title=clean(edition.title),
        day=said.day(edition.planned_at, settings.zone),
        date=said.date(edition.planned_at, settings.zone),
        web_url=links.edition_url(settings.base_url, edition.id),
        summary=summary,
        summary_more=more,
        lead=None if lead is None else _article(lead, settings, said),
        sections=_sections(rest, settings, said),
        most_read=tuple(
            MostReadView(clean(one.title), short_link(one.link, settings), clean(one.excerpt))
            for one in edition.most_read[:MOST_READ_COUNT]
        ),
        most_shared=tuple(
            MostReadView(clean(one.title), short_link(one.link, settings), "") for one in edition.most_shared
        ),
        left_out=sum(1 for one in placed if one.placement.role is Role.LEFT_OUT),
        identity=identity(settings, said),
        corrections=tuple(_correction(one, settings, said) for one in edition.corrections),
        noticed=_section("", first, settings, said) if first else None,
        blocks=tuple(blocks),
    )


def _summary(titles: Sequence[str]) -> tuple[str, int]:
    """Join the titles behind the first (that one stands in the subject) as far as a line goes."""
    told = titles[1:] or titles
    line = ""
    for count, title in enumerate(told):
        longer = f"{line} · {title}" if line else cut(title, SUMMARY_LETTERS)
        if len(longer) > SUMMARY_LETTERS:
            return line, len(told) - count
        line = longer
    return line, 0


def _sections(placed: Sequence[PlacedArticle], settings: Settings, said: Words) -> tuple[SectionView, ...]:
    by_title: dict[str, list[PlacedArticle]] = {}
    for one in placed:
        by_title.setdefault(clean(one.placement.section), []).append(one)
    return tuple(_section(title, group, settings, said) for title, group in by_title.items())


def _section(title: str, placed: Sequence[PlacedArticle], settings: Settings, said: Words) -> SectionView:
    return SectionView(
        title=title,
        articles=tuple(_article(one, settings, said) for one in placed if one.placement.role is Role.ARTICLE),
        headlines=tuple(_headline(one, settings) for one in placed if one.placement.role is Role.HEADLINE),
    )


def _headline(placed: PlacedArticle, settings: Settings) -> HeadlineView:
    text, is_contested = placed.article.text, placed.article.contested_at is not None
    link = short_link(text.link, settings)
    same = placed.placement.same_sources
    return HeadlineView(clean(text.title), link, same, is_contested, _noticed(placed), placed.is_changed)


def _correction(correction: Correction, settings: Settings, said: Words) -> CorrectionView:
    is_withdrawn = correction.kind is CorrectionKind.WITHDRAWN
    return CorrectionView(
        title=clean(correction.title),
        link="" if is_withdrawn else short_link(correction.link, settings),
        shown_on=said.day(correction.shown_at, settings.zone),
        is_withdrawn=is_withdrawn,
    )


def shared_article(article: Article, settings: Settings, said: Words) -> ArticleView:
    """Return what is shown of one article by itself, as its source's rights allow."""
    placement = Placement(article.id, article.revision, Role.LEAD, article.text.section, 0)
    return _article(PlacedArticle(placement, article), settings, said)


def _article(placed: PlacedArticle, settings: Settings, said: Words) -> ArticleView:
    article, text = placed.article, placed.article.text
    may_quote = article.rights is not Rights.LINK_ONLY
    return ArticleView(
        anchor=f"a{article.id}",
        title=clean(text.title),
        link=short_link(text.link, settings),
        section=clean(placed.placement.section),
        subheads=tuple(clean(line) for line in text.subheads) if may_quote else (),
        excerpt=clean(text.excerpt) if may_quote else "",
        byline=clean(text.byline),
        registered=said.moment(text.registered_at, settings.zone) if text.registered_at else "",
        modified=said.moment(text.modified_at, settings.zone) if text.modified_at else "",
        picture=_picture(text.picture, clean(text.title)) if may_quote and text.picture else None,
        same_sources=placed.placement.same_sources,
        is_contested=article.contested_at is not None,
        noticed=_noticed(placed),
        share_url=links.share_url(settings.base_url, article.id) if settings.share_sender else "",
        is_changed=placed.is_changed,
    )


def _noticed(placed: PlacedArticle) -> tuple[str, ...]:
    return tuple(clean(word) for word in placed.noticed)


def _picture(picture: Picture, title: str) -> PictureView | None:
    url = "".join(clean(picture.url).split())
    if not is_short(url):
        return None
    width, height = picture.width or 0, picture.height or 0
    shown = PictureView(url, cut(title, ALTERNATIVE_LETTERS), clean(picture.caption), PICTURE_WIDTH, None)
    if width <= 0 or height <= 0:
        return shown
    scale = min(1.0, PICTURE_WIDTH / width, PICTURE_MAX_HEIGHT / height)
    return replace(shown, width=max(1, round(width * scale)), height=max(1, round(height * scale)))


def identity(settings: Settings, said: Words) -> tuple[str, ...]:
    """Write the imprint, of what is set: who (신문법 제21조), where, how to reach them."""
    who = [
        settings.newspaper_name,
        settings.publisher and said.gettext("Publisher: %(name)s", name=settings.publisher),
        settings.editor and said.gettext("Editor: %(name)s", name=settings.editor),
        settings.registration_number and said.gettext("Registration: %(number)s", number=settings.registration_number),
    ]
    where = [
        settings.postal_address,
        settings.phone and said.gettext("Phone: %(phone)s", phone=settings.phone),
        said.gettext("E-mail: %(address)s", address=settings.reply_to),
    ]
    return tuple(" · ".join(clean(part) for part in line if part) for line in (who, where))

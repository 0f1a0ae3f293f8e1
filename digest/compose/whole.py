"""One article by itself, as whole as its source's rights allow: what a share brings of it.

In: a stored article. Out: `WholeArticle`, with the paragraphs of its text only where the source's owner has allowed
whole texts in mails (`full_text_mail`, which own papers are given, too); of every other an excerpt of 200 letters at
most, and of a `link_only` article the headline. What may not be mailed is not in the record at all, so no template can
let it out. Section heads ("◇ …") are told from paragraphs by their sign. Pure.
"""

import re
from dataclasses import dataclass, replace

from digest.compose.plain import clean, cut, short_link
from digest.compose.view import ArticleView, shared_article
from digest.config import Settings
from digest.languages import Words
from digest.models.articles import Article
from digest.models.sources import Rights

EXCERPT_LETTERS = 200
_SECTION_HEAD = re.compile(r"[◇◆■□▣▶▷]\s*\S.{0,78}(?<![.。])")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of an article's text, or the head of a section of it."""

    text: str
    is_head: bool


@dataclass(frozen=True, slots=True)
class WholeArticle:
    """An article with its text. `paragraphs` empty: its excerpt stands for it. `is_cut`: some of them are left out.

    `mobile_link` is empty where its page is the same for telephones.
    """

    article: ArticleView
    paragraphs: tuple[Paragraph, ...]
    mobile_link: str
    is_cut: bool = False

    def cut_to(self, count: int) -> "WholeArticle":
        """Return the article with its first paragraphs alone; a section's head does not end it."""
        kept = self.paragraphs[:count]
        while kept and kept[-1].is_head:
            kept = kept[:-1]
        return replace(self, paragraphs=kept, is_cut=len(kept) < len(self.paragraphs))


def whole_article(article: Article, settings: Settings, said: Words) -> WholeArticle:
    """Return what may be mailed of one article."""
    text, view = article.text, shared_article(article, settings, said)
    lines = map(clean, text.body) if article.rights is Rights.FULL_TEXT_MAIL else ()
    mobile = short_link(text.mobile_link, settings) if text.mobile_link else ""
    return WholeArticle(
        article=replace(view, excerpt=cut(view.excerpt, EXCERPT_LETTERS)),
        paragraphs=tuple(Paragraph(line, _SECTION_HEAD.fullmatch(line) is not None) for line in lines if line),
        mobile_link="" if mobile == settings.newspaper_site else mobile,
    )

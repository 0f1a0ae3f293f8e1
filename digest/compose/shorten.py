"""An edition with shorter texts, for a page or a mail that has grown too large.

In: what an edition shows, and by how many bytes it is too large. Out: the same with its excerpts cut, all at one
length, so that no article pays for another and short ones stay whole; if that is not enough, without any excerpt.
Titles, sub-headlines, links and pictures stay, until articles become headlines, from the end. Pure.
"""

import bisect
from dataclasses import replace
from html import escape

from digest.compose.plain import cut
from digest.compose.view import ArticleView, EditionView, HeadlineView, SectionView

MIN_LETTERS = 40  # less of a text tells nothing


def shortened(view: EditionView, excess_bytes: int) -> EditionView:
    """Return the edition with its excerpts cut so far that at least `excess_bytes` of HTML go, or without any."""
    texts = [article.excerpt for article in view.contents]
    aim = sum(map(_size, texts)) - excess_bytes
    longest = max(map(len, texts), default=0)
    # The most letters with which they fit, by halving: sizes grow with them.
    lengths = range(longest, MIN_LETTERS - 1, -1)
    place = bisect.bisect_left(
        lengths, True, key=lambda letters: sum(_size(cut(text, letters)) for text in texts) <= aim
    )
    letters = lengths[place] if place < len(lengths) else 0

    def shorter(article: ArticleView) -> ArticleView:
        return replace(article, excerpt=cut(article.excerpt, letters) if letters else "")

    return replace(
        view,
        lead=None if view.lead is None else shorter(view.lead),
        sections=tuple(replace(each, articles=tuple(map(shorter, each.articles))) for each in view.sections),
    )


def with_headlines(view: EditionView, count: int) -> EditionView:
    """Return the edition with the last `count` articles of its sections as headlines."""
    articles = [article for section in view.sections for article in section.articles]
    short = {article.anchor for article in articles[len(articles) - count :]}
    return replace(view, sections=tuple(_with_headlines(section, short) for section in view.sections))


def _with_headlines(section: SectionView, short: set[str]) -> SectionView:
    headlines = tuple(
        HeadlineView(each.title, each.link, each.same_sources, each.is_contested, each.noticed, each.is_changed)
        for each in section.articles
        if each.anchor in short
    )
    articles = tuple(each for each in section.articles if each.anchor not in short)
    return replace(section, articles=articles, headlines=headlines + section.headlines)


def _size(text: str) -> int:
    return len(escape(text).encode())

"""The text of an article: from the selector, the family's place, the best element, or what is left to try.

The order: the configured selector, the family's, the element that holds most sentences (`container`), the JSON-LD
`articleBody`, the JSON that a page of the Arc system carries for its script, trafilatura, and, for pages with
hardly any text, the element that is marked as the article's body. A page of which only a menu can be had gives
nothing. trafilatura is imported when it is needed for the first time: that takes a second. Pure.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.collect.normalize import clean_line
from digest.collect.pages import container
from digest.collect.pages.blocks import Line, read_lines
from digest.collect.pages.metadata import Metadata
from digest.collect.pages.tidy import Tidied, tidy
from digest.collect.prose import read_html, read_plain

ENOUGH_LETTERS = 150
"""A body of fewer letters is thin: a line under a picture or a video."""
_SURE_PROSE = 100
MARKED = '[itemprop="articleBody"], [itemprop="articlebody"], article, #articleBody, .article_body, .article-body'
_ARC = re.compile(r"Fusion\.globalContent\s*=\s*(?=\{)")
_MAX_TRAFILATURA_LETTERS = 2_000_000
_EMPTY = Tidied(())


@dataclass(frozen=True, slots=True)
class Body:
    """The text, the way it was found (empty if it was not), and the element that holds it."""

    text: Tidied = _EMPTY
    way: str = ""
    node: LexborNode | None = None

    @property
    def letters(self) -> int:
        """How long the text is."""
        return sum(map(len, self.text.paragraphs))


def read_body(
    tree: LexborHTMLParser,
    html: str,
    metadata: Metadata,
    title: str,
    places: tuple[tuple[str, str, str], ...],
) -> Body:
    """`places` are (selector, drop selector, way) to try in turn."""
    short = Body()
    for selector, drop, way in places:
        body = _longest(tree, selector, drop, way, title)
        if body.letters >= ENOUGH_LETTERS:
            return body
        short = max(short, body, key=lambda one: one.letters)
    root = tree.body
    found = container.choose(root) if root is not None else None
    general = Body()
    if found is not None:
        general = Body(tidy(read_lines(found.node), title), "text", found.node)
        is_sure = found.prose >= _SURE_PROSE and (found.is_named or found.prose >= 3 * _SURE_PROSE)
        if is_sure and general.letters >= ENOUGH_LETTERS and general.letters > 3 * short.letters:
            return general
    if short.letters:
        return short
    return _rest(tree, html, metadata, title, general)


def _rest(tree: LexborHTMLParser, html: str, metadata: Metadata, title: str, general: Body) -> Body:
    read = read_html if "<" in metadata.text else read_plain
    linked = _plain(read(metadata.text).paragraphs, title, "json-ld")
    if linked.letters >= ENOUGH_LETTERS:
        return linked
    script = _plain(tuple(_arc_paragraphs(html)), title, "cms:arc")
    if script.letters:
        return script
    if general.letters >= ENOUGH_LETTERS:
        return general
    if (by_trafilatura := _plain(_trafilatura(html), title, "trafilatura")).letters >= 2 * ENOUGH_LETTERS:
        return by_trafilatura
    marked = _longest(tree, MARKED, "", "text", title)
    if 0 < marked.letters < 4 * ENOUGH_LETTERS:
        return marked
    return linked if linked.letters else Body()


def _plain(paragraphs: tuple[str, ...], title: str, way: str) -> Body:
    return Body(tidy([Line(text) for text in paragraphs], title), way) if paragraphs else Body()


def _longest(tree: LexborHTMLParser, selector: str, drop: str, way: str, title: str) -> Body:
    """The longest text among the elements that fit; papers use a name twice, for the screen and for phones."""
    best = Body()
    for node in tree.css(selector)[:5] if selector else []:
        left_out = frozenset(one.mem_id for one in node.css(drop)) if drop else frozenset()
        body = Body(tidy(read_lines(node, left_out), title), way, node)
        if body.letters > 1.2 * best.letters:
            best = body
    return best


def arc_content(html: str) -> dict[str, object]:
    """Return the JSON that pages of the Arc system carry for their script; empty where there is none."""
    match = _ARC.search(html)
    if match is None:
        return {}
    try:
        content, _end = json.JSONDecoder(strict=False).raw_decode(html, match.end())
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _arc_paragraphs(html: str) -> Iterator[str]:
    """The texts of `content_elements` in it."""
    elements = arc_content(html).get("content_elements")
    for one in elements[:500] if isinstance(elements, list) else []:
        if isinstance(one, dict) and one.get("type") in ("text", "header") and isinstance(one.get("content"), str):
            yield from read_html(one["content"][:100_000]).paragraphs


def _trafilatura(html: str) -> tuple[str, ...]:
    if len(html) > _MAX_TRAFILATURA_LETTERS:
        return ()
    import trafilatura  # takes a second, and most pages do not need it

    try:
        text = trafilatura.extract(html, include_comments=False, favor_precision=True)
    except Exception:  # it promises nothing about strange pages; they have no text then
        return ()
    return tuple(line for line in map(clean_line, (text or "").splitlines()) if line)

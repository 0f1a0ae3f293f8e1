"""What a page says to machines: JSON-LD (schema.org), OpenGraph, `meta`. Pure.

JSON-LD comes as one object, a list, or a `@graph`, often several of them, often broken (raw line breaks in texts are
taken, comments and trailing semicolons cut off). The first object that is an article counts. Texts are as the page has
them; dates are still texts.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser

from digest.collect.normalize import clean_title
from digest.collect.pages.tree import attribute

_ARTICLE = re.compile(r"article|newsarticle|report|blogposting|liveblogposting|webpage", re.IGNORECASE)
_MAX_TEXT = 200_000
_MAX_SCRIPTS, _MAX_LETTERS, _MAX_OBJECTS, _MAX_META = 20, 1_000_000, 200, 500


@dataclass(slots=True)
class Metadata:
    """Lower-case names of `meta` to their first value, and the article's JSON-LD object (empty if there is none)."""

    meta: dict[str, str] = field(default_factory=dict)
    article: dict[str, object] = field(default_factory=dict)
    steps: tuple[str, ...] = ()  # of its breadcrumb

    def first(self, *names: str) -> str:
        """The value of the first of these `meta` that is there."""
        return next((self.meta[name] for name in names if self.meta.get(name)), "")

    def linked(self, name: str) -> str:
        """A text of the JSON-LD article; of objects their name, of lists all of them."""
        return ", ".join(_names(self.article.get(name)))[:5000]

    @property
    def text(self) -> str:
        """The whole text that the JSON-LD article carries, as HTML or plain; empty if it carries none."""
        text = self.article.get("articleBody")
        return text[:_MAX_TEXT] if isinstance(text, str) else ""

    @property
    def picture(self) -> str:
        """The address of the JSON-LD article's first picture."""
        image = self.article.get("image")
        first = image[0] if isinstance(image, list) and image else image
        if isinstance(first, dict):
            first = first.get("url") or first.get("contentUrl") or first.get("@id")
        return first if isinstance(first, str) else ""


def read_metadata(tree: LexborHTMLParser) -> Metadata:
    """Gather the metadata of a page."""
    found = Metadata()
    for node in tree.css("meta")[:_MAX_META]:
        name = attribute(node, "property") or attribute(node, "name") or attribute(node, "itemprop")
        content = attribute(node, "content")
        if name and content:
            found.meta.setdefault(name.lower()[:100], content[:5000])
    rank = 99
    for number, one in enumerate(_objects(tree)):
        kinds = " ".join(_names(one.get("@type")))
        if number >= _MAX_OBJECTS:
            break
        one_rank = 9 if not _ARTICLE.search(kinds) else 5 if kinds == "WebPage" else 1
        if kinds == "BreadcrumbList" and isinstance(steps := one.get("itemListElement"), list) and not found.steps:
            found.steps = tuple(_names([_step(step) for step in steps[:8]]))
        if one_rank < min(rank, 9) and (one.get("headline") or one.get("datePublished") or one.get("articleBody")):
            rank, found.article = one_rank, one
    return found


def _objects(tree: LexborHTMLParser) -> Iterator[dict[str, object]]:
    for node in tree.css('script[type="application/ld+json"]')[:_MAX_SCRIPTS]:
        text = (node.text() or "").strip().removeprefix("<!--").removesuffix("-->").strip().rstrip(";")
        if len(text) > _MAX_LETTERS:
            continue
        try:
            value = json.loads(text, strict=False)
        except (ValueError, RecursionError):
            continue
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield one
                graph = one.get("@graph")
                yield from (inner for inner in (graph if isinstance(graph, list) else []) if isinstance(inner, dict))
                if isinstance(inner := one.get("mainEntity"), dict):
                    yield inner


def _step(step: object) -> object:
    """The name of a step stands in the step or in what it leads to."""
    return step.get("item") if isinstance(step, dict) and not step.get("name") else step


def _names(value: object) -> list[str]:
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, dict):
        return [name] if isinstance(name := value.get("name") or value.get("url"), str) and name else []
    if isinstance(value, list):
        return [name for one in value[:20] if not isinstance(one, list) for name in _names(one)]
    return []


def headline(metadata: Metadata) -> tuple[str, str]:
    """The headline and the way it was found; empty if there is none."""
    if title := clean_title(metadata.linked("headline")):
        return title, "json-ld"
    title = clean_title(metadata.first("og:title", "twitter:title", "title", "dc.title"))
    return title, "meta" if title else ""

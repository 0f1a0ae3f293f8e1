"""The links of a list page that lead to articles, and the part of the list that belongs to each.

By the operator's options, else by themselves: of all shapes of article addresses on the page (`linkshape`) the one with
the most links that read like headlines. An article's part of the list is the highest element above its links that
holds no link to another article: a row, a card. Pure.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from digest.collect import linkshape
from digest.collect.normalize import usable_link
from digest.collect.pages import tree
from digest.collect.source import Options, is_same_site
from digest.errors import SourceUnreadableError

_MOST_ANCHORS = 5000
_HIGHEST = 40  # elements above a link that are looked at
_HEADLINE_LETTERS = range(7, 200)
_FEW = 3
_OUTSIDE_TAGS = {"nav", "footer", "aside", "form"}
_OUTSIDE_WORDS = {
    "footer", "foot", "gnb", "lnb", "nav", "navi", "navigation", "menu", "side", "sidebar", "aside", "rank", "ranking",
    "popular", "best", "most", "hit", "hits", "banner", "breadcrumb", "copyright", "quick", "family", "related",
}  # fmt: skip


@dataclass(slots=True)
class ListedLink:
    """An address, the links that lead there, and the element of the list that is about it alone."""

    url: str
    anchors: list[LexborNode] = field(default_factory=list)
    part: LexborNode | None = None


def find(page: LexborHTMLParser, base: str, url: str, options: Options) -> list[ListedLink]:
    """Return the links to articles in the page's order, each address once."""
    selector = dict(options).get("links", "")
    nodes = _selected(page, selector) if selector else page.css("a[href]")[:_MOST_ANCHORS]
    links: dict[str, ListedLink] = {}
    for node in nodes:
        if address := usable_link(tree.attribute(node, "href"), base).partition("#")[0]:
            links.setdefault(address, ListedLink(address)).anchors.append(node)
    is_chosen = linkshape.chosen_by(options)
    if is_chosen is not None:
        found = [link for link in links.values() if is_chosen(link.url)]
    elif selector:
        found = [link for link in links.values() if link.url != url]
    else:
        found = _by_shape([link for link in links.values() if is_same_site(link.url, url)])
    _add_parts(found)
    return found


def select(node: LexborHTMLParser | LexborNode, selector: str) -> list[LexborNode]:
    """Return what an operator's CSS selector finds; `SourceUnreadableError` if it is none."""
    try:
        return list(node.css(selector))
    except (SelectolaxError, ValueError, RuntimeError) as error:
        raise SourceUnreadableError(f"{selector!r} is no CSS selector that can be used.") from error


def words_of(node: LexborNode) -> set[str]:
    """Return the words of an element's class and id: `class="list-dated mainTop"` has list, dated, main, top."""
    named = f"{tree.attribute(node, 'class')} {tree.attribute(node, 'id')}"[:300]
    return set(re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", named).lower()))


def _selected(page: LexborHTMLParser, selector: str) -> list[LexborNode]:
    """Return the links that the selector names, or the first ones within what it names."""
    anchors = []
    for node in select(page, selector)[:_MOST_ANCHORS]:
        anchor = node if node.tag == "a" else node.css_first("a[href]") or _above(node)
        if anchor is not None:
            anchors.append(anchor)
    return anchors


def _above(node: LexborNode) -> LexborNode | None:
    above = node.parent
    for _ in range(_HIGHEST):
        if above is None or above.tag == "a":
            return above
        above = above.parent
    return None


def _by_shape(links: list[ListedLink]) -> list[ListedLink]:
    shapes = {link.url: linkshape.shape(link.url) for link in links}
    shaped = [link for link in links if shapes[link.url]]
    inside = [link for link in shaped if not all(_is_outside(anchor) for anchor in link.anchors)]
    for candidates in (inside, shaped):
        # Of shapes with equally many headlines the one that comes first on the page.
        counts = Counter(shapes[link.url] for link in candidates if _reads_like_headline(link))
        if counts:
            shape, count = counts.most_common(1)[0]
            if count >= _FEW or candidates is shaped:
                return [link for link in candidates if shapes[link.url] == shape]
    return []


def _reads_like_headline(link: ListedLink) -> bool:
    return any(len(tree.text_of(anchor)) in _HEADLINE_LETTERS for anchor in link.anchors)


def _is_outside(anchor: LexborNode) -> bool:
    """Whether a link stands in a menu, a footer or a ranking rather than in the list."""
    node = anchor.parent
    for _ in range(_HIGHEST):
        if node is None or node.tag in ("body", "html"):
            return False
        if node.tag in _OUTSIDE_TAGS or words_of(node) & _OUTSIDE_WORDS:
            return True
        node = node.parent
    return False


def _add_parts(links: list[ListedLink]) -> None:
    """Give each link the highest element above it that is above no other link."""
    above: dict[int, set[int]] = {}
    for index, link in enumerate(links):
        for anchor in link.anchors:
            for node in _ancestors(anchor):
                above.setdefault(node.mem_id, set()).add(index)
    for index, link in enumerate(links):
        # The part is that of the link which stands in the largest one of its own.
        for anchor in link.anchors:
            part = anchor
            for node in _ancestors(anchor):
                if above[node.mem_id] != {index}:
                    break
                part = node
            if link.part is None or len(part.text(deep=True)) > len(link.part.text(deep=True)):
                link.part = part


def _ancestors(anchor: LexborNode) -> list[LexborNode]:
    found: list[LexborNode] = []
    node = anchor.parent
    while node is not None and len(found) < _HIGHEST and node.tag not in ("body", "html"):
        found.append(node)
        node = node.parent
    return found

"""The parsed page, and the little that every reader of it needs. Pure.

Selectors run on the parser's own tree in C. Two things must be bounded: how deep elements are nested (a selector with
a blank climbs to the root for every element: 77 seconds for 100,000 nested `div`s), and how many there are. Browsers
stop nesting at 512; a page that goes deeper is told as too deep and left.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.collect.normalize import clean_line

MAX_DEPTH = 512
MAX_NODES = 300_000
MAX_LETTERS = 12_000_000
SILENT = frozenset(
    {
        "script", "style", "noscript", "template", "iframe", "object", "embed", "svg", "math", "select", "textarea",
        "button", "input", "video", "audio", "canvas", "map", "head", "title", "datalist", "dialog", "nav", "footer",
    }
)  # fmt: skip
_NESTING = re.compile(
    r"<(/?)(?!(?:p|li|td|tr|th|dt|dd|br|hr|img|meta|link|input|option|source|wbr|col|area|base|embed|param)\b)[A-Za-z]"
)
_MAX_OPEN = 3_000
_NO_MARKUP_WITHIN = re.compile(r"<(?:!--|(script|style|title|textarea)\b)", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD = re.compile(r"[^a-z0-9가-힣]+")
_HIDDEN = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)


def is_parsable(html: str) -> bool:
    """Whether `html` opens at most 3,000 more elements than it closes: 100,000 cost the parser half a minute.

    What stands in scripts and comments opens none, however much it looks like it.
    """
    depth = 0
    for start, end in _markup(html):
        for match in _NESTING.finditer(html, start, end):
            depth = max(depth - 1, 0) if match[1] else depth + 1
            if depth > _MAX_OPEN:
                return False
    return True


def _markup(html: str) -> Iterator[tuple[int, int]]:
    """Where each stretch between scripts, styles and comments begins and ends. One pass, whatever is left open."""
    at = 0
    while (silent := _NO_MARKUP_WITHIN.search(html, at)) is not None:
        yield at, silent.start()
        closing = re.compile(f"</{silent[1]}" if silent[1] else "-->", re.IGNORECASE).search(html, silent.end())
        if closing is None:
            return
        at = closing.end()
    yield at, len(html)


def parse(html: str) -> LexborHTMLParser:
    """Parse `html`; never fails. More than 12 million characters are not looked at."""
    return LexborHTMLParser(html[:MAX_LETTERS] or " ")


def is_within_bounds(tree: LexborHTMLParser) -> bool:
    """Whether the page is shallow and small enough for selectors and for walking through all of it."""
    root = tree.root
    if root is None:
        return False
    node, depth, count = root, 0, 0
    while True:
        count += 1
        child = node.first_child
        if child is not None:
            node, depth = child, depth + 1
            if depth > MAX_DEPTH:
                return False
            continue
        while node.next is None:
            parent = node.parent
            depth -= 1
            if depth <= 0 or parent is None:
                return count <= MAX_NODES
            node = parent
        node = node.next
        if count > MAX_NODES:
            return False


def attribute(node: LexborNode, name: str) -> str:
    """The value of an attribute, empty if it has none."""
    return (node.attributes.get(name) or "").strip()


def text_of(node: LexborNode | None) -> str:
    """The text within `node` in one line, scripts and styles left out."""
    if node is None:
        return ""
    return clean_line(" ".join(_texts(node)))


def inline_text_of(node: LexborNode) -> str:
    """As `text_of`, but elements within the line leave no blank between their texts."""
    return clean_line("".join(" " if text is None else text for text in _pieces(node)))


def lines_of(node: LexborNode) -> tuple[str, ...]:
    """The lines within `node`: parted by line breaks and block elements."""
    lines, current = [], ""
    for piece in (*_pieces(node), None):
        if piece is None:
            line, current = clean_line(current), ""
            if line:
                lines.append(line)
        else:
            current += piece
    return tuple(lines)


def _texts(node: LexborNode) -> Iterator[str]:
    for one in node.traverse(include_text=True):
        if one.is_text_node:
            parent = one.parent
            if parent is None or parent.tag not in SILENT:
                yield one.text_content or ""


INLINE = frozenset(
    {
        "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i",
        "ins", "kbd", "label", "mark", "q", "ruby", "rt", "rp", "s", "samp", "small", "span", "strike", "strong", "sub",
        "sup", "time", "tt", "u", "var", "wbr", "img", "nobr", "amp-img", "o:p", "td", "th",
    }
)  # fmt: skip


def _pieces(node: LexborNode) -> Iterator[str | None]:
    """Texts in document order, None where a line ends (before and behind block elements, at `br`)."""
    one, depth = node.first_child, 1
    while one is not None:
        child = None
        if one.is_text_node:
            if (one.parent or node).tag not in SILENT:
                yield one.text_content or ""
        elif one.is_element_node:
            if one.tag in ("td", "th"):
                yield " "
            elif _ends_line(one):
                yield None
            child = one.first_child
        if child is not None:
            one, depth = child, depth + 1
            continue
        while (following := one.next) is None:
            depth -= 1
            if depth <= 0 or one.parent is None:
                return
            one = one.parent
            if _ends_line(one):
                yield None
        one = following


def _ends_line(node: LexborNode) -> bool:
    return node.tag not in INLINE and node.tag not in SILENT


@lru_cache(maxsize=20_000)
def split_words(names: str) -> frozenset[str]:
    """The words of ids and classes in lower case: `article-viewBody` → article, view, body."""
    return frozenset(_NO_WORD.split(_CAMEL.sub(" ", names[:500]).lower())) - {""}


def words_of(attributes: dict[str, str | None]) -> frozenset[str]:
    """The words in the id and classes of an element."""
    names = f"{attributes.get('id') or ''} {attributes.get('class') or ''}"
    return split_words(names) if len(names) > 1 else frozenset()


def is_hidden(attributes: dict[str, str | None]) -> bool:
    """Whether the markup itself hides the element from every reader."""
    return "hidden" in attributes or bool(_HIDDEN.search(attributes.get("style") or ""))


def first(tree: LexborHTMLParser | LexborNode, selector: str) -> LexborNode | None:
    """The first element that fits, None if none does or no selector is given."""
    return tree.css_first(selector) if selector else None


def ancestors(node: LexborNode, levels: int) -> Iterator[LexborNode]:
    """The elements around `node`, from the nearest, at most `levels`, without `body` and `html`."""
    one = node.parent
    while one is not None and levels > 0 and one.tag not in {"body", "html", "-undef"}:
        yield one
        one, levels = one.parent, levels - 1

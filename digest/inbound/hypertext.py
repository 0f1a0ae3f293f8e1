"""HTML of a mail to the text that its writer typed.

In: HTML as mail programs make it. Out: lines of text; what the program itself marks as quoted is left out, after one
line that says so (`QUOTE`), so that the reader of the text sees where the quote begins. Blocks and line breaks end a
line, blanks are folded as a browser folds them, what is not shown is not read. Pure.
"""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

QUOTE = ">"
_MAX_LETTERS = 200_000
_MAX_DEPTH = 400
_BLOCKS = frozenset(
    ("p", "div", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "pre", "section",
     "article", "header", "footer", "dt", "dd", "center", "address", "form", "fieldset")
)  # fmt: skip
_UNSEEN = frozenset(("head", "script", "style", "title", "template", "noscript", "meta", "link", "object", "svg"))
_QUOTING_IDS = frozenset(("divrplyfwdmsg", "appendonsend", "stopspelling", "olk_src_body_section", "isforwardcontent"))
_QUOTING_CLASSES = frozenset(
    ("gmail_quote", "gmail_quote_container", "yahoo_quoted", "moz-cite-prefix", "protonmail_quote", "zmail_extra")
)
_HIDDEN = re.compile(r"display\s*:\s*none|font-size\s*:\s*0(?:px|pt)?\s*(?:;|$)", re.IGNORECASE)


def as_text(html: str) -> str:
    """Return the text of `html` without what it marks as quoted. Never raises for what the HTML is."""
    root = LexborHTMLParser(html[:_MAX_LETTERS]).root
    pieces: list[str] = []
    if root is not None:
        _walk(root, pieces)
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _walk(root: LexborNode, pieces: list[str]) -> None:
    """Go through the nodes in their order, with a stack of our own: mails nest deeper than Python calls may."""
    waiting: list[tuple[LexborNode | None, int]] = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        if node is None:
            pieces.append("\n")
            continue
        tag = node.tag or ""
        if tag == "-text":
            pieces.append(re.sub(r"\s+", " ", node.text_content or ""))
            continue
        if tag in _UNSEEN or (tag.startswith(("-", "_")) and tag != "-document") or depth > _MAX_DEPTH:
            continue
        if _is_quote(node, tag):
            pieces.append(f"\n{QUOTE}\n")
            continue
        if _HIDDEN.search(node.attributes.get("style") or ""):
            continue
        if tag == "br":
            pieces.append("\n")
        elif tag in _BLOCKS:
            pieces.append("\n")
            waiting.append((None, depth))
        child = node.last_child
        while child is not None:
            waiting.append((child, depth + 1))
            child = child.prev


def _is_quote(node: LexborNode, tag: str) -> bool:
    attributes = node.attributes
    if tag == "blockquote":
        return True
    if (attributes.get("id") or "").lower() in _QUOTING_IDS:
        return True
    return not _QUOTING_CLASSES.isdisjoint((attributes.get("class") or "").lower().split())

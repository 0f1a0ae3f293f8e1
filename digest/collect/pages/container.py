"""Which element of a page holds the article, where no selector says so.

Every run of sentences speaks for the elements around it: fully for the nearest that holds blocks, half as much for the
next. Letters in links do not count, nor what stands in lists of comments, most-read articles and the like. Names help
(`article-body`, `news_cont`; `itemprop=articleBody`) and do not decide. Then the choice is widened while an element
around it holds clearly more sentences: papers part an article by adverts. One pass over the elements, no recursion.
Pure.
"""

import re
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from digest.collect.pages.blocks import NEARLY_ALL, NOT_THE_ARTICLE, is_masthead, stands_beside
from digest.collect.pages.tree import INLINE, SILENT, is_hidden, text_of, words_of

_BODY_WORDS = frozenset(
    {
        "article", "articlebody", "body", "content", "contents", "cont", "con", "conts", "entry", "story", "news",
        "text", "txt", "view", "detail", "post", "read", "main", "본문", "paragraph", "newstext", "viewcontent",
    }
)  # fmt: skip
_ASIDE = NOT_THE_ARTICLE | {"side", "aside", "right", "header", "foot", "bottom", "popup", "layer", "modal", "cookie",
    "hot", "best", "most", "rank", "list", "teaser", "headlines", "notice", "company", "address", "search"}  # fmt: skip
_SENTENCE_END = re.compile(r"[.!?。！？…][\"'”’」』)\]]*(?:\s|$)|다\.|요\.")
_SHORTEST_SENTENCE = 20
_SHORTEST_PROSE = 60  # without the mark of a sentence's end
_PARAGRAPH_TAGS = frozenset({"p", "li", "blockquote", "dd", "h2", "h3", "h4", "pre", "tr", "center"})
_HEADING_TAGS = frozenset({"h2", "h3", "h4", "h5", "h6", "strong", "b", "dt", "p", "div", "legend", "caption"})
# What a box begins with whose sentences are readers' own.
_NOT_WRITTEN_BY_THE_PAPER = re.compile(
    r"(?:전체\s?|독자\s?)?(?:댓글|의견|한\s?줄\s?의견)(?:\s?(?:목록|쓰기|달기|보기))?\s?\(?\d{0,6}\)?\s?(?:개|건)?|나도\s?한마디|(?:\d+\s)?comments?\s?\(?\d{0,6}\)?",
    re.IGNORECASE,
)
_WIDER = 1.25
_MUCH_OF_THE_PAGE = 0.4
_ADVERT_WORDS = frozenset({"ad", "ads", "adv"})


@dataclass(slots=True)
class _Frame:
    """An open element: what was counted within it."""

    node: LexborNode
    tag: str
    is_aside: bool
    parent: "_Frame | None"
    own: list[str] = field(default_factory=list)
    own_linked: int = 0
    prose: float = 0  # letters of sentences anywhere within
    linked: int = 0
    score: float = 0
    has_begun: bool = False  # something stands in it already


@dataclass(frozen=True, slots=True)
class Found:
    """The chosen element, the letters of sentences in it, and whether its name says too that it holds an article."""

    node: LexborNode
    prose: int
    is_named: bool


def choose(root: LexborNode) -> Found | None:
    """Return the element that holds the article, None if there are no sentences on the page."""
    frames = _count(root)
    best = max(frames, key=_value, default=None)
    if best is None or _value(best) <= 0:
        return None
    best = _widened(best)
    return Found(best.node, int(best.prose), bool(words_of(best.node.attributes) & _BODY_WORDS) or _is_marked(best))


def _count(root: LexborNode) -> list[_Frame]:
    top = _Frame(root, "body", False, None)
    all_letters = len(text_of(root))
    done, frame, links = [top], top, 0
    node = root.first_child
    while node is not None:
        child = None
        if node.is_text_node:
            _take(frame, node.text_content or "", is_linked=links > 0)
        elif node.is_element_node and (tag := node.tag) is not None and tag not in SILENT:
            child = node.first_child
            if child is not None:
                links += tag == "a"
                if tag not in INLINE or tag in ("td", "th"):
                    attributes = node.attributes
                    if is_hidden(attributes):
                        child = None
                    else:
                        _end_run(frame)
                        aside = frame.is_aside or _is_aside(node, tag, words_of(attributes), all_letters)
                        frame = _Frame(node, tag, aside, frame)
            elif tag not in INLINE and tag != "br":
                _end_run(frame)
        if child is not None:
            node = child
            continue
        while (following := node.next) is None:
            parent = node.parent
            if parent is None or parent.mem_id == root.mem_id:
                _end_run(frame)
                return done
            links -= parent.tag == "a"
            if frame.parent is not None and frame.node.mem_id == parent.mem_id:
                frame = _close(frame, frame.parent, done)
            node = parent
        node = following
    return done


def _is_aside(node: LexborNode, tag: str, words: frozenset[str], all_letters: int) -> bool:
    if stands_beside(tag, words):
        return len(text_of(node)) < NEARLY_ALL * all_letters
    named = words & NOT_THE_ARTICLE
    if not named:
        return False
    if named <= _ADVERT_WORDS and words & _BODY_WORDS:
        return False  # id="CmAdContent": the place that adverts are put into
    return len(text_of(node)) < _MUCH_OF_THE_PAGE * all_letters


def _take(frame: _Frame, text: str, *, is_linked: bool) -> None:
    frame.own.append(text)
    if is_linked:
        letters = len(text.strip())
        frame.own_linked += letters
        frame.linked += letters


def _end_run(frame: _Frame) -> None:
    """A block begins or ends: what was gathered is a run of sentences, or a label."""
    if not frame.own:
        return
    text, linked = " ".join("".join(frame.own).split()), frame.own_linked
    frame.own.clear()
    frame.own_linked = 0
    begins = frame.parent is not None and not frame.parent.has_begun and frame.tag in _HEADING_TAGS
    if begins and frame.parent is not None and _NOT_WRITTEN_BY_THE_PAPER.fullmatch(text):
        frame.parent.is_aside = True
    holder = frame.parent
    while holder is not None and not holder.has_begun:
        holder.has_begun, holder = True, holder.parent
    letters = len(text) - linked
    if frame.is_aside or letters < _SHORTEST_SENTENCE or linked > letters:
        return
    if letters < _SHORTEST_PROSE and not _SENTENCE_END.search(text):
        return
    if is_masthead(text):
        return
    frame.prose += letters
    is_paragraph = frame.tag in _PARAGRAPH_TAGS
    share = 1.0
    holder = frame.parent if is_paragraph and frame.parent is not None else frame
    while holder is not None and share > 0.1:
        holder.score += share * letters
        share, holder = share / 2, holder.parent


def _close(frame: _Frame, parent: _Frame, done: list[_Frame]) -> _Frame:
    _end_run(frame)
    parent.prose += frame.prose
    parent.linked += frame.linked
    if frame.score:
        done.append(frame)
    return parent


def _is_marked(frame: _Frame) -> bool:
    return (frame.node.attributes.get("itemprop") or "").lower() == "articlebody" or frame.tag == "article"


def _value(frame: _Frame) -> float:
    words = words_of(frame.node.attributes)
    factor = 1.0
    if words & _BODY_WORDS or _is_marked(frame):
        factor *= 1.3
    if words & _ASIDE:
        factor *= 0.4
    return frame.score * factor * frame.prose / (frame.prose + frame.linked + 1)


def _widened(best: _Frame) -> _Frame:
    """Return the nearest element around `best` that holds clearly more of the article, or `best`."""
    outer, steps = best.parent, 0
    while outer is not None and outer.parent is not None and steps < 6:
        mostly_text = outer.prose > 2 * outer.linked
        if outer.prose >= _WIDER * best.prose and mostly_text and not words_of(outer.node.attributes) & _ASIDE:
            best = outer
        outer, steps = outer.parent, steps + 1
    return best

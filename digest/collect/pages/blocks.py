"""A part of the page to its paragraphs, without what stands between them: adverts, related links, buttons, captions.

In: the element that holds the article. Out: lines with their share of linked letters. Every line break ends a
paragraph, since Korean newspaper systems write paragraphs as `<br><br>` as often as `<p>`. What is left out goes by
what elements are (`nav`, `figure`, `aside`), by the words of their ids and classes (`ad`, `related`, `reply`), and by
whether every letter is a link. An element that holds much of the article is never left out for its name alone: papers
call their whole body `ad-content`. The tree is walked, never changed. Pure.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from selectolax.lexbor import LexborNode

from digest.collect.normalize import clean_line
from digest.collect.pages.tree import INLINE, SILENT, is_hidden, text_of, words_of

_PICTURE_TAGS = frozenset({"figure", "figcaption"})
_LEFT_OUT_TAGS = frozenset({"aside", "fieldset", "amp-ad", "amp-img", "ins"})
NOT_THE_ARTICLE = frozenset(
    {
        "ad", "ads", "adv", "advert", "adverts", "advertisement", "advertising", "adsense", "adsbygoogle", "banner",
        "banners", "dable", "taboola", "outbrain", "teads", "mobon", "sponsor", "sponsored", "promo", "promotion",
        "relate", "related", "relation", "relations", "recommend", "recommended", "recommendation", "recirc",
        "readmore", "seealso", "share", "sharing", "sns", "social", "reply", "replies", "comment", "comments",
        "disqus", "livere", "copyright", "copyrights", "tag", "tags", "taglist", "hashtag", "hashtags", "keyword",
        "keywords", "subscribe", "subscription", "subscriptions", "newsletter", "newsletters", "signup", "popular",
        "ranking", "trending", "blind", "skip", "journalist", "reporter", "reporters", "profile",
        "breadcrumb", "breadcrumbs", "toolbar", "print",
        "fontsize", "player", "vod", "paywall", "poll", "survey", "emotion", "reaction", "reactions", "vote",
        "recommendbox", "bookmark", "scrap", "pagination", "pager", "prevnext", "sidebar", "widget", "donate",
        "donation", "author", "byline", "credit", "credits", "rss", "jebo", "gallery", "slideshow", "carousel",
        "footer", "nav", "menu", "gnb", "lnb", "memo", "login", "relatedposts", "yarpp", "sharedaddy",
    }
)  # fmt: skip
PICTURE_WORDS = frozenset(
    {
        "photo", "photos", "img", "image", "images", "pic", "picture", "caption", "captions", "figure", "thumb",
        "thumbnail", "cap", "photobox", "imgbox",
    }
)  # fmt: skip
_SUMMARY_WORDS = frozenset({"summary", "ai", "gpt", "digest", "brief", "briefing", "aisummary"})
_SUMMARY = re.compile(
    r"(?:AI|기사|뉴스|[3세]\s?줄|핵심|한\s?줄)[^.]{0,12}(?:요약|브리핑)|요약(?:하기|보기|봇)?\s", re.IGNORECASE
)
# What 신문법 제21조 has every paper print below its pages.
_MASTHEAD = re.compile(
    r"제호|발행인|편집인|발행[·ㆍ]편집인|등록\s?번호|등록\s?(?:일자?|연월일)|청소년\s?보호|사업자|법인명|발행\s?(?:일자?|소)|대표\s?(?:이사|전화)|"
    r"(?:주\s?소|전\s?화|팩\s?스|이메일|TEL|FAX|E-?mail)\s?[.:：]?(?=[\s:：(\d])",
    re.IGNORECASE,
)
_HEADS = frozenset({"h1", "h2", "h3"})
_BLANK_LINE = re.compile(r"(?<=[.?!”\"’])[ \t]*\r?\n[ \t]*\r?\n\s*(?=\S)")
_LONG_CAPTION = 250  # letters; what is longer beside a picture is text
_MUCH_OF_IT = 0.3  # of the whole, in one element: not left out for its name
NEARLY_ALL = 0.8  # of the whole: even an `aside` that holds so much is the article
_MOST_READ = frozenset({"most", "read"})


@dataclass(frozen=True, slots=True)
class Line:
    """One paragraph. `linked` is how many of its letters stand in links, `is_head` that it is in a `h1` to `h3`.

    `is_under_picture`: nothing but the picture stands between it and the line before.
    """

    text: str
    linked: int = 0
    is_head: bool = False
    is_under_picture: bool = False

    @property
    def is_link(self) -> bool:
        """Whether it is nothing but links (and perhaps an arrow or a number before them)."""
        return self.linked > 0 and self.linked >= 0.8 * len(self.text.replace(" ", ""))


def read_lines(root: LexborNode, leave_out: frozenset[int] = frozenset()) -> list[Line]:
    """Return the lines within `root`. `leave_out` are elements (by `mem_id`) that are something else."""
    lines = _Walk(root, leave_out).lines
    # One alone: with others it is the list that follows a picture.
    return [
        line
        for line, following in pairwise([*lines, Line("")])
        if not (line.is_under_picture and is_marked_caption(line.text) and not is_marked_caption(following.text))
    ]


def is_marked_caption(text: str) -> bool:
    """Whether a line has the mark with which papers point from a caption to the picture over it."""
    return text.startswith(("▲", "△", "▼", "▽")) and len(text) <= _LONG_CAPTION


def is_masthead(text: str) -> bool:
    """Whether a line says who publishes the paper and where, as it stands below every page."""
    if len(text) > 1000 or "다." in text or text.endswith(("다", "요.", "”")):
        return False
    return len({match[0].split()[0] for match in _MASTHEAD.finditer(text)}) >= 2


class _Walk:
    """Goes once through the elements, in document order, without recursion."""

    def __init__(self, root: LexborNode, leave_out: frozenset[int]) -> None:
        self.lines: list[Line] = []
        self._pieces: list[str] = []
        self._linked = 0
        self._has_picture = False  # since the last line
        self._links = 0  # how many links are open around the current place
        self._leave_out = leave_out
        self._all_letters = len(text_of(root))
        self._go(root)
        self._end_line()

    def _go(self, root: LexborNode) -> None:
        node, depth = root.first_child, 1
        while node is not None:
            child = self._enter(node)
            if child is not None:
                node, depth = child, depth + 1
                continue
            while (following := node.next) is None:
                parent = node.parent
                depth -= 1
                if depth <= 0 or parent is None:
                    return
                self._leave(parent)
                node = parent
            node = following

    def _enter(self, node: LexborNode) -> LexborNode | None:
        """Take in `node`; return its first child if there is something to see within it."""
        if node.is_text_node:
            self._take(node.text_content or "")
            return None
        tag = node.tag
        if tag is None or not node.is_element_node or tag in SILENT:
            return None
        if tag not in INLINE:
            self._end_line()
        if tag == "img":
            self._has_picture = True
        if tag in ("td", "th"):
            self._take(" ")
        if self._is_left_out(node, tag):
            return None
        child = node.first_child
        if child is not None and tag == "a":
            self._links += 1
        return child

    def _leave(self, node: LexborNode) -> None:
        if node.tag == "a":
            self._links -= 1
        elif node.tag not in INLINE:
            self._end_line(is_head=node.tag in _HEADS)

    def _is_left_out(self, node: LexborNode, tag: str) -> bool:
        if node.mem_id in self._leave_out:
            return True
        attributes = node.attributes
        if is_hidden(attributes):
            return True
        words = words_of(attributes)
        if stands_beside(tag, words):
            return len(text_of(node)) <= NEARLY_ALL * self._all_letters
        if words & _SUMMARY_WORDS and _SUMMARY.match(text_of(node)):
            return True
        if tag in _PICTURE_TAGS:  # more than the text beside it where that is a line under a picture
            return len(text_of(node)) <= NEARLY_ALL * self._all_letters
        if tag in _LEFT_OUT_TAGS or words & NOT_THE_ARTICLE:
            return len(text_of(node)) <= _MUCH_OF_IT * self._all_letters or bool(words & {"comment", "comments"})
        if tag == "table" or words & PICTURE_WORDS:
            return _is_captioned_picture(node, self._all_letters)
        return False

    def _take(self, text: str) -> None:
        """Take in a text; a blank line after a sentence parts paragraphs, as pages do that set `white-space`."""
        first, *further = _BLANK_LINE.split(text) if "\n" in text else [text]
        self._take_piece(first)
        for piece in further:
            self._end_line()
            self._take_piece(piece)

    def _take_piece(self, text: str) -> None:
        self._pieces.append(text)
        if self._links:
            self._linked += sum(len(word) for word in text.split())

    def _end_line(self, *, is_head: bool = False) -> None:
        if not self._pieces:
            return
        text = clean_line("".join(self._pieces))
        self._pieces.clear()
        if text:
            self.lines.append(Line(text, self._linked, is_head, self._has_picture))
            self._has_picture = False
        self._linked = 0


def stands_beside(tag: str, words: frozenset[str]) -> bool:
    """Whether an element says plainly that it is beside the article: beside a short one it may be the longer one."""
    return tag == "aside" or words >= _MOST_READ


def _is_captioned_picture(node: LexborNode, all_letters: int) -> bool:
    """A table or box around a picture, and its caption; or a caption alone."""
    letters = len(text_of(node))
    if letters > _LONG_CAPTION or letters > _MUCH_OF_IT * all_letters + 100:
        return False
    words = words_of(node.attributes)
    return bool(words & {"caption", "captions", "cap"}) or node.css_first("img") is not None

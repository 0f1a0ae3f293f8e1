"""The headline as printed, its sub-headlines, and the section. Pure.

Headlines are taken verbatim (신문법 제10조②). What a page says to machines is often cut or carries the paper's name
behind a dash, so the printed heading that begins as it does is preferred; where none is printed, the paper's name goes.
"""

import re
from itertools import islice

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.collect.normalize import clean_title
from digest.collect.pages import dateline
from digest.collect.pages import metadata as meta
from digest.collect.pages.tree import ancestors, attribute, inline_text_of, lines_of, text_of, words_of

_HEADINGS = "h1, h2, h3, h4, [class*=title], [class*=headline], [class*=subject], [class*=tit], [id*=title]"
_MARKED = "h1, h2, h3, h4, strong, b, [class*=itle]"
_SUBHEADS = (
    "[class*=subtitle], [class*=sub_title], [class*=sub-title], [class*=subTitle], [class*=SubTitle], [class*=subhead], "  # noqa: E501
    "[class*=sub_tit], [class*=subtit], [class*=sub-heading], [class*=art_sub], [class*=titlesub], [class*=title_sub], "
    "[itemprop=alternativeHeadline]"
)
_SUMMARIES = (
    "strong[class*=summary], div[class*=summary], p[class*=summary], h2[class*=summary], [class*=sub_title], "
    "[class*=subtitle]"
)
_BREADCRUMB = "[class*=breadcrumb] a, [class*=location] a, [class*=path] a"
_PARTS = re.compile(r"\s+[-|–—<>:]{1,2}\s+|\s*[|｜]\s*|\s*：\s*|\s+::+\s*")
_MARK = re.compile(r"^(?:[-–—·•∙▷▶*]\s*)+")
_DASHED = re.compile(r"[-–—]\s?[^-–—\s].{4,80}(?<![.?!。])")
_MOST_DASHED, _SHORT_PARAGRAPH = 4, 60
_BARE = re.compile(r"\W+")
_SECTION_IN_TITLE = re.compile(r"\s<\s([^<>]{1,40}?)\s<\s기사본문")  # headline < section < 기사본문 - paper
_GENERIC = {"홈", "home", "전체기사", "전체", "뉴스", "기사", "news", "article", "top", "메인", "처음"}
_MOST_HEADINGS, _LONGEST, _MOST_LINES, _SHORTEST_HEADLINE = 150, 300, 400, 8
_SENTENCE = re.compile(r".{30,}(?:다|요)[.”\"’']{1,2}")
_SIZED = "font[size], [style*=font]"
_FONT_PIXELS, _HEADLINE_POINTS = (10, 13, 16, 18, 24, 32, 48), 18  # of `size` 1 to 7
_MOST_NODES, _MOST_AROUND, _SHORTEST_BEGINNING = 20_000, 6, 4
_SUB_WORDS = frozenset({"sub", "deck", "dek", "lede", "subhead"})
_NO_SUBHEAD = re.compile(
    r"(?:다|요)[.”]{1,2}$|바로\s?가기|공유|글자|글씨|본문|페이지|댓글|조회|인쇄|스크랩|로그인|구독"
)
_LONG_PARAGRAPH = 100
_LINES_BETWEEN = 14  # headline and text


def _bare(text: str) -> str:
    return _BARE.sub("", text).lower()


def read_title(tree: LexborHTMLParser, metadata: meta.Metadata) -> tuple[str, str]:
    """Return the headline and the way it was found; both empty if the page has none."""
    named, way = meta.headline(metadata)
    if not named:
        node = tree.css_first("head title") or tree.css_first("title")
        named, way = clean_title(inline_text_of_title(node), is_plain=True), "text"
    printed = _printed_as(tree, named, is_link_a_name=way == "text")
    if printed:
        return printed, way if _bare(printed) == _bare(named) else "text"
    if line := _as_a_line(tree, named):
        return line, way
    # No machine's word, and printed nowhere: often the paper's name on every page of it.
    if (way == "text" or _bare(named) in _names(metadata)) and (over := _over_text(tree)):
        return over, "text"
    if named:
        return _without_name(named, metadata), way
    heading = tree.css_first("h1")
    title = clean_title(inline_text_of(heading), is_plain=True) if heading is not None else ""
    return title, "text" if title else ""


def inline_text_of_title(node: LexborNode | None) -> str:
    """The text of `title`, which the readers of visible text leave out."""
    return (node.text() or "") if node is not None else ""


def _printed_as(tree: LexborHTMLParser, named: str, *, is_link_a_name: bool) -> str:
    """The printed heading that `named` begins with, or that begins with `named` where that was cut; the longest.

    `is_link_a_name`: a heading that is nothing but a link is the paper's name, which is a page's title, too.
    """
    wanted, best = _bare(named), ""
    if len(wanted) < 4:
        return ""
    for node in islice(tree.css(_HEADINGS), _MOST_HEADINGS):
        text = clean_title(inline_text_of(node), is_plain=True)
        bare = _bare(text)
        if len(bare) < 6 or len(text) > _LONGEST or node.tag == "title":
            continue
        is_same = bare == wanted
        is_without_name = wanted.startswith(bare) and _PARTS.match(named[_end_of(named, len(bare)) :]) is not None
        was_cut = named.endswith(("...", "…")) and bare.startswith(wanted)
        if is_same and is_link_a_name and (link := node.css_first("a")) is not None and text_of(link) == text_of(node):
            continue
        if is_same or was_cut:
            return text
        if is_without_name and len(text) > len(best):
            best = text
    return best


def _over_text(tree: LexborHTMLParser) -> str:
    """The last heading before the first long paragraph, with a few short lines between them; empty if there is none."""
    lines = lines_of(tree.body)[:_MOST_LINES] if tree.body is not None else ()
    text_at = next(
        (number for number, line in enumerate(lines) if len(line) > _LONG_PARAGRAPH or _SENTENCE.fullmatch(line)), 0
    )
    above = {_bare(line) for line in lines[max(0, text_at - _LINES_BETWEEN) : text_at]}
    for tag in ("h1", "h2", "h3"):
        texts = [clean_title(inline_text_of(node), is_plain=True) for node in tree.css(tag)[:_MOST_HEADINGS]]
        over = [text for text in texts if _SHORTEST_HEADLINE <= len(_bare(text)) <= _LONGEST and _bare(text) in above]
        if over:
            return over[-1]
    return _set_large(tree, above)


def _set_large(tree: LexborHTMLParser, above: set[str]) -> str:
    """Of the lines `above` the text the one in the largest letters: pages of tables have no headings."""
    largest, best = _HEADLINE_POINTS - 1, ""
    for node in tree.css(_SIZED)[:_MOST_HEADINGS]:
        text = clean_title(inline_text_of(node), is_plain=True)
        points = _points(attribute(node, "size"), attribute(node, "style"))
        if points > largest and _SHORTEST_HEADLINE <= len(_bare(text)) <= _LONGEST and _bare(text) in above:
            largest, best = points, text
    return best


def _points(size: str, style: str) -> int:
    """How large letters are: as `font size` or as a style says, in pixels; 0 where neither does."""
    if match := re.fullmatch(r"\+?([1-7])", size):
        return _FONT_PIXELS[int(match[1]) - 1]
    match = re.search(r"font(?:-size)?\s*:[^;]{0,30}?(\d{1,3})\s?(px|pt)", style, re.IGNORECASE)
    return int(match[1]) * (4 if match[2].lower() == "pt" else 3) // 3 if match else 0


def _as_a_line(tree: LexborHTMLParser, named: str) -> str:
    """The longest part of a page's title, between its dashes and the like, that is printed as a line of its own."""
    parts = _parts(named)
    if len(parts) < 2 or tree.body is None:
        return ""
    wanted = {_bare(part): part for part in parts if len(_bare(part)) >= _SHORTEST_HEADLINE}
    printed = [text for text in lines_of(tree.body)[:_MOST_LINES] if _bare(text) in wanted]
    # In one line with others, as sub-headlines are where they stand in a `span`.
    marked = (clean_title(inline_text_of(node), is_plain=True) for node in islice(tree.css(_MARKED), _MOST_HEADINGS))
    return max([*printed, *(text for text in marked if _bare(text) in wanted)], key=len, default="")


def _parts(named: str) -> list[str]:
    """What stands before and after each separator; of a comma only what stands after, a paper's name before it."""
    behind_names = (named[cut.end() :] for cut in re.finditer(r",\s", named[:40]))
    return [*_PARTS.split(named), *behind_names]


def _end_of(text: str, letters: int) -> int:
    """Where the first `letters` letters of `text` end."""
    for at, char in enumerate(text):
        letters -= bool(_bare(char))
        if letters == 0:
            return at + 1
    return len(text)


def _without_name(named: str, metadata: meta.Metadata) -> str:
    """Take off the paper's name behind the last dash, where the page says that it is the name."""
    cuts = list(_PARTS.finditer(named))
    if cuts and cuts[-1].start() >= 4 and _bare(named[cuts[-1].end() :]) in _names(metadata):
        return named[: cuts[-1].start()].rstrip()
    return named


def _names(metadata: meta.Metadata) -> set[str]:
    """What the page says the paper is called."""
    called = (metadata.first("og:site_name", "application-name"), metadata.linked("publisher"))
    return {_bare(name) for name in called if name}


def read_subheads(tree: LexborHTMLParser, body: LexborNode | None, title: str) -> tuple[str, ...]:
    """The lines of the first element named as sub-headlines that stands before the article's text.

    Some pages keep headline and sub-headlines in the element that holds the text: there the first long paragraph ends
    what stands before it.
    """
    if body is None or tree.body is None:
        return ()
    named = {node.mem_id for node in tree.css(_SUBHEADS)[:50]}
    holds_headline = body.css_first("h1") is not None
    for node in tree.body.traverse() if named else ():
        if node.mem_id == body.mem_id and not holds_headline:
            break
        if node.tag == "p" and node.mem_id not in named and len(text_of(node)) > _LONG_PARAGRAPH:
            break
        if node.mem_id not in named or node.css_first("a") is not None:
            continue
        lines = subhead_lines(node)
        if lines and 8 <= sum(map(len, lines)) <= 400 and _bare(lines[0]) != _bare(title):
            return lines
    return ()


def subheads_below(
    tree: LexborHTMLParser, body: LexborNode | None, title: str, under: tuple[str, ...]
) -> tuple[str, ...]:
    """The lines of what stands right below the headline, if it is a smaller heading, or a date or reporter follows."""
    wanted = _bare(title)
    headline = _printed_headline(tree.body, wanted)
    below = _next_element(headline)
    if below is None and headline is not None and headline.css_first("h1, h2, h3") is None:
        below = _next_element(headline.parent)
    if (
        body is None
        or not wanted
        or below is None
        or below.css_first("a, img, button, input, li + li + li") is not None
    ):
        return ()
    if body.mem_id in {below.mem_id, *(one.mem_id for one in below.css("*")[:200])}:
        return ()
    lines = subhead_lines(below)
    are_lines = 0 < len(lines) <= _MOST_DASHED and all(
        _SHORTEST_HEADLINE <= len(line) <= _LONG_PARAGRAPH for line in lines
    )
    if not are_lines or any(
        _NO_SUBHEAD.search(line) or dateline.says_who_or_when(line) or _bare(line) in wanted for line in lines
    ):
        return ()
    is_heading = below.tag in ("h2", "h3", "h4", "h5", "h6") or bool(words_of(below.attributes) & _SUB_WORDS)
    printed = lines_of(below)
    is_followed = under[: len(printed)] == printed and any(map(dateline.says_who_or_when, under[len(printed) :][:1]))
    return lines if is_heading or is_followed else ()


def told_subheads(metadata: meta.Metadata, title: str) -> tuple[str, ...]:
    """The sub-headlines that the page tells machines, one a line."""
    lines = tuple(line for line in map(clean_title, metadata.linked("alternativeHeadline").splitlines()) if line)
    are_lines = all(_SHORTEST_HEADLINE <= len(line) <= _LONG_PARAGRAPH for line in lines)
    return lines[:_MOST_DASHED] if are_lines and _bare(title) not in map(_bare, lines) else ()


def _printed_headline(root: LexborNode | None, wanted: str) -> LexborNode | None:
    """The outermost element that holds the headline and nothing else."""
    for number, one in enumerate(root.traverse(include_text=True) if root is not None else ()):
        if number > _MOST_NODES:
            break
        begun = _bare((one.text_content or "")[:_LONGEST]) if one.is_text_node else ""
        if len(begun) < _SHORTEST_BEGINNING or not wanted.startswith(begun):
            continue
        found = None
        for holder in ancestors(one, _MOST_AROUND):
            said = _bare(inline_text_of(holder))
            if said == wanted:
                found = holder
            elif not wanted.startswith(said):
                break
        if found is not None:
            return found
    return None


def _next_element(node: LexborNode | None) -> LexborNode | None:
    following = node.next if node is not None else None
    while following is not None and (not following.is_element_node or following.tag in ("br", "hr", "script", "style")):
        following = following.next
    return following


def subheads_within(body: LexborNode | None) -> tuple[str, ...]:
    """The sub-headlines with which the element of the text itself begins."""
    node = body.css_first(_SUMMARIES) if body is not None else None
    if body is None or node is None or node.css_first("a, p + p + p") is not None:
        return ()
    lines, said = subhead_lines(node), text_of(node)
    is_first = bool(said) and text_of(body).startswith(said)
    is_short = 8 <= len(said) <= 300 and all(len(line) < _LONG_PARAGRAPH for line in lines)
    is_text = any(line.endswith(("다.", "요.")) for line in lines)
    return lines if is_first and is_short and not is_text else ()


def split_subheads(paragraphs: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Take off the sub-headlines with which some texts begin: short lines behind a dash, then a paragraph."""
    at = 0
    while at < len(paragraphs) and _DASHED.fullmatch(paragraphs[at]):
        at += 1
    if not 1 <= at <= _MOST_DASHED or at == len(paragraphs) or len(paragraphs[at]) < _SHORT_PARAGRAPH:
        return (), paragraphs
    return tuple(_MARK.sub("", line) for line in paragraphs[:at]), paragraphs[at:]


def subhead_lines(node: LexborNode) -> tuple[str, ...]:
    """Sub-headlines, one a line, as printed but for the dash or dot in front: who shows them sets their own."""
    return tuple(_MARK.sub("", line) for line in lines_of(node) if len(line) > 2)[:10]


def read_section(tree: LexborHTMLParser, metadata: meta.Metadata) -> tuple[str, str]:
    """Return the section and the way it was found; both empty if the page has none."""
    if section := _usable(metadata.linked("articleSection").split(",")[0]):
        return section, "json-ld"
    if section := _usable(
        metadata.first("article:section", "og:article:section", "dable:section", "section", "category")
    ):
        return section, "meta"
    if steps := [
        step for step in map(_usable, metadata.steps) if step and step != clean_title(metadata.linked("headline"))
    ]:
        return steps[-1], "json-ld"
    section = last_step(tree, _BREADCRUMB)
    if not section and (match := _SECTION_IN_TITLE.search(inline_text_of_title(tree.css_first("title")))):
        section = _usable(match[1])
    return section, "text" if section else ""


def last_step(tree: LexborHTMLParser, selector: str) -> str:
    """The last of the elements that fit which names a section; "홈" and the like do not."""
    steps = [one for one in (_usable(text_of(node)) for node in tree.css(selector)[:8]) if one]
    return steps[-1] if steps else ""


def _usable(text: str) -> str:
    text = clean_title(text)
    return text if 0 < len(text) <= 40 and text.lower() not in _GENERIC else ""

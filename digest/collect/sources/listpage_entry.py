"""One article of a list page: what stands beside its link.

Title: a heading or an element called title within the article's part, else the first link's text that reads like one;
a title that the list cuts is taken whole from the link's own `title`, where it begins alike. Date: the operator's
selector, `<time>`, else the first date in the text. Section and byline: the selector, elements so called, or the parts
of a line `정치 | 홍길동 기자 | 2024-08-08 13:00`. What is not there stays empty; the article's page knows more. Pure.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from selectolax.lexbor import LexborNode

from digest.collect.dates import read_date
from digest.collect.normalize import clean_title, excerpt, shorten, usable_link
from digest.collect.pages import tree
from digest.collect.prose import pixels
from digest.collect.source import Options
from digest.collect.sources.listpage_links import ListedLink, select, words_of
from digest.models.articles import ArticleText, FoundArticle, Picture

_MAX_BYLINE, _MAX_SECTION, _MAX_TITLE, _MAX_PART = 200, 60, 250, 20_000
_MOST_ELEMENTS = 200  # of one article's part
_SMALLEST_PICTURE = 30  # pixels; smaller ones are icons
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_TITLE_WORDS = {"title", "titles", "tit", "subject", "headline", "head", "subj"}
_DATE_WORDS = {"date", "dated", "time", "datetime", "regdate", "day", "byline", "info"}
_SECTION_WORDS = {"section", "category", "cate", "sect", "cat"}
_BYLINE_WORDS = {"writer", "author", "reporter", "byline", "name"}
_LEAD_WORDS = {"lead", "summary", "desc", "description", "content", "cont", "text", "txt", "preview", "read", "sub"}
_DATE = re.compile(
    r"(?<![\d.])(?P<year>(?:19|20)\d{2}|\d{2})\s?(?:[-./]|년)\s?\d{1,2}\s?(?:[-./]|월)\s?\d{1,2}(?!\d)\s?[일.]?"
    r"(?:\s?\(?[월화수목금토일](?:요일)?\)?)?"
    r"(?:[T,]?\s?(?:오전|오후|[AaPp][Mm])?\s?\d{1,2}\s?(?::|시)\s?(?:\d{1,2})?(?::\d{2})?분?(?:[+-]\d{2}:?\d{2}|Z)?)?"
)
_NOT_A_DATE = re.compile(r"\d+\s?(?:초|분|시간|일|주|개월)\s?전|어제|\b\d{1,2}[-./]\d{1,2}\s\d{1,2}:\d{2}")
_CUT = re.compile(r"(?:…|\.{2,})$")


def read(links: Sequence[ListedLink], base: str, zone: ZoneInfo, options: Options) -> tuple[FoundArticle, ...]:
    """Return the articles of `links`; those without any title are left out."""
    given = dict(options)
    articles = []
    for link in links:
        part = link.part if link.part is not None else link.anchors[0]
        elements = list(part.css("*")[:_MOST_ELEMENTS])
        doubts: list[str] = []
        title = _title(link, elements, doubts)
        if not title:
            continue
        facts = _facts(part, title)
        date, doubt = _date(part, elements, facts, zone, given.get("date", ""))
        text = ArticleText(
            title=title,
            link=link.url,
            section=shorten(_section(part, elements, facts, given.get("headings", "")), _MAX_SECTION),
            byline=shorten(_byline(elements, facts), _MAX_BYLINE),
            excerpt=_lead(elements, title),
            picture=_picture(part, base),
            registered_at=date,
        )
        articles.append(FoundArticle("", text, (*doubts, *([doubt] if doubt else []))))
    return tuple(articles)


def _title(link: ListedLink, elements: list[LexborNode], doubts: list[str]) -> str:
    within = [node for anchor in link.anchors for node in anchor.css("*")[:50]]
    called = [node for node in (*within, *elements) if node.tag in _HEADINGS or words_of(node) & _TITLE_WORDS]
    strong = [node for node in within if node.tag in ("strong", "b", "dt")]
    texts = [text for text in map(tree.text_of, [*called, *strong, *link.anchors]) if 1 < len(text) <= _MAX_TITLE]
    named = [tree.attribute(anchor, "title") for anchor in link.anchors]
    pictured = [tree.attribute(node, "alt") for node in within if node.tag == "img"]
    title = next((text for text in [*texts, *named, *pictured] if len(clean_title(text)) > 1), "")
    if cut := _CUT.search(title):
        whole = next((name for name in named if len(name) > cut.start() and name.startswith(title[: cut.start()])), "")
        title = whole or title
        if not whole:
            doubts.append("its title may be cut in the list")
    return clean_title(title)


def _facts(part: LexborNode, title: str) -> str:
    """Return the text of an article's part without its title, whose own dates are no dates of the article."""
    return tree.text_of(part)[:_MAX_PART].replace(title, " ", 2)


def _date(
    part: LexborNode, elements: list[LexborNode], facts: str, zone: ZoneInfo, selector: str
) -> tuple[datetime | None, str]:
    if selector:
        chosen = select(part, selector)
        texts = [tree.attribute(chosen[0], "datetime") or tree.text_of(chosen[0])] if chosen else []
    else:
        texts = [tree.attribute(node, "datetime") for node in elements if node.tag == "time"]
        texts += [tree.text_of(node) for node in elements if words_of(node) & _DATE_WORDS]
        texts.append(facts)
    for text in texts:
        read = read_date(text, zone)
        if read.at is not None:
            return read.at, read.doubt
        for match in _DATE.finditer(text):
            century = "20" if len(match["year"]) == 2 else ""
            read = read_date(century + match[0].strip(), zone)
            if read.at is not None:
                return read.at, "date with a year of two digits" if century else read.doubt
    unread = next((found[0] for text in texts if (found := _NOT_A_DATE.search(text))), "")
    return None, f"date not understood: {unread!r}" if unread else "no date"


def _section(part: LexborNode, elements: list[LexborNode], facts: str, selector: str) -> str:
    if selector:
        chosen = select(part, selector)
        return clean_title(tree.text_of(chosen[0])).strip("[]() ") if chosen else ""
    called = (tree.text_of(node) for node in elements if words_of(node) & _SECTION_WORDS)
    section = next((text for text in called if 1 < len(text) <= 20 and not _DATE.search(text)), "")
    if not section:
        parts = _line_of_facts(elements, facts)
        section = next((one for one in parts if 1 < len(one) <= 12 and not _DATE.search(one) and "기자" not in one), "")
    return clean_title(section).strip("[]() ")


def _byline(elements: list[LexborNode], facts: str) -> str:
    called = (tree.text_of(node) for node in elements if words_of(node) & _BYLINE_WORDS)
    said = [*called, *_line_of_facts(elements, facts)]
    return clean_title(next((one for one in said if "기자" in one and len(one) <= 40 and not _DATE.search(one)), ""))


def _line_of_facts(elements: list[LexborNode], facts: str) -> list[str]:
    """Return the parts of the line that holds a date and `|` or `·` between its parts."""
    lines = sorted((tree.text_of(node) for node in elements if words_of(node) & _DATE_WORDS), key=len)
    for line in (*lines, facts):
        if len(line) <= 120 and _DATE.search(line) and re.search(r"[|·ㅣ]", line):
            return [one.strip() for one in re.split(r"[|·ㅣ]", line)]
    return []


def _lead(elements: list[LexborNode], title: str) -> str:
    for node in elements:
        if node.tag == "p" or words_of(node) & _LEAD_WORDS:
            text = tree.text_of(node)
            if 20 <= len(text) <= 2000 and title not in text:
                return excerpt((clean_title(text),))
    return ""


def _picture(part: LexborNode, base: str) -> Picture | None:
    for node in part.css("img")[:20]:
        width, height = pixels(tree.attribute(node, "width")), pixels(tree.attribute(node, "height"))
        if any(size is not None and size < _SMALLEST_PICTURE for size in (width, height)):
            continue
        for name in ("data-src", "data-original", "src"):
            source = tree.attribute(node, name)
            if source and not source.startswith("data:") and (url := usable_link(source, base)):
                return Picture(url, "", width, height)
    return None

"""An article's own page, read: bytes in, `PageText` out.

The bytes are decoded by `charset` (papers declare what they do not send), parsed once, and each field is looked for
in turn: by the source's configured selectors, in what the page says to machines (JSON-LD, OpenGraph, `meta`), by
the shape of the newspaper's system (`pages.families`), by general rules; the last resort is trafilatura. `found_by`
keeps for each field which way found it. Headlines stay verbatim (신문법 제10조②). A page without an article's text
is told as thin, one that says its article was deleted as withdrawn; neither ever gives its menu for a text. What
strangers write is not trusted: this runs in the limited process (`reader`), and what could take long is bounded
(`pages.tree`). Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from zoneinfo import ZoneInfo

from selectolax.lexbor import LexborHTMLParser

from digest.collect import charset
from digest.collect.normalize import clean_title, excerpt
from digest.collect.pages import bylines, dateline, headings, links, pictures, times
from digest.collect.pages import tree as trees
from digest.collect.pages.bodies import ENOUGH_LETTERS, MARKED, Body, arc_content, read_body
from digest.collect.pages.families import Selectors, check_selectors, family_of
from digest.collect.pages.metadata import Metadata, read_metadata
from digest.collect.pages.tidy import CLOSED
from digest.collect.source import Options
from digest.errors import SourceUnreadableError
from digest.models.articles import MostRead, PageText, Picture

__all__ = ["MostRead", "PageText", "Selectors", "check_selectors", "read_page", "selectors_of"]

_MARKUP = re.compile(
    r"<(?:!doctype\s+html|html|head|body|div|p|meta|title|table|article|script|h1|br|a|span)\b", re.IGNORECASE
)
_WITHDRAWN = re.compile(
    r"(?:삭제|철회)(?:된|되었거나\s?없는|처리된|조치된)\s?(?:기사|뉴스|게시물|글|페이지)|(?:기사|게시물|글)(?:가|이|는|은)?\s?(?:삭제|철회)(?:되었|됐|된\s?상태)|"
    r"존재하지\s?않는\s?(?:기사|뉴스|게시물|글)|(?:기사|게시물|글)(?:가|이)\s?존재하지\s?않|없는\s?(?:기사|게시물)입니다|"
    r"(?:this\s)?(?:article|story)\s(?:has\sbeen\s(?:removed|deleted|withdrawn)|is\sno\slonger\savailable)",
    re.IGNORECASE,
)
_SHORT_LETTERS = 1000  # a longer text is there, whatever is asked for beside it
_ALERT = re.compile(r"alert\s*\(\s*[\"']([^\"']{4,200})[\"']")
_SECTION_HEAD = re.compile(r"[◇◆■□▣▲△●○◎▶▷★☆※]")
_NO_LETTER = re.compile(r"\W+")
_MOST_LINES = 2000


def read_page(body: bytes, content_type: str, url: str, zone: ZoneInfo, selectors: Selectors | None = None) -> PageText:
    """Read an article page that came from `url`; `zone` is the newspaper's, for dates that name none.

    Raises `SourceUnreadableError` for what is no HTML at all. A strange page gives empty fields and doubts.
    """
    decoded = charset.decode(_declared(body), content_type)
    if "\0" in decoded.text[:1000] or not _MARKUP.search(decoded.text[:200_000]):
        raise SourceUnreadableError("This is no web page: it holds no HTML.")
    tree = trees.parse(decoded.text if trees.is_parsable(decoded.text) else "")
    if tree.body is None or not trees.is_parsable(decoded.text) or not trees.is_within_bounds(tree):
        return PageText(doubts=(*decoded.doubts, "the page is nested too deep or too big to be read"), is_thin=True)
    reading = _Reading(tree, decoded.text, url, zone, selectors or Selectors(), read_metadata(tree))
    reading.doubts += decoded.doubts
    return _read(reading)


def selectors_of(options: Options | Mapping[str, str]) -> Selectors:
    """The selectors among a source's options: those named `page.FIELD` (`page.body=#article-body`); others are left."""
    names = {one.name for one in fields(Selectors)}
    given = {name.removeprefix("page."): value for name, value in dict(options).items() if name.startswith("page.")}
    return Selectors(**{name: value for name, value in given.items() if name in names})


_META_CHARSET = re.compile(rb"<meta\s[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]+)", re.IGNORECASE)


def _declared(body: bytes) -> bytes:
    """Put what a `meta` declares where `charset` looks for a declaration: an XML declaration in front."""
    match = _META_CHARSET.search(body[:5000])
    if match is None or body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"<?xml")):
        return body
    return b'<?xml version="1.0" encoding="' + match[1] + b'"?>' + body


@dataclass(slots=True)
class _Reading:
    """One page while it is read: what is known of it, and how each field was found."""

    tree: LexborHTMLParser
    html: str
    url: str
    zone: ZoneInfo
    selectors: Selectors
    metadata: Metadata
    found_by: dict[str, str] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()

    def note(self, name: str, way: str) -> None:
        if way:
            self.found_by[name] = way

    def select(self, name: str, family: tuple[Selectors, str]) -> tuple[str, str]:
        """The text at the configured selector of a field, else at the family's, and the way."""
        for selectors, way in ((self.selectors, "selector"), family):
            if (selector := getattr(selectors, name)) and (node := self.tree.css_first(selector)) is not None:  # noqa: SIM102
                if text := trees.inline_text_of(node):
                    return text, way
        return "", ""


def _read(reading: _Reading) -> PageText:
    tree, metadata = reading.tree, reading.metadata
    found = family_of(tree, reading.url)
    family = (found.selectors, f"cms:{found.name}") if found else (Selectors(), "")
    title = _title(reading, family)
    places = tuple((one.body, one.drop, way) for one, way in ((reading.selectors, "selector"), family) if one.body)
    body = read_body(tree, reading.html, metadata, title, places)
    is_withdrawn = body.letters < ENOUGH_LETTERS and _says_withdrawn(reading)
    if is_withdrawn:
        body = Body()
    reading.note("body", body.way if body.letters else "")
    printed = trees.text_of(tree.body)[:200_000] if tree.body is not None else ""
    under = dateline.lines_under(trees.lines_of(tree.body)[:_MOST_LINES] if tree.body is not None else (), title)
    byline, address = _byline(reading, family, body, under)
    at = _times(reading, family, printed, under)
    link, listed = _link(reading), _most_read(reading)
    subheads, section = _subheads(reading, family, body, title, under), _section(reading, family)
    paragraphs = _without_head(body.text.paragraphs, (title, section, *subheads))
    if not subheads:
        subheads, paragraphs = headings.split_subheads(paragraphs)
        reading.note("subheads", "text" if subheads else "")
    return PageText(
        title=title,
        subheads=subheads,
        section=section,
        byline=byline,
        byline_address=address,
        registered_at=at.registered_at,
        modified_at=at.modified_at,
        body=paragraphs,
        excerpt=excerpt(tuple(line for line in paragraphs if not _SECTION_HEAD.match(line))),
        picture=_picture(reading, family, body),
        link=link,
        mobile_link=links.mobile_link(reading.tree, reading.url),
        most_read=listed,
        found_by=reading.found_by,
        doubts=(*reading.doubts, *at.doubts),
        is_thin=body.letters < ENOUGH_LETTERS,
        is_withdrawn=is_withdrawn,
        is_closed=body.letters < _SHORT_LETTERS and CLOSED.search(printed) is not None,
    )


def _times(reading: _Reading, family: tuple[Selectors, str], printed: str, under: tuple[str, ...]) -> times.Times:
    registered, registered_by = reading.select("registered", family)
    if not registered and isinstance(shown := arc_content(reading.html).get("display_date"), str):
        registered, registered_by = shown, "cms:arc"  # what its script prints; the `meta` says when it was stored
    modified, modified_by = reading.select("modified", family)
    at = times.read_times(
        reading.tree,
        reading.metadata,
        printed,
        reading.zone,
        (registered, modified),
        registered_by or modified_by,
        dateline.moment(under),
    )
    reading.note("registered_at", at.registered_by)
    reading.note("modified_at", at.modified_by)
    return at


def _without_head(paragraphs: tuple[str, ...], head: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out, at the beginning of a text, the lines that are said in fields of their own."""
    said = {_bare(line) for line in head if line}
    at = 0
    while at < len(paragraphs) - 1 and (_bare(paragraphs[at]) in said or dateline.is_only_that(paragraphs[at])):
        at += 1
    return paragraphs[at:]


def _bare(line: str) -> str:
    return _NO_LETTER.sub("", line)


def _title(reading: _Reading, family: tuple[Selectors, str]) -> str:
    if reading.selectors.title:
        text, way = reading.select("title", (Selectors(), ""))
        if text:
            reading.note("title", way)
            return clean_title(text, is_plain=True)
    title, way = headings.read_title(reading.tree, reading.metadata)
    printed, family_way = reading.select("title", family)
    if printed and (way == "text" or not title):  # no printed heading is as the machines' title says
        title, way = clean_title(printed, is_plain=True), family_way
    reading.note("title", way)
    return title


def _subheads(
    reading: _Reading, family: tuple[Selectors, str], body: Body, title: str, under: tuple[str, ...]
) -> tuple[str, ...]:
    for selectors, way in ((reading.selectors, "selector"), family):
        if selectors.subheads and (node := reading.tree.css_first(selectors.subheads)) is not None:  # noqa: SIM102
            if lines := headings.subhead_lines(node):
                reading.note("subheads", way)
                return lines
    lines = (
        headings.read_subheads(reading.tree, body.node, title)
        or headings.subheads_within(body.node)
        or headings.subheads_below(reading.tree, body.node, title, under)
    )
    reading.note("subheads", "text" if lines else "")
    if not lines and (lines := headings.told_subheads(reading.metadata, title)):
        reading.note("subheads", "json-ld")
    return lines


def _section(reading: _Reading, family: tuple[Selectors, str]) -> str:
    section, way = reading.select("section", (Selectors(), ""))
    if not section:
        section, way = headings.read_section(reading.tree, reading.metadata)
    if (not section or way == "text") and family[0].section:
        printed = headings.last_step(reading.tree, family[0].section)
        section, way = (printed, family[1]) if printed else (section, way)
    reading.note("section", way)
    return section


def _byline(reading: _Reading, family: tuple[Selectors, str], body: Body, under: tuple[str, ...]) -> tuple[str, str]:
    """Who wrote it ("홍길동 기자") and their address."""
    selected, ways = reading.select("byline", family), ("selector", family[1])
    found = bylines.read_byline(reading.tree, reading.metadata, selected, ways, body.text, under)
    reading.note("byline", found.way)
    reading.note("byline_address", "text" if found.address else "")
    return found.who, found.address


def _picture(reading: _Reading, family: tuple[Selectors, str], body: Body) -> Picture | None:
    root = reading.tree.body
    for selectors, way in ((reading.selectors, "selector"), family):
        if selectors.picture and root is not None:  # noqa: SIM102
            if picture := pictures.lead_picture(root, selectors.picture, reading.url):
                return _captioned(reading, picture, selectors, way)
    if body.node is not None and (picture := pictures.lead_picture(body.node, "", reading.url)):
        return _captioned(reading, picture, reading.selectors, "text")
    if body.node is not None and (picture := pictures.picture_over(body.node, reading.url)):
        return _captioned(reading, picture, reading.selectors, "text")
    marked = reading.tree.css_first(family[0].body or MARKED) if not body.letters else None
    if marked is not None and (picture := pictures.captioned_picture(marked, reading.url)):
        return _captioned(reading, picture, reading.selectors, "text")
    picture = pictures.metadata_picture(reading.metadata, reading.url) if body.letters else None
    reading.note("picture", "meta" if picture else "")
    return picture


def _captioned(reading: _Reading, picture: Picture, selectors: Selectors, way: str) -> Picture:
    reading.note("picture", way)
    caption = picture.caption
    if selectors.caption and (node := reading.tree.css_first(selectors.caption)) is not None:
        caption = trees.text_of(node) or caption
    return Picture(picture.url, caption, picture.width, picture.height)


def _link(reading: _Reading) -> str:
    if reading.selectors.link and (node := reading.tree.css_first(reading.selectors.link)) is not None:
        written = trees.attribute(node, "href") or trees.attribute(node, "value") or trees.text_of(node)
        if link := links.normal_link(written, reading.url):
            reading.note("link", "selector")
            return link
    link, way, doubt = links.citation_link(reading.html, reading.tree, reading.metadata, reading.url)
    reading.note("link", way)
    reading.doubts += (doubt,) if doubt else ()
    return link


def _most_read(reading: _Reading) -> tuple[MostRead, ...]:
    listed, way = links.most_read(reading.tree, reading.selectors.most_read, reading.url)
    reading.note("most_read", way)
    return listed


def _says_withdrawn(reading: _Reading) -> bool:
    """Whether the page says in few words, or in a message of its script, that the article is no more."""
    said = " ".join(match[1] for match in _ALERT.finditer(reading.html[:50_000]))
    headings_ = " ".join(
        trees.text_of(node) for node in reading.tree.css("title, h1, h2, h3, p, strong, div.error")[:100]
    )
    lines = trees.lines_of(reading.tree.body)[:1500] if reading.tree.body is not None else ()
    short = " ".join(line for line in lines if len(line) < 120)
    return any(_WITHDRAWN.search(text) is not None for text in (said, headings_[:20_000], short[:50_000]))

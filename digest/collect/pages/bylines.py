"""Who wrote an article, and their address: out of what names a reporter, and out of what merely stands where one does.

In: the parsed page, its metadata, the tidied text and the lines under the headline. Out: a `Byline`, both parts empty
where nobody is named. Selectors come first, then what the page says to machines, then what is printed: a name with a
role ("홍길동 기자") wherever it stands, a bare name only in an element that is named for its writer and only if it
begins as Korean names do. The paper itself, and whoever keeps the system, wrote nothing. Pure.
"""

import re
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser

from digest.collect.normalize import clean_line
from digest.collect.pages import dateline
from digest.collect.pages.metadata import Metadata
from digest.collect.pages.tidy import ADDRESS, BYLINE, Tidied
from digest.collect.pages.tree import ancestors, lines_of, text_of, words_of

_IS_WRITER = re.compile(r"기자|특파원|논설|앵커|위원|reporter|staff|correspondent", re.IGNORECASE)
_NAMED_TWICE = re.compile(r"(?:by\s+)?(?P<who>.{2,}?)(?:[\s,·/|]+(?P=who))*", re.IGNORECASE)  # and "By" before a name
_LABEL = re.compile(r"(?:기자명|작성자|글쓴이|등록자|취재|이름|글|by)(?![가-힣a-z])\s?[:：|]?\s*", re.IGNORECASE)
_NOBODY = {"admin", "administrator", "editor", "webmaster", "root", "master", "관리자", "운영자", "최고관리자"}
_NO_PERSON = {
    "편집국",
    "편집부",
    "편집인",
    "관리자",
    "운영자",
    "기자명",
    "작성자",
    "지면",
    "조회",
    "성명",
    "이름",
    "전체",
    "정보",
}
_SURNAMES = (
    "김이박최정강조윤장임한오서신권황안송전홍유고문양손배백허남심노하곽성차주우구민진나지엄채원천방공현함변염여추도소석"
    "선설마길연위표명기반라왕금옥육인맹제모탁국어은편용예경봉사부가복태목형피두감호음빈동온시범좌팽승간상갈단견당"
)
_BARE_NAME = re.compile(rf"(?:[{_SURNAMES}]|남궁|황보|제갈|사공|선우|서문|독고)[가-힣]{{1,2}}")
_PLACE = (
    "[class*=byline], [class*=reporter], [class*=writer], [class*=journalist], [class*=author], [class*=info], "
    "[class*=Info]"
)
_WRITERS_PLACE = "[class*=byline], [class*=reporter], [class*=writer], [class*=journalist], [class*=author]"
_MARKED = '[itemprop~="author"] [itemprop~="name"], [itemprop~="author"], a[rel~="author"]'
_READERS_OWN = frozenset({"comment", "comments", "reply", "replies", "cmt", "related", "most"})
_MOST_PLACES, _LONGEST_NAME, _LONGEST_TOLD, _MOST_AROUND = 60, 40, 300, 8


@dataclass(frozen=True, slots=True)
class Byline:
    """Who ("홍길동 기자"), the way they were found, and their address; empty texts where there is none."""

    who: str = ""
    way: str = ""
    address: str = ""


def read_byline(  # noqa: PLR0917  # each is a part of the page of its own
    tree: LexborHTMLParser,
    metadata: Metadata,
    selected: tuple[str, str],
    chosen_ways: tuple[str, ...],
    text: Tidied,
    under: tuple[str, ...],
) -> Byline:
    """`selected` is what selectors found and the way; what comes by one of `chosen_ways` needs no role to count."""
    who, way = _named(tree, metadata, selected)
    address = text.byline_address
    if (not who or way not in chosen_ways) and not _IS_WRITER.search(who) and text.byline:
        who, way = text.byline, "text"
    if not who or not address or not _IS_WRITER.search(who):
        printed, at = _printed(tree)
        who, way = (printed, "text") if _are_the_same(who, printed) else (who, way)
        address = address or at
    if not who or not _IS_WRITER.search(who):
        printed, at = dateline.reporter(under, text.paragraphs)
        if _are_the_same(who, printed):
            who, way, address = printed, "text", address or at
    if not who and (bare := _bare_name(tree, under)):
        who, way = bare, "text"
    if match := ADDRESS.search(who):
        address, who = address or match[0], clean_line(who.replace(match[0], "")).strip("()<>[] |/,")
    if match := _NAMED_TWICE.fullmatch(who):  # the name is a link, and its picture's text is the name again
        who = match["who"]
    address = address or dateline.address_of(who, under) or _printed_address(tree, who)
    return Byline(who[:100], way if who else "", address.replace(" ", ""))


def _named(tree: LexborHTMLParser, metadata: Metadata, selected: tuple[str, str]) -> tuple[str, str]:
    text, way = selected
    if not text and (text := metadata.linked("author")):
        way = "json-ld"
    if not text and (text := metadata.first("dable:author", "article:author", "author", "byl")):
        way = "meta"
    if not text and (text := _marked(tree)):
        way = "text"
    text = clean_line(text) if len(text) <= _LONGEST_TOLD else ""
    is_paper = text and text in (metadata.linked("publisher"), metadata.first("og:site_name"))
    if "://" in text or text.lower() in _NOBODY or is_paper:
        return "", way  # a page about somebody, whoever keeps the system, or the paper itself
    return text, way


def _marked(tree: LexborHTMLParser) -> str:
    """The name that the text itself marks for machines, unless it is a commenting reader's."""
    for node in tree.css(_MARKED)[:5]:
        around = frozenset[str]().union(*(words_of(one.attributes) for one in ancestors(node, _MOST_AROUND)))
        if len(text := text_of(node)) <= _LONGEST_NAME and not around & _READERS_OWN:
            return text
    return ""


def _are_the_same(who: str, printed: str) -> bool:
    """Whether `printed` names everybody whom `who` names ("차은수, 백다온" and "차은수·백다온 기자")."""
    names = [name for name in re.split(r"[,·ㆍ/|\s]+", who) if name]
    return bool(printed) and all(name in printed for name in names)


def _printed(tree: LexborHTMLParser) -> tuple[str, str]:
    for place in tree.css(_PLACE)[:_MOST_PLACES]:
        for line in lines_of(place)[:12]:
            if len(line) < 80 and (match := BYLINE.fullmatch(_LABEL.sub("", line, count=1).strip())):
                return match["who"], match["address"] or ""
    return "", ""


def _bare_name(tree: LexborHTMLParser, under: tuple[str, ...]) -> str:
    """The name in an element that is made for it, perhaps behind a label or before an address, and below the headline.

    Elsewhere such names are those of readers who comment, and of other articles' writers.
    """
    for place in tree.css(_WRITERS_PLACE)[:_MOST_PLACES]:
        said = clean_line(_LABEL.sub("", ADDRESS.sub("", text_of(place)), count=1)).strip("()<>[]|/, ")
        is_name = len(said) <= 4 and said not in _NO_PERSON and _BARE_NAME.fullmatch(said) is not None
        if is_name and any(said in line for line in under):
            return said
    return ""


def _printed_address(tree: LexborHTMLParser, who: str) -> str:
    """The address in the box of a reporter: one that is named so and holds their name."""
    name = who.split(maxsplit=1)[0] if who else ""
    for place in tree.css(_PLACE)[:_MOST_PLACES] if name else ():
        said = text_of(place)
        if name in said and len(said) < 200 and (match := ADDRESS.search(said)):
            return dateline.own_address(match[0])
    return ""

"""The address by which a page asks to be cited, and its list of most-read articles.

"다른 곳에 퍼가실 때는 아래 고유 링크 주소를 출처로 사용해주세요": the address after such a notice comes first, then
`rel=canonical`, then `og:url`. Sites name their front page, or another article, in the latter more often than one
thinks; an address counts only if it is of the same site and does not carry another article number. Pure.
"""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.collect.normalize import clean_title, shorten, usable_link
from digest.collect.pages.metadata import Metadata
from digest.collect.pages.tree import ancestors, attribute, text_of
from digest.models.articles import MostRead

_ASKED = re.compile(
    r"(?:고유\s?(?:링크|주소)|출처로\s?사용)[^<>]{0,60}(?:<[^<>]{0,200}>[^<>]{0,60}){0,8}?(https?://[^\s\"'<>]{5,500})"
)
_TRACKING = re.compile(r"utm_\w+|fbclid|gclid|igshid", re.IGNORECASE)
_TELEPHONE = re.compile(r"max-(?:device-)?width|handheld", re.IGNORECASE)
_NUMBER = re.compile(r"\d{4,}")
_MOST_READ = re.compile(
    r"(?:가장\s?)?많이\s?본\s?(?:뉴스|기사)?(?:\s?(?:더보기|TOP\s?\d+))?|(?:실시간\s?)?인기\s?(?:뉴스|기사)(?:\s?더보기)?|(?:많이\s?본\s?)?(?:뉴스|기사)\s?랭킹|랭킹\s?뉴스|"
    r"most\s(?:read|viewed|popular)(?:\s(?:news|articles|stories))?",
    re.IGNORECASE,
)
_RANK = re.compile(r"^\s*(?:\d{1,2}\s*(?:위|[.)])?|[①-⑩])\s+")
_MOST_LINES, _LONGEST_TITLE = 10, 200


def citation_link(html: str, tree: LexborHTMLParser, metadata: Metadata, url: str) -> tuple[str, str, str]:
    """Return (link, way, doubt); an empty link if the page names none that is its own."""
    if match := _ASKED.search(html):
        link = normal_link(match[1].replace("&amp;", "&"), url)
        if link and _is_own(link, url):
            return link, "text", ""
    doubt = ""
    canonical = tree.css_first('link[rel="canonical"]')
    for written in (attribute(canonical, "href") if canonical is not None else "", metadata.first("og:url")):
        link = normal_link(written, url) if written else ""
        if link and _is_own(link, url):
            return link, "meta", doubt
        doubt = doubt or ("it calls another address its own; that is not used" if link else "")
    return "", "", doubt


def mobile_link(tree: LexborHTMLParser, url: str) -> str:
    """Return the page that this one names for telephones; empty if it has none, or that is itself."""
    for node in tree.css('link[rel="alternate"][media]')[:20]:
        link = normal_link(attribute(node, "href"), url)
        if (
            _TELEPHONE.search(attribute(node, "media"))
            and link
            and _is_own(link, url)
            and link != normal_link(url, url)
        ):
            return link
    return ""


def normal_link(written: str, base: str) -> str:
    """Return `written` absolute, without fragment and tracking marks, its host in lower case; empty if it is none."""
    link = usable_link(written, base)
    if not link:
        return ""
    split = urlsplit(link)
    query = split.query
    if _TRACKING.search(query):
        query = urlencode(
            [pair for pair in parse_qsl(query, keep_blank_values=True) if not _TRACKING.fullmatch(pair[0])]
        )
    return urlunsplit((split.scheme.lower(), split.netloc.lower(), split.path or "/", query, ""))


def _site(host: str) -> str:
    labels = host.lower().split(".")
    size = (
        3
        if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in {"co", "or", "com", "go", "ne", "pe", "re", "ac"}
        else 2
    )
    return ".".join(labels[-size:])


def _is_own(link: str, url: str) -> bool:
    one, page = urlsplit(link), urlsplit(url)
    if _site(one.hostname or "") != _site(page.hostname or ""):
        return False
    if one.path in ("", "/") and not one.query and (page.path not in ("", "/") or page.query):
        return False
    theirs, ours = (set(_NUMBER.findall(f"{part.path}?{part.query}")) for part in (one, page))
    return not ours or not theirs or bool(ours & theirs)


def most_read(tree: LexborHTMLParser, selector: str, base: str) -> tuple[tuple[MostRead, ...], str]:
    """Return the list of most-read articles and the way it was found; empty if the page has none."""
    if selector:
        box = tree.css_first(selector)
        return (_lines(box, base), "selector") if box is not None else ((), "")
    for head in tree.css("h1, h2, h3, h4, h5, h6, strong, b, dt, p, div, span, a, li, caption, legend")[:6000]:
        child = head.first_child
        if child is None or not _MOST_READ.fullmatch(" ".join((child.text_content or text_of(child)).split())[:60]):
            continue
        if lines := _under(head, base):
            return lines, "text"
    return (), ""


def _under(head: LexborNode, base: str) -> tuple[MostRead, ...]:
    """The list that `head` stands over: within a box that begins with it, or next to it or to what wraps it."""
    said = text_of(head)[:8]
    for level, box in enumerate((head, *ancestors(head, 3))):
        if not text_of(box).startswith(said):
            break  # a menu that names it among others
        lines = _lines(box, base)
        following = box.next
        while following is not None and not following.is_element_node:
            following = following.next
        if len(lines) < 2 and level < 2 and following is not None:
            lines = _lines(following, base)
        if len(lines) >= 2:
            return lines
    return ()


def _lines(box: LexborNode, base: str) -> tuple[MostRead, ...]:
    found: dict[str, MostRead] = {}
    for anchor in box.css("a[href]")[:60]:
        link = normal_link(attribute(anchor, "href"), base)
        titled = anchor.css_first("h2, h3, h4, h5, strong, .title, .tit, dt") or anchor
        title = clean_title(_RANK.sub("", text_of(titled)), is_plain=True)
        if not link or not 6 <= len(title) <= _LONGEST_TITLE or _MOST_READ.fullmatch(title):
            continue
        if not urlsplit(link).query and urlsplit(link).path.count("/") < 2:
            continue
        if link in found:  # headline and beginning of the text are two links to the same
            if not found[link].excerpt:
                found[link] = MostRead(found[link].title, link, shorten(title, 200))
            continue
        found[link] = MostRead(title, link, _excerpt(anchor, title))
        if len(found) >= _MOST_LINES:
            break
    return tuple(found.values())


def _excerpt(anchor: LexborNode, title: str) -> str:
    """What else stands in the line of the list: the beginning of the article."""
    item = next((one for one in (anchor, *ancestors(anchor, 3)) if one.tag in ("li", "dl", "tr")), None)
    if item is None or len(item.css("a[href]")) > 3:
        return ""
    rest = _RANK.sub("", text_of(item))
    before, _, after = rest.partition(title)
    rest = after.strip() if len(after) >= len(before) else ""
    return shorten(rest, 200) if len(rest) > 20 else ""

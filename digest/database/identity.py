"""What makes two finds the same article, and what makes a new text of one.

An article is known by its guid within its source, else by its link over all sources, else by its title together with
its registered time within its source. Links are compared in a canonical form and stored as given; those that carry the
article number of a known CMS by their site and that number alone, however the rest is written. A mark that several
different articles of one document share (every link the front page, one guid for all) is no mark and is left out.
A new text is one that a reader would see: times and the query of a picture's address (signed by some hosts anew for
every fetch) are not compared. Pure. RFC 3986 §6.2.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from digest.models.articles import ArticleText, FoundArticle

_DEFAULT_PORTS = {"http": 80, "https": 443}
_TRACKING = {
    "fbclid", "gclid", "dclid", "msclkid", "yclid", "twclid", "igshid", "mc_cid", "mc_eid", "_ga", "_gl", "spm",
}  # fmt: skip
# What is the same before and after decoding and encoding; nearly all links are plain from one end to the other.
_PATH = r"[A-Za-z0-9/:@!$&'()*+,;=~._-]"
_QUERY = r"[A-Za-z0-9_.~-]+=[A-Za-z0-9_.~-]*(?:&[A-Za-z0-9_.~-]+=[A-Za-z0-9_.~-]*)*"
_PLAIN_LINK = re.compile(rf"https?://([a-z0-9-]+(?:\.[a-z0-9-]+)+)(/{_PATH}*)(?:\?({_QUERY}))?")
_PLAIN_PATH, _PLAIN_QUERY = re.compile(f"{_PATH}+"), re.compile(_QUERY)
_FRONT_NAMES = ("www.", "m.", "mobile.")
# Where the CMSs of Korean newspapers keep the number of an article, the number last. Boards number theirs per board.
_NUMBERED = (
    (re.compile(r"/articleView(?:Amp)?(?:\.html)?$"), ("idxno",)),
    (re.compile(r"/view\.php$"), ("idx",)),
    (re.compile(r"/board\.php$"), ("bo_table", "wr_id")),
)
_NUMBERED_HINTS = ("/articleView", "/view.php", "/board.php")


Keys = tuple[str | None, str | None, str]
"""The keys of an article by its guid, its link and its title, in hexadecimal; None where it has no such mark."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A found article with the keys it can be known by; None where it has no such mark of its own."""

    found: FoundArticle
    guid: str | None
    link: str | None
    title: str


def keys_of(found: FoundArticle) -> Keys:
    """Return the keys of an article that is looked at alone."""
    return _keys(found.guid, found.text.link, found.text.title, found.text.registered_at)


@lru_cache(maxsize=2048)  # asked when it is found and again when it is kept, with up to a thousand others in between
def _keys(guid: str, link: str, title: str, registered_at: datetime | None) -> Keys:
    return _key(guid) if guid.strip() else None, link_key(link), _title(guid, link, title, registered_at)


def mark(found: Sequence[FoundArticle]) -> list[Marked]:
    """Give the articles of one document their keys, each article once (the first of doubles)."""
    marked = [Marked(one, *keys_of(one)) for one in found]
    shared_guids = _shared(marked, lambda one: one.guid, lambda one: (one.title, one.link or one.title))
    shared_links = _shared(marked, lambda one: one.link, lambda one: (one.found.text.title, one.guid or one.title))
    shared_titles = _shared(marked, lambda one: one.title, lambda one: (one.guid or one.link or "", one.link or ""))
    once: list[Marked] = []
    seen: set[str] = set()
    for one in marked:
        guid = None if one.guid in shared_guids else one.guid
        link = None if one.link in shared_links else one.link
        title = _key("alone", one.title, one.guid or "", one.link or "") if one.title in shared_titles else one.title
        keys = {f"guid {guid}" if guid else "", f"link {link}" if link else "", f"title {title}"} - {""}
        if seen.isdisjoint(keys):
            once.append(Marked(one.found, guid, link, title))
        seen |= keys
    return once


def text_digest(text: ArticleText) -> str:
    """Return the digest of what a reader sees of an article."""
    picture = text.picture
    return _key(
        text.title, canonical_link(text.link), *text.subheads, "|", text.section, text.byline, text.excerpt, *text.body,
        "|", canonical_link(picture.url).partition("?")[0] if picture else "", picture.caption if picture else "",
    )  # fmt: skip


@lru_cache(maxsize=512)  # asked several times on an article's way into the database
def canonical_link(link: str) -> str:
    """Return the form in which two spellings of a link are equal; for comparing only.

    Without scheme (a site that turns to https keeps its articles), default port, tracking parameters and fragment
    (but one that is a route of its own, `#!/news/1`); host in small letters; query sorted by name.
    """
    if plain := _PLAIN_LINK.fullmatch(link):
        query = _canonical_query(plain[3]) if plain[3] else ""
        return f"{plain[1]}{plain[2]}{'?' if query else ''}{query}"
    try:
        split = urlsplit(link)
        host = _host_of(split)
    except ValueError:
        return link
    query = _canonical_query(split.query) if split.query else ""
    route = f"#{split.fragment}" if split.fragment.startswith(("!", "/")) else ""
    path = split.path or "/"
    if not _PLAIN_PATH.fullmatch(path):
        path = quote(unquote(path), safe="/:@!$&'()*+,;=~-._")
    return f"{host}{path}{'?' if query else ''}{query}{route}"


def _host_of(split: SplitResult) -> str:
    """Return the host, with its port unless it is the scheme's own: behind another one is another site."""
    host, port = (split.hostname or "").rstrip("."), split.port
    return f"{host}:{port}" if port and port != _DEFAULT_PORTS.get(split.scheme.lower()) else host


def _without_front(host: str) -> str:
    for front in _FRONT_NAMES:
        host = host.removeprefix(front)
    return host


def site_of(link: str) -> str:
    """Return the site that a link leads to, the same for its mobile pages; an empty text where it has none."""
    try:
        return _without_front(_host_of(urlsplit(link)))
    except ValueError:
        return ""


def _canonical_query(query: str) -> str:
    """Return a query sorted by name, without what is there to count readers; nearly all need no decoding for that."""
    if _PLAIN_QUERY.fullmatch(query):
        plain = [pair for pair in query.split("&") if not _is_tracking(pair.partition("=")[0])]
        return "&".join(sorted(plain, key=lambda pair: pair.partition("=")[0]) if len(plain) > 1 else plain)
    pairs = parse_qsl(query, keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if not _is_tracking(name)]
    return urlencode(sorted(kept, key=lambda pair: pair[0]))


def article_number(link: str) -> str | None:
    """Return "host/path?name=number" for a link shaped like one of a known CMS; None for any other.

    The same article is linked with the section it was found in, a page number, or on the mobile site:
    `/news/articleView.html?idxno=7&sc_section_code=S1N1` and `m.…/news/articleView.html?idxno=7` are one.
    """
    if not any(hint in link for hint in _NUMBERED_HINTS):
        return None
    plain = _PLAIN_LINK.fullmatch(link)
    if plain:
        host, link_path, pairs = plain[1], plain[2], _plain_pairs(plain[3] or "")
    else:
        try:
            split = urlsplit(link)
            host, link_path, pairs = _host_of(split), split.path, parse_qsl(split.query)
        except ValueError:
            return None
    for path, names in _NUMBERED:
        if not path.search(link_path):
            continue
        query = dict(pairs)
        if not all(query.get(name) for name in names) or not query[names[-1]].isdecimal():
            continue
        told = "&".join(f"{name}={query[name].lstrip('0') or '0'}" for name in names)
        return f"{_without_front(host)}{path.pattern}?{told}"
    return None


def _plain_pairs(query: str) -> list[tuple[str, str]]:
    """As `parse_qsl`, for a query that needs no decoding."""
    pairs = [pair.partition("=") for pair in query.split("&")]
    return [(name, value) for name, _, value in pairs if value]


def _is_tracking(name: str) -> bool:
    return name.lower().startswith("utm_") or name.lower() in _TRACKING


def _key(*parts: str) -> str:
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "replace")).hexdigest()


def link_key(link: str) -> str | None:
    """Return the key that an article with this link is known by; None for a front page, which is no article's."""
    numbered = article_number(link)
    if numbered is not None:
        return _key("number", numbered)
    canonical = canonical_link(link)
    return None if canonical.endswith("/") and canonical.count("/") == 1 else _key(canonical)


def _title(guid: str, link: str, title: str, registered_at: datetime | None) -> str:
    title = " ".join(title.casefold().split())
    if registered_at is None:  # 인사, 부고, 오늘의 운세: without a time a title alone says nothing
        return _key("undated", title, guid, canonical_link(link))
    return _key(title, registered_at.astimezone(UTC).isoformat())


def _shared(
    marked: Sequence[Marked], key: Callable[[Marked], str | None], others: Callable[[Marked], tuple[str, str]]
) -> set[str]:
    """Return the keys that articles share which differ in both other respects."""
    first: dict[str, tuple[str, str]] = {}
    shared: set[str] = set()
    if len({key(one) for one in marked}) == len(marked):  # as of nearly every document: nothing to look into
        return shared
    for one in marked:
        own = key(one)
        if own is None:
            continue
        before = first.setdefault(own, others(one))
        if all(old != new for old, new in zip(before, others(one), strict=True)):
            shared.add(own)
    return shared

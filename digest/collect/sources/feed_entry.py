"""One entry of feedparser to one found article.

Which element means what: title; link (the first http one of link, Atom's alternates, a guid that is an address);
registered = pubDate/published/issued/created, else updated/dc:date; modified = updated where it is later than that;
byline = author names; section = the first category; excerpt = description or summary, else the content; body = the
content where it says more than that; picture = media:content, enclosure, media:thumbnail, else the first `<img>`.
"""

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from digest.collect.dates import read_date
from digest.collect.normalize import clean_title, excerpt, shorten, usable_link
from digest.collect.pages.tidy import ADDRESS
from digest.collect.prose import Image, Prose, pixels, read_html, read_plain
from digest.models.articles import ArticleText, FoundArticle, Picture

TITLE_FROM_TEXT = "no title; the beginning of its text stands in for it"
_MAX_BYLINE, _MAX_SECTION, _MAX_BODY = 200, 60, 100_000
_CAPTION = re.compile(r"media_caption([0-9]{1,9})")  # see xmltext.numbered_captions
_NO_SECTION = re.compile(r"https?://|[A-Z]\d{1,3}(?:[A-Z]\d{1,3})*$|\d+$")  # addresses and keys of the paper's system
_KINDS_OF_ANYTHING = ("application/octet-stream", "binary/octet-stream", "unknown")
_PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".webp")

Entry = dict[str, Any]  # feedparser's own mapping; its values are whatever the document held


def read(entry: Entry, base: str, zone: ZoneInfo, *, is_atom: bool) -> FoundArticle | str:
    """Return the article, or the reason why the entry cannot be one."""
    doubts: list[str] = []
    link = _link(entry, base, doubts)
    if not link:
        return "it has no link that a mail can carry"
    summary, content = _texts(entry)
    short = summary if summary.paragraphs else content
    title = _title(entry, is_atom=is_atom)
    if not title:
        title = excerpt(short.paragraphs, 80)
        doubts.append(TITLE_FROM_TEXT)
    if not title:
        return "it has neither a title nor a text"
    registered_at, modified_at = _times(entry, zone, doubts)
    text = ArticleText(
        title=title,
        link=link,
        section=shorten(_section(entry), _MAX_SECTION),
        byline=shorten(_byline(entry), _MAX_BYLINE),
        excerpt=excerpt(short.paragraphs),
        body=limited(content.paragraphs) if _says_more(content, summary) else (),
        picture=_picture(entry, base, content.image or summary.image),
        registered_at=registered_at,
        modified_at=modified_at,
    )
    return FoundArticle(_text(entry, "id"), text, tuple(doubts))


def limited(paragraphs: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first paragraphs that are together no longer than any article."""
    kept, letters = [], 0
    for paragraph in paragraphs:
        letters += len(paragraph)
        if letters > _MAX_BODY:
            break
        kept.append(paragraph)
    return tuple(kept)


def picture(image: Image, base: str) -> Picture | None:
    """Return the picture with an absolute address, or None if it has no http(s) one."""
    url = usable_link(image.src, base)
    return Picture(url, image.caption, image.width, image.height) if url else None


def _text(entry: Entry, key: str) -> str:
    # dict.get, because feedparser's own answers "updated" with "published".
    value = dict.get(entry, key)
    return value if isinstance(value, str) else ""


def _link(entry: Entry, base: str, doubts: list[str]) -> str:
    alternates = [
        link.get("href", "") for link in dict.get(entry, "links") or [] if link.get("rel", "alternate") == "alternate"
    ]
    guid = _text(entry, "id")
    candidates = [_text(entry, "link"), *alternates]
    for candidate in candidates:
        if link := usable_link(candidate, base):
            return link
    if any(candidates):
        doubts.append("its link is none that a mail can carry; its identifier stands in for it")
    # A guid is only an address where it says so itself: relative ones are numbers.
    return usable_link(guid, base) if guid.startswith(("http://", "https://")) else ""


def _title(entry: Entry, *, is_atom: bool) -> str:
    title = _text(entry, "title")
    detail = dict.get(entry, "title_detail") or {}
    return clean_title(title, is_plain=is_atom and detail.get("type") == "text/plain")


def _texts(entry: Entry) -> tuple[Prose, Prose]:
    """Return the summary and the content as prose; either may be empty."""
    read: dict[tuple[str, bool], Prose] = {}  # feedparser makes a content the summary of an entry that has none
    summary = _prose(_text(entry, "summary"), dict.get(entry, "summary_detail") or {}, read)
    contents = [
        _prose(part.get("value") or "", part, read)
        for part in dict.get(entry, "content") or []
        if str(part.get("type", "text/html")) in ("text/html", "text/plain", "application/xhtml+xml")
    ]
    content = max(contents, key=lambda prose: sum(map(len, prose.paragraphs)), default=Prose(()))
    if not summary.paragraphs and not content.paragraphs and (captions := _captions(entry)):
        summary = Prose((captions[0],), summary.image)  # media:description alone describes the article
    return summary, content


def _prose(text: str, detail: Entry, read: dict[tuple[str, bool], Prose]) -> Prose:
    # RSS calls its descriptions plain text and means HTML; Atom's text/plain is meant, and never holds tags.
    is_plain = detail.get("type") == "text/plain" and "<" not in text and "&" not in text
    if (text, is_plain) not in read:
        read[text, is_plain] = read_plain(text) if is_plain else read_html(text)
    return read[text, is_plain]


def _says_more(content: Prose, summary: Prose) -> bool:
    letters, short = (sum(map(len, prose.paragraphs)) for prose in (content, summary))
    return letters > short or (letters == short and len(content.paragraphs) > 1)


def _times(entry: Entry, zone: ZoneInfo, doubts: list[str]) -> tuple[datetime | None, datetime | None]:
    written = [_text(entry, key) for key in ("published", "created", "updated", "regdate")]
    first = next((text for text in written if text.strip()), "")
    registered = read_date(first, zone)
    if registered.doubt:
        doubts.append(registered.doubt)
    elif registered.at is None:
        doubts.append("no date")
    updated = read_date(written[2], zone).at
    is_later = updated is not None and registered.at is not None and updated > registered.at
    return registered.at, updated if is_later else None


def _byline(entry: Entry) -> str:
    authors = dict.get(entry, "authors") or []
    names = [clean_title(author["name"]) for author in authors if author.get("name")]
    raw = _text(entry, "author")
    if not names or (len(authors) < 2 and "@" in raw):  # it cuts addresses with long endings in two
        names = [clean_title(ADDRESS.sub("", raw)).strip("()<>[],;/| ")]
    return ", ".join(dict.fromkeys(name for name in names if name and not _is_address(name)))


def _is_address(name: str) -> bool:
    return "@" in name and " " not in name


def _section(entry: Entry) -> str:
    for tag in dict.get(entry, "tags") or []:
        name = clean_title(tag.get("label") or tag.get("term") or "")
        name = name.split(",")[0].strip() if len(name) < _MAX_SECTION else name
        if name and not _NO_SECTION.match(name):
            return name
    return ""


def _captions(entry: Entry) -> list[str]:
    numbers = sorted(int(match[1]) for key in entry if (match := _CAPTION.fullmatch(key)))
    return [clean_title(_text(entry, f"media_caption{number}")) for number in numbers]


def _picture(entry: Entry, base: str, in_text: Image | None) -> Picture | None:
    enclosures = [link for link in dict.get(entry, "links") or [] if link.get("rel") == "enclosure"]
    named = [Image(link.get("href", "")) for link in enclosures if _is_picture(link)]
    for image in [*_largest(_media(entry)), *named, *_largest(_thumbnails(entry)), *_of_its_own(entry)]:
        if found := picture(image, base):
            return found
    return picture(in_text, base) if in_text else None


def _media(entry: Entry) -> list[Image]:
    pictures = [media for media in dict.get(entry, "media_content") or [] if _is_picture(media)]
    captions = _captions(entry)
    if len(captions) != len(pictures):  # which belongs to which is not sure, so none is printed
        captions = [""] * len(pictures)
    return [_image(media, caption) for media, caption in zip(pictures, captions, strict=True)]


def _thumbnails(entry: Entry) -> list[Image]:
    return [_image(media, "") for media in dict.get(entry, "media_thumbnail") or []]


def _of_its_own(entry: Entry) -> list[Image]:
    """Pictures in elements that no format knows for articles: `image` (with `url` or an attribute), `thumbnail`."""
    image = dict.get(entry, "image") or {}
    named = image.get("href") if isinstance(image, dict) else image
    written = [str(one).strip() for one in (named, dict.get(entry, "href"), dict.get(entry, "thumbnail")) if one]
    return [Image(one) for one in written if _has_picture_ending(one)]


def _image(media: Entry, caption: str) -> Image:
    return Image(media.get("url", ""), caption, pixels(media.get("width")), pixels(media.get("height")))


def _largest(images: list[Image]) -> list[Image]:
    return sorted(images, key=lambda image: image.width or 0, reverse=True)


def _is_picture(media: Entry) -> bool:
    kind, medium = str(media.get("type") or ""), str(media.get("medium") or "")
    if medium or (kind and kind not in _KINDS_OF_ANYTHING):
        return kind.startswith("image/") or medium == "image"
    return _has_picture_ending(str(media.get("url") or media.get("href") or ""))


def _has_picture_ending(address: str) -> bool:
    return address.lower().partition("?")[0].endswith(_PICTURE_ENDINGS)

"""JSON Feed 1.0 and 1.1, which feedparser does not read.

In: the decoded text. Out: the same `Parsed` as for XML. Titles and summaries are plain text by the standard, but many
systems write HTML character references into them; they are resolved like those of RSS. https://www.jsonfeed.org/version/1.1/
"""

import json
from typing import Any
from zoneinfo import ZoneInfo

from digest.collect.dates import read_date
from digest.collect.normalize import clean_title, excerpt, shorten, usable_link
from digest.collect.prose import Image, Prose, read_html, read_plain
from digest.collect.source import MAX_ARTICLES, Parsed
from digest.collect.sources.feed_entry import TITLE_FROM_TEXT, limited, picture
from digest.errors import SourceUnreadableError
from digest.models.articles import ArticleText, FoundArticle, Picture

Item = dict[str, Any]  # what the document held


def read(text: str, url: str, zone: ZoneInfo) -> Parsed:
    """Return the articles of a JSON Feed, or raise `SourceUnreadableError`."""
    document, doubts = _document(text)
    items = [item for item in document["items"] if isinstance(item, dict)]
    if len(items) > MAX_ARTICLES:
        doubts.append(f"holds {len(items)} articles; the {MAX_ARTICLES} newest were read")
        items = _newest(items, zone)
    articles = []
    for position, item in enumerate(items, 1):
        found = _article(item, url, zone)
        if isinstance(found, str):
            doubts.append(f"article {position} was left out: {found}")
        else:
            articles.append(found)
    return Parsed("json", clean_title(_text(document, "title")), tuple(articles), tuple(doubts))


def _document(text: str) -> tuple[Item, list[str]]:
    try:
        document = json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        raise SourceUnreadableError(f"This looks like JSON, but cannot be read: {error}.") from error
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise SourceUnreadableError("This is JSON, but not a JSON Feed: it has no list of items.")
    if not _text(document, "version").startswith(("https://jsonfeed.org/", "http://jsonfeed.org/")):
        return document, ["does not say that it is a JSON Feed"]
    return document, []


def _newest(items: list[Item], zone: ZoneInfo) -> list[Item]:
    def age(position: int) -> tuple[float, int]:
        at = read_date(_text(items[position], "date_published"), zone).at
        return (at.timestamp() if at else 0.0, -position)

    kept = sorted(sorted(range(len(items)), key=age, reverse=True)[:MAX_ARTICLES])
    return [items[position] for position in kept]


def _article(item: Item, base: str, zone: ZoneInfo) -> FoundArticle | str:
    doubts: list[str] = []
    guid = _text(item, "id")
    link = usable_link(_text(item, "url"), base)
    if not link and guid.startswith(("http://", "https://")):
        link = usable_link(guid, base)
    link = link or usable_link(_text(item, "external_url"), base)
    if not link:
        return "it has no link that a mail can carry"
    html = _text(item, "content_html")
    content = read_html(html) if html else read_plain(_text(item, "content_text"))
    summary = Prose(tuple(filter(None, [clean_title(_text(item, "summary"))])))
    short = summary if summary.paragraphs else content
    title = clean_title(_text(item, "title"))
    if not title:
        title = excerpt(short.paragraphs, 80)
        doubts.append(TITLE_FROM_TEXT)
    if not title:
        return "it has neither a title nor a text"
    registered = read_date(_text(item, "date_published") or _text(item, "date_modified"), zone)
    if registered.doubt or registered.at is None:
        doubts.append(registered.doubt or "no date")
    modified_at = read_date(_text(item, "date_modified"), zone).at
    is_later = modified_at is not None and registered.at is not None and modified_at > registered.at
    text = ArticleText(
        title=title,
        link=link,
        section=_section(item),
        byline=_byline(item),
        excerpt=excerpt(short.paragraphs),
        body=limited(content.paragraphs),
        picture=_picture(item, base, content.image),
        registered_at=registered.at,
        modified_at=modified_at if is_later else None,
    )
    return FoundArticle(guid, text, tuple(doubts))


def _text(item: Item, key: str) -> str:
    value = item.get(key)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def _list(item: Item, key: str) -> list[Any]:
    value = item.get(key)
    return value if isinstance(value, list) else []


def _byline(item: Item) -> str:
    authors = [*_list(item, "authors"), item.get("author")]
    names = [clean_title(_text(author, "name")) for author in authors if isinstance(author, dict)]
    return shorten(", ".join(dict.fromkeys(name for name in names if name)), 200)


def _section(item: Item) -> str:
    tags = [clean_title(tag) for tag in _list(item, "tags") if isinstance(tag, str)]
    return shorten(next((tag for tag in tags if tag), ""), 60)


def _picture(item: Item, base: str, in_text: Image | None) -> Picture | None:
    attached = [
        _text(one, "url")
        for one in _list(item, "attachments")
        if isinstance(one, dict) and _text(one, "mime_type").startswith("image/")
    ]
    for url in (_text(item, "image"), _text(item, "banner_image"), *attached):
        if url and (found := picture(Image(url), base)):
            return found
    return picture(in_text, base) if in_text else None

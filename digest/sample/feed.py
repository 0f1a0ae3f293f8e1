"""The sample newspaper as RSS 2.0, as a Korean editorial system writes it.

In: the newspaper, the articles to list, and the address it is served under. Out: the feed's bytes.

The guid is the article's number, not its link, so that an article stays the same one when the service moves
to another address. The description is only the beginning of the article, cut in mid-sentence like most
feeds of newspapers do; sub-headlines and the whole body stand on the page. Titles are plain text: `<르포>` and
`&` are escaped once. Descriptions are HTML by custom, so their text is escaped twice.
Follows RSS 2.0, Media RSS 1.5 and Dublin Core 1.1. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from html import escape
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from digest.sample.newspaper import TIME_ZONE, Article, Newspaper, excerpt

EXCERPT_LETTERS = 110
_ATOM = "http://www.w3.org/2005/Atom"
_DUBLIN_CORE = "http://purl.org/dc/elements/1.1/"
_MEDIA = "http://search.yahoo.com/mrss/"

register_namespace("atom", _ATOM)
register_namespace("dc", _DUBLIN_CORE)
register_namespace("media", _MEDIA)


@dataclass(frozen=True, slots=True)
class Channel:
    """What the head of a feed says."""

    title: str
    self_url: str
    changed_at: datetime


def article_url(base_url: str, idx: int) -> str:
    """Write the unique link of an article."""
    return f"{base_url}/sample/news/view.php?idx={idx}"


def mobile_url(base_url: str, idx: int) -> str:
    """Write the link of an article's page for small telephones."""
    return f"{base_url}/sample/m/view.php?idx={idx}"


def picture_url(base_url: str, name: str) -> str:
    """Write the address of a picture."""
    return f"{base_url}/sample/pictures/{name}"


def write_feed(newspaper: Newspaper, articles: Iterable[Article], channel: Channel, base_url: str) -> bytes:
    """Write the articles, in the order given, as RSS 2.0 in UTF-8; equal arguments make equal bytes."""
    rss = Element("rss", {"version": "2.0"})
    head = SubElement(rss, "channel")
    _add(head, "title", channel.title)
    _add(head, "link", f"{base_url}/sample/")
    _add(head, "description", newspaper.description)
    _add(head, "language", "ko")
    _add(head, "lastBuildDate", _rfc822(channel.changed_at))
    SubElement(head, f"{{{_ATOM}}}link", {"href": channel.self_url, "rel": "self", "type": "application/rss+xml"})
    for article in articles:
        _add_article(head, article, base_url)
    return bytes(tostring(rss, encoding="utf-8", xml_declaration=True))


def _add_article(head: Element, article: Article, base_url: str) -> None:
    item = SubElement(head, "item")
    _add(item, "title", article.title)
    _add(item, "link", article_url(base_url, article.idx))
    _add(item, "guid", f"gaonnaru-{article.idx}").set("isPermaLink", "false")
    _add(item, "description", escape(excerpt(article, EXCERPT_LETTERS), quote=False))
    _add(item, f"{{{_DUBLIN_CORE}}}creator", article.reporter.name)
    _add(item, "category", article.section)
    _add(item, "pubDate", _rfc822(article.registered_at))
    if article.modified_at is not None:
        _add(item, f"{{{_ATOM}}}updated", article.modified_at.isoformat())
    if article.picture is None:
        return
    picture = article.picture
    shape = {"width": str(picture.width), "height": str(picture.height), "fileSize": str(len(picture.content))}
    address = {"url": picture_url(base_url, picture.name), "type": picture.media_type, "medium": "image"}
    media = SubElement(item, f"{{{_MEDIA}}}content", address | shape)
    _add(media, f"{{{_MEDIA}}}description", picture.caption).set("type", "plain")


def _add(parent: Element, tag: str, text: str) -> Element:
    element = SubElement(parent, tag)
    element.text = text
    return element


def _rfc822(at: datetime) -> str:
    return format_datetime(at.astimezone(TIME_ZONE))

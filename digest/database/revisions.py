"""How the text of an article is laid out in its rows, and read back.

A revision's title and link have columns of their own; the other fields of `ArticleText` are one JSON value, times as
ISO 8601 in UTC. What the source listed (`articles.listed`) and what the page says (`pages.text`) are one JSON value
each. A field added later is absent from older rows: read it with a default here.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from digest.database.identity import text_digest
from digest.models.articles import ArticleText, PageText, Picture

_PAGE_TEXT = TypeAdapter(PageText)


def revision_row(
    article_id: int, revision: int, text: ArticleText, seen_at: datetime, *, substantial: str = "", digest: str = ""
) -> dict[str, Any]:
    """Return the values of the row that keeps `text` as a revision; `substantial` says what changed for a reader.

    `digest` is the text's, where the caller has it already.
    """
    return {
        "article_id": article_id,
        "revision": revision,
        "seen_at": seen_at,
        "digest": digest or text_digest(text),
        "title": text.title,
        "link": text.link,
        "text": _rest(text),
        "substantial": substantial,
    }


def text_of(title: str, link: str, rest: dict[str, Any]) -> ArticleText:
    """Return the text that a row keeps; `rest` is its JSON value."""
    return ArticleText(
        title=title,
        link=link,
        subheads=tuple(rest["subheads"]),
        section=rest["section"],
        byline=rest["byline"],
        excerpt=rest["excerpt"],
        body=tuple(rest["body"]),
        picture=Picture(*rest["picture"]) if rest["picture"] else None,
        registered_at=_instant(rest["registered_at"]),
        modified_at=_instant(rest["modified_at"]),
        mobile_link=rest.get("mobile_link", ""),
    )


def listed_value(text: ArticleText) -> dict[str, Any]:
    """Return the JSON value that keeps an article as its source lists it."""
    return {"title": text.title, "link": text.link, **_rest(text)}


def listed_of(value: dict[str, Any]) -> ArticleText:
    """Return what `listed_value` kept."""
    return text_of(value["title"], value["link"], value)


def page_value(page: PageText) -> dict[str, Any]:
    """Return the JSON value that keeps a page's text. How it was found is kept beside it, the most read elsewhere."""
    kept = replace(page, most_read=(), found_by={}, doubts=())
    value: dict[str, Any] = _PAGE_TEXT.dump_python(kept, mode="json", exclude_defaults=True)
    return value


def page_of(value: dict[str, Any] | None) -> PageText | None:
    """Return what `page_value` kept; None where the page was not read."""
    return None if value is None else _PAGE_TEXT.validate_python(value)


def _rest(text: ArticleText) -> dict[str, Any]:
    picture = text.picture
    return {
        "subheads": list(text.subheads),
        "section": text.section,
        "byline": text.byline,
        "excerpt": text.excerpt,
        "body": list(text.body),
        "picture": picture and [picture.url, picture.caption, picture.width, picture.height],
        "registered_at": text.registered_at and text.registered_at.astimezone(UTC).isoformat(),
        "modified_at": text.modified_at and text.modified_at.astimezone(UTC).isoformat(),
        **({"mobile_link": text.mobile_link} if text.mobile_link else {}),
    }


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

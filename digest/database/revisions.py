"""How the text of an article is laid out in its row of `revisions`, and read back.

Title and link have columns of their own; the other fields of `ArticleText` are one JSON value, times as ISO 8601 in
UTC. A field added to `ArticleText` later is absent from older rows: read it with a default here.
"""

from datetime import UTC, datetime
from typing import Any

from digest.database.identity import text_digest
from digest.models import ArticleText, Picture


def revision_row(article_id: int, revision: int, text: ArticleText, seen_at: datetime) -> dict[str, Any]:
    """Return the values of the row that keeps `text` as a revision."""
    picture = text.picture
    rest = {
        "subheads": list(text.subheads),
        "section": text.section,
        "byline": text.byline,
        "excerpt": text.excerpt,
        "body": list(text.body),
        "picture": picture and [picture.url, picture.caption, picture.width, picture.height],
        "registered_at": text.registered_at and text.registered_at.astimezone(UTC).isoformat(),
        "modified_at": text.modified_at and text.modified_at.astimezone(UTC).isoformat(),
    }
    return {
        "article_id": article_id,
        "revision": revision,
        "seen_at": seen_at,
        "digest": text_digest(text),
        "title": text.title,
        "link": text.link,
        "text": rest,
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
    )


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

"""Editions and articles for tests of this room, and what a reader finds in the mails made of them."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from digest.compose.kinds import digest
from digest.compose.render import Renderer
from digest.config import Settings
from digest.models.articles import Article, ArticleText, MostRead, Picture
from digest.models.deliveries import Mail
from digest.models.editions import Edition, EditionState, PlacedArticle, Placement, Role
from digest.models.readers import Format, Variant
from digest.models.sources import Rights
from digest.splice import Spliced

AT = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)  # a Monday, 07:00 in Seoul
SITE = "https://gaon.example/news/view.php?idx="
UNSUBSCRIBE_URL = "https://news.gaon.example/u/" + "a" * 37
PREFERENCES_URL = "https://news.gaon.example/preferences/" + "a" * 37
NEVER_URL = "https://news.gaon.example/never/" + "a" * 37
VALUES = {
    "recipient": b"reader@example.com",
    "date": b"Mon, 23 Nov 2026 07:00:00 +0900",
    "message_id": b"<token@gaon.example>",
    "unsubscribe_url": UNSUBSCRIBE_URL.encode(),
    "preferences_url": PREFERENCES_URL.encode(),
    "share_url": b"https://news.gaon.example/share/" + b"a" * 37,
    "never_url": NEVER_URL.encode(),
    "sharer": b"s" * 37,
    "leave_mailto": b", <mailto:news+leave+" + b"a" * 37 + b"@gaon.example?subject=unsubscribe>",
    "never_mailto": b", <mailto:news+never+" + b"a" * 37 + b"@gaon.example?subject=unsubscribe>",
}
RENDERER = Renderer(None)


def placed(
    number: int,
    role: Role = Role.ARTICLE,
    section: str = "시정",
    *,
    rights: Rights = Rights.EXCERPT,
    with_picture: bool = False,
    **changes: Any,
) -> PlacedArticle:
    """Return an article in its place; `changes` are fields of its text."""
    text = ArticleText(
        title=f"가온시 소식 {number}번 기사",
        link=f"{SITE}{number}",
        subheads=(f"{number}번 부제 하나", f"{number}번 부제 둘"),
        section=section,
        byline="서하늘 기자",
        excerpt=f"{number}번 기사의 첫머리. " + "가온시는 새 도서관을 연다고 밝혔다. " * 6 + "…",
        picture=Picture(f"https://img.gaon.example/{number}.jpg", f"{number}번 사진 설명", 800, 500)
        if with_picture
        else None,
        registered_at=AT - timedelta(minutes=number),
    )
    article = Article(number, 1, "gaon", rights, 1, replace(text, **changes), first_seen_at=AT, eligible=True)
    return PlacedArticle(Placement(number, 1, role, section, position=number), article)


def edition(*, most_read: int = 0) -> Edition:
    """Return this morning's edition, with as many most-read articles."""
    return Edition(
        id=7,
        slot="morning",
        title="아침 소식",
        planned_at=AT,
        cutoff_at=AT,
        deadline_at=AT + timedelta(hours=3),
        state=EditionState.CHOSEN,
        most_read=tuple(
            MostRead(f"많이 본 {rank}번", f"{SITE}{900 + rank}", f"많이 본 {rank}번의 첫머리…")
            for rank in range(1, most_read + 1)
        ),
    )


def full_day() -> list[PlacedArticle]:
    """Return a day with every role: a lead, three sections, headlines, one that is only counted."""
    return [
        placed(1, Role.LEAD, with_picture=True, modified_at=AT),
        placed(2, with_picture=True),
        placed(3),
        placed(4, Role.HEADLINE),
        placed(5, section="의회", rights=Rights.LINK_ONLY, with_picture=True),
        placed(6, section="의회", picture=Picture("https://img.gaon.example/6.jpg")),
        placed(7, Role.HEADLINE, section="문화"),
        placed(8, Role.LEFT_OUT),
    ]


def compose(
    settings: Settings,
    articles: Sequence[PlacedArticle] | None = None,
    *,
    most_read: int = 5,
    language: str = "ko",
    format: Format = Format.HTML,
) -> Mail:
    """Compose the digest of `articles` (None: of a full day)."""
    return digest.compose(
        RENDERER,
        settings,
        edition=edition(most_read=most_read),
        articles=full_day() if articles is None else articles,
        variant=Variant(language, format),
    ).mail


def filled(part: bytes) -> str:
    """Return a part as its recipient gets it."""
    return Spliced.parse(part).fill(VALUES).decode("utf-8")


def headers_of(mail: Mail) -> EmailMessage:
    """Read the headers with the standard library, which did not make them."""
    message = BytesParser(policy=default).parsebytes(Spliced.parse(mail.headers).fill(VALUES) + b"\r\n")
    assert isinstance(message, EmailMessage)
    return message


def visible(html: str) -> str:
    """Return the words a reader sees, without the blanks between them."""
    body = LexborHTMLParser(html).body
    assert body is not None
    return re.sub(r"\s+", "", body.text(deep=True))


def links_in_html(html: str) -> set[str]:
    """Return where the links lead, without those within the mail."""
    hrefs = (node.attributes.get("href") or "" for node in LexborHTMLParser(html).css("a"))
    return {href for href in hrefs if not href.startswith("#")}


def links_in_text(text: str) -> set[str]:
    """Return all addresses of a text."""
    return set(re.findall(r"https?://\S+", text))

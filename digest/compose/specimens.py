"""Invented values that use everything the templates can show, for `specimen` of the message kinds.

They are never mailed to readers: tests and `digest doctor` compose them to find mistakes in templates.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from digest.addresses import Address
from digest.models.alerts import Alert
from digest.models.articles import Article, ArticleText, CorrectionKind, MostRead, Picture
from digest.models.editions import (
    Block,
    BlockKind,
    Correction,
    Edition,
    EditionState,
    NewBlock,
    PlacedArticle,
    Placement,
    Role,
)
from digest.models.shares import NewShare, SharedOften
from digest.models.sources import Rights

AT = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
_SITE = "https://news.example.com/news/view.php?idx="


def edition() -> tuple[Edition, tuple[PlacedArticle, ...]]:
    """Return an edition and its articles, in every role and with every right."""
    edition = Edition(
        id=1,
        slot="specimen",
        title="견본 소식",
        planned_at=AT,
        cutoff_at=AT,
        deadline_at=AT + timedelta(hours=3),
        state=EditionState.CHOSEN,
        most_read=tuple(
            MostRead(f"많이 본 견본 기사 {rank}", f"{_SITE}{100 + rank}", "많이 본 기사의 첫머리입니다…")
            for rank in range(1, 6)
        ),
        most_shared=(SharedOften(11, "많이 보낸 견본 기사", f"{_SITE}11"),),
        corrections=(
            Correction(1, 9, CorrectionKind.CHANGED, "고친 견본 기사", f"{_SITE}9", AT - timedelta(days=1)),
            Correction(2, 10, CorrectionKind.WITHDRAWN, "삭제된 견본 기사", f"{_SITE}10", AT - timedelta(days=1)),
        ),
        blocks=tuple(_block(number, kind) for number, kind in enumerate(BlockKind, 1)),
    )
    return edition, (
        _placed(1, Role.LEAD, "시정", with_picture=True),
        _placed(2, Role.ARTICLE, "시정", with_picture=True),
        _placed(3, Role.ARTICLE, "의회", rights=Rights.LINK_ONLY),
        _placed(4, Role.HEADLINE, "의회"),
        _placed(5, Role.ARTICLE, ""),
        _placed(6, Role.LEFT_OUT, "시정"),
        replace(_placed(7, Role.ARTICLE, "문화", with_picture=True), noticed=("견본", "기사")),
        replace(_placed(8, Role.HEADLINE, "문화"), noticed=("견본",)),
    )


def alerts() -> tuple[Alert, ...]:
    """Return an alert raised once and one raised again and again."""
    return (
        Alert("source:specimen", "The source answers 404. Look at its address.", AT, AT, 1),
        Alert("relay", "The relay refuses the login.\nCheck SMTP_USER.", AT, AT + timedelta(hours=2), 12),
    )


def _block(number: int, kind: BlockKind) -> Block:
    text = "견본 글의 첫째 문단입니다.\n둘째 문단, <괄호> & 기호."
    picture = "https://news.example.com/block.jpg" if kind is BlockKind.AD else ""
    until_at = AT + timedelta(days=1)
    new = NewBlock(kind, f"견본 알림 {number}", AT, until_at, text=text, link=f"{_SITE}9{number}", picture=picture)
    return Block(number, new, AT)


def share(language: str) -> tuple[Article, NewShare]:
    """Return an article and what somebody wrote to a friend about it."""
    placed = _placed(1, Role.LEAD, "시정", with_picture=True, rights=Rights.FULL_TEXT_MAIL).article
    body = ("첫째 문단입니다. <괄호> & 기호가 있습니다.", "◇ 둘째 문단의 머리", "둘째 문단입니다.")
    text = replace(placed.text, body=body, mobile_link="https://m.news.example.com/news/view.php?idx=1")
    article = replace(placed, text=text, contested_at=AT)
    return article, NewShare(
        article_id=article.id,
        sender=Address("specimen", "example.com"),
        sender_hash="0" * 64,
        sender_name="홍길동",
        recipient=Address("friend", "example.com"),
        recipient_hash="0" * 64,
        note="같이 읽고 싶은 기사입니다.\n둘째 줄도 있습니다.",
        language=language,
        report_id="0123456789ab",
        created_at=AT,
        expires_at=AT + timedelta(hours=24),
    )


def _placed(
    number: int, role: Role, section: str, *, with_picture: bool = False, rights: Rights = Rights.EXCERPT
) -> PlacedArticle:
    text = ArticleText(
        title=f"견본 기사 {number}, “따옴표”와 <괄호> & 기호가 있는 제목",
        link=f"{_SITE}{number}&lang=ko",
        subheads=("첫째 부제", "둘째 부제"),
        section=section,
        byline="홍길동 기자",
        excerpt="기사의 첫머리를 옮긴 글입니다. 이어지는 문장은 줄여서 보여 줍니다…",
        picture=Picture("https://news.example.com/picture.jpg", "사진 설명", 640, 400) if with_picture else None,
        registered_at=AT - timedelta(hours=number),
        modified_at=AT if number == 1 else None,
    )
    contested_at = AT if number in (2, 4) else None
    article = Article(
        number, 1, "specimen", rights, 1, text, first_seen_at=AT, eligible=True, contested_at=contested_at
    )
    same_sources = 2 if number in (1, 4) else 0
    return PlacedArticle(Placement(number, 1, role, section, number, same_sources), article)

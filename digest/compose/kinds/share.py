"""The share (기사 메일전송): one article, as its source's rights allow, and what its sender said about it.

In: the stored article and the share. Out: one `Mail`. No user text stands in a header: From and Subject are patterns of
ours, Reply-To is the confirmed sender's address. What the sender wrote is quoted and named as theirs. No advert and no
picture that counts. The link that refuses all further shares is a slot, filled when it is delivered.

A whole text that would make the mail larger than mail programs show is cut, and a link leads to the rest.
"""

import bisect

from digest import links, splice
from digest.addresses import Address
from digest.compose import single, specimens
from digest.compose.kind import MAX_HTML_BYTES, Composed
from digest.compose.nobody import with_nobodys_link
from digest.compose.plain import clean
from digest.compose.render import Renderer
from digest.compose.whole import WholeArticle, whole_article
from digest.config import Settings
from digest.languages import words
from digest.models.articles import Article
from digest.models.deliveries import Mail, MessageKind
from digest.models.shares import NewShare
from digest.tokens import TOKEN_LENGTH

KEPT_DAYS = 7


def compose(renderer: Renderer, settings: Settings, *, article: Article, share: NewShare) -> Mail:
    """Compose the mail to the friend. Raises `TemplateError` for a mistake in a template."""
    context = _fitting(renderer, settings, article, share)
    stream = single.share_stream(
        settings, MessageKind.SHARE, share.language, reply_to=share.sender, report_id=share.report_id
    )
    return single.compose(renderer, stream, share.language, context, slots=[splice.NEVER_URL])


def preview(
    renderer: Renderer,
    settings: Settings,
    *,
    article: Article,
    sender: Address,
    sender_name: str,
    note: str,
    language: str,
) -> str:
    """Return the HTML of the mail for looking at before it is asked for; its link that refuses is nobody's."""
    share = NewShare(
        article_id=article.id,
        sender=sender,
        sender_hash="",
        sender_name=sender_name,
        recipient=sender,
        recipient_hash="",
        note=note,
        language=language,
        report_id="0" * 12,
        created_at=article.first_seen_at,
        expires_at=article.first_seen_at,
    )
    context = _fitting(renderer, settings, article, share)
    html = with_nobodys_link(Mail("", b"", b"", _html(renderer, context, language)), settings).html
    # The links open beside the frame: inside it pages refuse to be shown.
    return html.decode().replace("<head>", '<head><base target="_blank">', 1)


def subject(renderer: Renderer, settings: Settings, article: Article, language: str) -> str:
    """Return the subject of an article's shares."""
    view = whole_article(article, settings, words(language)).article
    return single.subject(
        renderer, MessageKind.SHARE, language, {"newspaper": settings.newspaper_name, "article": view}
    )


def sender_line(settings: Settings, language: str) -> str:
    """Return whom an article's shares come from, as mail programs show it."""
    stream = single.share_stream(settings, MessageKind.SHARE, language, reply_to=None)
    return f"{stream.from_name} <{stream.sender}>"


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:
    """Compose a share of an invented article with everything its templates can show."""
    article, share = specimens.share(language)
    return Composed(compose(renderer, settings, article=article, share=share))


def _fitting(renderer: Renderer, settings: Settings, article: Article, share: NewShare) -> dict[str, object]:
    """Return what the templates are given, with as much of the text as a mail can hold."""
    whole = whole_article(article, settings, words(share.language))
    count = len(whole.paragraphs)

    def fits_without(left_out: int) -> bool:
        context = _context(settings, whole.cut_to(count - left_out), share)
        return _size(_html(renderer, context, share.language), settings) <= MAX_HTML_BYTES

    left_out = 0
    if count and not fits_without(0):
        left_out = bisect.bisect_left(range(count), True, lo=1, key=fits_without)
    return _context(settings, whole.cut_to(count - left_out), share)


def _context(settings: Settings, whole: WholeArticle, share: NewShare) -> dict[str, object]:
    return {
        **single.imprint(settings, share.language),
        "article": whole.article,
        "paragraphs": whole.paragraphs,
        "is_cut": whole.is_cut,
        "mobile_link": whole.mobile_link,
        "sender_name": clean(share.sender_name),
        "sender": share.sender.masked,
        "note": share.note,
        "report_id": share.report_id,
        "abuse_contact": settings.abuse_contact,
        "kept_days": KEPT_DAYS,
        "subscribe_url": links.subscribe_url(settings.base_url),
        "never_url": splice.marker(splice.NEVER_URL),
    }


def _html(renderer: Renderer, context: dict[str, object], language: str) -> bytes:
    return single.html(renderer, MessageKind.SHARE, language, context, slots=[splice.NEVER_URL])


def _size(html: bytes, settings: Settings) -> int:
    """Return the size of the HTML with the friend's link in it."""
    never = links.never_url(settings.base_url, "x" * TOKEN_LENGTH).encode()
    return len(splice.Spliced.parse(html).fill({splice.NEVER_URL: never}))

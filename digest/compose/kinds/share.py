"""The share (기사 메일전송): one article, as its source's rights allow, and what its sender said about it.

In: the stored article and the share. Out: one `Mail`. No user text stands in a header: From and Subject are patterns of
ours, Reply-To is the confirmed sender's address. What the sender wrote is quoted and named as theirs. No advert and no
picture that counts. The link that refuses all further shares is a slot, filled when it is delivered.
"""

from digest import links, splice
from digest.compose import single, specimens
from digest.compose.kind import Composed
from digest.compose.plain import clean
from digest.compose.render import Renderer
from digest.compose.view import shared_article
from digest.config import Settings
from digest.languages import words
from digest.models.articles import Article
from digest.models.deliveries import Mail, MessageKind
from digest.models.shares import NewShare

KEPT_DAYS = 7


def compose(renderer: Renderer, settings: Settings, *, article: Article, share: NewShare) -> Mail:
    """Compose the mail to the friend. Raises `TemplateError` for a mistake in a template."""
    context = {
        **single.imprint(settings, share.language),
        "article": shared_article(article, settings, words(share.language)),
        "sender_name": clean(share.sender_name),
        "sender": share.sender.masked,
        "note": share.note,
        "report_id": share.report_id,
        "abuse_contact": settings.abuse_contact,
        "kept_days": KEPT_DAYS,
        "subscribe_url": links.subscribe_url(settings.base_url),
        "never_url": splice.marker(splice.NEVER_URL),
    }
    stream = single.share_stream(settings, MessageKind.SHARE, share.language, reply_to=share.sender)
    return single.compose(renderer, stream, share.language, context, slots=[splice.NEVER_URL])


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:
    """Compose a share of an invented article with everything its templates can show."""
    article, share = specimens.share(language)
    return Composed(compose(renderer, settings, article=article, share=share))

"""The share (기사 메일전송): one article, as its source's rights allow, and what its sender said about it.

In: the stored article and the share. Out: one `Mail`. No user text stands in a header: From and Subject are patterns of
ours, Reply-To is the confirmed sender's address. What the sender wrote is quoted and named as theirs. No advert and no
picture that counts. The link that refuses all further shares is a slot, filled when it is delivered.
"""

from digest import links, splice
from digest.compose import lines, mime, specimens
from digest.compose.kind import Composed
from digest.compose.plain import clean, cut
from digest.compose.render import Renderer
from digest.compose.view import identity, shared_article
from digest.config import Settings
from digest.languages import words
from digest.models.articles import Article
from digest.models.deliveries import Mail, MessageKind
from digest.models.shares import NewShare

KEPT_DAYS = 7
SUBJECT_LETTERS = 100
_LINKS = (splice.NEVER_URL,)


def compose(renderer: Renderer, settings: Settings, *, article: Article, share: NewShare) -> Mail:
    """Compose the mail to the friend. Raises `TemplateError` for a mistake in a template."""
    language, said = share.language, words(share.language)
    context = {
        "newspaper": clean(settings.newspaper_name),
        "site_url": settings.newspaper_site,
        "identity": identity(settings, said),
        "article": shared_article(article, article.text.section, settings, said),
        "sender_name": clean(share.sender_name),
        "sender": share.sender.masked,
        "note": share.note,
        "report_id": share.report_id,
        "abuse_contact": settings.abuse_contact,
        "kept_days": KEPT_DAYS,
        "subscribe_url": links.subscribe_url(settings.base_url),
        "never_url": splice.marker(splice.NEVER_URL),
    }
    subject = cut(" ".join(renderer.text("share/subject.txt", language, context).split()), SUBJECT_LETTERS)
    stream = mime.Stream(
        kind=MessageKind.SHARE,
        from_name=said.gettext("%(paper)s article sharing", paper=clean(settings.newspaper_name)),
        sender=settings.share_sender or settings.sender,
        reply_to=share.sender,
        is_share=True,
    )
    return Mail(
        subject=subject,
        headers=mime.header_block(stream, subject),
        text=splice.checked(lines.text_lines(renderer.text("share/body.txt", language, context)), allowed=_LINKS),
        html=splice.checked(lines.html_lines(renderer.mail_html("share/body.mjml", language, context)), allowed=_LINKS),
    )


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:
    """Compose a share of an invented article with everything its templates can show."""
    article, share = specimens.share(language)
    return Composed(compose(renderer, settings, article=article, share=share))

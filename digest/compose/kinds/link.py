"""The fresh link: a short mail with one link, for what an edition's link must not open.

In: what it is for. Out: one `Mail` with constant text and a link that the delivery room makes (`splice.FRESH_URL`), so
that it stands nowhere in the database. Editions are forwarded; this mail is asked for by somebody who has such a link,
and goes to the stored address only (or, to be confirmed, to the new one). It names nobody. Nobody subscribed to it, so
it has no List-* headers.
"""

from digest import links, splice
from digest.compose import lines, mime
from digest.compose.kind import Composed
from digest.compose.plain import clean, cut
from digest.compose.render import Renderer
from digest.compose.view import identity
from digest.config import Settings
from digest.languages import words
from digest.models.deliveries import Mail, MessageKind
from digest.models.readers import LinkMatter

SUBJECT_LETTERS = 100


def compose(renderer: Renderer, settings: Settings, matter: LinkMatter, language: str) -> Mail:
    """Compose the mail for `matter`. Raises `TemplateError` for a mistake in a template."""
    context = {
        "matter": matter,
        "newspaper": clean(settings.newspaper_name),
        "site_url": settings.newspaper_site,
        "privacy_url": links.privacy_url(settings.base_url),
        "identity": identity(settings, words(language)),
        "fresh_url": splice.marker(splice.FRESH_URL),
    }
    subject = renderer.text("link/subject.txt", language, context)
    subject = cut(" ".join(subject.split()), SUBJECT_LETTERS)
    stream = mime.Stream(
        kind=MessageKind.LINK,
        from_name=settings.from_name,
        sender=settings.sender,
        reply_to=settings.reply_to,
    )
    return Mail(
        subject=subject,
        headers=mime.header_block(stream, subject),
        text=_checked(lines.text_lines(renderer.text("link/body.txt", language, context))),
        html=_checked(lines.html_lines(renderer.mail_html("link/body.mjml", language, context))),
    )


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:
    """Compose the mail that opens a reader's own data, after that of a change of address, which says the most."""
    compose(renderer, settings, LinkMatter.NEW_ADDRESS, language)
    return Composed(compose(renderer, settings, LinkMatter.MANAGE, language))


def _checked(part: bytes) -> bytes:
    return splice.checked(part, allowed=(splice.FRESH_URL,))

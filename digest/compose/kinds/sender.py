"""The mail that asks the sender of a share to confirm: whoever typed the address, nothing goes out without it.

Out: one `Mail` of constant text: neither what the sender wrote nor the friend's address stands in it, so that it is no
way to write to strangers. Its links are slots of `digest.splice`, filled when it is delivered and stored nowhere.
"""

from digest import splice
from digest.compose import lines, mime
from digest.compose.kind import Composed
from digest.compose.plain import clean, cut
from digest.compose.render import Renderer
from digest.compose.view import identity
from digest.config import Settings
from digest.languages import words
from digest.models.deliveries import Mail, MessageKind

HOURS = 24
SUBJECT_LETTERS = 100
_LINKS = (splice.SHARE_URL, splice.NEVER_URL)


def compose(renderer: Renderer, settings: Settings, language: str) -> Mail:
    """Compose the mail that asks for confirmation. Raises `TemplateError` for a mistake in a template."""
    said = words(language)
    context = {
        "newspaper": clean(settings.newspaper_name),
        "site_url": settings.newspaper_site,
        "abuse_contact": settings.abuse_contact,
        "identity": identity(settings, said),
        "hours": HOURS,
        "share_url": splice.marker(splice.SHARE_URL),
        "never_url": splice.marker(splice.NEVER_URL),
    }
    subject = cut(" ".join(renderer.text("sender/subject.txt", language, context).split()), SUBJECT_LETTERS)
    stream = mime.Stream(
        kind=MessageKind.SENDER,
        from_name=said.gettext("%(paper)s article sharing", paper=clean(settings.newspaper_name)),
        sender=settings.share_sender or settings.sender,
        reply_to=None,
        is_share=True,
    )
    return Mail(
        subject=subject,
        headers=mime.header_block(stream, subject),
        text=splice.checked(lines.text_lines(renderer.text("sender/body.txt", language, context)), allowed=_LINKS),
        html=splice.checked(
            lines.html_lines(renderer.mail_html("sender/body.mjml", language, context)), allowed=_LINKS
        ),
    )


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:
    """Compose the mail; it has nothing that could be invented."""
    return Composed(compose(renderer, settings, language))

"""The confirmation: the mail behind every sign-up, whoever typed the address.

In: the notices of the consents (purpose, items, period, right to refuse). Out: one `Mail` of constant text: nothing
that a visitor typed or chose stands in it, so that it is no way to write to strangers. Its one link is a slot of
`digest.splice`, filled when it is delivered and stored nowhere. Nobody has subscribed yet, so it has no List-*
headers: there is nothing to leave.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from digest import links, splice
from digest.compose import lines, mime
from digest.compose.kind import Composed
from digest.compose.plain import clean, cut
from digest.compose.render import Renderer
from digest.compose.view import identity
from digest.config import Settings
from digest.languages import words
from digest.models.deliveries import Mail, MessageKind

HOURS = 72
SUBJECT_LETTERS = 100


@dataclass(frozen=True, slots=True)
class Notice:
    """The notice of one consent: its title and its items, each a name and what it says."""

    title: str
    items: tuple[tuple[str, str], ...]


def compose(renderer: Renderer, settings: Settings, language: str, notices: Sequence[Notice]) -> Mail:
    """Compose the mail that asks for confirmation. Raises `TemplateError` for a mistake in a template."""
    context = {
        "newspaper": clean(settings.newspaper_name),
        "site_url": settings.newspaper_site,
        "privacy_url": links.privacy_url(settings.base_url),
        "identity": identity(settings, words(language)),
        "notices": notices,
        "hours": HOURS,
        "confirm_url": splice.marker(splice.CONFIRM_URL),
    }
    subject = renderer.text("confirm/subject.txt", language, context)
    subject = cut(" ".join(subject.split()), SUBJECT_LETTERS)
    stream = mime.Stream(
        kind=MessageKind.CONFIRM,
        from_name=settings.from_name,
        sender=settings.sender,
        reply_to=settings.reply_to,
    )
    allowed = (splice.CONFIRM_URL,)
    return Mail(
        subject=subject,
        headers=mime.header_block(stream, subject),
        text=splice.checked(lines.text_lines(renderer.text("confirm/body.txt", language, context)), allowed=allowed),
        html=splice.checked(
            lines.html_lines(renderer.mail_html("confirm/body.mjml", language, context)), allowed=allowed
        ),
    )


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:
    """Compose a confirmation with an invented notice."""
    notice = Notice(
        "견본 동의", (("목적", "견본 소식 보내기"), ("항목", "전자우편 주소"), ("기간", "그만 받을 때까지"))
    )
    return Composed(compose(renderer, settings, language, [notice, notice]))

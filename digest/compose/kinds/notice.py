"""The notice of a result (처리결과): what became of a sign-up or of leaving, told once to the address it concerns.

정보통신망법 제50조⑦ asks for the sender's name, the act with its date, and its result, within 14 days; it is sent at
once, for news without adverts too. In: the result, when it was, the titles of the slots. Out: one `Mail` of constant
text without adverts. It has no List-* headers: one that leaves would do nothing for whoever has just left, and whoever
has just come finds the link in every edition.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from digest import links, splice
from digest.compose import lines, mime, specimens
from digest.compose.kind import Composed
from digest.compose.plain import clean, cut
from digest.compose.render import Renderer
from digest.compose.view import identity
from digest.config import Settings
from digest.languages import words
from digest.models.deliveries import Mail, MessageKind

SUBJECT_LETTERS = 100


class Result(StrEnum):
    """What came of what somebody did."""

    SUBSCRIBED = "subscribed"
    SUBSCRIBED_WITH_ADVERTS = "subscribed_with_adverts"
    LEFT = "left"


def compose(
    renderer: Renderer, settings: Settings, language: str, result: Result, *, at: datetime, titles: Sequence[str] = ()
) -> Mail:
    """Compose the notice of `result`, which came about `at`. Raises `TemplateError` for a mistake in a template."""
    said = words(language)
    context = {
        "newspaper": clean(settings.newspaper_name),
        "site_url": settings.newspaper_site,
        "privacy_url": links.privacy_url(settings.base_url),
        "subscribe_url": links.subscribe_url(settings.base_url),
        "identity": identity(settings, said),
        "result": result.value,
        "date": said.date(at, settings.zone),
        "titles": [clean(title) for title in titles],
    }
    subject = renderer.text("notice/subject.txt", language, context)
    subject = cut(" ".join(subject.split()), SUBJECT_LETTERS)
    stream = mime.Stream(
        kind=MessageKind.NOTICE,
        from_name=settings.from_name,
        sender=settings.sender,
        reply_to=settings.reply_to,
    )
    return Mail(
        subject=subject,
        headers=mime.header_block(stream, subject),
        text=splice.checked(lines.text_lines(renderer.text("notice/body.txt", language, context)), allowed=()),
        html=splice.checked(lines.html_lines(renderer.mail_html("notice/body.mjml", language, context)), allowed=()),
    )


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:
    """Compose the notice that uses most of what its templates can show."""
    edition, _ = specimens.edition()
    result = Result.SUBSCRIBED_WITH_ADVERTS
    return Composed(compose(renderer, settings, language, result, at=edition.planned_at, titles=[edition.title]))

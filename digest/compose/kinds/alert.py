"""The alert: what a person must know, mailed to the operator.

In: the open alerts that are due. Out: one `Mail` in English, short: what happened, since when, how often, what to do
(the alert's own text says that). It goes to the operator alone and nobody subscribed to it, so it has no List-*
headers and no unsubscribe link that would do nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from digest import splice
from digest.compose import lines, mime, specimens
from digest.compose.kind import Composed
from digest.compose.plain import clean, cut
from digest.compose.render import Renderer
from digest.config import Settings
from digest.languages import words
from digest.models.alerts import Alert
from digest.models.deliveries import Mail, MessageKind

_LANGUAGE = "en"
SUBJECT_LETTERS = 100


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert as its templates see it: `lines` of its text, times written out in the newspaper's zone."""

    matter: str
    lines: tuple[str, ...]
    first: str
    last: str
    count: int


def compose(renderer: Renderer, settings: Settings, alerts: Sequence[Alert]) -> Mail:
    """Compose one mail about `alerts` (at least one). Raises `TemplateError` for a mistake in a template."""
    context = {
        "newspaper": clean(settings.newspaper_name),
        "alerts": [_view(alert, settings) for alert in alerts],
        "zone": settings.time_zone,
    }
    subject = renderer.text("alert/subject.txt", _LANGUAGE, context)
    subject = cut(" ".join(subject.split()), SUBJECT_LETTERS)
    stream = mime.Stream(
        kind=MessageKind.ALERT,
        from_name=settings.from_name,
        sender=settings.sender,
        reply_to=settings.reply_to,
    )
    return Mail(
        subject=subject,
        headers=mime.header_block(stream, subject),
        text=splice.checked(lines.text_lines(renderer.text("alert/body.txt", _LANGUAGE, context)), allowed=()),
        html=splice.checked(lines.html_lines(renderer.mail_html("alert/body.mjml", _LANGUAGE, context)), allowed=()),
    )


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:  # noqa: ARG001  # the contract's
    """Compose a mail about two invented alerts; operators are always written to in English."""
    return Composed(compose(renderer, settings, specimens.alerts()))


def _view(alert: Alert, settings: Settings) -> AlertView:
    said = words(_LANGUAGE)
    return AlertView(
        matter=clean(alert.matter),
        lines=tuple(clean(line) for line in alert.text.splitlines() if line.strip()),
        first=said.moment(alert.first_at, settings.zone),
        last=said.moment(alert.last_at, settings.zone),
        count=alert.count,
    )

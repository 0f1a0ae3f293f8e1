"""The alert: what a person must know, mailed to the operator.

In: the open alerts that are due. Out: one `Mail` in English, short: what happened, since when, how often, what to do
(the alert's own text says that). It goes to the operator alone and nobody subscribed to it, so it has no List-*
headers and no unsubscribe link that would do nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from digest.compose import single, specimens
from digest.compose.kind import Composed
from digest.compose.plain import clean
from digest.compose.render import Renderer
from digest.config import Settings
from digest.languages import words
from digest.models.alerts import Alert
from digest.models.deliveries import Mail, MessageKind

_LANGUAGE = "en"


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
    return single.compose(renderer, single.own_stream(settings, MessageKind.ALERT), _LANGUAGE, context)


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

"""The notice of a result (처리결과): what became of a sign-up, of leaving or of refusing adverts, told once.

정보통신망법 제50조⑦ asks for the sender's name, the act with its date, and its result, within 14 days; it is sent at
once, for news without adverts too. In: the result, when it was, the titles of the slots. Out: one `Mail` of constant
text without adverts. It has no List-* headers: one that leaves would do nothing for whoever has just left, and whoever
has just come finds the link in every edition.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from digest import links
from digest.compose import single, specimens
from digest.compose.kind import Composed
from digest.compose.plain import clean
from digest.compose.render import Renderer
from digest.config import Settings
from digest.languages import words
from digest.models.deliveries import Mail, MessageKind


class Result(StrEnum):
    """What came of what somebody did."""

    SUBSCRIBED = "subscribed"
    SUBSCRIBED_WITH_ADVERTS = "subscribed_with_adverts"
    LEFT = "left"
    ADVERTS_STOPPED = "adverts_stopped"


def compose(
    renderer: Renderer, settings: Settings, language: str, result: Result, *, at: datetime, titles: Sequence[str] = ()
) -> Mail:
    """Compose the notice of `result`, which came about `at`. Raises `TemplateError` for a mistake in a template."""
    context = {
        **single.imprint(settings, language),
        "subscribe_url": links.subscribe_url(settings.base_url),
        "result": result.value,
        "date": words(language).date(at, settings.zone),
        "titles": [clean(title) for title in titles],
    }
    return single.compose(renderer, single.own_stream(settings, MessageKind.NOTICE), language, context)


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:
    """Compose the notice that uses most of what its templates can show."""
    edition, _ = specimens.edition()
    result = Result.SUBSCRIBED_WITH_ADVERTS
    return Composed(compose(renderer, settings, language, result, at=edition.planned_at, titles=[edition.title]))

"""The check of a consent to adverts (수신동의 확인): who asks, when it was given, how to keep or take it back.

What it says is what 정보통신망법 시행령 제62조의3 asks for. In: when the reader agreed, and when silence would end it,
if it does. Out: one `Mail` of constant text without adverts, the same for all who agreed on that day; its one link is
the reader's own (`splice.PREFERENCES_URL`). Nobody subscribed to it, so it has no List-* headers.
"""

from datetime import datetime, timedelta

from digest import splice
from digest.compose import single, specimens
from digest.compose.kind import Composed
from digest.compose.render import Renderer
from digest.config import Settings
from digest.languages import words
from digest.models.deliveries import Mail, MessageKind


def compose(
    renderer: Renderer, settings: Settings, language: str, *, agreed_at: datetime, ends_at: datetime | None
) -> Mail:
    """Compose the mail. `ends_at` None: silence keeps the consent. Raises `TemplateError`."""
    said = words(language)
    context = {
        **single.imprint(settings, language),
        "agreed_on": said.date(agreed_at, settings.zone),
        "ends_on": said.date(ends_at, settings.zone) if ends_at else "",
        "preferences_url": splice.marker(splice.PREFERENCES_URL),
    }
    stream = single.own_stream(settings, MessageKind.ADVERT_CHECK)
    return single.compose(renderer, stream, language, context, slots=[splice.PREFERENCES_URL])


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:
    """Compose the mail as silence keeps the consent, and as it ends it, which says the most."""
    edition, _ = specimens.edition()
    at = edition.planned_at
    compose(renderer, settings, language, agreed_at=at, ends_at=None)
    return Composed(compose(renderer, settings, language, agreed_at=at, ends_at=at + timedelta(days=30)))

"""The probe: a short mail that tries whether a mailbox is still there, before a reader is stopped.

Mails to them came back lately. Constant text, no news, nothing to do for who reads it; what counts is whether it comes
back, too (`deliver.feedback`). It names nobody, and shows the link that leaves, which is the reader's own.
"""

from digest import splice
from digest.compose import single
from digest.compose.kind import Composed
from digest.compose.render import Renderer
from digest.config import Settings
from digest.models.deliveries import Mail, MessageKind


def compose(renderer: Renderer, settings: Settings, language: str) -> Mail:
    """Compose the mail. Raises `TemplateError` for a mistake in a template."""
    context = {**single.imprint(settings, language), "unsubscribe_url": splice.marker(splice.UNSUBSCRIBE_URL)}
    stream = single.own_stream(settings, MessageKind.PROBE)
    return single.compose(renderer, stream, language, context, slots=[splice.UNSUBSCRIBE_URL])


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:
    """Compose the only form there is."""
    return Composed(compose(renderer, settings, language))

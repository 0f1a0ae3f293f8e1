"""The mail that asks the sender of a share to confirm: whoever typed the address, nothing goes out without it.

Out: one `Mail` of constant text: neither what the sender wrote nor the friend's address stands in it, so that it is no
way to write to strangers. Its links are slots of `digest.splice`, filled when it is delivered and stored nowhere.
"""

from digest import links, splice
from digest.compose import single
from digest.compose.kind import Composed
from digest.compose.render import Renderer
from digest.config import Settings
from digest.models.deliveries import Mail, MessageKind

HOURS = 24


def compose(renderer: Renderer, settings: Settings, language: str) -> Mail:
    """Compose the mail that asks for confirmation. Raises `TemplateError` for a mistake in a template."""
    context = {
        **single.imprint(settings, language),
        "abuse_contact": settings.abuse_contact,
        "hours": HOURS,
        "share_url": links.spoken(splice.marker(splice.SHARE_URL), language),
        "never_url": splice.marker(splice.NEVER_URL),
    }
    stream = single.share_stream(settings, MessageKind.SENDER, language, reply_to=None)
    return single.compose(renderer, stream, language, context, slots=[splice.SHARE_URL, splice.NEVER_URL])


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:
    """Compose the mail; it has nothing that could be invented."""
    return Composed(compose(renderer, settings, language))

"""The fresh link: a short mail with one link, for what an edition's link must not open.

In: what it is for. Out: one `Mail` with constant text and a link that the delivery room makes (`splice.FRESH_URL`), so
that it stands nowhere in the database. Editions are forwarded; this mail is asked for by somebody who has such a link,
and goes to the stored address only (or, to be confirmed, to the new one). It names nobody. Nobody subscribed to it, so
it has no List-* headers.
"""

from digest import links, splice
from digest.compose import single
from digest.compose.kind import Composed
from digest.compose.render import Renderer
from digest.config import Settings
from digest.models.deliveries import Mail, MessageKind
from digest.models.readers import LinkMatter


def compose(renderer: Renderer, settings: Settings, matter: LinkMatter, language: str) -> Mail:
    """Compose the mail for `matter`. Raises `TemplateError` for a mistake in a template."""
    context = {
        **single.imprint(settings, language),
        "matter": matter,
        "fresh_url": links.spoken(splice.marker(splice.FRESH_URL), language),
    }
    stream = single.own_stream(settings, MessageKind.LINK)
    return single.compose(renderer, stream, language, context, slots=[splice.FRESH_URL])


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:
    """Compose the mail that opens a reader's own data, after that of a change of address, which says the most."""
    compose(renderer, settings, LinkMatter.NEW_ADDRESS, language)
    return Composed(compose(renderer, settings, LinkMatter.MANAGE, language))

"""The confirmation: the mail behind every sign-up, whoever typed the address.

In: the notices of the consents (purpose, items, period, right to refuse). Out: one `Mail` of constant text: nothing
that a visitor typed or chose stands in it, so that it is no way to write to strangers. Its one link is a slot of
`digest.splice`, filled when it is delivered and stored nowhere. Nobody has subscribed yet, so it has no List-*
headers: there is nothing to leave.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from digest import splice
from digest.compose import single
from digest.compose.kind import Composed
from digest.compose.render import Renderer
from digest.config import Settings
from digest.models.deliveries import Mail, MessageKind

HOURS = 72


@dataclass(frozen=True, slots=True)
class Notice:
    """The notice of one consent: its title and its items, each a name and what it says."""

    title: str
    items: tuple[tuple[str, str], ...]


def compose(renderer: Renderer, settings: Settings, language: str, notices: Sequence[Notice]) -> Mail:
    """Compose the mail that asks for confirmation. Raises `TemplateError` for a mistake in a template."""
    context = {
        **single.imprint(settings, language),
        "notices": notices,
        "hours": HOURS,
        "confirm_url": splice.marker(splice.CONFIRM_URL),
    }
    stream = single.own_stream(settings, MessageKind.CONFIRM)
    return single.compose(renderer, stream, language, context, slots=[splice.CONFIRM_URL])


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:
    """Compose a confirmation with an invented notice."""
    notice = Notice(
        "견본 동의", (("목적", "견본 소식 보내기"), ("항목", "전자우편 주소"), ("기간", "그만 받을 때까지"))
    )
    return Composed(compose(renderer, settings, language, [notice, notice]))

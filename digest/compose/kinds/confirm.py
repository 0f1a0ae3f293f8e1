"""The confirmation: the mail behind every sign-up, whoever typed the address.

In: the notices of the consents (purpose, items, period, right to refuse). Out: one `Mail` of constant text: nothing
that a visitor typed or chose stands in it, so that it is no way to write to strangers. Its one link, and the address
that an answer goes to and confirms by, are slots of `digest.splice`, filled when it is delivered and stored nowhere.
Nobody has subscribed yet, so it has no List-* headers: there is nothing to leave.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from digest import links, splice
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


def compose(
    renderer: Renderer, settings: Settings, language: str, notices: Sequence[Notice], *, by_mail: bool = False
) -> Mail:
    """Compose the mail that asks for confirmation; `by_mail`: it was asked for by a mail, not on our page.

    Where there is a door for mail, an answer confirms as well. Raises `TemplateError` for a mistake in a template.
    """
    takes_answers = settings.own_addresses.command is not None
    context = {
        **single.imprint(settings, language),
        "notices": notices,
        "hours": HOURS,
        "by_mail": by_mail,
        "takes_answers": takes_answers,
        "confirm_url": links.spoken(splice.marker(splice.CONFIRM_URL), language),
    }
    stream = single.own_stream(settings, MessageKind.CONFIRM)
    if takes_answers:
        stream = replace(stream, reply_to=None, reply_slot=splice.CONFIRM_ADDRESS)
    return single.compose(renderer, stream, language, context, slots=[splice.CONFIRM_URL])


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:
    """Compose a confirmation with an invented notice."""
    notice = Notice(
        "견본 동의", (("목적", "견본 소식 보내기"), ("항목", "전자우편 주소"), ("기간", "그만 받을 때까지"))
    )
    compose(renderer, settings, language, [notice], by_mail=True)
    return Composed(compose(renderer, settings, language, [notice, notice]))

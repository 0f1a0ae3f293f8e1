"""What the law asks of a mail that carries an advert, decided in one place.

In: an edition's blocks, a variant, the settings. Out: which blocks these readers are shown, whether that makes the mail
an advert, and whether it may be sent. One block of the kind `ad`, or of the kind `house` unless the setting
HOUSE_BLOCKS_ARE_ADVERTS says no, makes the whole mail one (정보통신망법 제50조④, 시행령 제61조③ 별표 6): `(광고)` at
the very start of the subject, the sender's name, mail, phone and address, and how to refuse, in Korean and English; and
it goes only to readers who agreed to adverts (제50조①). The templates show all that; here it is made sure of, whatever
templates an operator has. Mails of other kinds carry no such block at all: `Renderer` refuses it.

There are no quiet hours: of the night (21:00 to 08:00, 제50조③) 시행령 제61조② excepts electronic mail. Pure.
"""

import re
from collections.abc import Iterable
from html import unescape

from digest.config import Settings
from digest.errors import AdvertNotReadyError, TemplateError
from digest.models.editions import Block, BlockKind, Edition
from digest.models.readers import Variant

SUBJECT_MARK = "(광고)"  # so and not otherwise, in every language: a variant of it counts as evasion
_REFUSALS = ("수신거부", "unsubscribe")


def is_advert(kind: BlockKind, settings: Settings) -> bool:
    """Whether a block of this kind makes its mail an advert."""
    return kind is BlockKind.AD or (kind is BlockKind.HOUSE and settings.house_blocks_are_adverts)


def carries(blocks: Iterable[Block], settings: Settings) -> bool:
    """Whether one of the blocks makes a mail with all of them an advert."""
    return any(is_advert(each.block.kind, settings) for each in blocks)


def shown_to(edition: Edition, variant: Variant, settings: Settings) -> tuple[Block, ...]:
    """Return the edition's blocks that the readers of `variant` may be shown."""
    return tuple(each for each in edition.blocks if variant.adverts or not is_advert(each.block.kind, settings))


def missing_particulars(settings: Settings) -> tuple[str, ...]:
    """Return the settings of the sender that an advert must show and that hold nothing, or only the example's zeros."""
    missing = []
    if not settings.newspaper_name.strip():
        missing.append("NEWSPAPER_NAME")
    if not settings.sender_address:
        missing.append("SENDER_ADDRESS")
    if not re.search(r"[1-9]", settings.phone):
        missing.append("PHONE")
    if not settings.postal_address.strip() or settings.postal_address.startswith("(00000)"):
        missing.append("POSTAL_ADDRESS")
    return tuple(missing)


def require_particulars(edition: Edition, settings: Settings) -> None:
    """Raise `AdvertNotReadyError` if the edition carries an advert and the settings do not say who sends it."""
    if carries(edition.blocks, settings) and (missing := missing_particulars(settings)):
        raise AdvertNotReadyError(missing)


def require_complete(settings: Settings, text: str, html: str) -> None:
    """Make sure that both parts of a mail with an advert show the sender and how to refuse. `html` empty: no such part.

    Raises `TemplateError` for the template that left something out.
    """
    wanted = (settings.newspaper_name, str(settings.reply_to), settings.phone, settings.postal_address)
    for name, part in (("digest/body.txt", text), ("digest/body.mjml", unescape(html))):
        plain = " ".join(part.split())
        missing = [each for each in wanted if " ".join(each.split()) not in plain]
        missing += [each for each in _REFUSALS if each not in plain.lower()]
        if part and missing:
            raise TemplateError(name, f"a mail with an advert must show {', '.join(missing)} (정보통신망법 제50조④)")

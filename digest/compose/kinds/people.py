"""What a person answered, passed on to the newsroom: who, about which edition, and their words.

In: a mail that a person wrote, as read. Out: one `Mail` to the newsroom's own address. Headers are ours: From is our
sender's, the subject a pattern, Reply-To the reader's checked address, so that an answer goes to them. What they
wrote stands in the body, as text, within bounds; the mail itself stays in the store for 30 days, with its
attachments. It says that a machine has made it, and comes back to no address that would be passed on again.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from digest.addresses import Address
from digest.compose import single, specimens
from digest.compose.kind import Composed
from digest.compose.plain import clean, cut
from digest.compose.render import Renderer
from digest.config import Settings
from digest.languages import words
from digest.models.deliveries import Mail, MessageKind

_SUBJECT_LETTERS, _NAME_LETTERS = 200, 60
MAX_LINES, MAX_LETTERS = 400, 20_000


@dataclass(frozen=True, slots=True)
class Letter:
    """What a person wrote. `about` is the edition it answers, by its title and time, empty if that is not known.

    `mail_id` is its number in the store. `lines` are the text as read, the quote too.
    """

    mail_id: int
    sender: Address
    name: str
    subject: str
    lines: tuple[str, ...]
    received_at: datetime
    about: str = ""


def compose(renderer: Renderer, settings: Settings, letter: Letter) -> Mail:
    """Compose the mail to the newsroom. Raises `TemplateError` for a mistake in a template."""
    said = words(settings.language)
    context = {
        **single.imprint(settings, settings.language),
        "mail_id": letter.mail_id,
        "sender": str(letter.sender),
        "name": cut(clean(letter.name), _NAME_LETTERS),
        "letter_subject": cut(clean(letter.subject), _SUBJECT_LETTERS),
        "lines": [clean(line) for line in letter.lines],
        "received": said.moment(letter.received_at, settings.zone),
        "about": clean(letter.about),
    }
    stream = replace(single.own_stream(settings, MessageKind.PEOPLE), reply_to=letter.sender)
    return single.compose(renderer, stream, settings.language, context)


def bounded(text: str) -> tuple[str, ...]:
    """Return the lines of a text within what is passed on."""
    lines = text[:MAX_LETTERS].split("\n")
    return tuple([*lines[:MAX_LINES], "…"] if len(lines) > MAX_LINES or len(text) > MAX_LETTERS else lines)


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:
    """Compose a letter with everything its templates can show."""
    letter = Letter(
        1, Address("reader", "example.com"), "견본", "견본 제목", ("첫 줄", "", "> 인용"), specimens.AT, "견본 소식"
    )
    return Composed(compose(renderer, settings.model_copy(update={"language": language}), letter))

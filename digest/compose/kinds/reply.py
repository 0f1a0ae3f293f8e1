"""An answer to a command that came by mail: constant texts, in the reader's language and shortly in English.

In: what is to be said, and the id of the mail that is answered. Out: one `Mail`. Nothing of the mail that came stands
in it, neither its words nor its subject nor the name beside its sender, so that it is no way to write to strangers; a
reader's own settings stand only in what goes to the stored address (`Standing`). It goes out with the null sender and
says of itself that a machine answered (RFC 3834 §3.1); its Reply-To is the address that takes commands, so that one
answered with a command carries it out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from digest import links, splice
from digest.compose import mime, single
from digest.compose.kind import Composed
from digest.compose.plain import clean
from digest.compose.render import Renderer
from digest.config import Settings
from digest.languages import Words, words
from digest.models.deliveries import Mail, MessageKind


class Say(StrEnum):
    """What is said. `unsure` and `unsure_leave`: somebody used this address, and an answer to it proves who."""

    HELP = "help"
    STANDING = "standing"
    UNSURE = "unsure"
    UNSURE_LEAVE = "unsure_leave"
    NOT_SUBSCRIBED = "not_subscribed"
    CONFIRMED_BEFORE = "confirmed_before"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Standing:
    """A reader's settings, each a name and what it is. `note`: what else is to be said of the command."""

    rows: tuple[tuple[str, str], ...]
    note: str = ""


# What can be written, and what it does; the words are those of `inbound.words`.
_ASKABLE = (
    ("구독 / subscribe", "Subscribe"),
    ("해지 / unsubscribe", "Stop all mails"),
    ("휴가 7일 / pause", "No mails for seven days"),
    ("재개 / resume", "Mails again after a pause"),
    ("매일, 월요일, 주간 / daily, weekly", "How often"),
    ("아침, 저녁 / morning, evening", "Which edition"),
    ("주제 NAME, 제외 NAME", "Only this section, or without it"),
    ("상태 / status", "What is set for you"),
    ("내보내기, 삭제 / export, erase", "A link to your data"),
    ("영구거부 / never", "Never write to this address again"),
)


def compose(
    renderer: Renderer,
    settings: Settings,
    say: Say,
    language: str,
    *,
    message_id: str = "",
    standing: Standing | None = None,
) -> Mail:
    """Compose the answer to the mail `message_id`. Raises `TemplateError` for a mistake in a template."""
    said = words(language)
    context = {
        **single.imprint(settings, language),
        "heading": _heading(say, said),
        "paragraphs": _paragraphs(say, said, settings, standing),
        "rows": standing.rows if standing else _askable(said) if say is Say.HELP else (),
        "english": _ENGLISH[say] if language != "en" else "",
    }
    stream = single.own_stream(settings, MessageKind.REPLY)
    own = settings.own_addresses.command or settings.sender
    answers = mime.Answers.of(message_id, str(own))
    if say in (Say.UNSURE, Say.UNSURE_LEAVE) and settings.own_addresses.command is not None:
        stream = replace(stream, reply_to=None, reply_slot=splice.CONFIRM_ADDRESS, answers=answers)
    else:
        stream = replace(stream, reply_to=own, answers=answers)
    return single.compose(renderer, stream, language, context)


def specimen(renderer: Renderer, settings: Settings, language: str) -> Composed:
    """Compose the longest one, after all the others."""
    for say in Say:
        compose(
            renderer, settings, say, language, standing=Standing((("견본", "값"),), "견본"), message_id="a@b.example"
        )
    return Composed(compose(renderer, settings, Say.HELP, language))


_ENGLISH: dict[Say, str] = {
    Say.HELP: "Write one of these words as the subject of a mail to this address.",
    Say.STANDING: "These are your settings now.",
    Say.UNSURE: "Somebody wrote a command from your address. To carry it out, answer this mail with the same word.",
    Say.UNSURE_LEAVE: "Somebody wrote from your address to stop our mails. To stop them, just answer this mail.",
    Say.NOT_SUBSCRIBED: "This address receives no mails of ours, so there is nothing to change.",
    Say.CONFIRMED_BEFORE: "Your subscription was confirmed before. There is nothing left to do.",
    Say.NEVER: "We will never write to this address again. This is the last mail.",
}


def _heading(say: Say, said: Words) -> str:
    headings = {
        Say.HELP: said.gettext("What you can write to us"),
        Say.STANDING: said.gettext("Your settings"),
        Say.UNSURE: said.gettext("Please answer this mail to carry it out"),
        Say.UNSURE_LEAVE: said.gettext("Please answer this mail to stop the mails"),
        Say.NOT_SUBSCRIBED: said.gettext("This address is not subscribed"),
        Say.CONFIRMED_BEFORE: said.gettext("It was confirmed before"),
        Say.NEVER: said.gettext("We will not write to you again"),
    }
    return headings[say]


def _paragraphs(say: Say, said: Words, settings: Settings, standing: Standing | None) -> Sequence[str]:
    paper = clean(settings.newspaper_name)
    if say in (Say.UNSURE, Say.UNSURE_LEAVE):
        return _unsure(say, said, paper)
    note = [standing.note] if standing and standing.note else []
    confirmed = said.gettext("Your subscription to %(paper)s was confirmed before. There is nothing left to do.",
                             paper=paper)  # fmt: skip
    never = said.gettext(
        "As you asked, %(paper)s will never write to this address again. This is the last mail. Only a code without "
        "your address is kept, to make sure of it.",
        paper=paper,
    )
    paragraphs = {
        Say.HELP: [
            said.gettext("Write one of these words as the subject of a mail, or as its first line. Nothing else.")
        ],
        Say.STANDING: [*note, said.gettext("This is how the mails of %(paper)s come to you:", paper=paper)],
        Say.NOT_SUBSCRIBED: [
            said.gettext("%(paper)s sends no mails to this address, so there is nothing to change.", paper=paper),
            said.gettext("If our mails reach you, write to us from the address that they are sent to."),
            said.gettext("You can subscribe here: %(url)s", url=links.subscribe_url(settings.base_url)),
        ],
        Say.CONFIRMED_BEFORE: [confirmed],
        Say.NEVER: [never, said.gettext("Should you change your mind, ask for a subscription anew.")],
    }
    return paragraphs[say]


def _unsure(say: Say, said: Words, paper: str) -> Sequence[str]:
    """Say what was received, and that an answer carries it out: whoever can read it, can receive mail there."""
    if say is Say.UNSURE:
        received = said.gettext(
            "We received a command about the mails of %(paper)s from your address, and could not be sure that it came "
            "from you.",
            paper=paper,
        )
        answer = said.gettext("If it did, answer this mail with the same word, and it will be carried out.")
    else:
        received = said.gettext(
            "We received a wish to stop the mails of %(paper)s from your address, and could not be sure that it came "
            "from you.",
            paper=paper,
        )
        answer = said.gettext("If it did, just answer this mail, even without a word, and the mails stop.")
    return received, answer, said.gettext("If it was not you, you need not do anything. Nothing was changed.")


def _askable(said: Words) -> tuple[tuple[str, str], ...]:
    does = {
        "Subscribe": said.gettext("Subscribe"),
        "Stop all mails": said.gettext("Stop all mails"),
        "No mails for seven days": said.gettext("No mails for seven days"),
        "Mails again after a pause": said.gettext("Mails again after a pause"),
        "How often": said.gettext("How often"),
        "Which edition": said.gettext("Which edition"),
        "Only this section, or without it": said.gettext("Only this section, or without it"),
        "What is set for you": said.gettext("What is set for you"),
        "A link to your data": said.gettext("A link to your data"),
        "Never write to this address again": said.gettext("Never write to this address again"),
    }
    return tuple((word, does[what]) for word, what in _ASKABLE)

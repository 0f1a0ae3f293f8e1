"""The last rows of the table: machines are put aside; what people write is obeyed, confirmed, or passed on.

A person's mail that answers a confirmation confirms, one that holds commands is obeyed, and everything else is a
letter: it goes to the newsroom, marked with the edition it answers, or stays here where no newsroom is set. Letters
are counted per sender, and what a filter has marked as spam stays here. Nothing of a machine's is answered or passed
on.
"""

from datetime import timedelta

from digest.addresses import Address
from digest.compose.kinds import people as people_mail
from digest.compose.kinds.people import Letter
from digest.compose.kinds.reply import Say
from digest.config import Settings
from digest.database import Connection, answered, counters, messages
from digest.database.answered import AnsweredMail
from digest.hashes import address_hash
from digest.inbound import joining, obey
from digest.inbound.answering import Answered, answer
from digest.inbound.arrival import Arrival, Means
from digest.inbound.asking import Asked, ask
from digest.inbound.classify import Nature
from digest.inbound.quoting import own_lines
from digest.languages import words
from digest.models.deliveries import Lane, MessageKind, NewMessage
from digest.models.inbound import Acted, Outcome
from digest.subaddress import Detail

LETTERS_A_DAY = 20
_DAY, _GIVEN_UP_AFTER = timedelta(days=1), timedelta(days=3)
_SHORT_LINES, _SHORT_LETTERS = 3, 100  # a try at a command, more likely than a letter
_OUTCOMES = {Nature.AUTOMATIC: Outcome.AUTOMATIC, Nature.OWN: Outcome.IGNORED, Nature.NOBODY: Outcome.IGNORED}


def machine_question(arrival: Arrival, settings: Settings) -> Asked | None:
    """Return what was read, if no person wrote it."""
    asked = ask(arrival, settings)
    return None if asked.judged.is_person and asked.sender is not None else asked


async def put_aside(_connection: Connection, _means: Means, _arrival: Arrival, asked: Asked) -> Acted:
    """Note what it is; nothing is done and nobody is answered."""
    outcome = _OUTCOMES.get(asked.judged.nature, Outcome.IGNORED)
    return Acted(outcome, asked.judged.sign or "no address that could be answered", sender=asked.sender)


def person_question(arrival: Arrival, settings: Settings) -> Asked | None:
    """Return what a person asks or writes."""
    asked = ask(arrival, settings)
    return asked if asked.judged.is_person and asked.sender is not None else None


async def hear(connection: Connection, means: Means, arrival: Arrival, asked: Asked) -> Acted:
    """Do what a person's mail is for. Raises `TemplateError`."""
    assert asked.sender is not None  # the question's word
    waits = await joining.waiting(connection, asked)
    if waits is not None:
        return await joining.confirm(connection, means, arrival, asked, waits)
    found = None if asked.answered_id is None else await answered.find(connection, asked.answered_id)
    if asked.agrees and obey.asks_to_leave(found) and obey.proves(found, asked.sender):
        left = await obey.leave_by_answer(connection, means, arrival, asked, asked.sender)
        if left is not None:
            return left
    if asked.commands:
        return await obey.obey(connection, means, arrival, asked, sender=asked.sender, answered=found)
    if asked.has_token and asked.agrees:
        return Acted(Outcome.IGNORED, "agrees to what does not wait any more", sender=asked.sender)
    if asked.mail.value("x-spam-flag").lower().startswith("yes"):
        return Acted(Outcome.IGNORED, "marked as spam", sender=asked.sender)
    what = await _pass_on(connection, means, arrival, asked, found)
    if found is None and await _help(connection, means, arrival, asked):
        what += ", help answered"
    return Acted(
        Outcome.PERSON,
        what,
        sender=asked.sender,
        subscriber_id=found.subscriber_id if found and obey.proves(found, asked.sender) else None,
        delivery_id=found.delivery_id if found else None,
    )


async def _help(connection: Connection, means: Means, arrival: Arrival, asked: Asked) -> bool:
    """Answer what was more likely a try at a command than a letter, if the sender is who they say."""
    is_to_commands = arrival.addressed.detail is Detail.PLAIN and asked.authentic.passes
    if not (is_to_commands and asked.judged.may_be_answered and asked.sender and _is_a_try(asked)):
        return False
    to = Answered(arrival.mail.id, asked.mail.message_id)
    return await answer(connection, means, to, Say.HELP, address=asked.sender, language=asked.language)


async def _pass_on(
    connection: Connection, means: Means, arrival: Arrival, asked: Asked, found: AnsweredMail | None
) -> str:
    """Queue a letter to the newsroom; return what was done."""
    newsroom, sender = means.settings.newsroom, asked.sender
    if newsroom is None or sender is None or newsroom.key == sender.key:
        return "left here"
    hashed = address_hash(means.settings, sender)
    if not await counters.claim(connection, "letter", hashed, now=means.now, limit=LETTERS_A_DAY, window=_DAY):
        return "left here, too many today"
    letter = _letter(arrival, asked, sender, _about(found, means.settings))
    message = NewMessage(
        key=f"people:{arrival.mail.id}",
        kind=MessageKind.PEOPLE,
        variant="",
        language=means.settings.language,
        mail=people_mail.compose(means.renderer, means.settings, letter),
    )
    await messages.queue_one(
        connection, message, newsroom, lane=Lane.FIRST, at=means.now, deadline_at=means.now + _GIVEN_UP_AFTER
    )
    return "passed on"


def _letter(arrival: Arrival, asked: Asked, sender: Address, about: str) -> Letter:
    return Letter(
        mail_id=arrival.mail.id,
        sender=sender,
        name=asked.mail.sender.name if asked.mail.sender else "",
        subject=asked.mail.subject,
        lines=people_mail.bounded(asked.mail.text),
        received_at=arrival.mail.received_at,
        about=about,
    )


def _about(found: AnsweredMail | None, settings: Settings) -> str:
    """Return which edition a letter answers, as its readers know it."""
    if found is None or found.planned_at is None:
        return ""
    return f"{found.title}, {words(settings.language).day(found.planned_at, settings.zone)}"


def _is_a_try(asked: Asked) -> bool:
    lines = own_lines(asked.mail.text)
    return len(lines) <= _SHORT_LINES and sum(map(len, lines)) <= _SHORT_LETTERS

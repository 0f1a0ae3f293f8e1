"""Carrying out what a person asks by mail, for whom we can be sure of; the others are asked to prove it.

In: what a mail asks (`asking`) and, if it answers one of ours, which. A reader's own wish is one that our mail server
vouches for (`authentication`), or an answer to a mail of ours that came from the address we had sent it to. From
anywhere else a wish changes nothing: a subscribed address is asked once a day, by a mail whose answer proves it, and
a stranger hears nothing. Each act is the one behind the links: leaving, choosing, the fresh link of 30 minutes.

The events are those of the acts, once they are committed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from digest.addresses import Address
from digest.compose.kinds.reply import Say
from digest.database import Connection, consents, subscribers, suppressions, when_committed
from digest.database.answered import AnsweredMail
from digest.events import event
from digest.hashes import address_hash
from digest.inbound import choosing, joining
from digest.inbound.answering import Answered, answer
from digest.inbound.arrival import Arrival, Means
from digest.inbound.asking import Asked
from digest.inbound.commands import Command
from digest.inbound.words import Verb
from digest.models.consents import ConsentAct, ConsentWay, NewConsent, SuppressionReason
from digest.models.deliveries import MessageKind
from digest.models.inbound import Acted, Outcome
from digest.models.readers import LinkMatter, Subscriber, SubscriberState
from digest.subscribe import fresh, preferences, unsubscribe
from digest.subscribe.result_notice import FarewellNotices
from digest.subscribe.unsubscribe import Leaver

_READS = (SubscriberState.ACTIVE, SubscriberState.PAUSED)
_CHOICES = (Verb.PAUSE, Verb.RESUME, Verb.FREQUENCY, Verb.TOPICS)


@dataclass(frozen=True, slots=True)
class _Wish:
    """Who asks, whether that is sure, and whose settings it is about. `reader` None: no reader has this address."""

    connection: Connection
    means: Means
    arrival: Arrival
    asked: Asked
    sender: Address
    reader: Subscriber | None
    is_sure: bool

    @property
    def language(self) -> str:
        return self.reader.language if self.reader else self.asked.language

    async def say(self, say: Say) -> str:
        """Answer the sender; return what was done, for the operator."""
        to = Answered(self.arrival.mail.id, self.asked.mail.message_id)
        is_said = await answer(self.connection, self.means, to, say, address=self.sender, language=self.language)
        return f"answered: {say}" if is_said else f"not answered again: {say}"


async def obey(
    connection: Connection,
    means: Means,
    arrival: Arrival,
    asked: Asked,
    *,
    sender: Address,
    answered: AnsweredMail | None,
) -> Acted:
    """Carry out the commands of a mail, in their order. Raises `TemplateError`, `MissingFormsError`."""
    reader = await subscribers.find(connection, sender)
    if reader is not None and reader.state not in _READS:
        reader = None
    is_sure = asked.authentic.passes or proves(answered, sender)
    wish = _Wish(connection, means, arrival, asked, sender, reader, is_sure)
    commands = list(asked.commands)
    verbs = [each.verb for each in commands]
    if Verb.SUBSCRIBE in verbs:  # what else stands there tells what is wanted
        commands = [each for each in commands if each.verb not in _CHOICES]
    done = [f"{verb}: {what}" for verb, what in [(each.verb, await _one(wish, each)) for each in commands] if what]
    choices = [each for each in commands if each.verb in (*_CHOICES, Verb.STATUS)]
    if choices and reader is not None and is_sure:
        done.append(await _choose(wish, reader, choices))
    return Acted(Outcome.COMMANDED, "; ".join(done)[:500], sender=sender, subscriber_id=reader.id if reader else None)


async def leave_by_answer(
    connection: Connection, means: Means, arrival: Arrival, asked: Asked, sender: Address
) -> Acted | None:
    """Let a reader leave who answers the mail that asked whether they wish to; None if they are no reader."""
    reader = await subscribers.find(connection, sender)
    if reader is None:
        return None
    wish = _Wish(connection, means, arrival, asked, sender, reader, is_sure=True)
    return Acted(Outcome.COMMANDED, f"leave: {await _leave(wish, reader)}", sender=sender, subscriber_id=reader.id)


def proves(answered: AnsweredMail | None, sender: Address) -> bool:
    """Whether a mail answers one of ours from the address that it went to: nobody else knows its id."""
    return answered is not None and answered.recipient is not None and answered.recipient.key == sender.key


def asks_to_leave(answered: AnsweredMail | None) -> bool:
    """Whether the mail that is answered asked whether its reader wishes to leave."""
    return answered is not None and answered.kind is MessageKind.REPLY and answered.variant == Say.UNSURE_LEAVE


async def _one(wish: _Wish, command: Command) -> str:
    if command.verb is Verb.SUBSCRIBE:
        return await joining.join(wish.connection, wish.means, wish.asked, wish.sender)
    if command.verb is Verb.HELP:
        return await wish.say(Say.HELP) if wish.is_sure else "not answered: nobody vouches for the sender"
    if wish.reader is None:
        return await _of_nobody(wish, command)
    if command.verb in (Verb.EXPORT, Verb.ERASE):  # the link goes to the stored address, whoever asks
        return await _link(wish, wish.reader)
    if not wish.is_sure:
        return await wish.say(Say.UNSURE_LEAVE if command.verb in (Verb.LEAVE, Verb.NEVER) else Say.UNSURE)
    if command.verb is Verb.LEAVE:
        return await _leave(wish, wish.reader)
    if command.verb is Verb.NEVER:
        return await _never(wish, wish.reader)
    return ""  # choices are carried out together


async def _of_nobody(wish: _Wish, command: Command) -> str:
    """Answer somebody who gets no mails of ours, if they are who they say."""
    if not wish.is_sure:
        return "nobody's address, and nobody vouches for it"
    if command.verb is Verb.NEVER:
        return await _never(wish, None)
    return await wish.say(Say.NOT_SUBSCRIBED)


async def _leave(wish: _Wish, reader: Subscriber) -> str:
    """The notice of the result is the answer."""
    leaver = Leaver(reader.id, ConsentWay.MAIL, f"mail {wish.arrival.mail.sha256[:16]}", None, wish.means.now)
    notices = FarewellNotices(wish.means.settings, wish.means.renderer)
    left = await unsubscribe.leave_within(wish.connection, notices, leaver)
    return "left" if left.changed else "had left before"


async def _never(wish: _Wish, reader: Subscriber | None) -> str:
    """Suppress the address for good. The answer is the last mail, and the notice of the result."""
    hashed = address_hash(wish.means.settings, wish.sender)
    is_new = await suppressions.suppress(wish.connection, hashed, SuppressionReason.LEFT_FOR_GOOD, at=wish.means.now)
    if reader is not None:
        withdrawn = NewConsent(
            address=reader.address,
            address_hash=hashed,
            act=ConsentAct.WITHDRAWN,
            how=ConsentWay.MAIL,
            at=wish.means.now,
            subscriber_id=reader.id,
            source=f"mail {wish.arrival.mail.sha256[:16]}",
        )
        await consents.append(wish.connection, withdrawn)
    return await wish.say(Say.NEVER) if is_new else "was suppressed before"


async def _link(wish: _Wish, reader: Subscriber) -> str:
    means = wish.means
    if not await fresh.ask_within(wish.connection, means.settings, means.renderer, reader, now=means.now):
        return "no further link today"
    when_committed(wish.connection, lambda: event("link.asked", subscriber_id=reader.id, matter=LinkMatter.MANAGE))
    return "link mailed to the stored address"


async def _choose(wish: _Wish, reader: Subscriber, commands: Sequence[Command]) -> str:
    """Change a reader's choices, or only tell them, and answer with how everything stands, to the stored address."""
    means = wish.means
    desk = await preferences.desk_of(wish.connection, means.settings, reader.id, now=means.now)
    if desk is None:
        return "gets no mails any more"
    chosen = choosing.choose(desk, means.settings, commands, now=means.now)
    if chosen.choices != desk.choices:
        saved = await preferences.save_within(
            wish.connection, means.settings, reader.id, chosen.choices, means.made, now=means.now
        )
        if saved is None:
            return "gets no mails any more"
        dropped = saved.dropped
        when_committed(wish.connection, lambda: event("subscriber.chose", subscriber_id=reader.id, dropped=dropped))
    standing = choosing.standing(desk, chosen.choices, means.settings, chosen.note)
    to = Answered(wish.arrival.mail.id, wish.asked.mail.message_id)
    is_said = await answer(
        wish.connection,
        means,
        to,
        Say.STANDING,
        address=reader.address,
        language=chosen.choices.language,
        standing=standing,
    )
    what = "changed" if chosen.choices != desk.choices else "told"
    return what if is_said else f"{what}, not answered again"

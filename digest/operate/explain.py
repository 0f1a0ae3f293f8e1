"""Why an address did, or did not, get the latest edition of a slot.

`gather` looks the facts up in one reading transaction; `explain` reasons on them alone. A delivery, where there is one,
is the whole answer, whatever became of the subscriber since. Without one the subscriber is looked at first (a reader
who left needs to hear that, not that the edition is held), then the edition, then what was chosen for them.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from digest.addresses import Address
from digest.config import Settings
from digest.database import Connection, deliveries, editions, subscribers, suppressions
from digest.database.deliveries import StoredDelivery
from digest.hashes import address_hash
from digest.models.consents import Suppression, SuppressionReason
from digest.models.deliveries import DeliveryState, DropReason
from digest.models.editions import Edition, EditionState, PlacedArticle, Role, Slot
from digest.models.readers import Subscriber, SubscriberState

_LOOKED_AT = 500  # deliveries of one address; more mails than that since the latest edition are not to be expected


class Reached(StrEnum):
    """Whether the edition came to the reader, as far as it can be known here."""

    YES = "yes"
    NOT_YET = "not_yet"
    UNKNOWN = "unknown"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about one address and one slot. `sections` are those the reader chose, empty: all.

    `suppression` None: the address may be written to.
    """

    slot: Slot
    edition: Edition | None
    subscriber: Subscriber | None
    subscribed_at: datetime | None
    sections: tuple[str, ...]
    placed: tuple[PlacedArticle, ...]
    delivery: StoredDelivery | None
    suppression: Suppression | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer. `reason` is a stable word for scripts; `text` says it to a person, `todo` what could be done."""

    slot: str
    edition_id: int | None
    reached: Reached
    reason: str
    text: str
    todo: str = ""


async def gather(connection: Connection, settings: Settings, address: Address, slot: Slot) -> Facts:
    """Look up everything that decides whether the latest edition of `slot` goes to `address`."""
    edition = await editions.latest_for_slot(connection, slot.name)
    subscriber = await subscribers.find(connection, address)
    subscribed_at: datetime | None = None
    sections: tuple[str, ...] = ()
    if subscriber is not None:
        subscribed_at = await subscribers.subscription_since(connection, subscriber.id, slot.name)
        sections = await subscribers.chosen_sections(connection, subscriber.id, slot.name)
    placed: tuple[PlacedArticle, ...] = ()
    delivery = None
    if edition is not None:
        placed = tuple(await editions.placed_articles(connection, edition.id))
        theirs = await deliveries.list_for_address(connection, address.key, limit=_LOOKED_AT)
        delivery = next((each for each in theirs if each.edition_id == edition.id), None)
    return Facts(
        slot=slot,
        edition=edition,
        subscriber=subscriber,
        subscribed_at=subscribed_at,
        sections=sections,
        placed=placed,
        delivery=delivery,
        suppression=await suppressions.find(connection, address_hash(settings, address)),
    )


def explain(facts: Facts, zone: ZoneInfo) -> Explanation:
    """Say why, from the facts alone; times are told in `zone`."""
    if facts.delivery is not None:
        reached, reason, text, todo = _by_delivery(facts.delivery, facts.edition, zone)
        if facts.suppression is not None and (facts.subscriber is None or facts.subscriber.state in _AWAY):
            _, since, way_back = _suppressed(facts.suppression, zone)
            todo = f"By now {since}. {way_back}"
    else:
        found = _by_subscriber(facts, zone) or _by_edition(facts.edition, facts.slot, zone) or _by_choice(facts, zone)
        reached, (reason, text, todo) = _reached_without_delivery(found[0]), found
    edition_id = None if facts.edition is None else facts.edition.id
    return Explanation(facts.slot.name, edition_id, reached, reason, text, todo)


def _reached_without_delivery(reason: str) -> Reached:
    return Reached.NOT_YET if reason in ("edition_open", "edition_held") else Reached.NO


_Answer = tuple[str, str, str]


def _by_delivery(delivery: StoredDelivery, edition: Edition | None, zone: ZoneInfo) -> tuple[Reached, str, str, str]:
    state, reply = delivery.state, _said(delivery)
    is_waiting = state in (DeliveryState.QUEUED, DeliveryState.DEFERRED)
    if is_waiting and edition is not None and edition.state is EditionState.HELD:
        return Reached.NOT_YET, *_held(edition)
    due, settled = _at(delivery.due_at, zone), _at(delivery.settled_at, zone)
    match state:
        case DeliveryState.QUEUED:
            text = f"queued, waiting until {due} or for a free worker; tried {delivery.attempts} times so far"
            return Reached.NOT_YET, "queued", text, "If it does not move: is a worker running? digest doctor"
        case DeliveryState.ATTEMPTING:
            text = f"being handed over since {_at(delivery.attempted_at, zone)}"
            return Reached.NOT_YET, "attempting", text, ""
        case DeliveryState.DEFERRED:
            text = f"deferred until {due} after {delivery.attempts} tries; the relay said: {reply}"
            return Reached.NOT_YET, "deferred", text, ""
        case DeliveryState.ACCEPTED:
            text = f"accepted by the relay at {settled}; it said: {reply}"
            return Reached.YES, "accepted", text, "Not in the inbox? Look in the spam folder, then in the relay's log."
        case DeliveryState.REFUSED:
            return Reached.NO, "refused", f"refused for good at {settled}; the relay said: {reply}", ""
        case DeliveryState.UNCERTAIN:
            text = f"handed over at {_at(delivery.attempted_at, zone)}, but the answer never came"
            return Reached.UNKNOWN, "uncertain", text, "The relay's log knows. It is not sent again by itself."
        case DeliveryState.BOUNCED:
            return Reached.NO, "bounced", f"accepted first, then returned; the notice said: {reply}", ""
        case DeliveryState.COMPLAINED:
            return Reached.YES, "complained", "it arrived, and the reader reported it as spam", ""
        case DeliveryState.DROPPED:
            text = f"given up at {settled}: {_DROPPED[delivery.drop_reason]}"
            if delivery.drop_reason is DropReason.TOO_LATE and delivery.reply is not None:
                text += f"; the relay had said: {reply}"
            return Reached.NO, "dropped", text, ""


_DROPPED: dict[DropReason | None, str] = {
    DropReason.LEFT: "the reader left before it was sent",
    DropReason.SUPPRESSED: "the address must not be written to",
    DropReason.WITHDRAWN: "what it would have brought was withdrawn",
    DropReason.CANCELLED: "the edition was cancelled",
    DropReason.PAUSED: "the reader paused before it was sent",
    DropReason.TOO_LATE: "its deadline came before it could be sent",
    None: "no reason is stored",
}


def _by_subscriber(facts: Facts, zone: ZoneInfo) -> _Answer | None:
    subscriber, slot = facts.subscriber, facts.slot
    if facts.suppression is not None and (subscriber is None or subscriber.state in _AWAY):
        return _suppressed(facts.suppression, zone)
    if subscriber is None:
        return "not_a_subscriber", "not a subscriber", "digest subscribers add ADDRESS --slot … --consent …"
    match subscriber.state:
        case SubscriberState.PENDING:
            return "pending", "asked for it, but has not confirmed yet", ""
        case SubscriberState.PAUSED:
            return "paused", "the reader paused", ""
        case SubscriberState.LEFT:
            return "left", f"left on {_at(subscriber.left_at, zone)}", "Only the reader may come back: by asking anew."
        case SubscriberState.STOPPED:
            return "stopped", "stopped after bounces or a complaint", ""
        case SubscriberState.EXPIRED:
            return "expired", "asked for it, but never confirmed", ""
        case SubscriberState.ACTIVE:
            pass
    if facts.subscribed_at is None:
        theirs = ", ".join(subscriber.slots) or "no slot"
        return "not_subscribed", f"not subscribed to {slot.name}, but to {theirs}", ""
    return None


def suppressed_in_words(found: Suppression, zone: ZoneInfo) -> str:
    """Return since when and why nothing is written to an address."""
    return f"suppressed since {_at(found.at, zone)}, because {_SUPPRESSED[found.reason]}: nothing is written there"


def _suppressed(found: Suppression, zone: ZoneInfo) -> _Answer:
    text = suppressed_in_words(found, zone)
    return "suppressed", text, "It ends when they ask anew and confirm. For a mistake: digest suppressions lift ADDRESS"


_AWAY = frozenset({SubscriberState.LEFT, SubscriberState.STOPPED, SubscriberState.EXPIRED})
_SUPPRESSED: dict[SuppressionReason, str] = {
    SuppressionReason.LEFT_FOR_GOOD: "they left for good",
    SuppressionReason.BOUNCED: "mails to it came back",
    SuppressionReason.COMPLAINED: "they reported a mail as spam",
    SuppressionReason.PERSON: "an operator decided so",
    SuppressionReason.ERASED: "they had everything about them erased",
}


def _by_edition(edition: Edition | None, slot: Slot, zone: ZoneInfo) -> _Answer | None:
    if edition is None:
        return "no_edition", f"there was no edition of {slot.name} yet", "When the next is planned says: digest doctor"
    match edition.state:
        case EditionState.OPEN | EditionState.CHOSEN:
            text = f"edition {edition.id}, planned for {_at(edition.planned_at, zone)}, is not released yet"
            return "edition_open", text, ""
        case EditionState.HELD:
            return _held(edition)
        case EditionState.CANCELLED:
            return "edition_cancelled", f"edition {edition.id} was cancelled because {edition.reason}", ""
    return None


def _held(edition: Edition) -> _Answer:
    todo = f"digest editions release {edition.id} or digest editions cancel {edition.id}"
    return "edition_held", f"edition {edition.id} is held because {edition.reason}", todo


def _by_choice(facts: Facts, zone: ZoneInfo) -> _Answer:
    edition = facts.edition
    assert edition is not None  # these two were asked before
    assert facts.subscribed_at is not None
    if edition.released_at is not None and facts.subscribed_at > edition.released_at:
        since, released = _at(facts.subscribed_at, zone), _at(edition.released_at, zone)
        return "subscribed_later", f"subscribed at {since}, after edition {edition.id} was released at {released}", ""
    shown = [each for each in facts.placed if each.placement.role not in (Role.LEFT_OUT, Role.REPEATED)]
    wanted = [each for each in shown if not facts.sections or each.placement.section in facts.sections]
    if not wanted:
        chosen = ", ".join(facts.sections) or "any section"
        return "nothing_chosen", f"edition {edition.id} has nothing for the chosen sections ({chosen})", ""
    if facts.slot.except_slots:
        others = ", ".join(facts.slot.except_slots)
        text = f"everything that edition {edition.id} holds for them had come with another slot ({others}) before"
        return "had_before", text, ""
    text = f"was not among the readers when edition {edition.id} was released: paused, pending or away at that moment"
    return "not_in_audience", text, f"Whether the edition adds up says: digest editions prove {edition.id}"


def _said(delivery: StoredDelivery) -> str:
    reply = delivery.reply
    return delivery.detail or "nothing" if reply is None else f"{reply.code} {reply.text}".rstrip()


def _at(at: datetime | None, zone: ZoneInfo) -> str:
    return "an unknown time" if at is None else at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")

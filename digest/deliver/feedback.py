"""Hear back: what a notice about a mail of ours changes. The one act behind bounces, refusals, complaints and webhooks.

In: a `Notice` and the way it came. Out: the delivery `bounced` or `complained`, points against its reader, a probe, a
stop; once for a delivery and class, whatever comes how often. Only a token of ours that verifies names a delivery: a
forged notice changes nothing, whatever addresses it holds (T20).

    complaint                                              suppressed at once
    5.1.1 5.1.2 5.1.6 5.1.10 told, by the return path      stopped at once: the address is dead
    dead by its words or a vaguer code                     3 points
    disabled for now, or no reason told                    2 points
    full, late, and the like                               1 point
    policy, content, size, our relay, a challenge          none: not the reader's fault; the operator hears of it

Five points within 30 days, counted from the last probe: a probe is queued (at most one in seven days). If it comes
back, and not for a full mailbox or for something that is ours, the reader is stopped. `Message-ID`s are quoted in
answers and forwarded, so a token found there scores and never stops by itself.

Events: `delivery.bounced`, `delivery.complained`, `reader.stopped`, `reader.probed`. Alerts: `bounces:DOMAIN`,
`complaints`, `complaints:EDITION`.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from digest.config import Settings
from digest.database import Connection, alerts, deliveries, notices, subscribers, suppressions, when_committed
from digest.database.notices import NewNotice, Subject
from digest.errors import BadTokenError, NotFoundError
from digest.events import event, warning
from digest.hashes import address_hash
from digest.models.consents import SuppressionReason
from digest.models.deliveries import DeliveryState, DropReason
from digest.models.notices import Cause, FoundToken, Notice, NoticeClass, TokenPlace
from digest.models.readers import Subscriber, SubscriberState
from digest.tokens import Keyring, TokenPurpose

SCORE_WINDOW = timedelta(days=30)
PROBE_AT = 5
PROBE_EVERY = timedelta(days=7)
COMPLAINTS_PER_THOUSAND = 1  # Google 81126, Yahoo: below 0.1 %, never 0.3 %
_COMPLAINTS_LEAST = 2  # one reader of a small paper is no rate
_COMPLAINT_DAYS = timedelta(days=7)
_DOMAIN_LEAST, _DOMAIN_DAYS = 3, timedelta(days=7)

_DEAD_AT_ONCE = frozenset({"5.1.1", "5.1.2", "5.1.6", "5.1.10"})
_NOT_THE_READERS = (Cause.POLICY, Cause.SIZE, Cause.RELAY, Cause.CHALLENGE)
_POINTS = {
    Cause.GONE: 3, Cause.NO_DOMAIN: 3, Cause.DISABLED: 3,
    Cause.SUSPENDED: 2, Cause.UNKNOWN: 2,
    Cause.FULL: 1, Cause.LATER: 1,
}  # fmt: skip
_PROVES_NOTHING = frozenset({Cause.FULL, Cause.LATER, *_NOT_THE_READERS})
_PURPOSES = {
    TokenPlace.RETURN_PATH: (TokenPurpose.RETURN,),
    TokenPlace.ENVELOPE_ID: (TokenPurpose.RETURN,),
    TokenPlace.MESSAGE_ID: (TokenPurpose.MESSAGE_ID,),
    TokenPlace.UNSUBSCRIBE: (TokenPurpose.LEAVE,),
}
_WRITTEN_TO = frozenset({SubscriberState.ACTIVE, SubscriberState.PAUSED, SubscriberState.PENDING})
_REPLY = re.compile(r"(?<![\d.])([45]\d\d)(?=[\s\-#]|$)")

QueueProbe = Callable[[Connection, Subscriber, datetime], Awaitable[int | None]]


@dataclass(frozen=True, slots=True)
class Known:
    """What a token of ours names: a delivery, or a reader alone. `is_strong`: it stood where only servers look."""

    delivery_id: int | None
    subscriber_id: int | None = None
    is_strong: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What a notice changed. `is_new` False: nothing, it was told before or counts for nothing."""

    delivery_id: int | None = None
    subscriber_id: int | None = None
    is_new: bool = False
    is_stopped: bool = False
    is_probed: bool = False


@dataclass(frozen=True, slots=True)
class Ear:
    """What acting works with. `way` is how the notice came; `queue_probe` stores a mail that tries a mailbox."""

    settings: Settings
    queue_probe: QueueProbe
    way: str
    now: datetime


def identify(keyring: Keyring, tokens: tuple[FoundToken, ...]) -> Known | None:
    """Return what the first token that is ours names, None if none is."""
    for found in tokens:
        for purpose in _PURPOSES[found.place]:
            try:
                subject_id = keyring.read(purpose, found.token)
            except BadTokenError:
                continue
            if purpose is TokenPurpose.LEAVE:
                return Known(None, subject_id)
            return Known(subject_id, is_strong=purpose is TokenPurpose.RETURN)
    return None


def points_of(notice: Notice) -> int:
    """Return what a failure counts against its reader."""
    if notice.kind not in (NoticeClass.HARD, NoticeClass.SOFT) or notice.is_delayed:
        return 0
    return _POINTS.get(notice.cause, 0)


async def hear(connection: Connection, ear: Ear, notice: Notice, known: Known) -> Heard:
    """Act on a notice about what a token of ours names. To be called in a transaction; a repeat changes nothing."""
    if notice.kind is NoticeClass.NONE or notice.is_delayed:
        return Heard(known.delivery_id)
    if known.delivery_id is None:
        return await _complaint_of_reader(connection, ear, notice, known)
    subject = await notices.find_subject(connection, known.delivery_id)
    if subject is None:
        return Heard(known.delivery_id)
    is_new = await notices.add(
        connection,
        NewNotice(
            subject.delivery_id,
            subject.edition_id,
            subject.subscriber_id,
            subject.domain,
            notice.kind,
            notice.cause,
            notice.status[:16],
            ear.way,
            points_of(notice),
            ear.now,
        ),
    )
    if not is_new:
        return Heard(subject.delivery_id, subject.subscriber_id)
    if notice.kind is NoticeClass.COMPLAINT:
        return await _complaint(connection, ear, notice, subject)
    return await _failure(connection, ear, notice, subject, is_strong=known.is_strong)


# ── failures ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def _failure(connection: Connection, ear: Ear, notice: Notice, subject: Subject, *, is_strong: bool) -> Heard:
    if await _mark(connection, ear, notice, subject, DeliveryState.BOUNCED):
        when_committed(
            connection,
            lambda: event(
                "delivery.bounced",
                delivery_id=subject.delivery_id,
                cause=notice.cause,
                status=notice.status,
                way=ear.way,
            ),
        )
    if notice.cause in _NOT_THE_READERS:
        await _tell_of_domain(connection, subject.domain, now=ear.now)
    reader = await _reader_at(connection, subject)
    if reader is None:
        return Heard(subject.delivery_id, subject.subscriber_id, is_new=True)
    is_dead = is_strong and notice.kind is NoticeClass.HARD and notice.is_status_told and notice.status in _DEAD_AT_ONCE
    failed_probe = await notices.is_probe(connection, subject.delivery_id) and notice.cause not in _PROVES_NOTHING
    if is_dead or failed_probe:
        await _stop(connection, ear, reader, SuppressionReason.BOUNCED)
        return Heard(subject.delivery_id, reader.id, is_new=True, is_stopped=True)
    is_probed = await _probe_if_due(connection, ear, reader)
    return Heard(subject.delivery_id, reader.id, is_new=True, is_probed=is_probed)


async def _probe_if_due(connection: Connection, ear: Ear, reader: Subscriber) -> bool:
    if await notices.score(connection, reader.id, since=ear.now - SCORE_WINDOW) < PROBE_AT:
        return False
    last = await notices.probed_at(connection, reader.id)
    if last is not None and last > ear.now - PROBE_EVERY:
        return False
    delivery_id = await ear.queue_probe(connection, reader, ear.now)
    if delivery_id is None:
        return False
    await notices.note_probe(connection, reader.id, delivery_id, at=ear.now)
    when_committed(connection, lambda: event("reader.probed", subscriber_id=reader.id, delivery_id=delivery_id))
    return True


async def _tell_of_domain(connection: Connection, domain: str, *, now: datetime) -> None:
    number = await notices.count_of_domain(connection, domain, _NOT_THE_READERS, since=now - _DOMAIN_DAYS)
    if number < _DOMAIN_LEAST:
        return
    text = (
        f"{number} mails to {domain} came back within a week for what they are or who sends them, not for their "
        "readers: policy, content, size or relaying. No reader was counted down. Look at what it says with: digest "
        "explain ADDRESS, for one of its readers; then at SPF, DKIM, DMARC and the sending IP's reputation there."
    )
    await alerts.raise_alert(connection, f"bounces:{domain}", text, at=now)


# ── complaints ───────────────────────────────────────────────────────────────────────────────────────────────────


async def _complaint(connection: Connection, ear: Ear, notice: Notice, subject: Subject) -> Heard:
    await _mark(connection, ear, notice, subject, DeliveryState.COMPLAINED)
    when_committed(connection, lambda: event("delivery.complained", delivery_id=subject.delivery_id, way=ear.way))
    reader = await _reader(connection, subject.subscriber_id)
    if reader is not None:
        await _stop(connection, ear, reader, SuppressionReason.COMPLAINED)
    elif subject.recipient is not None:  # a friend to whom somebody sent an article, or who asked for nothing at all
        hashed = address_hash(ear.settings, subject.recipient)
        await suppressions.suppress(connection, hashed, SuppressionReason.COMPLAINED, at=ear.now)
    await _look_at_rates(connection, subject.edition_id, now=ear.now)
    return Heard(subject.delivery_id, subject.subscriber_id, is_new=True, is_stopped=True)


async def _complaint_of_reader(connection: Connection, ear: Ear, notice: Notice, known: Known) -> Heard:
    """A complaint whose mail came back without anything but its link to leave: it names the reader."""
    reader = await _reader(connection, known.subscriber_id)
    if notice.kind is not NoticeClass.COMPLAINT or reader is None:
        return Heard(None, known.subscriber_id)
    if reader.state not in _WRITTEN_TO:
        return Heard(None, reader.id)
    row = NewNotice(None, None, reader.id, reader.address.domain, notice.kind, notice.cause, "", ear.way, 0, ear.now)
    await notices.add(connection, row)
    await _stop(connection, ear, reader, SuppressionReason.COMPLAINED)
    await _look_at_rates(connection, None, now=ear.now)
    return Heard(None, reader.id, is_new=True, is_stopped=True)


async def _look_at_rates(connection: Connection, edition_id: int | None, *, now: datetime) -> None:
    if edition_id is not None:
        counted = await notices.complaints_of_edition(connection, edition_id)
        if text := _told_of_rate(f"edition {edition_id}", *counted):
            await alerts.raise_alert(connection, f"complaints:{edition_id}", text, at=now)
    counted = await notices.complaints_since(connection, now - _COMPLAINT_DAYS)
    if text := _told_of_rate("the editions of the last week", *counted):
        await alerts.raise_alert(connection, "complaints", text, at=now)


def _told_of_rate(what: str, complained: int, made: int) -> str:
    """Return what a person must hear of a rate, empty if it is low."""
    if complained < _COMPLAINTS_LEAST or complained * 1000 < COMPLAINTS_PER_THOUSAND * made:
        return ""
    rate = f"{100 * complained / made:.2f} % of {made}" if made else "nobody was counted"
    return (
        f"{complained} readers called {what} spam ({rate}). Providers begin to refuse at 0.1 % and block at 0.3 %. All "
        "of them were suppressed at once. Look at what was sent, to whom, and where their consent came from."
    )


# ── both ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _mark(connection: Connection, ear: Ear, notice: Notice, subject: Subject, state: DeliveryState) -> bool:
    found = _REPLY.search(notice.diagnostic)
    return await notices.mark(
        connection,
        subject.delivery_id,
        state,
        reply_code=int(found.group(1)) if found else None,
        reply_status=notice.status,
        reply_text=notice.diagnostic,
        at=ear.now,
    )


async def _stop(connection: Connection, ear: Ear, reader: Subscriber, reason: SuppressionReason) -> None:
    """Stop a reader, drop what waits, and remember the address by its hash: only asking anew brings it back."""
    await suppressions.suppress(connection, address_hash(ear.settings, reader.address), reason, at=ear.now)
    await subscribers.stop(connection, reader.id, at=ear.now)
    dropped = await deliveries.drop_for_subscriber(connection, reader.id, reason=DropReason.SUPPRESSED, at=ear.now)
    when_committed(
        connection, lambda: warning("reader.stopped", subscriber_id=reader.id, reason=reason, dropped=dropped)
    )


async def _reader(connection: Connection, subscriber_id: int | None) -> Subscriber | None:
    if subscriber_id is None:
        return None
    try:
        return await subscribers.get(connection, subscriber_id)
    except NotFoundError:
        return None


async def _reader_at(connection: Connection, subject: Subject) -> Subscriber | None:
    """Return the reader whose mailbox this still is, and who is written to."""
    reader = await _reader(connection, subject.subscriber_id)
    if reader is None or subject.recipient is None or reader.state not in _WRITTEN_TO:
        return None
    return reader if reader.address.key == subject.recipient.key else None

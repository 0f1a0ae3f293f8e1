"""Why an address did, or did not, get the latest edition: every answer there is, and the way to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from digest import addresses
from digest.database import Database
from digest.database.deliveries import StoredDelivery
from digest.database.tables import deliveries, subscribers
from digest.models.consents import Suppression, SuppressionReason
from digest.models.deliveries import DeliveryState, DropReason, Reply
from digest.models.editions import Edition, EditionState, PlacedArticle, Role, Slot
from digest.models.readers import Format, Subscriber, SubscriberState
from digest.operate.explain import Explanation, Facts, Reached, explain
from tests.compose.making import placed
from tests.support.clock import StoppedClock
from tests.support.commands import Commands
from tests.support.newsroom import Newsroom

SEOUL = ZoneInfo("Asia/Seoul")
AT = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
SLOT = Slot("morning", "아침 소식", "0 7 * * *")
EDITION = Edition(12, "morning", "아침 소식", AT, AT, AT + timedelta(hours=3), EditionState.SENDING, released_at=AT)
READER = Subscriber(
    id=1,
    address=addresses.parse("kim@reader.example"),
    language="ko",
    format=Format.HTML,
    state=SubscriberState.ACTIVE,
    consent="test",
    created_at=AT - timedelta(days=9),
    slots=("morning",),
)
DELIVERY = StoredDelivery(
    id=5,
    message_id=3,
    edition_id=12,
    state=DeliveryState.QUEUED,
    drop_reason=None,
    attempts=1,
    created_at=AT,
    due_at=AT + timedelta(minutes=10),
    attempted_at=AT + timedelta(minutes=1),
    settled_at=AT + timedelta(minutes=2),
    reply=Reply(451, "4.7.1", "4.7.1 Greylisted"),
)


def _facts(**changes: Any) -> Facts:
    facts = Facts(
        slot=SLOT,
        edition=EDITION,
        subscriber=READER,
        subscribed_at=AT - timedelta(days=9),
        sections=(),
        placed=(placed(1),),
        delivery=None,
    )
    return replace(facts, **changes)


def _explain(**changes: Any) -> Explanation:
    return explain(_facts(**changes), SEOUL)


def test_what_came_too_late_is_told_with_the_relays_last_words() -> None:
    """A full mailbox, most often; without the words the sender would be looked at."""
    dropped = replace(DELIVERY, state=DeliveryState.DROPPED, drop_reason=DropReason.TOO_LATE)

    assert "the relay had said: 451 4.7.1 Greylisted" in _explain(delivery=dropped).text
    assert "had said" not in _explain(delivery=replace(dropped, reply=None)).text


def test_a_refused_delivery_tells_what_became_of_its_reader() -> None:
    """Whoever asks why an edition did not come wants to know whether the next one will."""
    refused = replace(DELIVERY, state=DeliveryState.REFUSED)
    stopped = replace(READER, state=SubscriberState.STOPPED)
    suppression = Suppression("0" * 64, SuppressionReason.BOUNCED, AT)

    found = _explain(delivery=refused, subscriber=stopped, suppression=suppression)

    assert found.reason == "refused"
    assert "mails to it came back: nothing is written there. It ends when they ask anew" in found.todo
    assert not _explain(delivery=refused).todo


@pytest.mark.parametrize(
    ("state", "reached", "words"),
    [
        (DeliveryState.QUEUED, Reached.NOT_YET, "waiting until 2026-11-23 07:10:00"),
        (DeliveryState.ATTEMPTING, Reached.NOT_YET, "since 2026-11-23 07:01:00"),
        (DeliveryState.DEFERRED, Reached.NOT_YET, "the relay said: 451 4.7.1 Greylisted"),
        (DeliveryState.ACCEPTED, Reached.YES, "accepted by the relay at 2026-11-23 07:02:00"),
        (DeliveryState.REFUSED, Reached.NO, "451 4.7.1 Greylisted"),
        (DeliveryState.UNCERTAIN, Reached.UNKNOWN, "the answer never came"),
        (DeliveryState.BOUNCED, Reached.NO, "returned"),
        (DeliveryState.COMPLAINED, Reached.YES, "spam"),
        (DeliveryState.DROPPED, Reached.NO, "left before it was sent"),
    ],
)
def test_a_delivery_is_the_whole_answer(state: DeliveryState, reached: Reached, words: str) -> None:
    """Its state, its times in the newspaper's zone, and the relay's own words."""
    found = _explain(delivery=replace(DELIVERY, state=state, drop_reason=DropReason.LEFT))

    assert (found.reason, found.reached) == (state.value, reached)
    assert words in found.text


@pytest.mark.parametrize("reason", [*DropReason, None])
def test_every_reason_for_giving_up_has_words(reason: DropReason | None) -> None:
    """A new reason without words would be a traceback in front of an operator."""
    assert _explain(delivery=replace(DELIVERY, state=DeliveryState.DROPPED, drop_reason=reason)).text


def test_what_became_of_the_mail_counts_more_than_who_left_since() -> None:
    """A reader who left after reading did get the edition."""
    left = replace(READER, state=SubscriberState.LEFT, left_at=AT + timedelta(hours=1))

    found = _explain(subscriber=left, delivery=replace(DELIVERY, state=DeliveryState.ACCEPTED))

    assert found.reason == "accepted"


def test_a_broken_connection_is_told_where_no_reply_came() -> None:
    """ "the relay said: nothing" helps nobody when more is known."""
    found = _explain(
        delivery=replace(DELIVERY, state=DeliveryState.DEFERRED, reply=None, detail="the connection broke off")
    )

    assert "the connection broke off" in found.text


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (SubscriberState.PENDING, "pending"),
        (SubscriberState.PAUSED, "paused"),
        (SubscriberState.LEFT, "left"),
        (SubscriberState.STOPPED, "stopped"),
        (SubscriberState.EXPIRED, "expired"),
    ],
)
def test_a_reader_who_is_away_is_told_before_anything_about_the_edition(state: SubscriberState, reason: str) -> None:
    """That the edition is held is no help to somebody who left."""
    found = _explain(
        subscriber=replace(READER, state=state, left_at=AT), edition=replace(EDITION, state=EditionState.HELD)
    )

    assert (found.reason, found.reached) == (reason, Reached.NO)


def test_left_says_when() -> None:
    """The date settles most complaints."""
    found = _explain(subscriber=replace(READER, state=SubscriberState.LEFT, left_at=AT))

    assert "2026-11-23 07:00" in found.text


def test_who_never_subscribed_or_to_something_else() -> None:
    """The two commonest answers."""
    assert _explain(subscriber=None).reason == "not_a_subscriber"

    other = _explain(subscriber=replace(READER, slots=("weekly",)), subscribed_at=None)

    assert other.reason == "not_subscribed"
    assert "weekly" in other.text


@pytest.mark.parametrize("reason", SuppressionReason)
def test_a_suppressed_address_is_told_so_with_its_reason(reason: SuppressionReason) -> None:
    """ "Not a subscriber" would send the operator off to add somebody who must not be written to."""
    suppression = Suppression("0" * 64, reason, AT)

    stranger = _explain(subscriber=None, suppression=suppression)
    stopped = _explain(subscriber=replace(READER, state=SubscriberState.STOPPED), suppression=suppression)

    assert stranger == stopped
    assert (stranger.reason, stranger.reached) == ("suppressed", Reached.NO)
    assert "2026-11-23 07:00" in stranger.text
    assert "digest suppressions lift" in stranger.todo


def test_who_asked_anew_after_a_suppression_is_told_as_pending() -> None:
    """The suppression ends with their confirmation, which is what is missing."""
    suppression = Suppression("0" * 64, SuppressionReason.LEFT_FOR_GOOD, AT)

    found = _explain(subscriber=replace(READER, state=SubscriberState.PENDING), suppression=suppression)

    assert found.reason == "pending"


@pytest.mark.parametrize(
    ("state", "reason", "reached"),
    [
        (EditionState.OPEN, "edition_open", Reached.NOT_YET),
        (EditionState.CHOSEN, "edition_open", Reached.NOT_YET),
        (EditionState.HELD, "edition_held", Reached.NOT_YET),
        (EditionState.CANCELLED, "edition_cancelled", Reached.NO),
    ],
)
def test_an_edition_that_does_not_go_out_says_why(state: EditionState, reason: str, reached: Reached) -> None:
    """With the reason a person or the deadline gave."""
    found = _explain(edition=replace(EDITION, state=state, reason="typo in the lead"))

    assert (found.reason, found.reached) == (reason, reached)
    if state in (EditionState.HELD, EditionState.CANCELLED):
        assert "typo in the lead" in found.text


def test_a_mail_that_waits_in_a_held_edition_waits_for_a_person() -> None:
    """ "queued, waiting until 07:10" would be wrong at eight o'clock."""
    found = _explain(edition=replace(EDITION, state=EditionState.HELD, reason="typo"), delivery=DELIVERY)

    assert found.reason == "edition_held"
    assert "digest editions release 12" in found.todo


def test_no_edition_yet() -> None:
    """A new slot has had none."""
    assert _explain(edition=None, placed=()).reason == "no_edition"


def test_who_subscribed_after_the_release_waits_for_the_next_one() -> None:
    """Editions are not sent after the fact."""
    assert _explain(subscribed_at=AT + timedelta(seconds=1)).reason == "subscribed_later"


@pytest.mark.parametrize(
    "there", [(placed(1, section="시정"),), (placed(1, Role.LEFT_OUT, section="의회"),)], ids=["other", "left out"]
)
def test_nothing_for_the_chosen_sections(there: tuple[PlacedArticle, ...]) -> None:
    """An article that is only counted in an edition brings nobody a mail."""
    found = _explain(sections=("의회",), placed=there)

    assert found.reason == "nothing_chosen"
    assert "의회" in found.text


def test_everything_came_with_another_slot_before() -> None:
    """`except=` leaves readers out for whom nothing is left."""
    assert _explain(slot=replace(SLOT, except_slots=("evening",))).reason == "had_before"


def test_what_cannot_be_explained_leads_to_the_proof() -> None:
    """Honest where the rows do not say more."""
    found = _explain()

    assert found.reason == "not_in_audience"
    assert "prove 12" in found.todo


# ── by command ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_explain_knows_a_suppressed_address_by_its_hash(commands: Commands) -> None:
    """The list holds no addresses, so the command must look with the key."""
    commands("suppressions", "add", "kim@reader.example")

    [found] = commands.json("explain", "KIM@reader.example", code=1)["explanations"]

    assert found["reason"] == "suppressed"
    assert "an operator decided so" in found["text"]


def test_explain_follows_a_reader_through_the_days(commands: Commands, just_now: StoppedClock) -> None:
    """From stranger to accepted to left, from the ledger of either database."""

    def reason(code: int = 0) -> str:
        [found] = commands.json("explain", "kim@reader.example", code=code)["explanations"]
        return str(found["reason"])

    reasons = [reason(code=1)]
    commands.act(lambda database: Newsroom(database, just_now).subscribe("kim", "lee"))
    reasons.append(reason(code=1))
    commands.act(lambda database: Newsroom(database, just_now).publish("다리 개통"))
    commands("editions", "make", "morning", "--hold")
    reasons.append(reason())
    commands("editions", "release", "1")
    reasons.append(reason())
    commands.act(_accept)
    commands("subscribers", "remove", "kim@reader.example")
    reasons.append(reason())

    assert reasons == ["not_a_subscriber", "no_edition", "edition_held", "queued", "accepted"]


def test_explain_tells_sections_and_slots(commands: Commands, just_now: StoppedClock) -> None:
    """The reader's own choice is the answer here, as stored on either database."""
    commands.settings["EDITIONS"] += "\nweekly | 주간 | 0 8 * * sat"
    commands.act(lambda database: Newsroom(database, just_now).subscribe("kim", sections=("의회",)))
    commands.act(lambda database: Newsroom(database, just_now).publish("다리 개통", section="시정"))
    commands("editions", "make", "morning")

    found = commands.json("explain", "KIM@reader.example", code=1)["explanations"]

    assert [(each["slot"], each["reason"]) for each in found] == [
        ("morning", "nothing_chosen"),
        ("weekly", "not_subscribed"),
    ]
    assert "nothing for the chosen sections" in commands("explain", "kim@reader.example", code=1).stdout


def test_who_was_away_at_the_release_is_told_so(commands: Commands, just_now: StoppedClock) -> None:
    """Paused at the wrong moment; that the edition before arrived is no answer for this one."""

    async def publish(database: Database, *, title: str) -> None:
        newsroom = Newsroom(database, just_now)
        newsroom.source = source
        await newsroom.publish(title)
        await newsroom.subscribe("kim", "lee")

    source = commands.act(lambda database: Newsroom(database, just_now)._add_source())
    commands.act(lambda database: publish(database, title="다리 개통"))
    commands("editions", "make", "morning")
    commands.act(lambda database: publish(database, title="예산 의결"))
    commands.act(lambda database: _set_state(database, SubscriberState.PAUSED))
    commands("editions", "make", "morning")
    commands.act(lambda database: _set_state(database, SubscriberState.ACTIVE))

    [found] = commands.json("explain", "kim@reader.example", "--slot", "morning", code=1)["explanations"]

    assert (found["reason"], found["edition_id"]) == ("not_in_audience", 2)


def test_explain_of_a_wrong_address_or_slot_says_so(commands_on_sqlite: Commands) -> None:
    """Before anything is looked up."""
    assert "@" in commands_on_sqlite("explain", "kim", code=1).stderr
    wrong_slot = commands_on_sqlite("explain", "kim@reader.example", "--slot", "noon", code=1)
    assert "morning" in wrong_slot.stderr


async def _accept(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(
            sa.update(deliveries).values(
                state=DeliveryState.ACCEPTED, settled_at=AT, reply_code=250, reply_status="2.0.0", reply_text="2.0.0 ok"
            )
        )


async def _set_state(database: Database, state: SubscriberState) -> None:
    async with database.begin() as connection:
        kim = subscribers.c.address_key == "kim@reader.example"
        await connection.execute(sa.update(subscribers).where(kim).values(state=state))

"""What people write by mail, acted upon: subscribing, leaving, choosing, letters; and what nobody can forge."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from digest.addresses import parse
from digest.compose import editor
from digest.config import Settings
from digest.database import Database
from digest.database.tables import deliveries, messages, subscribers, subscriptions, suppressions
from digest.hashes import address_hash
from digest.models.consents import ConsentAct, ConsentWay
from digest.models.deliveries import MessageKind
from digest.models.inbound import Outcome
from digest.models.readers import SubscriberState
from digest.subaddress import Detail
from tests.inbound.letters import RENDERER, US, Postbox
from tests.support.clock import StoppedClock
from tests.support.newsroom import Newsroom
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio

KIM = "kim@reader.example"
VACATION = "안녕하세요. 현재 부재중입니다. 복귀 후 회신드리겠습니다."


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(
        inbound_address="news@gaon.example",
        inbound_port=2424,
        inbound_authserv_id=US,
        inbound_newsroom="editors@newsroom.example",
        data_dir=tmp_path / "var",
        editions="morning | 아침 소식 | 0 7 * * * | sections=시정,의회,문화 cutoff=10m deadline=3h\n"
        "evening | 저녁 소식 | 0 18 * * mon-fri | cutoff=10m deadline=3h",
    )


@pytest.fixture
def box(ledger: Database, settings: Settings, clock: StoppedClock) -> Postbox:
    """On SQLite alone; what writes most runs on both databases below."""
    return Postbox(ledger, settings, clock)


async def _reader(box: Postbox) -> None:
    await Newsroom(box.database, box.clock).subscribe("kim")
    async with box.database.begin() as connection:
        hashed = address_hash(box.settings, parse(KIM))
        await connection.execute(sa.update(subscribers).values(address_hash=hashed))


async def _subscription(box: Postbox) -> dict[str, tuple[int, str]]:
    async with box.database.read() as connection:
        rows = await connection.execute(
            sa.select(subscriptions.c.slot, subscriptions.c.weekdays, subscriptions.c.sections)
        )
        return {row.slot: (row.weekdays, row.sections) for row in rows}


# ── subscribing ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_subscribing_by_mail_and_confirming_by_reply(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """시행령 제17조②5: the mail with the text is answered by a mail that agrees, and the answer is kept as evidence."""
    box = Postbox(database, settings, clock)

    assert await box.write(subject="구독") == (Outcome.COMMANDED, "subscribe: confirmation asked for")
    assert await box.queued() == [(MessageKind.CONFIRM, "", KIM)]
    assert await box.states() == {}
    assert await box.write("네, 확인합니다.\r\n", to=await box.confirm_address()) == (Outcome.COMMANDED, "confirmed")

    assert await box.states() == {KIM: SubscriberState.ACTIVE}
    assert await box.kinds() == [MessageKind.CONFIRM, MessageKind.NOTICE]
    (asked, how_asked, _), (given, how_given, details) = await box.consents()
    assert [(asked, how_asked), (given, how_given)] == [
        (ConsentAct.ASKED, ConsentWay.MAIL), (ConsentAct.GIVEN, ConsentWay.MAIL),
    ]  # fmt: skip
    assert (len(details["answer"]["sha256"]), details["answer"]["same_address"]) == (64, True)
    assert details["answer"]["written_at"] == "2026-11-23T07:00:00+09:00"


async def test_an_answer_by_its_ids_or_its_subject_confirms_too(box: Postbox) -> None:
    """Some programs keep only one of the three."""
    await box.write(subject="구독", sender="a@reader.example")
    await box.write("확인", fields=f"In-Reply-To: {await box.last_id()}\r\n", sender="a@reader.example")
    await box.write(subject="구독", sender="b@reader.example")
    address = box.settings.own_addresses.read(await box.confirm_address())
    assert address is not None
    await box.write("확인", subject=f"Re: 확인해 주세요 [확인 {address.token}]", sender="b@reader.example")

    assert await box.states() == {"a@reader.example": "active", "b@reader.example": "active"}


async def test_an_empty_answer_confirms(box: Postbox) -> None:
    """People press reply and send."""
    await box.write(subject="구독")
    await box.write("\r\n> 안내\r\n", to=await box.confirm_address())

    assert await box.states() == {KIM: SubscriberState.ACTIVE}


@pytest.mark.parametrize(
    ("text", "subject", "fields", "envelope"),
    [
        (VACATION, "Re: 구독 신청을 확인해 주세요", "", None),
        ("", "Re: 확인해 주세요", "Auto-Submitted: auto-replied\r\n", None),
        ("", "부재중: 구독 신청을 확인해 주세요", "", None),
        ("네", "자동 회신: 확인해 주세요", "", None),
        ("", "Automatic reply: confirm", "", None),
        ("네", "Re: 확인", "Precedence: auto_reply\r\n", None),
        ("확인", "Re: 확인", "", ""),
        ("메일 잘 받았습니다. 다음 주에 읽겠습니다.", "Re: 확인", "", None),
        ("저는 신청한 적이 없는데요", "Re: 확인", "", None),
        ("거부", "Re: 확인", "", None),
    ],
)
async def test_vacation_replies_never_confirm(
    box: Postbox, text: str, subject: str, fields: str, envelope: str | None
) -> None:
    """They come to the address with the token and quote everything; nobody has agreed."""
    await box.write(subject="구독")

    await box.write(text, subject=subject, to=await box.confirm_address(), fields=fields, envelope=envelope)

    assert await box.states() == {}


async def test_confirming_twice_says_so_once(box: Postbox) -> None:
    """이미 확인되었습니다."""
    await box.write(subject="구독")
    address = await box.confirm_address()
    for _ in range(3):
        await box.write("네", to=address)

    assert (await box.queued())[2:] == [(MessageKind.REPLY, "confirmed_before", KIM)]


async def test_a_confirmation_is_over_after_72_hours(box: Postbox) -> None:
    """The request is gone by then."""
    await box.write(subject="구독")
    address = await box.confirm_address()
    box.clock.advance(hours=73)

    assert (await box.write("네", to=address))[0] == Outcome.IGNORED
    assert await box.states() == {}


async def test_one_address_is_asked_once_an_hour(box: Postbox) -> None:
    """Whoever writes 구독 in somebody's name fills no mailbox."""
    for _ in range(5):
        await box.write(subject="구독")

    assert await box.kinds() == [MessageKind.CONFIRM]


async def test_strangers_nobody_vouches_for_are_counted_for_the_whole_site(
    box: Postbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Backscatter: forged senders get a hundred mails a day together, and no more."""
    monkeypatch.setattr("digest.inbound.joining.STRANGERS_A_DAY", 2)
    for number in range(4):
        await box.write(subject="구독", sender=f"victim{number}@elsewhere.example")
    await box.write(subject="구독", sender="known@elsewhere.example", vouched=True)

    assert [to for _, _, to in await box.queued()] == [
        "victim0@elsewhere.example", "victim1@elsewhere.example", "known@elsewhere.example",
    ]  # fmt: skip


# ── leaving ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_leaving_by_mail(database: Database, settings: Settings, clock: StoppedClock) -> None:
    """법 제38조④: whoever can join by mail can leave by mail, at once, and is told the result once."""
    box = Postbox(database, settings, clock)
    await _reader(box)

    assert await box.write(subject="구독 해지", vouched=True) == (Outcome.COMMANDED, "leave: left")

    assert await box.states() == {KIM: SubscriberState.LEFT}
    assert await box.queued() == [(MessageKind.NOTICE, "", KIM)]
    assert [(act, how) for act, how, _ in await box.consents()] == [(ConsentAct.WITHDRAWN, ConsentWay.MAIL)]


@pytest.mark.parametrize("words", ["해지", "영구거부", "정지", "삭제", "월요일", "제외 문화"])
async def test_a_forged_wish_changes_nothing(box: Postbox, words: str) -> None:
    """No proof: the state stays, and at most one mail a day goes to the reader."""
    await _reader(box)
    before = await _subscription(box)
    for _ in range(3):
        await box.write(subject=words, fields="Authentication-Results: mx.evil.example; dmarc=pass\r\n")

    assert await box.states() == {KIM: SubscriberState.ACTIVE}
    assert await _subscription(box) == before
    assert {to for _, _, to in await box.queued()} == {KIM}
    assert len(await box.queued()) <= (3 if words == "삭제" else 1)


async def test_answering_the_question_leaves(box: Postbox) -> None:
    """Whoever can read the mail that was sent to the address is its owner; no word is needed."""
    await _reader(box)
    await box.write(subject="해지")
    assert (await box.queued())[-1] == (MessageKind.REPLY, "unsure_leave", KIM)

    await box.write("> 인용\r\n", to=await box.confirm_address())

    assert await box.states() == {KIM: SubscriberState.LEFT}


async def test_somebody_elses_answer_does_not_leave(box: Postbox) -> None:
    """The question may have been forwarded."""
    await _reader(box)
    await box.write(subject="해지")

    await box.write("네", to=await box.confirm_address(), sender="other@reader.example")

    assert await box.states() == {KIM: SubscriberState.ACTIVE}


async def test_never_suppresses_for_good(box: Postbox) -> None:
    """다시 보내지 마세요: one last mail."""
    await _reader(box)
    await box.write(subject="다시 보내지 마세요", vouched=True)
    await box.write(subject="상태", vouched=True)

    async with box.database.read() as connection:
        assert await connection.scalar(sa.select(suppressions.c.reason)) == "left_for_good"
    assert await box.queued() == [(MessageKind.REPLY, "never", KIM)]
    assert await box.states() == {KIM: SubscriberState.STOPPED}


# ── choosing ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ("월요일", {"morning": (1, "")}),
        ("월요일\r\n수요일", {"morning": (5, "")}),
        ("매일", {"morning": (127, "")}),
        ("주간", {"morning": (1, "")}),
        ("저녁", {"evening": (127, "")}),
        ("주제 문화", {"morning": (127, "문화")}),
        ("제외 문화", {"morning": (127, "시정,의회")}),
        ("주제 없는것", {"morning": (127, "")}),
    ],
)
async def test_choosing_by_mail(box: Postbox, words: str, chosen: dict[str, tuple[int, str]]) -> None:
    """The same choices as behind the link, and one answer that tells them all."""
    await _reader(box)

    await box.write(words, vouched=True)

    assert await _subscription(box) == chosen
    assert await box.queued() == [(MessageKind.REPLY, "standing", KIM)]


async def test_a_choice_by_mail_holds_for_what_waits_already(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """As behind the link: an edition that is queued comes in the chosen sections, though nobody had them before."""
    box, newsroom = Postbox(database, settings, clock), Newsroom(database, clock)
    await _reader(box)
    await newsroom.publish("시정 소식", section="시정")
    await newsroom.publish("문화 소식", section="문화")
    await editor.open_now(database, settings, settings.editions[0], clock=clock, planned_at=clock())
    await editor.advance(database, settings, RENDERER, clock=clock)

    with capture_logs() as logs:
        await box.write("제외 문화", vouched=True)

    async with database.read() as connection:
        query = sa.select(messages.c.text).join(deliveries, deliveries.c.message_id == messages.c.id)
        [text] = (await connection.execute(query.where(messages.c.kind == MessageKind.DIGEST))).scalars()
    assert ("시정 소식" in text.decode(), "문화 소식" in text.decode()) == (True, False)
    assert [each["event"] for each in logs] == ["inbound.kept", "subscriber.chose", "inbound.acted"]


async def test_pausing_and_coming_back(box: Postbox) -> None:
    """휴가 7일, then 재개."""
    await _reader(box)

    await box.write(subject="휴가 7일", vouched=True)
    async with box.database.read() as connection:
        until = await connection.scalar(sa.select(subscribers.c.paused_until))
    assert until is not None
    days = (until.astimezone(box.settings.zone).date() - box.clock().astimezone(box.settings.zone).date()).days
    assert (await box.states(), days) == ({KIM: SubscriberState.PAUSED}, 7)

    await box.write(subject="재개", vouched=True)
    assert await box.states() == {KIM: SubscriberState.ACTIVE}


async def test_the_state_is_told_to_the_stored_address_alone(box: Postbox) -> None:
    """Only to whom it belongs, and with words of ours alone."""
    await _reader(box)
    await box.write(subject="상태", vouched=True)

    async with box.database.read() as connection:
        text = (await connection.execute(sa.select(messages.c.text))).scalar_one().decode()
    assert await box.queued() == [(MessageKind.REPLY, "standing", KIM)]
    assert "아침 소식: 나올 때마다 · 모든 분야" in text


async def test_data_is_asked_for_by_a_link_to_the_stored_address(box: Postbox) -> None:
    """내보내기 and 삭제 do nothing by themselves."""
    await _reader(box)
    await box.write(subject="내보내기")

    assert await box.queued() == [(MessageKind.LINK, "", KIM)]


# ── answers and their limits ─────────────────────────────────────────────────────────────────────────────────────


async def test_at_most_five_answers_a_day(box: Postbox) -> None:
    """Whatever is asked."""
    await _reader(box)
    for _ in range(8):
        await box.write(subject="상태", vouched=True)
    assert len(await box.queued()) == 5

    box.clock.advance(days=1, minutes=1)
    await box.write(subject="상태", vouched=True)
    assert len(await box.queued()) == 6


async def test_help_only_for_whom_somebody_vouches(box: Postbox) -> None:
    """Once a day; to a stranger nothing at all."""
    await box.write(subject="도움말")
    assert await box.queued() == []
    for _ in range(2):
        await box.write(subject="도움말", vouched=True)
    assert await box.queued() == [(MessageKind.REPLY, "help", KIM)]


async def test_two_robots_of_ours_stop_after_one_exchange(box: Postbox) -> None:
    """Everything we send comes back to us as if another robot of this make had sent it."""
    other = "robot@elsewhere.example"
    await box.write(subject="구독", sender=other)
    await box.write(subject="도움말", sender=other, vouched=True)
    async with box.database.read() as connection:
        sent = (await connection.execute(sa.select(messages.c.headers, messages.c.text))).all()
    assert len(sent) == 2

    for number, each in enumerate(sent):
        headers = each.headers.decode().replace("\0recipient\0", "news@gaon.example")
        headers = headers.replace("news@gaon.example", other, 1).replace(
            "\0message_id\0", f"<r{number}@elsewhere.example>"
        )
        raw = (headers.replace("\0", "") + "\r\n").encode() + each.text
        assert (await box.bring(raw, to="news@gaon.example", envelope=other))[0] in (Outcome.AUTOMATIC, Outcome.IGNORED)

    assert len(await box.queued()) == 2


@pytest.mark.parametrize("sender", ["news@gaon.example", "desk@gaon.example", "noreply@elsewhere.example"])
async def test_nothing_of_our_own_or_a_machines_is_answered(box: Postbox, sender: str) -> None:
    """Loops are impossible."""
    assert (await box.write(subject="구독", sender=sender))[0] in (Outcome.IGNORED, Outcome.AUTOMATIC)
    assert await box.queued() == []


# ── letters ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_letter_goes_to_the_newsroom(box: Postbox) -> None:
    """Marked as a reader's, with their words."""
    assert await box.write("기사 잘 읽었습니다. " * 20, subject="Re: 아침 소식") == (Outcome.PERSON, "passed on")

    assert await box.queued() == [(MessageKind.PEOPLE, "", "editors@newsroom.example")]
    async with box.database.read() as connection:
        row = (await connection.execute(sa.select(messages.c.headers, messages.c.text))).one()
    assert b"Reply-To: kim@reader.example\r\n" in row.headers
    assert "기사 잘 읽었습니다." in row.text.decode()


async def test_letters_stay_where_no_newsroom_is_set(ledger: Database, clock: StoppedClock, settings: Settings) -> None:
    """`digest inbound list` shows them."""
    box = Postbox(ledger, settings.model_copy(update={"inbound_newsroom": ""}), clock)

    assert await box.write("기사 잘 읽었습니다.") == (Outcome.PERSON, "left here")
    assert await box.queued() == []


@pytest.mark.parametrize("fields", ["X-Spam-Flag: YES\r\n", "Auto-Submitted: auto-generated\r\n", "List-Id: <a.b>\r\n"])
async def test_spam_and_machines_are_not_passed_on(box: Postbox, fields: str) -> None:
    """The newsroom reads people."""
    await box.write("좋은 기회입니다", fields=fields)

    assert await box.queued() == []


async def test_a_short_try_is_helped_once(box: Postbox) -> None:
    """구독하고는 싶은데요: no command, so the newsroom has it, and its writer the words."""
    for _ in range(2):
        await box.write("구독하고는 싶은데요", vouched=True)

    assert [kind for kind in await box.kinds() if kind is MessageKind.REPLY] == [MessageKind.REPLY]


async def test_the_join_address_needs_no_word(box: Postbox) -> None:
    """news+join@: the address is the command."""
    await box.write("안녕하세요", to=f"news+{Detail.JOIN}@gaon.example")

    assert await box.kinds() == [MessageKind.CONFIRM]

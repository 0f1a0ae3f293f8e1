"""Lanes: many mails over one connection, against servers that behave and servers that do not.

`way` runs a test pipelined, one command at a time (a relay without PIPELINING), and over the fallback that leaves the
connection to aiosmtplib. What holds for one must hold for all: no case hangs, loses or doubles a delivery.
"""

import asyncio
import socket
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from digest.config import Tls
from digest.deliver.transport import Envelope
from digest.deliver.transports.smtp import Relay, SmtpTransport
from digest.models.deliveries import DeliveryState, Outcome
from tests.support.relay import hand_over_all, open_lane, relay_to, send_all
from tests.support.smtp_server import CLOSE, NOTHING, SILENCE, HostileServer, Script, trusting_context

pytestmark = pytest.mark.anyio

ACCEPTED, DEFERRED, REFUSED, UNCERTAIN = (
    DeliveryState.ACCEPTED,
    DeliveryState.DEFERRED,
    DeliveryState.REFUSED,
    DeliveryState.UNCERTAIN,
)
BODY = "Subject: test\r\n\r\n가온일보\r\n.\r\n.\r\nend\r\n".encode()
STUFFED = BODY.replace(b"\r\n.", b"\r\n..") + b".\r\n"
LARGE = STUFFED[:-3] + b"x\r\n" * 3_000_000 + b".\r\n"  # more than any buffer between us and the server
SLOW = {"timeout_seconds": 10, "final_timeout_seconds": 10}

WAYS: dict[str, dict[str, Any]] = {
    "pipelined": {},
    "one-at-a-time": {"extensions": ("8BITMIME", "SIZE 33554432")},
    "left-to-aiosmtplib": {"take_over": False},
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    return WAYS[request.param]


def _script(way: dict[str, Any], *arguments: Any, **more: Any) -> Script:
    extensions = {"extensions": way["extensions"]} if "extensions" in way else {}
    return Script(*arguments, **extensions, **more)


def _transport(server: HostileServer, way: dict[str, Any], **changes: Any) -> SmtpTransport:
    return relay_to(server, take_over=way.get("take_over", True), **changes)


def _envelopes(number: int, content: bytes = STUFFED) -> list[Envelope]:
    return [Envelope(n, b"news@gaon.example", b"reader%d@b.example" % n, content) for n in range(number)]


def _states(lanes: list[list[tuple[int, Outcome]]]) -> list[list[str]]:
    return [[outcome.state for _, outcome in lane] for lane in lanes]


async def _send_one(server: HostileServer, way: dict[str, Any], **changes: Any) -> Outcome:
    [[(_, outcome)]] = await send_all(_transport(server, way, **changes), _envelopes(1))
    return outcome


# ── servers that behave ──────────────────────────────────────────────────────────────────────────────────────────


async def test_a_mail_arrives_byte_for_byte_with_its_envelope(way: dict[str, Any]) -> None:
    """Lines that begin with a dot come out as they went in; one recipient per mail (rule D26)."""
    async with HostileServer(_script(way)) as server:
        outcome = await _send_one(server, way)

    assert outcome.state is ACCEPTED
    assert outcome.reply is not None
    assert (outcome.reply.code, outcome.reply.status, outcome.reply.text) == (250, "2.0.0", "2.0.0 taken")
    [mail] = server.mails
    assert (mail.envelope_from, mail.recipient, mail.content) == ("news@gaon.example", "reader0@b.example", BODY)
    assert mail.options == f"SIZE={len(STUFFED) - 3} BODY=8BITMIME"


async def test_a_relay_without_8bitmime_and_size_is_not_asked_for_them() -> None:
    """The sender then writes base64; an unknown parameter would refuse every mail."""
    async with HostileServer(Script(extensions=("PIPELINING",))) as server:
        lane = await relay_to(server).open_lane()
        outcomes = await hand_over_all(lane, _envelopes(1, b"Subject: x\r\n\r\nx\r\n.\r\n"))
        await lane.close()

    assert not lane.eight_bit
    assert outcomes[0][1].state is ACCEPTED
    assert server.mails[0].options == ""


async def test_an_ascii_mail_is_not_called_8bit() -> None:
    """A relay behind it without 8BITMIME would otherwise have to convert it."""
    async with HostileServer() as server:
        await send_all(relay_to(server), _envelopes(1, b"Subject: x\r\n\r\nx\r\n.\r\n"))
    assert server.mails[0].options == "SIZE=17"


async def test_many_mails_go_over_one_lane_until_its_cap(way: dict[str, Any]) -> None:
    """Connections cost more than mails; some relays cut them after a number of mails."""
    async with HostileServer(_script(way)) as server:
        lanes = await send_all(_transport(server, way, messages=3), _envelopes(7))

    assert _states(lanes) == [[ACCEPTED] * 3, [ACCEPTED] * 3, [ACCEPTED]]
    assert [mail.recipient for mail in server.mails] == [f"reader{n}@b.example" for n in range(7)]
    assert server.connections == 3
    assert server.commands[-1] == "QUIT"


async def test_the_next_envelope_stands_behind_the_dot() -> None:
    """One round trip a mail: a server that waits for it before it answers the body gets it."""
    async with HostileServer() as server:

        async def wait_for_the_next(_mail: object) -> None:
            if len(server.mails) < 5:
                await server.conversations[0].unread(b"DATA")

        server.on_mail = wait_for_the_next
        lane = await relay_to(server, **SLOW).open_lane()
        outcomes = await hand_over_all(lane, _envelopes(5))
        await lane.close()

    assert [outcome.state for _, outcome in outcomes] == [ACCEPTED] * 5


async def test_a_relay_without_pipelining_finds_nothing_behind_the_dot() -> None:
    """It may throw away what it did not ask for yet; the next envelope waits for the answer, whenever it came to us."""
    envelopes = iter(_envelopes(4))
    async with HostileServer(Script(extensions=("8BITMIME",))) as server:
        lane = await relay_to(server, **SLOW).open_lane()
        was_unread = []

        async def give_the_next(_mail: object) -> None:
            while lane.has_room and (envelope := next(envelopes, None)):
                lane.hand_over(envelope)
            await asyncio.sleep(0.01)
            was_unread.append(server.conversations[0].has_unread)

        server.on_mail = give_the_next
        lane.hand_over(next(envelopes))
        lane.hand_over(next(envelopes))
        outcomes = [await lane.next_outcome() for _ in range(4)]
        await lane.close()

    assert [outcome.state for _, outcome in outcomes] == [ACCEPTED] * 4
    assert was_unread == [False] * 4


async def test_answers_are_acknowledged_at_once() -> None:
    """Postfix under TLS sends the second of two small answers only then: 45 ms a mail instead of 3."""
    quick = getattr(socket, "TCP_QUICKACK", None)
    if quick is None:
        pytest.skip("only Linux lets a program ask for it")
    asked = set()

    class Listening:
        def setsockopt(self, *option: int) -> None:
            asked.add(option)

    async with HostileServer() as server:
        lane = await relay_to(server, **SLOW).open_lane()
        lane._socket = Listening()  # type: ignore[attr-defined]
        server.script.drip_seconds = 0
        await hand_over_all(lane, _envelopes(2))
        await lane.close()
    assert asked == {(socket.IPPROTO_TCP, quick, 1)}


async def test_a_lane_takes_two_and_no_more(way: dict[str, Any]) -> None:
    """What may be in doubt after a crash is bounded, and so is memory."""
    async with HostileServer(_script(way, {"MAIL": SILENCE})) as server:
        lane = await _transport(server, way).open_lane()
        envelopes = iter(_envelopes(5))
        taken = 0
        while lane.has_room:
            lane.hand_over(next(envelopes))
            taken += 1
        with pytest.raises(RuntimeError):
            lane.hand_over(next(envelopes))
        lane.abort()

    assert taken == (1 if "take_over" in way else 2)


async def test_an_idle_lane_goes_on_later(way: dict[str, Any]) -> None:
    """No time limit runs while nothing is under way."""
    async with HostileServer(_script(way)) as server:
        lane = await open_lane(_transport(server, way, timeout_seconds=0.1))
        outcomes = await hand_over_all(lane, _envelopes(1))
        await asyncio.sleep(0.3)
        outcomes += await hand_over_all(lane, _envelopes(1))
        await lane.close()
    assert [outcome.state for _, outcome in outcomes] == [ACCEPTED, ACCEPTED]


async def test_a_lane_whose_relay_went_away_says_so(way: dict[str, Any]) -> None:
    """421 between two mails (RFC 5321 §3.8) concerns no mail; the next one takes another connection."""
    script = _script(way, {"BODY": "250 2.0.0 taken\r\n421 4.4.2 too long"}, close_after_reply=frozenset({"BODY"}))
    async with HostileServer(script) as server:
        lane = await _transport(server, way).open_lane()
        outcomes = await hand_over_all(lane, _envelopes(1))
        await asyncio.sleep(0.1)
        assert (lane.is_usable, lane.has_room) == (False, False)
        await lane.close()
    assert [outcome.state for _, outcome in outcomes] == [ACCEPTED]


async def test_cancelling_a_wait_loses_no_outcome(way: dict[str, Any]) -> None:
    """A sender may wait for several things at once."""
    async with HostileServer(_script(way)) as server:
        lane = await _transport(server, way).open_lane()
        lane.hand_over(_envelopes(1)[0])
        waiting = asyncio.create_task(lane.next_outcome())
        await asyncio.sleep(0)
        waiting.cancel()
        assert (await lane.next_outcome())[1].state is ACCEPTED
        await lane.close()


async def test_a_path_that_would_end_its_command_is_never_written(way: dict[str, Any]) -> None:
    """An address was checked long before; this is the last look."""
    bad = Envelope(1, b"news@gaon.example", b"reader@b.example>\r\nRCPT TO:<x@y.example", STUFFED)
    async with HostileServer(_script(way)) as server:
        lane = await _transport(server, way).open_lane()
        with pytest.raises(ValueError, match="path"):
            await hand_over_all(lane, [bad])
        await lane.close()
    assert not any(command.startswith(("MAIL", "RCPT")) for command in server.commands)


# ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("takes_data", [False, True], ids=["DATA-refused", "DATA-accepted"])
@pytest.mark.parametrize(("stage", "state"), [("MAIL", DEFERRED), ("RCPT", REFUSED), ("DATA", REFUSED)])
async def test_a_refusal_concerns_one_mail_only(
    way: dict[str, Any], stage: str, state: DeliveryState, takes_data: bool
) -> None:
    """The next reader's mail must not meet the last one's envelope, and nobody gets an empty mail (RFC 2920 §3.1)."""
    good = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 ok"}[stage]
    script = _script(way, {stage: [good, "550 5.1.1 no", good]}, takes_data=takes_data)
    async with HostileServer(script) as server:
        lanes = await send_all(_transport(server, way), _envelopes(4))

    assert _states(lanes) == [[ACCEPTED, state, ACCEPTED, ACCEPTED]]
    assert lanes[0][1][1].reply is not None
    assert lanes[0][1][1].reply.text == "5.1.1 no"
    assert [(mail.recipient, mail.content) for mail in server.mails] == [
        (f"reader{n}@b.example", BODY) for n in (0, 2, 3)
    ]


async def test_a_body_that_is_refused_leaves_the_next_one_alone(way: dict[str, Any]) -> None:
    """The end of the data ends the transaction, whatever is answered (RFC 5321 §4.1.1.4)."""
    script = _script(way, {"BODY": ["550 5.1.1 late", "452 4.2.2 full", "250 ok"]})
    async with HostileServer(script) as server:
        lanes = await send_all(_transport(server, way), _envelopes(4))
    assert _states(lanes) == [[REFUSED, DEFERRED, ACCEPTED, ACCEPTED]]


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "BODY"])
async def test_421_ends_the_lane_and_puts_nothing_in_doubt(way: dict[str, Any], stage: str) -> None:
    """RFC 5321 §3.8: the server leaves; what it was told about goes again over another connection."""
    good = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 ok", "BODY": "250 ok"}[stage]
    async with HostileServer(_script(way, {stage: [good, "421 4.7.0 too many"]})) as server:
        lanes = await send_all(_transport(server, way), _envelopes(4))

    first, *_ = lanes
    assert [outcome.state for _, outcome in first[:2]] == [ACCEPTED, DEFERRED]
    assert first[1][1].reply is not None
    assert first[1][1].reply.code == 421
    assert not any(outcome.charged for _, outcome in first[1:])
    assert all(outcome.state is DEFERRED for _, outcome in first[1:])


async def test_a_refusal_stands_though_the_relay_hangs_up_after_it(way: dict[str, Any]) -> None:
    """Some do, when too many readers are unknown to them; asked again it would say the same, and hang up again."""
    script = _script(way, {"RCPT": "550 5.1.1 no"}, close_after_reply=frozenset({"RCPT"}))
    async with HostileServer(script) as server:
        outcome = await _send_one(server, way, **SLOW)
    assert (outcome.state, outcome.relay_problem) == (REFUSED, "")


# ── breaking off ─────────────────────────────────────────────────────────────────────────────────────────────────

NONSENSE = [CLOSE, SILENCE, "banana", "2", "299 what", "250-" + "x" * 2**20]


@pytest.mark.parametrize("how", NONSENSE, ids=[how[:12] for how in NONSENSE])
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
async def test_a_lane_lost_before_the_body_is_deferred_and_not_charged(
    way: dict[str, Any], stage: str, how: str
) -> None:
    """Nothing was handed over; the same mail may go again over another connection."""
    async with HostileServer(_script(way, {stage: how})) as server:
        outcome = await _send_one(server, way, timeout_seconds=0.2)

    assert (outcome.state, outcome.charged) == (DEFERRED, False)
    assert outcome.relay_problem
    assert server.mails == []


@pytest.mark.parametrize("how", [CLOSE, SILENCE, "banana", "354 go ahead", "250-" + "x" * 2**20])
async def test_a_lane_lost_after_the_body_puts_one_mail_in_doubt(way: dict[str, Any], how: str) -> None:
    """The server has the first here and never said so; the second was only announced."""
    async with HostileServer(_script(way, {"BODY": [how]})) as server:
        lane = await _transport(server, way, final_timeout_seconds=0.2).open_lane()
        outcomes = await hand_over_all(lane, _envelopes(5))
        await lane.close()

    assert outcomes[0][1].state is UNCERTAIN
    assert [outcome.state for _, outcome in outcomes[1:]] == [DEFERRED] * (len(outcomes) - 1)
    assert len(outcomes) <= 2
    assert [mail.recipient for mail in server.mails] == ["reader0@b.example"]


async def test_a_lane_cut_in_the_middle_of_the_body_is_uncertain(way: dict[str, Any]) -> None:
    """From here it cannot be told from one cut after the dot."""
    async with HostileServer(_script(way, cut_body_after=10)) as server:
        assert (await _send_one(server, way)).state is UNCERTAIN


async def test_a_relay_that_closes_after_each_mail_still_gets_them_all(way: dict[str, Any]) -> None:
    """Some relays do; the mail that stood behind the dot was not begun, and that is no trouble to tell of."""
    async with HostileServer(_script(way, close_after_reply=frozenset({"BODY"}))) as server:
        transport = _transport(server, way)
        waiting, rounds = _envelopes(5), 0
        while waiting:
            rounds += 1
            ended = [pair for lane in await send_all(transport, waiting) for pair in lane]
            assert not any(
                outcome.relay_problem or outcome.charged for _, outcome in ended if outcome.state is DEFERRED
            )
            taken = {number for number, outcome in ended if outcome.state is ACCEPTED}
            waiting = [envelope for envelope in waiting if envelope.delivery_id not in taken]

    assert Counter(server.recipients) == Counter(f"reader{n}@b.example" for n in range(5))
    assert rounds <= 5


@pytest.mark.parametrize("stage", ["MAIL", "BODY"])
async def test_a_reply_that_drips_is_not_waited_for_without_end(way: dict[str, Any], stage: str) -> None:
    """The limit is for the whole answer; octets that come do not put it off."""
    async with HostileServer(_script(way)) as server:
        lane = await open_lane(_transport(server, way, timeout_seconds=0.3, final_timeout_seconds=0.3))
        server.script.drip_seconds = 0.05
        server.script.replies[stage] = "250 " + "x" * 1000
        if stage == "BODY":
            server.script.replies |= {"MAIL": "250", "RCPT": "250", "DATA": "354"}
        async with asyncio.timeout(10):
            [(_, outcome)] = await hand_over_all(lane, _envelopes(1))
        await lane.close()
    assert outcome.state is (DEFERRED if stage == "MAIL" else UNCERTAIN)


@pytest.mark.parametrize("take_over", [True, False])
async def test_the_answer_to_a_whole_mail_may_take_longer_than_others(take_over: bool) -> None:
    """It is scanned for spam meanwhile; who asks too early leaves a mail uncertain that is taken."""
    async with HostileServer() as server:
        server.on_mail = lambda _mail: asyncio.sleep(0.6)
        limits = {"timeout_seconds": 0.4, "final_timeout_seconds": 10}
        outcome = await _send_one(server, {"take_over": take_over}, **limits)
    assert outcome.state is ACCEPTED


async def test_replies_split_at_every_octet_are_read(way: dict[str, Any]) -> None:
    """Slow is not wrong."""
    script = _script(way, {"RCPT": ["250-2.1.5 two\r\n250 2.1.5 lines", "550-5.1.1 no\r\n550 5.1.1 body"]})
    async with HostileServer(script) as server:
        server.script.drip_seconds = 0
        lanes = await send_all(_transport(server, way, **SLOW), _envelopes(3))
    assert _states(lanes) == [[ACCEPTED, REFUSED, ACCEPTED]]


async def test_cutting_a_lane_ends_what_is_under_way(way: dict[str, Any]) -> None:
    """A stop in a hurry still gets a definite outcome, even from a server that does not read."""

    async with HostileServer(_script(way, stops_reading=True)) as server:
        lane = await _transport(server, way, **SLOW).open_lane()
        sending = asyncio.create_task(hand_over_all(lane, _envelopes(2, LARGE)))
        await server.heard("(body)")
        lane.abort()
        outcomes = await sending
    assert [outcome.state for _, outcome in outcomes] == [UNCERTAIN, DEFERRED][: len(outcomes)]


async def test_a_server_that_stops_reading_is_given_up(way: dict[str, Any]) -> None:
    """Nothing hangs, not even the goodbye."""

    async with HostileServer(_script(way, stops_reading=True)) as server, asyncio.timeout(10):
        lane = await _transport(server, way, final_timeout_seconds=0.3).open_lane()
        outcomes = await hand_over_all(lane, _envelopes(1, LARGE))
        await lane.close()
    assert outcomes[0][1].state is UNCERTAIN


async def test_a_server_that_ends_its_side_and_stops_reading_is_given_up() -> None:
    """A half-closed connection must not be waited for until it is flushed."""

    async with HostileServer(Script(stops_reading=True)) as server, asyncio.timeout(5):
        lane = await relay_to(server, **SLOW).open_lane()
        sending = asyncio.create_task(hand_over_all(lane, _envelopes(1, LARGE)))
        await server.heard("(body)")
        server.conversations[0].end_our_side()
        outcomes = await sending
    assert outcomes[0][1].state is UNCERTAIN


async def test_a_server_that_never_says_goodbye_is_left(way: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing is politeness and has its limit."""
    for module in ("lane", "plain"):
        monkeypatch.setattr(f"digest.deliver.transports.smtp.{module}._GOODBYE_SECONDS", 0.1)
    async with HostileServer(_script(way, {"QUIT": SILENCE})) as server, asyncio.timeout(5):
        lane = await _transport(server, way, **SLOW).open_lane()
        await lane.close()
    assert not lane.is_usable


async def test_a_protected_lane_carries_and_ends_as_any(way: dict[str, Any]) -> None:
    """TLS has a buffer and a goodbye of its own."""
    async with HostileServer(_script(way, certificate="localhost.pem")) as server:
        relay = Relay("127.0.0.1", server.port, Tls.STARTTLS, timeout_seconds=10, messages=3)
        take_over = way.get("take_over", True)
        transport = SmtpTransport(relay, tls_context=trusting_context(), take_over=take_over)

        lanes = await send_all(
            transport, [*_envelopes(3), *_envelopes(2, STUFFED[:-3] + b"x\r\n" * 300_000 + b".\r\n")]
        )
        server.script.replies["MAIL"] = SILENCE
        server.commands.clear()
        lane = await transport.open_lane()
        sending = asyncio.create_task(hand_over_all(lane, _envelopes(1)))
        await server.heard("MAIL")
        lane.abort()
        [(_, cut)] = await sending

    assert _states(lanes) == [[ACCEPTED] * 3, [ACCEPTED] * 2]
    assert len(server.mails[-1].content) == len(BODY) + 900_000
    assert (cut.state, cut.charged) == (DEFERRED, False)


# ── out of step ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("extra", ["250 2.0.0 extra", "550 5.1.1 extra", "354 extra"])
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
async def test_one_answer_too_many_refuses_and_sends_nothing(stage: str, extra: str) -> None:
    """Answers are paired by order alone, so what was read of this envelope is not believed."""
    good = {"MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 ok"}[stage]
    async with HostileServer(Script({stage: [f"{good}\r\n{extra}"]})) as server:
        lane = await relay_to(server).open_lane()
        outcomes = await hand_over_all(lane, _envelopes(3))
        await lane.close()

    assert [(outcome.state, outcome.charged) for _, outcome in outcomes] == [(DEFERRED, False)] * 2
    assert server.mails == []


async def test_an_answer_begun_before_the_body_came_sends_nothing() -> None:
    """Its end would be taken for the answer to the body."""
    async with HostileServer(Script({"DATA": "354 go\r\n250-2.0.0 taken"})) as server:
        [(_, outcome)] = (await send_all(relay_to(server), _envelopes(1)))[0]
    assert (outcome.state, outcome.charged, server.mails) == (DEFERRED, False, [])


@pytest.mark.parametrize("extra", ["250 2.0.0 extra", "550 5.1.1 extra", "354 extra", "banana"])
async def test_one_answer_too_many_after_a_mail_leaves_that_mail_taken(extra: str) -> None:
    """And the one behind it comes to no harm."""
    async with HostileServer(Script({"BODY": [f"250 ok\r\n{extra}"]})) as server:
        lane = await relay_to(server).open_lane()
        outcomes = await hand_over_all(lane, _envelopes(4))
        await lane.close()

    assert [(outcome.state, outcome.charged) for _, outcome in outcomes] == [(ACCEPTED, True), (DEFERRED, False)]
    assert server.recipients == ["reader0@b.example"]


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
async def test_one_answer_too_few_sends_nothing(way: dict[str, Any], stage: str) -> None:
    """The lane waits for it, and then gives up."""
    async with HostileServer(_script(way, {stage: [NOTHING]})) as server:
        outcome = await _send_one(server, way, timeout_seconds=0.2)
    assert (outcome.state, outcome.charged) == (DEFERRED, False)
    assert server.mails == []


@pytest.mark.parametrize(("said", "state"), [("250 2.0.0 thanks already", UNCERTAIN), ("550 5.1.1 no", REFUSED)])
async def test_a_mail_is_not_believed_taken_before_it_was_whole(said: str, state: DeliveryState) -> None:
    """A 250 that comes while the body is still on its way answers something else; a refusal has heard enough."""

    async with HostileServer(Script(stops_reading=True)) as server:
        lane = await relay_to(server, **SLOW).open_lane()
        sending = asyncio.create_task(hand_over_all(lane, _envelopes(1, LARGE)))
        await server.heard("(body)")
        server.conversations[0].say(said)
        [(_, outcome)] = await sending
    assert outcome.state is state


_ANSWERS = st.sampled_from(
    [
        *["good"] * 4,
        *["450 4.2.1 busy", "550 5.1.1 no", "421 4.3.2 bye", CLOSE, "banana", "250 ok", "354 go"],
        *["good\r\n250 extra", "good\r\n550 5.1.1 extra", "250-multi\r\ngood"],
    ]
)
_GOOD = {"MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok", "DATA": "354 go", "BODY": "250 2.0.0 taken", "RSET": "250 ok"}
_SCRIPTS = st.fixed_dictionaries(
    {
        stage: st.lists(_ANSWERS, max_size=6).map(lambda answers, good=good: [a.replace("good", good) for a in answers])
        for stage, good in _GOOD.items()
    }
)


# aiosmtplib throws away what is said unasked, so the fallback cannot notice it.
@pytest.mark.parametrize("name", ["pipelined", "one-at-a-time"])
@effort(max_examples=80, deadline=None)
@given(replies=_SCRIPTS, takes_data=st.booleans())
async def test_whatever_a_server_says_nobody_is_lost_or_gets_two(
    name: str, replies: dict[str, Any], takes_data: bool
) -> None:
    """Each envelope has one outcome; accepted means taken; deferred goes again; at most one is in doubt per lane."""
    script = _script(WAYS[name], {stage: list(answers) for stage, answers in replies.items()}, takes_data=takes_data)
    async with HostileServer(script) as server:
        transport = relay_to(server, timeout_seconds=0.1, final_timeout_seconds=0.1)
        waiting, ended = _envelopes(6), dict[int, DeliveryState]()
        while waiting:
            for lane in await send_all(transport, waiting):
                assert sum(outcome.state is UNCERTAIN for _, outcome in lane) <= 1
                ended |= {number: outcome.state for number, outcome in lane}
            waiting = [envelope for envelope in waiting if ended[envelope.delivery_id] is DEFERRED]

    taken = Counter(server.recipients)
    for number, state in ended.items():
        times = taken[f"reader{number}@b.example"]
        assert times == 1 if state is ACCEPTED else times <= (state is UNCERTAIN)

"""The SMTP transport, against servers that behave and servers that do not."""

import asyncio
from typing import Any

import pytest

from digest.config import Tls
from digest.deliver.transports.smtp import Relay, SmtpTransport
from digest.errors import RelayLoginError, RelayUnavailableError
from digest.models import DeliveryState, Outcome
from tests.support.smtp_server import CLOSE, SILENCE, HostileServer, Script, trusting_context

pytestmark = pytest.mark.anyio

CONTENT = "Subject: test\r\n\r\n가온일보\r\n.\r\n..two\r\nend\r\n".encode()
SENDER, READER = "news@gaon.example", "reader@b.example"


def _relay(server: HostileServer, **changes: Any) -> Relay:
    values: dict[str, Any] = {"tls": Tls.NONE, "timeout_seconds": 0.3, "final_timeout_seconds": 0.3, **changes}
    return Relay("127.0.0.1", server.port, **values)


async def _send(server: HostileServer, **changes: Any) -> Outcome:
    connection = await SmtpTransport(_relay(server, **changes)).open_connection()
    try:
        return await connection.send(SENDER, READER, CONTENT)
    finally:
        await connection.close()


async def test_a_mail_arrives_byte_for_byte_with_its_envelope() -> None:
    """Lines that begin with a dot come out as they went in; one recipient per mail (rule D26)."""
    async with HostileServer() as server:
        outcome = await _send(server)

    assert outcome.state is DeliveryState.ACCEPTED
    [mail] = server.mails
    assert (mail.envelope_from, mail.recipient, mail.content) == (SENDER, READER, CONTENT)
    assert mail.options == f"SIZE={len(CONTENT)} BODY=8BITMIME"


async def test_a_relay_without_8bitmime_is_not_asked_for_it() -> None:
    """The sender then writes base64; an unknown parameter would refuse every mail."""
    async with HostileServer(Script(extensions=())) as server:
        connection = await SmtpTransport(_relay(server)).open_connection()
        outcome = await connection.send(SENDER, READER, b"Subject: x\r\n\r\nx\r\n")
        await connection.close()

    assert not connection.eight_bit
    assert outcome.state is DeliveryState.ACCEPTED
    assert server.mails[0].options == ""


async def test_a_relay_that_knows_only_helo_is_spoken_to() -> None:
    """RFC 5321 §3.2: fall back rather than give up."""
    async with HostileServer(Script({"EHLO": "502 5.5.1 what?"})) as server:
        assert (await _send(server)).state is DeliveryState.ACCEPTED


async def test_many_mails_go_over_one_connection_until_its_cap() -> None:
    """Connections cost more than mails; some relays cut them after a number of mails."""
    async with HostileServer() as server:
        transport = SmtpTransport(_relay(server, messages=2))
        connection = await transport.open_connection()
        ready = []
        for _ in range(2):
            ready.append(await connection.is_ready())
            await connection.send(SENDER, READER, CONTENT)
        ready.append(await connection.is_ready())
        await connection.close()

    assert ready == [True, True, False]
    assert (server.connections, len(server.mails)) == (1, 2)
    assert server.commands[-1] == "QUIT"


async def test_a_refused_mail_leaves_the_connection_fit_for_the_next() -> None:
    """RSET after a refusal: the next reader's mail must not meet the last one's envelope."""
    async with HostileServer(Script(by_recipient={READER: "550 5.1.1 unknown"})) as server:
        connection = await SmtpTransport(_relay(server)).open_connection()
        refused = await connection.send(SENDER, READER, CONTENT)
        accepted = await connection.send(SENDER, "other@b.example", CONTENT)
        await connection.close()

    assert (refused.state, accepted.state) == (DeliveryState.REFUSED, DeliveryState.ACCEPTED)
    assert server.connections == 1
    assert "RSET" in server.commands
    assert server.recipients == ["other@b.example"]


# ── opening a connection ─────────────────────────────────────────────────────────────────────────────────────────

OPENING: list[tuple[str, dict[str, Any], dict[str, Any], type[Exception], str]] = [
    ("greeting-554", {"replies": {"greeting": "554 5.3.2 no service"}}, {}, RelayUnavailableError, "554 5.3.2"),
    ("greeting-421", {"replies": {"greeting": "421 4.3.2 busy"}}, {}, RelayUnavailableError, "421 4.3.2 busy"),
    ("greeting-close", {"replies": {"greeting": CLOSE}}, {}, RelayUnavailableError, "cannot be reached"),
    ("greeting-silent", {"replies": {"greeting": SILENCE}}, {}, RelayUnavailableError, "Timed out"),
    ("ehlo-silent", {"replies": {"EHLO": SILENCE}}, {}, RelayUnavailableError, "broke off at EHLO"),
    ("ehlo-close", {"replies": {"EHLO": CLOSE}}, {}, RelayUnavailableError, "broke off at EHLO"),
    ("ehlo-refused", {"replies": {"EHLO": "550 go", "HELO": "550 away"}}, {}, RelayUnavailableError, "550 away"),
    ("tls-stripped", {}, {"tls": Tls.STARTTLS}, RelayLoginError, "offers no STARTTLS"),
    (
        "tls-refused",
        {"certificate": "localhost.pem", "replies": {"STARTTLS": "454 4.7.0 not now"}},
        {"tls": Tls.STARTTLS},
        RelayUnavailableError,
        "454 4.7.0 not now at TLS",
    ),
    ("tls-wrong", {"certificate": "wrong.pem"}, {"tls": Tls.STARTTLS}, RelayLoginError, "cannot be trusted"),
    ("tls-not-spoken", {}, {"tls": Tls.IMPLICIT}, RelayLoginError, "does not speak TLS"),
    ("auth-not-offered", {}, {"user": "u", "password": "p"}, RelayLoginError, "no login that we can use"),
    (
        "auth-unknown-way",
        {"extensions": ("AUTH GSSAPI",)},
        {"user": "u", "password": "p"},
        RelayLoginError,
        "none of CRAM-MD5, PLAIN and LOGIN",
    ),
    (
        "auth-temporary",
        {"extensions": ("AUTH PLAIN",), "replies": {"AUTH": "454 4.7.0 database is down"}},
        {"user": "u", "password": "p"},
        RelayUnavailableError,
        "454 4.7.0 database is down",
    ),
]


@pytest.mark.parametrize(
    ("script", "relay", "error", "words"), [row[1:] for row in OPENING], ids=[row[0] for row in OPENING]
)
async def test_trouble_while_connecting_says_who_repairs_it(
    script: dict[str, Any], relay: dict[str, Any], error: type[Exception], words: str
) -> None:
    """A wrong setting waits for a person, a busy relay for time; neither costs a delivery anything."""
    async with HostileServer(Script(**script)) as server:
        transport = SmtpTransport(_relay(server, **relay), tls_context=trusting_context())
        with pytest.raises(error, match=words):
            await transport.open_connection()
        with pytest.raises(error, match=words):
            await transport.check()

    assert server.mails == []


@pytest.mark.parametrize("closes", [False, True], ids=["stays", "hangs-up"])
async def test_a_refused_login_is_told_in_the_relays_words(closes: bool) -> None:
    """Hanging up after 535 must not look like a lost connection."""
    script = Script(
        {"AUTH": "535 5.7.8 bad credentials"},
        extensions=("AUTH PLAIN LOGIN",),
        close_after_reply=frozenset({"AUTH"} if closes else ()),
    )
    async with HostileServer(script) as server:
        transport = SmtpTransport(_relay(server, user="news", password="wrong"))
        with pytest.raises(RelayLoginError, match=r"535 5\.7\.8 bad credentials.*SMTP_PASSWORD"):
            await transport.open_connection()


async def test_nobody_there_is_a_relay_that_cannot_be_reached() -> None:
    """A stopped relay comes back by itself."""
    async with HostileServer() as server:
        relay = _relay(server)
    with pytest.raises(RelayUnavailableError, match="cannot be reached"):
        await SmtpTransport(relay).open_connection()


@pytest.mark.parametrize("way", ["PLAIN", "LOGIN"])
async def test_logging_in_over_starttls_works(way: str) -> None:
    """The extensions are asked for anew after TLS, and the login goes over the protected connection."""
    script = Script(certificate="localhost.pem", extensions=("8BITMIME", f"AUTH {way}"))
    async with HostileServer(script) as server:
        relay = _relay(server, tls=Tls.STARTTLS, user="news", password="비밀", timeout_seconds=5)
        transport = SmtpTransport(relay, tls_context=trusting_context())
        report = await transport.check()
        connection = await transport.open_connection()
        outcome = await connection.send(SENDER, READER, CONTENT)
        await connection.close()

    assert outcome.state is DeliveryState.ACCEPTED
    assert report.logged_in
    assert report.eight_bit
    assert "certificate verified" in report.tls
    assert server.commands[:4] == ["EHLO " + server.commands[0][5:], "STARTTLS", server.commands[0], way]


async def test_a_certificate_may_be_left_unchecked_by_setting() -> None:
    """On the operator's own network a self-made certificate is better than none."""
    async with HostileServer(Script(certificate="wrong.pem")) as server:
        relay = _relay(server, tls=Tls.STARTTLS, verify=False, timeout_seconds=5)
        report = await SmtpTransport(relay).check()
    assert "not verified" in report.tls


async def test_check_of_a_relay_in_the_clear_says_so() -> None:
    """`digest doctor` must not call a connection protected that is not."""
    async with HostileServer() as server:
        report = await SmtpTransport(_relay(server)).check()
    assert (report.tls, report.logged_in, report.greeting) == ("", False, "hostile.test ESMTP")
    assert server.commands[-1] == "QUIT"


# ── breaking off in the middle ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", [CLOSE, SILENCE, "banana", "2"])
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
async def test_a_connection_lost_before_the_body_is_deferred_and_not_charged(stage: str, how: str) -> None:
    """Nothing was handed over; the same mail may go again over another connection."""
    async with HostileServer(Script({stage: how})) as server:
        outcome = await _send(server)

    assert (outcome.state, outcome.charged) == (DeliveryState.DEFERRED, False)
    assert stage in outcome.relay_problem
    assert server.mails == []


@pytest.mark.parametrize("how", [CLOSE, SILENCE, "banana", "354 go ahead"])
async def test_a_connection_lost_after_the_body_is_uncertain(how: str) -> None:
    """The server has the mail here, and never said so."""
    async with HostileServer(Script({"BODY": how})) as server:
        outcome = await _send(server)

    assert outcome.state is DeliveryState.UNCERTAIN
    assert len(server.mails) == 1


async def test_a_connection_cut_in_the_middle_of_the_body_is_uncertain() -> None:
    """From here it cannot be told from one cut after the dot."""
    async with HostileServer(Script(cut_body_after=10)) as server:
        outcome = await _send(server)
    assert outcome.state is DeliveryState.UNCERTAIN


async def test_421_closes_the_connection() -> None:
    """RFC 5321 §3.8: the server leaves, and the next mail needs a new connection."""
    async with HostileServer(Script({"MAIL": "421 4.7.0 too many"})) as server:
        connection = await SmtpTransport(_relay(server)).open_connection()
        outcome = await connection.send(SENDER, READER, CONTENT)
        assert not await connection.is_ready()

    assert (outcome.state, outcome.charged) == (DeliveryState.DEFERRED, False)


async def test_cutting_a_connection_ends_a_send_that_is_under_way() -> None:
    """A stop in a hurry still gets a definite outcome, even from a server that does not read."""
    async with HostileServer(Script(stops_reading=True)) as server:
        connection = await SmtpTransport(_relay(server, final_timeout_seconds=60)).open_connection()
        sending = asyncio.create_task(connection.send(SENDER, READER, CONTENT + b"x\r\n" * 8_000_000))
        await server.heard("(body)")
        connection.abort()
        outcome = await sending
    assert outcome.state is DeliveryState.UNCERTAIN


async def test_cutting_a_protected_connection_ends_a_send_too() -> None:
    """TLS has a goodbye of its own that must not be waited for."""
    async with HostileServer(Script({"MAIL": SILENCE}, certificate="localhost.pem")) as server:
        relay = _relay(server, tls=Tls.STARTTLS, timeout_seconds=30)
        connection = await SmtpTransport(relay, tls_context=trusting_context()).open_connection()
        sending = asyncio.create_task(connection.send(SENDER, READER, CONTENT))
        await server.heard("MAIL")
        connection.abort()
        outcome = await sending
    assert (outcome.state, outcome.charged) == (DeliveryState.DEFERRED, False)

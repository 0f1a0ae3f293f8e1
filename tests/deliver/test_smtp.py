"""Opening a connection to a relay, against servers that behave and servers that do not; `test_lane` has the rest."""

from typing import Any

import pytest

from digest.config import Tls
from digest.deliver.transport import Envelope
from digest.deliver.transports.smtp import Relay, SmtpTransport
from digest.errors import RelayLoginError, RelayUnavailableError
from digest.models.deliveries import DeliveryState
from tests.support.relay import send_all
from tests.support.smtp_server import CLOSE, SILENCE, HostileServer, Script, trusting_context

pytestmark = pytest.mark.anyio

CONTENT = b"Subject: test\r\n\r\nend\r\n.\r\n"


def _relay(server: HostileServer, **changes: Any) -> Relay:
    values: dict[str, Any] = {"tls": Tls.NONE, "timeout_seconds": 0.3, "final_timeout_seconds": 0.3, **changes}
    return Relay("127.0.0.1", server.port, **values)


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
            await transport.open_lane()
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
            await transport.open_lane()


async def test_nobody_there_is_a_relay_that_cannot_be_reached() -> None:
    """A stopped relay comes back by itself."""
    async with HostileServer() as server:
        relay = _relay(server)
    with pytest.raises(RelayUnavailableError, match="cannot be reached"):
        await SmtpTransport(relay).open_lane()


@pytest.mark.parametrize("way", ["PLAIN", "LOGIN"])
async def test_logging_in_over_starttls_works(way: str) -> None:
    """The extensions are asked for anew after TLS, and the login goes over the protected connection."""
    script = Script(certificate="localhost.pem", extensions=("8BITMIME", f"AUTH {way}"))
    async with HostileServer(script) as server:
        relay = _relay(server, tls=Tls.STARTTLS, user="news", password="비밀", timeout_seconds=5)
        transport = SmtpTransport(relay, tls_context=trusting_context())
        report = await transport.check()
        [[(_, outcome)]] = await send_all(transport, [Envelope(1, b"news@gaon.example", b"reader@b.example", CONTENT)])

    assert outcome.state is DeliveryState.ACCEPTED
    assert report.logged_in
    assert report.eight_bit
    assert "certificate verified" in report.tls
    assert server.commands[:4] == ["EHLO " + server.commands[0][5:], "STARTTLS", server.commands[0], way]


async def test_what_is_said_before_tls_is_not_believed_after_it() -> None:
    """Somebody between us and the relay could otherwise answer our second EHLO (RFC 3207 §4.2)."""
    script = Script({"STARTTLS": "220 2.0.0 go\r\n250-injected\r\n250 INJECTED"}, certificate="localhost.pem")
    async with HostileServer(script) as server:
        relay = _relay(server, tls=Tls.STARTTLS, timeout_seconds=5)
        report = await SmtpTransport(relay, tls_context=trusting_context()).check()
    assert "8bitmime" in report.extensions
    assert "injected" not in report.extensions


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

"""What we answer by ourselves: constant, marked as a machine's, under the null sender; and letters for the newsroom."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

import pytest

from digest import splice
from digest.addresses import parse
from digest.compose.kinds import confirm, people, reply
from digest.compose.kinds.people import Letter
from digest.compose.kinds.reply import Say
from digest.compose.render import Renderer
from digest.config import Settings
from digest.deliver import wire
from digest.deliver.transport import Envelope
from digest.deliver.transports.smtp.commands import Abilities, make_commands
from digest.models.deliveries import Delivery, Lane, Mail
from digest.subaddress import Detail
from digest.tokens import TokenPurpose
from tests.support.settings import make_settings

NOW = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
RENDERER = Renderer(None)
DELIVERY = Delivery(7, 1, None, None, parse("reader@b.example"), Lane.FIRST, 0, NOW, None)


@pytest.fixture
def settings() -> Settings:
    return make_settings(inbound_address="news@gaon.example", inbound_port=2525)


def _sent(mail: Mail, settings: Settings) -> EmailMessage:
    values: Mapping[str, bytes] = wire.values_for(DELIVERY, settings, NOW)
    return cast(EmailMessage, message_from_bytes(wire.assemble(mail, values, eight_bit=False), policy=policy.default))


def test_an_answer_says_that_a_machine_wrote_it(settings: Settings) -> None:
    """RFC 3834: whoever reads these fields answers nothing."""
    mail = _sent(reply.compose(RENDERER, settings, Say.HELP, "ko", message_id="x@example.com"), settings)

    assert (mail["Auto-Submitted"], mail["Precedence"], mail["X-Loop"]) == ("auto-replied", "bulk", "news@gaon.example")
    assert (mail["In-Reply-To"], mail["References"]) == ("<x@example.com>", "<x@example.com>")
    assert mail["Reply-To"] == "news@gaon.example"


@pytest.mark.parametrize("message_id", ["a@b>\r\nBcc: <v@example.com", "한글@b", "", "a b", "x" * 900, "\0"])
def test_a_strange_message_id_is_not_written_into_a_header(message_id: str, settings: Settings) -> None:
    """It is a stranger's text."""
    mail = _sent(reply.compose(RENDERER, settings, Say.HELP, "ko", message_id=message_id), settings)

    assert mail["In-Reply-To"] is None
    assert mail["Bcc"] is None


@pytest.mark.parametrize("say", [Say.UNSURE, Say.UNSURE_LEAVE])
def test_what_asks_for_an_answer_names_the_address_that_proves_it(say: Say, settings: Settings) -> None:
    """The answer comes back with a token that only this mail held."""
    mail = _sent(reply.compose(RENDERER, settings, say, "ko"), settings)

    addressed = settings.own_addresses.read(str(mail["Reply-To"]))
    assert addressed is not None
    assert settings.keyring.read(TokenPurpose.CONFIRM, addressed.token) == DELIVERY.id


@pytest.mark.parametrize("language", ["ko", "en"])
def test_a_confirmation_may_be_answered_where_there_is_a_door(language: str, settings: Settings) -> None:
    """시행령 제17조②5: a mail that holds the text of the consent is answered by a mail that agrees."""
    notices = [confirm.Notice("동의", (("목적", "소식"),))]

    mail = _sent(confirm.compose(RENDERER, settings, language, notices, by_mail=True), settings)

    addressed = settings.own_addresses.read(str(mail["Reply-To"]))
    assert addressed is not None
    assert addressed.detail is Detail.CONFIRM
    body = mail.get_body(("plain",))
    assert body is not None
    assert "목적: 소식" in body.get_content()


def test_without_a_door_a_confirmation_asks_for_no_answer() -> None:
    """Nobody would read it."""
    settings = make_settings()
    mail = _sent(confirm.compose(RENDERER, settings, "ko", []), settings)

    assert mail["Reply-To"] == "desk@gaon.example"
    assert "답장" not in str(mail.get_body(("plain",)))


def test_an_answer_holds_no_slots_but_the_known(settings: Settings) -> None:
    """Stored text is checked once more when it is sent."""
    mail = reply.compose(RENDERER, settings, Say.UNSURE, "ko")

    assert splice.checked(mail.headers)


def test_the_null_sender_asks_for_no_notice_of_failure() -> None:
    """RFC 5230 §5.1; only where the relay offers DSN."""
    envelope = Envelope(7, b"", b"reader@b.example", b"Subject: x\r\n\r\n.\r\n")

    with_dsn = make_commands(envelope, Abilities(pipelining=True, eight_bit=True, size=False, dsn=True))
    without = make_commands(envelope, Abilities(pipelining=True, eight_bit=True, size=False))

    assert with_dsn[:2] == (b"MAIL FROM:<>\r\n", b"RCPT TO:<reader@b.example> NOTIFY=NEVER\r\n")
    assert without[1] == b"RCPT TO:<reader@b.example>\r\n"


def test_a_letter_is_ours_outside_and_the_readers_inside(settings: Settings) -> None:
    """No word of a reader reaches a header; an answer goes to them."""
    letter = Letter(
        5,
        parse("kim@reader.example"),
        "홍길동\r\nBcc: x",
        "제보\r\nBcc: x",
        ("<b>안녕</b>", "\0recipient\0"),
        NOW,
        "아침 소식",
    )

    mail = _sent(people.compose(RENDERER, settings, letter), settings)

    assert (mail["From"].addresses[0].addr_spec, mail["Reply-To"]) == ("news@gaon.example", "kim@reader.example")
    assert mail["Subject"] == "[가온일보] 독자 답장: 아침 소식"
    assert mail["Bcc"] is None
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "<b>안녕</b>" in text.get_content()
    assert "&lt;b&gt;안녕" in html.get_content()
    assert "digest inbound show 5" in text.get_content()


def test_a_long_letter_is_cut() -> None:
    """The whole of it stays in the store."""
    lines = people.bounded("줄\n" * 1000)

    assert len(lines) == people.MAX_LINES + 1
    assert lines[-1] == "…"

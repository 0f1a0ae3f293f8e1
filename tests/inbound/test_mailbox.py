"""The mailbox, against a real Dovecot: kept first, moved then, and nothing else is touched."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from imap_tools.imap_utf7 import utf7_encode

from digest.config import Settings
from digest.database import Database
from digest.inbound.door import Intake
from digest.inbound.doors import imap
from digest.inbound.doors.imap import Mailbox, envelope_of
from tests.inbound.conftest import kept, serving
from tests.support.clock import StoppedClock
from tests.support.dovecot import Dovecot

pytestmark = pytest.mark.anyio

DONE, UNKNOWN = (utf7_encode(name).decode() for name in ("처리됨", "모르는 메일"))  # as they stand on the server
HEAD = b"Delivered-To: news+join@gaon.example\r\n"
MAIL = b"From: <hong@naver.example>\r\nMessage-ID: <%d@naver.example>\r\n\r\n\xed\x95\xb4\xec\xa7\x80\r\n"


@pytest.fixture
def server(imap_server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> Dovecot:
    """The server, with an empty mailbox; the door looks more often whether it is to stop."""
    monkeypatch.setattr(imap, "_LOOK_SECONDS", 0.05)
    client = imap_server.client()
    for folder in ("INBOX", DONE, UNKNOWN):
        status, told = client.select(f'"{folder}"')
        if status == "OK" and told != [b"0"]:
            client.store("1:*", "+FLAGS", r"\Deleted")
            client.expunge()
    client.logout()
    return imap_server


def mail(number: int, head: bytes = HEAD) -> bytes:
    return head + MAIL % number


async def until(is_so: Callable[[], bool], seconds: float = 15) -> None:
    """Wait for what the server does by itself."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(is_so):  # noqa: ASYNC110 (another process has no event)
            await asyncio.sleep(0.02)


async def test_a_mail_is_kept_and_then_moved(server: Dovecot, intake: Intake, ledger: Database) -> None:
    """Byte for byte, with the address it came to and its return path; folders of Korean names are made."""
    content = b"Return-Path: <hong@naver.example>\r\n" + mail(1)
    server.put(content)

    async with serving(Mailbox(intake, server.where())):
        await until(lambda: server.mails(DONE) == [content])

    assert await kept(ledger) == [("news+join@gaon.example", "hong@naver.example", content)]
    assert server.mails("INBOX") == []


async def test_a_mail_that_comes_later_is_noticed(server: Dovecot, intake: Intake, ledger: Database) -> None:
    """The server says so (IDLE): who unsubscribes need not wait for the next look."""
    async with serving(Mailbox(intake, server.where())):
        server.put(mail(1))
        await until(lambda: len(server.mails(DONE)) == 1)
        server.put(mail(2))
        await until(lambda: len(server.mails(DONE)) == 2)

    assert len(await kept(ledger)) == 2


@pytest.mark.parametrize(
    "content",
    [mail(1, b"To: else@gaon.example\r\n"), b"\r\n", b"\xff\xfe\r\n", b"Delivered-To: news@gaon.example",
     b"To: <\r\n\r\n", mail(2) + b"x" * 100_000],
)  # fmt: skip
async def test_what_is_not_for_us_is_put_where_a_person_finds_it(
    server: Dovecot, intake: Intake, ledger: Database, content: bytes
) -> None:
    """For nobody of ours, unreadable, or too large: never deleted, and not looked at again and again."""
    server.put(content)

    async with serving(Mailbox(intake, server.where())):
        await until(lambda: server.mails("INBOX") == [])

    assert len(server.mails(UNKNOWN)) + len(server.mails(DONE)) == 1
    assert len(server.mails(DONE)) == len(await kept(ledger))


async def test_what_cannot_be_kept_stays(
    server: Dovecot, settings: Settings, clock: StoppedClock, tmp_path: Path
) -> None:
    """A database that is away must not cost a mail; it stays where it was, unread."""
    (tmp_path / "empty.sqlite3").mkdir()
    away = Database.open(f"sqlite:///{tmp_path}/empty.sqlite3")
    server.put(mail(1))

    async with serving(Mailbox(Intake(away, settings, clock), server.where())):
        await asyncio.sleep(0.5)
    await away.close()

    client = server.client()
    client.select("INBOX", readonly=True)
    flags = client.fetch("1", "(FLAGS)")[1]
    client.logout()
    assert server.mails("INBOX") == [mail(1)]
    assert b"Seen" not in b"".join(each for each in flags if isinstance(each, bytes))


async def test_a_mail_that_was_kept_and_not_moved_acts_once(server: Dovecot, intake: Intake, ledger: Database) -> None:
    """Killed between the two steps, the next start finds it again."""
    await intake.keep(imap.Door.IMAP, ["news+join@gaon.example"], "", mail(1))
    server.put(mail(1))

    async with serving(Mailbox(intake, server.where())):
        await until(lambda: len(server.mails(DONE)) == 1)

    assert len(await kept(ledger)) == 1


async def test_what_others_marked_as_deleted_is_left_to_them(server: Dovecot, intake: Intake, ledger: Database) -> None:
    """Somebody may still take the mark back; we neither read nor expunge it."""
    server.put(mail(1), mail(2))
    client = server.client()
    client.select("INBOX")
    client.store("1", "+FLAGS", r"\Deleted")

    async with serving(Mailbox(intake, server.where())):
        await until(lambda: len(server.mails(DONE)) == 1)
    client.logout()

    assert server.mails("INBOX") == [mail(1)]


@pytest.mark.parametrize("abilities", [("UIDPLUS", "IDLE"), ("IDLE",)])
async def test_a_server_that_cannot_move_gets_a_copy(
    server: Dovecot, intake: Intake, ledger: Database, monkeypatch: pytest.MonkeyPatch, abilities: tuple[str, ...]
) -> None:
    """And only where one mail alone can be expunged the first is; else it keeps its mark, and is not read again."""
    connect = imap.connect

    def less_able(where: imap.Where) -> imap.BaseMailBox:
        box = connect(where)
        box.client.capabilities = abilities
        return box

    monkeypatch.setattr(imap, "connect", less_able)
    server.put(mail(1))
    client = server.client()
    client.append("INBOX", r"\Deleted", "", mail(2))
    client.logout()

    async with serving(Mailbox(intake, server.where())):
        await until(lambda: server.mails(DONE) == [mail(1)])

    assert server.mails("INBOX") == ([mail(2)] if "UIDPLUS" in abilities else [mail(1), mail(2)])
    assert len(await kept(ledger)) == 1


async def test_a_server_that_goes_away_is_come_back_to(
    server: Dovecot, intake: Intake, ledger: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third time in a row the operator is told; when it is there again the matter is over by itself."""
    monkeypatch.setattr(imap, "_LONGEST_PAUSE", 0.05)

    def matters() -> set[str]:
        with sa.create_engine(f"sqlite:///{ledger.engine.url.database}").connect() as connection:
            table = sa.Table("alerts", sa.MetaData(), autoload_with=connection)
            return set(connection.execute(sa.select(table.c.matter).where(table.c.resolved_at.is_(None))).scalars())

    async with serving(Mailbox(intake, server.where())):
        server.put(mail(1))
        await until(lambda: len(server.mails(DONE)) == 1)
        await asyncio.to_thread(server.stop)
        await until(lambda: matters() == {"inbound:imap"})
        await asyncio.to_thread(server.start)
        server.put(mail(2))
        await until(lambda: len(server.mails(DONE)) == 2)
        await until(lambda: matters() == set())

    assert len(await kept(ledger)) == 2


HEADERS = ("Delivered-To", "X-Original-To", "To", "Cc")


@pytest.mark.parametrize(
    ("head", "recipient"),
    [
        ("To: news@gaon.example\nDelivered-To: news+leave+abc@gaon.example", "news+leave+abc@gaon.example"),
        ("Delivered-To: box@host.example\nTo: <NEWS+join@gaon.example>", "NEWS+join@gaon.example"),
        ('To: "news" <news@host.example> <news@gaon.example>', "news@gaon.example"),
        ("To: a@b.example, =?utf-8?b?6rWs64+F?= <news@gaon.example>", "news@gaon.example"),
        ("Cc: undisclosed: desk@gaon.example;", "desk@gaon.example"),
        ("Bcc: news@gaon.example", None),
        ("Subject: x\n\nTo: news@gaon.example", None),
    ],
)
async def test_the_address_a_mail_came_to_is_read_from_its_head(
    intake: Intake, head: str, recipient: str | None
) -> None:
    """The best field first, as the operator has put them; what programs make of `To` is borne with."""
    assert envelope_of(head.encode() + b"\n\nbody", HEADERS, intake)[0] == recipient

"""`digest inbound list|show|again`, and what `explain` and the metrics tell of mail that came back."""

import pytest
import sqlalchemy as sa

from digest.clock import utc_now
from digest.database import Database, raw_mails
from digest.database.tables import raw_mails as table
from digest.models.inbound import Door, Outcome
from digest.operate.metrics import Metrics
from tests.support.commands import Commands

KIM = "kim@naver.example"
TOKEN = "a2" * 18 + "b"
MAIL = (
    "From: 김가온 <kim@naver.example>\r\nSubject: 잘 읽었습니다\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    f"고맙습니다 \x1b[31m\r\nhttps://gaon.example/u/{TOKEN}\r\n"
).encode()


async def write(database: Database) -> None:
    mail = raw_mails.NewRawMail(Door.LMTP, (f"news+leave+{TOKEN}@gaon.example",), KIM, utc_now(), MAIL)
    await database.write(lambda connection: raw_mails.keep(connection, mail))


async def become(database: Database, outcome: Outcome) -> None:
    async with database.begin() as connection:
        await connection.execute(sa.update(table).values(outcome=outcome, detail="TemplateError", sender=KIM))


async def outcome(database: Database) -> str:
    async with database.read() as connection:
        return str((await connection.execute(sa.select(table.c.outcome))).scalar_one())


def test_the_list_shows_what_came_without_tokens(commands: Commands) -> None:
    """Who looks over the operator's shoulder must not be able to unsubscribe anybody."""
    commands.act(write)

    shown = commands("inbound", "list").stdout
    [told] = commands.json("inbound", "list", "--outcome", "kept")["mails"]

    assert TOKEN not in shown
    assert (told["recipient"], told["envelope_from"], told["outcome"]) == ("news+leave+…@gaon.example", KIM, "kept")
    assert commands.json("inbound", "list", "--outcome", "bounce")["mails"] == []


def test_one_mail_is_shown_as_its_writer_wrote_it(commands: Commands) -> None:
    """In Korean, without what would steer the terminal, and without tokens."""
    commands.act(write)

    shown = commands("inbound", "show", "1").stdout

    assert "잘 읽었습니다" in shown
    assert "고맙습니다 �[31m" in shown
    assert TOKEN not in shown
    assert commands.json("inbound", "show", "1")["mail"]["subject"] == "잘 읽었습니다"


def test_the_raw_mail_comes_out_byte_for_byte(commands: Commands) -> None:
    """For a mail program, or as evidence."""
    commands.act(write)

    assert commands("inbound", "show", "1", "--raw").stdout_bytes == MAIL


def test_a_mail_that_failed_is_tried_again_on_demand(commands: Commands) -> None:
    """After the fault is repaired; one that was acted upon is not done twice."""
    commands.act(write)
    commands.act(lambda database: become(database, Outcome.FAILED))

    commands("inbound", "again", "1")

    assert commands.act(outcome) == Outcome.KEPT
    commands.act(lambda database: become(database, Outcome.COMMANDED))
    assert "acted upon" in commands("inbound", "again", "1", code=1).stderr
    assert commands.act(outcome) == Outcome.COMMANDED


def test_a_mail_that_is_not_there_is_one_clear_sentence(commands: Commands) -> None:
    """Mails are removed after 30 days."""
    assert "There is no mail 7." in commands("inbound", "show", "7", code=1).stderr


def test_explain_tells_what_came_back(commands: Commands) -> None:
    """Who asks why a reader gets nothing must see the bounce, or the command, that ended it."""
    commands.act(write)
    commands.act(lambda database: become(database, Outcome.BOUNCE))

    told = commands.json("explain", KIM, code=1)["came_back"]

    assert [(each["id"], each["outcome"]) for each in told] == [(1, "bounce")]
    assert "bounce" in commands("explain", KIM, code=1).stdout
    assert commands.json("explain", "lee@naver.example", code=1)["came_back"] == []


@pytest.mark.anyio
async def test_metrics_count_what_became_of_mails(database: Database) -> None:
    """A rise of bounces is seen on the operator's own board."""
    await write(database)

    told = (await Metrics(database, utc_now).exposition()).decode()

    assert 'digest_inbound_mails{door="lmtp",outcome="kept"} 1.0' in told

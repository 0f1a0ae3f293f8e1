"""`digest audit`, and that every command which touches people's data writes it."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
import typer

from digest.clock import utc_now
from digest.database import Database, raw_mails
from digest.database.tables import audit
from digest.models.inbound import Door
from digest.operate.cli import app
from tests.support.commands import Commands

KIM = "kim@naver.example"
# Every command that looks at people or hands out, adds, changes or erases them: the words, and the name of the act.
NOTED: dict[str, tuple[str, ...]] = {
    "subscribers add": ("lee@naver.example", "--consent", "a form"),
    "subscribers list": (),
    "subscribers show": (KIM,),
    "subscribers remove": (KIM,),
    "subscribers import": ("list.csv", "--source", "a form", "--yes"),
    "subscribers export": ("--reason", "moving house", "--file", "out.csv"),
    "subscribers erase": (KIM, "--yes"),
    "suppressions add": (KIM,),
    "suppressions lift": ("old@naver.example",),
    "consent show": (KIM,),
    "consent due": (),
    "consent export": ("--reason", "inquiry 7", "--since", "2020-01-01", "--file", "ledger.csv"),
    "privacy prove": (KIM,),
    "explain": (KIM,),
    "inbound list": (),
    "inbound show": ("1",),
    "inbound again": ("1",),
}
# Commands that take an address, or stand beside those above, and tell nothing about any reader.
NOT_PEOPLE = {
    "suppressions list": "keyed hashes only",
    "privacy periods": "what is kept how long",
    "send-test": "a mail to the operator's own address",
}


async def write_to_us(database: Database) -> None:
    """Let a mail come back, the first one."""
    mail = raw_mails.NewRawMail(
        Door.LMTP, ("news@gaon.example",), KIM, utc_now(), b"From: kim\r\n\r\n\xed\x95\xb4\xec\xa7\x80"
    )
    await database.write(lambda connection: raw_mails.keep(connection, mail))


def leaves(group: Any, before: str = "") -> Iterator[tuple[str, list[str]]]:  # Any: the library's inner click
    """All commands, with the names of what they take."""
    for name, command in group.commands.items():
        words = f"{before} {name}".strip()
        if hasattr(command, "commands"):
            yield from leaves(command, words)
        else:
            yield words, [each.name for each in command.params]


def test_every_command_about_people_is_known_to_be_noted_or_not() -> None:
    """A new one must be put into one of the two lists, and the first of them is tried out below."""
    groups = {name.partition(" ")[0] for name in NOTED if " " in name}
    found = {
        words
        for words, takes in leaves(typer.main.get_command(app))
        if words.partition(" ")[0] in groups or ("address" in takes and not words.startswith("audit"))
    }

    assert found == {*NOTED, *NOT_PEOPLE}


@pytest.mark.parametrize("words", NOTED)
def test_the_act_is_noted_with_whose_and_no_address(commands_on_sqlite: Commands, words: str) -> None:
    """고시 제8조: who, when, from where, whose, what. The log outlives the address, so it must not hold it."""
    commands = commands_on_sqlite
    commands("subscribers", "add", KIM, "--consent", "a form")
    commands("suppressions", "add", "old@naver.example")
    (commands.folder / "list.csv").write_text("new@naver.example\n")

    async def noted(database: Database) -> list[Any]:  # Any: rows of the table
        async with database.read() as connection:
            return list((await connection.execute(sa.select(audit).order_by(audit.c.id))).all())

    commands.act(write_to_us)
    before = len(commands.act(noted))
    code = 1 if words in ("explain", "privacy prove") else 0
    commands(*words.split(), *NOTED[words], code=code)

    [row] = commands.act(noted)[before:]
    assert row.what == words.replace(" ", ".")
    assert row.who
    assert row.from_where.startswith("command on ")
    assert len(row.whose) == (64 if any("@" in word for word in NOTED[words]) and words != "subscribers add" else 0)
    assert "@" not in repr(row.details)


def test_the_list_finds_what_was_done_with_one_persons_data(commands: Commands) -> None:
    """개인정보 보호법 제35조: they may ask who looked."""
    commands("subscribers", "add", KIM, "lee@naver.example", "--consent", "a form")
    commands("subscribers", "show", KIM)
    commands("subscribers", "show", "lee@naver.example")
    commands("consent", "show", KIM)

    found = commands.json("audit", "list", "--address", KIM)["audit"]

    assert [each["what"] for each in found] == ["consent.show", "subscribers.show"]
    assert [n["what"] for n in commands.json("audit", "list", "--what", "subscribers.a")["audit"]] == [
        "subscribers.add"
    ]
    assert "subscribers.show" in commands("audit", "list").stdout


def test_verify_says_what_is_broken(commands: Commands) -> None:
    """Exit code 1, so that a monthly job notices; the look itself is noted."""
    commands("subscribers", "list")
    noted = commands.json("audit", "verify")["last"]
    assert "none changed or removed" in commands("audit", "verify", "--noted", noted).stdout

    async def tamper(database: Database) -> None:
        async with database.begin() as connection:
            await connection.execute(sa.update(audit).where(audit.c.id == 1).values(who="somebody else"))

    commands.act(tamper)

    assert "Row 1 does not follow" in commands("audit", "verify", code=1).stderr
    commands("audit", "verify", "--noted", "0" * 63 + "1", code=1)
    assert commands.json("audit", "list", "--limit", "1")["audit"][0]["what"] == "audit.verify"


def test_periods_are_shown_as_people_say_them(commands_on_sqlite: Commands) -> None:
    """Two years, not 731 days; programs get the number."""
    shown = commands_on_sqlite("privacy", "periods").stdout
    rows = commands_on_sqlite.json("privacy", "periods")

    assert all(period in shown for period in ("72 hours", "30 days", "3 months", "6 months", "2 years"))
    assert "731 days" not in shown
    assert 731 in {row["kept_days"] for row in rows}

"""`digest blocks`: an advert comes into an edition, is looked at, and is taken out again."""

import pytest

from digest.models.editions import BlockKind
from digest.operate.cli.blocks import Kind
from tests.support.commands import Commands

DAYS = ("--from", "2020-01-01", "--until", "2039-12-31")


def test_block_is_added_listed_and_ended(commands: Commands) -> None:
    """The three commands an advertising desk needs; ending twice says so."""
    added = commands("blocks", "add", "겨울 할인", "--kind", "ad", *DAYS, "--link", "https://shop.example/?a=1").stdout
    [block] = commands.json("blocks", "list")["blocks"]
    listed = commands("blocks", "list").stdout

    assert "Block 1 (ad) is in the editions of all slots 2020-01-01 to 2039-12-31." in added
    assert (block["kind"], block["title"], block["link"]) == ("ad", "겨울 할인", "https://shop.example/?a=1")
    assert (block["from_at"], block["until_at"]) == ("2019-12-31T15:00:00+00:00", "2039-12-31T15:00:00+00:00")
    assert "겨울 할인" in listed
    commands("blocks", "end", "1")
    commands("blocks", "end", "1", code=1)
    assert commands.json("blocks", "list")["blocks"] == []
    assert len(commands.json("blocks", "list", "--all")["blocks"]) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        ("--link", "javascript:alert(1)"),
        ("--link", "https://user:word@shop.example/"),
        ("--link", "https://shop.example/\u202e"),
        ("--link", 'https://shop.example/"onclick="x'),
        ("--link", "https://[shop"),
        ("--picture", "http://shop.example/a.jpg"),
        ("--until", "2019-12-31"),
        ("--text", "가" * 601),
        ("--text", "줄\r끝"),
        ("--kind", "banner"),
    ],
)
def test_what_cannot_be_shown_is_refused(commands_on_sqlite: Commands, wrong: tuple[str, str]) -> None:
    """An address that leads nowhere, or into a reader's browser, never reaches a mail."""
    commands_on_sqlite("blocks", "add", "겨울 할인", "--kind", "ad", *DAYS, *wrong, code=2)
    assert commands_on_sqlite.json("blocks", "list", "--all")["blocks"] == []


def test_advert_without_a_sender_is_refused_and_the_doctor_tells(commands_on_sqlite: Commands) -> None:
    """What was added before the settings lost their sender is told of, too."""
    commands = commands_on_sqlite
    commands("blocks", "add", "겨울 할인", "--kind", "ad", *DAYS)
    assert "editions carry adverts" in commands("doctor", code=0).stdout

    commands.settings["PHONE"] = "000-0000-0000"
    assert "PHONE does not say who sends it" in commands("blocks", "add", "봄", "--kind", "ad", *DAYS, code=3).stderr
    commands("blocks", "add", "휴간 안내", "--kind", "editorial", *DAYS)
    assert "editions with adverts are held: PHONE" in commands("doctor", code=1).stdout


def test_unknown_slot_is_told(commands_on_sqlite: Commands) -> None:
    """A block of a slot that does not exist would never be seen."""
    refused = commands_on_sqlite("blocks", "add", "할인", "--kind", "ad", *DAYS, "--slot", "noon", code=1)
    assert "morning" in refused.stderr


def test_kinds_are_those_of_the_house() -> None:
    """The command has its own list, so that `--help` answers at once."""
    assert {kind.value for kind in Kind} == {kind.value for kind in BlockKind}

"""`digest subscribers`: consent first, every refusal with its reason, and nobody is brought back by an old list."""

from datetime import timedelta

import sqlalchemy as sa

from digest.addresses import parse
from digest.database import Database, choices, notices, subscribers
from digest.database.notices import NewNotice
from digest.database.tables import deliveries, messages
from digest.models.deliveries import DeliveryState, MessageKind
from digest.models.notices import Cause, NoticeClass
from digest.models.readers import Choices, Format, SlotChoice
from tests.support.clock import StoppedClock
from tests.support.commands import Commands
from tests.support.newsroom import Newsroom

CONSENT = ("--consent", "paper forms of the town fair, 2026-10-03")


def test_add_needs_to_know_where_the_consent_came_from(commands_on_sqlite: Commands) -> None:
    """정보통신망법 제50조: the sender proves the consent. Blank words are none."""
    assert "--consent" in commands_on_sqlite("subscribers", "add", "kim@reader.example", code=2).stderr
    commands_on_sqlite("subscribers", "add", "kim@reader.example", "--consent", "  ", code=2)

    assert commands_on_sqlite.json("subscribers", "list")["subscribers"] == []


def test_add_stores_reader_slot_and_consent(commands: Commands) -> None:
    """With one slot in EDITIONS it need not be named."""
    said = commands("subscribers", "add", "Kim@Reader.example", "--format", "text", *CONSENT).stdout

    [reader] = commands.json("subscribers", "list")["subscribers"]
    assert said.startswith("1 added")
    assert reader["address"] == "Kim@reader.example"
    assert (reader["slots"], reader["format"], reader["language"]) == (["morning"], "text", "ko")
    assert reader["consent"] == CONSENT[1]


def test_add_wants_the_slot_named_when_there_are_several(commands_on_sqlite: Commands) -> None:
    """Guessing would mail people what they did not ask for."""
    commands_on_sqlite.settings["EDITIONS"] = "morning | 아침 | 0 7 * * *\nweekly | 주간 | 0 8 * * sat"

    result = commands_on_sqlite("subscribers", "add", "kim@reader.example", *CONSENT, code=2)
    commands_on_sqlite("subscribers", "add", "kim@reader.example", "--slot", "weekly", *CONSENT)

    assert "morning, weekly" in result.stderr
    [reader] = commands_on_sqlite.json("subscribers", "list")["subscribers"]
    assert reader["slots"] == ["weekly"]


def test_a_file_is_added_line_by_line_and_refused_lines_are_told(commands: Commands) -> None:
    """One typing mistake in a list must neither stop the list nor be swallowed."""
    lines = [
        "# town fair",
        "kim@reader.example",
        "",
        "lee@reader.example  # by phone",
        "no address",
        "a@b@c",
        "kim@reader.example",
    ]
    (commands.folder / "readers.txt").write_text("\ufeff" + "\n".join(lines), encoding="utf-8")

    result = commands("subscribers", "add", "--file", "readers.txt", *CONSENT, code=1)

    assert "2 added, 1 known before, 2 refused." in result.stdout
    told = [line.split(":")[0] for line in result.stderr.strip().splitlines()]
    assert told == ["no address", "a@b@c"]
    assert len(commands.json("subscribers", "list")["subscribers"]) == 2


def test_a_list_longer_than_a_transaction_is_added_whole(commands: Commands) -> None:
    """Readers are added in portions; none may fall between two of them."""
    (commands.folder / "readers.txt").write_text("\n".join(f"r{n}@reader.example" for n in range(120)))

    commands("subscribers", "add", "--file", "readers.txt", *CONSENT)

    assert commands.json("subscribers", "list")["by_state"]["active"] == 120
    assert len(commands.json("subscribers", "list", "--limit", "500")["subscribers"]) == 120


def test_an_old_list_does_not_bring_back_who_left(commands: Commands) -> None:
    """Importing the same list again is the commonest way to mail people who said no."""
    commands("subscribers", "add", "kim@reader.example", *CONSENT)
    commands("subscribers", "remove", "KIM@reader.example")

    result = commands("subscribers", "add", "kim@reader.example", *CONSENT, code=1)

    assert "left before" in result.stderr
    [reader] = commands.json("subscribers", "list", "--state", "left")["subscribers"]
    assert reader["left_at"] is not None


def test_remove_gives_up_mails_that_already_wait(commands: Commands, just_now: StoppedClock) -> None:
    """Who is taken off while an edition goes out gets nothing of it any more."""
    commands.act(lambda database: Newsroom(database, just_now).publish("다리 개통"))
    commands.act(lambda database: Newsroom(database, just_now).subscribe("kim", "lee"))
    commands("editions", "make", "morning")

    said = commands("subscribers", "remove", "kim@reader.example").stdout

    assert "1 waiting mail" in said
    assert commands.act(_notices) == ["kim@reader.example"]
    dropped = commands.act(lambda database: Newsroom(database, just_now).recipients(1, DeliveryState.DROPPED))
    assert dropped == ["kim"]
    assert commands.json("editions", "prove", "1")["adds_up"] is True


async def _notices(database: Database) -> list[str]:
    query = sa.select(deliveries.c.recipient).join(messages, deliveries.c.message_id == messages.c.id)
    async with database.read() as connection:
        return list((await connection.execute(query.where(messages.c.kind == MessageKind.NOTICE))).scalars())


def test_remove_says_no_to_who_is_no_reader(commands_on_sqlite: Commands) -> None:
    """A typing mistake must not look like success."""
    assert "no reader" in commands_on_sqlite("subscribers", "remove", "kim@reader.example", code=1).stderr
    commands_on_sqlite("subscribers", "remove", "kim", code=1)


def test_list_finds_readers_of_one_slot(commands_on_sqlite: Commands) -> None:
    """Who gets the weekly?"""
    commands_on_sqlite.settings["EDITIONS"] = "morning | 아침 | 0 7 * * *\nweekly | 주간 | 0 8 * * sat"
    commands_on_sqlite("subscribers", "add", "kim@reader.example", "--slot", "weekly", *CONSENT)
    commands_on_sqlite("subscribers", "add", "lee@reader.example", "--slot", "morning", *CONSENT)

    found = commands_on_sqlite.json("subscribers", "list", "--slot", "weekly")["subscribers"]

    assert [reader["address"] for reader in found] == ["kim@reader.example"]


def test_show_tells_what_a_reader_chose(commands: Commands, just_now: StoppedClock) -> None:
    """Whoever answers the telephone must see what the reader sees: days, hour, sections, words, pause."""
    chosen = Choices(
        language="en",
        format=Format.TEXT,
        slots=(SlotChoice("morning", sections=("시정",), weekdays=0b0100001, hour=9),),
        headlines=True,
        words=("다리", "도서관"),
        paused_until=just_now() + timedelta(days=3),
    )

    async def choose(database: Database) -> None:
        async with database.begin() as connection:
            found = await subscribers.find(connection, parse("kim@reader.example"))
            assert found is not None
            assert await choices.save(connection, found.id, chosen, at=just_now())

    commands("subscribers", "add", "kim@reader.example", *CONSENT)
    commands.act(choose)

    shown = commands.json("subscribers", "show", "KIM@reader.example")
    words = commands("subscribers", "show", "kim@reader.example").stdout

    assert (shown["state"], shown["language"], shown["format"], shown["headlines"]) == ("paused", "en", "text", True)
    assert shown["words"] == ["다리", "도서관"]
    assert shown["slots"] == [{"slot": "morning", "days": ["mon", "sat"], "hour": 9, "sections": ["시정"]}]
    assert shown["paused_until"]
    assert [each for each in ("headlines only", "다리, 도서관", "mon,sat", "09:00", "시정") if each not in words] == []
    assert "is no reader" in commands("subscribers", "show", "lee@reader.example", code=1).stderr


def test_show_tells_why_an_address_is_written_to_no_more(commands_on_sqlite: Commands) -> None:
    """`stopped` alone leaves open whether it was a bounce, a complaint or a person."""
    commands_on_sqlite("subscribers", "add", "kim@reader.example", *CONSENT)
    commands_on_sqlite("suppressions", "add", "kim@reader.example")

    assert "because an operator decided so" in commands_on_sqlite("subscribers", "show", "kim@reader.example").stdout
    assert commands_on_sqlite.json("subscribers", "show", "kim@reader.example")["suppressed"] == "person"


def test_what_came_back_is_shown_with_its_points(commands: Commands, just_now: StoppedClock) -> None:
    """Asked why somebody gets nothing any more, an operator finds each notice, its cause, and how near a probe is."""

    async def came_back(database: Database) -> None:
        async with database.begin() as connection:
            found = await subscribers.find(connection, parse("kim@reader.example"))
            assert found is not None
            said = (NoticeClass.SOFT, Cause.FULL, "5.2.2", "mail", 1, just_now())
            await notices.add(connection, NewNotice(None, None, found.id, "reader.example", *said))

    commands("subscribers", "add", "kim@reader.example", *CONSENT)
    commands.act(came_back)

    shown = commands.json("subscribers", "show", "kim@reader.example")["came_back"]
    words = commands("explain", "kim@reader.example", code=1).stdout

    assert (shown["points"], shown["probed_at"], shown["notices"][0]["cause"]) == (1, None, "full")
    assert [each for each in ("1 point of the 5", "soft full 5.2.2  by mail") if each not in words] == []

"""`digest editions`: making, looking, proving, holding and giving up, on both databases."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from digest.database import Database
from digest.database.tables import deliveries, editions
from digest.models.deliveries import DeliveryState
from tests.support.clock import StoppedClock
from tests.support.commands import Commands
from tests.support.feed_server import FeedServer
from tests.support.newsroom import Newsroom

PAGE = "<html><title>{0}</title><body><h1>{0}</h1><article><p>시의회는 {0} 소식을 전했다.</p></article></body></html>"


def _fill(commands: Commands, clock: StoppedClock, *titles: str, readers: tuple[str, ...] = ("kim", "lee")) -> None:
    async def fill(database: Database) -> None:
        newsroom = Newsroom(database, clock)
        await newsroom.publish(*titles)
        await newsroom.subscribe(*readers)

    commands.act(fill)


def test_make_sends_what_is_new_and_then_nothing_is_new(commands: Commands, just_now: StoppedClock) -> None:
    """An edition by hand reaches every reader once; doing it again has nothing to bring and says so."""
    _fill(commands, just_now, "다리 개통", "예산 의결")

    made = commands("editions", "make", "morning").stdout
    again = commands("editions", "make", "morning", code=1).stdout

    [edition] = commands.json("editions", "list")["editions"]
    assert (edition["slot"], edition["state"]) == ("morning", "released")
    assert "2 readers: 2 queued" in made
    assert "Nothing new" in again


def test_an_edition_made_to_be_looked_at_is_held_until_it_is_released(
    commands: Commands, just_now: StoppedClock
) -> None:
    """`--hold` is for a desk that wants to see the first edition before its readers do."""
    _fill(commands, just_now, "다리 개통")

    commands("editions", "make", "morning", "--hold")
    held = commands.json("editions", "show", "1")
    commands("editions", "release", "1")
    released = commands.json("editions", "show", "1")

    assert (held["state"], held["deliveries"]["total"]) == ("held", 0)
    assert (released["state"], released["deliveries"]["by_state"]["queued"]) == ("released", 2)


def test_show_tells_the_articles_in_their_order(commands: Commands, just_now: StoppedClock) -> None:
    """What a script reads of an edition has stable keys."""
    _fill(commands, just_now, "다리 개통", "예산 의결")
    commands("editions", "make", "morning")

    shown = commands.json("editions", "show", "1")

    assert [(each["role"], each["title"]) for each in shown["articles"]] == [
        ("lead", "예산 의결"),
        ("article", "다리 개통"),
    ]
    assert {"id", "slot", "title", "state", "reason", "planned_at", "deliveries", "articles"} <= shown.keys()
    assert datetime.fromisoformat(shown["planned_at"]).tzinfo == UTC


def test_prove_adds_up_while_mails_are_on_their_way(commands: Commands, just_now: StoppedClock) -> None:
    """Whatever state a reader's mail is in, the reader is counted once."""
    _fill(commands, just_now, "다리 개통", readers=("kim", "lee", "park"))
    commands("editions", "make", "morning")
    commands.act(lambda database: Newsroom(database, just_now).mark(1, DeliveryState.BOUNCED, "kim"))
    commands.act(lambda database: Newsroom(database, just_now).mark(1, DeliveryState.UNCERTAIN, "lee"))

    proof = commands.json("editions", "prove", "1")

    assert (proof["adds_up"], proof["eligible"], proof["total"]) == (True, 3, 3)
    assert {state: count for state, count in proof["by_state"].items() if count} == {
        "queued": 1,
        "bounced": 1,
        "uncertain": 1,
    }


def test_prove_fails_loudly_when_a_reader_is_lost(commands: Commands, just_now: StoppedClock) -> None:
    """The promise "nobody is lost" must be one that can be seen to be broken."""
    _fill(commands, just_now, "다리 개통")
    commands("editions", "make", "morning")

    async def lose_one(database: Database) -> None:
        async with database.begin() as connection:
            await connection.execute(sa.delete(deliveries).where(deliveries.c.recipient == "kim@reader.example"))

    commands.act(lose_one)

    result = commands("editions", "prove", "1", code=1)

    assert "+1" in result.stderr
    assert "≠" in result.stdout


def test_cancel_gives_articles_back_when_nobody_can_have_read_them(commands: Commands, just_now: StoppedClock) -> None:
    """Otherwise a cancelled edition would swallow a day's news."""
    _fill(commands, just_now, "다리 개통")
    commands("editions", "make", "morning")

    cancelled = commands("editions", "cancel", "1", "--reason", "wrong headline").stdout

    assert "cancelled because wrong headline" in cancelled
    assert "2 dropped" in cancelled
    assert "next edition" in cancelled
    assert commands.json("editions", "prove", "1")["adds_up"] is True
    commands("editions", "make", "morning")


def test_cancel_keeps_articles_that_somebody_may_have_read(commands: Commands, just_now: StoppedClock) -> None:
    """Nobody gets the same article twice because the rest of an edition was stopped."""
    _fill(commands, just_now, "다리 개통")
    commands("editions", "make", "morning")
    commands.act(lambda database: Newsroom(database, just_now).mark(1, DeliveryState.ACCEPTED, "kim"))

    cancelled = commands("editions", "cancel", "1").stdout

    assert "count as brought" in cancelled
    commands("editions", "make", "morning", code=1)


def test_hold_stops_an_edition_and_release_lets_it_go_on(commands: Commands, just_now: StoppedClock) -> None:
    """A deadline that passed meanwhile is counted anew, so that the release is not in vain."""
    _fill(commands, just_now, "다리 개통")
    commands("editions", "make", "morning")

    held = commands("editions", "hold", "1", "--reason", "typo in the lead").stdout
    commands.act(_pass_deadline)
    commands("editions", "release", "1")

    shown = commands.json("editions", "show", "1")
    assert "typo in the lead" in held
    assert shown["state"] == "released"
    assert datetime.fromisoformat(shown["deadline_at"]) > datetime.now(UTC)


def test_an_act_that_does_not_fit_is_one_clear_line(commands: Commands, just_now: StoppedClock) -> None:
    """No traceback: which edition, in what state, and what would be possible."""
    _fill(commands, just_now, "다리 개통")
    commands("editions", "make", "morning")
    commands("editions", "cancel", "1")

    result = commands("editions", "release", "1", code=1)

    assert "Edition 1 is cancelled" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_what_does_not_exist_is_said(commands_on_sqlite: Commands) -> None:
    """The answer is no (1), not wrong usage: a script may ask."""
    assert "no edition 7" in commands_on_sqlite("editions", "show", "7", code=1).stderr
    assert "morning" in commands_on_sqlite("editions", "make", "mroning", code=1).stderr
    assert commands_on_sqlite.json("editions", "list") == {"editions": []}


def test_preview_writes_both_parts_without_a_readers_link(commands_on_sqlite: Commands, just_now: StoppedClock) -> None:
    """What is looked at must not unsubscribe anybody, and holds no marks of the machinery."""
    _fill(commands_on_sqlite, just_now, "다리 개통")
    commands_on_sqlite("editions", "make", "morning")

    written = commands_on_sqlite("editions", "preview", "1", "--to", "seen").stdout.split()

    html, text = ((commands_on_sqlite.folder / path).read_text(encoding="utf-8") for path in written)
    for part in (html, text):
        assert "다리 개통" in part
        assert "/u/" in part
        assert "\0" not in part


def test_preview_of_a_slot_shows_what_would_go_out_and_stores_nothing(
    commands: Commands, just_now: StoppedClock
) -> None:
    """The question of every morning: what would be mailed if it were mailed now?"""
    _fill(commands, just_now, "다리 개통")

    shown = commands("editions", "preview", "morning", "--language", "en").stdout

    assert "다리 개통" in shown
    assert commands.json("editions", "list")["editions"] == []


def test_preview_of_a_slot_without_news_says_so(commands_on_sqlite: Commands) -> None:
    """Not an empty mail."""
    assert "no new article" in commands_on_sqlite("editions", "preview", "morning", code=1).stderr


async def _pass_deadline(database: Database) -> None:
    late = datetime.now(UTC) - timedelta(hours=1)
    async with database.begin() as connection:
        await connection.execute(sa.update(editions).values(deadline_at=late))
        await connection.execute(sa.update(deliveries).values(deadline_at=late))


def test_a_person_s_release_looks_at_the_articles_once_more(commands: Commands, feed: FeedServer) -> None:
    """The edition waited for hours; in the meantime one article was corrected, one taken back."""
    commands.settings |= {"PRIVATE_HOSTS": f"127.0.0.1:{feed.port}", "FETCH_PAUSE_SECONDS": "0"}
    commands.settings["SOURCES"] = f"gaon | feed | {feed.feed_url}"
    commands("collect")
    commands("articles", "look", "2")
    commands("editions", "make", "morning", "--hold")
    feed.pages = {1: "", 2: PAGE.format("예산 부결")}
    commands("editions", "release", "1")
    mail = commands("editions", "preview", "1").stdout

    assert "예산 부결" in mail
    assert "다리 개통" not in mail


def test_a_release_without_looking_sends_what_is_stored(commands_on_sqlite: Commands, feed: FeedServer) -> None:
    """The paper's site is down, and the person in a hurry."""
    commands = commands_on_sqlite
    commands.settings |= {"PRIVATE_HOSTS": f"127.0.0.1:{feed.port}", "FETCH_PAUSE_SECONDS": "0"}
    commands.settings["SOURCES"] = f"gaon | feed | {feed.feed_url}"
    commands("collect")
    feed.pages = {1: "", 2: PAGE.format("예산 부결")}
    commands("editions", "make", "morning", "--no-look")

    assert "다리 개통" in commands("editions", "preview", "1").stdout

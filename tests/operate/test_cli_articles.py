"""`digest articles` and `digest alerts`: looking, and the two acts on them."""

from datetime import UTC, datetime

from digest.database import Database, alerts
from tests.support.clock import StoppedClock
from tests.support.commands import Commands
from tests.support.newsroom import Newsroom


def test_list_and_show_tell_what_was_collected(commands: Commands, just_now: StoppedClock) -> None:
    """With the address of the piece, so that a person can compare it with the paper."""
    commands.act(lambda database: Newsroom(database, just_now).publish("다리 개통", body=("첫 문단", "둘째 문단")))

    [listed] = commands.json("articles", "list", "--source", "gaon")["articles"]
    shown = commands.json("articles", "show", str(listed["id"]))

    assert listed["title"] == shown["title"] == "다리 개통"
    assert shown["link"] == "https://gaon.example/시정/다리 개통"
    assert shown["body"] == ["첫 문단", "둘째 문단"]
    assert "다리 개통" in commands("articles", "show", str(listed["id"])).stdout
    assert commands.json("articles", "list", "--source", "other")["articles"] == []


def test_a_withdrawn_article_goes_into_no_edition(commands: Commands, just_now: StoppedClock) -> None:
    """A correction by the desk must work at once and for good."""
    [article_id, _] = commands.act(lambda database: Newsroom(database, just_now).publish("오보", "다리 개통"))

    commands("articles", "withdraw", str(article_id))
    commands("editions", "make", "morning")

    assert [each["title"] for each in commands.json("editions", "show", "1")["articles"]] == ["다리 개통"]
    assert "before" in commands("articles", "withdraw", str(article_id), code=1).stderr


def test_withdrawing_warns_of_mails_that_hold_it_already(commands: Commands, just_now: StoppedClock) -> None:
    """Composed mails are not changed any more: only a person can decide to stop them."""
    commands.act(lambda database: Newsroom(database, just_now).subscribe("kim", "lee"))
    [article_id] = commands.act(lambda database: Newsroom(database, just_now).publish("오보"))
    commands("editions", "make", "morning")

    warned = commands("articles", "withdraw", str(article_id)).stderr

    assert "2 readers wait" in warned
    assert "digest editions hold 1" in warned


def test_what_a_feed_writes_cannot_steer_the_terminal(commands_on_sqlite: Commands, just_now: StoppedClock) -> None:
    """Titles are strangers' text: neither escape sequences nor the markup of our own printing may work in them."""
    title = "[red]시정[/red] \x1b]0;owned\x07\u202e끝"
    commands_on_sqlite.act(lambda database: Newsroom(database, just_now).publish(title))

    shown = commands_on_sqlite("articles", "list").stdout

    assert "[red]시정[/red]" in shown
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


def test_alerts_wait_until_they_are_resolved(commands: Commands) -> None:
    """Exit code 1 while something waits: enough for a monitoring script."""

    async def raise_twice(database: Database) -> None:
        async with database.begin() as connection:
            for _ in range(2):
                await alerts.raise_alert(connection, "source:gaon", "It is gone.", at=datetime.now(UTC))

    assert commands.json("alerts") == {"alerts": []}
    commands.act(raise_twice)

    [waiting] = commands.json("alerts", code=1)["alerts"]
    commands("alerts", "resolve", "source:gaon")

    assert (waiting["matter"], waiting["count"]) == ("source:gaon", 2)
    assert "Nothing waits" in commands("alerts").stdout
    [resolved] = commands.json("alerts", "--all")["alerts"]
    assert resolved["resolved_at"] is not None
    commands("alerts", "resolve", "source:gaon", code=1)

"""`digest articles` and `digest alerts`: looking, and the two acts on them."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.database import Database, alerts, renewals
from digest.database.tables import share_counts
from digest.models.deliveries import DeliveryState
from tests.support.clock import StoppedClock
from tests.support.commands import Commands
from tests.support.feed_server import FeedServer
from tests.support.newsroom import Newsroom


async def stale_editions(database: Database) -> int:
    async with database.read() as connection:
        return len(await renewals.list_stale(connection))


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
    again = commands("articles", "withdraw", str(article_id), code=1).stderr
    assert "was withdrawn before, by a person. Nothing has changed." in again


def test_a_withdrawal_takes_effect_on_what_waits_and_tells_it(commands: Commands, just_now: StoppedClock) -> None:
    """Kim was sent the mail with the article; lee and park, who wait, get it without."""
    commands.act(lambda database: Newsroom(database, just_now).subscribe("kim", "lee", "park"))
    [article_id, _] = commands.act(lambda database: Newsroom(database, just_now).publish("오보", "다리 개통"))
    commands("editions", "make", "morning")
    commands.act(lambda database: Newsroom(database, just_now).mark(1, DeliveryState.ACCEPTED, "kim"))

    told = commands.json("articles", "withdraw", str(article_id))

    assert told["editions"] == [
        {"edition_id": 1, "slot": "morning", "sent_with_it": 1, "without_it": 2, "given_up": 0, "waiting": 0}
    ]
    assert commands.act(stale_editions) == 0
    assert "오보" not in commands("editions", "preview", "1").stdout


def test_where_nothing_else_is_in_a_mail_it_is_given_up(commands: Commands, just_now: StoppedClock) -> None:
    """And the edition still adds up."""
    commands.act(lambda database: Newsroom(database, just_now).subscribe("kim", "lee"))
    [article_id] = commands.act(lambda database: Newsroom(database, just_now).publish("오보"))
    commands("editions", "make", "morning")

    told = commands("articles", "withdraw", str(article_id)).stderr

    assert "2 get nothing" in told
    commands("editions", "prove", "1")


def test_an_edition_to_come_leaves_it_out(commands: Commands, just_now: StoppedClock) -> None:
    """It is held to be looked at, and the person finds a mistake."""
    [article_id, _] = commands.act(lambda database: Newsroom(database, just_now).publish("오보", "다리 개통"))
    commands("editions", "make", "morning", "--hold")

    assert commands.json("articles", "withdraw", str(article_id))["left_out_of"] == [1]


def test_a_restored_article_goes_into_editions_again(commands: Commands, just_now: StoppedClock) -> None:
    """The mistake was the desk's own."""
    [article_id] = commands.act(lambda database: Newsroom(database, just_now).publish("다리 개통"))
    commands("articles", "withdraw", str(article_id))

    commands("articles", "restore", str(article_id))

    assert commands.json("articles", "restore", str(article_id), code=1) == {"id": article_id, "restored": False}
    commands("editions", "make", "morning")


def test_a_claimed_correction_is_marked_until_it_is_settled(commands: Commands, just_now: StoppedClock) -> None:
    """정정보도 청구 등 (언론중재법 제17조의2): in the mail, and in what the operator sees."""
    [article_id] = commands.act(lambda database: Newsroom(database, just_now).publish("다리 개통"))
    mark = "정정보도 청구 등이 있는 기사입니다"

    assert mark in commands("articles", "contest", str(article_id)).stdout
    contested = commands.json("articles", "show", str(article_id))["contested_at"]
    mail = commands("editions", "preview", "morning").stdout
    commands("articles", "contest", str(article_id), code=1)
    commands("articles", "contest", str(article_id), "--settled")

    assert contested
    assert mark in mail
    assert mark not in commands("editions", "preview", "morning").stdout
    commands("articles", "contest", str(article_id), "--settled", code=1)


PAGE = (Path(__file__).parents[1] / "support" / "pages" / "ndsoft.html").read_text(encoding="utf-8")


@pytest.fixture
def collected(commands: Commands, feed: FeedServer) -> Commands:
    """Commands after the two articles of the test's newspaper were collected; their pages were not looked at yet."""
    commands.settings["PRIVATE_HOSTS"] = f"127.0.0.1:{feed.port}"
    commands.settings["SOURCES"] = f"gaon | feed | {feed.feed_url}"
    commands.settings["FETCH_PAUSE_SECONDS"] = "0"
    commands("collect")
    return commands


def test_looking_reads_the_page_now_and_show_tells_what_was_found(collected: Commands, feed: FeedServer) -> None:
    """Field by field with its way, so that a person knows where to put a selector."""
    feed.pages[1] = PAGE

    looked = collected.json("articles", "look", "1")
    shown = collected.json("articles", "show", "1")
    words = collected("articles", "show", "1").stdout

    assert looked["outcome"] == "read"
    assert (shown["page"]["state"], shown["page"]["found_by"]["body"]) == ("read", "cms:ndsoft")
    assert shown["subheads"]
    assert shown["story"] == {"id": 1, "articles": [1]}
    assert "body: cms:ndsoft" in words
    assert "대회에서 상을 받는 모습" in words


def test_what_has_changed_is_told_with_its_corrections(collected: Commands, feed: FeedServer) -> None:
    """Another headline is a correction, and so is a withdrawal by the page."""
    feed.pages[1] = PAGE
    collected("articles", "look", "1")
    collected("editions", "make", "morning", "--no-look")
    feed.pages[1] = PAGE.replace("우수상", "최우수상")

    revised = collected("articles", "look", "1").stdout
    corrections = collected.json("articles", "show", "1")["corrections"]
    feed.pages[1] = ""
    gone = collected.json("articles", "look", "1")["outcome"]

    assert "revision 2" in revised
    assert [(each["revision"], each["changed"]) for each in corrections] == [(2, "headline")]
    assert gone == "withdrawn"
    assert "withdrawn by its page" in collected("articles", "show", "1").stdout
    by_a_person = collected("articles", "withdraw", "1", code=1).stderr
    assert "Now its page cannot bring it back any more" in by_a_person
    assert "Nothing has changed" in collected("articles", "withdraw", "1", code=1).stderr
    assert "withdrawn by a person" in collected("articles", "show", "1").stdout


def test_a_page_that_cannot_be_read_is_told(collected: Commands, feed: FeedServer) -> None:
    """Exit code 1, and why."""
    feed.pages[2] = "no markup at all"

    assert "no web page" in collected("articles", "look", "2", code=1).stderr
    assert "no web page" in collected("articles", "show", "2").stdout


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


def test_desk_sees_how_often_articles_were_sent_to_friends(commands: Commands, just_now: StoppedClock) -> None:
    """Numbers without persons: shares, and by how many people."""

    async def two_shares(database: Database) -> None:
        [article_id] = await Newsroom(database, just_now).publish("다리 개통")
        async with database.begin() as connection:
            values = {"article_id": article_id, "day": just_now().date(), "count": 2, "senders": 1}
            await connection.execute(sa.insert(share_counts).values(values))

    assert "No article" in commands("articles", "shared").stdout
    commands.act(two_shares)
    [told] = commands.json("articles", "shared")["articles"]
    assert (told["title"], told["shares"], told["senders"]) == ("다리 개통", 2, 1)
    assert "다리 개통" in commands("articles", "shared").stdout

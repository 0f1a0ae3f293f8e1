"""`digest articles like|join|separate`."""

from tests.support.clock import StoppedClock
from tests.support.commands import Commands
from tests.support.newsroom import Newsroom


def test_a_person_joins_and_separates(commands: Commands, just_now: StoppedClock) -> None:
    """The machine's guess is only a guess; who said what is shown."""
    one, other = commands.act(lambda database: Newsroom(database, just_now).publish("다리 개통", "새 다리 열려"))

    commands("articles", "join", str(one), str(other))
    told = commands.json("articles", "like", str(other))

    assert [(each["id"], each["joined_by"]) for each in told["articles"]] == [(one, "person"), (other, "person")]
    assert "a person's word" in commands("articles", "like", str(one)).stdout
    commands("articles", "separate", str(other))
    assert [each["id"] for each in commands.json("articles", "like", str(other))["articles"]] == [other]
    assert "already" in commands("articles", "separate", str(other), code=1).stderr


def test_an_article_that_was_not_compared_says_so(commands_on_sqlite: Commands, just_now: StoppedClock) -> None:
    """No empty table; and what cannot be is refused."""
    [one] = commands_on_sqlite.act(lambda database: Newsroom(database, just_now).publish("다리 개통"))

    assert "not compared" in commands_on_sqlite("articles", "like", str(one)).stdout
    commands_on_sqlite("articles", "join", str(one), code=2)
    assert "99" in commands_on_sqlite("articles", "join", str(one), "99", code=1).stderr

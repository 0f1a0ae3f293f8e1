"""`digest consent`, `suppressions`, `privacy`, and lists of readers in and out."""

import csv
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from digest.clock import utc_now
from digest.database import Database
from digest.database.tables import audit, subscribers
from tests.support.commands import Commands

SOURCE = ("--source", "forms of the town fair, 2026-10-03")
LIST = (
    "이메일,구독 상태\nkim@naver.example,구독중\nlee@naver.example,수신거부\n"
    "no address,구독중\nKIM@naver.example,구독중\n"
)


def audited(commands: Commands) -> list[str]:
    async def load(database: Database) -> list[str]:
        async with database.read() as connection:
            return list((await connection.execute(sa.select(audit.c.what).order_by(audit.c.id))).scalars())

    return commands.act(load)


def rows(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))


def test_an_import_is_shown_first_and_every_refused_line_has_its_reason(commands: Commands) -> None:
    """Saying no writes nothing; saying yes writes the readers, the ledger, the report and the audit."""
    (commands.folder / "list.csv").write_text(LIST, encoding="cp949")

    shown = commands("subscribers", "import", "list.csv", *SOURCE, typed="n\n", code=1)
    before = commands.json("subscribers", "list")["subscribers"]
    done = commands("subscribers", "import", "list.csv", *SOURCE, "--yes", code=1)

    assert "Columns: address: 이메일; state: 구독 상태." in shown.stdout
    assert "4 lines: 1 new, 0 readers already, 3 refused." in shown.stdout
    assert before == []
    assert "1 imported." in done.stdout
    assert rows(commands.folder / "list.csv.refused.csv")[1:] == [
        ["3", "lee@naver.example", "the list says: 수신거부"],
        ["4", "no address", "The address holds a blank or an invisible character."],
        ["5", "KIM@naver.example", "stands on line 2 already"],
    ]
    [act] = commands.json("consent", "show", "kim@naver.example")["consents"]
    assert (act["act"], act["how"], act["source"]) == ("imported", "import", SOURCE[1])
    assert audited(commands) == ["subscribers.list", "subscribers.import", "consent.show"]


def test_no_import_brings_back_who_left_or_was_erased(commands: Commands) -> None:
    """정보통신망법 제50조②: whoever said no is not written to, whatever a list says."""
    for name in ("left", "erased", "added"):
        commands("subscribers", "add", f"{name}@naver.example", "--consent", "a form")
    commands("subscribers", "remove", "left@naver.example")
    commands("subscribers", "erase", "erased@naver.example", "--yes")
    commands("suppressions", "add", "added@naver.example")
    (commands.folder / "list.csv").write_text("left@naver.example\nerased@naver.example\nadded@naver.example\n")

    result = commands("subscribers", "import", "list.csv", *SOURCE, "--yes", code=1)

    assert "0 new, 0 readers already, 3 refused" in result.stdout
    assert commands.json("subscribers", "list")["by_state"]["active"] == 0


def test_an_import_names_domains_that_look_mistyped(commands_on_sqlite: Commands) -> None:
    """It asks and changes nothing: a line may be right, and only the operator can tell."""
    commands = commands_on_sqlite
    (commands.folder / "list.csv").write_text("kim@naver.con\nlee@naver.com\nno address\nhan@gmial.com\n")

    shown = commands("subscribers", "import", "list.csv", *SOURCE, "--dry-run", code=1)
    commands("subscribers", "import", "list.csv", *SOURCE, "--yes", code=1)

    assert "4 lines: 3 new, 0 readers already, 1 refused." in shown.stdout
    assert "2 of the new ones have a domain that looks mistyped." in shown.stdout
    assert rows(commands.folder / "list.csv.refused.csv")[1:] == [
        ["1", "kim@naver.con", "not refused. Did you mean kim@naver.com? / 혹시 kim@naver.com 아닌가요?"],
        ["3", "no address", "The address holds a blank or an invisible character."],
        ["4", "han@gmial.com", "not refused. Did you mean han@gmail.com? / 혹시 han@gmail.com 아닌가요?"],
    ]
    assert {each["address"] for each in commands.json("subscribers", "list")["subscribers"]} == {
        "kim@naver.con", "lee@naver.com", "han@gmial.com",
    }  # fmt: skip


def test_an_export_needs_a_reason_and_is_audited(commands: Commands) -> None:
    """고시 제8조: why data were taken out is written down."""
    commands("subscribers", "add", "kim@naver.example", "--consent", "a form")

    commands("subscribers", "export", "--reason", " ", "--file", "out.csv", code=2)
    commands("subscribers", "export", "--reason", "moving house", "--file", "out.csv")
    commands("consent", "export", "--reason", "inquiry 7", "--since", "2020-01-01", "--file", "ledger.csv")
    commands("consent", "export", "--reason", "inquiry 8", "--since", "2020-01-02", "--until", "2020-01-01", code=2)

    assert rows(commands.folder / "out.csv")[1][:3] == ["kim@naver.example", "active", "morning"]
    assert (commands.folder / "out.csv").stat().st_mode & 0o077 == 0
    assert rows(commands.folder / "ledger.csv")[1][2:5] == ["imported", "command", "kim@naver.example"]
    assert audited(commands) == ["subscribers.add", "subscribers.export", "consent.export"]


def test_prove_finds_an_address_until_it_is_erased(commands: Commands) -> None:
    """Exit code 1 as long as it stands anywhere; an address that only ends alike is another one's."""
    commands("subscribers", "add", "kim@naver.example", "xkim@naver.example", "--consent", "a form")

    commands("privacy", "prove", "kim@naver.example", code=1)
    commands("subscribers", "erase", "kim@naver.example", "--yes")

    assert "stands nowhere" in commands("privacy", "prove", "kim@naver.example").stdout
    assert commands.json("privacy", "prove", "xkim@naver.example", code=1)["found"]
    assert commands.json("consent", "show", "kim@naver.example")["suppressed"]["reason"] == "erased"
    commands("explain", "kim@naver.example", code=1)


def test_lifting_lets_an_address_be_added_again(commands: Commands) -> None:
    """For mistakes of the operator's own; who asks anew needs no command."""
    commands("suppressions", "add", "kim@naver.example")
    refused = commands("subscribers", "add", "kim@naver.example", "--consent", "a form", code=1)
    commands("suppressions", "lift", "kim@naver.example")
    commands("subscribers", "add", "kim@naver.example", "--consent", "a form")

    assert "must not be written to" in refused.stderr
    commands("suppressions", "lift", "kim@naver.example", code=1)
    assert commands.json("suppressions", "list")["suppressions"] == []


def test_whose_consent_to_adverts_is_due_is_shown_and_noted(commands: Commands) -> None:
    """제50조⑧: the operator can see ahead whom the two-yearly check will reach; looking at people is audited."""
    commands("subscribers", "add", "kim@naver.example", "--consent", "a form")

    async def agree(database: Database) -> None:
        async with database.begin() as connection:
            await connection.execute(
                sa.update(subscribers).values(advert_consent_at=utc_now() - timedelta(days=800), advert_checked_at=None)
            )

    assert "Nobody is due" in commands("consent", "due").stdout
    commands.act(agree)
    assert [each["address"] for each in commands.json("consent", "due")] == ["kim@naver.example"]
    assert "kim@naver.example" in commands("consent", "due", "--days", "0").stdout
    assert audited(commands)[-3:] == ["consent.due"] * 3

"""`digest keys`: the keys of the JSON API, shown once."""

import sqlalchemy as sa

from digest import sitekeys
from digest.database import Database
from digest.database.tables import audit
from tests.support import rows
from tests.support.commands import Commands

SITE = "https://www.gaon.example"


def test_a_key_is_shown_once_and_only_its_hash_is_stored(commands: Commands) -> None:
    """Whoever reads the database, or a copy of it, must not be able to use the API."""
    made = commands.json("keys", "add", "site", "--origin", f"{SITE}/", "--origin", "https://GAON.example:443")

    stored = commands.act(rows.everything)
    assert sitekeys.id_of(made["key"]) is not None
    assert made["key"] not in stored
    assert sitekeys.key_hash(made["key"]) in stored
    [listed] = commands.json("keys", "list")
    assert "key" not in listed
    assert (listed["origins"], listed["scopes"]) == ([SITE, "https://gaon.example"], ["subscriptions"])
    assert "statement_secret" not in made


def test_a_key_for_sharing_comes_with_the_secret_of_its_statements(commands: Commands) -> None:
    """Shown together, once, and stored nowhere: a key in pages must not be enough to speak for a reader."""
    key, secret = commands("keys", "add", "app", "--scope", "shares").stdout.split()
    other = commands.json("keys", "add", "site", "--scope", "shares", "--origin", SITE)
    stored = commands.act(rows.everything)
    assert sitekeys.id_of(key) is not None
    assert secret.startswith("vouch_")
    assert secret != other["statement_secret"]
    for each in (key, secret, other["key"], other["statement_secret"]):
        assert each not in stored


def test_making_and_revoking_are_audited_and_a_name_is_used_once(commands: Commands) -> None:
    """The ledger of consents names the key, so its name must mean one key for ever."""
    commands("keys", "add", "site", "--scope", "subscriptions", "--scope", "shares")
    commands("keys", "add", "site", code=1)
    commands("keys", "revoke", "site")
    commands("keys", "revoke", "site", code=1)
    commands("keys", "revoke", "other", code=1)
    commands("keys", "add", "site", code=1)

    async def audited(database: Database) -> list[tuple[str, object]]:
        async with database.read() as connection:
            found = await connection.execute(sa.select(audit.c.what, audit.c.details).order_by(audit.c.id))
            return [(row.what, row.details) for row in found]

    assert commands.act(audited) == [
        ("keys.add", {"name": "site", "scopes": ["subscriptions", "shares"], "origins": []}),
        ("keys.revoke", {"name": "site"}),
    ]


def test_what_is_no_name_or_no_origin_is_refused(commands: Commands) -> None:
    """A mistyped origin would be a key that never works, or works from elsewhere."""
    for words in (
        ("Site",),
        ("a b",),
        ("site", "--origin", "www.gaon.example"),
        ("site", "--origin", f"{SITE}/page"),
        ("site", "--origin", "*"),
        ("site", "--origin", "null"),
        ("site", "--scope", "everything"),
    ):
        commands("keys", "add", *words, code=2)
    assert commands.json("keys", "list") == []

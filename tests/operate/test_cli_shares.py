"""`digest shares`: how sharing stands, and going on."""

import sqlalchemy as sa

from digest.addresses import parse
from digest.clock import utc_now
from digest.database import Database, alerts, share_stops
from digest.database.tables import audit
from digest.hashes import address_hash
from digest.models.shares import EVERYBODY
from tests.support.commands import Commands
from tests.support.settings import make_settings

SENDER = "hong@gaon.example"
ON = {"SHARE_ADDRESS": "share@share.gaon.example", "ABUSE_CONTACT": "abuse@gaon.example"}


def test_it_says_whether_shares_go_out(commands: Commands) -> None:
    """Off is off; on, the counts stand there that decide whether it goes on."""
    assert not commands.json("shares", "status", code=1)["is_on"]
    assert "SHARE_ADDRESS" in commands("shares", "status", code=1).stdout
    commands.settings |= ON
    assert commands.json("shares", "status")["goes_out"]
    assert "Shares go out." in commands("shares", "status").stdout


def test_a_person_resumes_everybody_or_one_sender_and_it_is_audited(commands: Commands) -> None:
    """What stopped by itself goes on by a person's word alone; the alert is over, the log holds no address."""
    commands.settings |= ON
    whose = address_hash(make_settings(), parse(SENDER))

    async def stop(database: Database) -> None:
        async with database.begin() as connection:
            for each, matter in ((EVERYBODY, "shares"), (whose, "shares:senders")):
                await share_stops.stop(connection, each, "a test", at=utc_now())
                await alerts.raise_alert(connection, matter, "a test", at=utc_now())

    commands.act(stop)
    shown = commands("shares", "status", code=1).stdout
    assert "digest shares resume" in shown
    assert whose[:12] in shown
    assert {each["whose"] for each in commands.json("shares", "status", code=1)["stops"]} == {EVERYBODY, whose}

    commands("shares", "resume", "--sender", SENDER)
    assert commands.json("shares", "resume")["resumed"]
    commands("shares", "resume", code=1)
    commands("shares", "resume", "--sender", SENDER, code=1)

    assert commands.json("shares", "status")["stops"] == []
    assert commands.json("alerts")["alerts"] == []

    async def audited(database: Database) -> list[tuple[str, str]]:
        async with database.read() as connection:
            found = await connection.execute(sa.select(audit.c.what, audit.c.whose).order_by(audit.c.id))
            return [(row.what, row.whose) for row in found]

    assert commands.act(audited) == [("shares.resume", whose), ("shares.resume", "")]

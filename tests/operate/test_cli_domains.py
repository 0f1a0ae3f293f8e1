"""`digest domains`: looked at, paused, resumed, sent again."""

from pathlib import Path

import pytest

from digest.clock import utc_now
from digest.models.deliveries import DeliveryState
from digest.models.editions import EditionState
from tests.support import ledger
from tests.support.commands import Commands


@pytest.fixture
def commands(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


def test_a_provider_is_paused_shown_and_resumed(commands: Commands) -> None:
    """A domain stands for its whole group."""
    commands("domains", "pause", "hanmail.net", "--reason", "their filter")
    (row,) = commands.json("domains", "list")["domains"]
    assert (row["provider"], row["reason"]) == ("daum.net", "their filter")
    assert commands.json("domains", "resume", "daum.net")["changed"]
    assert not commands.json("domains", "resume", "daum.net")["changed"]
    assert commands.json("domains", "list") == {"domains": []}
    commands("domains", "pause", "no domain", code=1)


def test_what_a_provider_refused_is_sent_again_by_a_persons_word(commands: Commands) -> None:
    """Once, with a fresh deadline and no tries; those in doubt only when asked for; the edition is sending again."""
    edition = commands.act(lambda database: ledger.make_edition(database, at=utc_now(), readers=3))
    commands.act(lambda d: ledger.set_deliveries(d, state=DeliveryState.REFUSED, attempts=4, settled_at=utc_now()))
    commands.act(lambda d: ledger.set_deliveries(d, edition.delivery_ids[:1], state=DeliveryState.UNCERTAIN))
    commands.act(lambda d: ledger.set_edition(d, edition.id, state=EditionState.DONE, done_at=utc_now()))
    words = ("domains", "resend", "morning.example", "--edition", str(edition.id))

    commands(*words, typed="n\n", code=1)
    assert commands.json(*words, "--yes")["queued"] == 2
    assert commands.json(*words, "--yes")["queued"] == 0
    assert commands.act(lambda d: ledger.edition_state(d, edition.id)) is EditionState.SENDING
    rows = commands.act(lambda d: ledger.rows(d, edition.delivery_ids[1:]))
    assert [(row["state"], row["attempts"]) for row in rows] == [(DeliveryState.QUEUED, 0)] * 2
    assert "come twice" in commands(*words, "--uncertain", "--yes").stderr
    assert commands.act(ledger.states) == {DeliveryState.QUEUED: 3}

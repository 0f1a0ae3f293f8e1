"""What a form asks a browser to work out."""

import base64
import json

import altcha
import pytest

from digest import proof
from digest.config import Settings
from digest.database import Database
from tests.support.clock import StoppedClock
from tests.support.costs import REAL_PROOF_COST


def solved(challenge: str) -> str:
    """Solve it as a browser does."""
    written = json.loads(challenge)
    found = altcha.solve_challenge(altcha.Challenge.from_dict(written))
    assert found is not None
    answer = {"challenge": written, "solution": {"counter": found.counter, "derivedKey": found.derived_key}}
    return base64.b64encode(json.dumps(answer).encode()).decode()


@pytest.mark.anyio
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_only_a_sum_of_the_full_cost_counts(
    database: Database, settings: Settings, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2,000 rounds for each try, half a second for a browser; one of our own from cheaper times buys nothing."""
    cheap = solved(proof.challenge(settings, clock()))
    monkeypatch.setattr(proof, "COST", REAL_PROOF_COST)
    full = proof.challenge(settings, clock())
    assert json.loads(full)["parameters"]["cost"] == 2000
    async with database.begin() as connection:
        assert [await proof.claim(connection, settings, given, now=clock()) for given in (cheap, solved(full))] == [
            False,
            True,
        ]

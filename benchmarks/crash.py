"""Workers die in the middle of an edition; the receiving server's own log says who got what.

PostgreSQL: three worker processes, two are killed with `kill -9` at random points and one is started again. SQLite: one
worker, killed and started again. In the end everybody has one mail or an honest `uncertain`: nobody is missing, nobody
has two, and no more are uncertain than two per lane and one group of the journal for each of the killed.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from benchmarks import ledger, tools
from digest import clock
from digest.database import Database, deliveries
from digest.database.tables import deliveries as rows
from digest.deliver.settle import settle
from digest.models.deliveries import DeliveryState
from tests.support.sink import Sink, running_sink

_PER_LANE = 2 + 8  # on the wire and behind the dot; marked ahead or not yet written down (deliver/journal)


@dataclass(frozen=True)
class Verdict:
    """How one run ended. `lost`: neither in the log nor uncertain; `twice`: more than once in the log."""

    lost: int
    twice: int
    uncertain: int
    bound: int
    adds_up: bool

    @property
    def is_good(self) -> bool:
        return not self.lost and not self.twice and self.uncertain <= self.bound and self.adds_up


class Crew:
    """The worker processes of one run."""

    def __init__(self, url: str, port: int, lanes: int) -> None:
        self._words = [sys.executable, "-m", "benchmarks.worker", url, str(port), str(lanes)]
        self._started = 0

    def start(self) -> subprocess.Popen[bytes]:
        self._started += 1
        words = [*self._words, f"worker-{self._started}"]
        return subprocess.Popen(words, cwd=tools.PROJECT, stdout=subprocess.DEVNULL)


def kill_some(crew: Crew, sink: Sink, chance: random.Random, mails: int, workers: int) -> int:
    """Start the workers, kill all but one (or the only one) and start one again; return how many were killed."""
    alive = [crew.start() for _ in range(workers)]
    points = sorted(chance.uniform(0.05, 0.8) * mails for _ in range(max(1, workers - 1)))
    try:
        for number, point in enumerate(points):
            _wait_for(sink, point)
            dead = alive.pop(0)
            if dead.poll() is not None:
                raise SystemExit(f"a worker had ended ({dead.returncode}) before it was to be killed")
            dead.kill()
            dead.wait(timeout=10)
            if number == 0:
                alive.append(crew.start())
        for worker in alive:
            worker.wait(timeout=900)
    finally:
        for worker in alive:
            worker.kill()
            worker.wait(timeout=10)
    return len(points)


def _wait_for(sink: Sink, mails: float) -> None:
    end = time.monotonic() + 600
    while sink.count() < mails and time.monotonic() < end:
        time.sleep(0.005)


async def finish(url: str) -> None:
    """Wait until the leases of the dead are over, and settle what they left."""
    database = Database.open(url)
    try:
        for _ in range(60):
            await settle(database, now=clock.utc_now())
            async with database.read() as connection:
                held = sa.select(sa.func.count()).where(rows.c.lease_until.is_not(None))
                if not (await connection.execute(held)).scalar_one():
                    return
            await asyncio.sleep(1)
    finally:
        await database.close()


async def judge(url: str, edition_id: int, sink: Sink, bound: int) -> Verdict:
    """Compare the ledger with the server's log."""
    database = Database.open(url)
    try:
        async with database.read() as connection:
            counts = await deliveries.counts(connection, edition_id)
            found = await connection.execute(sa.select(rows.c.recipient, rows.c.state))
            states = {row.recipient: row.state for row in found}
    finally:
        await database.close()
    taken = sink.times_taken()
    uncertain = {each for each, state in states.items() if state is DeliveryState.UNCERTAIN}
    return Verdict(
        lost=sum(each not in taken and each not in uncertain for each in states),
        twice=sum(times > 1 for times in taken.values()),
        uncertain=len(uncertain),
        bound=bound,
        adds_up=counts.adds_up,
    )


def one_run(given: argparse.Namespace, chance: random.Random) -> Verdict:
    """Make an edition, let workers die over it, and judge."""
    workers = given.workers if given.database != "sqlite" else 1
    with tempfile.TemporaryDirectory(prefix="digest-crash-") as folder, ledger.database_url(given.database) as url:
        edition_id = asyncio.run(ledger.prepare(url, given.mails))
        with running_sink(Path(folder)) as sink:
            crew = Crew(url, sink.port, given.lanes)
            killed = kill_some(crew, sink, chance, given.mails, workers)
            asyncio.run(finish(url))
            # What the dead had claimed and not marked is free now.
            crew.start().wait(timeout=900)
            return asyncio.run(judge(url, edition_id, sink, killed * _PER_LANE * given.lanes))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", default="postgresql", help="postgresql or sqlite")
    parser.add_argument("--mails", type=int, default=100_000)
    parser.add_argument("--lanes", type=int, default=4)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    verdicts = []
    for number in range(given.times):
        verdicts.append(one_run(given, chance))
        print(f"run {number + 1}: {verdicts[-1]}", flush=True)
    bad = sum(not verdict.is_good for verdict in verdicts)
    worst = max(verdict.uncertain for verdict in verdicts)
    print(json.dumps({"runs": len(verdicts), "bad": bad, "uncertain_max": worst, "bound": verdicts[0].bound}))
    raise SystemExit(bad > 0)


if __name__ == "__main__":
    main()

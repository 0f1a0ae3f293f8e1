"""The whole loop on a real ledger, against Postfix's smtp-source and against a program without an engine.

Rounds are interleaved (yardstick, ours, peer, yardstick …), because machines have moods; what counts are the ratios of
one round, and of those the median. `--waiting` queues mails somebody waits for, or with `--lane share` shares, while
an edition goes out, and prints how long they took to the relay's answer.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from datetime import timedelta
from statistics import median

import sqlalchemy as sa

from benchmarks import ledger, tools
from benchmarks.tools import Run
from digest import addresses, clock
from digest.database import Database, messages
from digest.database.tables import deliveries
from digest.models.deliveries import DeliveryState, Lane, Mail, MessageKind, NewMessage
from tests.support.ledger import make_headers


def run_worker(url: str, port: int, lanes: int, *, dkim: bool = False) -> Run:
    """Let one process of ours send everything that is due."""
    signed = ("benchmark", "dkim") if dkim else ()
    return _run_module("benchmarks.worker", url, str(port), str(lanes), *signed)


def _run_module(*words: str) -> Run:
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=tools.PROJECT, stdout=subprocess.PIPE, check=True, timeout=3600
    )
    return Run(**json.loads(done.stdout.splitlines()[-1]))


def one_round(given: argparse.Namespace, port: int) -> dict[str, Run]:
    """Measure all three once, over the same sink."""
    runs = {"L29": tools.source(port, mails=given.mails, lanes=given.lanes, octets=ledger.OCTETS)}
    with ledger.database_url(given.database) as url:
        asyncio.run(ledger.prepare(url, given.mails))
        runs["ours"] = run_worker(url, port, given.lanes, dkim=given.dkim)
        if not given.keep:
            asyncio.run(_check(url, given.mails))
    if given.peer:
        runs["peer"] = _run_module("benchmarks.peer", str(port), str(given.lanes), str(given.peer))
    return runs


async def _check(url: str, mails: int) -> None:
    """Make sure that what was measured was the work: every delivery is accepted."""
    database = Database.open(url)
    try:
        async with database.read() as connection:
            query = sa.select(sa.func.count()).where(deliveries.c.state == DeliveryState.ACCEPTED)
            accepted = (await connection.execute(query)).scalar_one()
    finally:
        await database.close()
    if accepted != mails:
        raise SystemExit(f"only {accepted} of {mails} deliveries are accepted")


async def _wait_for_mails(url: str, count: int, lane: Lane) -> list[float]:
    """Queue a mail every half second as another process would; return the seconds until each was accepted."""
    database = Database.open(url)
    mail = Mail("confirm", make_headers(leave=False), b"please confirm\r\n")
    queued: list[int] = []
    try:
        for number in range(count):
            await asyncio.sleep(0.5)
            message = NewMessage(f"waiting:{number}", MessageKind.ALERT, "", "ko", mail)
            async with database.begin() as connection:
                recipient = addresses.parse(f"waiting{number}@gaon.example")
                delivery_id = await messages.queue_one(connection, message, recipient, lane=lane, at=clock.utc_now())
            assert delivery_id
            queued.append(delivery_id)
        await asyncio.sleep(5)
        async with database.read() as connection:
            query = sa.select(deliveries.c.created_at, deliveries.c.settled_at).where(deliveries.c.id.in_(queued))
            rows = (await connection.execute(query)).all()
    finally:
        await database.close()
    never = timedelta(days=1)
    return [(row.settled_at - row.created_at if row.settled_at else never).total_seconds() for row in rows]


def measure_waiting(given: argparse.Namespace, port: int) -> list[float]:
    """Send an edition and meanwhile queue mails somebody waits for."""
    with ledger.database_url(given.database) as url:
        asyncio.run(ledger.prepare(url, given.mails))
        words = [sys.executable, "-m", "benchmarks.worker", url, str(port), str(given.lanes)]
        process = subprocess.Popen(words, cwd=tools.PROJECT, stdout=subprocess.DEVNULL)
        try:
            return asyncio.run(_wait_for_mails(url, given.waiting, Lane(given.lane)))
        finally:
            process.terminate()
            process.wait(timeout=30)


def measure_memory(given: argparse.Namespace, port: int, sizes: list[int]) -> dict[str, float]:
    """Send editions of these sizes, one process each; return the peak memory of each in MB."""
    peaks = {}
    for size in sizes:
        with ledger.database_url(given.database) as url:
            asyncio.run(ledger.prepare(url, size))
            run = run_worker(url, port, given.lanes, dkim=given.dkim)
            asyncio.run(_check(url, size))
        print(f"{size} deliveries: {run.peak_mb:.1f} MB, {run.rate:.0f}/s", flush=True)
        peaks[f"peak_mb_{size}"] = round(run.peak_mb, 1)
    return peaks


def summary(rounds: list[dict[str, Run]]) -> dict[str, float]:
    """Return the medians of the rounds' ratios."""

    def ratio(of: str, to: str, what: str) -> float:
        return median(float(getattr(each[of], what)) / float(getattr(each[to], what)) for each in rounds)

    found = {
        "of_L29": ratio("ours", "L29", "rate"),
        "cpu_of_smtp_source": ratio("ours", "L29", "cpu_us"),
        "cpu_us_per_mail": median(each["ours"].cpu_us for each in rounds),
        "peak_mb": max(each["ours"].peak_mb for each in rounds),
    }
    if "peer" in rounds[0]:
        found["times_peer"] = ratio("ours", "peer", "rate")
    return {name: round(value, 3) for name, value in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=20_000)
    parser.add_argument("--lanes", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", default="sqlite", help="sqlite, postgresql, or an address of an empty database")
    parser.add_argument("--peer", type=int, default=400, help="mails for the peer, 0: leave it out")
    parser.add_argument("--rtt", type=float, default=0, help="milliseconds of round trip to add")
    parser.add_argument("--waiting", type=int, default=0, help="instead: so many mails that somebody waits for")
    parser.add_argument("--lane", choices=["first", "share"], default="first", help="of the mails of --waiting")
    parser.add_argument("--dkim", action="store_true", help="sign with RSA-2048")
    parser.add_argument("--memory", type=int, nargs="+", help="instead: peak memory at so many deliveries each")
    parser.add_argument("--keep", action="store_true", help="spare the check that all were accepted")
    given = parser.parse_args()
    if tools.missing():
        raise SystemExit(tools.missing())
    with tools.sink() as far, tools.delayed(far, given.rtt) as port:
        if given.waiting:
            seconds = measure_waiting(given, port)
            print(json.dumps({"waiting_max_s": round(max(seconds), 3), "waiting_median_s": round(median(seconds), 3)}))
            return
        if given.memory:
            print(json.dumps(measure_memory(given, port, given.memory)))
            return
        rounds = []
        for number in range(given.rounds):
            rounds.append(one_round(given, port))
            told = (f"{name} {run.rate:.0f}/s {run.cpu_us:.0f} µs CPU" for name, run in rounds[-1].items())
            print(f"round {number + 1}: {', '.join(told)}", flush=True)
    print(
        json.dumps(
            {
                "database": given.database,
                "mails": given.mails,
                "rtt_ms": given.rtt,
                "dkim": given.dkim,
                **summary(rounds),
            }
        )
    )


if __name__ == "__main__":
    main()

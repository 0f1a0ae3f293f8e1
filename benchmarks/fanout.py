"""A million subscribers into deliveries: the one INSERT … SELECT that an edition begins with, on both databases.

Prints the seconds of each round and a JSON line. The readers are put in once, before the clock runs; each round is a
new edition to all of them, so the later ones find a ledger that is in use.
"""

import argparse
import asyncio
import json
import time
from statistics import median

from benchmarks import ledger
from digest.database import Database, migrate


async def measure(url: str, readers: int, rounds: int) -> list[float]:
    """Return the seconds each edition's deliveries took, the commit included."""
    database = Database.open(url)
    seconds = []
    try:
        await migrate.upgrade(database)
        await ledger.add_readers(database, readers)
        for number in range(rounds):
            edition_id = await ledger.add_edition(database, number=number)
            began = time.perf_counter()
            made = await ledger.make_deliveries(database, edition_id)
            seconds.append(time.perf_counter() - began)
            if made != readers:
                raise SystemExit(f"{made} deliveries for {readers} readers")
            print(f"{database.engine.dialect.name}: {seconds[-1]:.2f} s", flush=True)
    finally:
        await database.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", nargs="+", default=["sqlite", "postgresql"], help="or addresses of empty ones")
    given = parser.parse_args()
    found: dict[str, float] = {}
    for kind in given.database:
        with ledger.database_url(kind) as url:
            found[kind] = round(median(asyncio.run(measure(url, given.readers, given.rounds))), 2)
    print(json.dumps({"readers": given.readers, "median_s": found}))


if __name__ == "__main__":
    main()

"""Collecting from a thousand feeds, against bare feedparser and the bare HTTP client, interleaved in one run.

A server process of its own serves feeds of fifty Korean articles each (41 kB, see `feeds`), twenty a newspaper. One
round: bare feedparser over half of the whole documents, a pass of ours in which everything is new (not judged), one in
which all answer 304, one in which each feed has two new articles, the HTTP client alone against answers 304, and bare
feedparser over the other half; then once more over all of them in two processes side by side. CPU is that of our
process and its reading process together. What counts are the ratios of one round. Bare feedparser alone has the
machine for itself, ours never has: server, reading process and collector keep both cores busy, which makes each of them
slower (feedparser beside itself: by a sixth). So both ratios are told.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import aiohttp
import feedparser
from aiohttp import web

from benchmarks import ledger, tools
from benchmarks.feeds import A_PAPER, ENTRIES, document
from digest import clock, events
from digest.collect import collector
from digest.collect.reader import Reader
from digest.database import Database, migrate
from digest.outbound import Outbound
from tests.support.settings import make_settings


@dataclass(frozen=True)
class Pass:
    """What a pass did. `peak_mb` is that of our process and the reading process together; 0: not measured."""

    feeds: int
    seconds: float
    cpu_seconds: float
    peak_mb: float = 0.0

    @property
    def rate(self) -> float:
        return self.feeds / self.seconds


def serve(port: int) -> None:
    """Serve the feeds until ended; `/state/N` moves all of them on. Runs in a process of its own."""
    state = 0

    async def move(request: web.Request) -> web.Response:
        nonlocal state
        state = int(request.match_info["state"])
        return web.Response()

    async def feed(request: web.Request) -> web.Response:
        mark = f'"{state}"'
        if request.headers.get("If-None-Match") == mark:
            return web.Response(status=304, headers={"ETag": mark})
        body = document(int(request.match_info["feed"]), state)
        return web.Response(body=body, content_type="application/rss+xml", headers={"ETag": mark})

    app = web.Application()
    app.router.add_get("/state/{state}", move)
    app.router.add_get("/{feed}.xml", feed)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


def bare_feedparser(feeds: Iterable[int]) -> float:
    """Return the CPU seconds feedparser alone takes to read the whole documents of these feeds."""
    bodies = [document(feed, 0) for feed in feeds]
    before = time.process_time()
    for body in bodies:
        assert len(feedparser.parse(body).entries) == ENTRIES
    return time.process_time() - before


def bare_feedparser_beside_itself(feeds: int) -> float:
    """Return the CPU seconds feedparser takes for all whole documents, half in each of two processes at once."""
    words = [sys.executable, "-m", "benchmarks.collect", "--feeds", str(feeds), "--bare"]
    halves = [
        subprocess.Popen([*words, half], cwd=tools.PROJECT, stdout=subprocess.PIPE, text=True) for half in ("0", "1")
    ]
    return sum(float(half.communicate(timeout=1800)[0]) for half in halves)


async def bare_client(port: int, feeds: int, state: int) -> float:
    """Return the CPU seconds the HTTP client alone takes for answers 304."""
    gate = asyncio.Semaphore(16)

    async def one(session: aiohttp.ClientSession, feed: int) -> None:
        async with (
            gate,
            session.get(f"http://127.0.0.1:{port}/{feed}.xml", headers={"If-None-Match": f'"{state}"'}) as response,
        ):
            assert response.status == 304
            await response.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=16)) as session:
        before = time.process_time()
        await asyncio.gather(*(one(session, feed) for feed in range(feeds)))
        return time.process_time() - before


def _cpu_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_of(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


async def our_passes(port: int, feeds: int, url: str) -> dict[str, Pass]:
    """Collect three times on a fresh ledger: all new, all 304, two new each. Runs in a process of its own."""
    # Twenty feeds a newspaper, each newspaper a host of its own: names that all lead to the server here.
    hosts = [f"paper{number}.example:{port}" for number in range((feeds + A_PAPER - 1) // A_PAPER)]
    lines = (f"f{feed} | feed | http://{hosts[feed // A_PAPER]}/{feed}.xml" for feed in range(feeds))
    settings = make_settings(sources="\n".join(lines), private_hosts=" ".join([*hosts, f"127.0.0.1:{port}"]))
    now = clock.utc_now()
    database = Database.open(url)
    await migrate.upgrade(database)
    await collector.provision(database, settings, now=now)

    async def here(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    passes: dict[str, Pass] = {}
    queue = collector.host_queue(settings)
    client = Outbound(private_hosts=settings.private_hosts, user_agent="benchmark", resolve=here)
    async with client as outbound, Reader() as reader:
        for number, (name, state) in enumerate((("all new", 0), ("304", 0), ("two new", 1))):
            await outbound.get(f"http://127.0.0.1:{port}/state/{state}", timeout_seconds=5, max_bytes=10)
            at = now + timedelta(days=number)
            child = _cpu_of(reader.pid) if reader.pid else 0.0
            cpu, began = time.process_time(), time.perf_counter()
            reports = []
            while more := await collector.collect_due(
                database, outbound, settings, clock=lambda at=at: at, owner="b", reader=reader, hosts=queue
            ):
                reports += more
            seconds = time.perf_counter() - began
            spent = time.process_time() - cpu + (_cpu_of(reader.pid) - child if reader.pid else 0.0)
            _check(name, feeds, [(one.new, one.problem) for one in reports])
            # Not `ru_maxrss`: that begins with what the process had that started this one.
            peak = _peak_of(os.getpid()) + (_peak_of(reader.pid) if reader.pid else 0)
            passes[name] = Pass(feeds, seconds, spent, peak)
    await database.close()
    return passes


def _check(name: str, feeds: int, came: list[tuple[int, str]]) -> None:
    """Make sure that what was measured was the work."""
    wanted = {"all new": ENTRIES, "304": 0, "two new": 2}[name]
    wrong = [one for one in came if one != (wanted, "")]
    assert len(came) == feeds, f"{name}: {len(came)} of {feeds} feeds were collected"
    assert not wrong, f"{name}: {len(wrong)} feeds came otherwise, the first {wrong[0]}"


def one_round(port: int, feeds: int, database: str) -> dict[str, float]:
    """Measure everything once."""
    theirs = bare_feedparser(range(0, feeds, 2))
    with _address(database) as url:
        words = [
            sys.executable,
            "-m",
            "benchmarks.collect",
            "--passes",
            url,
            "--port",
            str(port),
            "--feeds",
            str(feeds),
        ]
        done = subprocess.run(
            words, cwd=tools.PROJECT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, timeout=1800
        )
    ours = {name: Pass(**values) for name, values in json.loads(done.stdout.splitlines()[-1]).items()}
    client = asyncio.run(bare_client(port, feeds, 1))
    theirs += bare_feedparser(range(1, feeds, 2))  # half before, half after: the machine's mood changes
    beside = bare_feedparser_beside_itself(feeds)
    return {
        "feedparser_cpu": theirs,
        "feedparser_beside_itself_cpu": beside,
        "client_cpu": client,
        "all_new_cpu": ours["all new"].cpu_seconds,
        "unchanged_cpu": ours["304"].cpu_seconds,
        "unchanged_rate": ours["304"].rate,
        "two_new_cpu": ours["two new"].cpu_seconds,
        "two_new_rate": ours["two new"].rate,
        "two_new_of_feedparser": ours["two new"].cpu_seconds / theirs,
        "two_new_of_feedparser_beside_itself": ours["two new"].cpu_seconds / beside,
        "peak_mb": max(one.peak_mb for one in ours.values()),
    }


def _address(database: str):  # type: ignore[no-untyped-def]  # a context manager of the ledger's
    return ledger.database_url(database)


def main() -> None:
    """Run some rounds, print each and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feeds", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", default="sqlite")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--passes", default="", help=argparse.SUPPRESS)
    parser.add_argument("--bare", default="", help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.port)
        return
    if given.bare:
        print(bare_feedparser(range(int(given.bare), given.feeds, 2)))
        return
    if given.passes:
        events.configure(json_lines=True, level="info")
        passes = asyncio.run(our_passes(given.port, given.feeds, given.passes))
        print(json.dumps({name: asdict(one) for name, one in passes.items()}))
        return
    port = tools.free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.collect", "--serve", "--port", str(port)], cwd=tools.PROJECT
    )
    try:
        tools.wait_for_port(port)
        rounds = []
        sizes = [len(document(feed, 0)) for feed in range(given.feeds)]
        print(f"{given.feeds} feeds of {sum(sizes) / len(sizes) / 1000:.1f} kB")
        for _ in range(given.rounds):
            came = one_round(port, given.feeds, given.database)
            rounds.append(came)
            print("  ".join(f"{name} {value:.3g}" for name, value in came.items()), flush=True)
        print(json.dumps({"feeds": given.feeds, "database": given.database, "rounds": rounds}))
    finally:
        server.terminate()
        server.wait(timeout=10)


if __name__ == "__main__":
    main()

"""The pages while an edition goes out: how long readers wait who sign up or leave, of an empty route's time.

Each round is an installation of its own, as its operator runs it: `digest web` and `digest worker` on one database, an
edition that PACE sends at 500 mails a second to `smtp-sink`. A process of its own asks at planned times
(`benchmarks.load`). Routes take turns of a second each, the empty one (`/healthz`) in every row of turns; what counts
is the ratio to that one of the same round. Readers who leave are still waiting for their mail, and each leaves once.
"""

import argparse
import asyncio
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import altcha
import sqlalchemy as sa

from benchmarks import ledger, tools
from benchmarks.load import Answer, Planned
from digest import clock, proof
from digest.config import Settings
from digest.database import Database
from digest.database.tables import deliveries
from digest.models.deliveries import DeliveryState, Lane
from digest.tokens import TokenPurpose
from tests.support.rows import add_source, place_article
from tests.support.service import Service
from tests.support.settings import SECRET, make_settings

MUST_MS = 100
MEASURED = ("form", "one_click")
_FORM = "application/x-www-form-urlencoded"
_TURN_SECONDS = 1.0
_REST_SECONDS = 0.2  # between turns, for what still waits
_FAILED = (0, 503)
_ONE_CLICK = "List-Unsubscribe=One-Click"


@dataclass(frozen=True)
class Times:
    """What a route's requests took in one round, in milliseconds, and the size of its answer in bytes.

    `failed` of them had no answer, or were told to come again later (503); their times count like the others'.
    """

    count: int
    failed: int
    p50: float
    p99: float
    worst: float
    octets: int


@dataclass(frozen=True)
class Round:
    """One round: the times by route, mails accepted and web's CPU seconds per second, how late the asker was (p99)."""

    times: Mapping[str, Times]
    mails_a_second: float
    web_cpu: float
    late_ms: float


# ── what is asked, and when ──────────────────────────────────────────────────────────────────────────────────────


class Asking:
    """Writes requests. Readers leave from the last one on, as the edition goes out from the first."""

    def __init__(self, settings: Settings, readers: int, sign_ups: list[str]) -> None:
        self._keyring = settings.keyring
        self._ticket = proof.ticket(settings, clock.utc_now())
        self._leaving = iter(range(readers, 0, -1))
        self._chooses = iter(range(readers // 2, 0, -1))
        self._solved = iter(enumerate(sign_ups))

    def request(self, route: str) -> tuple[str, str]:
        """Return a request to `route`, and the loopback address it comes from."""
        match route:
            case "one_click":
                token = self._keyring.make(TokenPurpose.LEAVE, next(self._leaving))
                return _post(f"/u/{token}", _ONE_CLICK), ""
            case "sign_up":
                number, payload = next(self._solved)
                values = {"address": f"new{number}@naver.example", "slot": "morning", "agree": "yes", "age": "yes"}
                values |= {"how": "page", "website": "", "ticket": self._ticket, "proof": payload}
                return _post("/subscribe", urlencode(values)), f"127.1.{number // 250}.{number % 250 + 1}"
            case "preferences":
                return _get(f"/preferences/{self._keyring.make(TokenPurpose.CHOOSE, next(self._chooses))}"), ""
            case _:
                paths = {"empty": "/healthz", "form": "/subscribe", "home": "/", "edition": "/editions/1"}
                return _get(paths[route]), ""


def _get(path: str) -> str:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Language: ko-KR,ko;q=0.9\r\n\r\n"


def _post(path: str, body: str) -> str:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {_FORM}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head + body


def plan(asking: Asking, rows: int, rate: int) -> list[Planned]:
    """Return what is asked: rows of turns of one route each, then form and one-click at once, at `rate` each."""
    slow = {"sign_up": 20, "home": 50, "edition": 50, "preferences": 50}
    planned: list[Planned] = []
    at = 0.0
    for row in range(rows):
        others = ["sign_up", *(["home", "edition", "preferences"] if row % 2 == 0 else [])]
        for route in ("empty", *MEASURED, *others):
            planned += _turn(asking, at, route, route, slow.get(route, rate))
            at += _TURN_SECONDS + _REST_SECONDS
    for _ in range(rows):
        both = [*_turn(asking, at, "form", "form_together", rate)]
        both += _turn(asking, at, "one_click", "one_click_together", rate)
        planned += sorted(both)
        at += _TURN_SECONDS
    return planned


def _turn(asking: Asking, begins: float, route: str, name: str, rate: int) -> Iterator[Planned]:
    for number in range(round(_TURN_SECONDS * rate)):
        request, source = asking.request(route)
        yield begins + number / rate, name, request, source


def solve(settings: Settings, count: int) -> list[str]:
    """Work out so many challenges as browsers do: a few tenths of a second each. They do for every round."""
    solved = []
    for _ in range(count):
        written = json.loads(proof.challenge(settings, clock.utc_now()))
        found = altcha.solve_challenge(altcha.Challenge.from_dict(written))
        assert found is not None
        payload = {"challenge": written, "solution": {"counter": found.counter, "derivedKey": found.derived_key}}
        solved.append(base64.b64encode(json.dumps(payload).encode()).decode())
    return solved


# ── the installation ─────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def installation(url: str, sink_port: int, web_port: int, mails_a_second: int) -> Iterator[Service]:
    """Give a service in a folder of its own, with nothing started yet."""
    names = ("newspaper_name", "sender_address", "postal_address", "phone", "privacy_officer", "editions")
    plain = make_settings()
    values = {name.upper(): str(getattr(plain, name)) for name in names if name != "editions"}
    values |= {
        "NEWSPAPER_SITE": "http://127.0.0.1/",
        "EDITIONS": "morning | 아침 소식 | 0 7 * * * | sections=시정,의회,*",
        "SECRET_KEY": SECRET,
        "DATABASE_URL": url,
        "BASE_URL": f"http://127.0.0.1:{web_port}",
        "WEB_PORT": str(web_port),
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(sink_port),
        "SMTP_TLS": "none",
        "SMTP_CONNECTIONS": "20",
    }
    if mails_a_second:
        values["PACE"] = f"bulk {mails_a_second}/s"
    with tempfile.TemporaryDirectory(prefix="digest-bench-") as folder:
        service = Service(Path(folder), values)
        try:
            yield service
        finally:
            service.close()


async def prepare(url: str, readers: int) -> None:
    """Make the ledger, and give the edition the articles that its page shows."""
    edition_id = await ledger.prepare(url, readers)
    database = Database.open(url)
    try:
        async with database.begin() as connection:
            source = await add_source(connection, at=clock.utc_now())
            for number, article in enumerate(ledger.articles()):
                title, excerpt = article["title"], article["excerpt"]
                at = clock.utc_now()
                await place_article(connection, edition_id, source, title, at=at, position=number, excerpt=excerpt)
    finally:
        await database.close()


async def count_accepted(url: str) -> int:
    """Return how many mails of the edition the sink has taken."""
    database = Database.open(url)
    try:
        async with database.read() as connection:
            query = sa.select(sa.func.count()).where(
                deliveries.c.state == DeliveryState.ACCEPTED, deliveries.c.lane == Lane.BULK
            )
            return int((await connection.execute(query)).scalar_one())
    finally:
        await database.close()


def _wait_for_mails(url: str) -> None:
    for _ in range(120):
        if asyncio.run(count_accepted(url)) > 1000:
            return
        time.sleep(0.5)
    raise SystemExit("the edition does not go out")


def _cpu_seconds(pid: int) -> float:
    """Return what a running process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# ── rounds ───────────────────────────────────────────────────────────────────────────────────────────────────────


def one_round(kind: str, sink_port: int, planned: list[Planned], given: argparse.Namespace) -> Round:
    """Start everything on a new database, ask, and end it."""
    web_port = tools.free_port()
    with (
        ledger.database_url(kind) as url,
        installation(url, sink_port, web_port, given.mails_a_second) as service,
    ):
        asyncio.run(prepare(url, given.readers))
        web = service.start("web")
        tools.wait_for_port(web_port)
        if given.mails_a_second:
            service.start("worker")
            _wait_for_mails(url)
        accepted, began, cpu = asyncio.run(count_accepted(url)), time.perf_counter(), _cpu_seconds(web.pid)
        answers = ask(web_port, planned)
        seconds = time.perf_counter() - began
        cpu = _cpu_seconds(web.pid) - cpu
        accepted = asyncio.run(count_accepted(url)) - accepted
    late = sorted(each[4] for each in answers)
    return Round(times_of(answers), accepted / seconds, cpu / seconds, _percentile(late, 99))


def ask(port: int, planned: list[Planned]) -> list[Answer]:
    """Let the asking process follow the plan."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", str(port)],
        cwd=tools.PROJECT,
        input=json.dumps(planned).encode(),
        stdout=subprocess.PIPE,
        check=True,
        timeout=900,
    )
    return [tuple(each) for each in json.loads(done.stdout)]


def times_of(answers: list[Answer]) -> dict[str, Times]:
    """Return each route's times. Ends everything if one was refused: it was not the work, then."""
    found: dict[str, list[Answer]] = {}
    for each in answers:
        if each[2] not in (200, *_FAILED):
            raise SystemExit(f"{each[0]} was answered with {each[2]} after {each[1]:.0f} ms")
        found.setdefault(each[0], []).append(each)
    return {route: _times(of_route) for route, of_route in found.items()}


def _times(answers: list[Answer]) -> Times:
    took = sorted(each[1] for each in answers)
    octets, failed = max(each[3] for each in answers), sum(each[2] in _FAILED for each in answers)
    return Times(len(took), failed, _percentile(took, 50), _percentile(took, 99), took[-1], octets)


def _percentile(ordered: list[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def tell(kind: str, number: int, found: Round) -> None:
    """Print a round as a table."""
    print(
        f"{kind}, round {number}: {found.mails_a_second:.0f} mails/s, web {found.web_cpu:.2f} of a core, "
        f"asker late {found.late_ms:.1f} ms (p99), load {os.getloadavg()[0]:.1f}"
    )
    empty = found.times["empty"]
    for route, each in found.times.items():
        ratios = f"× empty {each.p50 / empty.p50:5.1f} {each.p99 / empty.p99:5.1f}"
        print(
            f"  {route:19} {each.count:5}  p50 {each.p50:7.1f}  p99 {each.p99:7.1f}  max {each.worst:7.1f} ms"
            f"  {ratios}  {each.octets} bytes  {each.failed} failed",
            flush=True,
        )


def summary(rounds: list[Round]) -> dict[str, object]:
    """Return each route's medians over the rounds, its worst p99, and the ratios to the empty route of its round."""
    found: dict[str, object] = {"mails_a_second": round(median(each.mails_a_second for each in rounds))}
    for route in rounds[0].times:
        times, empty = [each.times[route] for each in rounds], [each.times["empty"] for each in rounds]
        found[route] = {
            "p50_ms": round(median(each.p50 for each in times), 1),
            "p99_ms": round(median(each.p99 for each in times), 1),
            "worst_p99_ms": round(max(each.p99 for each in times), 1),
            "max_ms": round(max(each.worst for each in times), 1),
            "failed": sum(each.failed for each in times),
            "p50_of_empty": round(median(a.p50 / b.p50 for a, b in zip(times, empty, strict=True)), 2),
            "p99_of_empty": round(median(a.p99 / b.p99 for a, b in zip(times, empty, strict=True)), 2),
        }
    found["met"] = all(
        each.times[route].p99 < MUST_MS and not each.times[route].failed for each in rounds for route in MEASURED
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=5, help="turns of each route in a round")
    parser.add_argument("--rate", type=int, default=200, help="requests a second of a turn")
    parser.add_argument("--mails-a-second", type=int, default=500, help="what PACE allows; 0: nothing is sent")
    parser.add_argument("--readers", type=int, default=40_000)
    parser.add_argument("--database", nargs="+", default=["sqlite", "postgresql"], help="or addresses of empty ones")
    given = parser.parse_args()
    if tools.missing():
        raise SystemExit(tools.missing())
    settings = make_settings()
    solved = solve(settings, given.rows * 20)
    rounds: dict[str, list[Round]] = {kind: [] for kind in given.database}
    with tools.sink() as sink_port:
        for number in range(given.rounds):
            for kind in given.database:
                planned = plan(Asking(settings, given.readers, solved), given.rows, given.rate)
                rounds[kind].append(one_round(kind, sink_port, planned, given))
                tell(kind, number + 1, rounds[kind][-1])
    print(json.dumps({kind: summary(found) for kind, found in rounds.items()}))


if __name__ == "__main__":
    main()

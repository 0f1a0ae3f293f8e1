"""One sending process: `python -m benchmarks.worker URL PORT LANES [OWNER]` sends what is due.


The last line it prints is JSON: mails, seconds, CPU seconds and peak memory in MB of the whole process.
"""

import asyncio
import json
import resource
import sys
import time

from digest import clock, events
from digest.config import Tls
from digest.database import Database
from digest.deliver.sender import Sender
from digest.deliver.transports.smtp import Relay, SmtpTransport
from tests.support.settings import make_settings


async def _send(url: str, port: int, lanes: int, owner: str) -> int:
    database = Database.open(url)
    relay = Relay("127.0.0.1", port, Tls.NONE, messages=1_000_000)
    settings = make_settings(smtp_connections=lanes)
    sender = Sender(database, settings, SmtpTransport(relay), clock=clock.utc_now, owner=owner)
    try:
        return await sender.send_due()
    finally:
        await database.close()


def main(words: list[str]) -> None:
    events.configure(json_lines=True, level="error")
    url, port, lanes, *owner = words
    began_cpu, began = time.process_time(), time.perf_counter()
    mails = asyncio.run(_send(url, int(port), int(lanes), owner[0] if owner else "benchmark"))
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"mails": mails, "seconds": seconds, "cpu_seconds": cpu, "peak_mb": peak}))


if __name__ == "__main__":
    main(sys.argv[1:])

"""One sending process: `python -m benchmarks.worker URL PORT LANES [OWNER [dkim]]` sends what is due, signed by `dkim`.

The last line it prints is JSON: mails, seconds, CPU seconds and peak memory in MB of the whole process.
"""

import asyncio
import json
import resource
import sys
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from digest import clock, events
from digest.database import Database
from digest.deliver.sender import Sender
from digest.deliver.transports.smtp import Relay, SmtpTransport
from digest.models.deliveries import Tls
from digest.operate import garbage
from tests.support.settings import make_settings


def _key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form).decode()


async def _send(url: str, port: int, lanes: int, owner: str, key: str = "") -> int:
    database = Database.open(url)
    relay = Relay("127.0.0.1", port, Tls.NONE, messages=1_000_000)
    signing = {"dkim_selector": "mail2026", "dkim_private_key": key} if key else {}
    settings = make_settings(smtp_connections=lanes, **signing)
    sender = Sender(database, settings, SmtpTransport(relay), clock=clock.utc_now, owner=owner)
    garbage.look_seldom()
    try:
        return await sender.send_due()
    finally:
        await database.close()


def _cpu_seconds() -> float:
    """Of this process and of those it had sign."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main(words: list[str]) -> None:
    events.configure(json_lines=True, level="error")
    url, port, lanes, *more = words
    owner, key = more[0] if more else "benchmark", _key() if more[1:] == ["dkim"] else ""
    began_cpu, began = _cpu_seconds(), time.perf_counter()
    mails = asyncio.run(_send(url, int(port), int(lanes), owner, key))
    seconds, cpu = time.perf_counter() - began, _cpu_seconds() - began_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"mails": mails, "seconds": seconds, "cpu_seconds": cpu, "peak_mb": peak}))


if __name__ == "__main__":
    main(sys.argv[1:])

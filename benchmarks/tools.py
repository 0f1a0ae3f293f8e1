"""Postfix's own test programs as yardstick and sink: `smtp-source` and `smtp-sink`, on loopback, ended by their pid.

Both belong to the system's postfix package and need no configuration. Where they are missing, `missing` says so and
nothing is measured.
"""

import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port

PROJECT = Path(__file__).resolve().parents[1]
_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec/postfix")
_SECONDS = 900  # nothing here runs longer


@dataclass(frozen=True)
class Run:
    """What a program did: mails, seconds, its own CPU seconds, and its peak memory in MB (0: not measured)."""

    mails: int
    seconds: float
    cpu_seconds: float
    peak_mb: float = 0.0

    @property
    def rate(self) -> float:
        return self.mails / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU microseconds per mail."""
        return self.cpu_seconds / self.mails * 1e6


def find(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(_FOLDERS))


def missing() -> str:
    """Say what is not installed; empty if everything is there."""
    absent = [name for name in ("smtp-sink", "smtp-source") if find(name) is None]
    return f"{' and '.join(absent)} not found: install the system's postfix package" if absent else ""


@contextmanager
def sink() -> Iterator[int]:
    """Run `smtp-sink` and give its port."""
    port = free_port()
    name = find("smtp-sink")
    assert name
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([name, *user, f"127.0.0.1:{port}", "1024"], cwd="/")
    try:
        wait_for_port(port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


@contextmanager
def delayed(port: int, rtt_ms: float) -> Iterator[int]:
    """Give a port that leads to `port` with a round trip of `rtt_ms` more; `port` itself for 0."""
    if not rtt_ms:
        yield port
        return
    near = free_port()
    words = [sys.executable, "-m", "benchmarks.delay", str(near), str(port), str(rtt_ms)]
    process = subprocess.Popen(words, cwd=PROJECT)
    try:
        wait_for_port(near)
        yield near
    finally:
        process.terminate()
        process.wait(timeout=10)


def source(port: int, *, mails: int, lanes: int, octets: int) -> Run:
    """Run `smtp-source`: the yardstick."""
    name = find("smtp-source")
    assert name
    words = [name, "-d", "-s", str(lanes), "-l", str(octets), "-m", str(mails)]
    words += ["-f", "news@gaon.example", "-t", "reader@reader.example", f"127.0.0.1:{port}"]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(words, check=True, timeout=_SECONDS, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Run(mails, seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def wait_for_port(port: int) -> None:
    for _ in range(1200):  # a minute: others may be at work on this machine
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"nothing listens on port {port}")

"""The receiving side of a journey: the fast SMTP server as a process of its own, and what its log says."""

import base64
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Sink:
    """A running server on `port`; `log` has one line per mail it took, written before it said so."""

    port: int
    log: Path

    def lines(self) -> list[dict[str, str]]:
        """What was taken so far, in order; a line that is still being written is left out."""
        if not self.log.exists():
            return []
        return [
            json.loads(line)
            for line in self.log.read_text(encoding="utf-8").splitlines(keepends=True)
            if line[-1] == "\n"
        ]

    def times_taken(self) -> Counter[str]:
        """How often each recipient was taken a mail for."""
        return Counter(line["recipient"] for line in self.lines())

    def count(self) -> int:
        """How many mails were taken, cheaply."""
        return self.log.read_bytes().count(b"\n") if self.log.exists() else 0

    def mails(self) -> dict[str, EmailMessage]:
        """The last mail of each recipient, parsed by the standard library."""
        return {
            line["recipient"]: message_from_bytes(base64.b64decode(line["content"]), policy=policy.default)
            for line in self.lines()
        }


@contextmanager
def running_sink(folder: Path, *, keep: bool = False, delay_ms: float = 0) -> Iterator[Sink]:
    """Start the server; `keep`: its log holds the mails themselves."""
    log = folder / "sink.jsonl"
    words = ["--port", "0", "--log", str(log), "--delay-ms", str(delay_ms), *(["--keep"] if keep else [])]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.smtp_server", *words], cwd=PROJECT, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield Sink(int(process.stdout.readline()), log)
    finally:
        process.terminate()
        process.wait(timeout=10)

"""The service as its operator runs it: a process of its own, started, asked by command, and killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]


@dataclass
class Service:
    """One installation in `folder` with `settings` as its `.env`."""

    folder: Path
    settings: Mapping[str, str]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        lines = "\n".join(f"{name}='{value}'" for name, value in self.settings.items())
        (self.folder / ".env").write_text(lines + "\n", encoding="utf-8")

    def command(self, *words: str, ok: bool = True) -> str:
        """Run one command to its end and return what it printed; `ok`: it must exit with 0."""
        done = subprocess.run(
            self._line(words), cwd=self.folder, env=_environment(), capture_output=True, timeout=60, check=False
        )
        assert not ok or done.returncode == 0, done.stderr.decode() + done.stdout.decode()
        return done.stdout.decode()

    def json(self, *words: str) -> Any:
        """Run one command with --json and return what it says."""
        return json.loads(self.command(*words, "--json"))

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a command that goes on; its log is appended to `log` in the folder."""
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(self._line(words), cwd=self.folder, env=_environment(), stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def log(self) -> str:
        """Return what the started processes have written so far."""
        path = self.folder / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def close(self) -> None:
        """End whatever still runs."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _line(self, words: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-m", "digest", *words]


def wait_until(is_so: Callable[[], bool], *, seconds: float, what: str, pause: float = 0.02) -> None:
    """Look every `pause` seconds until `is_so()`; fail with `what` when it takes longer than `seconds`."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(pause)


def _environment() -> dict[str, str]:
    """A bare environment: no setting of the machine's leaks into the installation."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "LC_ALL": "C.UTF-8"}

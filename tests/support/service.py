"""The service as its operator runs it: a process of its own, started, asked by command, and killed.

To import what a worker needs takes three seconds of CPU, and the journeys start some eighty processes. So they are not
begun by `python -m digest` but forked from one that has imported it all and does nothing else (`forkserver`). From the
fork on it is the same: its own folder, environment, log and command line, `main()`, and a real kill -9. That
`python -m digest` works is proved by `operate/test_terminal_trouble`.
"""

import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import chdir
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
_FORKING = multiprocessing.get_context("forkserver")
_MAIN = "tests.support.service_main"


@dataclass
class Running:
    """A process of the service."""

    process: BaseProcess

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def poll(self) -> int | None:
        """Its exit code, None while it runs; a signal is negative."""
        return self.process.exitcode

    def wait(self, timeout: float) -> int:
        """Wait for its end, and return the exit code."""
        self.process.join(timeout)
        code = self.process.exitcode
        assert code is not None, f"process {self.pid} did not end within {timeout} s"
        return code

    def terminate(self) -> None:
        self.process.terminate()

    def kill(self) -> None:
        self.process.kill()


@dataclass
class Service:
    """One installation in `folder` with `settings` as its `.env`."""

    folder: Path
    settings: Mapping[str, str]
    processes: list[Running] = field(default_factory=list)

    def __post_init__(self) -> None:
        lines = "\n".join(f"{name}='{value}'" for name, value in self.settings.items())
        (self.folder / ".env").write_text(lines + "\n", encoding="utf-8")

    def command(self, *words: str, ok: bool = True) -> str:
        """Run one command to its end and return what it printed; `ok`: it must exit with 0."""
        with tempfile.TemporaryDirectory() as kept:
            output, errors = Path(kept, "output"), Path(kept, "errors")
            code = self._fork(words, output, errors).wait(timeout=60)
            printed = output.read_text(encoding="utf-8")
            assert not ok or code == 0, errors.read_text(encoding="utf-8") + printed
        return printed

    def json(self, *words: str) -> Any:
        """Run one command with --json and return what it says."""
        return json.loads(self.command(*words, "--json"))

    def start(self, *words: str) -> Running:
        """Start a command that goes on; its log is appended to `log` in the folder."""
        process = self._fork(words, self.folder / "log", self.folder / "log")
        self.processes.append(process)
        return process

    def log(self) -> str:
        """Return what the started processes have written so far."""
        path = self.folder / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def close(self) -> None:
        """End whatever still runs."""
        for running in self.processes:
            if running.poll() is None:
                running.terminate()
        for running in self.processes:
            running.process.join(10)
            if running.poll() is None:
                running.kill()
                running.wait(timeout=10)

    def _fork(self, words: tuple[str, ...], output: Path, errors: Path) -> Running:
        with chdir(PROJECT):  # where the first call starts the process that is forked from: it imports by this
            _FORKING.set_forkserver_preload([_MAIN])
            forkserver.ensure_running()
        from tests.support import service_main

        process = _FORKING.Process(
            target=service_main.run, args=(list(words), self.folder, _environment(), output, errors), daemon=True
        )
        process.start()
        return Running(process)


def wait_until(is_so: Callable[[], bool], *, seconds: float, what: str, pause: float = 0.02) -> None:
    """Look every `pause` seconds until `is_so()`; fail with `what` when it takes longer than `seconds`."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(pause)


def _environment() -> dict[str, str]:
    """A bare environment: no setting of the machine's leaks into the installation."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "LC_ALL": "C.UTF-8"}

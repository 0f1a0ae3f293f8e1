"""A real mail server in front: the system's Postfix in a folder of its own, on loopback, set up as in docs/inbound.md.

`running(door_port)` yields it, or the reason why there is none (only root can start it). Nothing of the system's own
configuration or queue is touched; it is ended by its own process.
"""

import os
import pwd
import shutil
import signal
import smtplib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port

NAME = "mail.gaon.example"
_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {commands}
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = {name}
mydestination = gaon.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 1s
disable_dns_lookups = yes

recipient_delimiter = +
transport_maps = texthash:{folder}/digest_transport
local_recipient_maps = texthash:{folder}/digest_recipients
relay_domains = bounce.gaon.example
relay_recipient_maps = regexp:{folder}/digest_bounces
header_checks = regexp:{folder}/digest_header_checks
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass
class Postfix:
    """The server, and where it listens."""

    folder: Path
    port: int

    def send(self, content: bytes, *recipients: str, sender: str = "kim@naver.example") -> None:
        """Send it a mail, as another server on the internet would."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=10) as peer:
            peer.sendmail(sender, recipients, content)

    def waiting(self) -> int:
        """Return how many mails lie in its queue, tried or not."""
        folders = ("maildrop", "incoming", "active", "deferred")
        return sum(path.is_file() for name in folders for path in (self.folder / "queue" / name).rglob("*"))

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else "it said nothing"


@contextmanager
def running(door_port: int) -> Iterator["Postfix | str"]:
    """Yield a running server that hands over to `door_port`, or why there is none."""
    command = shutil.which("postfix") or shutil.which("postfix", path="/usr/sbin")
    if command is None:
        yield "there is no Postfix on this machine (apt-get install postfix)"
        return
    if os.getuid() != 0:
        yield "Postfix can be started by root only"
        return
    with tempfile.TemporaryDirectory(prefix="postfix-") as name:
        server = Postfix(Path(name), free_port())
        _write(server, Path(command).parent, door_port)
        subprocess.run([command, "-c", name, "start"], check=True, capture_output=True, timeout=20)
        try:
            _wait_for(server)
            yield server
        finally:
            _end(server)


def _write(server: Postfix, commands: Path, door_port: int) -> None:
    folder = server.folder
    daemons = subprocess.run(
        [commands / "postconf", "-dh", "daemon_directory"], check=True, capture_output=True, text=True
    ).stdout.strip()
    main = _MAIN.format(folder=folder, commands=commands, daemons=daemons, name=NAME)
    (folder / "main.cf").write_text(main)
    (folder / "master.cf").write_text(_MASTER.format(port=server.port))
    door = f"lmtp:inet:127.0.0.1:{door_port}"
    (folder / "digest_transport").write_text(f"news@gaon.example {door}\nbounce.gaon.example {door}\n")
    (folder / "digest_recipients").write_text("news ok\n")
    (folder / "digest_bounces").write_text(r"/^bounce(\+[a-z2-7]{37})?@bounce\.gaon\.example$/ ok" + "\n")
    (folder / "digest_header_checks").write_text(r"/^Authentication-Results:\s*mail\.gaon\.example\b/ IGNORE" + "\n")
    folder.chmod(0o755)
    owner = pwd.getpwnam("postfix")
    (folder / "queue").mkdir()
    (folder / "data").mkdir()
    os.chown(folder / "data", owner.pw_uid, owner.pw_gid)


def _wait_for(server: Postfix) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            with smtplib.SMTP("127.0.0.1", server.port, timeout=5):
                return
        except (OSError, smtplib.SMTPException):
            assert time.monotonic() < end, server.log()
            time.sleep(0.02)


def _end(server: Postfix) -> None:
    pid = int((server.folder / "queue" / "pid" / "master.pid").read_text())
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)

"""A real IMAP server for tests: the system's Dovecot in a folder of its own, on loopback, with one mailbox.

`running(folder)` yields it, or the reason why there is none. Nothing of the system's configuration is read, nothing is
written outside the folder, and it is ended by its own process.
"""

import grp
import imaplib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from digest.inbound.doors.imap import Where
from digest.models.deliveries import Tls

USER, PASSWORD = "news", "only-for-tests"
_CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
ssl = no
disable_plaintext_auth = no
listen = 127.0.0.1
mail_location = maildir:{folder}/mail
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {login_user}
first_valid_uid = 1
first_valid_gid = 0
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home
}}
"""


@dataclass
class Dovecot:
    """The server; `stop` and `start` it again to be a server that goes away."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.process = subprocess.Popen(
            ["dovecot", "-F", "-c", str(self.folder / "dovecot.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + 10
        while True:
            try:
                self.client().logout()
                return
            except (OSError, imaplib.IMAP4.error):
                assert time.monotonic() < end, self.log()
                time.sleep(0.02)

    def stop(self) -> None:
        """End it and its own children: those who serve somebody would stay for ten seconds."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(timeout=10)
            self.process = None

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else "it said nothing"

    def where(self, *, done: str = "처리됨", unknown: str = "모르는 메일") -> Where:
        """How the door reaches it."""
        headers = ("Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc")
        return Where(
            "127.0.0.1", self.port, Tls.NONE, False, USER, PASSWORD, folder="INBOX", done=done, unknown=unknown,
            headers=headers,
        )  # fmt: skip

    def client(self) -> imaplib.IMAP4:
        """Log in as somebody else would."""
        client = imaplib.IMAP4("127.0.0.1", self.port, timeout=10)
        client.login(USER, PASSWORD)
        return client

    def put(self, *contents: bytes) -> None:
        """Let mails arrive, one after the other, with the line ends they have."""
        client = self.client()
        for content in contents:
            client.append("INBOX", "", "", content)
        client.logout()

    def mails(self, folder: str) -> list[bytes]:
        """Return what lies in a folder (its name as it stands on the disk); empty if there is none."""
        client = self.client()
        try:
            if client.select(f'"{folder}"', readonly=True)[0] != "OK":
                return []
            _, numbers = client.search(None, "ALL")
            parts = [client.fetch(number.decode(), "(BODY.PEEK[])")[1] for number in numbers[0].split()]
            return [bytes(part[0][1]) for part in parts]  # type: ignore[index]
        finally:
            client.logout()


def _users() -> tuple[pwd.struct_passwd, pwd.struct_passwd]:
    """Whose the mails are, and who may log others in; Dovecot refuses to be root in these."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid()), pwd.getpwuid(os.getuid())
    return pwd.getpwnam("dovecot"), pwd.getpwnam("dovenull")


@contextmanager
def running() -> Iterator["Dovecot | str"]:
    """Yield a running server, or why there is none."""
    if shutil.which("dovecot") is None:
        yield "there is no Dovecot on this machine (apt-get install dovecot-imapd)"
        return
    with tempfile.TemporaryDirectory(prefix="dovecot-") as name:  # short: it holds sockets
        folder = Path(name)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        own, login = _users()
        (folder / "dovecot.conf").write_text(
            _CONFIG.format(
                folder=folder, port=port, password=PASSWORD, user=own.pw_name, login_user=login.pw_name,
                group=grp.getgrgid(own.pw_gid).gr_name, uid=own.pw_uid, gid=own.pw_gid,
            )
        )  # fmt: skip
        folder.chmod(0o755)
        for inside in ("home", "mail"):
            (folder / inside).mkdir()
            if own.pw_uid != os.getuid():
                os.chown(folder / inside, own.pw_uid, own.pw_gid)
        server = Dovecot(folder, port)
        try:
            server.start()
            yield server
        finally:
            server.stop()

"""The built-in receiving server: real SMTP on loopback that keeps every mail as a file, for running without a relay.

Each mail becomes two files in one folder: NAME.eml, the bytes exactly as received, and NAME.json, the envelope. Names
begin with the time and sort by it. A mail is answered 250 only when it is on the disk: written to a temporary name,
synced, renamed. The newest 2,000 are kept. A full disk is answered 452 4.3.1, as a real relay would (RFC 5321 §4.2.3),
so the sender waits instead of losing anything.

`list_mails` and `read_mail` are for the pages under /outbox/; a name from outside is matched against the form our own
names have before it comes near a path. The protocol itself is aiosmtpd's, on the running loop.
"""

import asyncio
import errno
import json
import os
import re
import secrets
import weakref
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from digest.clock import Clock
from digest.errors import NotFoundError
from digest.events import event, failure

HOST = "127.0.0.1"
KEPT = 2000
_NAME = re.compile(r"\d{8}T\d{12}Z-[0-9a-f]{8}")
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class OutboxMail:
    """One kept mail: its name, the envelope it came with, and its size in bytes."""

    name: str
    envelope_from: str
    recipient: str
    received_at: datetime
    size: int


def list_mails(folder: Path, limit: int) -> list[OutboxMail]:
    """Return the newest `limit` mails, newest first; a folder that does not exist yet holds none."""
    found: list[OutboxMail] = []
    for name in reversed(_names(folder)):
        if len(found) == limit:
            break
        try:
            found.append(_describe(folder, name))
        except (OSError, ValueError, KeyError):
            continue  # removed in this moment, or not written by us
    return found


def read_mail(folder: Path, name: str) -> tuple[OutboxMail, bytes]:
    """Return one mail and its bytes as received. Raises `NotFoundError` for any name that is not one of ours."""
    if not _NAME.fullmatch(name):
        raise NotFoundError("mail", name[:40])
    try:
        return _describe(folder, name), (folder / f"{name}.eml").read_bytes()
    except (OSError, ValueError, KeyError) as error:
        raise NotFoundError("mail", name) from error


def remove_mails(folder: Path, *, before: datetime | None = None, naming: str = "") -> int:
    """Remove the mails received before that time, or those whose files hold the text `naming`; return how many."""
    removed = 0
    for name in _names(folder):
        files = [folder / f"{name}{suffix}" for suffix in (".eml", ".json")]
        is_old = before is not None and name < before.strftime("%Y%m%dT%H%M%S")
        if is_old or (naming and any(naming.lower().encode() in _bytes(file).lower() for file in files)):
            for file in files:
                file.unlink(missing_ok=True)
            removed += 1
    return removed


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


class OutboxServer:
    """The server. Use it as `async with OutboxServer(folder, clock) as server`, and connect to `server.port`."""

    def __init__(self, folder: Path, clock: Clock, *, kept: int = KEPT) -> None:
        self.folder = folder
        self.port = 0
        self._clock = clock
        self._kept = kept
        self._names: deque[str] = deque()
        self._protocols: weakref.WeakSet[SMTP] = weakref.WeakSet()

    async def __aenter__(self) -> "OutboxServer":
        await asyncio.to_thread(self.folder.mkdir, parents=True, exist_ok=True)
        self._names.extend(await asyncio.to_thread(_names, self.folder))
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        event("outbox.listening", port=self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for protocol in list(self._protocols):
            if protocol.transport is not None:
                protocol.transport.close()
        await asyncio.sleep(0)  # lets the protocols notice

    # The name and arguments are aiosmtpd's; Any: it has no types.
    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Keep one mail and return the answer to its sender."""
        try:
            name = await asyncio.to_thread(self._store, envelope)
        except OSError as error:
            failure("outbox.not_kept", reason=error.strerror)
            if error.errno in _DISK_FULL:
                return "452 4.3.1 The disk of the outbox is full"
            return "451 4.3.0 The outbox cannot keep this mail now"
        event("outbox.kept", name=name)
        return f"250 2.0.0 kept as {name}"

    def _protocol(self) -> SMTP:
        protocol = SMTP(self, hostname="outbox.localhost", ident="newspaper digest outbox")
        self._protocols.add(protocol)
        return protocol

    def _store(self, envelope: Any) -> str:
        received_at = self._clock()
        name = f"{received_at:%Y%m%dT%H%M%S%f}Z-{secrets.token_hex(4)}"
        about = {
            "envelope_from": envelope.mail_from,
            "recipient": ", ".join(envelope.rcpt_tos),
            "received_at": received_at.isoformat(),
        }
        # The .eml comes last: a name without it is not listed.
        _write(self.folder / f"{name}.json", json.dumps(about).encode())
        try:
            _write(self.folder / f"{name}.eml", envelope.original_content)
        except OSError:
            (self.folder / f"{name}.json").unlink(missing_ok=True)
            raise
        self._names.append(name)
        while len(self._names) > self._kept:
            oldest = self._names.popleft()
            for ending in (".eml", ".json"):
                (self.folder / f"{oldest}{ending}").unlink(missing_ok=True)
        return name


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(path.stem for path in folder.glob("*.eml") if _NAME.fullmatch(path.stem))


def _describe(folder: Path, name: str) -> OutboxMail:
    about = json.loads((folder / f"{name}.json").read_bytes())
    return OutboxMail(
        name=name,
        envelope_from=about["envelope_from"],
        recipient=about["recipient"],
        received_at=datetime.fromisoformat(about["received_at"]),
        size=(folder / f"{name}.eml").stat().st_size,
    )


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(path.suffix + ".part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise

"""The mailbox: mails that a provider has put into a folder are read by IMAP (RFC 9051), and moved when they are kept.

In a thread of its own, because the library (imap-tools) waits. Each mail of the folder is fetched byte for byte, handed
over, and only then moved to the folder for done ones; one for none of our addresses, or too large, is moved to the
folder for unknown ones, where a person finds it. What could not be kept stays where it is. Being killed between two of
these steps brings a mail twice, and it is kept once. Nothing is deleted: a server without MOVE gets a copy and the mark
\\Deleted, and only with UIDPLUS that one mail is expunged, never another's.

Which address of ours a mail came to stands in the header fields of `INBOUND_IMAP_HEADERS`, the best first. Afterwards
the server is waited on (IDLE, RFC 2177) or asked every minute. Trouble is met by connecting anew, ever later up to five
minutes; the third time in a row an alert is raised.

Events: inbound.listening, inbound.mailbox_failed, inbound.not_ours.
"""

import asyncio
import imaplib
import re
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.utils import getaddresses
from functools import partial
from threading import Event, Thread
from typing import Any

from imap_tools import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError

from digest.clock import monotonic_seconds
from digest.config import Settings
from digest.errors import DatabaseUnavailableError, MailboxError, MailTooLargeError
from digest.events import event, warning
from digest.inbound.door import Intake
from digest.models.deliveries import Tls
from digest.models.inbound import Door

_TIMEOUT_SECONDS = 60
_KEEP_SECONDS = 120
_ASK_SECONDS = 60
_IDLE_SECONDS = 540  # a server may log off who is silent for half an hour; addresses behind NAT are lost sooner
_LOOK_SECONDS = 1.0
_END_SECONDS = 5.0
_LONGEST_PAUSE = 300.0
_ALERT_AFTER = 3  # failures in a row
_AT_ONCE = 200
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
_TROUBLE = (OSError, imaplib.IMAP4.error, ImapToolsError, ssl.SSLError)


@dataclass(frozen=True, slots=True)
class Where:
    """Which mailbox, and the folders in it."""

    host: str
    port: int
    tls: Tls
    verify: bool
    user: str
    password: str
    folder: str
    done: str
    unknown: str
    headers: tuple[str, ...]

    @classmethod
    def of(cls, settings: Settings) -> "Where":
        """Return the mailbox that the settings name."""
        return cls(
            host=settings.inbound_imap_host,
            port=settings.inbound_imap_port,
            tls=settings.inbound_imap_tls,
            verify=settings.inbound_imap_verify,
            user=settings.inbound_imap_user.get_secret_value(),
            password=settings.inbound_imap_password.get_secret_value(),
            folder=settings.inbound_imap_folder,
            done=settings.inbound_imap_done,
            unknown=settings.inbound_imap_unknown,
            headers=settings.inbound_imap_headers,
        )


class Mailbox:
    """The door for hosted mailboxes."""

    def __init__(self, intake: Intake, where: Where) -> None:
        self._intake = intake
        self._where = where
        self._stop = Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def of(cls, settings: Settings, intake: Intake) -> "Mailbox":
        """Make the mailbox that the settings ask for."""
        return cls(intake, Where.of(settings))

    @staticmethod
    async def check(settings: Settings) -> str:
        """Log in and open the folder; return what was seen. Raises `MailboxError` with the server's words."""

        def look() -> str:
            where = Where.of(settings)
            try:
                with connect(where) as box:
                    box.folder.set(where.folder, readonly=True)
                    waits, idle = len(box.uids("UNDELETED", charset=None)), "IDLE" in box.client.capabilities
            except _TROUBLE as error:
                raise MailboxError(f"The mailbox at {where.host} cannot be read: {error}") from error
            return f"{where.host} lets us in; {waits} mails wait; it {'tells' if idle else 'is asked'} when one comes"

        return await asyncio.to_thread(look)

    async def serve(self, stop: asyncio.Event) -> None:
        """Read the mailbox until `stop`; the mail in hand is finished first."""
        self._loop = asyncio.get_running_loop()
        failures = 0
        while not stop.is_set():
            reading = self._start()
            waiting = asyncio.ensure_future(stop.wait())
            either: set[asyncio.Future[Any]] = {reading, waiting}  # Any: one tells a problem, the other nothing
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if stop.is_set():
                self._stop.set()
                await asyncio.wait({reading}, timeout=_END_SECONDS)
                return
            problem = await reading
            failures = 1 if problem.had_worked else failures + 1
            await self._tell(problem.text, failures)
            await _pause(stop, min(2.0**failures, _LONGEST_PAUSE))

    async def _tell(self, problem: str, failures: int) -> None:
        warning("inbound.mailbox_failed", failures=failures, problem=problem)
        if failures == _ALERT_AFTER:
            text = f"The mailbox at {self._where.host} cannot be read: {problem}. Check INBOUND_IMAP_…: digest doctor"
            try:
                await self._intake.alert(Door.IMAP, text)
            except DatabaseUnavailableError:
                return  # the next failure in a row of three tells it

    def _start(self) -> "asyncio.Future[_Problem]":
        """Read in a thread that the end of the process need not wait for: a server may be silent for a minute."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[_Problem] = loop.create_future()

        def run() -> None:
            try:
                act = partial(ended.set_result, self._read_on())
            except BaseException as error:
                act = partial(ended.set_exception, error)
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(act)

        Thread(target=run, name="mailbox", daemon=True).start()
        return ended

    def _read_on(self) -> "_Problem":
        """Connect and read until told to stop or something fails; in a thread."""
        worked = False
        try:
            with connect(self._where) as box:
                _make_folders(box, self._where)
                box.folder.set(self._where.folder)
                self._wait_for(self._intake.is_well(Door.IMAP))
                event("inbound.listening", door=Door.IMAP, port=self._where.port)
                while not self._stop.is_set():
                    self._empty(box)
                    worked = True
                    self._wait_for_news(box)
        except _TROUBLE as error:
            return _Problem(str(error) or type(error).__name__, worked)
        except DatabaseUnavailableError as error:
            return _Problem(str(error), worked)
        return _Problem("", worked)

    def _empty(self, box: BaseMailBox) -> None:
        """Take every mail of the folder, the oldest first."""
        for uid in box.uids("UNDELETED", charset=None)[:_AT_ONCE]:
            if self._stop.is_set():
                return
            content = _fetch(box, uid, self._intake.max_bytes)
            if content is None:  # somebody else has moved it
                continue
            put_aside = self._where.done if self._keep(content) else self._where.unknown
            move(box, uid, put_aside)

    def _keep(self, content: bytes) -> bool:
        """Hand one mail over; False if it is not for us."""
        try:
            recipient, sender = envelope_of(content, self._where.headers, self._intake)
        except Exception as error:  # foreign bytes that the library falls over: a person finds them
            warning("inbound.not_ours", door=Door.IMAP, why=type(error).__name__)
            return False
        if recipient is None:
            warning("inbound.not_ours", door=Door.IMAP, why="no address of ours")
            return False
        try:
            self._wait_for(self._intake.keep(Door.IMAP, [recipient], sender, content))
        except MailTooLargeError:
            warning("inbound.not_ours", door=Door.IMAP, why="too large")
            return False
        return True

    def _wait_for_news(self, box: BaseMailBox) -> None:
        if box.uids("UNDELETED", charset=None):
            self._stop.wait(_LOOK_SECONDS)
            return
        if "IDLE" not in box.client.capabilities:
            self._stop.wait(_ASK_SECONDS)
            box.client.noop()
            return
        box.idle.start()  # type: ignore[no-untyped-call]  # imap-tools leaves these two out
        try:
            for _ in range(int(_IDLE_SECONDS / _LOOK_SECONDS)):
                began = monotonic_seconds()
                if self._stop.is_set() or box.idle.poll(timeout=_LOOK_SECONDS):
                    break
                if monotonic_seconds() - began < _LOOK_SECONDS / 2:  # the library says nothing of it
                    raise imaplib.IMAP4.abort("the server has closed the connection")
        finally:
            box.idle.stop()  # type: ignore[no-untyped-call]

    def _wait_for(self, act: Any) -> None:  # Any: a coroutine of whatever kind
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(act, self._loop).result(_KEEP_SECONDS)


@dataclass(frozen=True, slots=True)
class _Problem:
    """Why reading ended; `had_worked`: after it had worked for a while."""

    text: str
    had_worked: bool


def connect(where: Where) -> BaseMailBox:
    """Log in, and learn what the server can do: it tells more after the login."""
    context = ssl.create_default_context()
    if not where.verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    box: BaseMailBox
    if where.tls is Tls.IMPLICIT:
        box = MailBox(where.host, where.port, timeout=_TIMEOUT_SECONDS, ssl_context=context)
    elif where.tls is Tls.STARTTLS:
        box = MailBoxStartTls(where.host, where.port, timeout=_TIMEOUT_SECONDS, ssl_context=context)
    else:
        box = MailBoxUnencrypted(where.host, where.port, timeout=_TIMEOUT_SECONDS)
    if where.user.isascii() and where.password.isascii():
        box.login(where.user, where.password, initial_folder=None)
    else:
        box.login_utf8(where.user, where.password, initial_folder=None)
    _, told = box.client.capability()
    box.client.capabilities = tuple(told[-1].decode("ascii", "replace").upper().split())
    return box


def move(box: BaseMailBox, uid: str, folder: str) -> None:
    """Move one mail, and touch no other."""
    if "MOVE" in box.client.capabilities:
        box.move(uid, folder)
        return
    box.copy(uid, folder)
    _checked(box.client.uid("STORE", uid, "+FLAGS", r"(\Deleted)"))
    if "UIDPLUS" in box.client.capabilities:
        _checked(box.client.uid("EXPUNGE", uid))


def envelope_of(content: bytes, headers: Sequence[str], intake: Intake) -> tuple[str | None, str]:
    """Return which address of ours a mail came to (None: none), and its return path; from foreign bytes."""
    head = re.split(rb"\r?\n\r?\n", content, maxsplit=1)[0]
    fields = message_from_bytes(head + b"\r\n\r\n", policy=policy.compat32)
    paths = [path for _, path in getaddresses([str(each) for each in fields.get_all("Return-Path", [])[:1]])]
    sender = paths[0] if paths else ""
    for name in headers:
        for _, address in getaddresses([str(each) for each in fields.get_all(name, [])]):
            if intake.knows(address):
                return address, sender
    return None, sender


def _make_folders(box: BaseMailBox, where: Where) -> None:
    for folder in (where.done, where.unknown):
        if not box.folder.exists(folder):
            box.folder.create(folder)


def _fetch(box: BaseMailBox, uid: str, max_bytes: int) -> bytes | None:
    """Return a mail's bytes without marking it as seen; one that is too large comes cut, to be known as such."""
    told = _checked(box.client.uid("FETCH", uid, "(RFC822.SIZE)"))
    size = _SIZE.search(b" ".join(each for each in told if isinstance(each, bytes)))
    if size is None:
        return None
    part = f"<0.{max_bytes + 1}>" if int(size.group(1)) > max_bytes else ""
    for each in _checked(box.client.uid("FETCH", uid, f"(BODY.PEEK[]{part})")):
        if isinstance(each, tuple):
            return bytes(each[1])
    return None


def _checked(answer: tuple[str, list[Any]]) -> list[Any]:  # Any: imaplib's lists of bytes and pairs
    status, told = answer
    if status != "OK":
        raise imaplib.IMAP4.error(f"the server answered {status}")
    return told


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return

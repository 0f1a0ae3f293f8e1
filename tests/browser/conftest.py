"""The real app on loopback, its mails in the built-in outbox, and the system's Chromium in front of it.

The app runs in the loop of the test with a stopped clock, so three seconds of filling in a form cost nothing. Chromium
is started once for all tests of this folder (they share one worker: `xdist_group`) and resolves no name but ours.
Pictures of the pages are kept in the folder that DIGEST_TEST_SCREENSHOTS names, else of those with faults in pytest's.
"""

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from digest.config import Settings
from digest.database import Database
from digest.deliver.sender import Sender
from digest.deliver.transports import OUTBOX_FOLDER, TRANSPORTS
from digest.deliver.transports.outbox import list_mails, read_mail
from digest.web import app
from tests.browser.looking import look
from tests.support.clock import StoppedClock
from tests.support.settings import make_settings

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
SCREENSHOTS = "DIGEST_TEST_SCREENSHOTS"
PATIENCE_MS = 15_000
EDITIONS = """
morning | 아침 소식 | 0 7 * * mon-sat | sections=시정,의회,문화·생활,*
evening | 저녁 소식 | 0 18 * * mon-fri | sections=시정,의회,*
weekly  | 주간 소식 | 0 9 * * sun | sections=*
"""


@dataclass
class Site:
    """The running app. `complaints` are what Chromium's console had to say against our pages."""

    url: str
    settings: Settings
    database: Database
    clock: StoppedClock
    chromium: Browser
    pictures: Path
    contexts: list[BrowserContext] = field(default_factory=list)
    without_scripts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    mirror: Page | None = None

    async def open(self, path: str = "/", *, language: str = "ko", script: bool = True) -> Page:
        """Open a page of ours in a fresh browser whose language is `language`."""
        locale = {"ko": "ko-KR", "en": "en-GB"}[language]
        context = await self.chromium.new_context(
            base_url=self.url, locale=locale, java_script_enabled=script, reduced_motion="reduce"
        )
        context.set_default_timeout(PATIENCE_MS)
        self.contexts.append(context)
        if not script:
            self.without_scripts.append(context)
        context.on("console", self._hear)  # of every page that opens in it
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        page = await context.new_page()
        await page.goto(path)
        return page

    async def look(self, page: Page, name: str) -> None:
        """Check the page that stands open by the axe rules and in its widths and colours, and keep its pictures."""
        shown = await self._with_scripts(page) if page.context in self.without_scripts else page
        await look(shown, name, self.pictures, in_all_ways=SCREENSHOTS in os.environ)

    async def _with_scripts(self, page: Page) -> Page:
        """Show what stands in a page of a browser without scripts in one that has them, for the axe rules."""
        content, url = await page.content(), page.url
        if self.mirror is None:
            self.mirror = await self.open("/healthz")
        await self.mirror.unroute_all()
        await self.mirror.route(url, lambda route: route.fulfill(body=content, content_type="text/html; charset=utf-8"))
        await self.mirror.goto(url)
        return self.mirror

    async def mail(self) -> EmailMessage:
        """Send what is due and return the newest mail as it was received."""
        async with TRANSPORTS["outbox"](self.settings, self.clock) as transport:
            await Sender(self.database, self.settings, transport, clock=self.clock, owner="browser").send_due()
        folder = self.settings.data_dir / OUTBOX_FOLDER
        self.clock.advance(seconds=1)  # names sort by the time
        _, content = read_mail(folder, list_mails(folder, 1)[0].name)
        return message_from_bytes(content, policy=policy.default)

    def _hear(self, said: ConsoleMessage) -> None:
        # An answer of 4xx is written there as well; it is what some tests ask for.
        if said.type in ("error", "warning") and not said.text.startswith("Failed to load resource"):
            self.complaints.append(said.text)


@pytest.fixture(scope="package")
async def chromium() -> AsyncIterator[Browser]:
    """The system's Chromium, started once; a browser is never downloaded."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no Chromium on this machine (Debian: apt install chromium)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for the pictures of the pages."""
    asked = os.environ.get(SCREENSHOTS)
    folder = Path(asked) if asked else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
async def site(
    chromium: Browser, pictures: Path, migrated_sqlite: Path, tmp_path: Path, clock: StoppedClock
) -> AsyncIterator[Site]:
    """The app on a free port of this machine with a database of its own; Chromium must not have complained of it."""
    shutil.copy(migrated_sqlite, tmp_path / "digest.sqlite3")
    database = Database.open(f"sqlite:///{tmp_path / 'digest.sqlite3'}")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        settings = make_settings(
            data_dir=tmp_path / "var",
            base_url=url,
            newspaper_site="https://www.gaon.example",
            editions=EDITIONS,
            share_address="share@share.gaon.example",
            abuse_contact="abuse@gaon.example",
        )
        (settings.data_dir / OUTBOX_FOLDER).mkdir(parents=True)
        opened = Site(url, settings, database, clock, chromium, pictures)
        async with _serving(opened, listening):
            yield opened
            for context in opened.contexts:
                await context.close()
    await database.close()
    assert not opened.complaints


@contextlib.asynccontextmanager
async def _serving(site: Site, listening: socket.socket) -> AsyncIterator[None]:
    built = app.build(
        database=site.database, settings=site.settings, clock=site.clock, sample_started_at=None, outbox_dir=None
    )
    config = uvicorn.Config(built, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    """Leaves the signals to pytest."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

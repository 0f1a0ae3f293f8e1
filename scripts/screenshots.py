"""Take the pictures of docs/screenshots: the mail, the outbox, the edition in the browser, a share.

In: nothing. The service is started as `make run` starts it, with the example settings and sharing turned on, in a
temporary folder and on a free port. When the first edition has been delivered, its first article is shared as a reader
does it, and Chromium looks at everything. Out: mail.png, outbox.png, edition.png, share.png (the page, as wide as the
newspaper's button opens it) and share-mail.png; and for whoever reviews a template the two mails dark and as wide as a
telephone. Everything is bounded, and ends when the script does.

Pictures are smaller with Pillow (256 colours), which the service itself does not need. Needs Chromium (its path may be
the script's one argument) and a Korean font:

    pip install 'pillow>=12' && python scripts/screenshots.py    # any Python; the service runs from .venv
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

PROJECT = Path(__file__).resolve().parent.parent
FOLDER = PROJECT / "docs" / "screenshots"
DIGEST = PROJECT / ".venv" / "bin" / "digest"
MAX_BYTES = 300_000
START_SECONDS = 60
BROWSER_SECONDS = 60
TAKES = 3
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=5000",  # until the frame with the mail is painted too
)
SHARING = {"SHARE_ADDRESS": "share@share.example.com", "ABUSE_CONTACT": "abuse@example.com"}
SENDER, FRIEND = "reader1@example.com", "friend@example.com"
NOTE = "지난주에 이야기한 그 소식이에요.\n같이 읽고 싶어 보냅니다."
DARK = "--blink-settings=preferredColorScheme=0"


@dataclass(frozen=True)
class Shot:
    """A picture: the file's name, the page, its size in pixels, further flags."""

    name: str
    url: str
    width: int
    height: int
    flags: tuple[str, ...] = ()


def main() -> None:
    """Take all pictures anew."""
    browser = next(filter(None, map(shutil.which, sys.argv[1:] or BROWSERS)), None)
    if browser is None:
        sys.exit("Chromium is needed; install it, or name it: python scripts/screenshots.py /path/to/chromium")
    if not DIGEST.exists():
        sys.exit(f"{DIGEST} is missing: run `make run` once.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, _service(Path(folder)) as base_url:
        mail = _newest_mail(base_url, SENDER)
        found = re.search(r'"[^"]*(/articles/\d+/share)\?from=', _page(f"{base_url}{mail}/html"))
        article = found[1] if found else sys.exit("The mail has no link that shares an article.")
        share = _share(base_url, article)
        for shot in (
            Shot("mail", f"{base_url}{mail}/html", 700, 1100),
            Shot("outbox", f"{base_url}{mail}?lang=ko", 1000, 1000),
            Shot("edition", f"{base_url}/editions/1?lang=ko", 1000, 1100),
            Shot("mail-dark", f"{base_url}{mail}/html", 700, 1100, (DARK,)),
            Shot("mail-phone", f"{base_url}{mail}/html", 360, 1000),
            Shot("share", f"{base_url}{article}?lang=ko", 500, 1150),
            Shot("share-mail", f"{base_url}{share}/html", 640, 1200),
            Shot("share-mail-dark", f"{base_url}{share}/html", 640, 1200, (DARK,)),
            Shot("share-mail-phone", f"{base_url}{share}/html", 360, 1200),
        ):
            _take(browser, shot)


@contextmanager
def _service(folder: Path) -> Iterator[str]:
    """Run the service in `folder`; give the address of its pages when the first edition is through; end it."""
    port = _free_port()
    environment = {"PATH": os.defpath, "WEB_PORT": str(port), "LC_ALL": "C.UTF-8", **SHARING}
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([DIGEST, "run"], cwd=folder, env=environment, stdout=output, stderr=output)
    try:
        end = time.monotonic() + START_SECONDS
        while b"mails accepted" not in log.read_bytes():
            if process.poll() is not None or time.monotonic() > end:
                sys.exit("The service did not deliver its first edition:\n" + log.read_text(encoding="utf-8"))
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _newest_mail(base_url: str, recipient: str) -> str:
    """Return the path of the newest mail to this address, waiting for it a while."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        rows = re.findall(r'<a href="(/outbox/[^"]+)">(.*?)</a>', _page(f"{base_url}/outbox/"), re.DOTALL)
        for path, row in rows:
            if recipient in row:
                return str(path)
        time.sleep(0.5)
    sys.exit(f"No mail to {recipient} has come.")


def _share(base_url: str, path: str) -> str:
    """Share an article as a reader without a script does it; return the path of the friend's mail."""
    form = _page(f"{base_url}{path}?lang=ko")
    ticket = re.search(r'name="ticket" value="([^"]+)"', form)
    before = _newest_mail(base_url, SENDER)
    time.sleep(4)  # nobody fills in a form in less than three seconds
    filled = {"sender": SENDER, "name": "이나루", "friend": FRIEND, "note": NOTE, "ticket": ticket[1] if ticket else ""}
    _page(f"{base_url}{path}?lang=ko", filled)
    end = time.monotonic() + START_SECONDS
    while (question := _newest_mail(base_url, SENDER)) == before and time.monotonic() < end:
        time.sleep(0.5)
    link = re.search(r"https?://[^\s<]+/share/\w+", _page(f"{base_url}{question}?view=text"))
    if link is None:
        sys.exit("The mail to the sender of the share has not come.")
    _page(link[0], {"": ""})
    return _newest_mail(base_url, FRIEND)


def _page(url: str, posted: dict[str, str] | None = None) -> str:
    with urlopen(url, urlencode(posted).encode() if posted else None, timeout=10) as answer:
        return str(answer.read().decode())


def _take(browser: str, shot: Shot) -> None:
    """Take a picture some times and keep the largest file: what Chromium has not painted yet is of one colour.

    On a busy machine it left the lower half of the mail out, or the whole frame, and such a picture was kept once.
    """
    path = FOLDER / f"{shot.name}.png"
    taken = max((_shoot(browser, shot) for _ in range(TAKES)), key=len)
    path.write_bytes(taken)
    _reduce(path)
    size = path.stat().st_size
    print(f"{path.relative_to(PROJECT)}  {size / 1000:.0f} kB{'  (large: install Pillow)' if size > MAX_BYTES else ''}")


def _shoot(browser: str, shot: Shot) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "picture.png")
        where = (f"--user-data-dir={folder}", f"--window-size={shot.width},{shot.height}", f"--screenshot={path}")
        subprocess.run(
            [browser, *FLAGS, *where, *shot.flags, shot.url], check=True, capture_output=True, timeout=BROWSER_SECONDS
        )
        return path.read_bytes()


def _reduce(path: Path) -> None:
    """Reduce the picture to 256 colours, if Pillow is here."""
    try:
        from PIL import Image
    except ImportError:
        return
    with Image.open(path) as image:
        reduced = image.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    reduced.save(path, optimize=True)


if __name__ == "__main__":
    main()

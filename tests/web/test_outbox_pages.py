"""Looking at kept mails: what the pages show, and to whom."""

import json
from pathlib import Path

import httpx2
import pytest
from selectolax.lexbor import LexborHTMLParser

from digest.config import Settings
from digest.database import Database
from tests.support.clock import StoppedClock
from tests.support.settings import make_settings
from tests.web.conftest import browser

pytestmark = pytest.mark.anyio

NAME = "20261122T220000000000Z-0123abcd"
HTML = '<html><head><style>p{color:red}</style></head><body><p style="margin:0">본문 <a href="http://a/">글</a></p></body></html>'
MAIL = f"""From: =?utf-8?b?6rCA7Jio?= <news@gaon.example>\r
To: hong@naver.example\r
Subject: =?utf-8?b?7JWE7LmoIOyGjOyLnQ==?= <b>&\r
MIME-Version: 1.0\r
Content-Type: multipart/alternative; boundary="xyz"\r
\r
--xyz\r
Content-Type: text/plain; charset=utf-8\r
Content-Transfer-Encoding: 8bit\r
\r
글로 된 본문 <script>alert(1)</script>\r
--xyz\r
Content-Type: text/html; charset=utf-8\r
Content-Transfer-Encoding: 8bit\r
\r
{HTML}\r
--xyz--\r
""".encode()


@pytest.fixture
def outbox(settings: Settings) -> Path:
    folder = settings.data_dir / "outbox"
    folder.mkdir(parents=True)
    keep(folder, NAME, MAIL)
    return folder


def keep(folder: Path, name: str, content: bytes) -> None:
    """Keep a mail as the built-in receiving server does."""
    about = {"envelope_from": "", "recipient": "hong@naver.example", "received_at": "2026-11-22T22:00:00+00:00"}
    (folder / f"{name}.json").write_text(json.dumps(about))
    (folder / f"{name}.eml").write_bytes(content)


async def test_list_shows_what_was_received(client: httpx2.AsyncClient, outbox: Path) -> None:
    """A first look must tell which mail is which."""
    page = LexborHTMLParser((await client.get("/outbox/")).text)
    row = page.css_first(".rows a")
    assert row is not None
    assert row.attributes["href"] == f"/outbox/{NAME}"
    assert "아침 소식 <b>&" in row.text()
    assert "hong@naver.example" in row.text()
    assert "11월 23일(월) 오전 7:00" in row.text()


async def test_outbox_before_the_first_mail_says_so(client: httpx2.AsyncClient) -> None:
    """The folder does not even exist then."""
    answer = await client.get("/outbox/")
    assert answer.status_code == 200
    assert LexborHTMLParser(answer.text).css(".rows") == []


async def test_mail_is_shown_in_a_frame_without_rights(client: httpx2.AsyncClient, outbox: Path) -> None:
    """Its markup is foreign; the page around it has our origin."""
    page = await client.get(f"/outbox/{NAME}")
    frame = LexborHTMLParser(page.text).css_first("iframe")
    assert frame is not None
    assert frame.attributes["sandbox"] == "allow-popups allow-popups-to-escape-sandbox"
    assert "frame-src 'self'" in page.headers["content-security-policy"]

    inside = await client.get(frame.attributes["src"] or "")
    policy = inside.headers["content-security-policy"]
    assert "sandbox allow-popups allow-popups-to-escape-sandbox" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "frame-ancestors 'self'" in policy
    assert "default-src 'none'" in policy
    assert inside.text == HTML.replace("<head>", '<head><base target="_blank">')


@pytest.mark.parametrize(
    ("view", "shown"),
    [
        ("text", "글로 된 본문 <script>alert(1)</script>"),
        ("source", "=?utf-8?b?7JWE7LmoIOyGjOyLnQ==?="),
        ("headers", "아침 소식 <b>&"),
    ],
)
async def test_mail_is_shown_as_text_headers_and_source(
    client: httpx2.AsyncClient, outbox: Path, view: str, shown: str
) -> None:
    """What a mail program hides is what one looks for here."""
    page = LexborHTMLParser((await client.get(f"/outbox/{NAME}?view={view}")).text)
    main = page.css_first("main")
    assert main is not None
    assert shown in main.text()
    assert page.css("script") == []
    assert [tab.attributes["href"] for tab in page.css(".tabs [aria-current=page]")] == [f"?view={view}&lang=ko"]


async def test_mail_without_html_is_shown_as_text(client: httpx2.AsyncClient, outbox: Path) -> None:
    """Alerts and text-only editions have no frame to show."""
    name = "20261122T220001000000Z-0123abcd"
    keep(outbox, name, b"Subject: plain\r\n\r\nonly text\r\n")
    page = LexborHTMLParser((await client.get(f"/outbox/{name}")).text)
    assert page.css("iframe") == []
    assert "only text" in (page.css_first("pre").text())  # type: ignore[union-attr]
    assert (await client.get(f"/outbox/{name}/html")).status_code == 404


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"Subject: =?unknown-charset?b?////?=\r\nContent-Type: text/html; charset=no-such\r\n\r\n<p>\xff",
        b"Subject: =?utf-8?b?A?=\r\nContent-Type: multipart/alternative; boundary=\r\n\r\n",
        b"Subject: \xea\xb0\x80\r\nFrom\r\nContent-Type: multipart/mixed\r\n\r\n--",
    ],
)
async def test_mail_that_cannot_be_understood_is_still_shown(
    client: httpx2.AsyncClient, outbox: Path, content: bytes
) -> None:
    """One odd mail must not hide the others."""
    keep(outbox, "20261122T220002000000Z-0123abcd", content)
    assert (await client.get("/outbox/")).status_code == 200
    for view in ("html", "text", "headers", "source"):
        assert (await client.get(f"/outbox/20261122T220002000000Z-0123abcd?view={view}")).status_code == 200


NAMES = (
    "..",
    "../secret",
    "../../secret",
    f"{NAME}.eml",
    f"{NAME}.json",
    f"{NAME}/../{NAME}",
    f"{NAME}\0",
    "/etc/passwd",
)


async def test_name_leads_to_no_other_file(client: httpx2.AsyncClient, outbox: Path) -> None:
    """A name from outside is one of ours or nothing."""
    (outbox.parent / "secret.eml").write_bytes(b"Subject: secret\r\n\r\nsecret")
    (outbox.parent / "secret.json").write_bytes((outbox / f"{NAME}.json").read_bytes())
    for name in NAMES:
        # Every letter is escaped, because the client would resolve the dots before it asks.
        escaped = "".join(f"%{byte:02x}" for byte in name.encode())
        for ending in ("", "/html"):
            assert (await client.get(f"/outbox/{escaped}{ending}")).status_code == 404, name


NEAR = ("127.0.0.1", "::1", "172.17.0.1", "192.168.0.20", "::ffff:10.0.0.1")
FAR = ("8.8.8.8", "::ffff:8.8.8.8", "2001:4860:4860::8888", "")


async def test_outbox_is_for_this_machine_and_its_private_network(
    database: Database, settings: Settings, clock: StoppedClock, outbox: Path
) -> None:
    """The mails hold addresses and working links; somebody will open the port to the world while trying."""
    for address in NEAR + FAR:
        async with browser(database, settings, clock, address=address) as client:
            for path in ("/outbox/", f"/outbox/{NAME}", f"/outbox/{NAME}/html"):
                assert (await client.get(path)).status_code == (200 if address in NEAR else 404), address
            assert ("/outbox/" in (await client.get("/")).text) is (address in NEAR)


OURS = ("127.0.0.1:8000", "localhost:8000", "digest.localhost", "[::1]:8000", "192.168.0.20", "LOCALHOST")
STRANGE = ("evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example", "", "[")


async def test_outbox_is_not_read_through_a_strangers_name(client: httpx2.AsyncClient, outbox: Path) -> None:
    """A site whose name suddenly leads to this machine is the same origin to the browser, and could read along."""
    for host in OURS + STRANGE:
        for path in ("/outbox/", f"/outbox/{NAME}", f"/outbox/{NAME}/html"):
            answer = await client.get(path, headers={"Host": host})
            assert answer.status_code == (200 if host in OURS else 404), host


async def test_charset_that_is_no_way_to_write_text_is_shown_all_the_same(
    client: httpx2.AsyncClient, outbox: Path
) -> None:
    """Some of Python's codecs for domain names fail on any text."""
    keep(outbox, NAME, b"Subject: x\r\nContent-Type: text/plain; charset=idna\r\n\r\n\xff text..\r\n")
    answer = await client.get(f"/outbox/{NAME}", params={"view": "text"})
    assert (answer.status_code, "text.." in answer.text) == (200, True)


async def test_outbox_is_gone_as_soon_as_a_relay_is_set(
    database: Database, clock: StoppedClock, tmp_path: Path
) -> None:
    """Kept mails may lie there from the days of trying; they are nobody's business afterwards."""
    settings = make_settings(data_dir=tmp_path / "var", smtp_host="127.0.0.1")
    (settings.data_dir / "outbox").mkdir(parents=True)
    keep(settings.data_dir / "outbox", NAME, MAIL)
    async with browser(database, settings, clock) as client:
        assert (await client.get("/outbox/")).status_code == 404
        assert (await client.get(f"/outbox/{NAME}")).status_code == 404
        assert "/outbox/" not in (await client.get("/")).text


async def test_outbox_is_kept_by_no_cache(client: httpx2.AsyncClient, outbox: Path) -> None:
    """It holds people's addresses."""
    for path in ("/outbox/", f"/outbox/{NAME}", f"/outbox/{NAME}/html"):
        assert (await client.get(path)).headers["cache-control"] == "no-store"

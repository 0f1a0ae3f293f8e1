"""The threat model of sharing, row by row, where a row is not shown elsewhere: each test carries its row's number."""

import asyncio
import email
import email.policy
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import altcha
import httpx2
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from digest.addresses import parse
from digest.compose import specimens
from digest.compose.kinds import share as share_mail
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database, shares, suppressions
from digest.database.tables import deliveries
from digest.database.tables import shares as share_rows
from digest.deliver.sender import Sender
from digest.errors import TemplateError
from digest.hashes import address_hash
from digest.models.consents import SuppressionReason
from digest.models.deliveries import Mail
from digest.models.shares import NewShare
from digest.share import limits, request, words
from digest.share.request import Asked, Wanted
from digest.tokens import TokenPurpose
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.support.relay import relay_to
from tests.support.settings import make_settings
from tests.support.smtp_server import HostileServer, Script
from tests.web.conftest import browser
from tests.web.test_share_pages import fields

pytestmark = pytest.mark.anyio

ON = {"share_address": "share@share.gaon.example", "abuse_contact": "abuse@gaon.example"}
RENDERER = Renderer(None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(**ON, data_dir=tmp_path / "var")


async def add_article(database: Database, clock: StoppedClock, name: str = "1") -> int:
    async with database.begin() as connection:
        return await rows.add_article(connection, name, at=clock())


async def share(database: Database, settings: Settings, clock: StoppedClock, wanted: Wanted) -> Asked:
    """Share as a confirmed sender."""
    return await request.ask(database, settings, RENDERER, wanted, is_proven=True, is_confirmed=True, now=clock())


def wanted(article_id: int, *, friend: str = "friend@naru.example", note: str = "", host: str = "192.0.2.1") -> Wanted:
    return Wanted(article_id, parse("hong@gaon.example"), "홍길동", (parse(friend),), note, "ko", host)


def decoded(headers: bytes) -> str:
    """All headers as people see them, To and Reply-To left out."""
    read = email.message_from_bytes(headers + b"\r\n", policy=email.policy.default)
    return "\n".join(f"{name}: {value}" for name, value in read.items() if name.lower() not in ("to", "reply-to"))


# ── T1: adverts ──────────────────────────────────────────────────────────────────────────────────────────────────

MARKS = st.text(alphabet="ጀጁጂጃጄጅጆጇ", min_size=4, max_size=20)  # letters that no word of ours holds


@hypothesis_settings(max_examples=20, deadline=None)
@given(name=MARKS, note=MARKS, local=st.from_regex(r"zqx[a-z0-9]{4,20}", fullmatch=True))
def test_t1_no_word_of_a_visitor_reaches_a_header_but_to_and_reply_to(name: str, note: str, local: str) -> None:
    """Whatever is typed: no four letters of it stand in any other header, neither as they are nor encoded."""
    article, made = specimens.share("ko")
    typed = replace(made, sender_name=name, note=note, sender=parse(f"{local}@gaon.example"))
    headers = share_mail.compose(RENDERER, make_settings(**ON), article=article, share=typed).headers
    shown = decoded(headers)
    for text in (name, note, local):
        assert not any(text[at : at + 4] in shown for at in range(len(text) - 3))
    assert headers.count(local.encode()) == headers.count(b"Reply-To: ") == 1
    assert name in share_mail.compose(RENDERER, make_settings(**ON), article=article, share=typed).text.decode()


# ── T2, T12: bombs, and parallel requests ────────────────────────────────────────────────────────────────────────


def asked_by(number: int, *, friend: str = "friend", article_id: int | None = None) -> NewShare:
    _, made = specimens.share("ko")
    return replace(made, article_id=article_id or number, sender_hash=f"sender{number}", recipient_hash=friend)


async def test_t2_many_senders_from_as_many_networks_are_three_mails(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """The friend's own limit holds over all senders and all articles."""
    roomy = settings.model_copy(update={"shares_per_day": 100_000})
    granted = 0
    async with database.begin() as connection:
        for number in range(1, 251):
            granted += await limits.may_send(connection, roomy, asked_by(number), now=clock())
    assert granted == 3


@pytest.mark.parametrize(
    ("what", "allowed"),
    [("sender", 5), ("recipient", 3), ("pair", 1), ("site", 7)],
)
async def test_t12_fifty_at_once_pass_exactly_as_often_as_the_limit_allows(
    database: Database, settings: Settings, clock: StoppedClock, *, what: str, allowed: int
) -> None:
    """Each limit is claimed in one statement: no two requests see the same free place."""
    small = settings.model_copy(update={"shares_per_day": 7})
    made = {
        "sender": lambda n: replace(asked_by(n, friend=f"f{n}"), sender_hash="s"),
        "recipient": asked_by,
        "pair": lambda n: asked_by(n, article_id=1),
        "site": lambda n: asked_by(n, friend=f"f{n}"),
    }[what]

    async def claim(number: int) -> bool:
        async with database.begin() as connection:
            return await limits.may_send(connection, small, made(number), now=clock())

    assert sum(await asyncio.gather(*(claim(each) for each in range(1, 51)))) == allowed


# ── T7: what is on the wire ──────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Tap:
    """A way to a server that keeps each octet which a client sends to it."""

    port: int = 0
    sent: list[bytearray] = field(default_factory=list)


@asynccontextmanager
async def tapped(server: HostileServer) -> AsyncIterator[Tap]:
    tap, tasks = Tap(), set[asyncio.Task[None]]()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: bytearray | None) -> None:
        while octets := await reader.read(65536):
            if kept is not None:
                kept += octets
            writer.write(octets)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tap.sent.append(bytearray())
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", server.port)
        for each in (pipe(reader, far_writer, tap.sent[-1]), pipe(far_reader, writer, None)):
            tasks.add(asyncio.create_task(each))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    tap.port = listening.sockets[0].getsockname()[1]
    try:
        yield tap
    finally:
        listening.close()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("extensions", [("8BITMIME", "PIPELINING"), ()])
async def test_t7_the_stream_is_crlf_only_and_one_transaction_a_mail(
    database: Database, settings: Settings, clock: StoppedClock, extensions: tuple[str, ...]
) -> None:
    """A note of dots and commands smuggles nothing: read strictly, there is nothing but what we meant to say."""
    note = ".\nRSET\n..\n. QUIT"
    assert words.note(note)[1] is None
    article_id = await add_article(database, clock)
    for friend in ("one@naru.example", "two@naru.example"):
        assert await share(database, settings, clock, wanted(article_id, friend=friend, note=note)) is Asked.SENT
    async with HostileServer(Script(extensions=extensions)) as server, tapped(server) as tap:
        await Sender(database, settings, relay_to(tap), clock=clock, owner="a").send_due()  # type: ignore[arg-type]
    sent = b"".join(tap.sent)
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", sent)
    assert b"\0" not in sent
    assert len(server.mails) == 2
    verbs = _strictly_read(sent)
    assert [verb for verb in verbs if verb in ("MAIL", "RCPT", "DATA", "(end)")] == [
        "MAIL",
        "RCPT",
        "DATA",
        "(end)",
    ] * 2
    assert {"RSET", "VRFY"}.isdisjoint(verbs)


def _strictly_read(sent: bytes) -> list[str]:
    """The verbs of the commands, read as the strictest server reads: lines end in CRLF, mails in CRLF.CRLF."""
    verbs, in_body = [], False
    for line in sent.split(b"\r\n"):
        if in_body:
            in_body = line != b"."
            verbs += [] if in_body else ["(end)"]
        elif line:
            verbs.append(line[:4].decode("ascii").upper().strip())
            in_body = verbs[-1] == "DATA"
    assert not in_body
    return verbs


# ── T13: the proof ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_t13_a_solved_challenge_sends_once_and_a_broken_checker_nothing(
    database: Database, settings: Settings, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replayed with a new form it is refused; a checker that fails refuses, it does not let pass."""
    path = f"/articles/{await add_article(database, clock)}/share"
    async with browser(database, settings, clock) as visitor:
        filled = await fields(visitor, path, clock)
        assert (await visitor.post(path, data=filled)).status_code == 200
        again = await fields(visitor, path, clock, is_solved=False, sender="two@gaon.example")
        answer = await visitor.post(path, data={**again, "proof": filled["proof"]})
        assert answer.status_code == 422

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError("the checker is not there")

        third = await fields(visitor, path, clock, sender="three@gaon.example")
        monkeypatch.setattr(altcha, "verify_solution", broken)
        assert (await visitor.post(path, data=third)).status_code == 500
    async with database.read() as connection:
        assert len((await connection.execute(sa.select(deliveries.c.id))).all()) == 1


# ── T14: an oracle ───────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def statements(database: Database) -> AsyncIterator[list[str]]:
    """Every statement that goes to the database meanwhile, as text."""
    seen: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:  # Any: SQLAlchemy's hook
        seen.append(statement)

    sa.event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(database.engine.sync_engine, "before_cursor_execute", note)


@pytest.mark.parametrize("is_confirmed", [True, False])
async def test_t14_whoever_the_people_are_the_same_statements_run_and_the_same_rows_come(
    database: Database, settings: Settings, clock: StoppedClock, *, is_confirmed: bool
) -> None:
    """Unknown, a reader, refusing shares, suppressed, as friend and as sender: nothing to see, nothing to measure."""
    article_id = await add_article(database, clock)
    async with database.begin() as connection:
        await rows.add_subscriber(connection, "reader@naru.example", at=clock())
        refusing, gone = (address_hash(settings, parse(f"{who}@naru.example")) for who in ("never", "gone"))
        await shares.refuse(connection, refusing, at=clock())
        await suppressions.suppress(connection, gone, SuppressionReason.COMPLAINED, at=clock())
    await share(database, settings, clock, wanted(article_id, friend="first@naru.example", host="192.0.2.99"))
    seen: list[list[str]] = []
    for number, who in enumerate(("unknown", "reader", "never", "gone")):
        sender, friend = f"s{number}@gaon.example", f"{who}@naru.example"
        if not is_confirmed:  # then only the sender is written to
            sender, friend = friend, sender
        ask = replace(wanted(article_id, host=f"192.0.2.{number}"), sender=parse(sender), friends=(parse(friend),))
        async with statements(database) as run:
            answer = await request.ask(
                database, settings, RENDERER, ask, is_proven=is_confirmed, is_confirmed=is_confirmed, now=clock()
            )
        assert answer is (Asked.SENT if is_confirmed else Asked.CONFIRM)
        seen.append(run)
    assert seen[0] == seen[1] == seen[2] == seen[3]
    async with database.read() as connection:
        queued = (await connection.execute(sa.select(deliveries.c.state, deliveries.c.lane))).all()
    assert len(queued) == 5
    assert len(set(queued)) == 1


# ── T17, T18: markup and templates ───────────────────────────────────────────────────────────────────────────────

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)><a href=javascript:alert(1)>{{7*7}}%s</td>"
ALLOWED = {
    "html", "head", "title", "meta", "style", "body", "div", "table", "tbody", "tr", "td", "p", "a", "img", "span",
    "br", "h1", "h2", "h3", "strong", "em", "blockquote", "hr", "ul", "li", "figure", "figcaption",
}  # fmt: skip


def hostile_mail() -> tuple[Mail, NewShare]:
    article, made = specimens.share("ko")
    text = replace(
        article.text, title=HOSTILE, subheads=(HOSTILE,), byline=HOSTILE, excerpt=HOSTILE, body=(HOSTILE, HOSTILE)
    )
    typed = replace(made, sender_name=HOSTILE, note=f"{HOSTILE}\n{HOSTILE}")
    mail = share_mail.compose(RENDERER, make_settings(**ON), article=replace(article, text=text), share=typed)
    return mail, typed


def test_t17_markup_of_an_article_or_a_note_is_text() -> None:
    """Read by another parser: only our own elements, no handler, no address but of the web and of mail."""
    mail, _ = hostile_mail()
    page = LexborHTMLParser(mail.html.decode())
    for node in page.css("*"):
        assert node.tag in ALLOWED, node.tag
        for name, value in node.attributes.items():
            assert not name.lower().startswith("on"), name
            if name in ("href", "src"):
                assert re.match(r"https?://|mailto:|\ufffdnever_url\ufffd$", value or ""), value
    shown = page.body.text() if page.body else ""
    assert "<script>alert(1)</script>" in shown
    assert "{{7*7}}%s" in shown
    assert "49" not in re.findall(r"\b49\b", shown)


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ article.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ ().__class__.__base__.__subclasses__() }}",
        "{{ lipsum.__globals__ }}",
        "{{ article.title.__class__ }}",
        "{% set x = article.__setattr__('title', 'y') %}",
        "{% include '/etc/passwd' %}",
        "{% include '../../../../etc/passwd' %}",
    ],
)
def test_t18_a_template_that_reaches_into_the_process_fails_closed(tmp_path: Path, template: str) -> None:
    """An operator's own template is looked in first; it sees values, not what they are made of."""
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "body.txt").write_text(template)
    article, made = specimens.share("ko")
    with pytest.raises(TemplateError):
        share_mail.compose(Renderer(tmp_path), make_settings(**ON), article=article, share=made)


# ── T22, T23: other sites, big bodies ────────────────────────────────────────────────────────────────────────────


async def test_t22_another_sites_page_cannot_make_a_confirmed_browser_send(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """The guard refuses it before the cookie is looked at, and without a ticket of our form nothing is taken."""
    path = f"/articles/{await add_article(database, clock)}/share"
    async with browser(database, settings, clock) as visitor:
        filled = await fields(visitor, path, clock)
        before = await rows.everything(database)
        for headers in (
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "https://a.example"},
        ):
            for where in (path, "/share/xxxx", f"{path}/preview"):
                assert (await visitor.post(where, data=filled, headers=headers)).status_code == 403
        without = await visitor.post(path, data={**filled, "ticket": ""})
        assert without.status_code == 200
        assert 'role="alert"' in without.text
        assert await rows.everything(database) == before


async def test_t22_the_cookie_of_a_confirmed_sender_goes_to_our_own_forms_only(
    client_of: Callable[[], httpx2.AsyncClient], database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """SameSite=Lax, not readable by scripts, and no session of any kind."""
    article_id = await add_article(database, clock)
    await request.ask(
        database, settings, RENDERER, wanted(article_id), is_proven=False, is_confirmed=False, now=clock()
    )
    async with database.read() as connection:
        delivery_id = (await connection.execute(sa.select(share_rows.c.confirm_delivery_id))).scalar_one()
    async with client_of() as visitor:
        answer = await visitor.post(f"/share/{settings.keyring.make(TokenPurpose.SHARE, delivery_id)}")
    cookie = answer.headers["set-cookie"].lower()
    assert "samesite=lax" in cookie
    assert "httponly" in cookie
    assert "hong" not in cookie


async def test_t23_a_megabyte_is_refused_before_anything_is_read(
    database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """16 kB are enough for a form."""
    path = f"/articles/{await add_article(database, clock)}/share"
    async with browser(database, settings, clock) as visitor:
        for where in (path, f"{path}/preview", "/share/xxxx", "/never/xxxx", "/api/shares"):
            assert (await visitor.post(where, data={"note": "a" * 1_000_000})).status_code == 413, where


@pytest.fixture
def client_of(database: Database, settings: Settings, clock: StoppedClock) -> Callable[[], httpx2.AsyncClient]:
    return lambda: browser(database, settings, clock)


def test_every_row_of_the_threat_model_has_a_test() -> None:
    """T1 to T24, each named where it is shown."""
    tests = Path(__file__).resolve().parents[1]
    written = "\n".join(path.read_text(encoding="utf-8") for path in tests.rglob("test_*.py"))
    assert [f"T{row}" for row in range(1, 25) if not re.search(rf"\bT{row}\b|_t{row}_", written)] == []

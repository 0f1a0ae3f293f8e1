"""What holds for the web room as a whole: every page, every link, health, languages, static files."""

from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa
from selectolax.lexbor import LexborHTMLParser
from structlog.testing import capture_logs

from digest import links
from digest.addresses import parse
from digest.compose.render import Renderer
from digest.config import Settings
from digest.database import Database
from digest.database.tables import metadata, signups
from digest.models.consents import ConsentWay
from digest.models.editions import EditionState
from digest.subscribe import signup
from digest.subscribe.signup import Wanted
from digest.tokens import TokenPurpose
from digest.web.templating import Templates
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.support.settings import make_settings
from tests.web.conftest import BASE_URL, browser
from tests.web.test_outbox_pages import MAIL, NAME, keep

pytestmark = pytest.mark.anyio


@pytest.fixture
async def pages(database: Database, settings: Settings, clock: StoppedClock) -> list[str]:
    """A path to every page of ours, errors included."""
    outbox = settings.data_dir / "outbox"
    outbox.mkdir(parents=True)
    keep(outbox, NAME, MAIL)
    async with database.begin() as connection:
        edition = await rows.add_edition(connection, at=clock())
        source = await rows.add_source(connection, at=clock())
        await rows.place_article(connection, edition, source, "시청 앞 다리 개통", at=clock())
        reader = await rows.add_subscriber(connection, at=clock())
        gone = await rows.add_subscriber(connection, "kim@daum.example", at=clock())
        await connection.execute(sa.text("UPDATE subscribers SET state = 'left' WHERE id = :id"), {"id": gone})
    make = settings.keyring.make
    return [
        "/",
        f"/editions/{edition}",
        f"/u/{make(TokenPurpose.LEAVE, reader)}",
        f"/u/{make(TokenPurpose.LEAVE, gone)}",
        "/u/wrong",
        "/outbox/",
        *(f"/outbox/{NAME}?view={view}" for view in ("html", "text", "headers", "source")),
        "/editions/999",
        "/nowhere",
        "/subscribe/embed",
        "/confirm/wrong",
    ]


async def test_every_link_that_stands_in_a_mail_is_served(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """A link in a mail cannot be corrected any more."""
    async with database.begin() as connection:
        edition = await rows.add_edition(connection, at=clock())
        reader = await rows.add_subscriber(connection, at=clock())
    token = settings.keyring.make(TokenPurpose.LEAVE, reader)
    wanted = Wanted(parse("hong@gaon.example"), ("morning",), (), "ko", advert=False, how=ConsentWay.PAGE, host=None)
    await signup.ask(database, settings, Renderer(None), wanted, payload="", now=clock())
    async with database.read() as connection:
        confirming = await connection.scalar(sa.select(signups.c.delivery_id))
    assert confirming is not None
    arguments = {
        "edition_url": edition,
        "unsubscribe_url": token,
        "preferences_url": settings.keyring.make(TokenPurpose.CHOOSE, reader),
        "subscribe_url": None,
        "confirm_url": settings.keyring.make(TokenPurpose.CONFIRM, confirming),
        "outbox_url": None,
        "privacy_url": None,
    }
    made = {name: getattr(links, name) for name in dir(links) if name.endswith("_url")}
    for elsewhere in ("fresh_url", "share_url", "share_by_page_url", "release_url", "never_url"):
        del made[elsewhere]  # stand on rows of their own: see test_preferences_page, test_share_pages, test_share_ways
    assert made.keys() == arguments.keys()
    for name, make in made.items():
        url = make(BASE_URL) if arguments[name] is None else make(BASE_URL, arguments[name])
        assert (await client.get(url)).status_code == 200, url


async def test_no_page_needs_what_the_policy_forbids(client: httpx2.AsyncClient, pages: list[str]) -> None:
    """Inline styles and scripts would be dropped by the browser, and foreign ones tell others who reads us."""
    for path in pages:
        answer = await client.get(path)
        page = LexborHTMLParser(answer.text)
        assert "default-src 'none'" in answer.headers["content-security-policy"], path
        assert "script-src" not in answer.headers["content-security-policy"], path
        assert "unsafe" not in answer.headers["content-security-policy"], path
        assert page.css("script, style, [style], object, embed, base, meta[http-equiv]") == [], path
        names = {name for node in page.css("*") for name in node.attributes}
        assert not [name for name in names if name.startswith("on")], path
        styles = [node.attributes["href"] or "" for node in page.css("link[rel=stylesheet]")]
        assert len(styles) == 1, path
        assert styles[0].startswith("/static/style.css?v="), path


async def test_every_page_can_be_used_without_eyes_or_mouse(client: httpx2.AsyncClient, pages: list[str]) -> None:
    """Landmarks, one heading of the first rank, a way past the masthead, a language that a screen reader can speak."""
    for path in pages:
        page = LexborHTMLParser((await client.get(path)).text)
        assert [len(page.css(landmark)) for landmark in ("header.masthead", "main#content", "footer", "h1")] == [1] * 4
        assert page.css_first("a.skip").attributes["href"] == "#content"  # type: ignore[union-attr]
        assert page.css_first("html").attributes["lang"] == "ko"  # type: ignore[union-attr]
        assert page.css_first("title").text().strip(), path  # type: ignore[union-attr]
        assert all(node.attributes.get("alt") for node in page.css("img")), path
        assert all(node.attributes.get("title") for node in page.css("iframe")), path


async def test_every_page_is_small(client: httpx2.AsyncClient, pages: list[str]) -> None:
    """Under 30 kB each, the style sheet aside, for phones in the country."""
    for path in pages:
        assert len((await client.get(path)).content) < 30_000, path


async def test_every_page_is_there_in_english(client: httpx2.AsyncClient, pages: list[str]) -> None:
    """Asked for by address or by browser; the switch is on every page."""
    for path in pages:
        by_browser = await client.get(path, headers={"Accept-Language": "fr, en-GB;q=0.8, ko;q=0.3"})
        by_address = await client.get(f"{path}{'&' if '?' in path else '?'}lang=en")
        for answer in (by_address, by_browser):
            is_readers_own = answer is by_browser and path.startswith("/u/") and answer.status_code == 200
            wanted = "ko" if is_readers_own else "en"
            assert f'<html lang="{wanted}">' in answer.text, path
            assert answer.headers["content-language"] == wanted


async def test_head_answers_like_get(client: httpx2.AsyncClient, pages: list[str]) -> None:
    """Link checkers and monitors ask by HEAD."""
    for path in pages:
        looked, asked = await client.get(path), await client.head(path)
        assert asked.status_code == looked.status_code, path
        assert asked.headers["content-security-policy"] == looked.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/", "/healthz", "/editions/1", "/static/style.css", "/outbox/"])
async def test_pages_for_looking_take_no_post(client: httpx2.AsyncClient, path: str) -> None:
    """405 names what is allowed (RFC 9110 §15.5.6), on a page a person can read."""
    answer = await client.post(path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert "<h1>" in answer.text


async def test_post_from_another_site_is_refused_on_a_page(client: httpx2.AsyncClient) -> None:
    """The guard stands before the whole app."""
    answer = await client.post("/", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "<h1>" in answer.text


@pytest.mark.parametrize("path", ["/outbox", "/sample"])
async def test_folder_typed_without_its_slash_is_found(client: httpx2.AsyncClient, path: str) -> None:
    """People type addresses; the answer names a path only, since the Host header could be anybody's."""
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["location"]) == (307, f"{path}/")


async def test_forged_host_header_is_repeated_nowhere(client: httpx2.AsyncClient, pages: list[str]) -> None:
    """Whoever can name our links in a cached page can send readers elsewhere."""
    for path in [*pages, "/outbox", "/sample", "/healthz/"]:
        answer = await client.get(path, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
        assert "evil.example" not in answer.text + str(answer.headers), path


async def test_error_page_repeats_nothing_of_the_request(client: httpx2.AsyncClient) -> None:
    """Neither what was asked for nor why it failed."""
    answer = await client.get("/nowhere/<b>marker?marker=marker")
    assert answer.status_code == 404
    assert "marker" not in answer.text


async def test_alive_and_ready(client: httpx2.AsyncClient) -> None:
    """One word each, for machines."""
    assert (await client.get("/healthz")).text == "ok"
    assert ((await client.get("/readyz")).status_code, (await client.get("/readyz")).text) == (200, "ready")


async def test_not_ready_without_the_schema(client: httpx2.AsyncClient, database: Database) -> None:
    """A process that waits for `digest migrate` lives, and must not be sent readers."""
    async with database.begin() as connection:
        await connection.execute(sa.text("DELETE FROM alembic_version"))
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "not ready")
    assert (await client.get("/healthz")).status_code == 200


async def test_pages_without_a_database_say_later_and_nothing_else(
    settings: Settings, clock: StoppedClock, tmp_path: Path
) -> None:
    """A database that is gone is told to the log, to monitors as 503, and to readers as a page without detail."""
    broken = Database.open("postgresql://nobody@127.0.0.1:1/none")
    async with browser(broken, settings, clock) as client:
        for path in ("/", "/editions/1", f"/u/{settings.keyring.make(TokenPurpose.LEAVE, 1)}"):
            answer = await client.get(path)
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "60"
            assert "127.0.0.1:1" not in answer.text
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200
    await broken.close()


async def test_looking_changes_nothing(client: httpx2.AsyncClient, database: Database, pages: list[str]) -> None:
    """Robots look at everything."""
    before = await rows.everything(database)
    for path in [*pages, "/healthz", "/readyz", "/sample/", "/static/style.css"]:
        await client.get(path)
    assert await rows.everything(database) == before
    assert len(metadata.sorted_tables) > 5


async def test_style_sheet_is_kept_until_it_changes(client: httpx2.AsyncClient) -> None:
    """Its address holds a hash of its content; without the hash it is kept for an hour only."""
    href = LexborHTMLParser((await client.get("/")).text).css_first("link").attributes["href"] or ""  # type: ignore[union-attr]
    named = await client.get(href)
    assert named.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in named.headers["cache-control"]
    assert "immutable" not in (await client.get("/static/style.css?v=other")).headers["cache-control"]


@pytest.mark.parametrize("name", ["../base.html", "..%2fbase.html", "nothing.css", "%00", "../../digest/config.py"])
async def test_static_files_are_only_those_of_the_folder(client: httpx2.AsyncClient, name: str) -> None:
    """A request names an entry of a table, never a path."""
    assert (await client.get(f"/static/{name}")).status_code == 404


async def test_style_sheet_asks_nobody_else(client: httpx2.AsyncClient) -> None:
    """No font, picture or further sheet from anywhere."""
    content = (await client.get("/static/style.css")).text
    assert "url(" not in content
    assert "@import" not in content


async def test_sample_newspaper_is_served_only_where_it_is_asked_for(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, tmp_path: Path
) -> None:
    """A real newspaper's service must not serve an invented one."""
    assert (await client.get("/sample/")).status_code == 200
    assert 'href="/sample/"' in (await client.get("/")).text
    async with browser(database, make_settings(data_dir=tmp_path), clock) as real:
        assert (await real.get("/sample/")).status_code == 404
        assert "/sample/" not in (await real.get("/")).text.replace("http://127.0.0.1:8000/sample", "")


async def test_operators_own_template_and_style_come_first(
    database: Database, clock: StoppedClock, tmp_path: Path
) -> None:
    """TEMPLATES_DIR holds only what differs."""
    (tmp_path / "web" / "static").mkdir(parents=True)
    (tmp_path / "web" / "home.html").write_text("our own, {{ paper.newspaper_name }}", encoding="utf-8")
    (tmp_path / "web" / "static" / "style.css").write_text("b{}")
    settings = make_settings(data_dir=tmp_path / "var", templates_dir=tmp_path)
    async with browser(database, settings, clock) as client:
        assert (await client.get("/")).text == "our own, 가온일보"
        assert (await client.get("/static/style.css")).text == "b{}"
        assert (await client.get("/editions/1")).status_code == 404


async def test_broken_template_is_answered_in_a_word_and_told_to_the_log(
    database: Database, clock: StoppedClock, tmp_path: Path
) -> None:
    """Not even a broken frame of all pages may show a traceback or take the health check with it."""
    (tmp_path / "web").mkdir(parents=True)
    (tmp_path / "web" / "base.html").write_text("{{ nothing_of_that_name }}")
    settings = make_settings(data_dir=tmp_path / "var", templates_dir=tmp_path)
    with capture_logs() as logs:
        async with browser(database, settings, clock) as client:
            answer = await client.get("/")
            assert (answer.status_code, answer.text) == (500, "500")
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert (await client.get("/healthz")).text == "ok"
    broken = [entry for entry in logs if entry["event"] == "web.failed"]
    assert "nothing_of_that_name" in str(broken[0]["exc_info"])


async def test_edition_that_is_held_again_is_taken_from_the_front_page(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock
) -> None:
    """An edition stopped while it goes out is stopped here, too."""
    async with database.begin() as connection:
        edition = await rows.add_edition(connection, at=clock(), state=EditionState.SENDING)
    assert f"/editions/{edition}" in (await client.get("/")).text
    async with database.begin() as connection:
        await connection.execute(sa.text("UPDATE editions SET state = 'held'"))
    assert f"/editions/{edition}" not in (await client.get("/")).text


def test_pages_are_compiled_before_anybody_asks_for_them(settings: Settings) -> None:
    """The first reader of the sign-up page waited for its template while an edition was going out."""
    templates = Templates(settings)
    templates.compile_all()
    compiled = templates.environment.cache
    assert compiled is not None
    assert "subscribe/form.html" in {name for _, name in compiled}


def test_a_mistake_in_one_page_keeps_no_other_from_being_compiled(settings: Settings, tmp_path: Path) -> None:
    """An operator's page that is wrong must not keep the service from starting: leaving has to work."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "home.html").write_text("{% if %}", encoding="utf-8")
    templates = Templates(settings.model_copy(update={"templates_dir": tmp_path}))
    templates.compile_all()
    assert templates.render("left.html", {"masked_address": "", "language": "ko"})


def _left_pages(settings: Settings, folder: Path, template: str, *addresses: str) -> list[str]:
    (folder / "web").mkdir()
    (folder / "web" / "left.html").write_text(template, encoding="utf-8")
    templates = Templates(settings.model_copy(update={"templates_dir": folder}))
    context_of = lambda masked: {"masked_address": masked}  # noqa: E731
    pages = [templates.page_of("left.html", context_of, each, language="ko") for each in addresses]
    return [bytes(page.body).decode() for page in pages]


def test_a_page_that_is_rendered_once_shows_each_reader_their_own_value(settings: Settings, tmp_path: Path) -> None:
    """What stands in it is escaped as in a page of one's own, and a page without it is another one."""
    template = "{% if masked_address %}<p>{{ masked_address }}</p>{% endif %}"
    assert _left_pages(settings, tmp_path, template, "k…@a.example", "<b>&", "") == [
        "<p>k…@a.example</p>",
        "<p>&lt;b&gt;&amp;</p>",
        "",
    ]


def test_a_template_that_changes_a_value_is_rendered_each_time(settings: Settings, tmp_path: Path) -> None:
    """Operators have their own: what they do with a value must not be lost because ours only shows it."""
    assert _left_pages(settings, tmp_path, "{{ masked_address[:1] }}", "kim", "lee") == ["k", "l"]

"""POST /api/shares: an article mailed for a reader whom the newspaper knows: statements, limits, refusals."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from digest import sitekeys
from digest.addresses import parse
from digest.config import Settings
from digest.database import Database, share_stops, shares, site_keys
from digest.database.tables import articles, deliveries, messages, revisions
from digest.database.tables import shares as share_rows
from digest.hashes import address_hash
from digest.models.deliveries import MessageKind
from digest.models.keys import KeyScope, NewKey
from digest.models.shares import EVERYBODY
from digest.share import vouch
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.web.conftest import BASE_URL, browser
from tests.web.test_api import bearer, problem

pytestmark = pytest.mark.anyio

SITE, URL = "https://www.gaon.example", "/api/shares"
READER, FRIEND = "hong@gaon.example", "friend@naru.example"

Sign = Callable[..., str]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"share_address": "share@share.gaon.example", "abuse_contact": "abuse@gaon.example"}
    )


@pytest.fixture
async def key(database: Database, clock: StoppedClock) -> str:
    return await add_key(database, clock, "site", SITE)


async def add_key(
    database: Database, clock: StoppedClock, name: str, *origins: str, scope: KeyScope = KeyScope.SHARES
) -> str:
    made = sitekeys.make()
    async with database.begin() as connection:
        await site_keys.add(connection, NewKey(name, made.key_id, made.key_hash, (scope,), origins, clock()))
    return made.shown


def part(value: object) -> str:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def token(secret: str, claims: dict[str, Any], header: dict[str, Any] | None = None) -> str:
    """A JWT as RFC 7515 writes it, by nothing of ours."""
    signed = f"{part(header or {'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    return f"{signed}.{part(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"


@pytest.fixture
def sign(settings: Settings, clock: StoppedClock, key: str) -> Sign:
    """Make what the newspaper's server makes; each with a name of its own."""
    made: list[str] = []

    def signed(*, secret: str = "", header: dict[str, Any] | None = None, **changes: Any) -> str:
        made.append("")
        now = int(clock().timestamp())
        claims = {
            "sub": READER, "aud": f"{BASE_URL}/api/shares", "iat": now, "exp": now + 300, "jti": f"number-{len(made)}",
            **changes,
        }  # fmt: skip
        given = {name: value for name, value in claims.items() if value is not None}
        return token(secret or vouch.secret_of(settings, sitekeys.id_of(key) or ""), given, header)

    return signed


@pytest.fixture
async def asked(database: Database, clock: StoppedClock, sign: Sign) -> dict[str, Any]:
    async with database.begin() as connection:
        article_id = await rows.add_article(connection, "1", at=clock())
    return {
        "article_id": article_id, "statement": sign(), "sender_name": "홍길동", "friends": [FRIEND],
        "note": "같이 읽고 싶습니다.", "language": "ko",
    }  # fmt: skip


async def queued(database: Database) -> list[tuple[str, str, str]]:
    query = sa.select(messages.c.kind, deliveries.c.recipient, messages.c.headers)
    query = query.join(messages, messages.c.id == deliveries.c.message_id).order_by(deliveries.c.id)
    async with database.read() as connection:
        return [(row.kind, row.recipient, row.headers.decode()) for row in await connection.execute(query)]


async def mistakes(answer: httpx2.Response) -> list[tuple[str, str]]:
    return [(each["pointer"], each["word"]) for each in (await problem(answer, "invalid"))["errors"]]


async def test_a_logged_in_reader_shares_without_a_mail_to_confirm(
    client: httpx2.AsyncClient, database: Database, key: str, asked: dict[str, Any]
) -> None:
    """The newspaper's word stands for it; everything else is as from the page."""
    answer = await client.post(URL, json=asked, headers=bearer(key, Origin=SITE))
    assert (answer.status_code, answer.json()["next"]) == (202, "sent")
    assert answer.headers["access-control-allow-origin"] == SITE
    ((kind, recipient, headers),) = await queued(database)
    assert (kind, recipient) == (MessageKind.SHARE, FRIEND)
    assert f"Reply-To: {READER}\r\n" in headers


async def test_an_article_may_be_named_by_its_own_address(
    client: httpx2.AsyncClient, database: Database, key: str, asked: dict[str, Any]
) -> None:
    """T10: it is looked up, never fetched; what is none of ours is a mistake of the field."""
    async with database.read() as connection:
        link = (await connection.execute(sa.select(revisions.c.link))).scalar_one()
    asked.pop("article_id")
    for other in ("https://evil.example/1", "http://127.0.0.1/", "javascript:alert(1)", "", "x" * 9000):
        answer = await client.post(URL, json={**asked, "article_link": other}, headers=bearer(key))
        assert await mistakes(answer) == [("/article_link", "unknown_article")]
    assert await mistakes(await client.post(URL, json=asked, headers=bearer(key))) == [("/article_id", "one_of")]
    assert (await client.post(URL, json={**asked, "article_link": link}, headers=bearer(key))).status_code == 202


async def test_t9_an_article_that_was_withdrawn_is_unknown(
    client: httpx2.AsyncClient, database: Database, key: str, asked: dict[str, Any]
) -> None:
    """What the newspaper took back, and what never was, are told alike."""
    async with database.begin() as connection:
        await connection.execute(sa.update(articles).values(withdrawn_at=articles.c.first_seen_at))
    for article_id in (asked["article_id"], 999):
        answer = await client.post(URL, json={**asked, "article_id": article_id}, headers=bearer(key))
        assert await mistakes(answer) == [("/article_id", "unknown_article")]


async def test_t13_a_statement_counts_once_and_not_before_the_form_is_right(
    client: httpx2.AsyncClient, database: Database, key: str, asked: dict[str, Any]
) -> None:
    """A page that was loaded with one may correct a mistyped address, and not send a second time."""
    wrong = await client.post(URL, json={**asked, "friends": ["nobody"]}, headers=bearer(key))
    assert await mistakes(wrong) == [("/friends/0", "address")]
    assert (await client.post(URL, json=asked, headers=bearer(key))).status_code == 202
    again = await client.post(URL, json={**asked, "friends": ["second@naru.example"]}, headers=bearer(key))
    assert await mistakes(again) == [("/statement", "statement")]
    assert len(await queued(database)) == 1


WRONG: list[dict[str, Any]] = [
    {"exp": 0},
    {"exp": None},
    {"exp": "300"},
    {"iat": None},
    {"iat": 0},
    {"iat": True},
    {"jti": None},
    {"jti": "short"},
    {"jti": "x" * 65},
    {"jti": 12345678},
    {"aud": "http://127.0.0.1:8000"},
    {"aud": None},
    {"aud": ["http://127.0.0.1:8000/api/shares"]},
    {"sub": None},
    {"sub": "no address"},
    {"sub": "a@b.example,c@d.example"},
    {"sub": ["a@b.example"]},
    {"header": {"alg": "none"}},
    {"header": {"alg": "HS512"}},
    {"header": {"alg": "HS256", "crit": ["x"]}},
    {"secret": "guessed"},
]


async def test_a_statement_that_is_not_right_is_answered_alike(
    client: httpx2.AsyncClient, database: Database, key: str, asked: dict[str, Any], sign: Sign
) -> None:
    """Whatever is wrong, there is one word, and nothing is stored."""
    told = set()
    for statement in ("", ".", "a.b.c", "x" * 5000, "가.나.다", *(sign(**changes) for changes in WRONG)):
        answer = await client.post(URL, json={**asked, "statement": statement}, headers=bearer(key))
        assert await mistakes(answer) == [("/statement", "statement")], statement
        told.add(answer.content)
    assert len(told) == 1
    assert await queued(database) == []


async def test_a_statement_holds_five_minutes_at_most(
    client: httpx2.AsyncClient, clock: StoppedClock, key: str, asked: dict[str, Any], sign: Sign
) -> None:
    """A longer one is refused, a clock that is a little ahead is not; after its time it is over."""
    now = int(clock().timestamp())
    for statement in (sign(exp=now + 301), sign(iat=now + 61, exp=now + 100), sign(iat=now - 600, exp=now - 300)):
        answer = await client.post(URL, json={**asked, "statement": statement}, headers=bearer(key))
        assert await mistakes(answer) == [("/statement", "statement")]
    ahead = sign(iat=now + 60, exp=now + 300)
    assert (await client.post(URL, json={**asked, "statement": ahead}, headers=bearer(key))).status_code == 202
    clock.advance(minutes=5)
    assert await mistakes(await client.post(URL, json=asked, headers=bearer(key))) == [("/statement", "statement")]


async def test_a_statement_is_for_one_key_and_survives_a_new_secret_key(
    database: Database, settings: Settings, clock: StoppedClock, key: str, asked: dict[str, Any]
) -> None:
    """Another site's key, or the key itself as a secret, signs nothing here; a retired SECRET_KEY goes on verifying."""
    other = await add_key(database, clock, "other", SITE)
    assert vouch.read(settings, sitekeys.id_of(other) or "", asked["statement"], now=clock()) is None
    changed = settings.model_copy(
        update={"secret_key": SecretStr("x" * 40), "retired_secret_keys": settings.secret_key}
    )
    assert vouch.read(changed, sitekeys.id_of(key) or "", asked["statement"], now=clock()) is not None


async def test_t16_no_character_of_a_statement_can_be_changed(
    settings: Settings, clock: StoppedClock, key: str, asked: dict[str, Any]
) -> None:
    """Each letter is one that counts, but for the spare bits of base64 at the end of a part."""
    key_id, statement = sitekeys.id_of(key) or "", asked["statement"]
    for at, letter in enumerate(statement):
        changed = statement[:at] + ("A" if letter != "A" else "B") + statement[at + 1 :]
        read = vouch.read(settings, key_id, changed, now=clock())
        assert read is None or at == len(statement) - 1, at


async def test_t14_the_answer_never_depends_on_the_friend(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock,
    *, key: str, asked: dict[str, Any], sign: Sign,
) -> None:  # fmt: skip
    """Unknown, a reader, refusing all shares: the same bytes, and as many rows."""
    async with database.begin() as connection:
        await rows.add_subscriber(connection, "reader@naru.example", at=clock())
        await shares.refuse(connection, address_hash(settings, parse("never@naru.example")), at=clock())
    told = set()
    for friend in ("unknown@naru.example", "reader@naru.example", "never@naru.example"):
        answer = await client.post(
            URL, json={**asked, "friends": [friend], "statement": sign()}, headers=bearer(key, Origin=SITE)
        )
        told.add((answer.status_code, answer.content, tuple(sorted(answer.headers.items()))))
    assert len(told) == 1
    assert len(await queued(database)) == 3


async def test_of_several_friends_it_says_when_some_are_left_out(
    database: Database, settings: Settings, clock: StoppedClock, key: str, asked: dict[str, Any]
) -> None:
    """The newspaper's page must not tell its reader that all have it."""
    few = settings.model_copy(update={"share_friends": 2, "shares_per_day": 1})
    async with browser(database, few, clock) as opened:
        answer = await opened.post(URL, json={**asked, "friends": [FRIEND, "b@naru.example"]}, headers=bearer(key))
    assert (answer.status_code, answer.json()["next"]) == (202, "partly")
    assert "일부 친구에게만" in answer.json()["detail"]
    assert [to for _, to, _ in await queued(database)] == [FRIEND]


async def test_the_limits_are_those_of_the_page_and_where_the_reader_is_counts(
    database: Database, settings: Settings, clock: StoppedClock, asked: dict[str, Any], sign: Sign
) -> None:
    """Five an hour from one network, whoever asks; a server says where its reader is, a page may not."""
    server = await add_key(database, clock, "server")
    secret = vouch.secret_of(settings, sitekeys.id_of(server) or "")

    async def share(number: int, place: str | None) -> httpx2.Response:
        statement = sign(secret=secret, sub=f"r{number}@gaon.example")
        body = {**asked, "statement": statement, "friends": [f"f{number}@naru.example"], "visitor_address": place}
        return await visitor.post(URL, json=body, headers=bearer(server))

    async with browser(database, settings, clock) as visitor:
        for place, word in ((None, "missing"), ("somewhere", "visitor")):
            assert await mistakes(await share(0, place)) == [("/visitor_address", word)]
        answers = [await share(each, "203.0.113.7") for each in range(6)]
        assert [each.status_code for each in answers] == [202] * 5 + [429]
        assert "링크" in (await problem(answers[-1], "too_many"))["detail"]
        assert answers[-1].headers["retry-after"] == "3600"
        assert (await share(7, "203.0.113.8")).status_code == 202


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("friends", [], "choose_one"),
        ("friends", ["a@naru.example", "b@naru.example"], "too_long"),
        ("sender_name", "www.spam.example", "leads_away"),
        ("sender_name", "3반", "not_a_name"),
        ("note", "가" * 201, "too_long"),
        ("note", "spam.com", "leads_away"),
        ("note", "1\n2\n3\n4\n5", "lines"),
        ("note", "숨은\u202e글", "invisible"),
        ("article_id", 0, "out_of_range"),
        ("article_id", 2**48, "out_of_range"),
        ("article_id", "1", "wrong_type"),
        ("language", "jp", "not_offered"),
        ("bcc", "a@b.example", "unknown_field"),
    ],
)
async def test_what_is_wrong_is_told_field_by_field_and_stores_nothing(
    client: httpx2.AsyncClient, database: Database, key: str, asked: dict[str, Any], *, field: str, value: object,
    word: str,
) -> None:  # fmt: skip
    """T1, T4, T6: the same rules as on the page, in words for programs."""
    answer = await client.post(URL, json={**asked, field: value}, headers=bearer(key))
    assert await mistakes(answer) == [(f"/{field}", word)]
    async with database.read() as connection:
        assert (await connection.execute(sa.select(share_rows.c.id))).all() == []


async def test_while_sharing_rests_programs_are_told_so(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, key: str, asked: dict[str, Any]
) -> None:
    """503 with a sentence and a time."""
    async with database.begin() as connection:
        await share_stops.stop(connection, EVERYBODY, "a test", at=clock())
    answer = await client.post(URL, json=asked, headers=bearer(key))
    said = await problem(answer, "not_now")
    assert "멈추었습니다" in said["detail"]
    assert int(answer.headers["retry-after"]) > 0


async def test_keys_for_other_things_do_not_share_and_off_is_off(
    database: Database, settings: Settings, clock: StoppedClock, key: str, asked: dict[str, Any]
) -> None:
    """T11: the scope decides; where sharing is off there is no such address, and the document does not name it."""
    other = await add_key(database, clock, "other", SITE, scope=KeyScope.SUBSCRIPTIONS)
    async with browser(database, settings, clock) as visitor:
        await problem(await visitor.post(URL, json=asked, headers=bearer(other)), "forbidden")
        assert "/api/shares" in (await visitor.get("/api/openapi.json")).json()["paths"]
    async with browser(database, settings.model_copy(update={"share_address": ""}), clock) as visitor:
        await problem(await visitor.post(URL, json=asked, headers=bearer(key)), "not_found")
        assert "/api/shares" not in (await visitor.get("/api/openapi.json")).json()["paths"]


NOISE = ["\0\r\n\u202e", "x" * 10_000, "<b>{{7*7}}</b>", "yes\r\nBcc: a@b", 7, None, {}, [[]], "\ud800"]
POINTERS = [
    "/article_id", "/article_link", "/statement", "/sender_name", "/friends", "/friends/0", "/note", "/language",
    "/visitor_address", "/<b>",
]  # fmt: skip


async def test_noise_in_any_field_of_a_share_is_a_mistake_there(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, *, key: str, asked: dict[str, Any], sign: Sign
) -> None:
    """Each field, whatever it holds: an answer with a word for it, no other field blamed, nothing stored or echoed."""
    headers = bearer(key, **{"Content-Type": "application/json"})
    for pointer in POINTERS:
        clock.advance(hours=1)
        for value in NOISE:
            if value is None and pointer in ("/visitor_address", "/article_link"):
                continue  # as good as left out
            if (pointer, value) in (("/article_id", 7), ("/note", "<b>{{7*7}}</b>"), ("/<b>", None)):
                continue  # a number and words that may be; they are the business of others
            body: dict[str, Any] = {**asked, "statement": sign()}
            if pointer == "/friends/0":
                body["friends"] = [value]
            else:
                body[pointer[1:]] = value
            answer = await client.post(URL, content=json.dumps(body), headers=headers)
            if pointer == "/article_link":
                body.pop("article_id")
                answer = await client.post(URL, content=json.dumps(body), headers=headers)
            if pointer in ("/article_id", "/article_link") and answer.status_code == 422:
                found = {place for place, _ in await mistakes(answer)}
                assert found <= {"/article_id", "/article_link"}, (pointer, value)
            else:
                root = "" if "<" in pointer else f"/{pointer.split('/')[1]}"
                found = {f"/{place.split('/')[1]}" if place else "" for place, _ in await mistakes(answer)}
                assert found == {root}, (pointer, value)
            assert len(answer.content) < 1000
            assert "7*7" not in answer.text
    async with database.read() as connection:
        assert (await connection.execute(sa.select(share_rows.c.id))).all() == []

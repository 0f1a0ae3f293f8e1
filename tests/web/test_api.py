"""The JSON API over HTTP: keys, origins, limits, what is no JSON, and the document about it all."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from starlette.routing import Route

from digest import sitekeys
from digest.config import Settings
from digest.database import Database, site_keys
from digest.errors import DatabaseUnavailableError
from digest.models.keys import KeyScope, NewKey
from digest.subscribe import consent
from digest.web import app
from digest.web.api_door import CALLS_OF_KEY, CALLS_OF_NETWORK
from digest.web.api_problems import STATUSES
from tests.support import rows
from tests.support.clock import StoppedClock
from tests.web.conftest import browser

pytestmark = pytest.mark.anyio

SITE = "https://www.gaon.example"
ELSEWHERE = "https://elsewhere.example"
URL = "/api/subscriptions"


async def add_key(
    database: Database, clock: StoppedClock, name: str, *origins: str, scope: KeyScope = KeyScope.SUBSCRIPTIONS
) -> str:
    made = sitekeys.make()
    async with database.begin() as connection:
        assert await site_keys.add(
            connection, NewKey(name, made.key_id, made.key_hash, (scope,), tuple(origins), clock())
        )
    return made.shown


@pytest.fixture
async def key(database: Database, clock: StoppedClock) -> str:
    return await add_key(database, clock, "site", SITE)


@pytest.fixture
def asked(settings: Settings) -> dict[str, Any]:
    """What a page sends of a form that was filled in rightly."""
    hashes = {kind: consent.text(kind, "ko", settings).hash for kind in consent.KINDS}
    return {
        "address": "hong@gaon.example",
        "slots": ["morning"],
        "language": "ko",
        "consents": {
            "newsletter": {"agreed": True, "text_hash": hashes[consent.NEWSLETTER]},
            "advert": {"agreed": False, "text_hash": hashes[consent.ADVERT]},
        },
        "is_14_or_older": True,
    }


def bearer(key: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", **more}


async def problem(answer: httpx2.Response, word: str) -> dict[str, Any]:
    """Check that an answer is that problem in the form of RFC 9457."""
    said: dict[str, Any] = answer.json()
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert (answer.status_code, said["status"], said["word"]) == (STATUSES[word], STATUSES[word], word), answer.text
    assert said["title"]
    assert said["detail"]
    return said


async def test_every_key_that_does_not_work_is_answered_alike(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, key: str, asked: dict[str, Any]
) -> None:
    """Missing, mistyped, unknown, revoked: nothing tells which, and nothing is stored."""
    revoked = await add_key(database, clock, "old")
    async with database.begin() as connection:
        await site_keys.revoke(connection, "old", at=clock())
    before = await rows.everything(database)
    swapped = f"{key[:-1]}{'a' if key[-1] != 'a' else 'b'}"
    wrong = ["", "Bearer", "Bearer x", f"Basic {key}", f"Bearer {swapped}", f"Bearer {revoked}"]
    wrong += [f"Bearer {sitekeys.make().shown}", f"Bearer {key} {key}", "Bearer " + "x" * 9000]
    answers = set()
    for authorization in wrong:
        answer = await client.post(URL, json=asked, headers={"Authorization": authorization})
        await problem(answer, "unauthorized")
        answers.add((answer.text, tuple(sorted(answer.headers.items()))))
    assert len(answers) == 1
    assert (await client.post(URL, json=asked)).headers["www-authenticate"] == "Bearer"
    assert await rows.everything(database) == before


async def test_key_works_for_its_scope_and_its_origins_only(
    client: httpx2.AsyncClient, database: Database, clock: StoppedClock, key: str, asked: dict[str, Any]
) -> None:
    """A key of another scope, of another site, or a server's in a browser: refused before anything is counted."""
    server = await add_key(database, clock, "server")
    shares = await add_key(database, clock, "shares", SITE, scope=KeyScope.SHARES)
    await add_key(database, clock, "other", ELSEWHERE)
    before = await rows.everything(database)
    for headers in (
        bearer(shares, Origin=SITE),
        bearer(key, Origin=ELSEWHERE),
        bearer(key, Origin="null"),
        bearer(key, Origin=f"{SITE}.evil.example"),
        bearer(server, Origin=SITE),
    ):
        await problem(await client.post(URL, json=asked, headers=headers), "forbidden")
    assert await rows.everything(database) == before
    assert (await client.post(URL, json=asked, headers=bearer(key, Origin=SITE))).status_code == 202


async def test_browsers_may_read_answers_on_pages_of_the_key_only(
    client: httpx2.AsyncClient, key: str, asked: dict[str, Any]
) -> None:
    """CORS names the asking origin or nothing; cookies are never allowed, set or read."""
    wanted = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    ours = await client.options(URL, headers={"Origin": SITE, "Sec-Fetch-Site": "cross-site", **wanted})
    theirs = await client.options(URL, headers={"Origin": ELSEWHERE, **wanted})
    assert ours.status_code == theirs.status_code == 204
    assert ours.headers["access-control-allow-origin"] == SITE
    assert "authorization" in ours.headers["access-control-allow-headers"].lower()
    assert "content-type" in ours.headers["access-control-allow-headers"].lower()
    assert not [name for name in theirs.headers if name.startswith("access-control")]
    answers = [
        await client.post(URL, json=asked, headers=bearer(key, Origin=SITE, Cookie="a=b")),
        await client.post(URL, json={}, headers=bearer(key, Origin=SITE)),
        await client.post(URL, json=asked, headers=bearer("x", Origin=SITE)),
        await client.get("/api/consents", headers={"Origin": SITE}),
    ]
    assert [each.status_code for each in answers] == [202, 422, 401, 200]
    for answer in (ours, *answers):
        assert answer.headers["access-control-allow-origin"] == SITE
        assert "origin" in answer.headers["vary"].lower()
        assert "access-control-allow-credentials" not in answer.headers
        assert "set-cookie" not in answer.headers
    assert "access-control-allow-origin" not in (await client.get("/api/consents")).headers


async def test_network_cannot_use_up_a_key_that_stands_in_pages(
    database: Database, settings: Settings, clock: StoppedClock, key: str
) -> None:
    """Whatever is sent counts; the network is told when it may ask again, and others are not in its way."""
    async with browser(database, settings, clock, address="198.51.100.77") as client:
        statuses = [(await client.post(URL, headers=bearer(key))).status_code for _ in range(CALLS_OF_NETWORK)]
        assert set(statuses) == {415}
        clock.advance(minutes=20)
        refused = await client.post(URL, headers=bearer(key, **{"X-Forwarded-For": "198.51.100.7"}))
        await problem(refused, "too_many")
        assert refused.headers["retry-after"] == "2400"
    async with browser(database, settings, clock, address="198.51.100.7") as client:
        assert (await client.post(URL, headers=bearer(key))).status_code == 415
    async with browser(database, settings, clock, address="198.51.100.77") as client:
        clock.advance(minutes=40)
        assert (await client.post(URL, headers=bearer(key))).status_code == 415


async def test_key_is_limited_over_all_networks(
    database: Database, settings: Settings, clock: StoppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that was taken from a page is worth so many requests an hour, from however many machines."""
    assert CALLS_OF_KEY > CALLS_OF_NETWORK
    monkeypatch.setattr("digest.web.api_door.CALLS_OF_KEY", 3)
    key = await add_key(database, clock, "server")
    async with browser(database, settings, clock) as client:
        statuses = [(await client.post(URL, headers=bearer(key))).status_code for _ in range(4)]
        other = await add_key(database, clock, "other")
        assert (await client.post(URL, headers=bearer(other))).status_code == 415
    assert statuses == [415, 415, 415, 429]


def broken() -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "text", b"address=hong@gaon.example"
    yield "half", b'{"address": "hong@gaon.example"'
    yield "list", b"[]"
    yield "number", b"7"
    yield "latin", '{"address": "가온"}'.encode("cp949")
    yield "utf-16", '{"address": "a@b.example"}'.encode("utf-16")
    yield "mark", b"\xef\xbb\xbf{}"
    yield "nan", b'{"address": NaN}'
    yield "twice", b'{"address": "a@gaon.example", "address": "b@gaon.example"}'
    yield "twice below", b'{"consents": {"advert": {"agreed": false, "agreed": true}}}'
    yield "deep", b'{"address":' * 1000 + b"1" + b"}" * 1000
    yield "deeper", b"[" * 16_000
    yield "digits", b'{"address": ' + b"9" * 10_000 + b"}"


async def test_what_is_no_json_object_is_refused(client: httpx2.AsyncClient, key: str) -> None:
    """Duplicate names and endless depth too; two readers must not see two things in one document."""
    headers = bearer(key, **{"Content-Type": "application/json; charset=utf-8"})
    for name, content in broken():
        answer = await client.post(URL, content=content, headers=headers)
        assert answer.status_code == 400, name
        await problem(answer, "malformed")


async def test_body_must_be_declared_as_json(client: httpx2.AsyncClient, key: str, asked: dict[str, Any]) -> None:
    """A form on another page can send text/plain without being asked by a browser first; that is none of ours."""
    content = json.dumps(asked)
    await problem(await client.post(URL, content=content, headers=bearer(key)), "not_json")
    for other in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=cp949", "json"):
        answer = await client.post(URL, content=content, headers=bearer(key, **{"Content-Type": other}))
        await problem(answer, "not_json")


async def test_database_that_is_away_is_said_so(
    client: httpx2.AsyncClient, key: str, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program is told to try again, and when."""

    async def away(*_: object) -> None:
        raise DatabaseUnavailableError("locked")

    monkeypatch.setattr(site_keys, "find", away)
    answer = await client.post(URL, json=asked, headers=bearer(key))
    await problem(answer, "not_now")
    assert answer.headers["retry-after"] == "60"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Retry-After" in answer.headers["access-control-expose-headers"]


async def test_whatever_the_house_refuses_below_api_is_a_problem_too(
    client: httpx2.AsyncClient, database: Database, key: str
) -> None:
    """Too large (T23), no such address, no such method: never a page for programs, never JSON for people."""
    before = await rows.everything(database)
    answers = [await client.post(URL, content=b"a" * 1_000_000, headers=bearer(key)), await client.get("/api/nothing")]
    for answer, word in zip(answers, ("too_large", "not_found"), strict=True):
        await problem(answer, word)
    for method in ("GET", "PUT", "DELETE"):
        answer = await client.request(method, URL, headers=bearer(key))
        await problem(answer, "method_not_allowed")
        assert "POST" in answer.headers["allow"]
        answers.append(answer)
    for answer in answers:  # a browser would tell its developer of CORS instead of what was wrong
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
    assert await rows.everything(database) == before
    assert (await client.get("/nothing")).headers["content-type"].startswith("text/html")


async def test_looking_changes_nothing(client: httpx2.AsyncClient, database: Database) -> None:
    """GET, HEAD and OPTIONS, by anybody."""
    before = await rows.everything(database)
    for path in ("/api/consents", "/api/challenge", "/api/openapi.json"):
        for method, status in (("GET", 200), ("HEAD", 200), ("OPTIONS", 204), ("POST", 405)):
            assert (await client.request(method, path)).status_code == status, (method, path)
    assert await rows.everything(database) == before


async def test_document_and_routes_say_the_same(
    client: httpx2.AsyncClient, database: Database, settings: Settings, clock: StoppedClock
) -> None:
    """Each route stands in the document, and each reference in it leads somewhere."""
    document = (await client.get("/api/openapi.json")).json()
    built = app.build(database=database, settings=settings, clock=clock, sample_started_at=None, outbox_dir=None)
    served = {
        (route.path, method)
        for route in built.routes
        if isinstance(route, Route) and route.path.startswith("/api/")
        for method in (route.methods or set()) - {"HEAD", "OPTIONS"}
    }
    written = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    assert document["openapi"] == "3.1.0"
    assert served == written

    def references(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            yield from (each for name, each in value.items() if name == "$ref")
            for each in value.values():
                yield from references(each)
        elif isinstance(value, list):
            for each in value:
                yield from references(each)

    for reference in set(references(document)):
        place = document
        for name in reference.removeprefix("#/").split("/"):
            place = place[name]
        assert place
    assert len({each["operationId"] for methods in document["paths"].values() for each in methods.values()}) == 4


async def test_document_tells_what_is_answered(client: httpx2.AsyncClient, key: str, asked: dict[str, Any]) -> None:
    """Every status that the tests here have seen stands there, with its form, and its problem where `type` leads."""
    document = (await client.get("/api/openapi.json")).json()
    told = document["paths"][URL]["post"]
    assert set(told["responses"]) == {"202", "400", "401", "403", "408", "413", "415", "422", "429", "503"}
    assert told["security"] == [{"key": ["subscriptions"]}]
    fields = document["components"]["schemas"]["NewSubscription"]
    assert set(asked) <= set(fields["properties"])
    assert set(fields["required"]) == set(asked)
    assert fields["additionalProperties"] is False
    said = await problem(await client.post(URL, json={}, headers=bearer(key)), "invalid")
    place = document
    for name in said["type"].partition("#/")[2].split("/"):
        place = place[name]
    assert "application/problem+json" in place["content"]
    assert set(said) <= set(document["components"]["schemas"]["Problem"]["properties"])

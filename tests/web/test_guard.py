"""What every request passes and every answer carries, shown on an app of three routes."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from structlog.testing import capture_logs

from digest.web import guard
from tests.support.settings import make_settings

pytestmark = pytest.mark.anyio

ORIGIN = "https://news.gaon.example"
SECRET_PATH = "/u/abcdefghijkl"


async def _say_body(request: Request) -> Response:
    return PlainTextResponse(await request.body())


async def _break(request: Request) -> Response:
    raise RuntimeError("a detail for the log")


async def _has_own_policy(request: Request) -> Response:
    return PlainTextResponse("", headers={"Content-Security-Policy": "sandbox"})


def _app(policy: guard.Policy) -> Starlette:
    return Starlette(
        routes=[
            Route("/form", _say_body, methods=["GET", "POST"], name="form"),
            Route("/u/{token}", _say_body, methods=["GET", "POST"], name="leave"),
            Route("/broken", _break, name="broken"),
            Route("/own", _has_own_policy, name="own"),
        ],
        middleware=[
            Middleware(
                guard.Guard,
                policy=policy,
                refuse=lambda _request, status: PlainTextResponse("refused", status_code=status),
                quiet_routes=frozenset({"own"}),
            )
        ],
    )


@pytest.fixture
def policy() -> guard.Policy:
    settings = make_settings(
        base_url=ORIGIN,
        newspaper_site="https://www.gaon.example",
        sources="gaon | feed | http://feeds.gaon.example/rss | pictures=img.gaon.example,가온.example,bad;host",
    )
    return guard.Policy(guard.picture_origins(settings))


@pytest.fixture
def client(policy: guard.Policy) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=_app(policy), raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url=ORIGIN)


@pytest.fixture
def logs() -> Iterator[list[structlog.typing.EventDict]]:
    with capture_logs() as captured:
        yield captured


@pytest.mark.parametrize("path", ["/form", "/nowhere", "/broken"])
async def test_every_answer_carries_the_policies(client: httpx2.AsyncClient, path: str) -> None:
    """Error pages are pages too, and the likeliest to be forgotten."""
    headers = (await client.get(path)).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "form-action 'self'" in headers["content-security-policy"]
    assert "base-uri 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]


async def test_pages_may_be_stricter_than_the_guard(client: httpx2.AsyncClient) -> None:
    """The frame of a kept mail has a policy of its own; it must not be sent a second, looser one."""
    assert (await client.get("/own")).headers.get_list("content-security-policy") == ["sandbox"]


def test_pictures_come_from_the_provisioned_hosts_over_https_only(policy: guard.Policy) -> None:
    """A host with a semicolon would open the policy to whatever stands behind it."""
    pictures = policy.page.split("; ")[1].split()
    assert pictures == [
        "img-src",
        "'self'",
        ORIGIN,
        "https://feeds.gaon.example",
        "https://img.gaon.example",
        "https://www.gaon.example",
        "https://xn--o39a190c.example",
    ]
    assert "script-src" not in policy.page


@pytest.mark.parametrize(
    ("url", "is_allowed"),
    [
        ("https://img.gaon.example/a.jpg", True),
        ("https://IMG.gaon.example:443/a.jpg", True),
        ("https://가온.example/a.jpg", True),
        (f"{ORIGIN}/sample/pictures/a.jpg", True),
        ("http://img.gaon.example/a.jpg", False),
        ("https://img.gaon.example:8443/a.jpg", False),
        ("https://elsewhere.example/a.jpg", False),
        ("https://img.gaon.example@elsewhere.example/a.jpg", False),
        ("javascript:alert(1)", False),
        ("data:image/png;base64,AA", False),
        ("https://[broken", False),
        ("", False),
    ],
)
def test_only_pictures_that_the_policy_lets_load_are_shown(policy: guard.Policy, url: str, is_allowed: bool) -> None:
    """A page with a blocked picture shows a hole where the caption alone would have served."""
    assert policy.allows_picture(url) is is_allowed


async def test_body_of_a_megabyte_is_refused(client: httpx2.AsyncClient) -> None:
    """No page of ours needs more than a few hundred bytes."""
    assert (await client.post("/form", content=b"a" * 1_000_000)).status_code == 413


async def test_body_without_announced_length_is_refused_as_well(client: httpx2.AsyncClient) -> None:
    """A chunked body announces nothing and could go on for ever."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"a" * 1000

    assert (await client.post("/form", content=endless())).status_code == 413


async def test_largest_allowed_body_arrives_whole(client: httpx2.AsyncClient) -> None:
    """The limit is for others; what is within it must not be cut."""
    body = b"a" * guard.MAX_BODY_BYTES
    assert (await client.post("/form", content=body)).content == body


async def test_body_that_never_comes_is_given_up(policy: guard.Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow posts hold nothing but their own connection, and not for long."""
    monkeypatch.setattr(guard, "BODY_TIMEOUT_SECONDS", 0)
    sent = []

    async def never() -> dict[str, object]:
        return await asyncio.Event().wait()  # type: ignore[return-value]

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/form", "headers": [], "query_string": b""}
    await _app(policy)(scope, never, send)  # type: ignore[arg-type]
    assert sent[0]["status"] == 408


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": ORIGIN}, 403),
        ({"Origin": "https://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://elsewhere.example", "Host": "elsewhere.example"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Origin": ORIGIN}, 200),
        ({}, 200),
    ],
)
async def test_post_from_another_site_is_refused(
    client: httpx2.AsyncClient, headers: dict[str, str], status: int
) -> None:
    """Another site's page must not be able to press our buttons with a reader's browser."""
    assert (await client.post("/form", headers=headers)).status_code == status


async def test_one_click_post_may_come_from_anywhere(client: httpx2.AsyncClient) -> None:
    """RFC 8058: webmails post from their own site, and the token is the authority."""
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://mail.naver.example"}
    assert (await client.post(SECRET_PATH, headers=headers)).status_code == 200


async def test_get_from_another_site_is_a_link_and_works(client: httpx2.AsyncClient) -> None:
    """Readers come from webmails, so every link is followed from another site."""
    assert (await client.get("/form", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 200


async def test_error_is_kept_from_the_stranger_and_told_to_the_log(
    client: httpx2.AsyncClient, logs: list[structlog.typing.EventDict]
) -> None:
    """A traceback helps an attacker on a page and the operator in the log."""
    answer = await client.get("/broken")
    assert (answer.status_code, answer.text) == (500, "refused")
    failed = next(entry for entry in logs if entry["event"] == "web.failed")
    assert failed["route"] == "broken"
    assert "a detail for the log" in str(failed["exc_info"])


async def test_log_names_the_route_and_never_the_path(
    client: httpx2.AsyncClient, logs: list[structlog.typing.EventDict]
) -> None:
    """Paths hold tokens; who reads the log must not be able to unsubscribe people."""
    await client.get(SECRET_PATH)
    await client.post(SECRET_PATH, content=b"a" * 20_000)
    assert {"event": "web.request", "route": "leave", "method": "GET", "status": 200, "log_level": "info"} in logs
    assert "abcdefghijkl" not in str(logs)


async def test_quiet_routes_are_not_logged(client: httpx2.AsyncClient, logs: list[structlog.typing.EventDict]) -> None:
    """Health checks every few seconds would bury everything else."""
    await client.get("/own")
    assert logs == []

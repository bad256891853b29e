"""CORS: which pages of other sites may read what is answered, and what they are told beforehand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.responses import Response as StarletteResponse

from crossbar import Mounted
from crossbar.cors import ALLOWED, EXPOSED
from crossbar.settings import Cors
from crossbar.testing import Client, Response, World, small_world

from .tools import SETTINGS, Away, Crashing, Late, wire

PAGE = "https://app.example.com"
OTHER = "https://portal.example.com:8443"
GRANTS = ("access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers")
ASKED = ("access-control-allow-methods", "access-control-allow-headers", "access-control-max-age")


async def plain(scope: Any, receive: Any, send: Any) -> None:
    """Answer in an application that knows nothing of other sites."""
    await PlainTextResponse("plain", headers={"vary": "Cookie"})(scope, receive, send)


async def own(scope: Any, receive: Any, send: Any) -> None:
    """Answer in an application that has rules of its own."""
    response: StarletteResponse = PlainTextResponse(Request(scope).method)
    response.headers["access-control-allow-origin"] = "https://own.example.com"
    await response(scope, receive, send)


@pytest.fixture(scope="module")
async def open_world() -> AsyncIterator[World]:
    """An application that two sites may read."""
    settings = replace(SETTINGS, cors=Cors((PAGE, OTHER), headers=("X-Trace",)))
    mounted = [Mounted("plain", plain, anywhere=True), Mounted("own", own, anywhere=True)]
    world = await small_world(settings=settings, endpoints=[Crashing(), Late(), Away(), *mounted])
    yield world
    await world.app.stop()


@pytest.fixture
async def client(open_world: World) -> Client:
    """A client with a token, and no browser."""
    return await open_world.client("reseller")


def granted(response: Response) -> dict[str, str]:
    """What a response says to a browser about other sites."""
    return {name: value for name, value in response.headers.items() if name.startswith("access-control-")}


def names(field: str) -> set[str]:
    """The names in a list."""
    return {part.strip().lower() for part in field.split(",")}


# Without any setting.


async def test_nothing_is_said_unless_it_is_asked_for(own_world: World) -> None:
    """Without `cors.origins`, no response speaks of other sites, whatever the request says."""
    client = await own_world.client("reseller")
    asked = {"origin": PAGE, "access-control-request-method": "PUT"}
    for method, path in (("GET", "/about"), ("OPTIONS", "/about"), ("GET", "/nothing")):
        response = await client.request(method, path, headers=asked)
        assert {} == granted(response)
        assert "origin" not in response.headers.get("vary", "").lower()


# Reading.


@pytest.mark.parametrize("origin", [PAGE, OTHER])
async def test_a_page_that_may_read(client: Client, origin: str) -> None:
    """A page of a listed site reads the response, and the header fields that its code needs."""
    response = await client.get("/about", headers={"origin": origin})
    assert {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": ", ".join(EXPOSED),
    } == granted(response)
    assert "Origin" == response.headers["vary"]


STRANGERS = [
    "null",
    "*",
    "",
    "https://app.example.com.evil.example",
    "https://evil.example/https://app.example.com",
    "https://evilapp.example.com",
    "https://app.example.com@evil.example",
    "https://app.example.com:444",
    "http://app.example.com",
    "https://APP.example.com",
    "https://app.example.com/",
    "https://app.example.com, https://evil.example",
    "https://app.example.com\\.evil.example",
    " https://app.example.com.",
    "https://xapp.example.com",
    "app.example.com",
]


@pytest.mark.parametrize("origin", STRANGERS)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_a_page_that_may_not(client: Client, origin: str, method: str) -> None:
    """No other site is told anything, however much its name looks like a listed one; caches learn that it matters."""
    asked = {"origin": origin, "access-control-request-method": "GET"}
    response = await client.request(method, "/about", headers=asked)
    assert ({}, "Origin") == (granted(response), response.headers["vary"])


async def test_without_an_origin(client: Client) -> None:
    """A program that is no browser is told nothing of it, but a cache is told that others would be."""
    response = await client.get("/about")
    assert ({}, "Origin") == (granted(response), response.headers["vary"])


REFUSALS = [
    pytest.param("/nothing", 404, id="404"),
    pytest.param("/crashing", 500, id="500"),
    pytest.param("/away", 503, id="503"),
    pytest.param("/about?" + "x=1&" * 200, 400, id="400"),
    pytest.param("/about?" + "x" * 9000, 414, id="414"),
    pytest.param("/" + "a/" * 40, 400, id="path"),
]


@pytest.mark.parametrize(("path", "status"), REFUSALS)
async def test_refusals_can_be_read(client: Client, path: str, status: int) -> None:
    """A page reads refusals as it reads answers: what is wrong, the request id, when to come back."""
    response = await client.get(path, headers={"origin": PAGE})
    assert (status, PAGE) == (response.status, response.headers["access-control-allow-origin"])
    assert {"retry-after", "x-request-id"} <= names(response.headers["access-control-expose-headers"])


async def test_without_a_token(client: Client) -> None:
    """The 401 that tells a page to log in again can be read, too."""
    response = await Client(client.app).get("/about", headers={"origin": PAGE})
    assert (401, PAGE) == (response.status, response.headers["access-control-allow-origin"])


async def test_a_body_that_is_too_large(client: Client) -> None:
    """So can a 413."""
    response = await client.put("/accounts", body=b"x" * 2_000_000, headers={"origin": PAGE})
    assert (413, PAGE) == (response.status, response.headers["access-control-allow-origin"])


# Asking ahead.


def ahead(method: str, origin: str = PAGE, fields: str = "x-auth-token,content-type") -> list[tuple[bytes, bytes]]:
    """What a browser sends before a request of this method."""
    return [
        (b"origin", origin.encode()),
        (b"access-control-request-method", method.encode()),
        (b"access-control-request-headers", fields.encode()),
    ]


async def test_asking_ahead(open_world: World, client: Client) -> None:
    """The answer has the methods of the place, the fields that may be sent, and for how long that is so."""
    path = f"/v2/accounts/{open_world.reseller}/devices".encode()
    response = await wire(open_world.app, "OPTIONS", path, ahead("PUT"))
    assert (204, b"", PAGE) == (response.status, response.body, response.headers["access-control-allow-origin"])
    assert response.headers["allow"] == response.headers["access-control-allow-methods"]
    assert {"get", "head", "put", "options"} == names(response.headers["access-control-allow-methods"])
    sent = {"authorization", "content-type", "idempotency-key", "if-match", "range", "x-auth-token", "x-file-name"}
    assert sent | {"x-trace"} <= names(response.headers["access-control-allow-headers"])
    assert "86400" == response.headers["access-control-max-age"]


async def test_asking_ahead_asks_no_store(monkeypatch: pytest.MonkeyPatch, open_world: World) -> None:
    """It needs neither a token nor the store, so that it is answered while that is away."""
    monkeypatch.setattr(open_world.app, "store", None)
    path = b"/v2/accounts/ab/devices/cd"
    response = await wire(open_world.app, "OPTIONS", path, ahead("DELETE"))
    assert (204, True) == (response.status, "DELETE" in response.headers["access-control-allow-methods"])


async def test_asking_ahead_with_a_tunnelled_verb(open_world: World) -> None:
    """The query is that of the request that is to come, and says nothing about this one."""
    path = b"/v2/accounts/ab/devices/cd?verb=DELETE&auth_token=x"
    response = await wire(open_world.app, "OPTIONS", path, ahead("POST"))
    assert (204, PAGE) == (response.status, response.headers["access-control-allow-origin"])


async def test_asking_ahead_for_nothing(open_world: World) -> None:
    """Where nothing answers, the request may be sent, so that its page can read why; others are told at once."""
    response = await wire(open_world.app, "OPTIONS", b"/v2/nothing", ahead("PATCH"))
    assert (204, b"", PAGE) == (response.status, response.body, response.headers["access-control-allow-origin"])
    assert "patch" in names(response.headers["access-control-allow-methods"])
    assert {"allow", "content-type", "content-length"}.isdisjoint(response.headers)
    for asked in (ahead("PATCH", "https://evil.example"), [(b"origin", PAGE.encode())]):
        response = await wire(open_world.app, "OPTIONS", b"/v2/nothing", asked)
        assert (404, "not_found") == (response.status, response.json()["message"])


async def test_options_alone(open_world: World) -> None:
    """OPTIONS of a page that does not ask ahead is any request: it may read the answer."""
    response = await wire(open_world.app, "OPTIONS", b"/v2/about", [(b"origin", PAGE.encode())])
    assert 204 == response.status
    assert [] == [name for name in ASKED if name in response.headers]
    assert PAGE == response.headers["access-control-allow-origin"]


async def test_only_options_asks_ahead(client: Client) -> None:
    """A GET that carries the words of a question is a GET."""
    response = await client.get("/about", headers={"origin": PAGE, "access-control-request-method": "PUT"})
    assert (200, []) == (response.status, [name for name in ASKED if name in response.headers])


def test_what_may_be_sent_is_what_is_read() -> None:
    """A field that would be passed over, such as another one that overrides the method, is not invited."""
    assert "x-method-override" not in ALLOWED
    assert [*ALLOWED] == sorted(set(ALLOWED))
    assert [*EXPOSED] == sorted(set(EXPOSED))


# Applications as nouns.


async def test_an_application_behind_a_noun(client: Client) -> None:
    """Its answers can be read as ours can, and what they depend on is told together."""
    response = await client.get("/plain", headers={"origin": PAGE})
    assert ("plain", PAGE) == (response.text, response.headers["access-control-allow-origin"])
    assert ["Cookie, Origin"] == response.values("vary")


async def test_an_application_with_rules_of_its_own(client: Client) -> None:
    """They are left alone, and stand there once."""
    response = await client.get("/own", headers={"origin": PAGE})
    assert ["https://own.example.com"] == response.values("access-control-allow-origin")
    assert "access-control-expose-headers" not in response.headers

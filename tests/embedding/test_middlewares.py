"""The host's middlewares around an application: what goes through them goes through whole."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import orjson
import pytest
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response

from crossbar import Crossbar
from crossbar.settings import Auth, Limits, Settings
from crossbar.testing import ASGI, Client

from .endpoints import made, of, until
from .hosts import Host, Wanted, Wrap

ORIGIN = {"origin": "https://pages.example.com"}


def bare(app: Any) -> ASGI:
    """No middleware at all."""
    return app  # type: ignore[no-any-return]


def cors(app: Any) -> ASGI:
    """Other pages may ask, and read what they are told."""
    return CORSMiddleware(
        app, allow_origins=["https://pages.example.com"], allow_methods=["*"], expose_headers=["X-Request-ID"]
    )


def zipped(app: Any) -> ASGI:
    """Responses are compressed."""
    return GZipMiddleware(app, minimum_size=1)


class Stamping(BaseHTTPMiddleware):
    """A middleware of the kind that runs the application in a task of its own."""

    async def dispatch(self, request: Request, call_next: Callable[[Request], Any]) -> Response:
        """Put a stamp onto the response."""
        response: Response = await call_next(request)
        response.headers["x-stamp"] = "stamped"
        return response


AROUND: list[Any] = [
    pytest.param([bare], id="none"),
    pytest.param([cors], id="cors"),
    pytest.param([zipped], id="gzip"),
    pytest.param([Stamping], id="base"),
    pytest.param([Stamping, cors, zipped, Stamping], id="all"),
]


@pytest.fixture(params=AROUND)
def around(request: pytest.FixtureRequest) -> list[Wrap]:
    """Each middleware in turn, then all of them."""
    found: list[Wrap] = request.param
    return found


@pytest.fixture
def app() -> Crossbar:
    """An application whose requests may take a second."""
    return made(settings=Settings(auth=Auth(hash_memory=8), limits=Limits(handler_seconds=1)), propagate=(Wanted,))


@pytest.fixture
def client(host: Host, app: Crossbar, around: list[Wrap]) -> Client[Any]:
    """A client of the application, which all middlewares are around."""
    return Client(host({"/api": app}, living=False, around=around), prefix="/api/v2")


# Requests and responses.


async def test_documents(client: Client[Any]) -> None:
    """A document is created, read, patched, listed and deleted."""
    made = await client.create("notes", body={"text": "hello"})
    id = made.document["id"]
    await client.patch(("notes", id), body={"text": "goodbye"})
    assert ["goodbye"] == [note["text"] for note in await client.every("notes")]
    assert [200, 404] == [(await client.delete(("notes", id))).status, (await client.read(("notes", id))).status]


@pytest.mark.parametrize("size", [0, 1, 100_000, 500_000])
async def test_bodies(client: Client[Any], size: int) -> None:
    """A body arrives whole, however it is cut into pieces."""
    body = orjson.dumps({"data": {"text": "x" * size}})

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 30_000):
            await asyncio.sleep(0)
            yield body[start : start + 30_000]

    for upload in (body, pieces()):
        assert size == len((await client.put("/things", body=upload)).data["text"])


async def test_a_body_that_is_too_large(client: Client[Any]) -> None:
    """A body over the limit is refused in the envelope, and the client is told before it has sent all of it."""
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b"x" * 65_536

    refused = await client.put("/things", body=pieces())
    assert (413, "content_too_large") == (refused.status, refused.word)
    assert sent < 30


async def test_another_type_of_body(client: Client[Any]) -> None:
    """A body of another media type, as an endpoint accepts it, arrives as well."""
    made = await client.put("/things", body=b"hello", headers={"content-type": "text/plain"})
    assert (201, {"size": 5}) == (made.status, made.data)


async def test_head(client: Client[Any]) -> None:
    """HEAD is GET without the body."""
    told = await client.request("HEAD", "/things")
    assert (200, b"", "application/json") == (told.status, told.body, told.headers["content-type"])


async def test_options(client: Client[Any]) -> None:
    """OPTIONS tells the verbs of a place, without asking who wants to know."""
    told = await client.request("OPTIONS", "/notes")
    assert (204, "GET, HEAD, PUT, OPTIONS") == (told.status, told.headers["allow"])


async def test_a_verb_that_is_not_there(client: Client[Any]) -> None:
    """A verb that is not there is refused by the application, with those that are."""
    refused = await client.delete("/callers")
    assert (405, "GET, HEAD, OPTIONS", "invalid_method") == (refused.status, refused.headers["allow"], refused.word)


@pytest.mark.parametrize("path", ["/things", "/nothing", "/failures/crash"])
async def test_the_request_id(client: Client[Any], path: str) -> None:
    """An `X-Request-ID` that somebody before us has given stands in the response, once, and in the envelope."""
    response = await client.get(path, headers={"x-request-id": "from-the-host.1"})
    assert (["from-the-host.1"], "from-the-host.1") == (response.values("x-request-id"), response.json()["request_id"])


async def test_not_modified(client: Client[Any]) -> None:
    """A document that the client has already is not sent again."""
    made = await client.create("notes", body={"text": "hello"})
    path = "/notes/" + made.document["id"]
    tag = (await client.get(path)).headers["etag"]
    again = await client.get(path, headers={"if-none-match": tag})
    assert (304, b"") == (again.status, again.body)


async def test_exceptions(client: Client[Any]) -> None:
    """What the host wants to see passes through its middlewares to it, and nothing else does."""
    assert [418, 500] == [(await client.get(f"/failures/{way}")).status for way in ("wanted", "crash")]


async def test_the_time_limit(host: Host, app: Crossbar) -> None:
    """A request that takes too long is cancelled within middlewares as well, and they can tell its client."""
    client = Client(host({"/api": app}, living=False, around=[Stamping, cors, zipped]), prefix="/api/v2")
    late = await client.get("/failures/slow")
    assert (504, "timeout", "stamped") == (late.status, late.word, late.headers["x-stamp"])


# What never ends.


async def test_events(client: Client[Any], app: Crossbar) -> None:
    """Events come one by one, and stop when the client has gone."""
    async with client.stream("GET", "/ticks") as response:
        assert (200, "text/event-stream") == (response.status, response.headers["content-type"])
        assert b": connected\n\n" == await response.until(b"\n\n")
        assert [b'data: {"tick":true}\n\n'] * 3 == [await response.until(b"\n\n") for _ in range(3)]
    await until(lambda: of(app, "ticks").running == 0 and app.registry.active == 0)


async def test_sockets(client: Client[Any]) -> None:
    """A WebSocket goes to and fro, and knows where the application is mounted."""
    async with client.socket("/ticks") as socket:
        assert {"root": "/api", "user": "anybody"} == await socket.receive_json()
        await socket.send_text("hello")
        assert "HELLO" == await socket.receive_text()


async def test_a_client_that_goes_away_while_it_sends(client: Client[Any], app: Crossbar) -> None:
    """A client that goes away in the midst of its body leaves nothing under way."""

    def pieces() -> Iterator[bytes]:
        yield b'{"data":'
        raise ConnectionError

    asking = asyncio.ensure_future(client.put("/things", body=pieces()))
    await asyncio.wait({asking})
    await until(lambda: app.registry.active == 0)
    assert asking.exception() is not None or asking.result().status == 408


# What the middlewares themselves do.


async def test_pages_of_others(host: Host, app: Crossbar) -> None:
    """With the host's CORS, a page of another server may ask, and reads refusals as well as answers."""
    client = Client(host({"/api": app}, living=False, around=[cors]), prefix="/api/v2", headers=ORIGIN)
    asked = {"access-control-request-method": "PUT"}
    before = await client.request("OPTIONS", "/notes", headers=asked)
    assert (200, True) == (before.status, "PUT" in before.headers["access-control-allow-methods"])
    for path in ("/things", "/nothing", "/failures/crash"):
        response = await client.get(path)
        assert "https://pages.example.com" == response.headers["access-control-allow-origin"]
        assert "X-Request-ID" == response.headers["access-control-expose-headers"]


async def test_compression(host: Host, app: Crossbar) -> None:
    """With the host's compression, responses are smaller on the wire, and the same when they are unpacked."""
    client = Client(host({"/api": app}, living=False, around=[zipped]), prefix="/api/v2")
    await client.create("notes", body={"text": "x" * 10_000})
    packed = await client.get("/notes", headers={"accept-encoding": "gzip"})
    assert ("gzip", True) == (packed.headers["content-encoding"], len(packed.body) < 1_000)
    assert "x" * 10_000 == orjson.loads(gzip.decompress(packed.body))["data"][0]["text"]


async def test_stamps(host: Host, app: Crossbar) -> None:
    """A middleware may change the response, also one that is an error."""
    client = Client(host({"/api": app}, living=False, around=[Stamping]), prefix="/api/v2")
    assert ["stamped"] * 2 == [(await client.get(path)).headers["x-stamp"] for path in ("/things", "/nothing")]

"""The client: requests to any ASGI application, and what comes back of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.responses import Response as StarletteResponse
from starlette.routing import Mount, Route

from crossbar.errors import CrossbarError
from crossbar.response import Message, Receive, Send
from crossbar.testing import Client, Response, make_app, small_world

from .apps import Scope, mirror, respond


async def upload() -> AsyncIterator[bytes]:
    """Give a body in two pieces, the second one a little later."""
    yield b"one"
    await asyncio.sleep(0)
    yield b"three"


def broken_upload() -> Iterator[bytes]:
    """Give the beginning of a body, and go away."""
    yield b"one"
    raise ConnectionError


async def mirrored(path: str = "/here", **options: Any) -> Any:
    """Give what the mirror has seen of a request."""
    return (await Client(mirror, prefix="").request("POST", path, **options)).json()


# Requests.


@pytest.mark.parametrize(
    ("prefix", "path", "seen"),
    [
        pytest.param("/v2", "/devices", ("/v2/devices", "/v2/devices", ""), id="below the prefix"),
        pytest.param("/v2", "//livez", ("/livez", "/livez", ""), id="without the prefix"),
        pytest.param("", "/a b", ("/a b", "/a%20b", ""), id="encoded where it must be"),
        pytest.param("", "/a%2Fb", ("/a/b", "/a%2Fb", ""), id="encoded already"),
        pytest.param("", "/a?x=%201", ("/a", "/a", "x=%201"), id="with a query"),
    ],
)
async def test_targets(prefix: str, path: str, seen: tuple[str, str, str]) -> None:
    """A path goes below the prefix, raw as it is on the wire and decoded as a server hands it over."""
    got = (await Client(mirror, prefix=prefix).get(path)).json()
    assert seen == (got["path"], got["raw_path"], got["query"])


async def test_words_are_added_to_the_query() -> None:
    """Words of the query may stand in the path and beside it."""
    assert "a=1&b=2+3" == (await mirrored("/here?a=1", query={"b": "2 3"}))["query"]


async def test_headers() -> None:
    """Header fields of the client and of the request go along; an empty one is left out."""
    client = Client(mirror, "t", headers={"x-a": "1", "x-b": "2"})
    got = (await client.get("/", headers={"X-B": "3", "host": ""})).json()
    assert {"x-a": "1", "x-b": "3", "x-auth-token": "t"} == got["headers"]


@pytest.mark.parametrize(
    ("body", "sizes", "field"),
    [
        pytest.param(b"", [0], None, id="none"),
        pytest.param(b"x" * 65_536, [65_536], ("content-length", "65536"), id="one piece"),
        pytest.param(b"x" * 150_000, [65_536, 65_536, 18_928], ("content-length", "150000"), id="large"),
        pytest.param([b"one", b"three"], [3, 5, 0], ("transfer-encoding", "chunked"), id="piece by piece"),
        pytest.param(upload(), [3, 5, 0], ("transfer-encoding", "chunked"), id="piece by piece and async"),
    ],
)
async def test_bodies(body: bytes | Iterable[bytes], sizes: list[int], field: tuple[str, str] | None) -> None:
    """A body arrives as a server would hand it over, with its length if that is known."""
    seen = await mirrored(body=body)
    framing = {"content-length", "transfer-encoding"} & set(seen["headers"])
    assert (sizes, dict([field] if field else [])) == (seen["sizes"], {name: seen["headers"][name] for name in framing})


async def test_a_client_that_goes_away_in_the_middle_of_its_body() -> None:
    """A body that raises ConnectionError ends with the news that the client has gone."""
    assert ["http.request", "http.disconnect"] == (await mirrored(body=broken_upload()))["kinds"]


async def test_a_body_that_nobody_reads() -> None:
    """A body that the application leaves unread is let go of."""
    ended: list[str] = []

    async def body() -> AsyncIterator[bytes]:
        try:
            yield b"one"
            yield b"two"
        finally:
            ended.append("body")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await respond(send, b"")

    await Client(app).request("POST", "/", body=body())
    assert ["body"] == ended


# Responses.


async def test_a_repeated_header() -> None:
    """Each value of a repeated field can be had, and all of them joined by commas."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, b"", headers=[(b"Set-Cookie", b"a=1"), (b"vary", b"Accept"), (b"set-cookie", b"b=2")])

    response = await Client(app).get("/")
    assert (["a=1", "b=2"], "a=1, b=2", "Accept", []) == (
        response.values("Set-Cookie"),
        response.headers["set-cookie"],
        response.headers["vary"],
        response.values("location"),
    )


async def test_a_response_made_by_hand() -> None:
    """Tests may make a response out of status, headers and body alone."""
    response = Response(200, {"a": "b"}, b'{"data":[1]}')
    assert ([1], '{"data":[1]}', "") == (response.data, response.text, response.word)


async def test_the_end_of_a_response_is_the_end_of_the_connection() -> None:
    """After its response, an application that still listens hears that the client has gone, as from a server."""
    heard: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, b"", status=204)
        heard.extend([await receive(), await receive()])

    await Client(app).get("/")
    assert ["http.request", "http.disconnect"] == [message["type"] for message in heard]


async def test_what_the_application_raises() -> None:
    """What the application raises reaches the test as it is, also where it is a TimeoutError."""
    for fault in (LookupError("lost"), TimeoutError("its own")):

        async def app(scope: Scope, receive: Receive, send: Send, fault: Exception = fault) -> None:
            raise fault

        with pytest.raises(type(fault)) as raised:
            await Client(app).get("/")
        assert fault is raised.value


async def test_no_response() -> None:
    """An application that ends without a response is an error."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    with pytest.raises(CrossbarError, match="ended without a response"):
        await Client(app).get("/")


async def test_half_a_response() -> None:
    """A response that is not brought to its end is an error, and never taken for a whole one."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})

    with pytest.raises(CrossbarError, match="broke off after 4 bytes"):
        await Client(app).get("/")


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        pytest.param(["body"], "expects http.response.start", id="no start"),
        pytest.param(["start", "start"], "expects http.response.body", id="two starts"),
        pytest.param(["start", "body", "body"], "expects nothing", id="too much"),
    ],
)
async def test_messages_in_a_wrong_order(kinds: list[str], told: str) -> None:
    """An application that breaks the rules of ASGI is told so where it does."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for kind in kinds:
            await send({"type": f"http.response.{kind}", "status": 200, "headers": []})

    with pytest.raises(RuntimeError, match=told):
        await Client(app).get("/")


async def test_a_response_that_does_not_come() -> None:
    """A response that does not come in time is an error that says what was asked."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError, match=r"GET /v2/slow has no complete response after 0\.01 seconds"):
        await Client(app, timeout=0.01).get("/slow")


# Applications.


async def test_an_application_of_another_make() -> None:
    """Any ASGI application can be asked: here one with a route, a body and a cookie of its own."""

    async def greet(request: Request) -> StarletteResponse:
        size = len(await request.body())
        response = PlainTextResponse(f"{request.url} {request.path_params['name']} {size}")
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    client = Client(Starlette(routes=[Route("/greet/{name}", greet, methods=["POST"])]), prefix="/greet")
    response = await client.post("/ada?x=1", body=b"x" * 100_000)
    assert ("http://testserver/greet/ada?x=1 ada 100000", 2) == (response.text, len(response.values("set-cookie")))


@pytest.mark.parametrize("root_path", ["", "/api", "/k öln/api"])
async def test_a_place_where_it_is_mounted(root_path: str) -> None:
    """An application that is mounted below a path answers there, and leads to places below it."""
    world = await small_world()
    client = await world.client("customer", root_path=root_path)
    made = await client.create("account", "devices", body={"name": "Desk"})
    whole = Client(client.app, client.token, prefix="") if not root_path else Client(_host(client), client.token, "")
    assert (201, "Desk") == (made.status, (await whole.get(made.headers["location"])).data["name"])
    await world.app.stop()


def _host(client: Client) -> Starlette:
    """Give a host that has the client's application at the client's place."""
    return Starlette(routes=[Mount(client.root_path, client.app)])


async def test_a_refused_login() -> None:
    """A login that is refused says so, and leaves the client without a token."""
    app = make_app()
    client = Client(app)
    with pytest.raises(CrossbarError, match="login as 'admin' of 'nobody' was refused"):
        await client.login("nobody", "admin", "crossbar")
    assert client.token is None
    await app.stop()


async def test_logging_in() -> None:
    """After a login, the token goes along."""
    world = await small_world()
    client = Client(world.app)
    await client.login("reseller", "admin", "crossbar")
    assert world.reseller == (await client.read("account")).document["id"]
    await world.app.stop()

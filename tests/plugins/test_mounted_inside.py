"""What can be an application as a noun: WebSockets by hand, Starlette with its routes, another Crossbar."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from crossbar import Crossbar, Mounted, Principal
from crossbar.testing import QUICK, Client, SocketClosed, SocketRefused, make_app, make_store, small_world

from .test_mounted import CUSTOMER, mounted
from .tools import Maker, faults


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Talk over a WebSocket by hand, in the way that the path says."""
    below = scope["path"].removeprefix(scope["root_path"])
    assert {"type": "websocket.connect"} == await receive()
    if below == "/refuse":
        await send({"type": "websocket.close", "code": 4000})
        return
    if below == "/crash":
        raise LookupError
    await send({"type": "websocket.accept"})
    message = await receive()
    if below == "/late":
        raise LookupError
    await send({"type": "websocket.send", "text": f"{scope['crossbar'].tenant} {message['text']}"})


async def test_a_websocket(make: Maker) -> None:
    """WebSockets are handed over as well; one that is not closed is closed for it."""
    client = await mounted(make, echo)
    async with client.socket("/account/site/talk") as socket:
        await socket.send_text("hello")
        assert f"{CUSTOMER} hello" == await socket.receive_text()
        with pytest.raises(SocketClosed) as closed:
            await socket.receive_text()
    assert 1000 == closed.value.code


@pytest.mark.parametrize(("path", "status"), [("/refuse", 403), ("/crash", 500)])
async def test_a_websocket_that_is_refused(make: Maker, path: str, status: int) -> None:
    """Whatever it does before the handshake is over, there is an answer."""
    client = await mounted(make, echo)
    with pytest.raises(SocketRefused) as refused:
        async with client.socket(f"/account/site{path}"):
            raise AssertionError("it was accepted")
    assert status == refused.value.response.status


async def test_a_websocket_that_crashes(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """A crash in the conversation closes it, and is in the log."""
    client = await mounted(make, echo)
    async with client.socket("/account/site/late") as socket:
        await socket.send_text("hello")
        with pytest.raises(SocketClosed) as closed:
            await socket.receive_text()
    assert (1011, True) == (closed.value.code, "crash in socket of endpoint site" in caplog.text)


async def test_crossbar_in_crossbar(make: Maker) -> None:
    """A Crossbar may be a noun of another one, and take over who is asking."""

    class Outer:
        async def __call__(self, ctx: Any) -> Principal | None:
            outer = ctx.scope.get("crossbar")
            return Principal(inner_world.customer, method="outer") if outer is not None else None

    inner_world = await small_world(settings=QUICK, authenticators=[Outer()])
    inner: Crossbar = inner_world.app
    client = await mounted(make, inner, lifespan=False)
    made = await client.put("/account/site/v2/account/devices", {"name": "a"})
    one = made.headers["location"]
    assert (201, True) == (made.status, one.startswith(f"/v2/account/site/v2/accounts/{inner_world.customer}/devices/"))
    assert made.data == (await client.get(f"/{one}")).data
    assert (404, []) == (
        (await client.get("/account/site/v2/nowhere")).status,
        (await client.get("/account/devices")).data,
    )
    assert made.headers["x-request-id"] == made.json()["request_id"]
    await inner.stop()


async def test_the_life_of_a_crossbar_in_crossbar(make: Maker) -> None:
    """The inner one is started and stopped with the outer one."""
    inner = make_app(QUICK, store=make_store())
    client = await mounted(make, inner)
    assert 401 == (await Client(client.app, client.token).get("/account/site/v2/account/devices")).status
    await client.app.stop()
    assert faults(inner) == {}


# Starlette.


async def report(request: Request) -> JSONResponse:
    """Say what the routes have found, and make links."""
    ctx = request.scope["crossbar"]
    links = {name: str(request.url_for(name, year=2027)) for name in ("report", "deep:report")}
    return JSONResponse({"account": ctx.tenant, **request.path_params, **links})


async def chat(websocket: WebSocket) -> None:
    """Say who is there."""
    await websocket.accept()
    await websocket.send_json({**websocket.path_params, "account": websocket.scope["crossbar"].tenant})
    await websocket.close(4002)


async def broken(request: Request) -> JSONResponse:
    """Fail."""
    raise LookupError("lost")


def site() -> Starlette:
    """An application with routes at several depths."""
    routes = [
        Route("/", lambda request: PlainTextResponse("home")),
        Route("/broken", broken),
        Route("/years/{year:int}/", report, name="report"),
        Mount("/deep", routes=[Route("/{year}", report, name="report")], name="deep"),
        WebSocketRoute("/chat/{room}", chat),
    ]
    return Starlette(routes=routes)


async def test_starlette(make: Maker) -> None:
    """Its routes are found below the noun, and its links lead there again."""
    client = await mounted(make, site())
    base = "http://testserver/v2/account/site"
    links = {"report": f"{base}/years/2027/", "deep:report": f"{base}/deep/2027"}
    home, year, deep = [await client.get(f"/account/site{path}") for path in ("/", "/years/2026/", "/deep/2026")]
    assert ("home", {"account": CUSTOMER, "year": 2026, **links}) == (home.text, year.json())
    assert {"account": CUSTOMER, "year": "2026", **links} == deep.json()
    again = await client.get(links["deep:report"].removeprefix("http://testserver/v2"))
    assert (200, "2027") == (again.status, again.json()["year"])


async def test_what_starlette_answers_by_itself(make: Maker) -> None:
    """Its own 404, 405 and redirects are handed back as they are; a fault of its own is a 500."""
    client = await mounted(make, site())
    answers = [
        await client.get("/account/site/nowhere"),
        await client.put("/account/site/years/2026/"),
        await client.get("/account/site/years/2026"),
    ]
    assert [404, 405, 307] == [answer.status for answer in answers]
    assert "http://testserver/v2/account/site/years/2026/" == answers[2].headers["location"]
    # NOTE: Starlette answers a fault with a text of its own, and then raises it for whoever serves it.
    fault = await client.get("/account/site/broken")
    assert (500, "Internal Server Error") == (fault.status, fault.text)


async def test_a_websocket_of_starlette(make: Maker) -> None:
    """A route for WebSockets answers, too."""
    client = await mounted(make, site())
    async with client.socket("/account/site/chat/blue") as socket:
        assert {"room": "blue", "account": CUSTOMER} == await socket.receive_json()
        with pytest.raises(SocketClosed) as closed:
            await socket.receive_text()
    assert 4002 == closed.value.code
    with pytest.raises(SocketRefused) as refused:
        async with client.socket("/account/site/nowhere"):
            raise AssertionError("it was accepted")
    assert refused.value.response.status in (403, 404)


async def test_starlette_in_crossbar_in_starlette(make: Maker) -> None:
    """A host of the same make does not get into the way of its routes and links."""
    world = await make.world(endpoints=[Mounted("site", site())])
    host = Starlette(routes=[Mount("/api", world.app, name="api"), Route("/{year}", report, name="report")])
    token = await world.token("customer")
    client: Any = Client(host, token, prefix="/api/v2")
    seen = (await client.get("/account/site/deep/2026")).json()
    base = "http://testserver/api/v2/account/site"
    assert (f"{base}/deep/2027", f"{base}/years/2027/") == (seen["deep:report"], seen["report"])

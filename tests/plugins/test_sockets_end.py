"""How WebSockets end: by either side, by a fault, by a token that ends, by a reload or with the server."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.websockets import WebSocket, WebSocketDisconnect

from crossbar import Context, Endpoint, Forbidden, sockets
from crossbar.errors import StoreUnavailable
from crossbar.log import AccessLog
from crossbar.testing import QUICK, Client, SocketClosed, SocketRefused, scope_of

from .tools import Maker, missing, until, with_modules, write


class Talking(Endpoint):
    """An endpoint that does what it is told, before or after it accepts."""

    name = "talking"
    anywhere = True

    def __init__(self, *, late: bool = True) -> None:
        self.late = late
        self.ended = ""
        self.begun = asyncio.Event()

    async def socket(self, ctx: Context, websocket: WebSocket, what: str) -> None:
        """Accept, then do it; or the other way round."""
        try:
            if self.late:
                await websocket.accept()
            self.begun.set()
            await getattr(self, what)(websocket)
            self.ended = "well"
        except BaseException as error:
            self.ended = type(error).__name__
            raise

    async def nothing(self, websocket: WebSocket) -> None:
        """Be done at once."""

    async def crash(self, websocket: WebSocket) -> None:
        """Fail."""
        raise LookupError("the secret is at /etc/crossbar")

    async def leave(self, websocket: WebSocket) -> None:
        """Ask for the end of the server."""
        raise SystemExit(1)

    async def refuse(self, websocket: WebSocket) -> None:
        """Refuse with many words."""
        raise Forbidden("no " * 100)

    async def close(self, websocket: WebSocket) -> None:
        """Close it by itself."""
        await websocket.close(4001, "enough")

    async def wait(self, websocket: WebSocket) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()

    async def listen(self, websocket: WebSocket) -> None:
        """Wait for the other side."""
        await websocket.receive_text()

    async def ignore(self, websocket: WebSocket) -> None:
        """Not even be cancelled at once."""
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await websocket.send_text("still here")

    async def tidy(self, websocket: WebSocket) -> None:
        """Say goodbye when it is cancelled."""
        try:
            await asyncio.Event().wait()
        finally:
            await websocket.send_text("bye")
            await websocket.close()


@pytest.fixture
def talking() -> Talking:
    """The endpoint of the client's application."""
    return Talking()


@pytest.fixture
async def client(make: Maker, talking: Talking) -> Client:
    """An application that talks."""
    return await make.client(endpoints=[talking])


ENDS = [
    pytest.param("nothing", 1000, "", id="it is done"),
    pytest.param("crash", 1011, "an internal error occurred; the request id leads to it in the log", id="a crash"),
    pytest.param("leave", 1011, "an internal error occurred; the request id leads to it in the log", id="an exit"),
    pytest.param("refuse", 1008, ("no " * 100)[:120], id="a refusal"),
    pytest.param("close", 4001, "enough", id="it is closed"),
]


@pytest.mark.parametrize(("what", "code", "reason"), ENDS)
async def test_ended_by_the_endpoint(
    client: Client, caplog: pytest.LogCaptureFixture, what: str, code: int, reason: str
) -> None:
    """However the conversation ends, the client gets a code and words that it may read; a crash is in the log."""
    async with client.socket(f"/talking/{what}") as socket:
        with pytest.raises(SocketClosed) as closed:
            await socket.receive_text()
    assert (code, reason.strip()) == (closed.value.code, closed.value.reason.strip())
    told = f"crash in socket of endpoint talking ({__name__}) (request "
    assert [] == (missing(caplog.text, told) if code == 1011 else [])
    assert 200 == (await client.get("/account/devices")).status


REFUSALS = [
    pytest.param("nothing", 403, "forbidden", id="it does not accept"),
    pytest.param("crash", 500, "unspecified_fault", id="a crash"),
    pytest.param("leave", 500, "unspecified_fault", id="an exit"),
    pytest.param("refuse", 403, "forbidden", id="a refusal"),
    pytest.param("wait", 504, "timeout", id="it hangs"),
]


@pytest.mark.parametrize(("what", "status", "word"), REFUSALS)
async def test_ended_before_it_was_accepted(make: Maker, what: str, status: int, word: str) -> None:
    """Before the handshake is over, it is answered like any request, also if that would never be."""
    settings = replace(QUICK, limits=replace(QUICK.limits, handler_seconds=1))
    client = await make.client(settings, endpoints=[Talking(late=False)])
    with pytest.raises(SocketRefused) as refused:
        async with client.socket(f"/talking/{what}"):
            raise AssertionError("it was accepted")
    response = refused.value.response
    assert (status, word) == (response.status, response.json()["message"])


async def test_closed_before_it_was_accepted(make: Maker) -> None:
    """An endpoint may refuse in the way of WebSockets."""
    client = await make.client(endpoints=[Talking(late=False)])
    with pytest.raises(SocketRefused) as refused:
        async with client.socket("/talking/close"):
            raise AssertionError("it was accepted")
    assert 403 == refused.value.response.status


async def test_ended_by_the_client(client: Client, talking: Talking, caplog: pytest.LogCaptureFixture) -> None:
    """A client that goes away is no fault of anybody's."""
    async with client.socket("/talking/listen") as socket:
        await socket.close(1001)
    assert (WebSocketDisconnect.__name__, "") == (talking.ended, caplog.text)


@pytest.mark.parametrize("what", ["listen", "wait", "ignore", "tidy"])
async def test_ended_with_the_token(
    client: Client, talking: Talking, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    """A token that is revoked ends the conversations that it has opened, at the next look, and quietly."""
    monkeypatch.setattr(sockets, "RECHECK_SECONDS", 0.05)
    async with client.socket(f"/talking/{what}") as socket:
        await talking.begun.wait()
        await asyncio.sleep(0.15)
        assert "" == talking.ended
        assert 200 == (await client.delete("/token_auth")).status
        with pytest.raises(SocketClosed) as closed:
            await socket.receive_text()
    assert (1008, "the token has ended") == (closed.value.code, closed.value.reason)
    assert ("", True) == (caplog.text, talking.ended in ("CancelledError", "well"))


async def test_a_store_that_is_away_for_a_while(
    client: Client, talking: Talking, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If the token cannot be looked up now, the conversation goes on until it can."""
    looked = 0

    async def away(*given: object) -> None:
        nonlocal looked
        looked += 1
        raise StoreUnavailable("away")

    monkeypatch.setattr(sockets, "RECHECK_SECONDS", 0.02)
    async with client.socket("/talking/listen") as socket:
        await talking.begun.wait()
        monkeypatch.setattr(client.app.tokens, "check", away)
        await until(lambda: looked > 2)
        await socket.send_text("done")
        with pytest.raises(SocketClosed) as closed:
            await socket.receive_text()
    assert (1000, "well") == (closed.value.code, talking.ended)
    assert "the token of a WebSocket could not be checked: away" in caplog.text


ROOM = """
    from contextlib import asynccontextmanager
    from crossbar import Endpoint

    class Room(Endpoint):
        name = "room"
        open = False

        @asynccontextmanager
        async def lifespan(self, app):
            Room.open = True
            yield
            Room.open = False

        async def socket(self, ctx, websocket):
            await websocket.accept()
            async for text in websocket.iter_text():
                await websocket.send_text(f"VERSION {self.open} {text}")
"""


async def test_a_reload_while_it_is_open(folder: Path, make: Maker) -> None:
    """An open WebSocket goes on with the code that it began with; its lifespan ends with the conversation."""
    write(folder, "room.py", ROOM.replace("VERSION", "1"))
    client = await make.client(with_modules(folder))
    old: Any = type(client.app.registry.names["room"])
    async with client.socket("/account/room") as first:
        write(folder, "room.py", ROOM.replace("VERSION", "2"))
        await client.app.changes.reload("room")
        async with client.socket("/account/room") as second:
            for socket, version in ((first, 1), (second, 2)):
                await socket.send_text("hello")
                assert f"{version} True hello" == await socket.receive_text()
        assert old.open
    await until(lambda: not old.open)


async def test_the_end_of_the_server(client: Client, talking: Talking) -> None:
    """A server that ends cancels the task of the connection; what the endpoint holds is let go of."""
    sent: list[Any] = []

    async def receive() -> Any:
        if not sent:
            return {"type": "websocket.connect"}
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"testserver"), (b"x-auth-token", (client.token or "").encode())]
    scope = scope_of("websocket", b"/v2/talking/listen", headers)
    serving = asyncio.create_task(client.app(scope, receive, send))
    await talking.begun.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert "CancelledError" == talking.ended


async def test_the_line_in_the_access_log(make: Maker) -> None:
    """Each WebSocket gets one line when it has ended: 101 and how it ended, or the status that refused it."""
    lines = StringIO()
    world = await make.world(endpoints=[Talking()], access_log=AccessLog(lines))
    client = await world.client("customer")
    for what in ("nothing", "crash", "listen"):
        async with client.socket(f"/talking/{what}") as socket:
            if what == "listen":
                await socket.close(1001)
            else:
                with pytest.raises(SocketClosed):
                    await socket.receive_text()
    with pytest.raises(SocketRefused):
        async with client.socket("/talking"):
            raise AssertionError("it was accepted")
    await world.app.stop()
    told = [line.partition(" GET ")[2].rsplit(" ", 2)[0].split(" ", 3) for line in lines.getvalue().splitlines()]
    assert [
        ("/v2/talking/nothing", "101", "-"),
        ("/v2/talking/crash", "101", "unspecified_fault"),
        ("/v2/talking/listen", "101", "closed 1001"),
        ("/v2/talking", "404", "not_found"),
    ] == [(path, status, reason) for path, status, _, reason in told]

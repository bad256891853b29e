"""WebSockets as endpoints: who may open one, who is refused and how, and what is said over it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from starlette.websockets import WebSocket

from crossbar import Context, Endpoint, Forbidden, Json, NotFound, before
from crossbar.errors import DefinitionError
from crossbar.testing import QUICK, Client, SocketRefused, scope_of

from .tools import Maker, missing


class Room(Endpoint):
    """A room in which everything is repeated."""

    name = "room"

    async def find(self, ctx: Context) -> Json:
        """Answer requests as well."""
        return "a room"

    async def socket(self, ctx: Context, websocket: WebSocket, place: str = "hall") -> None:
        """Repeat what is said, with the place in front."""
        if place == "cellar":
            raise NotFound("there is no cellar")
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(f"{ctx.tenant} {place} {text}")


class Lobby(Endpoint):
    """A room outside of accounts, in which only one thing is said."""

    name = "lobby"
    anywhere = True

    async def socket(self, ctx: Context, websocket: WebSocket) -> None:
        """Say who came."""
        await websocket.accept("chat.v2", [(b"x-lobby", b"yes")])
        await websocket.send_json({"account": ctx.caller().account_id})


class Closed(Endpoint):
    """A room into which nobody may."""

    name = "closed"

    async def authorize(self, ctx: Context) -> None:
        """Refuse."""
        raise Forbidden("closed today")

    async def socket(self, ctx: Context, websocket: WebSocket) -> None:
        """Never come to this."""
        await websocket.accept()


class Plain(Endpoint):
    """An endpoint that does not talk."""

    name = "plain"

    async def find(self, ctx: Context) -> Json:
        """Answer."""
        return 1


@pytest.fixture
async def client(make: Maker) -> Client:
    """An application with rooms."""
    return await make.client(endpoints=[Room(), Lobby(), Closed(), Plain()])


async def refused(client: Client, path: str, **options: Any) -> Any:
    """The response by which a WebSocket is refused."""
    with pytest.raises(SocketRefused) as error:
        async with client.socket(path, **options):
            raise AssertionError("it was accepted")
    return error.value.response


async def test_talking(client: Client) -> None:
    """An endpoint talks where its method has as many arguments, in the account that the path leads into."""
    for path, place in (("/account/room", "hall"), ("/account/room/attic", "attic")):
        async with client.socket(path) as socket:
            await socket.send_text("hello")
            assert f"{'c0' * 16} {place} hello" == await socket.receive_text()
    assert "a room" == (await client.get("/account/room")).data


async def test_what_is_agreed_on(client: Client) -> None:
    """The endpoint chooses the subprotocol and adds header fields."""
    async with client.socket("/lobby", subprotocols=("chat.v1", "chat.v2")) as socket:
        assert ("chat.v2", "yes") == (socket.subprotocol, socket.headers["x-lobby"])
        assert {"account": "c0" * 16} == await socket.receive_json()


async def test_who_is_asking(client: Client) -> None:
    """A token counts in the header field or in the query, which is where browsers can put it."""
    token, stranger = client.token or "", Client(client.app)
    sent: list[dict[str, Any]] = [
        {"headers": {"x-auth-token": token}},
        {"headers": {"authorization": f"Bearer {token}"}},
        {"query": {"auth_token": token}},
    ]
    for options in sent:
        async with stranger.socket("/lobby", **options) as socket:
            assert {"account": "c0" * 16} == await socket.receive_json()
    assert 401 == (await refused(stranger, "/lobby")).status
    assert 401 == (await refused(stranger, "/lobby", query={"auth_token": "x"})).status


REFUSED = [
    pytest.param("/account/room/attic/deeper", 404, "not_found", id="one argument too many"),
    pytest.param("/account/plain", 405, "invalid_method", id="an endpoint that does not talk"),
    pytest.param("/account/nowhere", 404, "not_found", id="no endpoint"),
    pytest.param(f"/accounts/{'e0' * 16}/room", 404, "bad_identifier", id="somebody else's account"),
    pytest.param("/room", 403, "forbidden", id="outside of any account"),
    pytest.param("/account/closed", 403, "forbidden", id="refused by the endpoint"),
    pytest.param("/account/room/cellar", 404, "not_found", id="refused by its conversation"),
    pytest.param("/account/room/%zz", 400, "bad_path", id="a broken escape"),
    pytest.param("/account/room?verb=delete", 400, "bad_verb", id="another verb"),
]


@pytest.mark.parametrize(("path", "status", "word"), REFUSED)
async def test_refusals(client: Client, path: str, status: int, word: str) -> None:
    """What is refused is answered as for any request, with a status and the error in the dialect's form."""
    response = await refused(client, path)
    body = response.json()
    assert (status, word, str(status)) == (response.status, body["message"], body["error"])
    assert (body["request_id"], "application/json") == (
        response.headers["x-request-id"],
        response.headers["content-type"],
    )


@pytest.mark.parametrize(("path", "status", "word"), REFUSED)
async def test_refusals_without_words(client: Client, path: str, status: int, word: str) -> None:
    """A server that cannot send a response to a handshake is told to refuse it; it answers with a plain 403."""
    target, sent = f"/v2{path}".encode(), list[Any]()

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"testserver"), (b"x-auth-token", (client.token or "").encode())]
    await client.app(scope_of("websocket", target, headers), receive, send)
    assert [{"type": "websocket.close", "code": 1008, "reason": word}] == sent


ORIGINS = [
    pytest.param(None, True, id="a program"),
    pytest.param("http://testserver", True, id="a page of this server"),
    pytest.param("HTTPS://TestServer", True, id="in other letters"),
    pytest.param("https://app.example.com", True, id="a site of the settings"),
    pytest.param("https://example.com", False, id="a foreign site"),
    pytest.param("https://testserver.example.com", False, id="a name that begins alike"),
    pytest.param("https://app.example.com.evil.net", False, id="one that begins like a known site"),
    pytest.param("http://testserver:81", False, id="another port"),
    pytest.param("http://evil@testserver", False, id="somebody in front"),
    pytest.param("null", False, id="null"),
    pytest.param("", True, id="an empty field, which the test client leaves out"),
    pytest.param("testserver", False, id="no URL"),
    pytest.param("http://[", False, id="a broken URL"),
]


@pytest.mark.parametrize(("origin", "welcome"), ORIGINS)
async def test_origins(make: Maker, origin: str | None, welcome: bool) -> None:
    """Pages of this server and of `server.origins` may open a WebSocket; others could use their visitors' rights."""
    settings = replace(QUICK, server=replace(QUICK.server, origins=("https://app.example.com",)))
    client = await make.client(settings, endpoints=[Lobby()])
    headers = {"origin": origin} if origin is not None else {}
    if welcome:
        async with client.socket("/lobby", headers=headers) as socket:
            assert "account" in await socket.receive_json()
    else:
        response = await refused(client, "/lobby", headers=headers)
        assert (403, []) == (
            response.status,
            missing(response.text, "may not open a WebSocket here: see server.origins"),
        )


async def test_a_page_when_nobody_knows_the_server(client: Client) -> None:
    """Without a host no page can be this server's."""
    response = await refused(client, "/lobby", headers={"origin": "http://", "host": ""})
    assert 403 == response.status


async def test_hooks(make: Maker) -> None:
    """A hook `before` may refuse a WebSocket, which goes by the name `socket`."""

    @before("room.socket", "*.find")
    async def never(ctx: Context) -> None:
        raise Forbidden("not now")

    client = await make.client(endpoints=[Room(), Lobby()], hooks=[never])
    response = await refused(client, "/account/room")
    assert (403, "not now") == (response.status, response.data["message"])
    async with client.socket("/lobby") as socket:
        assert "account" in await socket.receive_json()


async def test_authorizers(make: Maker) -> None:
    """An authorizer is asked, too."""

    async def never(ctx: Context) -> None:
        raise Forbidden("never")

    client = await make.client(endpoints=[Room()], authorizers=[never])
    assert 403 == (await refused(client, "/account/room")).status


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("def socket(self, ctx, websocket): ...", "socket must be a method defined with 'async def'"),
        ("async def socket(self, ctx): ...", "(self, ctx, websocket) and then one argument for each level"),
        ("async def socket(self, ctx, websocket, *, place): ...", "one argument for each level"),
    ],
)
def test_methods_that_do_not_fit(lines: str, told: str) -> None:
    """What is wrong with the method is told when the class is defined."""
    with pytest.raises(DefinitionError) as error:
        exec(f"class Odd(Endpoint):\n    name = 'odd'\n    {lines}", {"Endpoint": Endpoint})
    assert [] == missing(str(error.value), told)

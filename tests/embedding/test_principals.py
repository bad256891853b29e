"""Who is asking, where the host knows it: one authenticator that reads what the host's own middleware has found out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import pytest
from fastapi import FastAPI
from litestar.connection import ASGIConnection
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from crossbar import Answer, Context, Crossbar, Endpoint, Principal, Unauthorized
from crossbar.testing import ASGI, Accounts, Client, SocketRefused, World
from crossbar.testing.world import plant

from . import django_site
from .django_site import Site
from .endpoints import made
from .hosts import HOSTS, Host, Wanted, Wrap

COOKIES = {"secret of ada": "ada", "secret of bob": "bob"}
"""The sessions of the hosts that are not Django."""


def user_of(cookies: Any) -> str:
    """Whose session the cookie names; empty if there is none."""
    return COOKIES.get(str(cookies.get("session", "")).replace("+", " "), "")


# How each host finds out.


class Sessions(AuthenticationBackend):
    """What Starlette's AuthenticationMiddleware asks."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
        """The user of the session."""
        user = user_of(conn.cookies)
        return (AuthCredentials(["authenticated"]), SimpleUser(user)) if user else None


def starlette_middleware(app: Any) -> ASGI:
    """Starlette's own middleware, which sets `scope["user"]`."""
    return AuthenticationMiddleware(app, backend=Sessions())


class LitestarSessions(AbstractAuthenticationMiddleware):
    """Litestar's own middleware, which sets `scope["user"]`."""

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        """The user of the session."""
        return AuthenticationResult(user=user_of(connection.cookies), auth=None)


def litestar_middleware(app: Any) -> ASGI:
    """Litestar's own middleware."""
    return LitestarSessions(app)


async def user_of_starlette(ctx: Context) -> str:
    """What the middleware has found."""
    user = ctx.scope["user"]
    return user.display_name if user.is_authenticated else ""


async def user_of_fastapi(ctx: Context) -> str:
    """What a middleware of the usual FastAPI kind has left in `request.state`."""
    return str(ctx.scope.get("state", {}).get("user", ""))


async def user_of_litestar(ctx: Context) -> str:
    """What the middleware has found."""
    return str(ctx.scope["user"])


FINDING: dict[str, tuple[Callable[[Context], Any], list[Wrap]]] = {
    "starlette": (user_of_starlette, [starlette_middleware]),
    "fastapi": (user_of_fastapi, []),
    "litestar": (user_of_litestar, [litestar_middleware]),
    "django": (django_site.user_of, []),
}


class House:
    """A host with an application that knows the host's users, and accounts of its own."""

    def __init__(self, host: Host, accounts_of: dict[str, str] | None = None) -> None:
        self.host = host
        self.find, around = FINDING[host.name]
        self.accounts_of = accounts_of or {}
        self.app = made(Guests(), bundled=True, authenticators=[self.authenticate], propagate=(Wanted,))
        self.served = host({"/api": self.app}, living=False, around=around)
        if isinstance(self.served, FastAPI):
            self.served.middleware("http")(self._note)

    async def authenticate(self, ctx: Context) -> Principal | None:
        """The host's user, as an application takes them."""
        user = await self.find(ctx)
        return Principal(self.accounts_of.get(user, ""), user, "host") if user else None

    async def client(self, user: str = "", **options: Any) -> Client[Any]:
        """A client who is logged in to the host."""
        cookie = ""
        if user and self.host.name == "django":
            welcome = await Client(self.served, prefix="").get(f"/in/{user}")
            cookie = welcome.values("set-cookie")[0].partition(";")[0]
        elif user:
            cookie = f"session=secret+of+{user}"
        headers = {"cookie": cookie} | options.pop("headers", {})
        return Client(self.served, prefix="/api/v2", headers=headers, **options)

    async def token(self, account: str) -> str:
        """A token of the application's own for an account of it."""
        world = World(self.app)
        if await self.app.tenants.account(world.customer) is None:
            await plant(Accounts(self.app))
        return await world.token(account)

    async def _note(self, request: Request, call_next: Callable[[Request], Any]) -> Response:
        request.state.user = user_of(request.cookies)
        found: Response = await call_next(request)
        return found


class Guests(Endpoint):
    """An endpoint that lets strangers in itself."""

    name = "guests"
    anywhere = True

    async def authenticate(self, ctx: Context) -> Principal | None:
        """Whoever it is."""
        return Principal("", "a guest", "guest")

    async def find(self, ctx: Context) -> Answer:
        """Who they are."""
        return ctx.caller().user_id


@pytest.fixture
async def house(host: Host) -> House:
    """Each host in turn, with its own way to know its users."""
    house = House(host)
    await house.app.start()
    return house


async def test_the_user_of_the_host(house: House) -> None:
    """Whoever is logged in to the host is known to the application."""
    known = [(await (await house.client(user)).get("/callers")).data for user in ("ada", "bob")]
    assert [{"account": "", "user": user, "method": "host"} for user in ("ada", "bob")] == known


async def test_nobody(house: House) -> None:
    """Whoever is not logged in is a stranger, and told so in the envelope; the host's own pages are its own affair."""
    client = await house.client()
    refused = await client.get("/callers")
    assert (401, "invalid_credentials") == (refused.status, refused.word)
    assert "a guest" == (await client.get("/guests")).data


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"x-user": "ada", "x-remote-user": "ada", "remote-user": "ada", "user": "ada"}, id="names"),
        pytest.param({"x-forwarded-user": "ada", "x-state": '{"user": "ada"}', "scope": "user=ada"}, id="more names"),
        pytest.param({"cookie": "session=ada; sessionid=ada; user=ada"}, id="cookies"),
        pytest.param({"authorization": "Bearer ada"}, id="a bearer"),
        pytest.param({"authorization": "Basic YWRhOmFkYQ=="}, id="a password"),
        pytest.param({"x-auth-token": "ada"}, id="no token"),
        pytest.param({"x-auth-token": jwt.encode({"account_id": "ada", "iss": "kazoo"}, "k" * 32)}, id="a token"),
    ],
)
async def test_a_forged_header(house: House, headers: dict[str, str]) -> None:
    """No header makes a stranger into somebody, nor somebody into somebody else."""
    stranger = await house.client()
    assert 401 == (await stranger.get("/callers", headers=headers)).status
    bob = await house.client("bob")
    headers = {name: value for name, value in headers.items() if name != "cookie"}
    assert "bob" == (await bob.get("/callers", headers=headers)).data["user"]


async def test_its_own_tokens(house: House) -> None:
    """Whoever has a token of the application's own needs no session of the host; with both, the host's user counts."""
    token = await house.token("customer")
    customer = Accounts(house.app).customer
    assert 200 == (await (await house.client(token=token)).get(f"/accounts/{customer}")).status
    both = await (await house.client("ada", token=token)).get("/callers")
    assert {"account": "", "user": "ada", "method": "host"} == both.data


async def test_a_user_with_an_account(host: Host) -> None:
    """A user of the host who stands for an account may enter it and what is below it, and nothing else."""
    accounts = Accounts(made())
    house = House(host, {"ada": accounts.customer})
    await house.app.start()
    await house.token("customer")
    ada, bob = await house.client("ada"), await house.client("bob")
    names = ("customer", "department", "reseller", "stranger")
    assert [200, 200, 404, 404] == [(await ada.get(f"/accounts/{accounts.id(name)}")).status for name in names]
    assert [accounts.customer, 403] == [
        (await ada.get("/account")).data["id"],
        (await bob.get(f"/accounts/{accounts.customer}")).status,
    ]


async def test_a_websocket(house: House) -> None:
    """A WebSocket has the host's user as well, where the host's middleware sees WebSockets."""
    with pytest.raises(SocketRefused):
        async with (await house.client()).socket("/ticks"):
            pass
    if house.host.name != "fastapi":  # its middleware of the usual kind is for requests only
        async with (await house.client("ada")).socket("/ticks") as socket:
            assert "ada" == (await socket.receive_json())["user"]


async def test_logged_out(site: Site) -> None:
    """A user who has logged out of Django is a stranger at once, with the same cookie."""
    house = House(next(host for host in HOSTS if host.name == "django"))
    ada = await house.client("ada")
    assert 200 == (await ada.get("/callers")).status
    await Client(house.served, prefix="", headers=ada.headers).get("/out")
    assert 401 == (await ada.get("/callers")).status


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        pytest.param(Unauthorized("the session has ended"), 401, id="a refusal"),
        pytest.param(RuntimeError("whoops"), 500, id="a crash"),
        pytest.param(Wanted(), 418, id="what the host wants to see"),
    ],
)
async def test_an_authenticator_that_fails(host: Host, raised: Exception, status: int) -> None:
    """An authenticator that raises lets nobody in."""

    async def fail(ctx: Context) -> Principal | None:
        raise raised

    app: Crossbar = made(authenticators=[fail], propagate=(Wanted,))
    client = Client(host({"/api": app}, living=False), prefix="/api/v2")
    assert status == (await client.get("/callers")).status

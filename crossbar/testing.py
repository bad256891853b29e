"""Testing an application in-process: a client without a socket, and a small world of accounts to work in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from .app import Crossbar
from .errors import CrossbarError
from .passwords import Hasher, login_name, password_secrets, wire_credentials
from .settings import Auth, Settings
from .stores import Document, Insert, Store
from .stores.memory import MemoryStore

NOW = 1_780_000_000


@dataclass(frozen=True, slots=True)
class Response:
    """A response as it left the application."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, decoded as JSON."""
        return orjson.loads(self.body)

    @property
    def data(self) -> Any:
        """`data` of the envelope."""
        return self.json()["data"]


@dataclass(slots=True)
class Client:
    """Sends requests to an application in the same process; `token` goes along with each of them."""

    app: Crossbar
    token: str | None = None
    prefix: str = "/v2"
    headers: dict[str, str] = field(default_factory=dict)

    async def request(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        body: bytes | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request. `data` is put into an envelope, `body` is sent as it is; the path is below `prefix`.

        The path may carry a query. An absolute path (`//x`) is sent without the prefix, as `/x`.
        """
        target = path[1:] if path.startswith("//") else self.prefix + path
        raw_path, _, raw_query = target.partition("?")
        if query:
            raw_query = "&".join(filter(None, [raw_query, urlencode(query)]))
        if body is None:
            body = orjson.dumps({"data": data}) if data is not None else b""
        sent = {"host": "testserver"} | self.headers
        if body:
            sent |= {"content-type": "application/json", "content-length": str(len(body))}
        if self.token is not None:
            sent["x-auth-token"] = self.token
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": raw_path,
            "raw_path": quote(raw_path, safe="/%:@!$&'()*+,;=~-._").encode(),
            "query_string": raw_query.encode(),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items() if value],
            "client": ("127.0.0.1", 50_000),
            "root_path": "",
        }
        return await _exchanged(self.app, scope, body)

    async def get(self, path: str, **options: Any) -> Response:
        """GET the path."""
        return await self.request("GET", path, **options)

    async def put(self, path: str, data: Any = None, **options: Any) -> Response:
        """PUT an envelope around `data`."""
        return await self.request("PUT", path, data, **options)

    async def post(self, path: str, data: Any = None, **options: Any) -> Response:
        """POST an envelope around `data`."""
        return await self.request("POST", path, data, **options)

    async def patch(self, path: str, data: Any = None, **options: Any) -> Response:
        """PATCH with an envelope around `data`."""
        return await self.request("PATCH", path, data, **options)

    async def delete(self, path: str, **options: Any) -> Response:
        """DELETE the path."""
        return await self.request("DELETE", path, **options)

    async def login(self, account: str, username: str, password: str) -> Response:
        """Log in as a user; the token goes along from now on. CrossbarError if it is refused."""
        credentials = wire_credentials(username, password)[0]
        response = await self.put("/user_auth", {"credentials": credentials, "account_name": account})
        if response.status != 201:
            raise CrossbarError(f"login as {username!r} of {account!r} was refused: {response.body.decode()}")
        self.token = response.json()["auth_token"]
        return response


async def _exchanged(app: Crossbar, scope: dict[str, Any], body: bytes) -> Response:
    messages: list[Any] = []
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    await app(scope, receive, send)
    headers = {name.decode(): value.decode("latin-1") for name, value in messages[0]["headers"]}
    return Response(messages[0]["status"], headers, b"".join(message.get("body", b"") for message in messages[1:]))


@dataclass(frozen=True, slots=True)
class World:
    """A small tree of accounts: `master` > `reseller` > `customer` > `department`, and `stranger` beside the reseller.

    Each has a user `admin` with the password `crossbar`.
    """

    app: Crossbar
    master: str = "a0" * 16
    reseller: str = "b0" * 16
    customer: str = "c0" * 16
    department: str = "d0" * 16
    stranger: str = "e0" * 16

    async def client(self, account: str = "master") -> Client:
        """A client that is logged in as the administrator of the account called so."""
        client = Client(self.app)
        account_id = getattr(self, account)
        user = await self.app.store.get(account_id, "users", account_id[:16] + "0" * 16)
        document = await self.app.tenants.account(account_id)
        assert document is not None
        client.token = self.app.tokens.mint(document, user, "cb_user_auth")
        return client


QUICK = Settings(auth=Auth(hash_memory=8))


async def small_world(store: Store | None = None, settings: Settings = QUICK, **options: Any) -> World:
    """An application that has been started on an empty store, with the accounts of `World` in it."""
    app = Crossbar(settings, store=store or MemoryStore(options.get("clock", time.time)), **options)
    await app.start()
    world = World(app)
    tree: list[str] = []
    for name in ("master", "reseller", "customer", "department"):
        await _planted(app, getattr(world, name), "demo" if name == "master" else name, tree)
        tree = [*tree, getattr(world, name)]
    await _planted(app, world.stranger, "stranger", [world.master])
    return world


async def _planted(app: Crossbar, id: str, name: str, tree: list[str]) -> None:
    """Store an account, its administrator and its API key."""
    key = (name.encode().hex() * 64)[:64]
    private = {"tree": tree, "parent": tree[-1] if tree else "", "login_name": login_name(name), "api_key": key}
    account = Document.of(
        "",
        "accounts",
        id,
        {"name": name, "realm": f"{name}.example.com", "enabled": True},
        NOW,
        private | {"identity": id, "master": not tree},
    )
    person = {"username": "admin", "first_name": "Ada", "last_name": name, "priv_level": "admin", "enabled": True}
    secret = await password_secrets(Hasher(app.settings.auth), id, "admin", "crossbar")
    user = Document.of(id, "users", id[:16] + "0" * 16, person, NOW, secret)
    found_by = Document.of("", "api_keys", sha256(key.encode()).hexdigest(), {"account_id": id}, NOW)
    await app.store.write([Insert(account), Insert(user), Insert(found_by)])

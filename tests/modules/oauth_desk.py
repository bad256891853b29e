"""What the tests of OAuth share: a world whose clock stands, applications, and requests for tokens."""

from __future__ import annotations

import hashlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from crossbar import Crossbar, Settings, Store
from crossbar.settings import Auth, Log, Rate
from crossbar.stores.memory import MemoryStore
from crossbar.testing import Client, Clock, Response, World, small_world

BACK = "https://app.example.com/back"
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GRANTS = ("authorization_code", "client_credentials", "password", "refresh_token", JWT)
VERIFIER = "a-verifier-of-at-least-forty-three-characters"
CHALLENGE = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
LOGIN = {"username": "admin", "password": "crossbar"}


@dataclass(frozen=True, slots=True)
class App:
    """An application and its secret."""

    id: str
    secret: str

    @property
    def basic(self) -> dict[str, str]:
        """The header field by which it says who it is."""
        return basic(self.id, self.secret)

    @property
    def fields(self) -> dict[str, str]:
        """The parameters by which it does."""
        return {"client_id": self.id} | ({"client_secret": self.secret} if self.secret else {})


@dataclass(frozen=True, slots=True)
class Desk:
    """A world, its clock, and its end points for tokens."""

    world: World
    clock: Clock

    async def app(self, account: str = "customer", **fields: Any) -> App:
        """A new application of an account."""
        client = await self.world.client(account)
        body = {"name": "Client", "grants": [*GRANTS], "redirect_uris": [BACK]} | fields
        if body.get("public"):
            body["grants"] = [grant for grant in body["grants"] if grant != "client_credentials"]
        made = await client.put(f"/accounts/{self.world.id(account)}/applications", body)
        assert 201 == made.status, made.body
        return App(made.data["client_id"], made.data.get("client_secret", ""))

    async def ask(self, app: App, grant: str, **parameters: Any) -> Response:
        """The response to a request for tokens, of the worker `app_of` where there are several."""
        worker: Crossbar = parameters.pop("app_of", self.world.app)
        return await Client(worker).post("/oauth/token", {"grant_type": grant, **app.fields, **parameters})

    async def login(self, app: App, **parameters: Any) -> dict[str, Any]:
        """The tokens of the administrator of the customer."""
        return got(await self.ask(app, "password", **(LOGIN | parameters)))

    async def refresh(self, app: App, tokens: dict[str, Any], **parameters: Any) -> Response:
        """The response to a request with a refresh token."""
        return await self.ask(app, "refresh_token", refresh_token=tokens["refresh_token"], **parameters)

    async def revoke(self, app: App, token: str) -> Response:
        """The response to a token that is given back."""
        return await Client(self.world.app).post("/oauth/revoke", {**app.fields, "token": token})

    async def works(self, token: str | dict[str, Any], app: Crossbar | None = None) -> bool:
        """Whether an access token opens anything."""
        bearer = token if isinstance(token, str) else token["access_token"]
        return 200 == (await Client(app or self.world.app, bearer).get("/account")).status

    async def code(self, app: App, **parameters: str) -> str:
        """A code for the administrator of the customer."""
        words = led(await self.sign_in(app, **parameters))
        assert "error" not in words, words
        return words["code"]

    async def sign_in(self, app: App, **parameters: str) -> Response:
        """The response to the form of the login page."""
        return await Client(self.world.app).post("/oauth/authorize", {**wish(app), **LOGIN, **parameters})

    async def redeem(self, app: App, code: str, **parameters: Any) -> Response:
        """The response to a request with a code."""
        body = {"redirect_uri": BACK, "code_verifier": VERIFIER} | parameters
        return await self.ask(app, "authorization_code", code=code, **body)

    async def user(self, account: str = "customer", **fields: Any) -> dict[str, Any]:
        """A new user of an account, with a password."""
        body = {"first_name": "Ada", "last_name": "Byron", "password": "difference-engine"} | fields
        client = await self.world.client(account)
        made = await client.put(f"/accounts/{self.world.id(account)}/users", body)
        assert 201 == made.status, made.body
        return dict(made.data)


def wish(app: App, **parameters: str) -> dict[str, str]:
    """What an application sends a browser with."""
    asked = {"response_type": "code", "client_id": app.id, "redirect_uri": BACK, "state": "xyz"}
    return asked | {"code_challenge": CHALLENGE, "code_challenge_method": "S256"} | parameters


def basic(id: str, secret: str) -> dict[str, str]:
    """A header field with an id and a secret."""
    return {"authorization": f"Basic {b64encode(f'{id}:{secret}'.encode()).decode()}"}


def got(response: Response) -> dict[str, Any]:
    """The tokens of a response."""
    assert 200 == response.status, response.body
    return dict(response.data)


def refused(response: Response, word: str, status: int = 400) -> None:
    """Check that there are no tokens, and why."""
    assert (status, word) == (response.status, response.json()["message"]), response.body
    assert b'"access_token"' not in response.body


def led(response: Response, status: int = 303) -> dict[str, str]:
    """The words with which a browser is led back."""
    assert status == response.status, response.body
    place = response.headers["location"]
    assert BACK == place.partition("?")[0]
    return dict(parse_qsl(urlsplit(place).query))


def settings(failures: int = 0, **options: Any) -> Settings:
    """Settings for tests: cheap passwords, and nothing is counted unless it is asked for."""
    auth, log = Auth(hash_memory=8, login_failures=failures), Log(access=False)
    return Settings(auth=auth, rate=Rate(enabled=False), log=log, plugins={"oauth": options})


@asynccontextmanager
async def at_desk(store: Store | None = None, failures: int = 0, **options: Any) -> AsyncIterator[Desk]:
    """A desk in a world of its own; failed logins are answered without delay."""
    clock = Clock()
    world = await small_world(store or MemoryStore(clock), settings(failures, **options), clock=clock)

    async def at_once(seconds: float) -> None:
        """Hold nothing back."""

    world.app.logins.pause = at_once
    try:
        yield Desk(world, clock)
    finally:
        await world.app.stop()

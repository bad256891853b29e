"""What the tests of the walk share: an account of one's own, requests byte by byte."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from crossbar import Context, Crossbar, Document, Endpoint, Insert, Unavailable
from crossbar.dates import gregorian
from crossbar.settings import Auth, Log, Rate, Settings
from crossbar.testing import NOW, Client, Response, World, exchanged, scope_of

SETTINGS = Settings(
    auth=Auth(hash_memory=8, login_failures=0),
    rate=Rate(enabled=False),
    log=Log(access=False),
    plugins={"webhooks": {"deliver": False}},  # those of the tests name servers that there are not
)
NOWHERE = "f" * 32

# For tests that ask nothing of the store, so that one of them is enough.
ONE_STORE = pytest.mark.parametrize("world", ["memory"], indirect=True)


class Crashing(Endpoint):
    """An endpoint that has a fault."""

    name = "crashing"

    async def authorize(self, ctx: Context) -> None:
        """Let everybody in."""

    async def find(self, ctx: Context) -> None:
        """Crash with something that nobody outside may read."""
        raise RuntimeError("the secret is at /etc/crossbar")

    async def create(self, ctx: Context) -> Any:
        """Return what is no JSON."""
        return {1, 2, 3}


class Late(Endpoint):
    """An endpoint that fails when everything is over."""

    name = "late"

    async def authorize(self, ctx: Context) -> None:
        """Let everybody in."""

    async def find(self, ctx: Context) -> dict[str, bool]:
        """Be fine so far."""
        return {"fine": True}

    async def finish(self, ctx: Context) -> None:
        """Crash after the response."""
        raise RuntimeError("too late")


class Away(Endpoint):
    """An endpoint whose server cannot be reached."""

    name = "away"

    async def authorize(self, ctx: Context) -> None:
        """Let everybody in."""

    async def find(self, ctx: Context) -> None:
        """Have nothing to say today."""
        raise Unavailable("come back later")


@dataclass(frozen=True, slots=True)
class Home:
    """An account of one test's own, below the reseller, whose administrator `client` is."""

    world: World
    client: Client
    id: str

    def at(self, path: str = "") -> str:
        """The path of something in this account."""
        return f"/accounts/{self.id}{path}"

    async def get(self, path: str = "", **options: Any) -> Response:
        """GET something in this account."""
        return await self.client.get(self.at(path), **options)

    async def put(self, path: str, data: Any = None, **options: Any) -> Response:
        """PUT something into this account."""
        return await self.client.put(self.at(path), data, **options)

    async def post(self, path: str, data: Any = None, **options: Any) -> Response:
        """POST to something in this account."""
        return await self.client.post(self.at(path), data, **options)

    async def patch(self, path: str, data: Any = None, **options: Any) -> Response:
        """PATCH something in this account."""
        return await self.client.patch(self.at(path), data, **options)

    async def delete(self, path: str, **options: Any) -> Response:
        """DELETE something in this account."""
        return await self.client.delete(self.at(path), **options)

    async def made(self, path: str, data: Any) -> str:
        """Create something in this account, and return its id."""
        return await made(self.client, self.at(path), data)

    async def stored(
        self, kind: str, documents: Sequence[Mapping[str, Any]], created: int = NOW, *, each_second: int = 1
    ) -> list[str]:
        """Put documents into the store without asking, so many in each second, and return their ids."""
        found = []
        for position, body in enumerate(documents):
            data = dict(body)
            private = data.pop("_private", None)
            id = data.pop("id", f"{position:032x}")
            found.append(Document.of(self.id, kind, id, data, created + position // each_second, private))
        await self.world.app.store.write([Insert(document) for document in found])
        return [document.id for document in found]


async def made(client: Client, path: str, data: Any) -> str:
    """Create something, and return its id."""
    response = await client.put(path, data)
    assert 201 == response.status, response.body
    id = response.data["id"]
    assert isinstance(id, str)
    return id


def leg(position: int, owner: str = "", **more: Any) -> dict[str, Any]:
    """A call detail record as a switch would store it, one second after the one before."""
    second = gregorian(NOW + position)
    record: dict[str, Any] = {
        "id": f"202605-{position:08x}",
        "call_id": f"{position:08x}@switch",
        "interaction_id": f"{second}-{position:08x}",
        "timestamp": second,
        "direction": "inbound",
        "hangup_cause": "NORMAL_CLEARING",
        "duration_seconds": 10,
        "billing_seconds": 7,
        "from": "1001",
        "to": "1002",
        "_private": {"head": True},
    }
    if owner:
        record["owner_id"] = owner
    return record | more


def ids(response: Response) -> list[str]:
    """The ids of the rows in a listing."""
    return [row["id"] for row in response.data]


async def wire(
    app: Crossbar,
    method: str,
    target: bytes,
    headers: Sequence[tuple[bytes, bytes]] = (),
    pieces: Sequence[bytes] = (b"",),
) -> Response:
    """Send a request as a server would hand it over: raw target, raw header fields, the body piece by piece."""
    fields = [(b"host", b"testserver"), *headers]
    response = await exchanged(app, scope_of("http", target, fields, method=method), pieces)
    names = [name for name, _ in response.fields]
    assert len(set(names)) == len(names), f"a header field is there twice: {names}"
    return response


def token_field(client: Client) -> tuple[bytes, bytes]:
    """The header field that carries a client's token."""
    assert client.token is not None
    return (b"x-auth-token", client.token.encode())


def body_fields(body: bytes, media_type: bytes = b"application/json") -> list[tuple[bytes, bytes]]:
    """The header fields that a body of this size brings."""
    return [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]


def wrapped(data: Any, **words: Any) -> bytes:
    """The bytes of a request envelope."""
    return orjson.dumps({"data": data, **words})


def refused(response: Response, status: int, message: str | None = None) -> dict[str, Any]:
    """Make sure that this is a well-formed refusal, and return its data."""
    assert status == response.status, response.body
    assert "application/json" == response.headers["content-type"]
    envelope: dict[str, Any] = response.json()
    assert str(status) == envelope["error"]
    assert ("fatal" if status == 500 else "error") == envelope["status"]
    assert response.headers["x-request-id"] == envelope["request_id"]
    assert isinstance(envelope["data"], dict)
    if message is not None:
        assert message == envelope["message"]
    data: dict[str, Any] = envelope["data"]
    return data


# One good body for each resource, and a rule that it can break: the field, a wrong value, the code.
@dataclass(frozen=True, slots=True)
class Sample:
    """A resource by example."""

    noun: str
    body: dict[str, Any]
    required: str

    def with_(self, **more: Any) -> dict[str, Any]:
        """The body with other fields."""
        return self.body | more


SAMPLES = (
    Sample("users", {"first_name": "Ada", "last_name": "Byron"}, "last_name"),
    Sample("devices", {"name": "Desk"}, "name"),
    Sample("callflows", {"name": "Main", "flow": {"module": "hangup", "data": {}}}, "flow"),
    Sample("groups", {"name": "Sales", "endpoints": {}}, "name"),
    Sample("menus", {"name": "Menu"}, "name"),
    Sample("lists", {"name": "Friends"}, "name"),
    Sample("temporal_rules", {"name": "Open", "cycle": "daily"}, "cycle"),
    Sample("directories", {"name": "Staff"}, "name"),
    Sample("media", {"name": "Music"}, "name"),
    Sample("faxes", {"to_number": "6002", "from_number": "6001"}, "to_number"),
    Sample("webhooks", {"name": "Tell", "hook": "all", "uri": "https://hooks.example.com/a"}, "uri"),
)

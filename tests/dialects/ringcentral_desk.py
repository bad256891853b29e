"""What the tests of RingCentral's dialect share: an account of one's own, and requests in those conventions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes
from itertools import count
from typing import Any

import orjson

from crossbar import Document, Insert, Settings, gregorian
from crossbar.testing import QUICK, Client, Response, World

HOST = "platform.ringcentral.com"
ROOT = f"http://{HOST}"
NOWHERE = "f" * 32
PDF = b"%PDF-1.4\n" + bytes(range(64))
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(range(64))
BOUNDARY = "a-line-that-nobody-writes"

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Desk:
    """An account of one test's own, with an extension whose requests these are, and who is its administrator."""

    world: World
    client: Client
    account: str
    extension: str

    async def ask(
        self, method: str, path: str, data: Any = None, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Response:
        """The answer to a request below `/restapi/v1.0`, or at a whole path that begins with `/restapi`."""
        raw = orjson.dumps(data) if data is not None else body
        path = path if path.startswith("/restapi") else f"/restapi/v1.0{path}"
        return await self.client.request(method, path, body=raw, headers=headers)

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        """The answer to GET."""
        return await self.ask("GET", path, headers=headers)

    async def made(self, path: str, data: Any) -> Any:
        """What was created."""
        response = await self.ask("POST", path, data)
        assert response.status in (200, 201), response.body
        return response.json()

    async def ids(self, path: str) -> list[str]:
        """The ids of the records of a list."""
        response = await self.get(path)
        assert response.status == 200, response.body
        return [record["id"] for record in response.json()["records"]]

    async def device(self, name: str = "Desk phone", **more: Any) -> str:
        """A new device of the extension."""
        return str((await self.made("/account/~/extension/~/device", {"name": name} | more))["id"])

    async def kept(self, kind: str, id: str) -> Any:
        """What the store holds of a document."""
        document = await self.world.app.store.get(self.account, kind, id)
        return document.data() if document is not None else None

    async def keep(self, kind: str, id: str, at: int, **data: Any) -> None:
        """Put a document into the store as it was made at that Unix second."""
        await self.world.app.store.write([Insert(Document.of(self.account, kind, id, {"id": id, **data}, at))])

    async def call(self, id: str, at: int, **data: Any) -> None:
        """Put the record of a call of the extension into the store."""
        facts = {"call_id": f"c{id}", "interaction_id": f"s{id}", "timestamp": gregorian(at), "direction": "inbound"}
        await self.keep("cdrs", id, at, **(facts | {"owner_id": self.extension} | data))

    async def message(self, id: str, at: int | None = None, **data: Any) -> None:
        """Put a message of the extension into the store."""
        at = int(self.world.app.clock()) - 60 if at is None else at
        facts = {"type": "sms", "direction": "inbound", "folder": "new", "read_status": "unread", "status": "received"}
        facts |= {"from": "+12125557464", "to": "+12125559976", "text": "Hello", "owner_id": self.extension}
        await self.keep("messages", id, at, **(facts | {"timestamp": gregorian(at)} | data))

    async def person(self, **more: Any) -> tuple[str, Desk]:
        """Another extension of the account, and its own requests; it is no administrator unless it is said to be."""
        id = await _user(self.world, self.account, **more)
        return id, await _desk(self.world, self.account, id)


async def desk_in(world: World, **more: Any) -> Desk:
    """A new account below the reseller, with one extension."""
    reseller = await world.client("reseller")
    made = await reseller.put("/accounts", {"name": f"Desk {next(_numbers)}"})
    assert made.status == 201, made.body
    account = made.data["id"]
    return await _desk(world, account, await _user(world, account, priv_level="admin", number="101", **more))


async def _user(world: World, account: str, **more: Any) -> str:
    reseller = await world.client("reseller")
    made = await reseller.put(f"/accounts/{account}/users", {"first_name": "Ada", "last_name": "Byron"} | more)
    assert made.status == 201, made.body
    return str(made.data["id"])


async def _desk(world: World, account: str, id: str) -> Desk:
    user = await world.app.store.get(account, "users", id)
    owner = await world.app.tenants.account(account)
    assert owner is not None
    headers = {"authorization": f"Bearer {world.app.tokens.mint(owner, user, 'cb_user_auth')}", "host": HOST}
    return Desk(world, Client(world.app, prefix="", headers=headers), account, id)


def settings(**options: Any) -> Settings:
    """Settings for tests with options of RingCentral's dialect."""
    from msgspec.structs import replace

    dialects = QUICK.dialects
    return replace(QUICK, dialects=replace(dialects, ringcentral=replace(dialects.ringcentral, **options)))


def multipart(*parts: tuple[str, bytes]) -> bytes:
    """A multipart body of parts with these header lines."""
    pieces = [f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n" for head, content in parts]
    return b"".join(pieces) + f"--{BOUNDARY}--\r\n".encode()


def code(response: Response) -> tuple[int, str, Any]:
    """Status, code and parameter of an error, which is the same at both levels."""
    body = response.json()
    first = body["errors"][0]
    assert all(body[key] == value for key, value in first.items())
    assert response.headers["content-type"] == "application/json;charset=utf-8"
    assert first["message"]
    return response.status, first["errorCode"], first.get("parameterName")


def parts(response: Response) -> tuple[list[Any], list[Any]]:
    """The states and the bodies of a multipart answer, read as strictly as RingCentral's clients read it."""
    assert response.status == 207, response.body
    content_type = response.headers["content-type"]
    assert content_type.startswith("multipart/mixed; boundary=")
    assert '"' not in content_type
    message = message_from_bytes(b"content-type: " + content_type.encode() + b"\r\n\r\n" + response.body)
    assert not message.defects
    payload: Any = message.get_payload()
    assert {part.get_content_type() for part in payload} == {"application/json"}
    first, *rest = (orjson.loads(part.get_payload(decode=True)) for part in payload)
    assert len(first["response"]) == len(rest)
    return first["response"], rest

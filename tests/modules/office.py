"""What the tests of voicemail, media, faxes and photos share: an account of one's own, and files to send to it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

import orjson

from crossbar.testing import Client, Response, World

NOWHERE = "f" * 32
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(range(64))
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(64))
PDF = b"%PDF-1.4\n" + bytes(range(64))
TIFF = b"II*\x00" + bytes(range(64))

_numbers = count(1)
_BOUNDARY = "a-line-that-nobody-writes"


@dataclass(frozen=True, slots=True)
class Office:
    """An account of one test's own, whose administrator `client` is."""

    world: World
    client: Client
    id: str

    def at(self, path: str) -> str:
        """The path of something in the account."""
        return f"/accounts/{self.id}{path}"

    async def get(self, path: str, **options: Any) -> Response:
        """GET something in the account."""
        return await self.client.get(self.at(path), **options)

    async def ask(self, method: str, path: str, data: Any = None, **options: Any) -> Response:
        """Send a request to the account."""
        return await self.client.request(method, self.at(path), data, **options)

    async def send(
        self, method: str, path: str, content: bytes, content_type: str = "audio/wav", **headers: str
    ) -> Response:
        """Send bytes as they are; an underscore in the name of a header stands for a hyphen."""
        fields = {"content-type": content_type} | {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.request(method, self.at(path), body=content, headers=fields)

    async def form(self, method: str, path: str, data: Any, *files: tuple[str, str, bytes]) -> Response:
        """Send a JSON part and files, each with its file name, type and bytes."""
        parts = [_part("content", None, "application/json", orjson.dumps({"data": data}))]
        parts += [_part("content", name, content_type, content) for name, content_type, content in files]
        body = b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode()
        return await self.send(method, path, body, f"multipart/mixed; boundary={_BOUNDARY}")

    async def made(self, path: str, data: Any) -> str:
        """Create something, and return its id."""
        response = await self.ask("PUT", path, data)
        assert 201 == response.status, response.body
        return str(response.data["id"])

    async def box(self, **more: Any) -> str:
        """A new voicemail box."""
        return await self.made("/vmboxes", {"name": "Box", "mailbox": f"{next(_numbers)}"} | more)

    async def message(self, box: str, content: bytes = WAV, **data: Any) -> str:
        """A new message with its sound in a box."""
        files = [("call.wav", "audio/wav", content)] if content else []
        response = await self.form("PUT", f"/vmboxes/{box}/messages", data, *files)
        assert 201 == response.status, response.body
        return str(response.data["id"])

    async def user(self, **more: Any) -> str:
        """A new user."""
        return await self.made("/users", {"first_name": "Ada", "last_name": "Byron"} | more)

    async def ids(self, path: str) -> list[str]:
        """The ids of the rows in a listing."""
        response = await self.get(path)
        assert 200 == response.status, response.body
        return [row["id"] for row in response.data]

    async def login(self, **more: Any) -> tuple[str, Client]:
        """A new user with a password, and a client that is logged in as them."""
        name = f"person{next(_numbers)}"
        id = await self.user(username=name, password="a good password", **more)
        user = await self.world.app.store.get(self.id, "users", id)
        account = await self.world.app.tenants.account(self.id)
        assert account is not None
        return id, Client(self.world.app, self.world.app.tokens.mint(account, user, "cb_user_auth"))


def _part(field: str, file_name: str | None, content_type: str, content: bytes) -> bytes:
    named = f'; filename="{file_name}"' if file_name is not None else ""
    disposition = f'Content-Disposition: form-data; name="{field}"{named}'
    head = "\r\n".join([f"--{_BOUNDARY}", disposition, f"Content-Type: {content_type}", "", ""])
    return head.encode() + content + b"\r\n"


async def office_in(world: World) -> Office:
    """A new account below the reseller."""
    client = await world.client("reseller")
    made = await client.put("/accounts", {"name": f"Office {next(_numbers)}"})
    assert 201 == made.status, made.body
    return Office(world, client, made.data["id"])


def told(response: Response, status: int) -> Any:
    """The data of a refusal with this status."""
    assert status == response.status, response.body
    assert "error" == response.json()["status"]
    return response.data

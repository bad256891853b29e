"""Bytes as answers: their type and name, which often come from whoever stored them, can do no harm."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar import Blob, Context, Endpoint, Reply
from crossbar.testing import Client

from .tools import Maker


class Files(Endpoint):
    """An endpoint that answers with the bytes that a test wants."""

    name = "files"
    accepts = ("image/*", "application/pdf")
    provides = ("application/json", "image/png")

    def __init__(self) -> None:
        self.answer: Any = None

    async def find(self, ctx: Context) -> Any:
        """The bytes."""
        return self.answer

    async def create(self, ctx: Context) -> Any:
        """How many bytes have come, as such."""
        return Blob(ctx.raw_body, (ctx.header(b"content-type") or "").partition(";")[0])


@pytest.fixture
def files() -> Files:
    """The endpoint of the client's application."""
    return Files()


@pytest.fixture
async def client(make: Maker, files: Files) -> Client:
    """An application with files."""
    return await make.client(endpoints=[files])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x89PNG\0\r\n", id="bytes"),
        pytest.param(b"", id="nothing"),
        pytest.param(bytearray(b"x"), id="bytearray"),
        pytest.param(memoryview(b"y"), id="memoryview"),
    ],
)
async def test_bytes_as_they_are(client: Client, files: Files, content: Any) -> None:
    """A blob is sent as it is, without an envelope, and may not be taken for another type."""
    files.answer = Blob(content, "image/png")
    response = await client.get("/account/files")
    assert (200, "image/png", bytes(content)) == (response.status, response.headers["content-type"], response.body)
    assert ("nosniff", str(len(content))) == (
        response.headers["x-content-type-options"],
        response.headers["content-length"],
    )
    head = await client.request("HEAD", "/account/files")
    assert (str(len(content)), b"") == (head.headers["content-length"], head.body)


async def test_with_a_status_and_fields_of_its_own(client: Client, files: Files) -> None:
    """A blob may be the answer of a reply."""
    files.answer = Reply(Blob(b"x", "text/plain"), 203, ((b"x-own", b"yes"),))
    response = await client.get("/account/files")
    assert (203, "yes", b"x") == (response.status, response.headers["x-own"], response.body)


NAMES = [
    pytest.param("photo.png", 'filename="photo.png"', id="plain"),
    pytest.param("a.tar.gz", 'filename="a.tar.gz"', id="two endings"),
    pytest.param("my photo.png", "filename=\"my_photo.png\"; filename*=UTF-8''my%20photo.png", id="a blank"),
    pytest.param("../../etc/passwd", 'filename="passwd.png"', id="a way out"),
    pytest.param("x/../../etc", 'filename="etc.png"', id="a way out with a dot"),
    pytest.param(
        'a."; filename="b.exe',
        "filename=\"a._filename_b.exe\"; filename*=UTF-8''a._%3B%20filename%3D_b.exe",
        id="another parameter",
    ),
    pytest.param(
        "a.b\r\nset-cookie: x=1",
        "filename=\"a.b_set-cookie_x_1.png\"; filename*=UTF-8''a.b%20set-cookie_%20x%3D1.png",
        id="a header field",
    ),
    pytest.param(".htaccess", 'filename="htaccess.png"', id="nothing but an ending"),
    pytest.param("résumé.pdf", "filename=\"resume.pdf\"; filename*=UTF-8''r%C3%A9sum%C3%A9.pdf", id="other letters"),
    pytest.param("...", 'filename="result.png"', id="nothing but dots"),
    pytest.param("", 'filename="result.png"', id="nothing"),
    pytest.param("x." + "y" * 40, f'filename="x.{"y" * 40}.png"', id="a long ending"),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
async def test_names(client: Client, files: Files, name: str, expected: str) -> None:
    """The name under which it is offered is a safe one, whatever somebody has called it."""
    files.answer = Blob(b"x", "image/png", name)
    response = await client.get("/account/files")
    assert f"attachment; {expected}" == response.headers["content-disposition"]
    assert "set-cookie" not in response.headers


TYPES = [
    pytest.param("image/png", "image/png", id="plain"),
    pytest.param("text/html; charset=utf-8", "text/html; charset=utf-8", id="a parameter"),
    pytest.param("a/b\r\nset-cookie: x=1", "application/octet-stream", id="a header field"),
    pytest.param("", "application/octet-stream", id="none"),
    pytest.param("téxt/plain", "application/octet-stream", id="other letters"),
    pytest.param(" text/plain", "application/octet-stream", id="a blank in front"),
]


@pytest.mark.parametrize(("content_type", "expected"), TYPES)
async def test_types(client: Client, files: Files, content_type: str, expected: str) -> None:
    """A type that no header field can have is told as bytes of no known type."""
    files.answer = Blob(b"x", content_type)
    response = await client.get("/account/files")
    assert (200, expected) == (response.status, response.headers["content-type"])
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize(
    ("accept", "status"), [("image/png", 200), ("image/*", 200), ("*/*", 200), ("image/gif", 406), ("text/html", 406)]
)
async def test_what_clients_accept(client: Client, files: Files, accept: str, status: int) -> None:
    """An endpoint names in `provides` which types it has."""
    files.answer = Blob(b"x", "image/png")
    assert status == (await client.get("/account/files", headers={"accept": accept})).status


@pytest.mark.parametrize(
    ("content_type", "status"), [("image/gif", 201), ("application/pdf; x=y", 201), ("text/plain", 415)]
)
async def test_what_the_endpoint_accepts(client: Client, content_type: str, status: int) -> None:
    """Bodies of the types in `accepts` are there as bytes, and come back as such."""
    response = await client.request("PUT", "/account/files", body=b"\0x", headers={"content-type": content_type})
    assert (status, status == 201) == (response.status, response.body == b"\0x")

"""Uploads: the file itself or its base64, of the right type and size, and nothing left of those that fail."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator

import pytest

from crossbar.testing import Client, World

from .papers import FORM, PNG, blobs, form, made, part, send


@pytest.fixture
async def client(papers: World) -> Client:
    """The administrator of an account."""
    return await papers.client("customer")


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_the_file_itself(client: Client, paper: str, method: str) -> None:
    """The body is the file; what is known of it comes back, and the file itself at the same path."""
    response = await send(client, f"{paper}/cover", PNG, "image/png", method, x_file_name="front.png")
    assert 201 == response.status
    assert response.data == {
        "id": "cover",
        "file_name": "front.png",
        "content_type": "image/png",
        "content_length": len(PNG),
        "sha256": hashlib.sha256(PNG).hexdigest(),
    }
    got = await client.get(f"{paper}/cover")
    assert (200, PNG, "image/png") == (got.status, got.body, got.headers["content-type"])
    assert response.headers["etag"] == got.headers["etag"]
    assert "front.png" == (await client.get(paper)).data["covered"]


async def test_another_file_in_its_place(client: Client, paper: str, papers: World) -> None:
    """A second upload takes the place of the first, whose bytes go."""
    await send(client, f"{paper}/cover", PNG, "image/png")
    response = await send(client, f"{paper}/cover", PNG * 2, "image/jpeg")
    assert 200 == response.status
    got = await client.get(f"{paper}/cover")
    assert (PNG * 2, "image/jpeg") == (got.body, got.headers["content-type"])
    assert 1 == await blobs(papers)


async def test_deleted(client: Client, paper: str) -> None:
    """A file that was deleted is not there any more, and the document knows it."""
    await send(client, f"{paper}/cover", PNG, "image/png")
    assert 200 == (await client.delete(f"{paper}/cover")).status
    assert 404 == (await client.get(f"{paper}/cover")).status
    assert 404 == (await client.delete(f"{paper}/cover")).status
    assert (await client.get(paper)).data["covered"] is None


async def test_pieces(client: Client, paper: str) -> None:
    """A body without a length comes piece by piece."""

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(PNG), 7):
            yield PNG[at : at + 7]

    response = await client.request(
        "PUT", f"{paper}/cover", body=pieces(), headers={"content-type": "image/png", "transfer-encoding": "chunked"}
    )
    assert 201 == response.status
    assert PNG == (await client.get(f"{paper}/cover")).body


async def test_the_document_stays_what_it_was(client: Client, paper: str) -> None:
    """Replacing and patching a document leaves its files where they are."""
    await send(client, f"{paper}/cover", PNG, "image/png")
    await client.post(paper, {"title": "On other numbers"})
    await client.patch(paper, {"title": "On no numbers"})
    assert PNG == (await client.get(f"{paper}/cover")).body


@pytest.mark.parametrize(
    ("content_type", "taken"),
    [
        ("image/png", True),
        ("IMAGE/PNG; x=y", True),
        ("image/jpg", True),
        ("application/pdf", False),
        ("text/html", False),
        ("application/json", False),
        ("application/x-www-form-urlencoded", False),
        ("nonsense", False),
        ("image/png, text/html", False),
        ("image/x,text/html", False),
        ("image/", False),
        ("image/*", False),
        ("image/ png", False),
        ('image/p"><script>', False),
        ("image/" + "x" * 200, False),
    ],
)
async def test_types(client: Client, paper: str, content_type: str, taken: bool) -> None:
    """A type that the slot does not take is refused, and the message names those that it does."""
    content = b'{"data":{}}' if "json" in content_type or "form" in content_type else PNG
    response = await send(client, f"{paper}/cover", content, content_type)
    assert (201 if taken else 415) == response.status
    if not taken:
        assert "image/*" in response.data["message"]


@pytest.mark.parametrize("content_type", ["application/zip", "audio/mp3", "text/x-vcard", "video/mp4", "image/gif"])
async def test_the_default_types(client: Client, content_type: str) -> None:
    """Where a module says nothing, the types of the media table are taken, under their other names as well."""
    path = await made(client, "notes", {})
    assert 201 == (await send(client, f"{path}/file", b"x", content_type)).status
    assert 415 == (await send(client, f"{path}/file", b"x", "text/html")).status


async def test_too_large_by_its_length(client: Client, paper: str) -> None:
    """A body that says that it is too large is not even read."""

    def unread() -> Iterator[bytes]:
        raise AssertionError("somebody has read the body")
        yield b""

    headers = {"content-type": "image/png", "content-length": "5001"}
    response = await client.request("PUT", f"{paper}/cover", body=unread(), headers=headers)
    assert 413 == response.status
    assert {"maxSize": {"message": "the file is larger than 5000 bytes", "target": 5000}} == response.data["file"]


@pytest.mark.parametrize("size", [5_000, 5_001])
async def test_too_large_while_it_comes(client: Client, paper: str, size: int, papers: World) -> None:
    """A body without a length is refused as soon as it is over the limit, and nothing of it stays."""

    def pieces() -> Iterator[bytes]:
        yield b"x" * (size - 1)
        yield b"x"

    headers = {"content-type": "image/png", "transfer-encoding": "chunked"}
    response = await client.request("PUT", f"{paper}/cover", body=pieces(), headers=headers)
    assert (201 if size == 5_000 else 413) == response.status
    assert (1 if size == 5_000 else 0) == await blobs(papers)


async def test_empty(client: Client, paper: str) -> None:
    """A file without a byte is a mistake."""
    response = await client.request(
        "PUT", f"{paper}/cover", body=iter([b""]), headers={"content-type": "image/png", "transfer-encoding": "chunked"}
    )
    assert 400 == response.status
    assert "minSize" in response.data["file"]


async def test_no_body_at_all(client: Client, paper: str) -> None:
    """Neither is a request without a body an upload."""
    assert 400 == (await client.request("PUT", f"{paper}/cover", headers={"content-type": "image/png"})).status
    assert 400 == (await client.request("PUT", f"{paper}/cover")).status


async def test_a_client_that_goes_away(client: Client, paper: str, papers: World) -> None:
    """Half a file is no file."""

    def broken() -> Iterator[bytes]:
        yield PNG
        raise ConnectionError

    headers = {"content-type": "image/png", "transfer-encoding": "chunked"}
    await client.request("PUT", f"{paper}/cover", body=broken(), headers=headers)
    assert 404 == (await client.get(f"{paper}/cover")).status
    assert 0 == await blobs(papers)


async def test_somebody_else_may_not(client: Client, paper: str, papers: World) -> None:
    """A stranger's upload is refused before a byte of it is read."""

    def unread() -> Iterator[bytes]:
        raise AssertionError("somebody has read the body")
        yield b""

    stranger = await papers.client("stranger")
    foreign = paper.replace("/account/", f"/accounts/{papers.customer}/")
    headers = {"content-type": "image/png", "content-length": "9"}
    assert 404 == (await stranger.request("PUT", f"{foreign}/cover", body=unread(), headers=headers)).status
    nobody = Client(papers.app)
    assert 401 == (await nobody.request("PUT", f"{foreign}/cover", body=unread(), headers=headers)).status


# -- names


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "C:\\windows\\system32\\x.png",
        "/etc/passwd",
        "..",
        "a/b",
        "\u202egnp.exe",
        "x\x00y",
        "é" * 300,
    ],
)
async def test_names_lead_nowhere(client: Client, paper: str, name: str) -> None:
    """A name is a base name, whatever was sent."""
    head = f'form-data; name="pages"; filename="{name}"'
    response = await client.request("PUT", f"{paper}/pages", body=form(part(b"x", head, "text/plain")), headers=FORM)
    assert 201 == response.status, response.data
    kept = response.data["file_name"]
    assert kept.isprintable()
    assert not set(kept) & set('/\\"\0')
    assert kept not in ("", ".", "..")
    assert len(kept) <= 128


async def test_where_a_name_comes_from(client: Client, paper: str) -> None:
    """A header, a word of the query, or the part itself gives the name; otherwise the type gives an ending."""
    for headers, query, name in [
        ({"x-file-name": "a.png"}, "?file_name=b.png", "a.png"),
        ({}, "?file_name=b.png", "b.png"),
        ({}, "?filename=c.png", "c.png"),
        ({}, "", "file.png"),
    ]:
        path = f"{paper}/cover{query}"
        response = await client.request("PUT", path, body=PNG, headers={"content-type": "image/png", **headers})
        assert name == response.data["file_name"]


# -- base64


async def test_base64_by_its_type(client: Client, paper: str) -> None:
    """A data URL brings its own type."""
    body = b"data:image/png;base64," + base64.encodebytes(PNG)
    assert 201 == (await send(client, f"{paper}/cover", body, "application/x-base64")).status
    got = await client.get(f"{paper}/cover")
    assert (PNG, "image/png") == (got.body, got.headers["content-type"])


async def test_base64_by_its_encoding(client: Client, paper: str) -> None:
    """A body of any type may be written in base64."""
    body = base64.b64encode(PNG)
    response = await send(client, f"{paper}/cover", body, "image/png", content_transfer_encoding="base64")
    assert 201 == response.status
    assert PNG == (await client.get(f"{paper}/cover")).body


@pytest.mark.parametrize(
    "body",
    [b"data:image/png;base64,AAA", b"data:image/png;base64,A*==", b"data:image/png,AAAA", b"data:;AAAA", b"AA=A"],
)
async def test_bad_base64(client: Client, paper: str, body: bytes, papers: World) -> None:
    """What is not base64 is refused as Kazoo does it."""
    response = await send(client, f"{paper}/cover", body, "application/base64")
    assert response.status in (400, 415)
    assert 0 == await blobs(papers)


async def test_base64_has_the_same_limit(client: Client, paper: str) -> None:
    """The limit is for what is decoded."""
    fits = b"data:image/png;base64," + base64.b64encode(b"x" * 5_000)
    assert 201 == (await send(client, f"{paper}/cover", fits, "application/base64")).status
    large = b"data:image/png;base64," + base64.b64encode(b"x" * 5_001)
    assert 413 == (await send(client, f"{paper}/cover", large, "application/base64")).status


@pytest.mark.parametrize(
    ("content", "name", "kept"),
    [
        (PNG, "", "image/png"),
        (b"\xff\xd8\xff\xe0", "", "image/jpeg"),
        (PNG, "a.pdf", "image/png"),
        (b"anything", "a.gif", "image/gif"),
        (b"RIFF\0\0\0\0WAVEfmt ", "", None),
        (b"anything", "", None),
        (b"MZ", "a.exe", None),
    ],
)
async def test_bytes_of_no_type(client: Client, paper: str, content: bytes, name: str, kept: str | None) -> None:
    """A file that comes without a type is known by how it begins, or else by its name."""
    headers = {"x_file_name": name} if name else {}
    response = await send(client, f"{paper}/cover", content, "application/octet-stream", "PUT", **headers)
    assert (415 if kept is None else 201) == response.status
    assert kept is None or kept == (await client.get(f"{paper}/cover")).headers["content-type"]

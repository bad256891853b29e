"""Multipart uploads: a document with its files in one request, and all that can be wrong with that."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator

import pytest

from crossbar.testing import Client, World

from .papers import FORM, MIXED, PNG, blobs, form, part


@pytest.fixture
async def client(papers: World) -> Client:
    """The administrator of an account."""
    return await papers.client("customer")


@pytest.mark.parametrize("headers", [FORM, MIXED], ids=["form-data", "mixed"])
async def test_a_document_with_its_files(client: Client, headers: dict[str, str], papers: World) -> None:
    """One request makes a document and attaches its files; a file goes where its field or its type says."""
    body = form(
        part(b'{"data": {"title": "All at once"}}', 'form-data; name="json"', "application/json"),
        part(PNG, 'form-data; name="cover"; filename="front.png"', "image/png"),
        part(b"%PDF-1", 'form-data; name="x"; filename="one.pdf"', "application/pdf"),
        part(b"two", 'form-data; name="pages"; filename="two.txt"', "text/plain"),
    )
    response = await client.request("PUT", "/account/papers", body=body, headers=headers)
    assert 201 == response.status, response.data
    assert ("All at once", "front.png") == (response.data["title"], response.data["covered"])
    path = f"/account/papers/{response.data['id']}"
    listed = (await client.get(f"{path}/pages")).data
    assert ["one.pdf", "two.txt"] == [each["id"] for each in listed]
    assert PNG == (await client.get(f"{path}/cover")).body
    assert b"two" == (await client.get(f"{path}/pages/two.txt")).body
    assert 3 == await blobs(papers)


async def test_plain_data_and_fields(client: Client) -> None:
    """The JSON part may be the data itself; text fields are data as well."""
    body = form(
        part(b'{"title": "Plain"}', 'form-data; name="data"', "application/json"),
        part(b"blue", 'form-data; name="colour"'),
        part(b"1", 'form-data; name="to"'),
        part(b"2", 'form-data; name="to"'),
    )
    response = await client.request("PUT", "/account/papers", body=body, headers=FORM)
    assert 201 == response.status
    assert ("Plain", "blue", ["1", "2"]) == tuple(response.data[name] for name in ("title", "colour", "to"))


async def test_a_part_in_base64(client: Client, paper: str) -> None:
    """A part may say that it is base64."""
    head = 'form-data; name="cover"; filename="a.png"\r\nContent-Transfer-Encoding: base64'
    body = form(part(base64.encodebytes(PNG), head, "image/png"))
    assert 201 == (await client.request("PUT", f"{paper}/cover", body=body, headers=FORM)).status
    assert PNG == (await client.get(f"{paper}/cover")).body


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"nonsense", 400),
        (form(), 400),
        (part(PNG, 'form-data; name="cover"; filename="a.png"', "image/png"), 400),
        (form(part(PNG, 'form-data; name="cover"; filename="a.exe"', "application/x-msdownload")), 415),
        (form(part(b"", 'form-data; name="cover"; filename="a.png"', "image/png")), 400),
        (form(part(b"x" * 5_001, 'form-data; name="cover"; filename="a.png"', "image/png")), 413),
        (form(*[part(PNG, 'form-data; name="cover"; filename="a.png"', "image/png")] * 2), 400),
        (form(part(b"hello", 'form-data; name="words"')), 400),
        (form(*[part(b"x", 'form-data; name="a"')] * 101), 400),
        (form(part(b"x" * 70_000, 'form-data; name="a"')), 413),
        (form(part(b"x", 'form-data; name="a"' + "\r\nX-A: b" * 20)), 400),
        (form(part(b"x", 'form-data; name="a"' + "x" * 9_000)), 400),
        (
            form(
                part(b"{", 'form-data; name="json"', "application/json"), part(PNG, 'x; filename="a.png"', "image/png")
            ),
            400,
        ),
        (form(part(PNG, 'x; filename="a.png"\r\nContent-Transfer-Encoding: quoted-printable', "image/png")), 415),
    ],
)
async def test_bad_multipart(client: Client, paper: str, body: bytes, status: int, papers: World) -> None:
    """What is malformed, of the wrong type, too large or too much is refused, and leaves nothing behind."""
    response = await client.request("PUT", f"{paper}/cover", body=body, headers=FORM)
    assert status == response.status, response.data
    assert 0 == await blobs(papers)


@pytest.mark.parametrize("boundary", ["", "; boundary=", f"; boundary={'x' * 71}"])
async def test_bad_boundaries(client: Client, paper: str, boundary: str) -> None:
    """A boundary has 1 to 70 characters (RFC 2046)."""
    headers = {"content-type": f"multipart/mixed{boundary}"}
    assert 400 == (await client.request("PUT", f"{paper}/cover", body=b"x", headers=headers)).status


async def test_no_files_where_none_are_taken(client: Client, paper: str) -> None:
    """A patch takes no files, and neither does an endpoint without attachments."""
    body = form(part(PNG, 'form-data; name="cover"; filename="a.png"', "image/png"))
    assert 415 == (await client.request("PATCH", paper, body=body, headers=FORM)).status
    assert 415 == (await client.request("PUT", "/account/devices", body=body, headers=FORM)).status


async def test_a_document_that_is_refused_keeps_no_file(client: Client, papers: World) -> None:
    """Files that came with a document go when it is refused."""
    body = form(
        part(b'{"data": {"id": "users"}}', 'form-data; name="json"', "application/json"),
        part(PNG, 'form-data; name="cover"; filename="front.png"', "image/png"),
    )
    assert 400 == (await client.request("PUT", "/account/papers", body=body, headers=FORM)).status
    assert 0 == await blobs(papers)


async def test_any_bytes(client: Client, paper: str) -> None:
    """Bytes that look like boundaries do no harm, whatever the pieces they come in."""
    content = b"\r\n--a-boundar\r\n--" + os.urandom(2_000) + b"\r\n--a-boundaryx"
    body = form(part(content, 'form-data; name="cover"; filename="a.png"', "image/png"))

    def pieces() -> Iterator[bytes]:
        yield from (body[at : at + 3] for at in range(0, len(body), 3))

    headers = {**FORM, "transfer-encoding": "chunked"}
    assert 201 == (await client.request("PUT", f"{paper}/cover", body=pieces(), headers=headers)).status
    assert content == (await client.get(f"{paper}/cover")).body

"""Uploads that would be taken for something else than they are, and are refused before they do harm."""

from __future__ import annotations

import pytest

from crossbar.testing import Client, World

from .papers import FORM, PNG, blobs, form, part, send


@pytest.fixture
async def client(papers: World) -> Client:
    """The administrator of an account."""
    return await papers.client("customer")


@pytest.mark.parametrize(
    ("headers", "status", "word"),
    [
        ({"content_range": "bytes 5-9/10"}, 400, "bad_header"),
        ({"content_encoding": "gzip"}, 415, "unsupported_media_type"),
        ({"content_transfer_encoding": "quoted-printable"}, 415, "unsupported_media_type"),
    ],
    ids=["a part", "compressed", "quoted"],
)
async def test_not_the_file_itself(client: Client, paper: str, headers: dict[str, str], status: int, word: str) -> None:
    """A part, and what is encoded in another way, would destroy the file that is there."""
    await send(client, f"{paper}/cover", PNG, "image/png")
    response = await send(client, f"{paper}/cover", PNG[:10], "image/png", **headers)
    assert (status, word) == (response.status, response.json()["message"])
    assert PNG == (await client.get(f"{paper}/cover")).body


@pytest.mark.parametrize("content_type", ["", "application/x-www-form-urlencoded"], ids=["unsaid", "curl's own"])
async def test_what_curl_sends(client: Client, paper: str, content_type: str) -> None:
    """A file that is said to be a form is refused with the types that are taken; one without a type is looked at."""
    response = await client.request("PUT", f"{paper}/cover", body=PNG, headers={"content-type": content_type})
    assert (415 if content_type else 201) == response.status
    if content_type:
        assert "image/*" in response.data["message"]


@pytest.mark.parametrize("name", ["..%2Fq.pdf", "%2e%2e", "%20", "a%22b.pdf", "a%0Ab", "y" * 250, "x%2Fy"])
async def test_names_in_the_path(client: Client, paper: str, name: str, papers: World) -> None:
    """A name in the path is one under which a client may keep the file, or none at all."""
    response = await send(client, f"{paper}/pages/{name}", b"x", "text/plain", "PUT")
    assert response.status in (400, 404), response.data
    assert 0 == await blobs(papers)


async def test_a_name_in_the_path_is_kept(client: Client, paper: str) -> None:
    """A file that is sent to a name has that name, unless another one is given."""
    assert "new.txt" == (await send(client, f"{paper}/pages/new.txt", b"x", "text/plain", "PUT")).data["file_name"]
    sent = await send(client, f"{paper}/pages/other.txt", b"x", "text/plain", "PUT", x_file_name="mine.txt")
    assert ("other.txt", "mine.txt") == (sent.data["id"], sent.data["file_name"])


async def test_how_large_a_file_in_a_form_may_be(client: Client, paper: str) -> None:
    """The limit that is told is that of the file, whatever else the form holds."""
    body = form(part(b"x" * 90_000, 'form-data; name="cover"; filename="a.png"', "image/png"))
    response = await client.request("PUT", f"{paper}/cover", body=body, headers=FORM)
    assert (413, 5_000) == (response.status, response.data["file"]["maxSize"]["target"])


@pytest.mark.parametrize("word", ["verb", "auth_token", "accept"])
async def test_words_that_come_too_late(client: Client, word: str) -> None:
    """Who asks for what is settled before a form is read, so that it cannot say so."""
    json = b'{"data":{"title":"x"},"%s":"DELETE"}' % word.encode()
    body = form(part(json, 'form-data; name="json"', "application/json"))
    response = await client.request("PUT", "/account/papers", body=body, headers=FORM)
    assert (400, "bad_multipart") == (response.status, response.json()["message"])


async def test_a_preamble(client: Client, paper: str) -> None:
    """What stands before the first boundary means nothing (RFC 2046, 5.1.1)."""
    body = b"This is a message in several parts.\r\n" + form(part(PNG, 'x; filename="a.png"', "image/png"))
    assert 201 == (await client.request("PUT", f"{paper}/cover", body=body, headers=FORM)).status
    assert PNG == (await client.get(f"{paper}/cover")).body
    assert 400 == (await client.request("PUT", f"{paper}/cover", body=b"x" * 10_000, headers=FORM)).status


async def test_two_files_of_one_second(client: Client, paper: str) -> None:
    """A download that goes on by the time of a file never gets the rest of another one."""
    await send(client, f"{paper}/cover", b"a" * 100, "image/png")
    told = (await client.get(f"{paper}/cover")).headers["last-modified"]
    await send(client, f"{paper}/cover", b"b" * 100, "image/png")
    response = await client.get(f"{paper}/cover", headers={"range": "bytes=50-", "if-range": told})
    assert (200, b"b" * 100) == (response.status, response.body)

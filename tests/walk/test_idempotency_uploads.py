"""`Idempotency-Key` on uploads: the same files are kept once, others are another request."""

from __future__ import annotations

import asyncio

import pytest

from crossbar.testing import Client, Response, World

from .papers import BOUNDARY, FORM, PNG, blobs, form, part, send
from .test_idempotency import keyed, same
from .tools import refused

COVER = 'form-data; name="cover"; filename="a.png"'


@pytest.fixture
async def client(papers: World) -> Client:
    """The administrator of an account."""
    return await papers.client("customer")


async def created(client: Client, key: dict[str, str], content: bytes, boundary: str = BOUNDARY) -> Response:
    """Make a paper with a cover, in one request."""
    body = form(
        part(b'{"data":{"title":"One"}}', "form-data", "application/json"), part(content, COVER, "image/png")
    ).replace(BOUNDARY.encode(), boundary.encode())
    headers = FORM | {"content-type": f"multipart/form-data; boundary={boundary}"} | key
    return await client.request("PUT", "/account/papers", body=body, headers=headers)


async def test_a_document_with_a_file(client: Client, papers: World) -> None:
    """Sent again, with another boundary as clients make them, it makes nothing, and leaves no bytes."""
    key = keyed()
    first = await created(client, key, PNG)
    again = await created(client, key, PNG, "another-boundary")
    assert (201, True, "true") == (first.status, same(first, again), again.headers["idempotency-replayed"])
    refused(await created(client, key, PNG + b"x"), 409, "idempotency_key_reused")
    assert (1, 1) == (len((await client.get("/account/papers")).data), await blobs(papers))
    got = await client.get(f"/account/papers/{first.data['id']}/cover")
    assert (200, PNG) == (got.status, got.body)


async def test_at_once(client: Client, papers: World) -> None:
    """Of twenty duplicates one makes the document, with one file."""
    key = keyed()
    answers = await asyncio.gather(*(created(client, key, PNG) for _ in range(20)))
    assert ([], 201) == ([each.body for each in answers if not same(answers[0], each)], answers[0].status)
    assert (1, 1) == (len((await client.get("/account/papers")).data), await blobs(papers))


async def test_a_file_of_a_document(client: Client, paper: str, papers: World) -> None:
    """A file that is put to a document goes in once; the same file under another name is another request."""
    headers = {"idempotency_key": "cover", "x_file_name": "front.png"}
    first = await send(client, f"{paper}/cover", PNG, "image/png", "PUT", **headers)
    await send(client, f"{paper}/cover", PNG * 2, "image/png", "PUT")
    again = await send(client, f"{paper}/cover", PNG, "image/png", "PUT", **headers)
    assert (201, True) == (first.status, same(first, again))
    assert PNG * 2 == (await client.get(f"{paper}/cover")).body
    other = await send(client, f"{paper}/cover", PNG, "image/png", "PUT", **headers | {"x_file_name": "back.png"})
    refused(other, 409, "idempotency_key_reused")
    assert 1 == await blobs(papers)

"""Speeches: one story, told in each dialect by the same test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from crossbar import Noun
from crossbar.errors import CrossbarError
from crossbar.testing import Call, Client, CrossbarSpeech, Named, Response, small_world

from .bare import BareDialect as Bare
from .bare import BareSpeech

SPEECHES: dict[str, dict[str, Any]] = {
    "crossbar": {"prefix": "/v2", "speech": CrossbarSpeech()},
    "bare": {"prefix": "/bare", "speech": BareSpeech()},
}


@pytest.fixture(params=SPEECHES)
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """Give a client that speaks each of the dialects that the application understands."""
    world = await small_world(dialects=[Bare()])
    yield await world.client("customer", **SPEECHES[request.param])
    await world.app.stop()


async def test_the_life_of_a_document(client: Client) -> None:
    """Every operation can be told in every dialect, and leaves the same in the store."""
    made = await client.create("account", "devices", body={"name": "Desk", "note": "first"})
    device = ("devices", made.document["id"])
    assert (201, "Desk") == (made.status, made.document["name"])
    assert "first" == (await client.read("account", device)).document["note"]
    patched = await client.patch("account", device, body={"note": "second"})
    assert ("Desk", "second") == (patched.document["name"], patched.document["note"])
    replaced = await client.replace("account", device, body={"name": "Door"})
    assert ("Door", None) == (replaced.document["name"], replaced.document.get("note"))
    assert ["Door"] == [row["name"] for row in (await client.find("account", "devices")).documents]
    kept = await client.app.store.get("c0" * 16, "devices", device[1])
    assert kept is not None
    assert ("Door", 3) == (kept.data()["name"], kept.revision)
    assert 200 == (await client.delete("account", device)).status
    assert [] == (await client.find("account", "devices")).documents


async def test_an_error_and_its_word(client: Client) -> None:
    """The word of an error can be had, and asking an error for a document is an error that shows it."""
    response = await client.read("account", ("devices", "nowhere"))
    assert (404, "bad_identifier") == (response.status, response.word)
    for wanted in ("document", "documents"):
        with pytest.raises(CrossbarError, match=r"refused with 404: .*bad_identifier"):
            getattr(response, wanted)
    assert "" == (await client.find("account", "devices")).word


async def made(client: Client, count: int) -> set[str]:
    """Make some devices, and give their names."""
    names = {f"Device {number}" for number in range(count)}
    for name in names:
        assert 201 == (await client.create("account", "devices", body={"name": name})).status
    return names


@pytest.mark.parametrize(("count", "sizes"), [(0, [0]), (3, [3]), (4, [3, 1]), (7, [3, 3, 1])])
async def test_pages(client: Client, count: int, sizes: list[int]) -> None:
    """Following the pages shows everything once, page by page or all together."""
    names = await made(client, count)
    pages = [page async for page in client.pages("account", "devices", page_size=3)]
    every = await client.every("account", "devices", page_size=3)
    assert sizes == [len(page.documents) for page in pages]
    assert sorted(names) == sorted(row["name"] for row in every)


async def test_pages_that_are_filtered(client: Client) -> None:
    """Words of the query go along from page to page."""
    await made(client, 4)
    query = {"filter_name": "Device 1"}
    assert ["Device 1"] == [row["name"] for row in await client.every("account", "devices", page_size=1, query=query)]


async def test_a_page_that_is_refused(client: Client) -> None:
    """A walk over pages ends with an error if one of them is refused, and never looks like a short listing."""
    with pytest.raises(CrossbarError, match="refused with 404"):
        await client.every(("accounts", "f" * 32), "devices")


@pytest.mark.parametrize(
    ("nouns", "path"),
    [
        pytest.param(("devices",), "/devices", id="a name"),
        pytest.param((("accounts", "A"), "devices"), "/accounts/A/devices", id="with an argument"),
        pytest.param((Noun("files", ("a b", "c/d", "ü")),), "/files/a%20b/c%2Fd/%C3%BC", id="a noun, encoded"),
        pytest.param((("registrations", "C", "sync"),), "/registrations/C/sync", id="an action"),
    ],
)
async def test_nouns_as_paths(nouns: tuple[Named, ...], path: str) -> None:
    """Nouns are written as a path in which every argument is one segment."""
    seen: list[bytes] = []

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.append(scope["raw_path"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    await Client(app).read(*nouns)
    assert [f"/v2{path}".encode()] == seen


async def test_verbs_and_operations(client: Client) -> None:
    """`patch` and `delete` take a path, which begins with a slash, as well as nouns."""
    made = await client.create("account", "devices", body={"name": "Desk"})
    id = made.document["id"]
    assert "Door" == (await client.patch(f"/account/devices/{id}", {"name": "Door"})).document["name"]
    assert 200 == (await client.delete(f"/account/devices/{id}")).status


async def test_a_dialect_that_goes_round_in_circles() -> None:
    """A page that is said to follow itself is an error, not a walk without end."""

    class Circling(CrossbarSpeech):
        def following(self, call: Call, response: Response) -> Call | None:
            return replace(call)

    world = await small_world()
    client = await world.client("customer", speech=Circling())
    with pytest.raises(CrossbarError, match="that page again"):
        await client.every("account", "devices")
    await world.app.stop()

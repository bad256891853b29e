"""JSONP: a JSON answer as a script, where the operator has allowed it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from crossbar import Context, Endpoint, Stream
from crossbar.jsonp import WORD
from crossbar.testing import Client, Response, World, small_world

from .tools import SETTINGS, Crashing, refused

SCRIPT = re.compile(rb"/\*\*/([\w$.]+)\((.*)\);", re.DOTALL)


class Quoting(Endpoint):
    """An endpoint whose answer has characters that end a line of an old script."""

    name = "quoting"
    anywhere = True

    async def find(self, ctx: Context) -> list[str]:
        """Answer with them."""
        return ["\u2028", "\u2029", "</script>", "b\u00fccher"]

    async def replace(self, ctx: Context) -> Stream:
        """Answer with text."""

        async def pieces() -> AsyncIterator[bytes]:
            yield b"text"

        return Stream(pieces(), "text/plain")


@pytest.fixture(scope="module")
async def scripted() -> AsyncIterator[World]:
    """An application that answers with scripts."""
    settings = replace(SETTINGS, server=replace(SETTINGS.server, jsonp=True))
    world = await small_world(settings=settings, endpoints=[Quoting(), Crashing()])
    yield world
    await world.app.stop()


@pytest.fixture
async def client(scripted: World) -> Client:
    """A client of it."""
    return await scripted.client("reseller")


def called(response: Response) -> tuple[str, object]:
    """The function that a script calls, and what with."""
    found = SCRIPT.fullmatch(response.body)
    assert found is not None, response.body
    assert ("application/javascript; charset=utf-8", "nosniff") == (
        response.headers["content-type"],
        response.headers["x-content-type-options"],
    )
    return found[1].decode(), json.loads(found[2])


@pytest.mark.parametrize("name", ["f", "_", "$", "jQuery1_2", "Angular.callbacks._0", "x" * 64])
async def test_a_script(client: Client, name: str) -> None:
    """The function that the page names is called with the envelope."""
    response = await client.get("/about", headers={})
    told = response.json()
    function, value = called(await client.get(f"/about?jsonp={name}"))
    assert isinstance(value, dict)
    assert (name, told["data"], "success") == (function, value["data"], value["status"])


async def test_the_token_in_the_address(scripted: World, client: Client) -> None:
    """A script cannot send header fields; its token stands in the query."""
    function, value = called(await Client(scripted.app).get(f"/about?jsonp=f&auth_token={client.token}"))
    assert "f" == function
    assert isinstance(value, dict)


async def test_line_ends_of_old_scripts(client: Client) -> None:
    """What JSON may hold and an old script may not is escaped; all else is as it was."""
    response = await client.get("/quoting?jsonp=f")
    assert not re.search(rb"\xe2\x80[\xa8\xa9]", response.body)
    value = called(response)[1]
    assert isinstance(value, dict)
    assert ["\u2028", "\u2029", "</script>", "b\u00fccher"] == value["data"]


async def test_how_long_it_is(client: Client) -> None:
    """HEAD tells the same as GET."""
    got, head = [await client.request(method, "/quoting?jsonp=f") for method in ("GET", "HEAD")]
    for name in ("content-type", "content-length"):
        assert got.headers[name] == head.headers[name]
    assert (b"", str(len(got.body))) == (head.body, got.headers["content-length"])


BAD = [
    "",
    "1",
    "a-b",
    "a b",
    "a(",
    "alert(1)//",
    "a;b",
    "a[0]",
    "a..b",
    ".a",
    "a.",
    "x" * 65,
    "a\n",
    "\u00fc",
    "a<",
    "*/",
]


@pytest.mark.parametrize("name", BAD)
async def test_names_that_are_none(client: Client, name: str) -> None:
    """What is no name of a function is refused, before anything is done, and nothing of it is run."""
    response = await client.get("/about", query={"jsonp": name})
    refused(response, 400, "bad_query")


async def test_refusals_are_no_scripts(client: Client) -> None:
    """A refusal keeps its status and stays JSON: a browser runs no script that comes with it."""
    for path, status in (("/nothing?jsonp=f", 404), ("/crashing?jsonp=f", 500)):
        refused(await client.get(path), status)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/accounts/{}/users?jsonp=f&accept=csv"), ("POST", "/quoting?jsonp=f")]
)
async def test_only_json_that_is_read(scripted: World, client: Client, method: str, path: str) -> None:
    """Other media types, and whatever changes something, are answered as ever."""
    response = await client.request(method, path.format(scripted.reseller), {} if method == "POST" else None)
    assert 200 == response.status
    assert response.headers["content-type"].startswith(("text/csv", "text/plain"))
    assert not response.body.startswith(b"/**/")


async def test_a_tunnelled_verb(client: Client) -> None:
    """A POST that stands for a GET is no script's request."""
    response = await client.post("/about?jsonp=f&verb=GET", {})
    assert (200, "application/json") == (response.status, response.headers["content-type"])


async def test_it_is_off_by_default(own_world: World) -> None:
    """Otherwise the word is any word that nobody knows, whatever it names."""
    client = await own_world.client("reseller")
    for name in ("f", "alert(1)"):
        response = await client.get("/about", query={WORD: name})
        assert (200, "application/json") == (response.status, response.headers["content-type"])

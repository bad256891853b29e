"""The header fields that every response carries, what may stand in their place, and what can never get into one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from msgspec.structs import replace

from crossbar import BadRequest, Blob, Context, Document, Endpoint, Reply, Resource, Stream, created
from crossbar.fields import SECURE
from crossbar.settings import Cors
from crossbar.testing import Client, Response, World, small_world

from .tools import SETTINGS, Away, Crashing, body_fields, refused, token_field, wire, wrapped

ALL = {name.decode(): value.decode() for name, value in SECURE}


class Own(Endpoint):
    """An endpoint whose answers bring header fields of their own."""

    name = "own"
    anywhere = True

    async def find(self, ctx: Context) -> Reply:
        """Bring what the query says."""
        name, value = ctx.query["name"], ctx.query["value"]
        return Reply({"here": True}, headers=((name.encode("latin-1"), value.encode("latin-1")),))

    async def create(self, ctx: Context) -> None:
        """Refuse with what the body says."""
        raise BadRequest("no", headers=((b"x-told", ctx.body["told"].encode("latin-1")),))

    async def replace(self, ctx: Context) -> Reply:
        """Bring what is no header field at all."""
        return Reply(None, headers=((b"x-number", 5),))  # type: ignore[arg-type]


class Sounds(Endpoint):
    """An endpoint with something to be heard."""

    name = "sounds"
    anywhere = True

    async def find(self, ctx: Context) -> Blob:
        """Be heard in the browser."""
        return Blob(b"RIFF", "audio/wav", "a.wav", inline=True)

    async def create(self, ctx: Context) -> Stream:
        """Say something piece by piece."""

        async def pieces() -> AsyncIterator[bytes]:
            yield b"a"

        return Stream(pieces(), "text/plain")


class Odd(Resource):
    """A resource whose ids are what its clients say."""

    name = "odd"

    async def create(self, ctx: Context) -> Any:
        """Make something with an odd id."""
        return created(Document.of(ctx.home(), "odd", ctx.body["called"], {}, ctx.now))


@pytest.fixture(scope="module")
async def edge() -> AsyncIterator[World]:
    """An application with such endpoints, and pages of one other site."""
    settings = replace(SETTINGS, cors=Cors(("https://app.example.com",)), server=replace(SETTINGS.server, jsonp=True))
    world = await small_world(settings=settings, endpoints=[Own(), Sounds(), Odd(), Crashing(), Away()])
    yield world
    await world.app.stop()


@pytest.fixture
async def client(edge: World) -> Client:
    """A client of it."""
    return await edge.client("reseller")


def secured(response: Response) -> None:
    """Make sure that a response has all of them, once."""
    for name, value in ALL.items():
        assert [value] == response.values(name), name


# On every response.

EVERYWHERE = [
    pytest.param("GET", "/about", 200, id="200"),
    pytest.param("HEAD", "/about", 200, id="head"),
    pytest.param("OPTIONS", "/about", 204, id="204"),
    pytest.param("PUT", "/sounds", 201, id="stream"),
    pytest.param("GET", "/nothing", 404, id="404"),
    pytest.param("DELETE", "/about", 405, id="405"),
    pytest.param("GET", "/crashing", 500, id="500"),
    pytest.param("PUT", "/crashing", 500, id="no json"),
    pytest.param("GET", "/away", 503, id="503"),
    pytest.param("GET", "/about?%ff", 400, id="400"),
    pytest.param("GET", "/about?" + "x" * 9000, 414, id="414"),
]


@pytest.mark.parametrize(("method", "path", "status"), EVERYWHERE)
async def test_every_response(client: Client, method: str, path: str, status: int) -> None:
    """Answers and refusals alike carry the same fields, each once."""
    response = await client.request(method, path)
    assert status == response.status
    secured(response)


async def test_without_a_token(client: Client) -> None:
    """So does the 401."""
    response = await Client(client.app).get("/about")
    assert 401 == response.status
    secured(response)


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_health(edge: World, path: str) -> None:
    """So do the health checks."""
    secured(await wire(edge.app, "GET", path.encode()))


async def test_not_modified(client: Client, edge: World) -> None:
    """So does a 304."""
    path = f"/accounts/{edge.reseller}"
    tag = (await client.get(path)).headers["etag"]
    response = await client.get(path, headers={"if-none-match": tag})
    assert 304 == response.status
    secured(response)


def test_no_page_is_let_in() -> None:
    """Nothing of an answer runs, loads or is framed, and its address is not passed on."""
    policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    assert [policy, "no-referrer", "nosniff", "no-store"] == [
        ALL["content-security-policy"],
        ALL["referrer-policy"],
        ALL["x-content-type-options"],
        ALL["cache-control"],
    ]


# What a response brings itself.


@pytest.mark.parametrize("name", ALL)
async def test_what_an_answer_brings_itself(client: Client, name: str) -> None:
    """A field of the endpoint's stands in the place of ours, and the others are there all the same."""
    response = await client.get(f"/own?name={name.upper()}&value=mine")
    assert ["mine"] == response.values(name)
    for other in ALL.keys() - {name}:
        assert [ALL[other]] == response.values(other)


@pytest.mark.parametrize(("value", "depends"), [("private, max-age=60", True), ("private, no-store", False)])
async def test_what_may_be_kept(client: Client, value: str, depends: bool) -> None:
    """What a cache may keep says what it depends on; what it may not does not take up room with that."""
    response = await client.get(f"/own?name=cache-control&value={quote(value)}")
    named = {"accept", "accept-encoding", "authorization", "x-auth-token"} if depends else set()
    assert named | {"origin"} == {part.strip().lower() for part in response.headers["vary"].split(",")}


async def test_what_it_depends_on_is_told_once(client: Client) -> None:
    """An endpoint's own `Vary` is added to, not repeated."""
    response = await client.get("/own?name=vary&value=Cookie,origin")
    assert ["Cookie,origin"] == response.values("vary")
    assert ["*"] == (await client.get("/own?name=vary&value=*")).values("vary")


async def test_a_file_may_be_kept(client: Client) -> None:
    """A file that a browser may keep says so itself, and is heard there."""
    response = await client.get("/sounds")
    assert ("audio/wav", b"RIFF") == (response.headers["content-type"], response.body)
    assert 1 == len(response.values("cache-control"))
    assert 1 == len(response.values("content-security-policy"))


# What can never get in: line ends, in every form that somebody has found useful.

BREAKS = [
    "\r\nx-injected: yes",
    "\nx-injected: yes",
    "\rx-injected: yes",
    "\r\n\r\n<script>",
    "\n\n<script>",
    "\r\n x-injected: yes",
    "\r\n\tx-injected: yes",
    "\0x-injected: yes",
    "\x0bx-injected: yes",
    "\x0cx-injected: yes",
    "\x1b[31mx-injected: yes",
    "\x85x-injected: yes",
    "%0d%0ax-injected: yes",
    "%0ax-injected:%20yes",
    "%250d%250ax-injected: yes",
    "%E5%98%8A%E5%98%8Dx-injected: yes",
    "\u560a\u560dx-injected: yes",
    "\u2028x-injected: yes",
    "\u2029x-injected: yes",
    "\\r\\nx-injected: yes",
    "%5cr%5cnx-injected: yes",
    "%u000dx-injected: yes",
    "\r\nset-cookie: a=b\r\n",
    "\x7fx-injected: yes",
]
BREAK = pytest.mark.parametrize("text", BREAKS, ids=range(len(BREAKS)))


def whole(response: Response) -> None:
    """Make sure that no field holds or is what somebody put there."""
    assert {"x-injected", "set-cookie"}.isdisjoint(response.headers)
    for name, value in response.fields:
        assert name.isascii()
        assert value.isprintable(), (name, value)
        assert value.isascii()


PLACES = ["x-file-name", "x-request-id", "origin", "accept", "accept-encoding", "if-none-match", "x-auth-token"]


@BREAK
@pytest.mark.parametrize("place", PLACES)
async def test_fields_that_are_reflected(edge: World, client: Client, place: str, text: str) -> None:
    """Header fields of a request, however they came through a server that lets them."""
    fields = [(place.encode(), f"a{text}".encode()), (b"accept", b"text/csv")]
    if place == "accept":
        fields.pop()
    if place != "x-auth-token":
        fields.append(token_field(client))
    response = await wire(edge.app, "GET", f"/v2/accounts/{edge.reseller}/users".encode(), fields)
    assert response.status < 500
    whole(response)


@BREAK
@pytest.mark.parametrize("word", ["file_name", "jsonp", "start_key", "accept", "auth_token"])
async def test_words_that_are_reflected(edge: World, client: Client, word: str, text: str) -> None:
    """Words of the query, decoded as they are."""
    path = f"/v2/accounts/{edge.reseller}/users?accept=csv&{word}={quote('a' + text, safe='%')}"
    response = await wire(edge.app, "GET", path.encode(), [token_field(client)])
    assert response.status < 500
    whole(response)


@BREAK
async def test_paths_that_are_reflected(edge: World, client: Client, text: str) -> None:
    """The path of a request, which `Location` begins with, and the id that it ends with."""
    body = wrapped({"called": f"a{text}"})
    fields = [token_field(client), *body_fields(body)]
    made = await wire(edge.app, "PUT", f"/v2/accounts/{edge.reseller}/odd".encode(), fields, [body])
    assert 201 == made.status
    whole(made)
    assert made.headers["location"].startswith(f"/v2/accounts/{edge.reseller}/odd/a")
    assert 5 == made.headers["location"].count("/")
    path = f"/v2/accounts/{edge.reseller}/odd/{text}".encode()
    whole(await wire(edge.app, "PUT", path, fields, [body]))


FORBIDDEN = [text for text in BREAKS if any(each in text for each in "\r\n\0\x0b\x0c\x1b\x7f")]


@pytest.mark.parametrize("text", FORBIDDEN)
async def test_fields_of_an_endpoint(client: Client, edge: World, text: str) -> None:
    """An endpoint that lets one in has a fault, which is answered as any other."""
    for query in (f"name=x-told&value={quote(text)}", f"name={quote('x' + text)}&value=a"):
        response = await client.get(f"/own?{query}")
        refused(response, 500)
        whole(response)


@pytest.mark.parametrize("text", FORBIDDEN)
async def test_fields_of_a_refusal(client: Client, text: str) -> None:
    """So has one that refuses with it."""
    response = await client.put("/own", {"told": text})
    refused(response, 500)
    whole(response)


async def test_fields_that_are_none(client: Client) -> None:
    """What is no bytes is no header field."""
    refused(await client.post("/own", {}), 500)
    assert "fine" == (await client.put("/own", {"told": "fine"})).headers["x-told"]

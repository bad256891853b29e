"""Where an application is mounted: what it takes for its own part of the path, and the links that it makes."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from crossbar import Mounted
from crossbar.testing import Client

from .endpoints import made
from .hosts import Host

# Where an application is mounted, and what a proxy has taken off the path before: the server puts it back and tells it
# as `root_path` (ASGI).
PLACES = [
    pytest.param(("/api", ""), id="a word"),
    pytest.param(("/a/b", "/proxy"), id="two words behind a proxy"),
    pytest.param(("/höhe x", ""), id="to be encoded"),
    pytest.param(("/v2", "/v2"), id="like a version"),
    pytest.param(("/v2/things", "/k öln/b"), id="like a path of its own"),
    pytest.param(("/a.c~d", "/proxy/b"), id="with marks"),
]


@pytest.fixture(params=PLACES)
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Every place in turn, with its proxy."""
    found: tuple[str, str] = request.param
    return found


@pytest.fixture
def place(pair: tuple[str, str]) -> str:
    """The place where the application is mounted."""
    return pair[0]


@pytest.fixture
def proxy(pair: tuple[str, str]) -> str:
    """What a proxy has taken off the path."""
    return pair[1]


@pytest.fixture
def client(host: Host, place: str, proxy: str) -> Client[Any]:
    """A client whose paths are below the place of an application."""
    return Client(host({place: made(child=child())}), prefix=f"{place}/v2", root_path=proxy)


def child() -> Starlette:
    """An application with a link to a route of its own."""

    async def leaf(request: Request) -> JSONResponse:
        return JSONResponse({"link": str(request.url_for("leaf", name="é/1")), "root": request.scope["root_path"]})

    return Starlette(routes=[Route("/leaf/{name:path}", leaf, name="leaf")])


def below(client: Client[Any], location: str) -> str:
    """A link, as somebody follows it who is behind the proxy as well: the client puts the proxy's part before it."""
    before = quote(client.root_path)
    assert location.startswith(f"{before}/"), location
    return "//" + location.removeprefix(before).removeprefix("/")


# What is below.


async def test_the_place_is_known(client: Client[Any], place: str, proxy: str) -> None:
    """The application knows where it is mounted, and its own part of the path as the client wrote it."""
    assert {"root": quote(proxy + place, safe="/"), "path": "/v2/things"} == (await client.get("/things")).data


@pytest.mark.parametrize(
    ("written", "id"),
    [
        pytest.param("D", "D", id="plain"),
        pytest.param("a%2Fb", "a/b", id="an encoded slash"),
        pytest.param("%C3%A9%20x", "é x", id="another script"),
        pytest.param("é", "é", id="not encoded"),
        pytest.param("100%25", "100%", id="a percent sign"),
        pytest.param("%252F", "%2F", id="encoded twice"),
        pytest.param("a+b", "a+b", id="a plus sign"),
        pytest.param("D/", "D", id="a slash at the end"),
    ],
)
async def test_tokens(client: Client[Any], written: str, id: str) -> None:
    """Each token is decoded once, and no more, wherever the application is mounted."""
    response = await client.get(f"/things/{written}")
    assert (200, {"id": id}) == (response.status, response.data)


async def test_a_slash_at_the_end(client: Client[Any]) -> None:
    """A path may end with a slash."""
    assert 200 == (await client.get("/things/")).status


@pytest.mark.parametrize(
    "path", ["/apix/v2/things", "/apiv2/things", "/ap/v2/things", "/v2/things", "/x/api/v2/things"]
)
async def test_no_more_than_its_own(host: Host, path: str) -> None:
    """A path that only looks like one below the place is not the application's."""
    client = Client(host({"/api": made()}), prefix="")
    # NOTE: Litestar hands over every path that begins with the letters of the place; that is a malformed one here.
    assert (await client.get(path)).status in ((400, 404) if host.name == "litestar" else (404,))
    assert 200 == (await client.get("/api/v2/things")).status


@pytest.mark.parametrize("written", ["/a%2Fb/v2/things/1", "/%61/b/v2/things/1", "/a/%62%2Fv2/things%2F1"])
async def test_the_place_in_other_letters(host: Host, written: str) -> None:
    """However a client spells the place, the rest is what the host has seen, no more and no less."""
    client = Client(host({"/a/b": made()}), prefix="")
    assert (200, {"id": "1"}) == ((await client.get(written)).status, (await client.get(written)).data)


async def test_no_way_around_the_host(host: Host) -> None:
    """A path that the host takes for another one is not served as if it were the application's."""
    client = Client(host({"/a/b": made()}), prefix="")
    assert 404 == (await client.get("/a%2Fb/other/v2/things")).status


async def test_health(client: Client[Any], place: str) -> None:
    """The health checks are below the place, too."""
    assert [200, 200] == [(await client.get(f"/{place}/{check}")).status for check in ("livez", "readyz")]


# Links.


async def test_where_a_document_is(client: Client[Any]) -> None:
    """`Location` of a new document leads to it, from wherever the client stands."""
    made = await client.create("notes", body={"text": "hello"})
    found = await client.get(below(client, made.headers["location"]))
    assert (201, 200, "hello") == (made.status, found.status, found.data["text"])


async def test_a_place_told_by_nouns(client: Client[Any]) -> None:
    """`Location` of a reply that names nouns leads to them, and their arguments are encoded."""
    made = await client.put("/things", {})
    assert made.headers["location"].endswith("/v2/things/%C3%A9%2F1")
    assert {"id": "é/1"} == (await client.get(below(client, made.headers["location"]))).data


async def test_pages_go_on(client: Client[Any]) -> None:
    """A listing goes on from page to page."""
    for number in range(3):
        await client.create("notes", body={"number": number})
    assert 3 == len(await client.every("notes", page_size=2))


async def test_a_mounted_application(client: Client[Any], place: str, proxy: str) -> None:
    """An application mounted inside makes links to its own routes, which lead back to it."""
    told = (await client.get("/files/leaf/x%2Fy")).json()
    assert f"{proxy}{place}/v2/files" == told["root"]
    link = told["link"].removeprefix("http://testserver")
    assert told == (await client.get("//" + link.removeprefix(client.root_path).removeprefix("/"))).json()


# Hosts in hosts.


async def test_a_host_in_a_host(host: Host) -> None:
    """A host may be mounted in another one."""
    client = Client(Starlette(routes=[Mount("/outer", host({"/inner": made()}))]), prefix="/outer/inner/v2")
    assert {"root": "/outer/inner", "path": "/v2/things"} == (await client.get("/things")).data


async def test_crossbar_in_crossbar(host: Host) -> None:
    """An application may be a noun of another one, below a host."""
    inner = made()
    outer = made(Mounted("inner", inner, anywhere=True))
    client = Client(host({"/api": outer}), prefix="/api/v2/inner/v2")
    made_there = await client.put("/things", {})
    assert "/api/v2/inner/v2/things/%C3%A9%2F1" == made_there.headers["location"]
    assert {"id": "é/1"} == (await client.get("//" + made_there.headers["location"][1:])).data


async def test_fastapi_behind_a_proxy() -> None:
    """FastAPI's own `root_path`, which it tells though the path does not begin with it, comes before the place."""
    from fastapi import FastAPI

    with pytest.warns(match="root_path"):
        host = FastAPI(root_path="/proxy")
    host.mount("/api", made())
    client = Client(host, prefix="/api/v2")
    assert {"root": "/proxy/api", "path": "/v2/things"} == (await client.get("/things")).data

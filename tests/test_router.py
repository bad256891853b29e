"""The router alone: paths to nouns, nouns to methods, and nothing else of the framework loaded for that."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from crossbar import Answer, BadRequest, Context, Endpoint, NotFound, Noun, Registry, Target, action, tokenize
from crossbar.dispatch import Verbs
from crossbar.errors import MethodNotAllowed, RegistrationError


class Shelves(Endpoint):
    """Shelves, which everything else stands on."""

    name = "accounts"
    tenants = True

    async def find(self, ctx: Context) -> Answer:
        """All of them."""
        return ["shelves"]

    async def read(self, ctx: Context, id: str) -> Answer:
        """One of them."""
        return [id]


class Authors(Endpoint):
    """Authors, who are looked up one by one."""

    name = "authors"

    async def read(self, ctx: Context, id: str) -> Answer:
        """One of them."""
        return [id]

    async def resolve(self, ctx: Context, id: str) -> None:
        """Say that an author has an id."""


class Books(Endpoint):
    """Books, also those of an author."""

    name = "books"
    parents = {"authors": "author"}

    async def find(self, ctx: Context) -> Answer:
        """All of them."""
        return ["books"]

    async def create(self, ctx: Context) -> Answer:
        """A new one."""
        return ["created"]

    async def read(self, ctx: Context, id: str) -> Answer:
        """One of them."""
        return [id]

    async def delete(self, ctx: Context, id: str) -> Answer:
        """One fewer."""
        return ["deleted", id]

    @action("GET count")
    async def count(self, ctx: Context) -> Answer:
        """How many there are."""
        return [3]

    @action("POST {id}/loans/{reader}")
    async def lend(self, ctx: Context, id: str, reader: str) -> Answer:
        """Lend one."""
        return [id, reader]

    async def socket(self, ctx: Context, websocket: Any) -> None:
        """Talk about them."""


class Scans(Endpoint):
    """Scanned pages, in folders as deep as they like."""

    name = "scans"
    greedy = True

    async def read(self, ctx: Context, *path: str) -> Answer:
        """One of them."""
        return list(path)


ROUTER = Registry([Shelves(), Authors(), Books(), Scans()])


# What is found.


@pytest.mark.parametrize(
    ("method", "path", "operation", "nouns", "args"),
    [
        ("GET", "/books", "find", [("books", ())], ()),
        ("GET", "/v2/books", "find", [("books", ())], ()),
        ("GET", "/books/", "find", [("books", ())], ()),
        ("PUT", "/books", "create", [("books", ())], ()),
        ("GET", "/books/B", "read", [("books", ("B",))], ("B",)),
        ("GET", "/books/a%2Fb%20%C3%A9", "read", [("books", ("a/b é",))], ("a/b é",)),
        ("DELETE", "/books/B", "delete", [("books", ("B",))], ("B",)),
        ("GET", "/books/count", "count", [("books", ("count",))], ()),
        ("POST", "/books/B/loans/R", "lend", [("books", ("B", "loans", "R"))], ("B", "R")),
        ("GET", "/authors/A/books/B", "read", [("authors", ("A",)), ("books", ("B",))], ("B",)),
        ("GET", "/accounts/S/books", "find", [("accounts", ("S",)), ("books", ())], ()),
        ("GET", "/accounts/S/authors/A/books", "find", [("accounts", ("S",)), ("authors", ("A",)), ("books", ())], ()),
        ("GET", "/scans/books/B/1", "read", [("scans", ("books", "B", "1"))], ("books", "B", "1")),
        ("HEAD", "/books/B", "read", [("books", ("B",))], ("B",)),
    ],
)
def test_what_is_found(method: str, path: str, operation: str, nouns: list[Any], args: tuple[str, ...]) -> None:
    """A method and a path lead to the nouns, to the method of an endpoint, and to its arguments."""
    found = ROUTER.match(method, path)
    assert (operation, [Noun(*noun) for noun in nouns], args) == (found.operation, list(found.nouns), found.args)
    assert found.nouns[-1].name == found.endpoint.name
    assert ("v2" if path.startswith("/v2") else None) == found.version


@pytest.mark.parametrize("path", ["/v2/books/B", b"/books/B", "/v2/books/%42", "/v2/books/B/"])
async def test_it_is_ready_to_be_called(path: str | bytes) -> None:
    """What was found is called with whatever its methods take for the first argument."""
    found = ROUTER.match("GET", path)
    assert ["B"] == await found.call(None, *found.args)


def test_allow() -> None:
    """What else is answered at a place is told with what was found, as `Allow` has it."""
    assert "GET, HEAD, DELETE, OPTIONS" == ROUTER.match("GET", "/books/B").allow


@pytest.mark.parametrize(
    ("path", "nouns"),
    [
        ("/account", (Noun("accounts", ("S",)),)),
        ("/v2/account/books/B", (Noun("accounts", ("S",)), Noun("books", ("B",)))),
        ("/accounts/T", (Noun("accounts", ("T",)),)),
    ],
)
def test_the_alias(path: str, nouns: tuple[Noun, ...]) -> None:
    """`account`, where a path begins with it, is whatever the caller says that it is."""
    assert nouns == ROUTER.match("GET", path, account="S").nouns


def test_a_wording_of_ones_own() -> None:
    """Operations have the verbs that somebody wants them to have; actions keep their own."""
    verbs = {"find": "GET", "create": "POST", "read": "GET", "replace": "PUT", "patch": "PATCH", "delete": "DELETE"}
    wording = Verbs("restful", verbs)
    assert ["create", "lend"] == [
        ROUTER.match("POST", path, wording=wording).operation for path in ("/books", "/books/B/loans/R")
    ]
    with pytest.raises(MethodNotAllowed) as refused:
        ROUTER.match("PUT", "/books", wording=wording)
    assert {"allow": "GET, HEAD, POST, OPTIONS"} == refused.value.details
    assert "create" == ROUTER.match("PUT", "/books").operation


# What is refused.


@pytest.mark.parametrize(
    ("path", "word", "told", "resolved"),
    [
        pytest.param("/boks", "not_found", "did you mean 'books'", [""], id="a slip of the pen"),
        pytest.param("/v2", "not_found", "names no endpoint", ["v2"], id="no noun"),
        pytest.param("/", "not_found", "names no endpoint", [""], id="nothing"),
        pytest.param("/books/B/C", "not_found", "nothing answers", ["", "books/B/C"], id="too deep"),
        pytest.param("/authors/books", "not_found", "nothing answers", ["", "authors"], id="an id that is missing"),
        pytest.param("/books/B/scans", "faulty_request", "not answer below", ["", "books/B", "scans"], id="no parent"),
    ],
)
def test_what_is_not_there(path: str, word: str, told: str, resolved: list[str]) -> None:
    """A refusal has a word for programs, a sentence for people, and how far the path resolved."""
    with pytest.raises(NotFound) as refused:
        ROUTER.match("GET", path)
    assert (word, True) == (refused.value.word, told in refused.value.message), refused.value.message
    assert {"resolved": resolved} == refused.value.details


def test_the_alias_of_nobody() -> None:
    """Without an account, the alias leads nowhere."""
    with pytest.raises(NotFound, match="stands for nobody"):
        ROUTER.match("GET", "/account")


@pytest.mark.parametrize(
    ("path", "told"), [("/books/%zz", "'%zz'"), ("/books/%FF", "UTF-8"), (b"/books/\xff", "UTF-8")]
)
def test_what_is_malformed(path: str | bytes, told: str) -> None:
    """A path that cannot be decoded is refused as such."""
    with pytest.raises(BadRequest, match=told) as refused:
        ROUTER.match("GET", path)
    assert "bad_path" == refused.value.word


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        pytest.param("PATCH", "/books/B", "GET, HEAD, DELETE, OPTIONS", id="another method"),
        pytest.param("OPTIONS", "/books", "GET, HEAD, PUT, OPTIONS", id="OPTIONS, which is answered from the same"),
        pytest.param("get", "/books", "GET, HEAD, PUT, OPTIONS", id="small letters"),
        pytest.param("SOCKET", "/books", "GET, HEAD, PUT, OPTIONS", id="no method leads to a WebSocket"),
    ],
)
def test_what_is_not_allowed(method: str, path: str, allow: str) -> None:
    """Where something else is answered, the refusal says what, for people and as a header field."""
    with pytest.raises(MethodNotAllowed) as refused:
        ROUTER.match(method, path)
    assert ({"allow": allow}, ((b"allow", allow.encode()),)) == (refused.value.details, refused.value.headers)


def test_two_of_a_name() -> None:
    """Two endpoints of one name are refused at once, both sides named."""
    with pytest.raises(RegistrationError, match=r"two endpoints are called 'books'.*tests\.test_router"):
        Registry([Books(), Books()])


def test_the_tokenizer_alone() -> None:
    """A path can be read without a registry, given the names."""
    target = tokenize("/v2/books/B/pages/7", {"books", "pages"})
    assert Target("v2", (Noun("books", ("B",)), Noun("pages", ("7",)))) == target


# What is loaded for it.

HEAVY = (
    *("argon2", "asyncio", "bson", "click", "jsonschema_rs", "jwt", "logging", "orjson", "pymongo", "rich", "socket"),
    *("sqlite3", "ssl", "starlette", "uvicorn", "aiohttp", "concurrent"),
)
ROUTE = """
    from crossbar import BadRequest, Endpoint, NotFound, Noun, Registry, Target, action, tokenize

    class Books(Endpoint):
        name = "books"
        async def read(self, ctx, id):
            return id
        @action("POST {id}/loans")
        async def lend(self, ctx, id):
            return id

    found = Registry([Books()]).match("GET", "/v2/books/B")
    try:
        found.call(None, *found.args).send(None)
    except StopIteration as returned:
        assert returned.value == "B"
    for path in ("/v2/nothing", "/v2/%zz"):
        try:
            Registry([Books()]).match("GET", path)
        except (NotFound, BadRequest):
            continue
        raise SystemExit(path)
"""


def loaded(script: str) -> tuple[set[str], set[str]]:
    """Give our files and the packages that a process has loaded after a script."""
    ending = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"{textwrap.dedent(script)}\n{ending}"], capture_output=True, text=True, check=True
    )
    modules = set(json.loads(done.stdout))
    ours = {name for name in modules if name.partition(".")[0] == "crossbar"}
    return ours, {name.partition(".")[0] for name in modules - ours}


def test_what_routing_loads() -> None:
    """Routing loads the router: no store, no authentication, no envelope, no dialect, no pipeline, no event loop."""
    ours, others = loaded(ROUTE)
    files = (
        *(
            "_version",
            "dispatch",
            "endpoint",
            "errors",
            "media",
            "media.types",
            "negotiation",
            "registry",
            "routes",
        ),
        *("settings", "settings.dialects", "settings.faults", "settings.gateway", "settings.loading", "settings.shape"),
        *("settings.stored", "settings.tables", "target"),
    )
    assert {"crossbar", *(f"crossbar.{file}" for file in files)} == ours
    assert set() == others & set(HEAVY)


def test_what_the_tokenizer_loads() -> None:
    """Whoever only reads paths pays for no more than that."""
    ours, others = loaded("from crossbar import tokenize; tokenize('/v2/books/B', {'books'})")
    assert {"crossbar", "crossbar._version", "crossbar.errors", "crossbar.target"} == ours
    assert set() == others & {*HEAVY, "msgspec"}


def test_what_the_package_loads() -> None:
    """`import crossbar` alone loads nothing."""
    ours, others = loaded("import crossbar")
    assert {"crossbar", "crossbar._version"} == ours
    assert set() == others & {*HEAVY, "msgspec"}


def test_what_the_application_loads() -> None:
    """The application itself loads no command line, no server, no database client and no page of the docs."""
    ours, others = loaded("from crossbar import Crossbar")
    rooms = ("crossbar.cli", "crossbar.testing", "crossbar.stores.sqlite", "crossbar.protocol", "crossbar.sockets")
    assert [] == sorted(name for name in ours if name.startswith(rooms))
    late = {"argon2", "bson", "click", "jwt", "pymongo", "rich", "sqlite3", "starlette", "uvicorn", "aiohttp"}
    assert set() == others & late

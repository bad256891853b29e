"""Renderers of plugins: other media types for pages, streams and documents, and how clients ask for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, ClassVar
from xml.sax.saxutils import escape

import orjson
import pytest
from msgspec.structs import replace

from crossbar import Body, Context, Document, Endpoint, Insert, Json, Options, Resource, Rows, Stream
from crossbar.errors import CrossbarError, RegistrationError
from crossbar.negotiation import CSV
from crossbar.testing import QUICK, Client, Response

from .tools import Maker, Packages, app_with, missing

NDJSON = "application/x-ndjson"


class Lines:
    """One JSON object a line."""

    media_type: ClassVar[str] = NDJSON
    content_type: ClassVar[str] = "application/x-ndjson; charset=utf-8"
    extension: ClassVar[str] = "ndjson"

    def piece(self, rows: Iterable[Body]) -> bytes:
        """The rows, line by line."""
        return b"".join(orjson.dumps(row) + b"\n" for row in rows)

    def end(self) -> bytes:
        """Nothing."""
        return b""


class Xml:
    """A document with a beginning and an end."""

    media_type: ClassVar[str] = "application/xml"
    content_type: ClassVar[str] = "application/xml"
    extension: ClassVar[str] = "xml"

    def __init__(self) -> None:
        self.begun = False

    def piece(self, rows: Iterable[Body]) -> bytes:
        """The rows, with the root element before the first of them."""
        lines = "".join(f"<row>{escape(str(row.get('name', '')))}</row>" for row in rows)
        opening, self.begun = "" if self.begun else "<rows>", True
        return f"{opening}{lines}".encode()

    def end(self) -> bytes:
        """The end of the root element, which must have begun."""
        return b"</rows>" if self.begun else b"<rows/>"


@pytest.fixture
async def client(make: Maker) -> Client:
    """An application with two renderers, and three devices."""
    client = await make.client(renderers=[Lines, Xml])
    names = ("a", "b & c", "d")
    made = [Document.of("c0" * 16, "devices", f"{at:032x}", {"name": name}, at) for at, name in enumerate(names)]
    await client.app.store.write([Insert(document) for document in made])
    return client


async def get(client: Client, accept: str, path: str = "/account/devices?ascending=true") -> Response:
    """The devices, in what the client accepts."""
    return await client.get(path, headers={"accept": accept})


async def test_a_page(client: Client) -> None:
    """A page is rendered whole, with the type and a file name of the renderer's."""
    lines, xml = await get(client, NDJSON), await get(client, "application/xml")
    assert ["a", "b & c", "d"] == [orjson.loads(line)["name"] for line in lines.body.splitlines()]
    assert b"<rows><row>a</row><row>b &amp; c</row><row>d</row></rows>" == xml.body
    assert ("application/x-ndjson; charset=utf-8", 'attachment; filename="result.ndjson"') == (
        lines.headers["content-type"],
        lines.headers["content-disposition"],
    )


async def test_a_stream(client: Client) -> None:
    """A whole listing is rendered piece by piece, by one object."""
    xml = await get(client, "application/xml", "/account/devices?paginate=false&ascending=true")
    assert b"<rows><row>a</row><row>b &amp; c</row><row>d</row></rows>" == xml.body


async def test_nothing_to_show(client: Client) -> None:
    """A listing without rows has its end only."""
    for path in ("/account/menus", "/account/menus?paginate=false"):
        assert (b"<rows/>", b"") == (
            (await get(client, "application/xml", path)).body.replace(b"<rows></rows>", b"<rows/>"),
            (await get(client, NDJSON, path)).body,
        )


async def test_one_document(client: Client) -> None:
    """A single document is one row; each response has a renderer of its own."""
    [row, *_] = (await client.get("/account/devices?ascending=true")).data
    for _ in range(2):
        one = await get(client, "application/xml", f"/account/devices/{row['id']}")
        assert b"<rows><row>a</row></rows>" == one.body


async def test_a_write(client: Client) -> None:
    """What is made is shown in the same way, with its status and place."""
    made = await client.put("/account/devices", {"name": "e"}, headers={"accept": "application/xml"})
    assert (201, b"<rows><row>e</row></rows>", True) == (made.status, made.body, "location" in made.headers)


async def test_refusals_are_the_dialects(client: Client) -> None:
    """An error is told in the dialect's form, whatever was asked for."""
    refused = await get(client, "application/xml", "/account/devices/nobody")
    assert (404, "application/json") == (refused.status, refused.headers["content-type"])


WANTED = [
    pytest.param("application/xml", "application/xml", id="one"),
    pytest.param("application/xml;q=0.5, application/x-ndjson", NDJSON, id="the better one"),
    pytest.param("application/xml;q=0.5, application/json;q=0.4", "application/xml", id="better than JSON"),
    pytest.param("application/xml;q=0.5, application/json", "application/json", id="worse than JSON"),
    pytest.param("application/*", "application/json", id="any of a kind: the endpoint's favourite"),
    pytest.param("application/json;q=0, application/*", NDJSON, id="any but JSON: the first that was given"),
    pytest.param("*/*", "application/json", id="anything"),
    pytest.param("text/csv", "text/csv", id="what there was before"),
    pytest.param("image/png", None, id="what nobody has"),
    pytest.param("application/xml;q=0", None, id="none at all"),
]


@pytest.mark.parametrize(("accept", "expected"), WANTED)
async def test_negotiation(client: Client, accept: str, expected: str | None) -> None:
    """A renderer's type takes part in the choice like any other; it is tried after those of the endpoint."""
    response = await get(client, accept)
    assert (406 if expected is None else 200) == response.status
    if expected is not None:
        assert expected == response.headers["content-type"].partition(";")[0]
    else:
        assert [] == missing(response.data["message"], NDJSON, "application/xml", "text/csv")


WORDS = [
    pytest.param("xml", "application/xml", id="the ending"),
    pytest.param("ndjson", NDJSON, id="another ending"),
    pytest.param("XML", "application/xml", id="in other letters"),
    pytest.param("application/xml", "application/xml", id="the type"),
    pytest.param("csv", "text/csv", id="Crossbar's own"),
    pytest.param("json", "application/json", id="JSON"),
    pytest.param("nonsense", "application/json", id="what nobody knows"),
]


@pytest.mark.parametrize(("word", "expected"), WORDS)
async def test_the_word_in_the_query(client: Client, word: str, expected: str) -> None:
    """`accept=xml` in the query asks for it as well, by the type or by the ending of a file, and counts more."""
    response = await client.get("/account/devices", query={"accept": word}, headers={"accept": "text/csv"})
    assert expected == response.headers["content-type"].partition(";")[0]


async def test_a_name_for_the_file(client: Client) -> None:
    """The client may name the file; the ending is the renderer's."""
    response = await client.get("/account/devices", query={"accept": "xml", "file_name": "all.csv"})
    assert 'attachment; filename="all.csv.xml"' == response.headers["content-disposition"]


async def test_an_endpoint_that_has_no_json(make: Maker) -> None:
    """An endpoint that answers in another form only is not rendered by others."""

    class Odd(Endpoint):
        name = "odd"
        provides = ("text/odd",)

        async def find(self, ctx: Context) -> Json:
            return 1

        async def render(self, ctx: Context, answer: Any) -> bytes:
            return b"odd"

    client = await make.client(endpoints=[Odd()], renderers=[Xml])
    answers = [await get(client, accept, "/account/odd") for accept in ("text/odd", "application/xml")]
    assert [(200, "text/odd"), (406, "application/json")] == [
        (answer.status, answer.headers["content-type"]) for answer in answers
    ]


async def test_one_that_takes_the_place_of_csv(make: Maker) -> None:
    """A renderer may take over a type that Crossbar has itself."""

    class Own(Lines):
        media_type = CSV
        content_type = CSV
        extension = "csv"

    client = await make.client(renderers=[Own])
    await client.put("/account/devices", {"name": "a"})
    assert "a" == orjson.loads((await get(client, CSV)).body)["name"]


def test_two_of_one_type() -> None:
    """Two renderers of one type are refused, naming both."""
    with pytest.raises(RegistrationError, match="two renderers, 'Lines' and 'Other', are for application/x-ndjson"):
        app_with(renderers=[Lines, type("Other", (Lines,), {})])


# Faults.


class Failing(Xml):
    """A renderer that fails where it is told to."""

    where: ClassVar[str] = ""
    what: ClassVar[Any] = None

    def piece(self, rows: Iterable[Body]) -> bytes:
        """Some rows, unless this is where it fails."""
        return self._failed("piece") or super().piece(rows)

    def end(self) -> bytes:
        """The end, unless this is where it fails."""
        return self._failed("end") or super().end()

    def _failed(self, where: str) -> Any:
        if where != self.where:
            return None
        if isinstance(self.what, BaseException):
            raise self.what
        return self.what


@pytest.mark.parametrize("what", [LookupError("lost"), "text", 5])
@pytest.mark.parametrize("where", ["piece", "end"])
async def test_one_that_fails(make: Maker, caplog: pytest.LogCaptureFixture, where: str, what: Any) -> None:
    """A renderer that fails, or returns no bytes, is a 500 for its own requests, and is named in the log."""
    client = await make.client(renderers=[type("Bad", (Failing,), {"where": where, "what": what})])
    await client.put("/account/devices", {"name": "a"})
    assert [500, 200] == [(await get(client, accept)).status for accept in ("application/xml", "text/csv")]
    assert [] == missing(caplog.text, f"crash in stage render of renderer Bad ({__name__})")


async def test_one_that_fails_in_a_stream(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """In a stream that has begun, the response breaks off; the log has the renderer's name beside the endpoint's."""

    class Rooms(Resource):
        name = "rooms"

        async def find(self, ctx: Context) -> Stream:
            async def rows() -> AsyncIterator[Rows]:
                yield Rows(b'{"id":"1"}', 1, None, None)

            return Stream(rows())

    bad = type("Bad", (Failing,), {"where": "end", "what": LookupError("lost"), "__module__": "acme"})
    client = await make.client(endpoints=[Rooms()], renderers=[bad])
    with pytest.raises(CrossbarError, match="broke off"):
        await get(client, "application/xml", "/account/rooms")
    assert [] == missing(caplog.text, "a streamed response of endpoint rooms", "by the renderer acme.Bad")


INSTALLED = """
    from tests.plugins.test_rendering import Lines as Base, LineOptions

    class Lines(Base):
        options = LineOptions()

        def end(self):
            return self.options.last.encode()
"""


class LineOptions(Options, frozen=True):
    """What stands at the end."""

    last: str = "# end"


async def test_an_installed_one(packages: Packages, make: Maker) -> None:
    """A renderer of a package may have settings, each application its own."""
    packages.install("acme", {"acme.py": INSTALLED}, {"renderers": {"lines": "acme:Lines"}})
    clients = [
        await make.client(QUICK),
        await make.client(replace(QUICK, plugins={"lines": {"last": "# fin"}})),
    ]
    assert [b"# end", b"# fin"] == [(await get(client, NDJSON)).body for client in clients]

"""Replies: what operations may return, and what it becomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crossbar import Answer, Context, Endpoint, Noun, Page, Reply, Stream, accepted, action, created, tokenize
from crossbar.dates import gregorian
from crossbar.stores import Document, Rows
from crossbar.testing import NOW, Client, Response, World, small_world


def test_a_page_of_rows() -> None:
    """Rows that do not come from a store make a page of their own."""
    page = Page.of([{"a": 1}, {"b": [2]}], next="n", first="f")
    assert Rows(b'{"a":1},{"b":[2]}', 2, "f", "n") == page.rows
    assert ([], b"", 0) == (Page.of([]).rows.parsed(), Page.of([]).rows.joined, Page.of([]).rows.count)


def test_rows_come_back() -> None:
    """What was put into a page comes out of it."""
    rows: list[dict[str, Any]] = [{"a": "x,y"}, {"a": None}, {}]
    assert rows == Page.of(rows).rows.parsed()


def test_created() -> None:
    """201, with the nouns that lead to what was made, and with keys of the envelope."""
    made = created({"a": 1}, Noun("accounts", ("A",)), auth_token="t")
    assert Reply({"a": 1}, 201, envelope={"auth_token": "t"}, location=(Noun("accounts", ("A",)),)) == made
    assert Reply(None, 201) == created()


def test_accepted() -> None:
    """202, with whatever there is to say."""
    assert [Reply(None, 202), Reply("later", 202)] == [accepted(), accepted("later")]


def test_replies_share_nothing() -> None:
    """Each reply has an envelope of its own."""
    one, two = Reply(), Reply()
    one.envelope["a"] = 1
    assert {} == two.envelope


class Anything(Endpoint):
    """Answers with what the test asks for."""

    name = "anything"
    provides = ("application/json", "text/csv")
    answers: dict[str, Callable[[], Answer | Reply]]

    async def read(self, ctx: Context, id: str) -> Answer | Reply:
        """One of the answers."""
        return self.answers[id]()

    async def create(self, ctx: Context) -> Answer | Reply:
        """The body, without a document."""
        return ctx.body

    async def delete(self, ctx: Context, id: str) -> Answer | Reply:
        """Nothing."""
        return None

    @action("POST {id}/start")
    async def start(self, ctx: Context, id: str) -> Reply:
        """Take the work on."""
        return accepted({"id": id})


async def rows() -> Any:
    """Give a listing in three pieces, one of them empty."""
    for piece in ([{"a": 1}], [], [{"a": 2}, {"a": 3}]):
        yield Page.of(piece).rows


async def no_rows() -> Any:
    """Give a listing without rows."""
    yield Page.of([]).rows


async def failing_at_once() -> Any:
    """Fail before the first row."""
    raise RuntimeError("no rows")
    yield


CREATED = gregorian(NOW)
DOCUMENT = Document.of("t", "anything", "d1", {"name": "a"}, NOW, {"hidden": "canary"})
Anything.answers = {
    "none": lambda: None,
    "dict": lambda: {"a": 1},
    "list": lambda: [1, 2],
    "text": lambda: "text",
    "zero": lambda: 0,
    "false": lambda: False,
    "document": lambda: DOCUMENT,
    "page": lambda: Page.of([{"a": 1}], next="n", first="f"),
    "stream": lambda: Stream(rows()),
    "empty": lambda: Stream(no_rows()),
    "failing": lambda: Stream(failing_at_once()),
    "teapot": lambda: Reply({"a": 1}, 418, ((b"x-tea", b"green"),), {"pot": "blue"}),
    "moved": lambda: Reply(None, 301, ((b"location", b"/v2/elsewhere"),)),
}


@pytest.fixture(scope="module")
async def world() -> World:
    """Give a world with the endpoint in it."""
    return await small_world(endpoints=[Anything()])


@pytest.fixture(scope="module")
async def client(world: World) -> Client:
    """Give a client that is logged in at the top."""
    return await world.client()


async def answer(world: World, client: Client, id: str, **options: Any) -> Response:
    """Give the response to a request for one of the answers."""
    return await client.get(f"/accounts/{world.master}/anything/{id}", **options)


@pytest.mark.parametrize(
    ("id", "data"),
    [
        ("none", {}),
        ("dict", {"a": 1}),
        ("list", [1, 2]),
        ("text", "text"),
        ("zero", 0),
        ("false", False),
        ("document", {"id": "d1", "name": "a"}),
        ("page", [{"a": 1}]),
        ("stream", [{"a": 1}, {"a": 2}, {"a": 3}]),
        ("empty", []),
        ("teapot", {"a": 1}),
    ],
)
async def test_data(world: World, client: Client, id: str, data: Any) -> None:
    """Whatever an operation returns stands under `data`; nothing is an empty object."""
    response = await answer(world, client, id)
    envelope = response.json()
    assert (data, "success", response.headers["x-request-id"]) == (
        envelope["data"],
        envelope["status"],
        envelope["request_id"],
    )


async def test_a_document_has_its_facts(world: World, client: Client) -> None:
    """A document brings its revision, an ETag and its times in Gregorian seconds, and never its private part."""
    response = await answer(world, client, "document")
    envelope = response.json()
    assert ('"1"', "1", {"id": "d1", "created": CREATED, "modified": CREATED}) == (
        response.headers["etag"],
        envelope["revision"],
        envelope["metadata"],
    )
    assert b"canary" not in response.body


async def test_a_page_leads_on(world: World, client: Client) -> None:
    """A page says how many rows it has and seals the keys that lead on."""
    envelope = (await answer(world, client, "page")).json()
    assert (1, False) == (
        envelope["page_size"],
        {"n", "f"} & {envelope["next_start_key"], envelope["start_key"]} != set(),
    )


async def test_a_stream_puts_data_first(world: World, client: Client) -> None:
    """A streamed listing begins with its rows and ends with the other keys of the envelope."""
    response = await answer(world, client, "stream")
    assert (True, "data") == (response.body.startswith(b'{"data":[{"a":1},'), next(iter(response.json())))


async def test_a_stream_that_fails_at_once_is_an_error(world: World, client: Client) -> None:
    """A listing that cannot be begun is a 500 like any other, not half a success."""
    response = await answer(world, client, "failing")
    assert (500, "unspecified_fault") == (response.status, response.json()["message"])


async def test_a_status_of_its_own(world: World, client: Client) -> None:
    """A Reply brings status, headers and keys of the envelope."""
    response = await answer(world, client, "teapot")
    assert (418, "green", "blue") == (response.status, response.headers["x-tea"], response.json()["pot"])


async def test_moved(world: World, client: Client) -> None:
    """A Reply may send the client elsewhere."""
    response = await answer(world, client, "moved")
    assert (301, "/v2/elsewhere") == (response.status, response.headers["location"])


async def test_statuses_of_operations(world: World, client: Client) -> None:
    """What a status is not given for is 201 if something was created, 202 if taken on, and else 200."""
    path = f"/accounts/{world.master}/anything"
    made = await client.put(path, {"a": 1})
    started = await client.post(f"{path}/x/start", {})
    deleted = await client.delete(f"{path}/x")
    assert [201, 202, 200] == [made.status, started.status, deleted.status]


@pytest.mark.parametrize("id", sorted(set(Anything.answers) - {"failing", "moved"}))
async def test_head_is_get_without_a_body(world: World, client: Client, id: str) -> None:
    """HEAD has status and headers of GET, and no body, whatever the answer is."""
    got = await answer(world, client, id)
    head = await client.request("HEAD", f"/accounts/{world.master}/anything/{id}")
    differ = {"x-request-id", "content-length"}
    assert (got.status, b"", {k: v for k, v in got.headers.items() if k not in differ}) == (
        head.status,
        head.body,
        {k: v for k, v in head.headers.items() if k not in differ},
    )


@pytest.mark.parametrize("id", sorted(set(Anything.answers) - {"failing", "moved"}))
async def test_any_answer_as_csv(world: World, client: Client, id: str) -> None:
    """Any answer can be asked for as CSV, and is text, never a crash."""
    response = await answer(world, client, id, query={"accept": "csv"})
    assert (True, "text/csv; charset=utf-8") == (response.status < 500, response.headers["content-type"])


@pytest.mark.parametrize(
    ("args", "path"),
    [
        pytest.param(("A",), "/A", id="plain"),
        pytest.param((), "", id="none"),
        pytest.param(("a b", "c/d", "e?f#g%"), "/a%20b/c%2Fd/e%3Ff%23g%25", id="characters of the path itself"),
        pytest.param(("a\r\nset-cookie: x=1",), "/a%0D%0Aset-cookie%3A%20x%3D1", id="CR and LF"),
        pytest.param(("K\u00f6ln \u20ac",), "/K%C3%B6ln%20%E2%82%AC", id="letters beyond ASCII"),
    ],
)
async def test_a_location_is_a_path(world: World, client: Client, args: tuple[str, ...], path: str) -> None:
    """The nouns of what was made are written as a path that leads back to them, and can be nothing but a path."""
    Anything.answers["made"] = lambda: created({}, Noun("anything", args))
    response = await answer(world, client, "made")
    del Anything.answers["made"]
    found = response.headers["location"]
    assert (201, f"/v2/anything{path}".lower()) == (
        response.status,
        found.replace(":", "%3A").replace("=", "%3D").lower(),
    )
    assert (Noun("anything", args),) == tokenize(found, {"anything"}).nouns

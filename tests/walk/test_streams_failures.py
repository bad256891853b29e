"""Listings that break off: each form says so in its way, and a client goes on where it was, with nothing lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from crossbar import Context, Endpoint, Stream
from crossbar.errors import CrossbarError, StoreOverdue, StoreUnavailable
from crossbar.stores import Query, Rows
from crossbar.testing import NOW, small_world

from .tools import SETTINGS, Home, ids, leg, refused

Failing = Callable[[int, Exception], None]


@pytest.fixture
async def calls(home: Home) -> Home:
    """An account with ten call records."""
    await home.stored("cdrs", [leg(n) for n in range(10)])
    return home


@pytest.fixture
def failing(home: Home, monkeypatch: pytest.MonkeyPatch) -> Failing:
    """Let the store fail once, when it is asked for call records for the k-th time from now."""
    kind = type(home.world.app.store)
    real = kind.page
    left: list[tuple[int, Exception]] = []

    async def page(self: Any, query: Query) -> Rows:
        if left and query.kind == "cdrs":
            count, error = left.pop()
            if count == 1:
                raise error
            left.append((count - 1, error))
        return await real(self, query)

    monkeypatch.setattr(kind, "page", page)
    return lambda count, error: left.append((count, error))


FAILURES = {
    "away": (StoreUnavailable("the file is gone"), 503, "datastore_unreachable"),
    "overdue": (StoreOverdue("no answer"), 504, "timeout"),
    "crash": (RuntimeError("the secret is at /etc/crossbar"), 500, "unspecified_fault"),
}
ALL = "/cdrs?paginate=false&chunk_size=3"


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson", "text/csv"])
@pytest.mark.parametrize(("error", "status", "word"), FAILURES.values(), ids=FAILURES)
async def test_before_the_first_piece(
    calls: Home, failing: Failing, accept: str, error: Exception, status: int, word: str
) -> None:
    """Nothing is out yet, and the answer is a refusal like any other."""
    failing(1, error)
    refused(await calls.get(ALL, headers={"accept": accept}), status, word)


@pytest.mark.parametrize("place", [2, 3, 4])
@pytest.mark.parametrize(("error", "status", "word"), FAILURES.values(), ids=FAILURES)
async def test_the_trailer_tells(
    calls: Home,
    failing: Failing,
    place: int,
    error: Exception,
    status: int,
    word: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """JSON is complete JSON that says what has failed, and no more than a client may know; the log says where."""
    failing(place, error)
    found = await calls.get(ALL, headers={"x-request-id": "broken"})
    told = found.json()
    assert (200, 3 * (place - 1)) == (found.status, len(told["data"]))
    assert ("error", str(status), word) == (told["status"], told["error"], told["message"])
    assert ("broken", False, False) == (told["request_id"], "revision" in told, b"secret" in found.body)
    assert "a listing of endpoint cdrs" in caplog.text
    assert f"broke off after {3 * (place - 1)} rows: {word} (request broken)" in caplog.text
    rest = await calls.get(f"{ALL}&start_key={told['next_start_key']}")
    assert ids(await calls.get("/cdrs")) == ids(found) + ids(rest)


@pytest.mark.parametrize("accept", ["application/x-ndjson", "text/csv"])
@pytest.mark.parametrize("place", [2, 4])
async def test_files_are_not_brought_to_their_end(
    calls: Home, failing: Failing, accept: str, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Where there is no room to say it, the transfer is aborted, and no client takes the piece for the whole."""
    failing(place, StoreUnavailable("the file is gone"))
    async with calls.client.stream("GET", calls.at(ALL), headers={"accept": accept}) as response:
        assert 200 == response.status
        read = await response.until(b"%08x" % (13 - 3 * place))
        read += await response.until(b"\n")
        with pytest.raises(CrossbarError, match="broke off"):
            await response.read()
    assert 3 * (place - 1) + ("csv" in accept) == read.count(b"\n")
    assert "a streamed response of endpoint cdrs" in caplog.text


async def test_a_page_in_pieces_that_breaks_off(calls: Home, failing: Failing) -> None:
    """Its trailer counts the rows that are there, and the key leads on from them."""
    failing(2, StoreUnavailable("away"))
    first = (await calls.get("/cdrs?page_size=8&chunk_size=3")).json()
    assert ("error", 3, 3) == (first["status"], first["page_size"], len(first["data"]))
    second = (await calls.get(f"/cdrs?page_size=8&chunk_size=3&start_key={first['next_start_key']}")).json()
    assert ids(await calls.get("/cdrs")) == [row["id"] for row in first["data"] + second["data"]]


@pytest.mark.parametrize("order", ["", "&ascending=true"])
@pytest.mark.parametrize("place", [2, 3, 4])
async def test_resuming_while_others_write(calls: Home, failing: Failing, order: str, place: int) -> None:
    """Nothing that was there throughout is lost or comes twice, whatever is written or deleted in between."""
    throughout = ids(await calls.get(f"/cdrs?_=1{order}"))
    failing(place, StoreUnavailable("away"))
    first = (await calls.get(f"{ALL}{order}")).json()
    seen = [row["id"] for row in first["data"]]
    new = [leg(n, id=f"202605-{n:08x}-new", call_id=f"{n:08x}-new@switch") for n in range(12)]
    created = [calls.stored("cdrs", [record], NOW + n) for n, record in enumerate(new)]
    await asyncio.gather(*created)
    rest = (await calls.get(f"{ALL}{order}&start_key={first['next_start_key']}")).json()
    assert "success" == rest["status"]
    seen += [row["id"] for row in rest["data"]]
    assert len(set(seen)) == len(seen)
    assert throughout == [id for id in seen if not id.endswith("-new")]


async def test_resuming_where_a_row_has_gone(home: Home, failing: Failing) -> None:
    """The key leads on although the row that it names was deleted meanwhile."""
    await home.stored("menus", [{"name": f"{n}"} for n in range(6)])
    whole = ids(await home.get("/menus"))
    page = (await home.get("/menus?page_size=3&is_chunked=true&chunk_size=2")).json()
    await home.delete(f"/menus/{whole[3]}")
    rest = ids(await home.get(f"/menus?paginate=false&start_key={page['next_start_key']}"))
    assert [*whole[:3], *whole[4:]] == [row["id"] for row in page["data"]] + rest


class Numbers(Endpoint):
    """A source of rows that never ends, unless it is told to fail."""

    name = "numbers"
    anywhere = True
    provides = ("application/json", "application/x-ndjson", "text/csv")

    def __init__(self) -> None:
        self.read = 0
        self.closed = asyncio.Event()
        self.most = 0

    async def find(self, ctx: Context) -> Stream:
        """All numbers."""
        return Stream(self._rows())

    async def _rows(self) -> AsyncIterator[Rows]:
        try:
            while not self.most or self.read < self.most:
                self.read += 1
                yield Rows(b'{"n":%d,"pad":"%s"}' % (self.read, b"x" * 1000), 1, None, None)
                await asyncio.sleep(0)
            raise RuntimeError("no more numbers")
        finally:
            self.closed.set()


async def with_numbers(use: Callable[[Any, Numbers], Awaitable[None]]) -> None:
    """Give the test an application with a source of numbers."""
    source = Numbers()
    world = await small_world(settings=SETTINGS, endpoints=[source])
    await use(await world.client("customer"), source)
    await world.app.stop()


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson", "text/csv"])
async def test_a_client_that_vanishes_frees_the_source(accept: str) -> None:
    """The source is closed at once, and nothing more is read from it."""

    async def use(client: Any, source: Numbers) -> None:
        async with client.stream("GET", "/numbers", headers={"accept": accept}) as response:
            assert 200 == response.status
            assert b"xxx" in await response.read(stop_after=5_000)
        assert source.closed.is_set()
        read = source.read
        await asyncio.sleep(0.01)
        assert read == source.read

    await with_numbers(use)


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson", "text/csv"])
async def test_a_client_that_does_not_read_holds_the_source_back(accept: str) -> None:
    """Only as much is read as the connection takes."""

    async def use(client: Any, source: Numbers) -> None:
        async with client.stream("GET", "/numbers", headers={"accept": accept}) as response:
            assert (200, True) == (response.status, b"xxx" in await response.piece())
            for _ in range(100):
                await asyncio.sleep(0)
            held = source.read
            for _ in range(100):
                await asyncio.sleep(0)
            assert (held, True) == (source.read, held < 40)

    await with_numbers(use)


async def test_a_source_without_keys_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """A module's own stream has no key to go on from; its failure is told all the same, and named in the log."""

    async def use(client: Any, source: Numbers) -> None:
        source.most = 4
        told = (await client.get("/numbers")).json()
        assert (4, "error", "500", False) == (
            len(told["data"]),
            told["status"],
            told["error"],
            "next_start_key" in told,
        )
        assert "a listing of endpoint numbers" in caplog.text
        assert "no more numbers" in caplog.text
        assert source.closed.is_set()

    await with_numbers(use)

"""A store that is slow or locked: requests are answered in time, and what had not begun never happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from crossbar import Document, Resource, Settings, app, watch
from crossbar.errors import StoreOverdue
from crossbar.stores.sqlite import SqliteStore
from crossbar.stores.sqlite.threads import Threads
from crossbar.testing import NOW, World, small_world
from tests.contract.hurrying import Lock

from .test_idempotency import keyed, same
from .tools import SETTINGS, ids, refused

ROWS = 2_000
SHORT = replace(SETTINGS, limits=replace(SETTINGS.limits, handler_seconds=1))


class Notes(Resource):
    """Documents of which one can be looked for without an index."""

    name = "notes"
    summary = ("n",)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is not there yet."""
    return tmp_path / "store.db"


async def served(store: SqliteStore, settings: Settings = SETTINGS) -> World:
    """An application on that store, with an endpoint of the tests' own."""
    return await small_world(store, settings, endpoints=[Notes()])


@pytest.fixture
async def hasty(path: Path) -> AsyncIterator[World]:
    """An application whose writes may wait for a third of a second while `locked` goes on."""
    world = await served(SqliteStore(path, write_seconds=30))
    yield world
    await world.app.stop()


@contextmanager
def locked(world: World, path: Path) -> Iterator[None]:
    """Have somebody lock the file, and nobody wait for that; all the others have the time that they need."""
    store: Any = world.app.store
    lock = Lock(path)
    store._write_seconds = 0.3
    yield
    store._write_seconds = 30
    lock.free()


async def test_a_file_that_somebody_locks(hasty: World, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A create that cannot be written in time is a 504 and never happens; reads go on; the log says why."""
    client = await hasty.client("customer")
    with locked(hasty, path):
        answers = await asyncio.gather(*(client.put("/account/notes", {"n": n}) for n in range(5)))
        assert ["nothing was changed" in refused(each, 504, "timeout")["message"] for each in answers] == [True] * 5
        assert [] == (await client.get("/account/notes")).data
    made = await client.put("/account/notes", {"n": 9})
    assert [made.data["id"]] == ids(await client.get("/account/notes"))
    assert 5 == caplog.text.count("no answer within 0.3 seconds; others write, or keep the file locked")
    assert str(path) not in answers[0].body.decode()


async def test_a_create_that_is_sent_again(hasty: World, path: Path) -> None:
    """With an Idempotency-Key it can be sent again until there is room, and happens once."""
    client, headers = await hasty.client("customer"), keyed()
    with locked(hasty, path):
        refused(await client.put("/account/notes", {"n": 1}, headers=headers), 504, "timeout")
    first = await client.put("/account/notes", {"n": 1}, headers=headers)
    assert same(first, await client.put("/account/notes", {"n": 1}, headers=headers))
    assert [first.data["id"]] == ids(await client.get("/account/notes"))


async def test_a_write_that_may_have_happened(hasty: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the write had begun, the answer says so, and the repetition finds out."""
    client, headers, real = await hasty.client("customer"), keyed(), SqliteStore.write

    async def overdue(self: SqliteStore, changes: Any) -> Any:
        monkeypatch.undo()
        await real(self, changes)
        raise StoreOverdue("the disk is slow", begun=True)

    monkeypatch.setattr(SqliteStore, "write", overdue)
    told = refused(await client.put("/account/notes", {"n": 1}), 504, "timeout")["message"]
    assert "may have been" in told
    monkeypatch.setattr(SqliteStore, "write", overdue)
    made = await client.put("/account/notes", {"n": 2}, headers=headers)
    assert (201, 2) == (made.status, len((await client.get("/account/notes")).data))


async def test_a_request_that_is_cancelled_while_it_waits(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time limit of the request ends the wait for the store, and the work that had not begun is not done."""
    monkeypatch.setattr(app, "Watch", lambda seconds, *given: watch.Watch(30, *given))
    world = await served(SqliteStore(path), SHORT)
    client = await world.client("customer")
    lock = Lock(path)
    world.app.watch._seconds = 0.1
    answer = await client.put("/account/notes", {"n": 1})
    world.app.watch._seconds = 30
    assert "longer than 1 seconds" in refused(answer, 504, "timeout")["message"]
    lock.free()
    made = await client.put("/account/notes", {"n": 2})
    assert [made.data["id"]] == ids(await client.get("/account/notes"))
    await world.app.stop()


@pytest.fixture
async def many(path: Path) -> AsyncIterator[World]:
    """An application with many documents, whose listings are read so that each takes a while."""
    store = SqliteStore(path, read_seconds=30)
    world = await served(store)
    pad = "x" * 500
    bodies = (orjson.dumps({"id": f"{n:032x}", "n": n, "pad": pad}) for n in range(ROWS))
    await store.load(
        Document(world.customer, "notes", f"{n:032x}", body, NOW + n, NOW + n) for n, body in enumerate(bodies)
    )
    yield world
    await world.app.stop()


async def test_a_stream_is_many_calls(many: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of an export may take longer than one call: each of its pieces has the whole time."""
    seconds, real = [], Threads.do

    async def do(self: Threads, work: Any, **limits: Any) -> Any:
        seconds.append(limits["seconds"])
        return await real(self, work, **limits)

    monkeypatch.setattr(Threads, "do", do)
    client = await many.client("customer")
    seconds.clear()
    listed = await client.get("/account/notes?paginate=false&has_key=pad")
    assert (200, ROWS) == (listed.status, len(listed.data))
    assert [30] * (ROWS // many.app.settings.paging.stream_rows) == seconds


async def test_a_listing_that_takes_too_long(many: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that looks through everything is interrupted, answered with a 504, and leaves the reader to others."""
    client = await many.client("customer")
    assert 1 == len((await client.get("/account/notes?filter_n=7&full_docs=true")).data)
    store: Any = many.app.store
    store._read_seconds = 0.001
    for _ in range(100):  # on a busy machine it may be over before anybody looks at the clock
        answer = await client.get("/account/notes?filter_pad=y&has_key=pad&page_size=1000")
        if answer.status != 200:
            break
    told = refused(answer, 504, "timeout")
    assert "ask for less at a time" in told["message"]
    store._read_seconds = 30
    assert 1 == len((await client.get("/account/notes?filter_n=7")).data)


async def test_after_the_first_piece(many: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listing whose next piece takes too long has said so in its trailer, and does not look like success."""
    real, calls = SqliteStore.page, 0

    async def page(self: SqliteStore, query: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise StoreOverdue("no answer within 0.4 seconds")
        return await real(self, query)

    monkeypatch.setattr(SqliteStore, "page", page)
    broken = (await (await many.client("customer")).get("/account/notes?paginate=false&full_docs=true")).json()
    told = (len(broken["data"]), broken["status"], broken["message"], bool(broken["next_start_key"]))
    assert (2 * many.app.settings.paging.stream_rows, "error", "timeout", True) == told


async def test_the_settings_reach_the_store(tmp_path: Path) -> None:
    """`limits.store_seconds` and `limits.write_seconds` are those of the store that the settings name."""
    limits = replace(SETTINGS.limits, store_seconds=3, write_seconds=4)
    settings = replace(SETTINGS, limits=limits, store=replace(SETTINGS.store, url=f"sqlite:///{tmp_path}/x.db"))
    store: Any = app.Crossbar(settings).store
    assert (3, 4) == (store._read_seconds, store._write_seconds)

"""Requests that are under way while modules change: none fails, and each ends with what it began with."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from crossbar.testing import Client, Response

from .tools import Maker, did, states, until, with_modules, write

HELD = """
    import asyncio
    from contextlib import asynccontextmanager
    from crossbar import Endpoint, Stream, before, after

    gate, inside = asyncio.Event(), asyncio.Event()
    story = []

    class Phones(Endpoint):
        name = "phones"

        @asynccontextmanager
        async def lifespan(self, app):
            task = asyncio.current_task()
            story.append("begun")
            async with asyncio.TaskGroup() as group:
                waiting = group.create_task(asyncio.Event().wait())
                yield
                waiting.cancel()
            assert asyncio.current_task() is task
            story.append("ended")

        async def find(self, ctx):
            inside.set()
            await gate.wait()
            return [VERSION, *story]

        async def read(self, ctx, id):
            async def pieces():
                for number in range(3):
                    yield f"{VERSION}{story[-1]} ".encode()
                    inside.set()
                    await gate.wait()
            return Stream(pieces(), "text/plain")

        @before("phones.*")
        async def first(self, ctx):
            story.append(f"before {VERSION}")

        @after("phones.*")
        async def last(self, ctx, reply):
            story.append(f"after {VERSION}")
"""


def held(version: int) -> str:
    """The text of a module that holds its requests back, and tells a story."""
    return HELD.replace("VERSION", str(version))


def inside_of(client: Client, noun: str = "phones") -> Any:
    """The code that an endpoint comes from."""
    return sys.modules[type(client.app.registry.names[noun]).__module__]


@pytest.fixture
async def client(folder: Path, make: Maker) -> AsyncIterator[Client]:
    """An application with a module that holds its requests back."""
    write(folder, "phones.py", held(1))
    client = await make.client(with_modules(folder))
    yield client
    for endpoint in client.app.registry.names.values():
        if endpoint.name == "phones":
            inside_of(client).gate.set()


async def test_a_request_ends_with_what_it_began_with(client: Client, folder: Path) -> None:
    """A request that is inside of the old version ends there, with its hooks; only then the old lifespan ends, once."""
    old = inside_of(client)
    asking = asyncio.create_task(client.get("/account/phones"))
    await old.inside.wait()
    write(folder, "phones.py", held(2))
    await client.app.changes.reload("phones")
    new = inside_of(client)
    new.gate.set()
    later = await client.get("/account/phones")
    assert ([2, "begun", "before 2"], ["begun", "before 1"]) == (later.data, old.story)
    old.gate.set()
    assert [1, "begun", "before 1"] == (await asking).data
    await until(lambda: "ended" in old.story)
    assert ["begun", "before 1", "after 1", "ended"] == old.story
    assert ["begun", "before 2", "after 2"] == new.story


async def test_a_stream_ends_with_what_it_began_with(client: Client, folder: Path) -> None:
    """A response that is still being read keeps the old version alive."""
    old = inside_of(client)
    async with client.stream("GET", "/account/phones/x") as response:
        await response.piece()
        await old.inside.wait()
        write(folder, "phones.py", held(2))
        await client.app.changes.reload("phones")
        old.gate.set()
        assert b"1after 1 1after 1 " == await response.read()
    await until(lambda: "ended" in old.story)
    assert 1 == old.story.count("ended")


async def test_several_versions_at_once(client: Client, folder: Path) -> None:
    """Each request has its own version, however many reloads there were meanwhile; the lifespans end one by one."""
    codes, asking = [], []
    for version in range(2, 6):
        codes.append(inside_of(client))
        asking.append(asyncio.create_task(client.get("/account/phones")))
        await codes[-1].inside.wait()
        write(folder, "phones.py", held(version))
        await client.app.changes.reload("phones")
    for code, asked in reversed([*zip(codes, asking, strict=True)]):
        assert "ended" not in code.story
        code.gate.set()
        await asked
    # NOTE: a registry lives as long as its own requests; what only it uses ends with them.
    await until(lambda: all("ended" in code.story for code in codes))
    assert [1, 2, 3, 4] == [(await asked).data[0] for asked in asking]


async def test_removed_while_a_request_is_inside(client: Client, folder: Path) -> None:
    """A file that goes while its endpoint answers: this request ends well, the next one finds nothing."""
    old = inside_of(client)
    asking = asyncio.create_task(client.get("/account/phones"))
    await old.inside.wait()
    (folder / "phones.py").unlink()
    await client.app.changes.refresh([folder / "phones.py"])
    gone = await client.get("/account/phones")
    old.gate.set()
    assert [404, 200] == [gone.status, (await asking).status]
    await until(lambda: "ended" in old.story)


async def test_stopping_the_application(client: Client, folder: Path) -> None:
    """Old lifespans that still wait for a request end with the application, each once."""
    old = inside_of(client)
    asking = asyncio.create_task(client.get("/account/phones"))
    await old.inside.wait()
    write(folder, "phones.py", held(2))
    await client.app.changes.reload("phones")
    new = inside_of(client)
    await client.app.stop()
    assert [["begun", "before 1", "ended"], ["begun", "ended"]] == [old.story, new.story]
    old.gate.set()
    assert 200 == (await asking).status


SIMPLE = """
    from crossbar import Endpoint, Resource

    class Phones(Endpoint):
        name = "phones"

        async def find(self, ctx):
            return VERSION

    class Notes(Resource):
        name = "notes"
"""


async def test_a_hundred_reloads(folder: Path, make: Maker) -> None:
    """Under load no request fails while a module is loaded anew a hundred times, and no version goes back."""
    path = write(folder, "phones.py", SIMPLE.replace("VERSION", "0"))
    client = await make.client(with_modules(folder))
    seen: list[list[int]] = []
    over = asyncio.Event()

    async def ask() -> None:
        versions: list[int] = []
        seen.append(versions)
        while not over.is_set():
            answers: list[Response] = [
                await client.get("/account/phones"),
                await client.put("/account/notes", {"a": 1}),
            ]
            assert [200, 201] == [answer.status for answer in answers]
            versions.append(answers[0].data)
            # NOTE: where cores are busy, a loop that never rests keeps the thread that loads waiting for seconds.
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(ask())
        for version in range(1, 101):
            write(folder, "phones.py", SIMPLE.replace("VERSION", str(version)))
            if version % 2:
                await client.app.changes.reload("phones")
            else:
                await client.app.changes.refresh([path])
        await until(lambda: all(versions[-1:] == [100] for versions in seen))
        over.set()
    assert all(versions == sorted(versions) for versions in seen)
    assert 10 < len({version for versions in seen for version in versions})


async def test_changes_at_the_same_time(folder: Path, make: Maker) -> None:
    """Changes that are asked for together are carried out one after the other, and none is lost."""
    for name in ("phones", "fares"):
        write(folder, f"{name}.py", SIMPLE.replace("VERSION", "1").replace("phones", name).split("class Notes")[0])
    client = await make.client(with_modules(folder))
    changes = client.app.changes
    asked = [changes.reload("phones"), changes.stop("phones"), changes.reload("fares"), changes.reload("phones")]
    outcomes = await asyncio.gather(*asked, changes.refresh([folder / "phones.py"]), changes.stop("fares"))
    assert [("phones", "stopped")] == did(outcomes[1])
    assert {"phones": "stopped", "fares": "stopped"} == states(client.app)


async def test_what_is_left_of_old_versions(folder: Path, make: Maker) -> None:
    """Two hundred reloads leave no class, no module and no memory behind."""
    text = SIMPLE + "\n    WEIGHT = bytearray(100_000)\n"
    write(folder, "_shared.py", "HELP = 1\n")
    write(folder, "phones.py", "from ._shared import HELP\n" + text.replace("VERSION", "0").replace("\n    ", "\n"))
    client = await make.client(with_modules(folder))
    await client.app.changes.reload("phones")
    await client.get("/account/phones")
    loaded, old = len(sys.modules), [weakref.ref(type(client.app.registry.names["phones"]))]
    for number in range(200):
        await client.app.changes.reload("phones")
        old.append(weakref.ref(type(client.app.registry.names["phones"])))
        if number % 50 == 0:
            await client.get("/account/phones")

    def alive() -> int:
        gc.collect()
        return sum(each() is not None for each in old)

    # NOTE: the thread of the last loading may need a moment to end.
    await until(lambda: alive() == 1)
    assert loaded == len(sys.modules)


async def test_what_is_left_of_what_failed(folder: Path, make: Maker) -> None:
    """Reloads that fail, and files that come and go, leave nothing behind either."""
    path = write(folder, "phones.py", SIMPLE.replace("VERSION", "0"))
    client = await make.client(with_modules(folder))
    other = write(folder, "fares.py", SIMPLE.replace("VERSION", "0").replace("phones", "fares").split("class Notes")[0])
    await client.app.changes.refresh([other])
    loaded = len(sys.modules)
    for _ in range(20):
        path.write_text("raise LookupError(open)", "utf-8")
        assert [("phones", "failed"), ("notes", "failed")] == sorted(did(await client.app.changes.refresh([path])))[
            ::-1
        ]
        other.unlink()
        await client.app.changes.refresh([other])
        write(folder, "fares.py", SIMPLE.replace("VERSION", "0").replace("phones", "fares").split("class Notes")[0])
        await client.app.changes.refresh([other])
    assert loaded == len(sys.modules)

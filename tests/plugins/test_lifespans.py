"""Lifespans of plugins that fail, hang or end too early: each hurts its own endpoint only, and is told by name."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from crossbar import Context, Crossbar, Endpoint, Json, Settings, before
from crossbar.errors import PluginError

from .tools import Maker, did, faults, missing, phones, states, until, with_modules, write


class Odd(Endpoint):
    """An endpoint whose lifespan does what a test wants."""

    name = "odd"

    def __init__(self, begins: Any = None, ends: Any = None) -> None:
        self.begins, self.ends, self.tries, self.seen = begins, ends, 0, 0

    @asynccontextmanager
    async def lifespan(self, app: Crossbar) -> AsyncIterator[None]:
        """Begin and end as told."""
        self.tries += 1
        if self.begins is not None:
            await self.begins(self)
        yield
        if self.ends is not None:
            await self.ends(self)

    async def find(self, ctx: Context) -> Json:
        """How often it was tried."""
        return self.tries

    @before("devices.find")
    async def watch(self, ctx: Context) -> None:
        """Count the requests of others."""
        self.seen += 1


async def raising(odd: Odd) -> None:
    """Fail at the first try."""
    if odd.tries == 1:
        raise ConnectionError("no line")


async def exiting(odd: Odd) -> None:
    """Ask for the end of the server."""
    raise SystemExit(3)


async def hanging(odd: Odd) -> None:
    """Never be ready."""
    await asyncio.Event().wait()


async def unwilling(odd: Odd) -> None:
    """Not even be cancelled at once."""
    for _ in range(3):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            continue


def impatient() -> Settings:
    """Settings by which a lifespan has a second to begin."""
    settings = with_modules()
    return replace(settings, modules=replace(settings.modules, start_seconds=1))


LIFESPANS = [
    pytest.param(raising, "its lifespan failed: ConnectionError: no line", id="it fails"),
    pytest.param(exiting, "its lifespan failed: SystemExit: 3", id="it exits"),
    pytest.param(hanging, "its lifespan was not ready after 1 seconds", id="it hangs"),
    pytest.param(unwilling, "its lifespan was not ready after 1 seconds", id="it hangs on"),
]


@pytest.mark.parametrize(("begins", "told"), LIFESPANS)
async def test_a_lifespan_that_does_not_begin(make: Maker, begins: Any, told: str) -> None:
    """The endpoint is out of order, with its name and origin; its hooks are off, and everybody else goes on."""
    odd = Odd(begins)
    client = await make.client(impatient(), endpoints=[odd])
    assert {"odd": "out of order"} == states(client.app)
    assert [] == missing(faults(client.app)["odd"], f"endpoint odd ({__name__})", told)
    answers = [(await client.get(f"/account/{noun}")).status for noun in ("odd", "devices")]
    assert ([503, 200], 0) == (answers, odd.seen)


async def test_another_try(make: Maker) -> None:
    """A start tries again to begin what an object needs, and takes it into service."""
    client = await make.client(endpoints=[Odd(raising)])
    assert [("odd", "started")] == did(await client.app.changes.start("odd"))
    assert (2, {"odd": "ok"}, {}) == (
        (await client.get("/account/odd")).data,
        states(client.app),
        faults(client.app),
    )


async def test_a_required_lifespan(make: Maker) -> None:
    """If it is required, the application does not start, and says why."""
    settings = with_modules(required=("odd",))
    with pytest.raises(PluginError, match=r"endpoint odd .* its lifespan failed: ConnectionError: no line"):
        await make.client(settings, endpoints=[Odd(raising)])


@pytest.mark.parametrize("ends", [raising, exiting, hanging, unwilling])
async def test_a_lifespan_that_does_not_end(make: Maker, ends: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What fails or hangs at the end is logged with its name, and keeps nothing else from ending."""
    world = await make.world(impatient(), endpoints=[Odd(ends=ends), Named("other")])
    other: Any = world.app.registry.names["other"]
    began = time.monotonic()
    await world.app.stop()
    assert ("ended", True) == (other.state, time.monotonic() - began < 20)
    assert [] == missing(caplog.text, f"endpoint odd ({__name__}): its lifespan")


class Named(Endpoint):
    """An endpoint that says in which state it is."""

    state = ""

    def __init__(self, name: str) -> None:
        self.name = name  # type: ignore[misc]

    @asynccontextmanager
    async def lifespan(self, app: Crossbar) -> AsyncIterator[None]:
        """Say when it has begun and ended."""
        self.state = "begun"
        yield
        self.state = "ended"

    async def find(self, ctx: Context) -> Json:
        """Say how it is."""
        return self.state


class Grouped(Odd):
    """An endpoint with a task of its own, which crashes when it is told to."""

    name = "grouped"

    def __init__(self) -> None:
        super().__init__()
        self.crash = asyncio.Event()

    @asynccontextmanager
    async def lifespan(self, app: Crossbar) -> AsyncIterator[None]:
        """Hold a task that may crash."""
        self.tries += 1
        self.crash.clear()
        async with asyncio.TaskGroup() as group:
            working = group.create_task(self._work())
            yield
            working.cancel()

    async def _work(self) -> None:
        await self.crash.wait()
        raise LookupError("lost")


async def test_a_task_that_crashes(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """A lifespan that ends before its time is logged at once, with whose it was; its noun answers 503 from then on.

    Its hooks go on: what they need may be gone, but nobody passes them over. A start begins the lifespan again.
    """
    grouped = Grouped()
    with caplog.at_level(logging.ERROR, "crossbar"):
        client = await make.client(endpoints=[grouped])
        grouped.crash.set()
        await until(lambda: states(client.app) == {"grouped": "out of order"})
    told = f"endpoint grouped ({__name__}): its lifespan ended before its time: ExceptionGroup"
    assert [] == missing(caplog.text, told, "LookupError: lost")
    answers = [(await client.get(f"/account/{noun}")).status for noun in ("grouped", "devices")]
    assert ([503, 200], 1) == (answers, grouped.seen)
    await client.app.changes.start("grouped")
    assert (2, {}) == ((await client.get("/account/grouped")).data, faults(client.app))


async def test_another_start_of_the_application(make: Maker) -> None:
    """An application that is stopped and started again begins its lifespans anew, also one that had ended too early."""
    grouped, named = Grouped(), Named("named")
    client = await make.client(endpoints=[grouped, named])
    grouped.crash.set()
    await until(lambda: states(client.app)["grouped"] == "out of order")
    await client.app.stop()
    assert "ended" == named.state
    await client.app.start()
    assert ("begun", {"grouped": "ok", "named": "ok"}) == (named.state, states(client.app))
    assert 2 == grouped.tries


async def test_hanging_while_it_is_loaded_anew(folder: Path, make: Maker) -> None:
    """A new version whose lifespan or whose import hangs is given up; the old one serves all the while."""
    write(folder, "phones.py", phones(1))
    settings = with_modules(folder)
    client = await make.client(replace(settings, modules=replace(settings.modules, start_seconds=1)))
    lifespan = "from contextlib import asynccontextmanager\nimport asyncio\n" + phones(
        2, "\n@asynccontextmanager\nasync def lifespan(self, app):\n    await asyncio.sleep(99)\n    yield\n"
    )
    for text, told in ((lifespan, "was not ready after 1 seconds"), (HANG, "it was not loaded after 1 seconds")):
        path = write(folder, "phones.py", text)
        reloading = asyncio.create_task(client.app.changes.reload("phones"))
        served = 0
        while not reloading.done():
            assert 1 == (await client.get("/account/phones")).data
            served += 1
            await asyncio.sleep(0.02)
        with pytest.raises(PluginError) as error:
            await reloading
        assert ([], True) == (missing(str(error.value), str(path), told), served > 2)


HANG = "import threading\nthreading.Event().wait(3)\n"

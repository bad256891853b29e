"""Code of others that blocks the event loop: a thread notices, and the log names it with file and line."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from crossbar import Context, Principal
from crossbar.testing import Client
from crossbar.watch import LoopWatch

from .tools import Maker, phones, with_modules, write

SECONDS = 0.3


@contextmanager
def watched(client: Client, seconds: float = 0.02) -> Iterator[None]:
    """Have a thread watch over the running loop."""
    watch = LoopWatch(lambda: client.app.registry, seconds)
    watch.start()
    try:
        yield
    finally:
        watch.stop()


def line_of(path: Path, text: str) -> int:
    """The number of the line that holds this text."""
    return next(number for number, line in enumerate(path.read_text().splitlines(), 1) if text in line)


BLOCKING = """
    import time
    from crossbar import Endpoint, before
    from ._shared import wait

    class Phones(Endpoint):
        name = "phones"

        async def find(self, ctx):
            time.sleep(0.3)  # here

        async def read(self, ctx, id):
            wait()  # there

    @before("devices.find")
    async def hook(ctx):
        time.sleep(0.3)  # in a hook
"""


@pytest.fixture
async def client(folder: Path, make: Maker, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Client]:
    """An application with a module that blocks."""
    caplog.set_level(logging.ERROR, "crossbar")
    write(
        folder,
        "_shared.py",
        "import json, time\n\ndef wait():\n    json.loads('{}', object_hook=lambda _: time.sleep(0.3))\n",
    )
    write(folder, "phones.py", BLOCKING)
    client = await make.client(with_modules(folder))
    with watched(client):
        yield client


@pytest.mark.parametrize(
    ("path", "who", "mark"),
    [
        pytest.param("/account/phones", "endpoint phones", "# here", id="an endpoint"),
        pytest.param("/account/phones/x", "endpoint phones", "# there", id="what it calls"),
        pytest.param("/account/devices", "hook phones.hook", "# in a hook", id="a hook"),
    ],
)
async def test_who_blocks(
    client: Client, folder: Path, caplog: pytest.LogCaptureFixture, path: str, who: str, mark: str
) -> None:
    """The plugin is named with the line of its own code, and told what to do; in the end, how long it took."""
    await client.get(path)
    await asyncio.sleep(0.1)
    file = folder / "phones.py"
    place = f"{who} ({file}, line {line_of(file, mark)})"
    first, last = caplog.messages
    assert f"{place} blocks all requests of this process; it must await, or use asyncio.to_thread" == first
    assert last.startswith(f"{place} blocked all requests of this process for 0.")


async def test_who_blocks_otherwise(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """Other sorts of plugins are told by file and line; what is no module's may block somewhat longer."""

    async def slow(ctx: Context) -> Principal | None:
        time.sleep(SECONDS)  # noqa: ASYNC251 (what it is about)
        return None

    client = await make.client(authenticators=[slow])
    with watched(client):
        await client.get("/account/devices")
        await asyncio.sleep(0.1)
    line = line_of(Path(__file__), "time.sleep(SECONDS)  #")
    assert f"code in {__file__}, line {line}, blocks all requests of this process" in caplog.text


async def test_a_task_of_a_module(folder: Path, make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """What a module does beside requests is its own, too."""
    text = "import asyncio\nimport time\nfrom contextlib import asynccontextmanager\n" + phones(
        1,
        """
        @asynccontextmanager
        async def lifespan(self, app):
            task = asyncio.create_task(self.work())
            yield
            await task

        async def work(self):
            await asyncio.sleep(0.1)
            time.sleep(0.3)  # here
        """,
    )
    path = write(folder, "phones.py", text)
    client = await make.client(with_modules(folder))
    with watched(client):
        await asyncio.sleep(0.6)
    assert f"endpoint phones ({path}, line {line_of(path, '# here')}) blocks all requests" in caplog.text


async def test_nobody_blocks(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """As long as everything awaits, nothing is told."""
    for _ in range(10):
        assert 200 == (await client.get("/account/menus")).status
        await asyncio.sleep(0.02)
    assert [] == caplog.messages


async def test_what_has_stopped(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """A watch that was stopped says nothing any more, and its thread is gone."""
    client = await make.client()
    watch: Any = LoopWatch(lambda: client.app.registry, 0.02)
    watch.start()
    watch.stop()
    time.sleep(0.2)  # noqa: ASYNC251 (nobody is left to notice)
    assert ([], False) == (caplog.messages, watch._thread.is_alive())

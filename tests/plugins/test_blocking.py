"""Code of others that blocks the event loop: a thread notices, and the log names it with file and line."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from crossbar import Context, Principal
from crossbar.testing import Client
from crossbar.watch import LoopWatch

from .tools import Maker, phones, until, with_modules, write

BLOCKS = "blocks all requests of this process"
BLOCKED = "blocked all requests of this process for "


class Told(logging.Handler):
    """Lets code that blocks go on, once the log tells that something in this file blocks."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.seen = threading.Event()
        self._file = str(file)

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a line."""
        said = record.getMessage()
        if BLOCKS in said and self._file in said:
            self.seen.set()


@contextmanager
def watched(client: Client, file: Path) -> Iterator[threading.Event]:
    """Have a thread watch over the running loop; what is set when it tells of code in the file."""
    told = Told(file)
    vars(client.app)["told"] = told.seen
    logger = logging.getLogger("crossbar")
    logger.addHandler(told)
    watch = LoopWatch(lambda: client.app.registry, 0.02)
    watch.start()
    try:
        yield told.seen
    finally:
        watch.stop()
        logger.removeHandler(told)


def line_of(path: Path, text: str) -> int:
    """The number of the line that holds this text."""
    return next(number for number, line in enumerate(path.read_text().splitlines(True), 1) if text in line)


BLOCKING = """
    from crossbar import Endpoint, before
    from ._shared import wait

    class Phones(Endpoint):
        name = "phones"

        async def find(self, ctx):
            ctx.app.told.wait(30)  # here

        async def read(self, ctx, id):
            wait(ctx.app.told)  # there

    @before("devices.find")
    async def hook(ctx):
        ctx.app.told.wait(30)  # in a hook
"""


@pytest.fixture
async def client(folder: Path, make: Maker, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Client]:
    """An application with a module that blocks."""
    caplog.set_level(logging.ERROR, "crossbar")
    write(
        folder,
        "_shared.py",
        "import json\n\ndef wait(told):\n    json.loads('{}', object_hook=lambda _: told.wait(30))\n",
    )
    path = write(folder, "phones.py", BLOCKING)
    client = await make.client(with_modules(folder))
    with watched(client, path):
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
    file = folder / "phones.py"
    place = f"{who} ({file}, line {line_of(file, mark)})"
    await until(lambda: BLOCKED in caplog.text)
    first, last = [each for each in caplog.messages if str(file) in each]
    assert f"{place} {BLOCKS}; it must await, or use asyncio.to_thread" == first
    assert re.fullmatch(rf"{re.escape(place)} {BLOCKED}\d+\.\d seconds", last)


async def test_who_blocks_otherwise(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """Other sorts of plugins are told by file and line; what is no module's may block somewhat longer."""

    async def slow(ctx: Context) -> Principal | None:
        vars(ctx.app)["told"].wait(30)  # elsewhere
        return None

    client = await make.client(authenticators=[slow])
    with watched(client, Path(__file__)):
        await client.get("/account/devices")
    line = line_of(Path(__file__), ".wait(30)  # elsewhere\n")
    assert f"code in {__file__}, line {line}, {BLOCKS}" in caplog.text


async def test_a_task_of_a_module(folder: Path, make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """What a module does beside requests is its own, too."""
    text = "import asyncio\nfrom contextlib import asynccontextmanager\n" + phones(
        1,
        """
        @asynccontextmanager
        async def lifespan(self, app):
            app.begin = asyncio.Event()
            task = asyncio.create_task(self.work(app))
            yield
            await task

        async def work(self, app):
            await app.begin.wait()
            app.told.wait(30)  # here
        """,
    )
    path = write(folder, "phones.py", text)
    client = await make.client(with_modules(folder))
    with watched(client, path) as told:
        vars(client.app)["begin"].set()
        await until(told.is_set)
    assert f"endpoint phones ({path}, line {line_of(path, '# here')}) {BLOCKS}" in caplog.text


async def test_nobody_blocks(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """As long as everything awaits, nothing is told."""
    for _ in range(5):  # where a machine leaves the loop no time, that is told as well, but not each time
        caplog.clear()
        for _ in range(10):
            assert 200 == (await client.get("/account/menus")).status
            await asyncio.sleep(0.02)
        if not caplog.messages:
            break
    assert [] == caplog.messages


async def test_what_has_stopped(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """A watch that was stopped says nothing any more, and its thread is gone."""
    client = await make.client()
    watch: Any = LoopWatch(lambda: client.app.registry, 0.02)
    watch.start()
    watch.stop()
    time.sleep(0.2)  # noqa: ASYNC251 (nobody is left to notice)
    assert ([], False) == (caplog.messages, watch._thread.is_alive())

"""One event loop after the other, as test clients have them: an application goes on, or says why it cannot."""

from __future__ import annotations

import asyncio
import gc
from contextlib import AsyncExitStack
from io import StringIO
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from crossbar import AccessLog
from crossbar.errors import CrossbarError
from crossbar.life import Life
from crossbar.settings import Auth, Limits, Settings
from crossbar.testing import Accounts, Client, make_store
from crossbar.testing.world import plant

from .endpoints import made
from .hosts import HOSTS
from .test_lifespan import Holding


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_loop_for_each_request(kind: str, tmp_path: Path) -> None:
    """An application that nobody stops goes on when its event loop is closed and another one comes."""
    holding = Holding()
    app = made(holding, store=make_store(kind, tmp_path))

    async def ask(times: int) -> None:
        client = Client(app)
        await client.create("notes", body={"number": times})
        assert [times, times - 1] == (await client.get("/holdings")).data
        assert {*range(1, times + 1)} == {note["number"] for note in await client.every("notes")}

    for times in (1, 2, 3):
        asyncio.run(ask(times))
    asyncio.run(app.stop())
    assert (3, 3) == (holding.entered, holding.left)


@pytest.mark.parametrize("name", ["starlette", "fastapi"])
@pytest.mark.parametrize("entered", [True, False])
def test_the_test_client_of_starlette(name: str, entered: bool) -> None:
    """Starlette's test client has a loop for each request, or one for each time that it is entered."""
    build = next(host for host in HOSTS if host.name == name)
    app = build({"/api": made()}, living=entered)
    for _ in range(2):
        client = TestClient(app)
        if entered:
            with client:
                assert [200, 200] == [client.get("/api/v2/things").status_code for _ in range(2)]
        else:
            assert [200, 200] == [client.get("/api/v2/things").status_code for _ in range(2)]


def test_the_test_client_of_litestar() -> None:
    """Litestar's test client starts and stops the host, with whatever is mounted in it."""
    from litestar.testing import TestClient as LitestarClient

    build = next(host for host in HOSTS if host.name == "litestar")
    for living_ in (True, False):
        app = build({"/api": made()}, living=living_)
        for _ in range(2):
            with LitestarClient(app) as client:
                assert 200 == client.get("/api/v2/things").status_code


def test_the_time_limit_on_another_loop() -> None:
    """What watches over requests goes on with the second loop, though the first one was closed under it."""
    app = made(settings=Settings(auth=Auth(hash_memory=8), limits=Limits(handler_seconds=1)))
    assert [200, 504] == [asyncio.run(Client(app).get(path)).status for path in ("/failures/nothing", "/failures/slow")]


def test_the_access_log_on_another_loop() -> None:
    """Lines that were not written before a loop was closed are written by the next one."""
    written = StringIO()
    app = made(access_log=AccessLog(written))

    async def ask() -> None:
        await Client(app).get("/things")

    asyncio.run(ask())
    asyncio.run(ask())
    asyncio.run(app.stop())
    assert 2 == written.getvalue().count("GET /v2/things 200")


def test_a_loop_that_is_still_there() -> None:
    """Two loops at a time are refused: the second one is told which way out there is."""
    app, other = made(), asyncio.new_event_loop()
    try:
        other.run_until_complete(app.start())
        for ask in (app.start, app.stop):
            with pytest.raises(CrossbarError, match="runs on another event loop: stop it there"):
                asyncio.run(ask())
        assert 500 == asyncio.run(Client(app).get("/things")).status
        other.run_until_complete(app.stop())
    finally:
        other.close()
    assert 200 == asyncio.run(Client(app).get("/things")).status


def test_a_loop_that_was_closed_in_the_midst() -> None:
    """A start that its loop did not live to see does not stand in the way of the next one."""
    opened: list[str] = []

    async def open(stack: AsyncExitStack) -> None:
        if not opened:
            opened.append("never ready")
            await asyncio.get_running_loop().create_future()
        opened.append("ready")

    life = Life(open)
    first = asyncio.new_event_loop()
    coroutine = life.start()
    starting = first.create_task(coroutine)
    first.run_until_complete(asyncio.sleep(0))
    first.close()
    asyncio.run(life.start())
    assert ["never ready", "ready"] == opened
    # NOTE: asyncio complains of a task that is thrown away, which is to be here and not in another test.
    coroutine.close()
    del starting
    gc.collect()


def test_what_cannot_be_closed_from_another_loop(caplog: pytest.LogCaptureFixture) -> None:
    """What a closed loop has left open and cannot be closed any more is logged; a fault on its own loop is raised."""

    def fault() -> None:
        raise RuntimeError("wrong loop")

    async def open(stack: AsyncExitStack) -> None:
        stack.callback(fault)

    life = Life(open)
    asyncio.run(life.start())
    asyncio.run(life.start())
    assert ["what a closed event loop has left open was not closed in order"] == caplog.messages

    async def both() -> None:
        await life.start()
        await life.stop()

    with pytest.raises(RuntimeError, match="wrong loop"):
        asyncio.run(both())


def test_logins_on_another_loop() -> None:
    """Passwords are hashed on the second loop as on the first, and tokens of one are good on the other."""
    app = made(bundled=True, authenticators=[])
    client = Client(app)

    async def settle() -> None:
        async with app.lifespan():
            await plant(Accounts(app))

    async def log_in() -> int:
        return (await client.login("customer", "admin", "crossbar")).status

    async def ask() -> int:
        return (await client.get("/accounts/" + Accounts(app).customer)).status

    asyncio.run(settle())
    assert [201, 200, 201, 200] == [asyncio.run(each()) for each in (log_in, ask, log_in, ask)]
    asyncio.run(app.stop())

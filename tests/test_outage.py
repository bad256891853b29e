"""The log in an outage: what it says of a store that is away, and that it says no more than that."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from crossbar import AccessLog, Crossbar, Document, Settings
from crossbar.errors import StoreUnavailable
from crossbar.outage import Outage
from crossbar.settings import Log
from crossbar.stores.memory import MemoryStore
from crossbar.testing import QUICK, Client, small_world
from tests.modules.tools import until

AWAY = StoreUnavailable("the store: no primary can be reached")
OTHER = StoreUnavailable("the store: the user may not do that")


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def lines(caplog: pytest.LogCaptureFixture, level: str = "ERROR") -> list[str]:
    """What was said of the store, without what it is called."""
    return [each.getMessage().removeprefix("store: ") for each in caplog.records if each.levelname == level]


async def test_each_sort_is_told_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    """The first of a sort at once, one every ten seconds after that, with how many were left out."""
    clock = Clock()
    outage = Outage(clock=clock)
    for n in range(1000):
        outage.met(AWAY, f"r{n}")
        if n == 250:
            outage.met(OTHER, "other")
        clock.now += 2**-6
    first, other, second = lines(caplog)
    assert "the store: no primary can be reached (request r0)" == first
    assert "the store: the user may not do that (request other, and 250 more)" == other
    assert "the store: no primary can be reached (request r640, and 389 more)" == second


async def test_however_many_sorts(caplog: pytest.LogCaptureFixture) -> None:
    """Twenty of them in ten seconds, where each failure is told in words of its own."""
    clock = Clock()
    outage = Outage(clock=clock)
    for n in range(100):
        outage.met(StoreUnavailable(f"port {n} is closed"), "r")
    assert 20 == len(lines(caplog))
    clock.now += 10
    outage.met(StoreUnavailable("port 100 is closed"), "r")
    assert "port 100 is closed (request r, and 80 more)" == lines(caplog)[-1]


async def test_the_end_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Once nothing has failed for as long; the next failure is a new one."""
    caplog.set_level("INFO")
    clock = Clock()
    outage = Outage(0.01, clock)
    outage.met(AWAY, "one")
    outage.met(AWAY, "two")
    clock.now += 3
    outage.met(AWAY, "three")
    await asyncio.sleep(0.05)
    assert [] == lines(caplog, "INFO")
    clock.now += 1
    await until(lambda: lines(caplog, "INFO"))
    assert ["no request has failed for 0.01 seconds; before that, 3 failed in 3.0 seconds"] == lines(caplog, "INFO")
    outage.met(AWAY, "four")
    assert "the store: no primary can be reached (request four)" == lines(caplog)[-1]


async def test_one_look_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many fail, and for however long, one timer waits for the end."""
    clock, armed = Clock(), list[Callable[[], None]]()
    loop = asyncio.get_running_loop()

    def arm(seconds: float, call: Callable[[], None]) -> asyncio.Handle:
        armed.append(call)
        return loop.call_soon(lambda: None)

    monkeypatch.setattr(loop, "call_later", arm)
    outage = Outage(clock=clock)
    for _ in range(30):
        for _ in range(50):
            outage.met(AWAY, "r")
            clock.now += 0.25
        assert 1 == len(armed)
        armed.pop()()
    assert 1 == len(armed)


async def test_one_that_is_stopped_tells_nothing_more(caplog: pytest.LogCaptureFixture) -> None:
    """What comes after that is a new outage."""
    caplog.set_level("INFO")
    outage = Outage(0.01)
    outage.met(AWAY, "one")
    outage.stop()
    await asyncio.sleep(0.05)
    assert ["the store: no primary can be reached (request one)"] == lines(caplog)
    outage.met(AWAY, "two")
    await until(lambda: lines(caplog, "INFO"))
    assert ["no request has failed for 0.01 seconds; before that, 1 failed in 0.0 seconds"] == lines(caplog, "INFO")


async def test_an_application_that_stops(caplog: pytest.LogCaptureFixture) -> None:
    """It has nothing more to tell, nor anything that waits to."""
    app = Crossbar(Settings(log=Log(access=False)))
    await app.start()
    app.outage.met(AWAY, "one")
    await app.stop()
    assert app.outage._timer is None
    app.outage.met(AWAY, "two")
    assert 2 == len(lines(caplog))
    app.outage.stop()


class Gone(MemoryStore):
    """A store that can be taken away, and is waited for then."""

    gone = late = False

    async def get(self, tenant: str, kind: str, id: str) -> Document | None:
        """The document, unless the store is away."""
        if self.late:
            await asyncio.sleep(0.02)
        if self.gone:
            raise AWAY
        return await super().get(tenant, kind, id)


@pytest.mark.parametrize(("gone", "slow"), [(True, False), (False, True)], ids=["away", "slow"])
async def test_requests_in_an_outage(gone: bool, slow: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Each is in the access log; none of them is called slow, as others are, because the store kept it waiting."""
    written = io.StringIO()
    store = Gone()
    settings = replace(QUICK, log=Log(slow=10))
    world = await small_world(store, settings, access_log=AccessLog(written))
    client = Client(world.app, await world.token("customer"))
    made = (await client.put("/account/devices", {"name": "Hall"})).data["id"]
    caplog.clear()
    store.late = True
    store.gone = gone
    for _ in range(5):
        answer = await client.get(f"/account/devices/{made}")
        assert (503 if gone else 200) == answer.status
        assert ("retry-after" in answer.headers) == gone
    assert (1 if gone else 0) == len(lines(caplog))
    assert slow == any("slow: " in line for line in lines(caplog, "WARNING"))
    await world.app.stop()
    assert (5 if gone else 0) == written.getvalue().count(" datastore_unreachable ")


def test_an_application_tells(caplog: pytest.LogCaptureFixture) -> None:
    """It has one that tells under the name of the server's log."""
    asyncio.run(_failed(Crossbar(Settings(log=Log(access=False)))))
    assert [("crossbar", logging.ERROR)] == [(each.name, each.levelno) for each in caplog.records]


async def _failed(app: Crossbar) -> None:
    app.outage.met(AWAY, "r")

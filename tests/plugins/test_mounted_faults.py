"""An ASGI application as a noun: what becomes of its faults, of its life, and of what is below it."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from crossbar import Mounted
from crossbar.errors import CrossbarError, DefinitionError

from .test_mounted import mirror, mounted
from .tools import Maker, faults, missing, states


def failing(at: int, error: BaseException | None) -> Any:
    """An application that fails, or just ends, before so many messages are out."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        messages = [
            {"type": "http.response.start", "status": 200, "headers": []},
            {"type": "http.response.body", "body": b"1", "more_body": True},
        ]
        for message in messages[:at]:
            await send(message)
        if error is not None:
            raise error

    return app


@pytest.mark.parametrize("error", [LookupError("lost"), SystemExit(1), asyncio.CancelledError(), None], ids=repr)
@pytest.mark.parametrize("at", [0, 1, 2])
async def test_faults(make: Maker, caplog: pytest.LogCaptureFixture, at: int, error: Any) -> None:
    """Before its response has begun, its fault is a 500 in the dialect's form; afterwards the response breaks off."""
    client = await mounted(make, failing(at, error))
    if at == 0:
        answer = await client.get("/account/site")
        assert (500, "unspecified_fault") == (answer.status, answer.json()["message"])
        assert answer.headers["x-request-id"] == answer.json()["request_id"]
        assert [] == missing(caplog.text, "the application of endpoint site (crossbar.mounted)")
    else:
        with pytest.raises(CrossbarError, match="broke off"):
            await client.get("/account/site")
    assert 200 == (await client.get("/account/devices")).status


async def test_exceptions_of_the_host(make: Maker) -> None:
    """What the host wants to see itself passes through."""
    client = await make.client(endpoints=[Mounted("site", failing(0, LookupError("x")))], propagate=(LookupError,))
    with pytest.raises(LookupError, match="x"):
        await client.get("/account/site")


@pytest.mark.parametrize("name", ["Bad Name", "", "a-b", "x" * 40, 5])
def test_names(name: Any) -> None:
    """A name that no noun can have is refused at once."""
    with pytest.raises(DefinitionError, match="must be lower-case letters"):
        Mounted(name, mirror)


def living(events: list[str], *, fail: str = "", knows: bool = True) -> Any:
    """An application that writes down its life, and keeps something in its state."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": orjson.dumps(scope["state"])})
            return
        if not knows:
            raise NotImplementedError
        scope["state"]["pool"] = "open"
        for event in ("startup", "shutdown"):
            assert {"type": f"lifespan.{event}"} == await receive()
            events.append(event)
            if fail == event:
                await send({"type": f"lifespan.{event}.failed", "message": f"no {event}"})
                return
            if fail == f"crash {event}":
                raise LookupError(event)
            await send({"type": f"lifespan.{event}.complete"})

    return app


async def test_its_life(make: Maker) -> None:
    """It is started and stopped with the server; what it keeps in its state comes with each request."""
    events: list[str] = []
    client = await mounted(make, living(events))
    assert (["startup"], {"pool": "open"}) == (events, (await client.get("/account/site")).json())
    await client.app.stop()
    assert ["startup", "shutdown"] == events


async def test_a_life_that_is_anothers_concern(make: Maker) -> None:
    """With `lifespan=False` somebody else sees to that."""
    events: list[str] = []
    client = await mounted(make, living(events), lifespan=False)
    assert ([], {}) == (events, (await client.get("/account/site")).json())


async def test_an_application_that_knows_no_life(make: Maker) -> None:
    """One that raises when it is asked is served all the same."""
    client = await mounted(make, living([], knows=False))
    assert ({"site": "ok"}, 200) == (states(client.app), (await client.get("/account/site")).status)


async def test_a_start_that_fails(make: Maker) -> None:
    """One that cannot start is out of order, with its own words."""
    client = await mounted(make, living([], fail="startup"))
    assert (503, 200) == tuple([(await client.get(f"/account/{noun}")).status for noun in ("site", "devices")])
    assert [] == missing(faults(client.app)["site"], "endpoint site", "its lifespan failed: no startup")


@pytest.mark.parametrize("fail", ["shutdown", "crash shutdown"])
async def test_an_end_that_fails(make: Maker, fail: str) -> None:
    """A fault at the end keeps nothing from ending."""
    events: list[str] = []
    client = await mounted(make, living(events, fail=fail))
    await client.app.stop()
    assert ["startup", "shutdown"] == events

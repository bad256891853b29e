"""Code of others that takes too long: its request is answered with a 504, and nobody else has to wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from msgspec.structs import replace

from crossbar import Context, Crossbar, Endpoint, Json, Principal, Stream, app, watch
from crossbar.errors import StoreUnavailable
from crossbar.testing import QUICK, Client, scope_of

from .tools import Ahead, Maker, missing, until

SECOND = replace(QUICK, limits=replace(QUICK.limits, handler_seconds=1))
"""Settings by which a request has one second."""
LONG = 1_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Ahead:
    """Give the clock by which a request has a thousand seconds, and as many to end, so that only the clock is late."""
    made = Ahead()
    monkeypatch.setattr(watch, "time", made)
    monkeypatch.setattr(watch, "PATIENCE", LONG)
    monkeypatch.setattr(app, "Watch", lambda seconds, *given: watch.Watch(LONG, *given))
    return made


class Slow(Endpoint):
    """An endpoint that takes its time, in several ways."""

    name = "slow"
    anywhere = True

    def __init__(self) -> None:
        self.left: list[str] = []
        self.inside = 0

    async def find(self, ctx: Context) -> Json:
        """Wait for ever."""
        self.inside += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.left.append("find")
        return None

    async def create(self, ctx: Context) -> Json:
        """Take the cancellation for something else, and answer late."""
        self.inside += 1
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return "late"

    async def read(self, ctx: Context, id: str) -> Json:
        """Make another error of it."""
        self.inside += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise LookupError("interrupted") from None
        return None

    async def replace(self, ctx: Context, id: str) -> Json:
        """Have a time limit of its own, which is no one's concern."""
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            return "mine"
        return None

    async def finish(self, ctx: Context) -> None:
        """Dawdle after the response, too."""
        if ctx.verb == "POST":
            await asyncio.Event().wait()


class Stubborn(Endpoint):
    """An endpoint that goes on, whoever cancels it, until it is released."""

    name = "stubborn"

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.cancelled = 0
        self.inside = self.ended = False

    async def find(self, ctx: Context) -> Json:
        """Go on and on."""
        self.inside = True
        while not self.release.is_set():
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
        self.ended = True
        return "too late"


async def test_a_handler_that_hangs(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """After `limits.handler_seconds` its work is cancelled, and the client gets a 504 in the dialect's form."""
    slow = Slow()
    client = await make.client(SECOND, endpoints=[slow])
    began = time.monotonic()
    late = await client.get("/account/slow")
    assert (504, "timeout", "504") == (late.status, late.json()["message"], late.json()["error"])
    assert (["find"], True) == (slow.left, time.monotonic() - began > 0.9)
    assert [] == missing(caplog.text, f"stage execute of endpoint slow ({__name__}) took over 1 s (request ")


@pytest.mark.parametrize(
    ("verb", "path", "status"), [("GET", "", 504), ("PUT", "", 200), ("GET", "/x", 500), ("POST", "/x", 200)]
)
async def test_the_task_goes_on_as_if_nothing_had_been(
    make: Maker, clock: Ahead, verb: str, path: str, status: int
) -> None:
    """Whatever the code makes of its cancellation, the server's task is not left half cancelled."""
    world = await make.world(SECOND, endpoints=[slow := Slow()])
    client = await world.client("customer")
    seen: list[object] = []

    async def serving(scope: Any, receive: Any, send: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        await world.app(scope, receive, send)
        seen.append(task.cancelling())
        await asyncio.sleep(0)

    hosted: Any = Client(serving, client.token)
    asking = asyncio.create_task(hosted.request(verb, f"/account/slow{path}", None if verb == "GET" else {}))
    await until(lambda: slow.inside or asking.done())
    clock.seconds = 2 * LONG
    response = await asking
    assert (201 if verb == "PUT" else status, [0]) == (response.status, seen)


async def test_others_do_not_wait(make: Maker, clock: Ahead) -> None:
    """While some requests hang, others are answered."""
    client = await make.client(SECOND, endpoints=[slow := Slow()])
    hanging = [asyncio.create_task(client.get("/account/slow")) for _ in range(20)]
    await until(lambda: slow.inside == 20)
    statuses = [(await client.get("/account/devices")).status for _ in range(20)]
    assert ([200] * 20, False) == (statuses, any(hung.done() for hung in hanging))
    clock.seconds = 2 * LONG
    assert [504] * 20 == [(await hung).status for hung in hanging]


@pytest.mark.parametrize("sort", ["authenticators", "authorizers"])
async def test_other_sorts(make: Maker, clock: Ahead, caplog: pytest.LogCaptureFixture, sort: str) -> None:
    """An authenticator or an authorizer that hangs is named."""
    inside = asyncio.Event()

    async def asking(ctx: Context) -> Principal | None:
        if ctx.header(b"x-hang"):
            inside.set()
            await asyncio.Event().wait()
        return None

    given: dict[str, Any] = {sort: [asking]}
    client = await make.client(SECOND, **given)
    hung = asyncio.create_task(client.get("/account/devices", headers={"x-hang": "1"}))
    await inside.wait()
    clock.seconds = 2 * LONG
    assert 504 == (await hung).status
    assert [] == missing(caplog.text, f"of {sort[:-1]} asking ({__name__}) took over 1 s")


async def test_the_first_piece_of_a_stream(make: Maker, clock: Ahead) -> None:
    """A stream has to begin in time; after that it may take as long as it likes."""
    inside, ended = asyncio.Event(), asyncio.Event()

    async def never() -> AsyncIterator[bytes]:
        inside.set()
        try:
            await asyncio.Event().wait()
            yield b""
        finally:
            ended.set()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"a"
        clock.seconds = 2 * LONG
        for _ in range(2):
            await asyncio.sleep(0.3)
            yield b"a"

    class Streaming(Endpoint):
        name = "streaming"

        async def find(self, ctx: Context) -> Stream:
            return Stream(never(), "text/plain")

        async def read(self, ctx: Context, id: str) -> Stream:
            return Stream(slowly(), "text/plain")

    client = await make.client(SECOND, endpoints=[Streaming()])
    asking = asyncio.create_task(client.get("/account/streaming"))
    await inside.wait()
    clock.seconds = 2 * LONG
    assert (504, True) == ((await asking).status, ended.is_set())
    clock.seconds = 0
    assert b"aaa" == (await client.get("/account/streaming/x")).body


async def test_a_slow_client(make: Maker, clock: Ahead) -> None:
    """The time that a client takes to send its body does not count; `limits.body_seconds` is for that."""

    async def slowly() -> AsyncIterator[bytes]:
        for piece in (b'{"data":', b'{"name":', b'"a"}', b"}"):
            yield piece
            clock.seconds += 2 * LONG
            await asyncio.sleep(0.3)

    client = await make.client(SECOND)
    assert 201 == (await client.request("PUT", "/account/devices", body=slowly())).status


async def test_finishing_for_too_long(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """What comes after the response has a limit, too."""
    client = await make.client(SECOND, endpoints=[Slow()])
    assert 200 == (await client.post("/account/slow/x", {})).status
    assert [] == missing(caplog.text, f"finish of endpoint slow ({__name__}) failed", "TimeoutError")


async def serve(app: Crossbar, path: bytes, token: str, sent: list[Any]) -> asyncio.Task[None]:
    """Have a request served in a task, as a server would; what is sent is in the list."""

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = scope_of("http", path, [(b"host", b"x"), (b"x-auth-token", token.encode())], method="GET")
    return asyncio.create_task(app(scope, receive, send))


async def test_code_that_cannot_be_cancelled(make: Maker, clock: Ahead, caplog: pytest.LogCaptureFixture) -> None:
    """Code that goes on although it is cancelled keeps its own task busy, but its client is answered."""
    stubborn, sent = Stubborn(), list[Any]()
    world = await make.world(SECOND, endpoints=[stubborn])
    serving = await serve(world.app, b"/v2/account/stubborn", await world.token("customer"), sent)
    await until(lambda: stubborn.inside)
    clock.seconds = 2 * LONG
    await until(lambda: stubborn.cancelled > 1)
    assert [] == sent
    clock.seconds = 4 * LONG
    await until(lambda: len(sent) == 2)
    assert (504, False, False) == (sent[0]["status"], serving.done(), stubborn.ended)
    assert b'"message":"timeout"' in sent[1]["body"]
    assert [] == missing(caplog.text, f"endpoint stubborn ({__name__}) goes on although it was cancelled (request ")
    stubborn.release.set()
    await serving
    assert (2, True) == (len(sent), stubborn.ended)


async def test_cancelled_by_the_server(make: Maker) -> None:
    """A request whose task the server cancels ends at once, and is not taken for one that hangs."""
    slow, sent = Slow(), list[Any]()
    world = await make.world(endpoints=[slow])
    serving = await serve(world.app, b"/v2/account/slow", await world.token("customer"), sent)
    await until(lambda: slow.inside)
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert (["find"], []) == (slow.left, sent)


async def test_the_store_is_away(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that cannot be reached is no fault of a module's."""
    client = await make.client()

    async def away(*given: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(client.app.store, "page", away)
    assert 503 == (await client.get("/account/devices")).status

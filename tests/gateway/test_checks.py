"""Active checks: what is asked, when, and what is made of the answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from random import Random

import pytest

from crossbar.gateway.checks import AGENT, MOST_BODY, Check, Checker
from crossbar.gateway.pool import Ejection, Pool, Target
from crossbar.gateway.transport import Answer, Broken, Call, NotConnected, Socket

EVERY_5 = Check.parse("GET /readyz?all=1 every 5s within 2s")
Reply = Callable[[], "Given"]


class Given:
    """A response with this status, whose body comes in these pieces, or is there already as `whole`."""

    length: int | None = None

    def __init__(self, status: int, pieces: Sequence[bytes | Exception] = (), whole: bytes | None = None) -> None:
        self.status = status
        self.fields: list[tuple[bytes, bytes]] = []
        self.whole = whole
        self.pieces: Iterator[bytes | Exception] = iter(pieces)
        self.read = 0
        self.released = 0

    async def piece(self) -> bytes:
        """The next piece, or the error that comes instead of it."""
        found = next(self.pieces, b"")
        if isinstance(found, Exception):
            raise found
        self.read += len(found)
        return found

    def release(self) -> None:
        """Count that it was let go."""
        self.released += 1


class World:
    """A clock, a transport and somebody who is told: time passes only when all that could be done is done."""

    def __init__(self, many: int = 1) -> None:
        self.now = 0.0
        self.calls: list[tuple[float, str]] = []
        self.sent: list[Call] = []
        self.told: list[tuple[float, str, bool, str]] = []
        self.changed = asyncio.Event()
        self.replies: dict[str, list[int | Exception | Given | Awaitable[None]]] = {}
        self.sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self.pool = Pool(
            [Target(f"http://10.0.0.{place}:9000/base") for place in range(1, many + 1)],
            Ejection(),
            self.clock,
            Random(7),
        )

    def clock(self) -> float:
        """The time."""
        return self.now

    async def sleep(self, span: float) -> None:
        """Wait until time has been moved on by as much."""
        future = asyncio.get_running_loop().create_future()
        self.sleepers.append((self.now + span, future))
        await future

    async def passes(self, until: float) -> None:
        """Let time pass, and whatever is to be done in it, to its end."""
        while True:
            for _ in range(20):
                await asyncio.sleep(0)
            due = [at for at, future in self.sleepers if at <= until and not future.done()]
            if not due:
                break
            self.now = min(due)
            for at, future in self.sleepers:
                if at <= self.now and not future.done():
                    future.set_result(None)
        self.now = until

    async def open(self) -> None:
        """Nothing is to be done."""

    async def close(self) -> None:
        """Nothing is to be done."""

    async def request(self, call: Call) -> Answer:
        """Give what is next in the list for this target, the last of it again and again; 200 without a list."""
        self.calls.append((self.now, call.origin))
        self.sent.append(call)
        replies = self.replies.get(call.origin, [200])
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, Awaitable):
            await reply
        return reply if isinstance(reply, Given) else Given(reply if isinstance(reply, int) else 200)

    async def websocket(self, call: Call, subprotocols: Sequence[str], most: int) -> Socket:
        """No check opens one."""
        raise AssertionError(call)

    def tell(self, target: Target, well: bool, why: str) -> None:
        """Keep what is told."""
        self.told.append((self.now, target.origin, well, why))
        self.changed.set()

    def running(self, check: Check = EVERY_5) -> AbstractAsyncContextManager[None]:
        """Check the targets."""
        return Checker(self.pool, check, self, self.tell, clock=self.clock, sleep=self.sleep).running()


ONE = "http://10.0.0.1:9000"


async def test_what_is_sent() -> None:
    """A check is the configured request for the target below its base, and says who is asking."""
    world = World()
    async with world.running():
        await world.passes(0)
    fields = ((b"host", b"10.0.0.1:9000"), (b"user-agent", AGENT))
    assert world.sent == [Call("GET", ONE, b"/base/readyz?all=1", fields)]
    assert AGENT.startswith(b"crossbar-health/")


async def test_when_it_is_sent() -> None:
    """All are asked at once at the start; from then on each every five seconds, and never two at the same time."""
    world = World(5)
    async with world.running():
        await world.passes(12)
    first = [(0.0, f"http://10.0.0.{place}:9000") for place in range(1, 6)]
    later = [(float(second), f"http://10.0.0.{(second - 1) % 5 + 1}:9000") for second in range(1, 13)]
    assert first + later == world.calls


async def test_a_slow_answer_does_not_delay_the_next_check() -> None:
    """The interval is from the beginning of a check to that of the next one."""
    world = World()
    world.replies[ONE] = [world.sleep(1.5), 200]
    async with world.running():
        await world.passes(11)
    assert [0.0, 5.0, 10.0] == [at for at, _ in world.calls]


@pytest.mark.parametrize(
    ("statuses", "told"),
    [
        ([200], []),
        ([500, 200], [(0, False), (5, True)]),
        ([200, 500, 200], []),
        ([200, 500, 500], [(10, False)]),
        ([200, 500, 200, 500, 503, 503, 204, 500, 500], [(20, False), (30, True), (40, False)]),
    ],
    ids=str,
)
async def test_when_a_target_turns(statuses: list[int], told: list[tuple[float, bool]]) -> None:
    """One failure is enough at the start, and later it takes two in a row; one good check makes it well again."""
    world = World()
    world.replies[ONE] = [*statuses]
    async with world.running():
        await world.passes(5 * len(statuses) + 20)
    assert told == [(at, well) for at, _, well, _ in world.told]
    assert world.pool.targets[0].sick == bool(told and not told[-1][1])


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (199, "it answers GET with 199"),
        (400, "it answers GET with 400"),
        (503, "it answers GET with 503"),
        (NotConnected("connection refused"), "connection refused"),
        (Broken(""), "Broken"),
        (KeyError("x"), "the check crashed: KeyError('x')"),
        pytest.param(Given(200, [b"o", Broken("cut off")]), "cut off", id="cut off"),
    ],
    ids=str,
)
async def test_what_is_not_well(reply: int | Exception | Given, why: str) -> None:
    """Everything but a good status is not, the reason is told, and the checks go on."""
    world = World()
    world.replies[ONE] = [reply, 200]
    async with world.running():
        await world.passes(4)
        assert (world.pool.pick(), world.pool.states()[0]["why"]) == (None, why)
        await world.passes(5)
    assert world.told == [(0.0, ONE, False, why), (5.0, ONE, True, "")]


@pytest.mark.parametrize("status", [200, 204, 302, 399])
async def test_what_is_well(status: int) -> None:
    """A status from 200 to 399 is, redirects among them, which are not followed."""
    world = World()
    world.replies[ONE] = [500, status]
    async with world.running():
        await world.passes(5)
    assert [False, True] == [well for *_, well, _ in world.told]
    assert {b"/base/readyz?all=1"} == {call.path for call in world.sent}


async def test_no_answer_in_time() -> None:
    """An answer that does not come is not waited for longer than the check says, and its call is cancelled."""
    world = World()
    never = asyncio.get_running_loop().create_future()
    world.replies[ONE] = [never]
    async with world.running(Check.parse("GET / every 5s within 1ms")):
        await world.changed.wait()
    assert world.told == [(0.0, ONE, False, "no answer within 0.001 seconds")]
    assert never.cancelled()


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        (Given(200, [b"x" * 100, b"y" * 100]), 200),
        (Given(200, [b"x" * 40_000] * 9), 80_000),
        (Given(200, [b"x"] * 3, whole=b"xxx"), 0),
        (Given(500, [b"x", b"y"]), 2),
    ],
    ids=["short", "long", "there already", "bad"],
)
async def test_how_much_is_read(answer: Given, read: int) -> None:
    """An answer is read to its end, if that is not too far, so that the connection can be kept; and is let go once."""
    world = World()
    world.replies[ONE] = [answer, 200]
    async with world.running():
        await world.passes(1)
    assert (read, 1) == (answer.read, answer.released)
    assert read < MOST_BODY + 40_000


async def test_targets_are_judged_each_for_itself() -> None:
    """What is found of one target says nothing of another."""
    world = World(3)
    world.replies["http://10.0.0.2:9000"] = [503]
    async with world.running():
        await world.passes(30)
    assert ["ok", "sick", "ok"] == [state["state"] for state in world.pool.states()]
    assert world.told == [(0.0, "http://10.0.0.2:9000", False, "it answers GET with 503")]


async def test_a_listener_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """If nobody can be told, the log says so, the pool knows all the same, and the checks go on."""
    world = World()
    world.replies[ONE] = [503, 200]

    def tell(target: Target, well: bool, why: str) -> None:
        raise OSError("disk full")

    with caplog.at_level(logging.ERROR, "crossbar"):
        async with Checker(world.pool, EVERY_5, world, tell, clock=world.clock, sleep=world.sleep).running():
            await world.passes(4)
            assert world.pool.pick() is None
            await world.passes(5)
    assert world.pool.pick() is world.pool.targets[0]
    assert ["nobody could be told how http://10.0.0.1:9000/base is; its checks go on"] * 2 == caplog.messages


@pytest.mark.parametrize("at", [0.0, 3.0], ids=["while it is asked", "in between"])
async def test_leaving_ends_everything(at: float) -> None:
    """When the checker stops, no task of it is left, whatever it was doing, and what was raised inside comes out."""
    world = World(3)
    asked = asyncio.get_running_loop().create_future()
    if not at:
        world.replies[ONE] = [asked]
    before = asyncio.all_tasks()

    async def inside() -> None:
        async with world.running():
            await world.passes(at)
            assert len(asyncio.all_tasks() - before) == 3
            raise LookupError("inside")

    with pytest.raises(LookupError, match="inside"):
        await inside()
    assert (before, not at) == (asyncio.all_tasks(), asked.cancelled())
    assert world.told == []

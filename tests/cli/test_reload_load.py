"""Reloads while clients ask all the time: no request fails, streams go on, and what is left is closed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect

from tests.protocol.server import Served

from .conftest import Invoke, logged
from .gateway import PATIENCE, Gateway, Load, Told, asked, connected, gateway, route, service, until, upstream

RELOADS = 100
CLIENTS = 8


@pytest.fixture(scope="module")
def upstreams() -> Iterator[list[Served]]:
    """Give three upstreams: `one`, `two`, and `old` that only the first configuration has for its streams."""
    with upstream("one") as (_, one), upstream("two") as (_, two), upstream("old") as (_, old):
        yield [one, two, old]


def numbered(number: int) -> tuple[str, str, bytes, Mapping[str, str]]:
    """A request with a body of its own, every other one a POST."""
    if number % 2:
        return "GET", f"/x/{number}", b"", {}
    return "POST", f"/x/{number}", b"body of %d" % number, {}


def configuration(upstreams: list[Served], number: int) -> str:
    """The configuration with a number: other weights, a target that comes and goes, another field in each response."""
    one, two, old = (each.port for each in upstreams)
    targets = [f"http://127.0.0.1:{one} weight={1 + number % 3}"]
    if number % 2:
        targets.append(f"http://127.0.0.1:{two}")
    fields = {"set": {"x-configuration": str(number)}}
    streams = service("streams", one if number else old, keep="1h")
    return (
        streams
        + service("up", *targets, health="GET /readyz every 1s")
        + route("/x/**", "up", response=fields)
        + route("/s/**", "streams", timeout={"total": "0"})
    )


def is_right(number: int, told: Told, configurations: set[str]) -> bool:
    """Whether this is the answer to that request, by one of these configurations."""
    _, path, body, _ = numbered(number)
    said = told.json
    right = told.status == 200 and said["path"] == path and said["body"] == body.decode()
    return right and said["name"] in ("one", "two") and told.fields["x-configuration"] in configurations


@asynccontextmanager
async def streams(live: Gateway) -> AsyncIterator[AsyncIterator[str]]:
    """A stream of events and a WebSocket; each time they are asked, who says something on both."""
    async with connected(live.url) as client, connect(f"{live.url.replace('http', 'ws')}/s/socket") as socket:
        status, fields = await client.begin("GET", "/s/events")
        assert (200, "text/event-stream") == (status, fields["content-type"])

        async def say() -> AsyncIterator[str]:
            while True:
                event = (await client.piece()).decode().split()[1]
                await socket.send("hello")
                assert f"{event} hello" == await socket.recv()
                yield event

        yield say()


async def reloaded(live: Gateway, text: str) -> tuple[int, str]:
    """Load a configuration, while everything else goes on."""
    return await asyncio.to_thread(live.reload, text)


async def test_a_hundred_reloads(upstreams: list[Served], invoke: Invoke) -> None:
    """Each request of eight clients has the right answer, and what began before the first reload goes on after all.

    When that ends as well, its upstream is closed: the connections to it are kept for an hour otherwise.
    """
    old = upstreams[2]
    with gateway(invoke, configuration(upstreams, 0)) as live:
        async with asyncio.timeout(100):
            async with streams(live) as said:
                load = Load(live.url, numbered)
                async with load.running(CLIENTS):
                    for number in range(1, RELOADS + 1):
                        code, told = await reloaded(live, configuration(upstreams, number))
                        assert (0, True) == (code, "upstream up: changed" in told), told
                        assert "old" == await anext(said)
                        await load.more(1)
                assert {200} == {status for _, status in load.counts}, load.counts
                configurations = {*map(str, range(RELOADS + 1))}
                assert [] == [
                    (number, told) for number, told in load.told if not is_right(number, told, configurations)
                ]
                assert load.counts.total() > 5 * RELOADS
                assert {"one"} == {each["name"] for each in [(await asked(live.url, "/s/1")).json]}
                assert "old" == await anext(said)
                assert old.connections
                targets = {each["target"] for each in live.targets()}
                assert targets == {f"http://127.0.0.1:{upstreams[0].port}"}
            await until(lambda: not old.connections)
        live.live.stop(signal.SIGTERM)
        assert [] == [line for line in logged(live.live) if "INFO" not in line]


async def all_answer(live: Gateway, configuration: str) -> None:
    """See to it that every process answers by this configuration, as far as connections of their own can tell."""
    answers = [(await asked(live.url, f"/x/{number}")).fields["x-configuration"] for number in range(24)]
    assert {configuration} == {*answers}


async def test_all_workers_agree(upstreams: list[Served], invoke: Invoke) -> None:
    """Reloads of two processes under load, and one that is started after them, have the same in force."""
    with gateway(invoke, configuration(upstreams, 0), workers=2) as live:
        async with asyncio.timeout(100), streams(live) as said:
            load = Load(live.url, numbered)
            async with load.running(CLIENTS):
                for number in range(1, 13):
                    code, told = await reloaded(live, configuration(upstreams, number))
                    assert 0 == code, told
                    assert "old" == await anext(said)
                    assert "waits for the next start" not in told
                await load.more(50)
            assert {200} == {status for _, status in load.counts}, load.counts
            configurations = {*map(str, range(13))}
            assert [] == [(number, told) for number, told in load.told if not is_right(number, told, configurations)]
            await all_answer(live, "12")
        states = live.targets()
        assert 2 == len({each["process"] for each in states})
        assert 2 == len({(each["upstream"], each["target"]) for each in states})


async def test_a_worker_that_is_started_later(upstreams: list[Served], invoke: Invoke) -> None:
    """It comes up with the configuration that was loaded last, even if that was while it was starting."""
    with gateway(invoke, configuration(upstreams, 0), workers=2) as live:
        async with asyncio.timeout(PATIENCE * 3):
            assert 0 == (await reloaded(live, configuration(upstreams, 1)))[0]
            for number in (1, 2):
                victim, survivor = live.pids
                os.kill(victim, signal.SIGKILL)
                if number > 1:
                    await asyncio.sleep(0.8)  # somewhere on the way of its successor
                    assert 0 == (await reloaded(live, configuration(upstreams, number)))[0]
                await until(lambda: len({*live.pids} - {victim, survivor}) == 1)  # noqa: B023  # it is called here
                await all_answer(live, str(number))
                assert (0, "nothing has changed\n") == live.reload()

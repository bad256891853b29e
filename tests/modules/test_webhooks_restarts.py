"""Restarts: whoever stops or dies on the way, each delivery is made at least once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crossbar.stores.sqlite import SqliteStore

from .tools import TIMEOUT, Clock, Receiver, at_home, receiving, restarted, until

ROOT = Path(__file__).parents[2]
LEASE = TIMEOUT + 20
"""What a claim holds with the time limit of the tests."""


async def test_what_nobody_sent_yet_is_sent_after_a_restart(tmp_path: Path, receiver: Receiver, clock: Clock) -> None:
    """An application that stops between write and send leaves the delivery to the next one."""
    path = tmp_path / "store.db"
    async with at_home(SqliteStore(path, clock=clock), clock, deliver=False) as home:
        hook = await home.hook(receiver)
        devices = [await home.device(str(number)) for number in range(5)]
        assert (5, []) == (len(await home.outstanding()), receiver.received)
    async with restarted(SqliteStore(path, clock=clock), clock) as home:
        await home.emptied()
        assert sorted(devices) == sorted(got.event["id"] for got in receiver.received)
        assert all(got.signed_by(hook["secret"]) for got in receiver.received)


async def test_stopping_in_the_middle(
    tmp_path: Path, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An application that stops gives back what is under way, so that the next one sends it at once."""
    monkeypatch.setattr("crossbar.modules.webhooks.courier.GRACE", 0.05)
    path = tmp_path / "store.db"
    receiver.hold()
    async with at_home(SqliteStore(path, clock=clock), clock, timeout=60) as home:
        await home.hook(receiver)
        await home.device()
        await until(lambda: receiver.received)
        began = time.monotonic()
    assert time.monotonic() - began < 30, "it waited for the answer"
    receiver.held.set()
    async with restarted(SqliteStore(path, clock=clock), clock) as home:
        await home.emptied()
        assert [2, 1] == [len(receiver.received), len({got.id for got in receiver.received})]


async def test_stopping_waits_a_moment(
    tmp_path: Path, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is about to be answered when the application stops is waited for, and not sent again."""
    monkeypatch.setattr("crossbar.modules.webhooks.courier.GRACE", 30)
    path = tmp_path / "store.db"
    receiver.hold()
    async with at_home(SqliteStore(path, clock=clock), clock) as home:
        await home.hook(receiver)
        await home.device()
        await until(lambda: receiver.received)
        asyncio.get_running_loop().call_later(0.1, receiver.held.set)
    async with restarted(SqliteStore(path, clock=clock), clock) as home:
        [made] = await home.attempts()
        assert ("success", [], 1) == (made["result"], await home.outstanding(), len(receiver.received))


CHILD = """
import asyncio, os, sys
from crossbar import Crossbar, after
from crossbar.stores.sqlite import SqliteStore
from crossbar.testing import World
from tests.modules.tools import home_in, settings

path, when = sys.argv[1:]

@after("devices.create", order=-10)
async def die(ctx, reply):
    if when == "written":
        os._exit(9)

async def main():
    app = Crossbar(settings(timeout=60), store=SqliteStore(path), hooks=[die])
    await app.start()
    home = await home_in(World(app))
    await home.device("From a process that dies")
    print("written", flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


@pytest.mark.parametrize("when", ["written", "sent"])
async def test_a_process_that_is_killed(tmp_path: Path, receiver: Receiver, when: str) -> None:
    """A process that dies right after the write, or while it sends, loses nothing: another one sends it, once more."""
    path = tmp_path / "store.db"
    receiver.hold()
    async with at_home(SqliteStore(path), deliver=False) as home:
        hook = await home.hook(receiver)
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CHILD, str(path), when),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )
        if when == "sent":
            await until(lambda: receiver.received)
            child.kill()
        await child.wait()
        sent_before = [got.id for got in receiver.received]
        [waiting] = await home.outstanding()
        assert ([waiting.id] if when == "sent" else []) == sent_before
        assert 1 == len((await home.client.get(f"{home.path}/devices")).data)
    receiver.held.set()
    later = time.time() + 60 + 20 if when == "sent" else time.time()
    async with restarted(SqliteStore(path, clock=lambda: later), lambda: later) as home:
        await home.emptied()
        got = receiver.received[-1]
        assert (waiting.id, True, len(sent_before) + 1) == (
            got.id,
            got.signed_by(hook["secret"]),
            len(receiver.received),
        )


async def test_a_claim_holds_until_its_lease_ends(tmp_path: Path, clock: Clock) -> None:
    """While one application sends, another leaves the delivery alone; when the lease has ended it sends it as well."""
    path = tmp_path / "store.db"
    async with receiving() as receiver, at_home(SqliteStore(path, clock=clock), clock) as one:
        receiver.hold()
        await one.hook(receiver)
        await one.device()
        await until(lambda: receiver.received)
        async with restarted(SqliteStore(path, clock=clock), clock) as other:
            [claimed] = await other.outstanding()
            assert LEASE == claimed.created - clock.now
            await other.device("Something else")
            await until(lambda: len(receiver.received) == 2)
            assert 2 == len({got.id for got in receiver.received})
            clock.now += LEASE
            other.wake()
            await until(lambda: len(receiver.received) >= 3)
            assert 2 == len({got.id for got in receiver.received})
            receiver.held.set()
            await other.emptied()

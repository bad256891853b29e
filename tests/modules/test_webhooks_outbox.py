"""The outbox: a delivery for every change and none without, and no cost where nobody listens."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crossbar import Change, Context, Guard, Query, Unavailable, after, within

from .tools import Clock, Home, Receiver, at_home, until


async def test_what_is_refused_is_no_event(home: Home, receiver: Receiver) -> None:
    """A document that breaks a rule, one that is taken, one that is stale: no change, no delivery."""
    await home.hook(receiver, enabled=False)
    first = await home.client.put(f"{home.path}/devices", {"name": "Hall", "mac_address": "02005e005301"})
    at = f"{home.path}/devices/{first.data['id']}"
    await home.hook(receiver)
    failed = [
        await home.client.put(f"{home.path}/devices", {}),
        await home.client.put(f"{home.path}/devices", {"name": "Twin", "mac_address": "02005e005301"}),
        await home.client.post(at, {"name": "Late"}, headers={"if-match": '"7"'}),
        await home.client.delete(f"{home.path}/devices/{'f' * 32}"),
    ]
    assert [400, 400, 412, 404] == [response.status for response in failed]
    assert [] == await home.outstanding()
    await home.device()
    await home.settled(1)
    assert [("device", "doc_created")] == receiver.events


async def test_a_write_that_another_hook_spoils(clock: Clock, receiver: Receiver) -> None:
    """If anything in the write fails, the change and its delivery are both not there."""
    spoilt = False

    @within("devices.*", order=10)
    async def spoil(ctx: Context, changes: Sequence[Change]) -> Sequence[Change]:
        return [Guard(Query("", "accounts", limit=1), finds=False)] if spoilt else []

    async with at_home(clock=clock, hooks=[spoil]) as home:
        await home.hook(receiver)
        spoilt = True
        response = await home.client.put(f"{home.path}/devices", {"name": "Hall"})
        assert response.status >= 400
        listed = (await home.client.get(f"{home.path}/devices")).data
        assert ([], []) == (listed, await home.outstanding())
        spoilt = False
        await home.device()
        await home.settled(1)
        assert 1 == len(receiver.received)


async def test_a_request_that_fails_after_its_write(clock: Clock, receiver: Receiver) -> None:
    """What was written stays written, so it is told, though the request was answered with an error."""

    @after("devices.create", order=-10)
    async def fail(ctx: Context, reply: Any) -> None:
        raise Unavailable("the audit is away")

    async with at_home(clock=clock, hooks=[fail]) as home:
        await home.hook(receiver)
        receiver.hold()
        assert (await home.client.put(f"{home.path}/devices", {"name": "Hall"})).status == 503
        [waiting] = await home.outstanding()
        # Nobody woke the courier; it looks by itself.
        await until(lambda: receiver.received)
        assert waiting.id == receiver.received[0].id
        receiver.held.set()


async def test_an_action_that_writes(clock: Clock, receiver: Receiver) -> None:
    """A write of an action is told too, if not at once."""
    async with at_home(clock=clock) as home:
        await home.hook(receiver)
        assert (await home.client.put(f"{home.path}/api_key")).status == 201
        await until(lambda: receiver.received)
        assert [("account", "doc_edited")] == receiver.events


ROOT = Path(__file__).parents[2]
LIGHT = """
import asyncio, sys
sys.modules["aiohttp"] = None  # whoever asks for it gets an error
from crossbar.settings import Auth, Settings
from crossbar.testing import small_world

async def main():
    world = await small_world(settings=Settings(auth=Auth(hash_memory=8), plugins={"webhooks": {"poll": 1}}))
    client = await world.client("customer")
    made = await client.put(f"/accounts/{world.customer}/devices", {"name": "Hall"})
    assert made.status == 201, made.body
    await asyncio.sleep(1.1)
    await world.app.stop()
    print("done")

asyncio.run(main())
"""


def test_a_server_without_deliveries_loads_no_http_client() -> None:
    """An application starts, writes, looks for deliveries and stops without aiohttp, if there is nothing to deliver."""
    done = subprocess.run([sys.executable, "-c", LIGHT], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (0, "", "done\n") == (done.returncode, done.stderr, done.stdout)

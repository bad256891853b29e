"""Hooks that fail, hang, are slow or return rubbish: what becomes of the request, and what the log says of whom."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from crossbar import Change, Context, Forbidden, Reply, after, before, within
from crossbar.hooks import Hooks, hooks_of
from crossbar.testing import QUICK

from .test_hooks import Rooms, client_with
from .tools import Maker, app_with, missing


def failing(moment: Callable[..., Any], error: BaseException, required: bool) -> Any:
    """A hook of that moment that raises."""

    async def alone(ctx: Context) -> None:
        raise error

    async def together(ctx: Context, given: object) -> None:
        raise error

    return moment("rooms.*", required=required)(alone if moment is before else together)


ERRORS = [
    pytest.param(LookupError("lost"), 500, id="a crash"),
    pytest.param(SystemExit(1), 500, id="an exit"),
    pytest.param(Forbidden("no"), 403, id="a refusal"),
]


@pytest.mark.parametrize("moment", [before, within, after])
@pytest.mark.parametrize(("error", "status"), ERRORS)
async def test_required_and_optional_ones(
    make: Maker, caplog: pytest.LogCaptureFixture, moment: Any, error: BaseException, status: int
) -> None:
    """What a required hook raises is the client's answer; what an optional one raises is in the log only, by name."""
    caplog.set_level(logging.ERROR, "crossbar")
    hook = failing(moment, error, required=True)
    strict = await client_with(make, hook)
    assert status == (await strict.put("/account/rooms", {})).status
    name = next(hooks_of(hook, "")).name
    crash = f"crash in stage execute of hook {name} ({__name__})"
    assert [] == (missing(caplog.text, crash) if status == 500 else [])
    caplog.clear()
    lenient = await client_with(make, failing(moment, error, required=False))
    assert 201 == (await lenient.put("/account/rooms", {})).status
    assert [] == missing(caplog.text, f"hook {name} ({__name__}) failed, and the request went on without it (request ")


def test_none_at_all() -> None:
    """Without hooks there is nothing for a request to ask."""
    app = app_with(bundled=False)
    assert (None, ()) == (app.registry.hooks, Hooks().all)


async def test_one_that_hangs(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """A hook that takes too long is cancelled with its request, which gets a 504; the log names the hook."""
    ended = asyncio.Event()

    @before("rooms.find", required=False)
    async def slow(ctx: Context) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    settings = replace(QUICK, limits=replace(QUICK.limits, handler_seconds=1))
    client = await client_with(make, slow, settings=settings)
    late = await client.get("/account/rooms")
    assert (504, "timeout", True) == (late.status, late.json()["message"], ended.is_set())
    name = next(hooks_of(slow, "")).name
    assert [] == missing(caplog.text, f"stage execute of hook {name} ({__name__}) took over 1 s (request ")


async def test_one_that_is_slow(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """A hook that takes longer than `log.slow` is named, and not the endpoint that had to wait."""

    @after("rooms.find")
    async def thorough(ctx: Context, reply: Reply) -> None:
        await asyncio.sleep(0.05)

    client = await client_with(make, thorough, settings=replace(QUICK, log=replace(QUICK.log, slow=20)))
    await client.get("/account/rooms")
    called = re.escape(f"hook {next(hooks_of(thorough, '')).name} ({__name__})")
    assert re.search(rf"slow: \d+\.\d s in {called}", caplog.text)


@pytest.mark.parametrize("rubbish", [5, "abc", [None], {"a": 1}, object()])
async def test_changes_that_are_none(make: Maker, caplog: pytest.LogCaptureFixture, rubbish: Any) -> None:
    """What a hook of `within` returns must be changes; otherwise nothing is written, and the log names the hook."""

    @within("rooms.create")
    async def odd(ctx: Context, changes: Sequence[Change]) -> Any:
        return rubbish

    client = await client_with(make, odd)
    assert 500 == (await client.put("/account/rooms", {})).status
    assert [] == (await client.get("/account/rooms")).data
    assert [] == missing(
        caplog.text, f"hook {next(hooks_of(odd, '')).name}", "returns Insert, Replace, Delete or Guard"
    )


async def test_a_waiter_that_was_cancelled(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """A hook that waited for a task of its own which was cancelled has failed; nobody has cancelled the request."""

    @after("rooms.find", required=False)
    async def waiting(ctx: Context, reply: Reply) -> None:
        task = asyncio.create_task(asyncio.sleep(9))
        task.cancel()
        await task

    client = await client_with(make, waiting)
    assert 200 == (await client.get("/account/rooms")).status
    assert "failed, and the request went on without it" in caplog.text


def test_hooks_that_wait_in_vain(caplog: pytest.LogCaptureFixture) -> None:
    """A pattern that names what is not there is told once, with what may be meant; nothing is refused for it."""

    @before("rooms.craete", "roms.create", "nothing_like_it.find", "rooms.*", "*.create", "rooms.clean")
    async def hook(ctx: Context) -> None: ...

    app_with(endpoints=[Rooms()], hooks=[hook])
    told = [line.partition(" waits for ")[2] for line in caplog.messages]
    assert [
        "'rooms.craete', which does not exist here; did you mean 'rooms.create'?",
        "'roms.create', which does not exist here; did you mean 'rooms.create'?",
        "'nothing_like_it.find', which does not exist here",
    ] == told

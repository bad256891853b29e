"""Calls of the transport under test, and what comes of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from crossbar.gateway.aiohttp_transport import AiohttpTransport
from crossbar.gateway.transport import Answer, Call
from crossbar.gateway.transport import Fields as Pairs

PATIENCE = 10
"""Seconds after which a test has failed that waits for something."""
LOOPS = [
    pytest.param(("asyncio", {"debug": True}), id="asyncio"),
    pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
]
"""The event loops of the tests: one that finds fault with everything, and the fast one."""


@asynccontextmanager
async def speaking(**options: Any) -> AsyncIterator[AiohttpTransport]:
    """A transport, with the settings of a gateway that sets none, and no task of it left at the end."""
    settings = {"connect": 5.0, "keep": 4.0, "dns": 10.0, "head": 65_536, "ssl": None, "server_name": None}
    transport = AiohttpTransport(**(settings | options))
    await transport.open()
    try:
        async with asyncio.timeout(PATIENCE):
            yield transport
            assert not uploads()
    finally:
        await transport.close()


def uploads() -> list[asyncio.Task[Any]]:
    """The tasks that send pieces of a body, or would."""
    return [task for task in asyncio.all_tasks() if "Upload" in repr(task.get_coro())]


def get(port: int, path: bytes = b"/", method: str = "GET", fields: Pairs = (), **more: Any) -> Call:
    """A call of a target on this machine."""
    return Call(method, f"http://127.0.0.1:{port}", path, [(b"host", b"target.example"), *fields], **more)


async def whole(answer: Answer) -> bytes:
    """The body of an answer, all of it."""
    if answer.whole is not None:
        return answer.whole
    pieces = []
    while piece := await answer.piece():
        pieces.append(piece)
    return b"".join(pieces)


async def body_of(transport: AiohttpTransport, port: int, method: str = "GET") -> bytes:
    """The body that a target answers with."""
    return await whole(await transport.request(get(port, method=method)))


async def pieces_of(*pieces: bytes) -> AsyncIterator[bytes]:
    """A body in these pieces."""
    for piece in pieces:
        yield piece


async def endless() -> AsyncIterator[bytes]:
    """A body whose second piece never comes."""
    yield b"x"
    await asyncio.Event().wait()

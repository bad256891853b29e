"""Clients that read slowly but steadily, while the kernel holds megabytes for them: they are not given up."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar.protocol import limited

from .server import Receive, Scope, Send, respond, serving
from .watching import Clock

SIZE = 8_000_000
STEP = 40_000
PACE = 0.06
REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"


async def large(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with many bytes."""
    await respond(send, b"a" * SIZE)


def read_slowly(loop: str) -> int:
    """Read a large response little by little, and say how much of it came."""
    quick: dict[str, Any] = {"write_seconds": 1.0, "sweep_seconds": 0.002}
    with serving(large, limited(**quick), loop=loop) as served, served.connect() as client:
        client.sendall(REQUEST)
        got = len(client.recv(STEP))
        clock = Clock(served)
        try:
            while piece := client.recv(STEP):
                got += len(piece)
                clock.wait(PACE)
        except ConnectionResetError:
            pass
        return got


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_slow_and_steady(loop: str) -> None:
    """All of it comes, however long it takes."""
    assert read_slowly(loop) > SIZE

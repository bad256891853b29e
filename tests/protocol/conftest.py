"""Servers that speak WebSocket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crossbar.protocol import HttpProtocol

from .server import Served
from .sockets import app, forget, speaking

KINDS: dict[str, dict[str, Any]] = {
    "ours": {"http": HttpProtocol},
    "ours on uvloop": {"http": HttpProtocol, "loop": "uvloop"},
    "httptools": {"http": "httptools"},
    "h11": {"http": "h11"},
    "uvicorn's sockets": {"http": HttpProtocol, "ws": "websockets-sansio"},
}


@pytest.fixture(scope="module", params=["ours", "ours on uvloop"])
def sockets(request: pytest.FixtureRequest) -> Iterator[Served]:
    """A server with our HTTP and our WebSocket protocol."""
    with speaking(app, **KINDS[request.param]) as served:
        yield served


@pytest.fixture(scope="module", params=KINDS)
def any_sockets(request: pytest.FixtureRequest) -> Iterator[Served]:
    """A server with either of them, or both."""
    with speaking(app, **KINDS[request.param]) as served:
        yield served


@pytest.fixture(autouse=True)
def forget_what_was_heard() -> None:
    """Forget what the application heard in the test before."""
    forget()

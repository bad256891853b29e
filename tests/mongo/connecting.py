"""A flaw of the driver, made good for the tests: a client that is closed while it connects leaves a socket open.

`AsyncMongoClient.close` cancels what watches the servers, and `pymongo.pool_shared._async_create_connection` (4.20)
closes a socket when connecting fails, but not when it is cancelled. The socket is then closed as garbage, with a
ResourceWarning that would fail whichever test runs at that moment.
"""

from __future__ import annotations

import asyncio
import socket
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def sockets_closed() -> Iterator[None]:
    """Let event loops close a socket whose connecting is cancelled."""
    connect = BaseSelectorEventLoop.sock_connect

    async def closing(self: BaseSelectorEventLoop, sock: socket.socket, address: Any) -> None:
        try:
            await connect(self, sock, address)
        except asyncio.CancelledError:
            sock.close()
            raise

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseSelectorEventLoop, "sock_connect", closing)
        yield

"""Ports for servers of other processes, which have to be known before the server has them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_free() -> Iterator[int]:
    """Give a port of 127.0.0.1 at which nobody listens, and which the system gives to nobody while the block runs.

    A server that is told of it may listen there: with SO_REUSEADDR, as all servers set it, a port is taken only by who
    listens.
    """
    with socket.socket() as keeping:
        keeping.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeping.bind(("127.0.0.1", 0))
        yield keeping.getsockname()[1]

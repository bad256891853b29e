"""The process behind `crossbar run --gateway`: it serves the demo upstreams, and ends with the one that started it.

`python -m crossbar.cli.upstreams PORT:FD ...`, with a port of the demo and the file descriptor of its listening socket.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Literal

from uvicorn.config import Config
from uvicorn.server import Server

from ..demo import load_recipe
from ..demo.upstreams import PORTS, demo_services
from .output import Failure

_HOST = "127.0.0.1"
_STOP_SECONDS = 5


@contextmanager
def demo_upstreams() -> Iterator[dict[int, int]]:
    """The demo upstreams, while the block runs; gives the port that each of `PORTS` has become, if that was taken."""
    with ExitStack() as closing:
        sockets = {port: closing.enter_context(_bound(port)) for port in PORTS}
        numbers = {port: each.fileno() for port, each in sockets.items()}
        # NOTE: nobody but this process holds the other end of its input, so that it ends however this process ends; in
        # a session of its own, because Ctrl+C is for the server, which still needs it while it finishes what it began.
        process = subprocess.Popen(  # noqa: S603  it runs ourselves
            [sys.executable, "-m", __name__, *(f"{port}:{number}" for port, number in numbers.items())],
            stdin=subprocess.PIPE,
            pass_fds=[*numbers.values()],
            start_new_session=True,
        )
        ports = {port: each.getsockname()[1] for port, each in sockets.items()}
    try:
        yield ports
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _bound(port: int) -> socket.socket:
    """A socket that listens on the port, or on a free one if that is taken."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        try:
            made.bind((_HOST, port))
            made.listen()
        except OSError:
            made.close()
            made = socket.socket()
            made.bind((_HOST, 0))
            made.listen()
    except OSError as error:
        made.close()
        raise Failure(f"cannot listen on {_HOST} for the demo upstreams: {error.strerror}") from None
    return made


async def _serve(sockets: dict[int, socket.socket]) -> None:
    ports = {port: each.getsockname()[1] for port, each in sockets.items()}
    app = demo_services(load_recipe(), ports)
    server = Server(
        Config(app, lifespan="off", access_log=False, log_level="warning", server_header=False, ws=_websocket())
    )
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), partial(_end, server))
    await server.serve([*sockets.values()])


def _websocket() -> Literal["websockets-sansio", "none"]:
    return "websockets-sansio" if find_spec("websockets") else "none"


def _end(server: Server) -> None:
    """Nobody writes to the input: it can be read when the process that holds its other end has gone."""
    asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
    server.should_exit = server.force_exit = True


if __name__ == "__main__":
    said = (word.split(":") for word in sys.argv[1:])
    asyncio.run(_serve({int(port): socket.socket(fileno=int(number)) for port, number in said}))

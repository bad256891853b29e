"""What a flood of logins does to the other requests of a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from .demo import Session
from .load import Load, drive
from .rounds import alternate, figure
from .rows import FLOOD_AIM, Figure, Sample
from .server import HOST, Server, crossbar_server

_CLIENTS = 16
# NOTE: the limits would end the flood at once; what is measured is the hashing behind them.
_OPEN = {"CROSSBAR__AUTH__LOGIN_FAILURES": "0"}


def flood_cost(store: str, seconds: int, rounds: int) -> list[Figure]:
    """How much longer `about` takes while 16 clients log in with wrong passwords as fast as they can."""
    with (
        crossbar_server(store, _OPEN) as server,
        closing(Session(server)) as session,
        TemporaryDirectory() as folder,
    ):
        load = Load((f"{session.account}/about",), token=session.token)

        def quiet() -> Sample:
            return drive(load, server, seconds, Path(folder))

        def flooded() -> Sample:
            with _flood(server):
                return drive(load, server, seconds, Path(folder))

        calm, stormy = alternate([quiet, flooded], rounds, lambda way: way())
    pairs = list(zip(calm, stormy, strict=True))
    return [
        figure("flood-p50", "about under a flood of logins, p50", "times", [b.p50_ms / a.p50_ms for a, b in pairs]),
        figure(
            "flood-p99",
            "about under a flood of logins, p99",
            "times",
            [b.p99_ms / a.p99_ms for a, b in pairs],
            FLOOD_AIM,
        ),
    ]


@contextmanager
def _flood(server: Server) -> Iterator[None]:
    """Clients that log in with a wrong password, again and again, while the block runs."""
    over = Event()
    threads = [Thread(target=_log_in, args=(server, over, number), daemon=True) for number in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _log_in(server: Server, over: Event, number: int) -> None:
    tried = number << 32
    while not over.is_set():
        with suppress(OSError, HTTPException), closing(HTTPConnection(HOST, server.port, timeout=60)) as connection:
            while not over.is_set():
                tried += 1
                login = {"credentials": f"{tried:032x}", "account_name": "demo"}
                body = json.dumps({"data": login})
                connection.request("PUT", "/v2/user_auth", body, {"Content-Type": "application/json"})
                connection.getresponse().read()

"""Serving: the order in which a server comes up, and what may keep it from doing so.

First the port, then the modules, then the store, then the demo data, and only then clients. Whatever fails is told in
one sentence, before anybody was answered.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec.structs import replace
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.server import Server
from uvicorn.supervisors import Multiprocess

from .. import log
from ..app import Crossbar
from ..dialects.crossbar import CrossbarDialect
from ..errors import CrossbarError, SettingsError
from ..metrics import VARIABLE, prepare_shared
from ..settings import Settings
from . import worker
from .admin import COUNTS, folder_of, prepare, remove
from .assembly import assemble_served, closed_after, doubts, spare_the_collector, wrong
from .greeting import gateway_of, greeting, limits_in_force, modules_of, places
from .hangup import Hangup
from .listening import BACKLOG, bound, is_loopback, url_of
from .output import Failure, echo, shown
from .reloading import Origin
from .unfinished import warn_of_imports

logger = logging.getLogger("crossbar")


def serve(settings: Settings, *, demo: bool = False, origin: Origin | None = None) -> None:
    """Serve until a signal stops it; Failure if it cannot start. `origin` is where the settings can be read again."""
    if settings.server.workers > 1 and settings.store.url.startswith("memory:"):
        raise Failure(
            "workers cannot share a store in memory; use a file (--store sqlite:///crossbar.db), or one worker", 2
        )
    # A signal to stop is no error: it ends the server as Ctrl+C does, before and after it serves.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    hung_up = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with suppress(KeyboardInterrupt), ExitStack() as closing:
        closing.callback(signal.signal, signal.SIGTERM, before)
        closing.callback(signal.signal, signal.SIGHUP, hung_up)
        sockets = bound(settings.server.host, settings.server.port)
        for each in sockets:
            closing.enter_context(each)
        app, faults = assemble_served(settings)
        log.configure(settings.log.level)
        admin = admin_of(settings, sockets, closing)
        hangup = Hangup(admin)
        signal.signal(signal.SIGHUP, hangup.come)
        if settings.server.workers == 1:
            app.admin, app.origin = admin, origin
            config = Config(app, **serving_options(settings))
            with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
                runner.run(_serve_here(app, Server(config), sockets, faults, demo))
        else:
            asyncio.run(_rehearse(app, sockets, faults, demo))
            _count_together(settings, closing)
            _serve_in_workers(with_shared_counts(settings, admin, closing), sockets, admin, origin, hangup)


def admin_of(settings: Settings, sockets: Sequence[socket.socket], closing: ExitStack) -> Path | None:
    """The folder of the admin sockets, made ready, and taken away in the end; None if there shall be none."""
    folder = folder_of(settings, sockets[0].getsockname()[1])
    if folder is not None:
        prepare(folder)
        closing.callback(remove, folder)
    return folder


def _count_together(settings: Settings, closing: ExitStack) -> None:
    """Let the workers count into files that they share, so that a scrape of any of them shows all; Failure if not."""
    if not settings.metrics.enabled:
        return
    folder = settings.metrics.folder or closing.enter_context(TemporaryDirectory(prefix="crossbar-metrics-"))
    try:
        prepare_shared(Path(folder))
    except SettingsError as error:
        raise wrong(error) from None
    closing.callback(os.environ.pop, VARIABLE, None)


def with_shared_counts(settings: Settings, admin: Path | None, closing: ExitStack) -> Settings:
    """The settings with a file in which workers share their counts, so that each limit holds for all of them together.

    Unless the settings name one, it is made where nobody else may enter, and taken away in the end.
    """
    if settings.rate.shared:
        return settings
    folder = admin or Path(closing.enter_context(TemporaryDirectory(prefix="crossbar-")))
    path = folder / COUNTS
    closing.callback(path.unlink, missing_ok=True)
    return replace(settings, rate=replace(settings.rate, shared=str(path)))


def serving_options(settings: Settings) -> dict[str, Any]:
    """How uvicorn serves: as a library that says nothing unless something is wrong."""
    return {
        "interface": "asgi3",
        "http": _protocol(settings),
        "ws": _sockets(),
        "ws_max_size": settings.limits.socket_message,
        "ws_max_queue": 8,
        "ws_ping_interval": 20.0,
        "ws_ping_timeout": 20.0,
        "ws_per_message_deflate": False,
        "lifespan": "on",
        "access_log": False,
        "log_config": None,
        "log_level": "debug" if settings.log.level == "debug" else "warning",
        "proxy_headers": False,
        "server_header": False,
        "backlog": BACKLOG,
        "timeout_keep_alive": 5,
        "timeout_graceful_shutdown": settings.server.grace,
        "workers": settings.server.workers,
    }


def _protocol(settings: Settings) -> Any:
    """Who speaks HTTP: our own protocol with the settings' limits, uvicorn's if that is asked for or all there is."""
    if settings.server.protocol == "crossbar":
        with suppress(ImportError):
            from ..protocol import limited

            return limited(settings.limits, max_connections=settings.server.connections)
    return "auto"


def _sockets() -> Any:
    """Who speaks WebSocket: our own protocol; uvicorn's or nobody if a library is missing that it takes."""
    if find_spec("websockets") is None:
        return "none"  # a handshake is then answered as any other request
    with suppress(ImportError):
        from ..protocol.websocket import WebSocketProtocol

        return WebSocketProtocol
    return "websockets-sansio"


async def _serve_here(
    app: Crossbar, server: Server, sockets: Sequence[socket.socket], faults: Sequence[str], demo: bool
) -> None:
    """Serve in this process. The application is started once, here; the server's lifespan finds it running."""
    try:
        async with closed_after(app):
            await _come_up(app, sockets, faults, demo)
            spare_the_collector()
            await server.serve(list(sockets))
    finally:
        await leave()


async def leave() -> None:
    """End what still runs; code that goes on although it is cancelled would keep the process for ever."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for _ in range(8):
        if not left:
            return
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=0.25)
    logger.critical("%d tasks go on although they were cancelled: the process ends without them", len(left))
    logging.shutdown()
    os._exit(1)


async def _rehearse(app: Crossbar, sockets: Sequence[socket.socket], faults: Sequence[str], demo: bool) -> None:
    """Come up and close again, so that workers only begin if they can serve."""
    async with closed_after(app):
        await _come_up(app, sockets, faults, demo)


class _Workers(Multiprocess):
    """Worker processes that, told to stop, finish what they have begun, while new clients are refused."""

    def __init__(self, config: Config, sockets: list[socket.socket], hangup: Hangup) -> None:
        super().__init__(config, sockets)
        self._hangup = hangup

    def handle_hup(self) -> None:
        """Have all of them take over the configuration as it is now; none of them is replaced."""
        self._hangup.come()

    def join_all(self) -> None:
        """Wait for them."""
        # NOTE: as long as this process holds the port, new clients would be let in, and nobody would ever answer them.
        for each in self.sockets:
            each.close()
        for process in self.processes:
            while process.process.is_alive():
                process.process.join(0.2)
                again = {signal.SIGTERM, signal.SIGINT} & {*self.signal_queue}
                self.signal_queue.clear()
                if again:
                    # A second signal, for workers that wait for `server.drain` to be over.
                    self.terminate_all()


def _serve_in_workers(
    settings: Settings, sockets: Sequence[socket.socket], admin: Path | None, origin: Origin | None, hangup: Hangup
) -> None:
    """Serve in worker processes that share the sockets, and replace those that die."""
    worker.hand_down(settings, admin, origin)
    config = Config(f"{worker.__name__}:{worker.application.__name__}", factory=True, **serving_options(settings))
    supervisor = _Workers(config, list(sockets), hangup)
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise Failure("a worker process could not start; the lines above say why")


async def _come_up(app: Crossbar, sockets: Sequence[socket.socket], faults: Sequence[str], demo: bool) -> None:
    """Open the store, see to the demo data, listen, and say so."""
    url = url_of(sockets[0])
    trial = ""
    try:
        await app.start()
        await warn_of_imports(app.store)
        if demo or not all(map(is_loopback, sockets)):
            trial = await _try_out(app, sockets, demo)
    except CrossbarError as error:
        raise Failure(str(error)) from None
    for each in sockets:
        each.listen(BACKLOG)
    for doubt in doubts(app):
        logger.warning("%s", doubt)
    server = app.settings.server
    limits = limits_in_force(app.settings)
    api = [f"{url}{path}" for path in places(app)] or [url]
    store = shown(app.settings.store.url)
    echo(greeting(url, api, store, limits, modules_of(app), faults, server.workers, gateway_of(app)))
    if trial:
        echo(trial)


async def _try_out(app: Crossbar, sockets: Sequence[socket.socket], demo: bool) -> str:
    """Load the demo data if it is wanted, and refuse to serve it to others; how to try it."""
    from .trial import demo_greeting, demo_login_works, refuse_strangers

    if not all(map(is_loopback, sockets)):
        await refuse_strangers(app, demo=demo)
    if not demo or not await demo_login_works(app):
        return ""
    has_own = any(isinstance(dialect, CrossbarDialect) for dialect in app.dialects)
    return demo_greeting(url_of(sockets[0]) if has_own else None, app.settings.route)

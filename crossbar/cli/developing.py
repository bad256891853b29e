"""How `crossbar dev` serves: one process, a watch over the modules folder, and somebody to log in as."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from uvicorn.config import Config
from uvicorn.server import Server

from .. import log
from .._version import __version__
from ..app import Crossbar
from ..demo import load_recipe
from ..demo.loading import demo_of, has_accounts, load_demo
from ..errors import CrossbarError
from ..plugins import Outcome
from ..settings import Settings
from .assembly import assemble_served, closed_after
from .listening import BACKLOG, bound, is_loopback, url_of
from .output import Failure, echo, shown
from .serving import admin_of, leave, serving_options
from .unfinished import warn_of_imports

try:
    from watchfiles import Change, awatch
except ImportError:  # told when the command is used
    awatch = None  # type: ignore[assignment]

STEP = 40
"""Milliseconds without another change after which what has changed is loaded."""

SMALL = {"users": 2, "devices": 2, "callflows": 1}
NONE = {"count": 0, "users": 0, "devices": 0, "callflows": 0}


def folder_to_watch(wanted: str) -> Path:
    """The modules folder, ./modules if none is named; Failure if it is not there."""
    folder = Path(wanted or "modules").absolute()
    if not folder.is_dir():
        raise Failure(f"there is no folder {folder}: `crossbar new NAME` makes it, with a module in it", 2)
    return folder


def develop(settings: Settings, config: str | None) -> None:
    """Serve and watch until a signal ends it; Failure if it cannot start."""
    if awatch is None:
        raise Failure("crossbar dev needs watchfiles, to see what you save: pip install 'crossbar-rest[server]'")
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), ExitStack() as closing:
        closing.callback(signal.signal, signal.SIGTERM, before)
        began = time.perf_counter()
        sockets = bound(settings.server.host, settings.server.port)
        for each in sockets:
            closing.enter_context(each)
        if not all(map(is_loopback, sockets)):
            raise Failure("crossbar dev has a login that everybody knows: serve it on 127.0.0.1 only")
        app, faults = assemble_served(settings)
        log.configure(settings.log.level)
        logging.getLogger("watchfiles").setLevel(logging.WARNING)  # it would tell of each file that is saved
        app.admin = admin_of(settings, sockets, closing)
        served = Config(app, **serving_options(settings))
        with asyncio.Runner(loop_factory=served.get_loop_factory()) as runner:
            files = [Path(config).absolute()] if config else []
            runner.run(_serve(app, Server(served), sockets, faults, files, began))


async def _serve(
    app: Crossbar,
    server: Server,
    sockets: Sequence[socket.socket],
    faults: Sequence[str],
    files: Sequence[Path],
    began: float,
) -> None:
    try:
        await _serve_watched(app, server, sockets, faults, files, began)
    finally:
        await leave()


async def _serve_watched(
    app: Crossbar,
    server: Server,
    sockets: Sequence[socket.socket],
    faults: Sequence[str],
    files: Sequence[Path],
    began: float,
) -> None:
    started = time.time()
    async with closed_after(app):
        try:
            await app.start()
            await warn_of_imports(app.store)
            trial = await _trial(app, url_of(sockets[0]))
        except CrossbarError as error:
            raise Failure(str(error)) from None
        for each in sockets:
            each.listen(BACKLOG)
        watching = asyncio.create_task(watch(app, files))
        await asyncio.sleep(0)  # from here on it sees what is saved
        await app.changes.refresh(await asyncio.to_thread(_saved_since, app, started))
        _greet(app, url_of(sockets[0]), faults, trial, time.perf_counter() - began)
        try:
            await server.serve(list(sockets))
        finally:
            watching.cancel()
            await asyncio.wait({watching})


async def watch(app: Crossbar, files: Sequence[Path] = ()) -> None:
    """Bring the application up to date with its modules folder whenever that changes, and say what became of it.

    `files` are looked at as well; a change in one of them takes a restart.
    """
    folders = [folder.path for folder in app.plugins.folders if folder.kind == "folder"]
    async for changes in awatch(*folders, *files, step=STEP, debounce=1000, watch_filter=_is_worth_a_look):
        began = time.perf_counter()
        paths = {Path(path) for _, path in changes}
        for path in sorted(paths.intersection(files)):
            say(f"{path.name} changed: restart crossbar dev to use it")
        try:
            outcomes = await app.changes.refresh(paths.difference(files))
        except Exception as error:  # whatever it was, the next change may be better
            say(f"cannot look at {', '.join(map(str, sorted(paths)))}: {type(error).__name__}: {error}")
            continue
        took = (time.perf_counter() - began) * 1000
        for outcome in outcomes:
            say(_told(outcome, took))


def _saved_since(app: Crossbar, moment: float) -> list[Path]:
    """The files of the modules folder that were saved after a moment in Unix seconds."""
    folders = [folder.path for folder in app.plugins.folders if folder.kind == "folder"]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if path.stat().st_mtime > moment]


def _is_worth_a_look(change: Change, path: str) -> bool:
    """Whether a path may be a module's, and not what editors and interpreters leave beside it."""
    name = Path(path).name
    return not (name.endswith((".pyc", "~", ".swp", ".tmp")) or name.startswith((".", "#")) or "__pycache__" in path)


def _told(outcome: Outcome, took: float) -> str:
    if outcome.did == "failed":
        return f"{outcome.name}: {outcome.why}\n          not loaded; what was there before goes on"
    return f"{outcome.name} {outcome.did} in {took:.0f} ms"


def say(sentence: str) -> None:
    """Print a sentence after the time of day."""
    echo(f"{time.strftime('%H:%M:%S')}  {sentence}")


async def _trial(app: Crossbar, url: str) -> str:
    """How to try it: a token of the small account, which an empty store gets; empty for a store with other accounts."""
    if not await has_accounts(app.store):
        recipe = load_recipe(records=10, master=SMALL, resellers=NONE, customers=NONE, departments=NONE)
        known = {kind.name for entry in app.registry for kind in entry.endpoint.kinds()}
        now = int(time.time())
        await load_demo(app.store, app.hasher, recipe, known=known, now=now, tell=lambda done, total: None)
    demo = await demo_of(app.store)
    account = await app.tenants.account(demo.account_id) if demo is not None else None
    if demo is None or account is None:
        return ""
    user = await app.store.get(account.id, "users", demo.user_id)
    token = app.tokens.mint(account, user, "cb_user_auth")
    own = [plugin.name for plugin in app.plugins.plugins if plugin.found.source.kind == "folder" and plugin.running]
    noun = next((name for name in own if name in app.registry.names), "users")
    return (
        f"Account demo, user admin, password crossbar. A token for an hour, and a line to paste into another shell:\n\n"
        f"TOKEN={token}\n\n"
        f'curl -H "X-Auth-Token: $TOKEN" "{url}/v2/account/{noun}?pretty_print=true"\n'
    )


def _greet(app: Crossbar, url: str, faults: Sequence[str], trial: str, took: float) -> None:
    folder = app.settings.modules.folder
    facts = [
        ("API", f"{url}/v2"),
        ("Folder", f"{folder}  (what you save there is live)"),
        ("Store", shown(app.settings.store.url)),
        (
            "Modules",
            f"{len(app.registry)}, {len(faults)} out of order:" if faults else f"{len(app.registry)}, in order",
        ),
        *(("", fault) for fault in faults),
    ]
    told = "\n".join(f"  {name:<8} {value}" for name, value in facts)
    echo(f"Crossbar {__version__} dev, ready in {took:.1f} s; Ctrl+C ends it\n\n{told}\n")
    if trial:
        echo(trial)

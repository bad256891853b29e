"""What the tests of the command line share: commands run in this process, a small demo store, and a live server."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from crossbar import Crossbar, Settings
from crossbar.cli.commands import crossbar
from crossbar.demo import Recipe, load_recipe
from crossbar.demo.loading import load_demo
from crossbar.settings import StoreSettings
from crossbar.stores import Document, Replace
from tests.mongo.fixtures import PATIENT

AT_ONCE = 15.0
"""Seconds in which a server has ended that waits for nothing; its grace is more than that, unless it is told less."""
NONE = {"count": 0, "users": 0, "devices": 0, "callflows": 0}
Invoke = Callable[..., Result]


@dataclass(frozen=True, slots=True)
class Live:
    """A server in a process of its own, and what it said when it came up."""

    process: subprocess.Popen[str]
    url: str
    greeting: str
    log: Path

    def stop(self, number: int = signal.SIGINT) -> float:
        """Send a signal, and say how many seconds the process took to end."""
        began = time.perf_counter()
        self.process.send_signal(number)
        self.process.wait(30)
        return time.perf_counter() - began


@pytest.fixture(scope="session")
def tiny() -> Recipe:
    """Give the recipe of one account with few of everything."""
    master = {"users": 3, "devices": 4, "callflows": 12}
    return load_recipe(records=20, master=master, resellers=NONE, customers=NONE, departments=NONE)


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run a command in this process, in an empty folder and with an environment of its own."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("CROSSBAR"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def run(*args: str, input: str | bytes | None = None, **env: str) -> Result:
        return CliRunner().invoke(crossbar, list(args), input=input, env=env)

    return run


def filled(path: Path, recipe: Recipe) -> Path:
    """Load the demo data into a new file."""

    async def load() -> None:
        app = Crossbar(Settings(store=StoreSettings(f"sqlite:///{path}")))
        await app.start()
        known = {kind.name for entry in app.registry for kind in entry.endpoint.kinds()}
        now = int(time.time())
        await load_demo(app.store, app.hasher, recipe, known=known, now=now, tell=lambda done, total: None)
        await app.stop()

    asyncio.run(load())
    return path


def with_new_password(path: Path) -> None:
    """Give everybody in a demo store other credentials."""

    async def change() -> None:
        app = Crossbar(Settings(store=StoreSettings(f"sqlite:///{path}")))
        await app.start()
        marker = await app.store.get("", "system", "demo")
        assert marker is not None
        told = marker.data()
        user: Document | None = await app.store.get(told["account_id"], "users", told["user_id"])
        assert user is not None
        await app.store.write([Replace(user.with_secrets({"credentials": {"md5": "0" * 64, "sha": "0" * 64}}))])
        await app.stop()

    asyncio.run(change())


@pytest.fixture(scope="session")
def demo_file(tmp_path_factory: pytest.TempPathFactory, tiny: Recipe) -> Path:
    """Give a file with demo data, to be copied and not changed."""
    return filled(tmp_path_factory.mktemp("demo") / "demo.db", tiny)


@pytest.fixture
def demo_copy(demo_file: Path, tmp_path: Path) -> Path:
    """Give a file with demo data that the test may change."""
    return Path(shutil.copy(demo_file, tmp_path / "copy.db"))


def started(folder: Path, *options: str, **variables: str) -> Live:
    """Start a server, and return once it has said that it serves. It counts no requests, unless a variable says so."""
    log = folder / "log"
    kept = [name for name in os.environ if not name.startswith("CROSSBAR") or name == PATIENT]
    environment = {name: os.environ[name] for name in kept}
    environment |= {"CROSSBAR__RATE__ENABLED": "false"} | variables
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "crossbar", "run", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            env=environment,
            text=True,
        )
    assert process.stdout is not None
    greeting = ""
    while "Modules" not in greeting or ("--demo" in options and "/devices?" not in greeting):
        line = process.stdout.readline()
        if not line:
            process.stdout.close()
            raise AssertionError(f"the server ended with {process.wait()}: {log.read_text()}")
        greeting += line
    url = next(line.split()[-1] for line in greeting.splitlines() if "API" in line).removesuffix("/v2")
    return Live(process, url, greeting, log)


def logged(live: Live) -> list[str]:
    """The lines of its log, but for those on a machine that stood still for a moment."""
    lines = live.log.read_text().splitlines()
    return [line for line in lines if not re.search("block(s|ed) all requests of this process", line)]


def ended(live: Live) -> None:
    """End a server for good."""
    if live.process.poll() is None:
        live.process.terminate()
        live.process.wait(30)
    assert live.process.stdout is not None
    live.process.stdout.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, demo_file: Path) -> Iterator[Live]:
    """Give a running server with demo data, for tests that leave it as useful as they found it."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(demo_file, folder / "demo.db")
    live = started(folder, "--demo", "--store", "sqlite:///demo.db")
    yield live
    ended(live)


@pytest.fixture
def free_port() -> Iterator[int]:
    """Give a port that nobody listens on, and that nobody else is given meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]

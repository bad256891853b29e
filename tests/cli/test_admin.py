"""The admin address: modules of a running server are loaded anew, stopped and started, in all of its processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from .conftest import Invoke, Live, ended, started
from .test_dev import ROOMS

WORKERS = 2


class Running:
    """A server with two worker processes, a modules folder and an admin folder."""

    def __init__(self, folder: Path, invoke: Invoke, config: Path, live: Live) -> None:
        self.folder, self.live, self.config = folder, live, config
        self.modules = folder / "modules"
        self.admin = folder / "admin"
        self._invoke = invoke

    def command(self, *args: str) -> tuple[int, str]:
        """Run `crossbar modules` against the server: exit code and output."""
        result = self._invoke("modules", "--config", str(self.config), *args)
        return result.exit_code, result.output

    def answers(self, path: str = "/v2/rooms", requests: int = 24) -> set[tuple[int, str]]:
        """Give the answers to many requests, each over a connection of its own, so that every worker has some."""
        found = set()
        for _ in range(requests):
            connection = HTTPConnection(urlsplit(self.live.url).netloc, timeout=30)
            connection.request("GET", path)
            answer = connection.getresponse()
            data = json.loads(answer.read())["data"]
            found.add((answer.status, data[0] if isinstance(data, list) else data["message"]))
            connection.close()
        return found

    def save(self, what: str) -> None:
        """Save the module."""
        (self.modules / "rooms.py").write_text(ROOMS.format(what=what))


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def running_in(folder: Path) -> Iterator[tuple[Path, Live]]:
    """Run a server in a folder of its own, and end it; its configuration file, and the server."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "modules").mkdir(parents=True)
    (folder / "modules" / "rooms.py").write_text(ROOMS.format(what="first"))
    config = folder / "crossbar.toml"
    tables = {"server": f'admin = "{folder}/admin"\nworkers = {WORKERS}', "modules": f'folder = "{folder}/modules"'}
    config.write_text("\n".join(f"[{table}]\n{lines}" for table, lines in tables.items()))
    live = started(folder, "--config", str(config))
    until(lambda: WORKERS == len(list((folder / "admin").glob("*.sock"))))
    yield config, live
    ended(live)
    shutil.rmtree(folder)


def short_path(name: str) -> Path:
    """Give the path of a folder for this process: the path of a socket may not be long, and that of a test's own is."""
    return Path(tempfile.gettempdir()) / f"crossbar-{name}-{os.getpid()}"


@pytest.fixture
def running(invoke: Invoke) -> Iterator[Running]:
    """Give a server of the test's own, and end it."""
    with running_in(short_path("own")) as (config, live):
        yield Running(config.parent, invoke, config, live)


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Path, Live]]:
    """Run one server for the tests that change nothing."""
    with running_in(short_path("shared")) as made:
        yield made


@pytest.fixture
def unchanged(shared: tuple[Path, Live], invoke: Invoke) -> Running:
    """Give a server that the test leaves as it found it."""
    config, live = shared
    return Running(config.parent, invoke, config, live)


def test_reload_in_all_processes(running: Running) -> None:
    """Each process says so, and each answers with the new version from then on."""
    assert {(200, "first")} == running.answers()
    running.save("second")
    assert {(200, "first")} == running.answers()
    code, told = running.command("reload", "rooms")
    assert (0, WORKERS) == (code, told.count("rooms reloaded"))
    assert {(200, "second")} == running.answers()


def test_what_cannot_be_loaded_changes_nothing(running: Running) -> None:
    """The command fails with file and line, every process goes on with what it had, and says so when asked."""
    (running.modules / "rooms.py").write_text("def find(:\n")
    code, told = running.command("reload", "rooms")
    assert (1, True) == (code, "rooms.py, line 1: SyntaxError" in told)
    assert {(200, "first")} == running.answers()
    code, told = running.command("--running", "--json")
    [rooms] = [one for one in json.loads(told) if one["name"] == "rooms"]
    assert ("previous version", "folder") == (rooms["state"], rooms["kind"])
    assert "SyntaxError" in rooms["fault"]


def test_reload_without_a_name_goes_through_the_folder(running: Running) -> None:
    """New files are nouns from then on, and those that are gone are no more."""
    text = ROOMS.format(what="hall").replace('"rooms"', '"halls"')
    (running.modules / "halls.py").write_text(text)
    (running.modules / "rooms.py").unlink()
    running.command("reload", "rooms")
    code, told = running.command("reload")
    assert (0, True) == (code, "halls added" in told)
    assert {(200, "hall")} == running.answers("/v2/halls")
    assert {401} == {status for status, _ in running.answers("/v2/rooms", 6)}  # as for any noun that is not there


def test_stop_and_start_in_all_processes(running: Running) -> None:
    """A stopped module answers 503 everywhere, and is itself again when it is started."""
    assert 0 == running.command("stop", "rooms")[0]
    assert {503} == {status for status, _ in running.answers()}
    assert 1 == running.command("stop", "rooms")[0]
    assert 0 == running.command("start", "rooms")[0]
    assert {(200, "first")} == running.answers()


def test_a_process_that_is_started_later_stops_it_too(running: Running) -> None:
    """The successor of a process that died has the module stopped as its siblings have."""
    running.command("stop", "rooms")
    victim = next(running.admin.glob("*.sock"))
    os.kill(int(victim.stem), signal.SIGKILL)
    alive: list[Path] = []

    def replaced() -> bool:
        alive[:] = [path for path in running.admin.glob("*.sock") if path != victim]
        return len(alive) == WORKERS

    until(replaced)
    until(lambda: {503} == {status for status, _ in running.answers(requests=6)})
    code, told = running.command("start", "rooms")
    assert (0, WORKERS, False) == (code, told.count("rooms started"), victim.exists())
    assert {(200, "first")} == running.answers()


@pytest.mark.parametrize("command", ["reload", "stop", "start"])
def test_a_module_that_is_not_there(unchanged: Running, command: str) -> None:
    """It is named, with the way to find those that are."""
    code, told = unchanged.command(command, "nowhere")
    assert (1, True) == (code, "there is no module 'nowhere'; `crossbar modules` lists them" in told)


def test_the_folder_is_for_its_user_alone(unchanged: Running) -> None:
    """Nobody else may enter it, and no socket in it may be used by anybody else."""
    modes = [stat.S_IMODE(path.stat().st_mode) for path in [unchanged.admin, *unchanged.admin.glob("*.sock")]]
    assert [0o700, *[0o600] * WORKERS] == modes


def test_it_is_cleared_in_the_end(running: Running) -> None:
    """A server that ended has no address any more, and commands say that none runs there."""
    running.live.stop()
    assert not running.admin.exists()
    code, told = running.command("reload", "rooms")
    assert (3, True) == (code, "no server has its admin address" in told)


@pytest.mark.parametrize("sent", [b"", b"\n", b"{\n", b"[]\n", b'{"do": "explode", "name": "x"}\n', b"x" * 100_000])
def test_nonsense_does_no_harm(unchanged: Running, sent: bytes) -> None:
    """Whatever is sent to the socket, the process goes on, and the next command is carried out."""
    with socket.socket(socket.AF_UNIX) as talking:
        talking.settimeout(30)
        talking.connect(str(next(unchanged.admin.glob("*.sock"))))
        with suppress(ConnectionError):  # who sends too much may be cut off before all of it was read
            talking.sendall(sent)
            talking.shutdown(socket.SHUT_WR)
            talking.recv(100)
    assert 0 == unchanged.command("reload", "rooms")[0]
    assert {(200, "first")} == unchanged.answers(requests=6)

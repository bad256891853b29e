"""The server that stands in for MongoDB, as a process of its own: started, killed, started again at the same place.

SecantusDB, which `scripts/mongodb` installs: it speaks MongoDB's protocol over MongoDB's own storage engine, and says
that it is a replica set of one. What it does differently is said where a test meets it (`servers.differs`).

    with standin(tmp_path) as server:
        client = AsyncMongoClient(server.uri)
        server.kill()
        server.start()
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INSTALLED = Path(__file__).parents[2] / ".venv" / "mongodb"
PROGRAM = INSTALLED / "bin" / "secantusd-py"
PORTS = range(20_000, 32_000)
"""Where servers and proxies of these tests listen, which is below the ports that connections go out from.

A client that keeps on asking for a port of those, while nobody listens there, is one day connected to itself.
"""
# A server ends with whoever started it, killed or not; 1 is PR_SET_PDEATHSIG, 9 is SIGKILL.
TIED = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
os.execv(sys.argv[1], sys.argv[1:])
"""


def installed() -> bool:
    """Whether there is a stand-in."""
    # NOTE: the stamp is written last; a folder without it is an installation that was broken off.
    return (INSTALLED / "stamp").exists()


def quiet_port() -> int:
    """A port of the loopback address that nobody listens on, and that no connection is given."""
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            port = random.SystemRandom().choice(PORTS)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Standin:
    """A stand-in over the files of a folder; `options` are those of its command line, `--standalone` for example.

    A write outlives a `kill` for certain if it was asked for with `j=true`; this server does not take `w=majority` so.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = quiet_port()
        """Where it listens on 127.0.0.1, the same in all its lives."""

    @property
    def uri(self) -> str:
        """How clients find it."""
        return f"mongodb://127.0.0.1:{self.port}/?heartbeatFrequencyMS=500"

    @property
    def pid(self) -> int:
        """The process, while it runs."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    def start(self) -> None:
        """Start it, and return when it listens, which takes about 0.3 s; AssertionError with its log if it ends."""
        assert self._process is None, "it runs already"
        # NOTE: the system takes the end of a thread that starts a process for the end of the parent.
        assert threading.current_thread() is threading.main_thread(), "only the main thread may start a server"
        self._folder.mkdir(parents=True, exist_ok=True)
        # NOTE: it looks for settings in the home folder and elsewhere, unless it is given a file.
        settings = self._folder / "secantusd.toml"
        settings.touch()
        log = self._folder / "log"
        command = [sys.executable, "-I", "-S", "-c", TIED, str(PROGRAM), "--config", str(settings)]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--storage-path", str(self._folder / "data")]
        command += ["--enable-test-commands", "--cache-size", "1G", "--log-level", "INFO", *self._options]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SECANTUS"))}
        with log.open("wb") as lines:
            # A session of its own, so that Ctrl+C in a terminal reaches the tests only.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=lines, stderr=lines, env=kept, start_new_session=True
            )
        deadline = time.monotonic() + 30
        while f"listening on 127.0.0.1:{self.port}" not in (told := log.read_text()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"{PROGRAM.name} does not listen:\n{told}")
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as `kill -9` does; one that does not run stays so."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def restart(self) -> None:
        """Kill it, and start it again over what it has stored."""
        self.kill()
        self.start()


@contextmanager
def standin(folder: Path, *options: str) -> Iterator[Standin]:
    """A stand-in of one test, which may kill it; its files are in the folder. Where none is installed, the test skips.

    A test that takes this is about this server, even where others are run against a real one.
    """
    from .connecting import sockets_closed
    from .servers import skipped

    if not installed():
        skipped("a server that a test may kill is not installed: scripts/mongodb does it")
    made = Standin(folder, *options)
    made.start()
    try:
        with sockets_closed():
            yield made
    finally:
        made.kill()

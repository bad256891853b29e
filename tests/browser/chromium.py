"""A headless Chromium, and how to run a script in a page of it: the DevTools protocol, as much of it as that needs."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 60.0


def found() -> str | None:
    """Give the path of a Chromium, None if there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def browsing(profile: Path) -> Iterator[Page]:
    """A page in a browser of its own, whose traces are all in `profile`."""
    browser = found()
    assert browser is not None
    command = [
        *(browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio"),
        *("--no-first-run", "--disable-extensions", "--disable-background-networking"),
        *("--autoplay-policy=no-user-gesture-required", "--remote-debugging-port=0", f"--user-data-dir={profile}"),
        "about:blank",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(_address(process, profile), max_size=None, compression=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[bytes], profile: Path) -> str:
    """Give the address of the one page, once the browser has written where it listens."""
    deadline = time.monotonic() + PATIENCE
    told = profile / "DevToolsActivePort"
    while time.monotonic() < deadline:
        assert process.poll() is None, "the browser has ended"
        lines = told.read_text().splitlines() if told.exists() else []
        if lines:
            with urlopen(f"http://127.0.0.1:{lines[0]}/json/list", timeout=PATIENCE) as response:
                pages = [each for each in json.load(response) if each["type"] == "page"]
            if pages:
                return str(pages[0]["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise AssertionError("the browser does not say where it listens")


class Page:
    """The one page of a browser."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._asked = 0

    def ask(self, method: str, **parameters: Any) -> Any:
        """Have a method of the protocol carried out, and give its result."""
        self._asked += 1
        self._socket.send(json.dumps({"id": self._asked, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=PATIENCE))
            if answer.get("id") == self._asked:
                assert "error" not in answer, answer
                return answer["result"]

    def run(self, script: str) -> Any:
        """Run a script, wait for the promise that it may be, and give its value."""
        result = self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

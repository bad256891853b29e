"""The process that serves the demo upstreams: where it listens, and how it ends."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from crossbar.cli import upstreams
from crossbar.cli.upstreams import demo_upstreams
from crossbar.demo.upstreams import PORTS

PARENT = """
import time
from crossbar.cli.upstreams import demo_upstreams
with demo_upstreams() as ports:
    print(ports[9003], flush=True)
    time.sleep(600)
"""


def asked(port: int) -> dict[str, object]:
    """Give what a service says at `/readyz`."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30) as answer:
        found: dict[str, object] = json.load(answer)
    return found


def test_services_answer_while_the_block_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each at its port, or at the one that it has become; afterwards nobody is there."""
    bound = upstreams._bound
    # Not at the usual ones, where another test may have them listen as soon as these are gone.
    monkeypatch.setattr(upstreams, "_bound", lambda port: bound(0))
    with demo_upstreams() as ports:
        assert list(PORTS) == list(ports)
        assert [{"ready": True}, {"ready": True}, "/readyz"] == [
            asked(ports[9001]),
            asked(ports[9002]),
            asked(ports[9003])["path"],
        ]
    for port in ports.values():
        with socket.socket() as client, pytest.raises(ConnectionRefusedError):
            client.connect(("127.0.0.1", port))


def test_a_port_that_is_taken_is_replaced() -> None:
    """Two gateways run side by side."""
    with demo_upstreams() as first, demo_upstreams() as second:
        assert set() == set(first.values()) & set(second.values())
        assert {"ready": True} == asked(first[9001]) == asked(second[9001])


def test_services_end_with_a_process_that_is_killed(tmp_path: Path) -> None:
    """Whoever started them needs no time to stop them."""
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        assert "/readyz" == asked(port)["path"]
        parent.kill()
        # NOTE: the services write to the same pipe, so that it only ends when they have.
        assert "" == parent.communicate(timeout=30)[0]

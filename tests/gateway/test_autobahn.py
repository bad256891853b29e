"""Autobahn's cases for WebSockets through the gateway: none fails, and a relay spoils next to none.

The suite is one that others wrote, for Python 2.7; `scripts/autobahn` installs it where it can.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import WSMsgType, web

from crossbar import Crossbar, Settings
from crossbar.protocol import HttpProtocol
from crossbar.protocol.websocket import WebSocketProtocol
from crossbar.stores.memory import MemoryStore

from ..protocol.server import serving

WSTEST = Path(__file__).parents[2] / ".venv" / "autobahn" / "wstest"
CASES = 247
"""All but those that take long or are about compression: 9, 12 and 13."""
RANKS = {"OK": 0, "INFORMATIONAL": 0, "NON-STRICT": 1}
"""How good a case is, by what Autobahn says of it and of how it was closed; whatever else it says is a failure."""
FAILED = 2
RACES = {"3.2", "3.3", "3.4", "4.1.3", "4.1.4", "4.1.5", "4.2.3", "4.2.4", "4.2.5", "5.15"}
"""Cases in which a bad frame follows at once upon a good message, whose echo comes too late if it comes from afar."""

Ranked = dict[str, int]


async def echo(request: web.Request) -> web.WebSocketResponse:
    """Send back what comes."""
    socket = web.WebSocketResponse(max_msg_size=0, compress=False)
    await socket.prepare(request)
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


@asynccontextmanager
async def echoing() -> AsyncIterator[int]:
    """Serve the echo with a server of others; the port."""
    app = web.Application()
    app.router.add_get("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def gateway(port: int) -> Crossbar:
    """Give a gateway that leaves everything to the upstream at a port of this machine."""
    said = {
        "rate": {"enabled": False},
        "log": {"access": False},
        "upstream": {"echo": {"targets": [f"http://127.0.0.1:{port}"]}},
        "route": [{"path": "/**", "to": "echo", "auth": "none"}],
    }
    return Crossbar(msgspec.convert(said, Settings), store=MemoryStore())


def ranked(folder: Path, port: int, cases: Iterable[str] = ("*",)) -> Ranked:
    """Let Autobahn judge the server at a port, case by case."""
    folder.mkdir()
    spec = {
        "outdir": str(folder),
        "servers": [{"agent": "it", "url": f"ws://127.0.0.1:{port}/"}],
        "cases": list(cases),
        "exclude-cases": ["9.*", "12.*", "13.*"],
        "exclude-agent-cases": {},
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    subprocess.run([WSTEST, "-m", "fuzzingclient", "-s", "spec.json"], cwd=folder, check=True, capture_output=True)
    found = json.loads((folder / "index.json").read_text())["it"]
    return {
        case: max(RANKS.get(result["behavior"], FAILED), RANKS.get(result["behaviorClose"], FAILED))
        for case, result in found.items()
    }


@pytest.mark.skipif(not WSTEST.exists(), reason="Autobahn is not installed: scripts/autobahn does it")
async def test_a_relay_spoils_nothing(tmp_path: Path) -> None:
    """No case fails, and but for races each is as good as it is with the upstream alone."""
    async with echoing() as port:
        app: Any = gateway(port)
        options = {"ws": WebSocketProtocol, "ws_per_message_deflate": False, "lifespan": "on"}
        with serving(app, HttpProtocol, **options) as served:
            alone, relayed = await asyncio.gather(
                asyncio.to_thread(ranked, tmp_path / "alone", port),
                asyncio.to_thread(ranked, tmp_path / "relayed", served.port),
            )
            failed = sorted(case for case, rank in relayed.items() if rank == FAILED)
            if failed:
                # NOTE: Autobahn waits for a second, no longer, which a machine that is busy may let pass.
                relayed |= await asyncio.to_thread(ranked, tmp_path / "again", served.port, failed)
    assert CASES == len(alone) == len(relayed)
    assert [] == sorted(case for case, rank in relayed.items() if rank == FAILED)
    assert set() == {case for case, rank in relayed.items() if rank > alone[case]} - RACES

"""A recording in a browser: it plays, and seeking asks for the range that is wanted."""

from __future__ import annotations

import asyncio
import io
import math
import wave
from array import array
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from crossbar import Crossbar, Resource
from crossbar.routes import Attachment
from crossbar.testing import QUICK, make_app, make_store, small_world

from ..protocol.server import serving
from .chromium import browsing, found

pytestmark = pytest.mark.skipif(found() is None, reason="there is no Chromium: scripts/browser installs it on Debian")

RATE = 8_000
SECONDS = 600


class Recordings(Resource):
    """Documents with a recording."""

    name = "tapes"
    attachments = (Attachment("sound", types=("audio/*",), most=20_000_000, inline=True),)


def recording() -> bytes:
    """Give ten minutes of a tone that rises, as a WAV."""
    samples = array("h", (int(9_000 * math.sin(at * at / 9e6)) for at in range(RATE * SECONDS)))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return out.getvalue()


class Watched:
    """An application, and the ranges that it was asked for."""

    def __init__(self, app: Crossbar) -> None:
        self.app = app
        self.ranges: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request, and note its range."""
        if scope["type"] == "http":
            self.ranges += [value for name, value in scope["headers"] if name == b"range"]
        await self.app(scope, receive, send)


async def stored(folder: Path, sound: bytes) -> tuple[str, str]:
    """Store a recording, and give its path and a token."""
    world = await small_world(make_store("sqlite", folder), QUICK, endpoints=[Recordings()])
    client = await world.client("customer")
    made = await client.put("/account/tapes", {})
    path = f"/accounts/{world.customer}/tapes/{made.data['id']}/sound"
    response = await client.request("PUT", path, body=sound, headers={"content-type": "audio/wav"})
    assert 201 == response.status
    await world.app.stop()
    return path, str(client.token)


class Site(BaseHTTPRequestHandler):
    """Another site, with an empty page that may play what is anywhere."""

    def do_GET(self) -> None:
        """Send the page."""
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>a player</title>")

    def log_message(self, format: str, *values: Any) -> None:
        """Say nothing."""


PLAY = """
new Promise((done, failed) => {
  const audio = new Audio(URL);
  audio.preload = "metadata";
  const facts = {};
  audio.onerror = () => failed(new Error("code " + audio.error.code + ": " + audio.error.message));
  audio.onloadedmetadata = () => { facts.duration = audio.duration; audio.currentTime = 450; };
  audio.onseeked = () => { facts.at = audio.currentTime; audio.play().catch(failed); };
  audio.ontimeupdate = () => {
    if (!facts.at || audio.currentTime < facts.at + 0.2) return;
    facts.played = audio.currentTime;
    audio.pause();
    done(facts);
  };
  document.body.append(audio);
})
"""


def test_a_recording_is_played_from_its_middle(tmp_path: Path) -> None:
    """A page of another site plays a recording after 450 of its 600 seconds, and is sent the end of it alone."""
    sound = recording()
    path, token = asyncio.run(stored(tmp_path, sound))
    watched = Watched(make_app(QUICK, store=make_store("sqlite", tmp_path), endpoints=[Recordings()]))
    site = HTTPServer(("127.0.0.1", 0), Site)
    Thread(target=site.serve_forever, daemon=True).start()
    try:
        with serving(watched, lifespan="on") as served, browsing(tmp_path / "profile") as page:
            page.ask("Page.enable")
            page.ask("Page.navigate", url=f"http://127.0.0.1:{site.server_port}/")
            page.run("new Promise(done => document.readyState === 'complete' ? done() : (window.onload = done))")
            url = f"http://127.0.0.1:{served.port}/v2{path}?auth_token={token}"
            facts = page.run(PLAY.replace("URL", repr(url)))
    finally:
        site.shutdown()
        site.server_close()
    assert SECONDS == round(facts["duration"])
    assert 450 == round(facts["at"])
    assert facts["played"] > 450
    starts = [int(value.removeprefix(b"bytes=").partition(b"-")[0]) for value in watched.ranges]
    assert any(start > len(sound) // 2 for start in starts), watched.ranges

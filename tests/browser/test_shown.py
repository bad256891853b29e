"""Bytes that a browser is sent to: a recording opens in its player, and a page that somebody stored never runs."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import pytest

from crossbar import Blob
from crossbar.testing import make_app

from ..protocol.server import serving
from ..walk.recordings import Recordings
from .chromium import browsing, found

pytestmark = pytest.mark.skipif(found() is None, reason="there is no Chromium: scripts/browser installs it on Debian")

# What the browser has made of the address, as soon as a player has loaded or it is clear that there is none.
LOOK = """
new Promise(done => {
  const player = document.querySelector("video");
  const tell = () => done({ address: location.href, title: document.title, duration: player && player.duration });
  if (!player || player.readyState >= 1) return tell();
  player.onloadedmetadata = tell;
  player.querySelector("source").onerror = tell;
})
"""


def sound() -> bytes:
    """Give ten seconds of silence, as a WAV."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(bytes(160_000))
    return out.getvalue()


def opened(profile: Path, blob: Blob) -> dict[str, Any]:
    """Send a browser to a blob, and look at what it shows."""
    app: Any = make_app(endpoints=[Recordings(blob)], bundled=False)
    with serving(app) as served, browsing(profile) as page:
        page.ask("Page.enable")
        page.ask("Page.navigate", url=f"http://127.0.0.1:{served.port}/v2/tapes?content_disposition=inline")
        facts: dict[str, Any] = page.run(LOOK)
    return facts


def test_a_recording_opens(tmp_path: Path) -> None:
    """The browser's own player may load what it was sent to."""
    facts = opened(tmp_path, Blob(sound(), "audio/wav", "call.wav"))
    assert (True, 10) == ("/v2/tapes" in facts["address"], facts["duration"])


@pytest.mark.parametrize("media_type", ["text/html", "image/svg+xml", "application/xhtml+xml"])
def test_a_page_does_not(tmp_path: Path, media_type: str) -> None:
    """What could run is kept as a file, and the browser stays where it was."""
    page = b'<html xmlns="http://www.w3.org/1999/xhtml"><script>document.title = "run"</script></html>'
    facts = opened(tmp_path, Blob(page, media_type, "page.html"))
    assert ("about:blank", "") == (facts["address"], facts["title"])

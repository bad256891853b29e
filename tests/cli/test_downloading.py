"""Downloads with curl from a real server: parts, what is resumed, and what is already there."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crossbar.testing import QUICK, make_store, small_world

from .conftest import Live, ended, started

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")

CONTENT = os.urandom(3_000_000)


async def stored(folder: Path) -> tuple[str, str]:
    """Store a sound in the folder's database, and give its path and a token."""
    world = await small_world(make_store("sqlite", folder), QUICK)
    client = await world.client("customer")
    made = await client.put("/account/media", {"name": "Rain"})
    path = f"/accounts/{world.customer}/media/{made.data['id']}/raw"
    assert 200 <= (await client.request("PUT", path, body=CONTENT, headers={"content-type": "audio/wav"})).status < 300
    await world.app.stop()
    return f"/v2{path}", str(client.token)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Live, str, str]]:
    """Give a server that has the sound, its URL and a token."""
    folder = tmp_path_factory.mktemp("downloads")
    path, token = asyncio.run(stored(folder))
    [file] = folder.glob("*.db")
    live = started(folder, "--store", f"sqlite:///{file.name}")
    yield live, live.url + path, token
    ended(live)


Curl = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def curl(live: tuple[Live, str, str], tmp_path: Path) -> Curl:
    """Run curl on the sound, in a folder of the test's own."""
    _, url, token = live

    def run(*options: str) -> subprocess.CompletedProcess[bytes]:
        command = ["curl", "--silent", "--show-error", "--fail", "-H", f"X-Auth-Token: {token}", *options, url]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=60)

    return run


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("0-0", CONTENT[:1]),
        ("1000-1999", CONTENT[1000:2000]),
        ("2999990-", CONTENT[2_999_990:]),
        ("-7", CONTENT[-7:]),
        ("2999999-9999999999999999999999", CONTENT[-1:]),
    ],
)
def test_a_part(curl: Curl, words: str, part: bytes) -> None:
    """`curl --range` gets the part that it asks for."""
    assert part == curl("--range", words).stdout


def test_several_parts(curl: Curl) -> None:
    """Several parts come in one body, each with its place."""
    body = curl("--range", "0-1,2999998-").stdout
    assert 2 == body.count(b"content-range: bytes ")
    assert b"content-range: bytes 2999998-2999999/3000000\r\n\r\n" + CONTENT[-2:] in body


def test_no_such_part(curl: Curl) -> None:
    """A part behind the end is refused with the size."""
    refused = curl("--range", "3000000-", "--include", "--no-fail")
    assert b" 416 " in refused.stdout.splitlines()[0]
    assert b"content-range: bytes */3000000" in refused.stdout


@pytest.mark.parametrize("have", [0, 1, 1_234_567, 2_999_999])
def test_resumed(curl: Curl, tmp_path: Path, have: int) -> None:
    """`curl -C -` brings what is lacking, and the file is whole."""
    file = tmp_path / "rain.wav"
    file.write_bytes(CONTENT[:have])
    assert 0 == curl("--continue-at", "-", "--output", file.name).returncode
    assert CONTENT == file.read_bytes()


def test_a_name_from_the_server(curl: Curl, tmp_path: Path) -> None:
    """`curl -J` keeps the file under the name that it is offered with."""
    assert 0 == curl("--remote-name", "--remote-header-name").returncode
    [file] = tmp_path.iterdir()
    assert (".wav", CONTENT) == (file.suffix, file.read_bytes())


def test_only_when_it_has_changed(curl: Curl, tmp_path: Path) -> None:
    """With the entity tag of the last time, nothing is sent again."""
    assert 0 == curl("--etag-save", "tag", "--output", "first").returncode
    assert 0 == curl("--etag-compare", "tag", "--output", "second").returncode
    assert not (tmp_path / "second").exists() or b"" == (tmp_path / "second").read_bytes()


def test_its_head(curl: Curl) -> None:
    """`curl --head` tells how large it is, and gets nothing of it."""
    told = curl("--head").stdout.lower()
    assert b"content-length: 3000000\r\n" in told
    assert b"accept-ranges: bytes\r\n" in told


def test_a_client_that_reads_slowly(curl: Curl) -> None:
    """A slow client gets all of it."""
    assert CONTENT == curl("--limit-rate", "3M").stdout

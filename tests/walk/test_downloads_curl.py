"""Downloads by curl from a server on this machine: ranges, resumed downloads, names."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from crossbar.testing import make_app
from tests.protocol.server import Served, serving

from .recordings import Recordings, Shelf, blob

CURL = shutil.which("curl")
CONTENT = bytes(range(251)) * 5_000

pytestmark = pytest.mark.skipif(CURL is None, reason="there is no curl on this machine")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """Serve a recording that is read piece by piece."""
    tag = sha256(CONTENT).hexdigest()
    answer = blob(Shelf(CONTENT, 65_536), etag=tag, modified=784_111_777, name="Anruf für Köln.wav")
    app: Any = make_app(endpoints=[Recordings(answer)], bundled=False)
    with serving(app) as served:
        yield served


def curl(served: Served, *options: str, query: str = "") -> bytes:
    """What curl writes to its standard output."""
    assert CURL is not None
    url = f"http://127.0.0.1:{served.port}/v2/tapes{query}"
    command = [CURL, "--silent", "--show-error", "--max-time", "20", *options, url]
    return subprocess.run(command, check=True, capture_output=True).stdout


def status(served: Served, *options: str) -> str:
    """The status that curl is answered with."""
    return curl(served, "--output", "/dev/null", "--write-out", "%{http_code}", *options).decode()


def test_the_whole(served: Served) -> None:
    """All the bytes come."""
    assert CONTENT == curl(served)


@pytest.mark.parametrize(
    ("range", "expected"),
    [
        ("0-0", CONTENT[:1]),
        ("65535-65536", CONTENT[65_535:65_537]),
        ("100000-", CONTENT[100_000:]),
        ("-500", CONTENT[-500:]),
    ],
)
def test_a_range(served: Served, range: str, expected: bytes) -> None:
    """`curl --range` writes the bytes that were asked for."""
    assert expected == curl(served, "--range", range)
    assert "206" == status(served, "--range", range)


def test_several_ranges(served: Served) -> None:
    """Several ranges come in one body, of the length that was announced."""
    body = curl(served, "--range", "0-4,1000-1004", "--fail")
    assert (True, True) == (CONTENT[:5] in body, CONTENT[1000:1005] in body)
    assert 2 == body.count(b"content-range: bytes ")


def test_a_range_beyond_the_end(served: Served) -> None:
    """Where nothing is left to send, curl is told how much there is."""
    head = curl(served, "--range", f"{len(CONTENT)}-", "--dump-header", "-", "--output", "/dev/null").decode().lower()
    assert ("416", True) == (head.split()[1], f"content-range: bytes */{len(CONTENT)}" in head)


@pytest.mark.parametrize("there", [1, 65_536, len(CONTENT) - 1])
def test_going_on(served: Served, tmp_path: Path, there: int) -> None:
    """`curl --continue-at -` brings what is missing of a file, and nothing else."""
    file = tmp_path / "call.wav"
    file.write_bytes(CONTENT[:there])
    told = curl(served, "--continue-at", "-", "--output", str(file), "--write-out", "%{http_code} %{size_download}")
    assert f"206 {len(CONTENT) - there}" == told.decode()
    assert CONTENT == file.read_bytes()


def test_going_on_where_nothing_is_missing(served: Served, tmp_path: Path) -> None:
    """A file that is complete stays as it is."""
    file = tmp_path / "call.wav"
    file.write_bytes(CONTENT)
    curl(served, "--continue-at", "-", "--output", str(file))
    assert CONTENT == file.read_bytes()


def test_going_on_after_a_break(served: Served, tmp_path: Path) -> None:
    """A download that was broken off in the middle is brought to its end."""
    assert CURL is not None
    file = tmp_path / "call.wav"
    with served.connect() as client:
        client.sendall(b"GET /v2/tapes HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        said = b""
        while len(said) < 200_000:
            said += client.recv(65_536)
    file.write_bytes(said.partition(b"\r\n\r\n")[2])
    curl(served, "--continue-at", "-", "--output", str(file))
    assert CONTENT == file.read_bytes()


def test_the_head(served: Served) -> None:
    """`curl --head` is told the length, the tag and that there are ranges, and waits for no bytes."""
    head = curl(served, "--head").decode().lower()
    assert "200" == head.split()[1]
    for field in (
        f"content-length: {len(CONTENT)}",
        "accept-ranges: bytes",
        "etag: ",
        "last-modified: sun, 06 nov 1994",
    ):
        assert f"\r\n{field}" in head


def test_what_is_known_already(served: Served, tmp_path: Path) -> None:
    """curl's own entity tags and times spare the second download."""
    tag = tmp_path / "tag"
    curl(served, "--etag-save", str(tag), "--output", "/dev/null")
    assert "304" == status(served, "--etag-compare", str(tag))
    assert "304" == status(served, "--time-cond", "Sun, 06 Nov 1994 08:49:37 GMT")
    assert "200" == status(served, "--time-cond", "Sun, 06 Nov 1994 08:49:36 GMT")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("", "Anruf_fur_Koln.wav"),
        ("?file_name=mine.wav", "mine.wav"),
        ("?file_name=..%2F..%2Fmine", "mine.wav"),
        ("?contentDispositionFilename=%2e%2e%2f%2e%2e%2fetc%2fpasswd", "passwd.wav"),
    ],
)
def test_the_name_of_the_file(served: Served, tmp_path: Path, query: str, name: str) -> None:
    """`curl --remote-header-name` keeps the bytes in a file of that name, and in no other place."""
    curl(served, "--remote-name", "--remote-header-name", "--output-dir", str(tmp_path), query=query)
    assert {name: CONTENT} == {file.name: file.read_bytes() for file in tmp_path.iterdir()}

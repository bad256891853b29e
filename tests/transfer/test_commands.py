"""`crossbar export` and `crossbar import` as they are run: what they say, how they end, and what a kill leaves."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from crossbar.cli.commands import crossbar
from crossbar.cli.moving import source_of
from crossbar.errors import StoreUnavailable
from crossbar.settings import Settings, from_environment
from crossbar.stores.sqlite import SqliteStore
from crossbar.stores.whole import Stored
from tests.contract.documents import Clock

from .filling import bytes_of, everything, fill

# Runs the command line in small steps, and sends itself a signal after a method was called so many times.
KILLER = """
import os, signal, sys
from importlib import import_module
# A shell that runs the tests in the background has Ctrl+C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
from crossbar.transfer import archive, exporting, marker

archive.BATCH = exporting.BATCH = 3
exporting._CHECKPOINT = marker._EVERY = 0
place, left, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
del sys.argv[1:4]
module, _, names = place.partition(":")
*owner, name = names.split(".")
thing = import_module(module)
for each in owner:
    thing = getattr(thing, each)
original = getattr(thing, name)

def counted(*args, **more):
    global left
    done = original(*args, **more)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), number)
    return done

setattr(thing, name, counted)
from crossbar.cli import main
main()
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a store in a file with all that is hard to move; nobody writes to it."""

    async def filled() -> None:
        store = SqliteStore(path, synchronous="NORMAL", clock=clock)
        await fill(store, clock)
        await store.close()

    path, clock = tmp_path_factory.mktemp("source") / "source.db", Clock()
    asyncio.run(filled())
    return f"sqlite:///{path}"


@pytest.fixture(scope="module")
def archive(source: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of it, which nobody has interrupted."""
    folder = tmp_path_factory.mktemp("archive") / "straight"
    assert 0 == run("export", str(folder), "--store", source).exit_code
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def run(*args: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(crossbar, args)


def killed(place: str, count: int, how: signal.Signals, *args: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own that gets a signal after the method there was called so often."""
    asked = [sys.executable, "-c", KILLER, place, str(count), str(int(how)), *args]
    return subprocess.run(asked, capture_output=True, text=True, timeout=60)


def held(url: str) -> tuple[list[Stored], dict[str, bytes]]:
    """All that a store in a file holds, with the bytes of all blobs."""

    async def read() -> tuple[list[Stored], dict[str, bytes]]:
        store = SqliteStore(url.removeprefix("sqlite:///"))
        await store.open([])
        await store.open(await store.kinds())
        found = await everything(store)
        try:
            return found, await bytes_of(store, found)
        finally:
            await store.close()

    return asyncio.run(read())


def test_a_move(source: str, tmp_path: Path) -> None:
    """Out, in, and in again: what is said, and that all is there."""
    target = f"sqlite:///{tmp_path}/target.db"
    exported = run("export", "moving", "--store", source)
    assert (0, "") == (exported.exit_code, exported.stderr)
    assert ["27  notes", "1  plain", "1  system"] == [line.strip() for line in exported.stdout.splitlines()[:-1]]
    last = r" +29  documents and 6 files of theirs, 3\d\d\.\d kB, in \d+\.\d seconds, checked, in moving\n"
    assert re.search(last, exported.stdout)
    imported = run("import", "moving", "--store", target)
    assert (0, "") == (imported.exit_code, imported.stderr)
    assert held(source) == held(target)
    again = run("import", "moving", "--store", target)
    assert (0, True) == (again.exit_code, "       29  were there already\n" in again.stdout)


EXPORTS = [
    ("crossbar.transfer.archive:Archive.add", 1),
    ("crossbar.transfer.archive:Archive.add", 7),
    ("crossbar.transfer.archive:write_manifest", 4),
    ("crossbar.transfer.blob_file:BlobFile.flush", 3),
    ("crossbar.transfer.blob_file:BlobFile.finish", 5),
    ("crossbar.transfer.checking:_read_blob", 2),
]


@pytest.mark.parametrize(("place", "count"), EXPORTS, ids=[f"{place.split('.')[-1]}-{n}" for place, n in EXPORTS])
def test_an_export_that_is_killed(place: str, count: int, source: str, archive: Path) -> None:
    """The same command goes on, and the archive is that of an export which nobody killed."""
    assert -signal.SIGKILL == killed(place, count, signal.SIGKILL, "export", "moving", "--store", source).returncode
    assert "is incomplete" in run("import", "moving", "--store", "sqlite:///early.db").stderr
    assert 0 == run("export", "moving", "--store", source).exit_code
    assert contents(archive) == contents(Path("moving"))


IMPORTS = [
    ("crossbar.stores.sqlite.whole_rows:restore", 1),
    ("crossbar.stores.sqlite.whole_rows:restore", 6),
    ("crossbar.stores.sqlite.blob_writer:_File.finish", 2),
    ("crossbar.stores.sqlite.blob_writer:_File.finish", 5),
    ("crossbar.transfer.lines:Sum.add", 45),
]


@pytest.mark.parametrize(("place", "count"), IMPORTS, ids=[f"{place.split(':')[-1]}-{n}" for place, n in IMPORTS])
def test_an_import_that_is_killed(place: str, count: int, source: str, archive: Path, tmp_path: Path) -> None:
    """The same command goes on, and the store holds what that of an import holds which nobody killed."""
    target = f"sqlite:///{tmp_path}/target.db"
    asked = ("import", str(archive), "--store", target)
    assert -signal.SIGKILL == killed(place, count, signal.SIGKILL, *asked).returncode
    again = run(*asked)
    assert (0, "") == (again.exit_code, again.stderr)
    assert held(source) == held(target)


@pytest.mark.parametrize("command", ["export", "import"])
def test_ctrl_c(command: str, source: str, archive: Path) -> None:
    """It ends with 130, and says that the same command goes on."""
    asked = (command, "moving", "--store", source)
    place = "crossbar.transfer.archive:Archive.add"
    if command == "import":
        asked = (command, str(archive), "--store", "sqlite:///target.db")
        place = "crossbar.stores.sqlite.whole_rows:restore"
    ended = killed(place, 3, signal.SIGINT, *asked)
    assert (130, "") == (ended.returncode, ended.stdout)
    assert "crossbar: the same command goes on where this one ended\ncrossbar: interrupted\n" == ended.stderr
    assert 0 == run(*asked).exit_code


def no_room(folder: Path) -> None:
    """A folder that is there already, with something in it."""
    folder.mkdir()
    (folder / "mine").write_text("")


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("export", "moving", "--store", "memory:"), 2, "a store in memory is gone with its process"),
        (("export", "moving", "--store", "nosql://u:secret@h/d"), 2, "is not a store"),
        (("export", "moving", "--store", "sqlite:///empty.db"), 1, "the store holds nothing"),
        (("export", "moving", "--store", "sqlite:///new.db"), 1, "new.db: there is no such file"),
        (("export", "moving", "--store", "SOURCE", "--account", "x"), 1, "the store has no account 'x'"),
        (("export", "full", "--store", "SOURCE"), 1, "full is not empty"),
        (("export", "a/b", "--store", "SOURCE"), 1, "a/b: No such file or directory"),
        (("import", "none", "--store", "sqlite:///new.db"), 1, "none holds no archive"),
        (("import", "full", "--store", "sqlite:///new.db"), 1, "full holds no archive"),
        (("import", "none", "--config", "none.toml"), 2, "none.toml"),
        (("export",), 2, "Missing argument 'FOLDER'"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_what_goes_wrong(args: tuple[str, ...], code: int, told: str, source: str) -> None:
    """A sentence on standard error, an exit code that says whose fault it is, no secret, and nothing left behind."""
    no_room(Path("full"))
    Path("empty.db").touch()
    ended = run(*[source if arg == "SOURCE" else arg for arg in args])
    assert (code, True, False) == (ended.exit_code, told in ended.stderr, "secret" in ended.stderr)
    assert set() == {"moving", "new.db", "none"} & set(os.listdir())


@pytest.mark.parametrize("command", ["export", "import"])
def test_a_store_that_is_lost_on_the_way(
    command: str, source: str, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited for, which is said once; a store that may not be waited for ends the command."""
    asked = 0

    def lost(original: Callable[..., Any]) -> Callable[..., Any]:
        async def once(*args: Any, **more: Any) -> Any:
            nonlocal asked
            asked += 1
            if asked <= 3:
                raise StoreUnavailable("the store is lost")
            return await original(*args, **more)

        return once

    monkeypatch.setattr("crossbar.transfer.patience._PAUSE", 0.01)
    for name in ("walk", "restore"):
        monkeypatch.setattr(SqliteStore, name, lost(getattr(SqliteStore, name)))
    folder, url = ("out", source) if command == "export" else (str(archive), f"sqlite:///{tmp_path}/target.db")
    done = run(command, folder, "--store", url, "--wait", "0")
    assert (1, "crossbar: the store is lost\n") == (done.exit_code, done.stderr)
    done = run(command, folder, "--store", url)
    assert (0, "crossbar: the store is lost; waiting for up to 60 seconds\n") == (done.exit_code, done.stderr)
    assert asked > 3
    if command == "import":
        assert re.match(
            r" +29  documents are in sqlite:///\S+, after \d+\.\d seconds; it was lost on the way\n", done.stdout
        )


def test_a_disk_that_is_full(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told by name; with room again, the same command goes on."""
    make_room = room_for(monkeypatch, 3)
    ended = run("export", "moving", "--store", source)
    assert (1, True) == (ended.exit_code, "No space left on device; then run the same command again" in ended.stderr)
    make_room()
    assert 0 == run("export", "moving", "--store", source).exit_code


def room_for(monkeypatch: pytest.MonkeyPatch, count: int) -> Callable[[], None]:
    """Let so many writes of an archive succeed; the function that makes room again."""
    left, original = count, os.write

    def write(file: int, content: bytes) -> int:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(28, "No space left on device")
        return original(file, content)

    monkeypatch.setattr("crossbar.transfer.archive.os.write", write)
    return lambda: monkeypatch.setattr("crossbar.transfer.archive.os.write", original)


def test_the_source_is_not_told() -> None:
    """An archive says of which store it is without its URL, and tells two stores apart."""
    one = source_of(Settings())
    two = source_of(from_environment(None, {"store.url": "sqlite:///other.db"}))
    assert (32, True, True) == (len(one), one != two, one == source_of(Settings()))


def contents(folder: Path) -> dict[str, bytes]:
    """The files of an archive but for its manifest."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }

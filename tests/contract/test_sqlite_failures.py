"""The SQLite store when things go wrong: bad files, full disks, killed processes, several processes at once."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import crossbar
from crossbar.errors import StoreUnavailable
from crossbar.stores.sqlite import SqliteStore

from .documents import KINDS, device, devices, insert, kept

pytestmark = pytest.mark.anyio

# ruff: noqa: ASYNC240, ASYNC251 - nothing else runs in these loops that a slow call could keep waiting.

# What every script for another process begins with. It is given the path of the file.
PRELUDE = """
import asyncio, os, sys
from pathlib import Path
from crossbar.errors import RevisionConflict, StoreUnavailable
from crossbar.stores import Document, Insert, Kind, Replace
from crossbar.stores.sqlite import SqliteStore
from tests.contract.documents import *

store = SqliteStore(sys.argv[1])
"""


def start(script: str, path: Path, *arguments: str, output: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """Another process that runs the script after the prelude."""
    root = Path(crossbar.__file__).parent.parent
    command = [sys.executable, "-c", PRELUDE + script, str(path), *arguments]
    return subprocess.Popen(command, cwd=root, stdout=output, stderr=subprocess.PIPE, text=True)


def outcome(process: subprocess.Popen[str]) -> list[str]:
    """The lines that the process prints; it must end well."""
    printed, errors = process.communicate(timeout=60)
    assert 0 == process.returncode, errors
    return printed.splitlines()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


async def failure(path: Path) -> str:
    """Why the store cannot be opened there."""
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailable) as caught:
        await store.open(KINDS)
    await store.close()
    return str(caught.value)


# -- files that cannot be opened ----------------------------------------------------------------------------


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The folder is not made: a wrong path would go unnoticed."""
    message = await failure(tmp_path / "none" / "store.db")
    assert str(tmp_path / "none" / "store.db") in message
    assert f"there is no folder {tmp_path / 'none'}; make it" in message


async def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """The message says so, and what to do."""
    assert "this is a folder; name a file in it" in await failure(tmp_path)


async def test_a_file_of_something_else_is_left_alone(path: Path) -> None:
    """A file that is not a database stays as it is."""
    path.write_text("my diary\n" * 100)
    assert "is not an SQLite database; name another file" in await failure(path)
    assert "my diary\n" * 100 == path.read_text()


async def test_a_damaged_beginning_is_found_at_open(path: Path) -> None:
    """The first page holds the schema, which is read when the file is opened."""
    await _fill(path)
    with path.open("r+b") as file:
        file.seek(100)
        file.write(os.urandom(3000))
    assert "the file is damaged; restore a backup" in await failure(path)


async def test_damage_elsewhere_is_found_when_read(path: Path) -> None:
    """Everything raises StoreUnavailable, nothing returns half of the truth."""
    await _fill(path)
    size = path.stat().st_size
    store = SqliteStore(path)
    await store.open(KINDS)
    with path.open("r+b") as file:
        file.seek(8 * 4096)
        file.write(b"\xff" * (size - 8 * 4096))
    for ask in (
        store.page(devices(limit=1000)),
        store.find(devices(limit=1000)),
        insert(store, *(device(f"x{n:03d}") for n in range(200))),
    ):
        with pytest.raises(StoreUnavailable, match=r"store\.db: the file is damaged; restore a backup"):
            await ask
    found = 0
    for n in range(300):
        try:
            found += await store.get("acme", "devices", f"d{n:03d}") is not None
        except StoreUnavailable:
            break
    else:
        pytest.fail("no document was damaged")
    await store.close()


@pytest.mark.parametrize(("closed", "name"), [("file", "store.db"), ("folder", "store.db"), ("folder", "new.db")])
async def test_the_right_to_write_is_missed_at_open(tmp_path: Path, closed: str, name: str) -> None:
    """An existing file, or a folder, that cannot be written is found at open, not at the first write."""
    folder = tmp_path / "folder"
    folder.mkdir()
    await _fill(folder / "store.db")
    script = f"""
os.chdir(Path(sys.argv[1]).parent)
if os.geteuid() == 0:
    # The superuser may write anywhere. The folder is entered before the right to reach it is given up.
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
store.path = Path({name!r})
try:
    asyncio.run(store.open(KINDS))
except StoreUnavailable as error:
    print(error)
"""
    (folder / "store.db").chmod(0o444)
    folder.chmod(0o777 if closed == "file" else 0o555)
    (message,) = outcome(start(script, folder / "store.db"))
    folder.chmod(0o755)
    assert f"{name}: the file cannot be opened; its folder must exist, and this user must have the right" in message


def test_a_new_file_is_private(path: Path) -> None:
    """Documents have private parts: nobody but the owner may read the file."""
    script = """
asyncio.run(store.open(KINDS))
print(*(oct(each.stat().st_mode & 0o777) for each in Path(sys.argv[1]).parent.iterdir()))
"""
    assert ["0o600 0o600 0o600"] == outcome(start(script, path))


# -- a full disk --------------------------------------------------------------------------------------------


def test_a_full_disk_acknowledges_nothing(path: Path) -> None:
    """When the commit fails, every write of the group fails; once there is space again, the store goes on."""
    script = """
import resource

async def main():
    await store.open(KINDS)
    await insert(store, device("before"))
    log = Path(sys.argv[1] + "-wal").stat().st_size
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (log + 9000, hard))
    writes = [insert(store, device(f"full{n}", pad="x" * 3000)) for n in range(20)]
    done = await asyncio.gather(*writes, return_exceptions=True)
    print(len([each for each in done if isinstance(each, StoreUnavailable)]), done[0])
    try:
        await store.load([device(f"load{n}", pad="x" * 3000) for n in range(20)])
    except StoreUnavailable as error:
        print(error)
    print(*await kept(store))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await insert(store, device("after"))
    print(*await kept(store))
    await store.close()

asyncio.run(main())
"""
    failed, loaded, during, after = outcome(start(script, path))
    assert failed.startswith("20 SQLite store ")
    assert "the disk" in failed
    assert "the disk" in loaded
    assert ("before", "after before") == (during, after)


# -- several processes --------------------------------------------------------------------------------------


def test_processes_may_open_a_new_file_at_once(path: Path) -> None:
    """All of them make the tables; one does it."""
    script = "asyncio.run(store.open(KINDS)); print('open'); asyncio.run(store.close())"
    assert [["open"]] * 4 == [outcome(each) for each in [start(script, path) for _ in range(4)]]


async def test_no_increment_is_lost_between_processes(path: Path) -> None:
    """Revisions are compared in the file, so that they hold between processes too."""
    script = """
async def main():
    await store.open(KINDS)
    for _ in range(60):
        while True:
            found = await store.get("acme", "devices", "d1")
            try:
                await replace(store, found, counter=found.data()["counter"] + 1)
                break
            except RevisionConflict:
                pass
    await store.close()

asyncio.run(main())
"""
    store = SqliteStore(path)
    await store.open(KINDS)
    await insert(store, device("d1", counter=0))
    before = store.version()
    for process in [start(script, path) for _ in range(3)]:
        assert [] == outcome(process)
    await asyncio.sleep(0)  # one answer serves a whole turn of the event loop, and outcome() held this one up
    assert before != store.version()
    found = await store.get("acme", "devices", "d1")
    assert found is not None
    assert (180, 181) == (found.data()["counter"], found.revision)
    await store.close()


async def test_a_killed_process_loses_nothing_that_it_acknowledged(path: Path) -> None:
    """Every id that was printed after its write is there when the file is opened again, and the file is sound."""
    script = """
async def write(worker):
    for n in range(10**6):
        id = f"{sys.argv[2]}-{worker}-{n}"
        await insert(store, device(id, mac=id, pad="x" * 500))
        print(id, flush=True)

async def main():
    await store.open(KINDS)
    await asyncio.gather(*(write(worker) for worker in range(20)))

asyncio.run(main())
"""
    acknowledged: set[str] = set()
    for part in range(3):
        output = path.with_name(f"round{part}")
        with output.open("w") as file:
            process = start(script, path, output.name, output=file.fileno())
        while output.read_text().count("\n") < 10 and process.poll() is None:
            time.sleep(0.01)
        time.sleep(random.uniform(0.02, 0.2))
        process.send_signal(signal.SIGKILL)
        assert -signal.SIGKILL == process.wait(), process.communicate()
        process.communicate()
        # The last line may be cut.
        acknowledged.update(output.read_text().split("\n")[:-1])
    store = SqliteStore(path)
    await store.open(KINDS)
    found = {each.id for each in await store.find(devices(limit=10**6))}
    assert len(acknowledged) > 10
    assert acknowledged <= found
    assert len(found) == len(await kept(store, limit=10**6))
    await store.close()
    connection = sqlite3.connect(path)
    assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()


async def _fill(path: Path) -> None:
    store = SqliteStore(path)
    await store.open(KINDS)
    await insert(store, *(device(f"d{n:03d}", n, pad="x" * 500) for n in range(300)))
    await store.close()

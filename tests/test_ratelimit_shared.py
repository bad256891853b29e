"""The table that processes share: one bound for all of them, whoever dies, hangs, or put the file there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from crossbar.errors import SettingsError
from crossbar.limits.buckets import SECOND, Quota
from crossbar.limits.shared_table import SharedTable

ONCE = Quota(1000, 1, 86_400)

TAKING = """
import sys, time
from pathlib import Path
from crossbar.limits.buckets import Quota
from crossbar.limits import shared_table
shared_table._TRIES = 10**6  # a busy machine may keep one from working while it has the lock
table = shared_table.SharedTable(Path(sys.argv[1]), lambda: time.monotonic_ns() // 1000)
table.open()
print("ready", flush=True)
sys.stdin.readline()
print(sum(table.take("the same", Quota(1000, 1, 86_400), 1)[1] for _ in range(int(sys.argv[2]))), flush=True)
"""

HOLDING = """
import fcntl, sys
from pathlib import Path
from crossbar.limits.shared_table import SharedTable
table = SharedTable(Path(sys.argv[1]), lambda: 1)
table.open()
fcntl.lockf(table._file, fcntl.LOCK_EX, 1, table._place("the same")[1])
print("ready", flush=True)
sys.stdin.readline()
"""


def ticks() -> int:
    """The time since the start of the machine."""
    return time.monotonic_ns() // 1000


def begun(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a process with the table, and return when it waits."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "ready\n" == process.stdout.readline()
    return process


def told(processes: Sequence[subprocess.Popen[str]]) -> list[int]:
    """Let them all go on at once; what each of them says."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [int(process.communicate(timeout=60)[0]) for process in processes]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the table is."""
    return tmp_path / "counts"


def test_processes_share_one_bucket(path: Path) -> None:
    """Of 2,400 that three processes ask for at once, a thousand are admitted, and not one more."""
    admitted = told([begun(TAKING, path, 800) for _ in range(3)])
    assert 1000 == sum(admitted)


def test_a_process_that_is_killed(path: Path) -> None:
    """What it took is taken, its lock is nobody's, and the others go on."""
    process = begun(HOLDING, path)
    table = SharedTable(path, ticks)
    table.open()
    table.take("another", ONCE, 1)
    process.kill()
    process.communicate()
    taken = [table.take("the same", ONCE, 1)[1] for _ in range(1001)]
    assert [True] * 1000 + [False] == taken
    table.close()


def test_a_process_that_hangs_with_a_lock_stops_nobody(path: Path) -> None:
    """After some patience the others go on without the lock: a charge may get lost, a request may not."""
    process = begun(HOLDING, path)
    process.send_signal(signal.SIGSTOP)
    table = SharedTable(path, ticks)
    table.open()
    assert table.take("the same", ONCE, 1)[1]
    assert 999 == ONCE.left(table.look("the same")[0].until, ticks())
    process.kill()
    process.communicate()
    table.close()


def test_a_file_from_before_a_restart_of_the_machine(path: Path) -> None:
    """Its times lie in the future of the new clock: a bucket is empty at worst, and fills as usual."""
    now = 10**15
    ten = Quota(100, 10)
    table = SharedTable(path, lambda: now)
    table.open()
    table.take("a", ten, 10)
    table.close()
    now = 5 * SECOND
    table.open()
    assert not table.take("a", ten, 1)[1]
    now += 10 * SECOND
    assert table.take("a", ten, 100)[1]
    table.close()


def test_open_and_close_again(path: Path) -> None:
    """An application may start and stop as often as it likes; the counts stay."""
    table = SharedTable(path, ticks)
    for _ in range(2):
        table.open()
        table.open()
        assert table.take("a", ONCE, 400)[1]
        table.close()
        table.close()
    table.open()
    assert not table.take("a", ONCE, 400)[1]
    table.close()
    assert 0o600 == path.stat().st_mode & 0o777


def faults(path: Path) -> str:
    """What is wrong with a table there."""
    with pytest.raises(SettingsError) as error:
        SharedTable(path, ticks).open()
    (fault,) = error.value.faults
    return fault


def test_files_that_are_not_taken(path: Path, tmp_path: Path) -> None:
    """A file that others may write, another file, a link and a folder are refused with a sentence, and left alone."""
    path.write_bytes(b"something else")
    path.chmod(0o600)
    assert faults(path).startswith("rate.shared: ")
    assert b"something else" == path.read_bytes()
    path.chmod(0o644)
    assert "chmod 600" in faults(path)
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "folder").mkdir()
    for name in ("link", "folder", "not/there"):
        assert str(tmp_path / name) in faults(tmp_path / name)


def test_a_table_of_another_size(path: Path) -> None:
    """A file of the right length that begins differently is none of ours."""
    table = SharedTable(path, ticks)
    table.open()
    table.close()
    with path.open("r+b") as file:
        file.write(os.urandom(16))
    assert "something else" in faults(path)


def test_keys_cannot_be_aimed(tmp_path: Path) -> None:
    """Where a key lies follows from a secret of the file, so that nobody can fill the set of somebody else."""
    places = set()
    for name in ("one", "two", "three"):
        table = SharedTable(tmp_path / name, ticks)
        table.open()
        places.add(table._place("192.0.2.1"))
        table.close()
    assert 3 == len(places)

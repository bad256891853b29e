"""How far a move is: what is told, how often, and in which form."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from crossbar.cli.moving import Meter
from crossbar.stores.memory import MemoryStore
from crossbar.transfer.progress import Progress, amount, duration, line
from tests.contract.documents import Clock

from .filling import export, fill, load


@pytest.mark.parametrize(
    ("progress", "seconds", "told"),
    [
        (
            Progress("export", "cdrs", 5_000, 20_000, 3_000_000, 1_000),
            2,
            "export: cdrs, 5,000 of 20,000 documents (25%), 3.0 MB, 2,000/s, 0:08 left",
        ),
        (
            Progress("check", "users", 3, 3, 999),
            4,
            "check: users, 3 of 3 documents (100%), 999 bytes, 0.8/s, 0:00 left",
        ),
        (Progress("import", "a", 5, 10, 0), 0.5, "import: a, 5 of 10 documents (50%), 0 bytes"),
        (Progress("import", "a", 5, 10, 0, 5), 9, "import: a, 5 of 10 documents (50%), 0 bytes"),
        (Progress("export", "a", 5, 4, 0), 0, "export: a, 5 of 5 documents (100%), 0 bytes"),
        (Progress("export", "a", 0, 0, 0), 0, "export: a, 0 of 0 documents (100%), 0 bytes"),
        (Progress("init", "a", 1, 4, None), 0, "init: a, 1 of 4 documents (25%)"),
    ],
    ids=["resumed", "slow", "just-begun", "nothing-yet", "more-than-counted", "nothing-at-all", "no-bytes"],
)
def test_a_line(progress: Progress, seconds: float, told: str) -> None:
    """What was done before this run does not count for its pace."""
    assert told == line(progress, seconds)


def test_amounts_and_durations() -> None:
    """Bytes and seconds for people."""
    assert ["1.5 kB", "2.0 GB", "1,234.5 TB"] == [amount(size) for size in (1500, 2 * 10**9, 1234_500_000_000_000)]
    assert ["0:00", "1:01", "1:02:03"] == [duration(seconds) for seconds in (0.2, 61, 3723)]


class Ticks:
    """Seconds that pass when a test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, terminal: bool, quiet: bool) -> str:
    """What a meter shows of twelve seconds, with something to tell every tenth of a second."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    monkeypatch.setenv("COLUMNS", "40")
    ticks = Ticks()
    meter = Meter(quiet=quiet, clock=ticks)
    for tenth in range(1, 121):
        ticks.now = 100 + tenth / 10
        meter(Progress("export" if tenth < 80 else "check", "cdrs", tenth, 1000, 0))
    meter.end()
    return capsys.readouterr().err


def test_lines_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody looks, there is a line every five seconds."""
    told = shown(monkeypatch, capsys, terminal=False, quiet=False).splitlines()
    assert ["export: cdrs, 50 of 1,000 documents (5%), 0 bytes, 10/s, 1:35 left"] == told[:1]
    assert (2, True) == (len(told), told[1].startswith("check: cdrs, 100 of"))


def test_a_line_that_is_rewritten(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal it stays one line, no wider than that, and goes at the end."""
    told = shown(monkeypatch, capsys, terminal=True, quiet=False)
    states = told.split("\r\x1b[2K")
    assert ("\n" not in told, "", "") == (True, states[0], states[-1])
    assert (True, True) == (40 < len(states) < 70, max(map(len, states)) < 40)


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "elsewhere"])
def test_silence(terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Who wants to see nothing sees nothing."""
    assert "" == shown(monkeypatch, capsys, terminal=terminal, quiet=True)


async def test_what_is_told_of_a_move(tmp_path: Path, clock: Clock) -> None:
    """Documents and bytes only grow, up to all of them, first of the move and then of its check."""
    source, target = MemoryStore(clock), MemoryStore(clock)
    await fill(source, clock)
    told: list[Progress] = []
    manifest = await export(source, tmp_path / "archive", clock, tell=told.append)
    await load(target, tmp_path / "archive", clock, tell=told.append)
    total, _ = manifest.total()
    size = sum(part.sum.size + part.sum.blob_bytes for part in manifest.kinds)
    stretches = [[told[0]]]
    for before, after in pairwise(told):
        if after.doing != before.doing or after.documents < before.documents:
            stretches.append([])
        stretches[-1].append(after)
    assert ["export", "check", "check", "import", "check"] == [stretch[0].doing for stretch in stretches]
    for stretch in stretches:
        assert (total, size) == (stretch[-1].documents, stretch[-1].bytes)
        assert stretch == sorted(stretch, key=lambda progress: (progress.documents, progress.bytes))

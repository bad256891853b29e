"""Machines that share a store tell each other what they took from buckets, and none of it counts twice."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from crossbar.limits.buckets import SECOND, LocalTable
from crossbar.limits.exchange import Note
from crossbar.limits.told_table import ToldTable

from .boards import HUNDRED, KEY, ONCE, Board, Machine, told


@pytest.fixture
def board() -> Board:
    """Give the notes of all machines."""
    return Board()


async def test_two_machines_have_one_bucket(board: Board) -> None:
    """What one took is gone on the other, though their clocks differ by hours; each charge is made once."""
    one, two = Machine(board), Machine(board, ahead=7200 * SECOND)
    assert 60 == one.take(60, ONCE)
    for _ in range(50):
        await told(board, one, two)
    assert 40 == two.take(100, ONCE)
    for _ in range(50):
        await told(board, one, two)
    assert 0 == one.take(1, ONCE)


async def test_three_machines_at_once(board: Board) -> None:
    """What was taken by all before they knew is owed: a day's hundred lasts three times as long if all were taken."""
    machines = [Machine(board) for _ in range(3)]
    assert [100, 100, 100] == [machine.take(120, ONCE) for machine in machines]
    await told(board, *machines)
    for machine in machines:
        entry, now = machine.told.look(KEY)
        assert pytest.approx(2 * ONCE.window, rel=1e-6) == entry.until - now


@pytest.mark.parametrize("count", [2, 5], ids=str)
async def test_the_limit_holds_in_the_long_run(board: Board, count: int) -> None:
    """Under pressure on all of them, machines together admit what one would, and what fits into half a second."""
    machines = [Machine(board) for _ in range(count)]
    admitted = 0
    for tick in range(60 * 20):
        board.now += SECOND // 20
        admitted += sum(machine.take(1) for machine in machines)
        if tick % 5 == 4:
            for machine in machines:
                await machine.exchange.round()
    assert 100 + 600 - 10 * count <= admitted <= 100 + 600 + 10 * count


async def test_below_the_limit_all_are_admitted(board: Board) -> None:
    """Three machines with three requests a second each stay below ten in all, and nobody is refused."""
    machines = [Machine(board) for _ in range(3)]
    for _ in range(60 * 3):
        assert [1, 1, 1] == [machine.take() for machine in machines]
        await told(board, *machines, passed=1 / 3)


async def test_an_answer_that_was_lost(board: Board) -> None:
    """Notes whose fate nobody knows are sent again as they were, and count once."""
    one, two = Machine(board), Machine(board)
    one.take(10, ONCE)
    board.mute = True
    await one.exchange.round()
    await two.exchange.round()
    one.take(10, ONCE)
    await one.exchange.round()
    board.mute = False
    for _ in range(3):
        await told(board, one, two)
    assert 80 == two.take(100, ONCE)


async def test_notes_that_were_not_written(board: Board) -> None:
    """They are not lost: the next time that the store answers, they are."""
    one, two = Machine(board), Machine(board)
    one.take(10, ONCE)
    board.away = True
    await one.exchange.round()
    board.away = False
    await told(board, one, two)
    assert 90 == two.take(100, ONCE)


async def test_several_notes_of_one_writer(board: Board) -> None:
    """Who reads seldom finds many, and carries out each."""
    one, two = Machine(board), Machine(board)
    for _ in range(4):
        one.take(10, ONCE)
        await told(board, one)
    await told(board, two)
    assert 60 == two.take(100, ONCE)


async def test_a_store_that_is_away_for_a_while(board: Board, caplog: pytest.LogCaptureFixture) -> None:
    """Each goes on by itself; what comes late is what a bucket still lacks; the log has a line a minute."""
    one, two = Machine(board), Machine(board)
    await told(board, one, two)
    board.away = True
    with caplog.at_level(logging.INFO, "crossbar"):
        for _ in range(4 * 90):
            assert (2, 2) == (one.take(2), two.take(2))
            board.now += SECOND // 4
            await one.exchange.round()
        one.take(50)
        two.take(10, key="another")
        board.away = False
        await told(board, one, two)
        await told(board, one, two)
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert 2 == len(warnings)
    assert "the board is away" in warnings[0].getMessage()
    assert "limits: other machines are heard of again" == caplog.records[-1].getMessage()
    left = HUNDRED.left(two.told.look(KEY)[0].until, board.now)
    assert 45 <= left <= 60
    assert HUNDRED.left(one.told.look("another")[0].until, board.now) > 90


async def test_a_failure_that_nobody_expects(board: Board, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with its place, and the exchange goes on."""
    one, two = Machine(board), Machine(board)
    note = Note(b"8 bytes.", 1, b"another", False, b"not packed")
    board.notes[note.writer, 1] = note, board.now
    one.take(10, ONCE)
    await told(board, one, two)
    assert any(record.exc_info for record in caplog.records)
    await told(board, one, two)
    assert 90 == two.take(100, ONCE)


async def test_a_machine_that_starts_learns_what_is_missing(board: Board) -> None:
    """Also of itself before: its table was lost, the notes are there; but what has been added again does not count."""
    old = Machine(board)
    old.take(100)
    old.take(50, ONCE, "slow")
    await told(board, old)
    board.now += 4 * SECOND
    new = Machine(board)
    await told(board, new, passed=0)
    assert 40 <= new.take(100) <= 45
    assert 50 == new.take(100, ONCE, "slow")


async def test_a_file_that_is_still_there(board: Board, tmp_path: Path) -> None:
    """The counts of a machine outlast its processes in its file, and are not taken again from its own notes."""
    old = Machine(board, file=tmp_path / "counts")
    old.take(30, ONCE)
    await told(board, old)
    old.told.close()
    new = Machine(board, file=tmp_path / "counts")
    for _ in range(3):
        await told(board, new)
    assert 70 == new.take(100, ONCE)
    new.told.close()


async def test_one_process_of_a_machine_reads(board: Board, tmp_path: Path) -> None:
    """All tell what they took, one takes what others did; when it is gone, the next one goes on where it was."""
    workers = [Machine(board, file=tmp_path / "counts") for _ in range(3)]
    other = Machine(board)
    for each in (*workers, other):
        each.take(5, ONCE)
    await told(board, *workers, other)
    board.pulls = 0
    await told(board, *workers)
    assert 2 == board.pulls
    assert 80 == ONCE.left(workers[0].told.look(KEY)[0].until, board.now)
    assert 80 == ONCE.left(other.told.look(KEY)[0].until, board.now)
    other.take(5, ONCE)
    for _ in range(4):
        await told(board, *workers[1:], other)
    assert 75 == workers[1].take(100, ONCE)
    for worker in workers:
        worker.told.close()


async def test_a_file_from_before_a_restart_of_the_machine(board: Board, tmp_path: Path) -> None:
    """Its times lie in the future of the new clock, and keep nobody from reading."""
    old = Machine(board, ahead=10**6 * SECOND, file=tmp_path / "counts")
    await told(board, old)
    old.told.close()
    new, other = Machine(board, file=tmp_path / "counts"), Machine(board)
    other.take(10, ONCE)
    await told(board, new, other)
    assert 90 == new.take(100, ONCE)
    new.told.close()


async def test_an_emptied_bucket(board: Board) -> None:
    """Who guesses empties the bucket everywhere, and however often they do, it is empty, and not in debt."""
    one, two = Machine(board), Machine(board)
    one.take(80, ONCE)
    for _ in range(5):
        assert not one.told.take(KEY, ONCE, 35, drain=True)[1]
    await told(board, one, two)
    until, now = two.told.look(KEY)
    assert pytest.approx(ONCE.window, rel=1e-6) == until.until - now


async def test_notes_are_bounded(board: Board) -> None:
    """While nobody can be told, notes of so many keys are kept, those of the emptiest buckets."""
    one = Machine(board, most=40)
    board.away = True
    one.take(1, key="a first one, whose note is to be sent again")
    await one.exchange.round()
    one.take(100, key="the emptiest")
    for number in range(500):
        one.take(1 + number % 50, HUNDRED, f"key {number}")
        if not number % 100:
            await one.exchange.round()
        assert len(one.told) <= 40
    for number in range(500):
        one.told.tell(f"failures {number}", 1, SECOND)
        one.told.tell(f"known {number}", 0, SECOND)
    assert len(one.told) <= 120
    await one.exchange.round()
    assert 100 == one.take(100)
    board.away = False
    two = Machine(board)
    await told(board, one, two)
    assert 0 == len(one.told)
    assert two.take(100) <= 10
    assert two.take(100, key="the emptiest") <= 10


async def test_nothing_is_written_when_nothing_was_taken(board: Board) -> None:
    """An idle machine only reads."""
    one = Machine(board)
    await told(board, one)
    await told(board, one)
    assert 0 == board.pushes


async def test_notes_name_nobody(board: Board) -> None:
    """Keys leave a machine as digests under the secret that machines share; under another one they are others."""
    one = Machine(board)
    one.take(5)
    await one.login(right=False)
    await told(board, one)
    written = b"".join(note.entries + note.machine + note.writer for note, _ in board.notes.values())
    assert [] == [text for text in ("192.0.2.1", "acc", "default") if text.encode() in written]
    stranger = ToldTable(LocalTable(lambda: board.now), lambda: board.now)
    stranger.begin(b"another")
    stranger.take(KEY, HUNDRED, 1)
    assert stranger.taken(late=False)[:16] not in written

"""Failed logins are counted by all machines that share a store, forgiven by all, and lock on all."""

from __future__ import annotations

import pytest

from crossbar.limits.buckets import SECOND
from crossbar.limits.exchange import LASTING

from .boards import Board, Machine, told


@pytest.fixture
def board() -> Board:
    """Give the notes of all machines."""
    return Board()


@pytest.mark.parametrize("passed", [0.25, LASTING - 20], ids=["soon", "a machine that starts late"])
async def test_failed_logins_lock_everywhere(board: Board, passed: float) -> None:
    """Ten failures anywhere close an account, and an address, on all machines, and for as long as on the first."""
    one, two = Machine(board), Machine(board)
    assert ["wrong"] * 5 == [await one.login("192.0.2.1", right=False) for _ in range(5)]
    await told(board, one, two)
    assert ["wrong"] * 5 == [await two.login("192.0.2.2", right=False) for _ in range(5)]
    await told(board, one, two)
    board.now += int(passed * SECOND)
    three = Machine(board)
    await told(board, one, two, three)
    assert ["refused"] * 3 == [await machine.login("192.0.2.3", right=True) for machine in (one, two, three)]
    board.now += 901 * SECOND - int(passed * SECOND)
    assert ["in"] * 3 == [await machine.login("192.0.2.3", right=True) for machine in (one, two, three)]


async def test_an_old_failure_does_not_shorten_a_lock(board: Board) -> None:
    """A machine that learns late of a failure long ago goes on as long as its own failures say."""
    one, two = Machine(board), Machine(board)
    await one.login(right=False)
    await told(board, one)
    board.now += (LASTING - 60) * SECOND
    assert ["wrong"] * 10 == [await two.login(right=False) for _ in range(10)]
    await told(board, two)
    board.now += 300 * SECOND
    assert "refused" == await two.login(right=True)


async def test_a_success_forgives_everywhere(board: Board) -> None:
    """It takes off the failures of its address at its account, wherever they were counted."""
    one, two = Machine(board), Machine(board)
    assert ["wrong"] * 9 == [await one.login(right=False) for _ in range(9)]
    await told(board, one, two)
    assert "in" == await two.login(right=True)
    await told(board, one, two)
    assert ["wrong"] * 9 == [await one.login("192.0.2.9", right=False) for _ in range(9)]
    assert ["wrong"] * 9 == [await one.login(right=False) for _ in range(9)]


async def test_who_is_known_somewhere_is_known_everywhere(board: Board) -> None:
    """Strangers close an account, but on no machine for the address where somebody has logged in on one of them."""
    one, two = Machine(board), Machine(board)
    assert "in" == await one.login("192.0.2.7", right=True)
    for number in range(10):
        await one.login(f"198.51.100.{number}", right=False)
    await told(board, one, two)
    assert "refused" == await two.login("192.0.2.8", right=True)
    assert "in" == await two.login("192.0.2.7", right=True)


async def test_a_failure_and_its_forgiving_in_one_note(board: Board) -> None:
    """What is made good before anybody was told is no news but that the address is known."""
    one, two = Machine(board), Machine(board)
    await one.login(right=False)
    await one.login(right=True)
    await told(board, one, two)
    assert 1 == len(board.notes)
    assert ["wrong"] * 10 == [await two.login(right=False) for _ in range(10)]
    assert "refused" == await two.login(right=True)

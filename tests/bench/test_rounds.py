"""What the benchmark concludes from its samples: no load, no clock."""

from __future__ import annotations

import pytest

from .report import Results, plain, tables
from .rounds import alternate, capacity, comparisons
from .rows import BARE, COMPARISONS, NAMES, PROGRAMS, ROWS, Sample, rows_named

_ROW = {row.name: row for row in ROWS}


def _samples(*costs: float, unexpected: int = 0) -> list[Sample]:
    return [Sample(cost, 1000, unexpected, 1e6 / cost, 1.0, 2.0) for cost in costs]


def test_rounds_alternate() -> None:
    """Every second round goes backwards, and values come back in the order of the items."""
    order: list[str] = []

    def measure(item: str) -> str:
        order.append(item)
        return f"{item}{len(order)}"

    values = alternate("ABC", 3, measure)

    assert list("ABCCBAABC") == order
    assert [["A1", "A6", "A7"], ["B2", "B5", "B8"], ["C3", "C4", "C9"]] == values


def test_capacity_is_the_median_of_ratios_within_a_round() -> None:
    """A slow minute that hits both rows of a round leaves the ratio as it is."""
    samples = {BARE: _samples(20, 60, 20), "about": _samples(25, 75, 40)}

    figure = capacity(_ROW["about"], samples)

    assert (0.8, 0.5, 0.8) == (figure.value, figure.low, figure.high)
    assert figure.met is True


@pytest.mark.parametrize(("cost", "met"), [(90, True), (91, False)], ids=["within", "beyond"])
def test_comparison_has_its_own_aim(cost: float, met: bool) -> None:
    """A create may cost three reads and no more."""
    figures = comparisons({"document": _samples(30), "create": _samples(cost)})

    assert [("create-read", met)] == [(figure.name, figure.met) for figure in figures]


def test_wrong_answers_meet_no_aim() -> None:
    """A server that refuses fast is not a fast server."""
    samples = {BARE: _samples(20), "about": _samples(21, unexpected=1)}
    results = Results([_ROW["about"]], samples)

    assert capacity(_ROW["about"], samples).met is False
    assert results.unexpected == 1
    assert ("1", "at least 0.70 of bare", "no") == tables(results)[0].rows[0][-3:]


def test_asking_for_a_row_brings_what_it_is_compared_with() -> None:
    """A create comes with a read, and every row of requests with the bare constant."""
    assert [BARE, "document", "create"] == [row.name for row in rows_named(frozenset({"create"}))]
    assert () == rows_named(frozenset(PROGRAMS))
    assert ROWS == rows_named(frozenset(NAMES))
    assert all({each.row, each.beside} <= _ROW.keys() for each in COMPARISONS)


def test_plain_table_is_aligned() -> None:
    """Words stand at the left of their column, numbers at the right."""
    results = Results(ROWS[:2], {BARE: _samples(9.5), "about": _samples(1250)})
    head, rule, bare, about = plain(tables(results)[0]).splitlines()

    assert head.index("CPU µs") == rule.index("-", rule.index(" "))
    assert bare.index("9.50") + 4 == about.index("1,250") + 5 == head.index("CPU µs") + 6

"""Rounds in alternating order, and the medians of the ratios within a round. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from .rows import BARE, COMPARISONS, Aim, Figure, Row, Sample

Samples = Mapping[str, Sequence[Sample]]

_Item = TypeVar("_Item")
_Value = TypeVar("_Value")


def alternate(items: Sequence[_Item], rounds: int, measure: Callable[[_Item], _Value]) -> list[list[_Value]]:
    """The values of each item, in the order of the items, measured A B C, then C B A, and so on.

    What slows the machine for a while then slows neighbours alike, and none is always first.
    """
    values: list[list[_Value]] = [[] for _ in items]
    there = range(len(items))
    for number in range(rounds):
        for index in there if number % 2 == 0 else reversed(there):
            values[index].append(measure(items[index]))
    return values


def capacity(row: Row, samples: Samples) -> Figure:
    """How many requests of a row one core answers for each one of the bare constant."""
    return _ratio(row.name, row.label, "of bare", row.aim, samples[BARE], samples[row.name])


def comparisons(samples: Samples) -> list[Figure]:
    """The costs that are compared with one another, where both rows were measured."""
    return [
        _ratio(each.name, each.label, "times", each.aim, samples[each.row], samples[each.beside])
        for each in COMPARISONS
        if each.row in samples and each.beside in samples
    ]


def figure(
    name: str,
    label: str,
    unit: str,
    values: Sequence[float],
    aim: Aim | None = None,
    sound: bool = True,
) -> Figure:
    """The median of some values with their range."""
    middle = statistics.median(values)
    return Figure(name, label, unit, middle, min(values), max(values), aim, sound)


def _ratio(
    name: str,
    label: str,
    unit: str,
    aim: Aim | None,
    above: Sequence[Sample],
    below: Sequence[Sample],
) -> Figure:
    ratios = [one.cpu_us / other.cpu_us for one, other in zip(above, below, strict=True)]
    sound = not any(sample.unexpected for sample in (*above, *below))
    return figure(name, label, unit, ratios, aim, sound)

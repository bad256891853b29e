"""What was measured, as a table for people or as JSON for programs. Pure but for `print_tables`."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from .rounds import Samples, capacity, comparisons
from .rows import BARE, Figure, Row, Sample

_REQUEST_HEAD = (
    "requests", "CPU µs", "lowest", "of bare", "range", "req/s", "p50 ms", "p99 ms",
    "unexpected", "aim", "met",
)  # fmt: skip
_FIGURE_HEAD = ("beside", "median", "unit", "range", "aim", "met")
_WORDS = {True: "yes", False: "no", None: ""}


class Table(NamedTuple):
    """A heading and rows of words; the columns in `left` are words, the others numbers."""

    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    left: frozenset[str] = frozenset({"requests", "beside", "unit", "aim", "met"})


@dataclass(slots=True)
class Results:
    """All that a run found out, and what it could not measure, with the reason."""

    rows: Sequence[Row] = ()
    samples: Samples = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    unmeasured: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def unexpected(self) -> int:
        """How many answers were not the ones asked for."""
        return sum(sample.unexpected for each in self.samples.values() for sample in each)

    def all_figures(self) -> list[Figure]:
        """The comparisons of rows, then what was measured without a load generator."""
        return [*comparisons(self.samples), *self.figures]


def tables(results: Results) -> list[Table]:
    """The tables that have rows."""
    samples = results.samples
    requests = [_request(row, results) for row in results.rows if row.name in samples]
    figures = [_figure(figure) for figure in results.all_figures()]
    both = (Table(_REQUEST_HEAD, requests), Table(_FIGURE_HEAD, figures))
    return [table for table in both if table.rows]


def plain(table: Table) -> str:
    """A table as aligned lines."""
    columns = list(zip(table.head, *table.rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    lines = (
        "  ".join(
            word.ljust(width) if name in table.left else word.rjust(width)
            for word, width, name in zip(row, widths, table.head, strict=True)
        ).rstrip()
        for row in (table.head, tuple("-" * width for width in widths), *table.rows)
    )
    return "\n".join(lines)


def closing_words(results: Results) -> list[str]:
    """What could not be measured, the notes, and last how noisy the run was."""
    words = [f"not measured: {name}: {reason}" for name, reason in results.unmeasured.items()]
    return [*words, *results.notes]


def as_json(results: Results) -> dict[str, Any]:
    """The same for programs, with every sample."""
    samples = results.samples
    measured = [row for row in results.rows if row.name in samples]
    return {
        "requests": [
            {
                **_facts(capacity(row, samples)),
                "samples": [asdict(sample) for sample in samples[row.name]],
            }
            for row in measured
        ],
        "figures": [_facts(figure) for figure in results.all_figures()],
        "unmeasured": results.unmeasured,
        "notes": results.notes,
    }


def print_tables(results: Results, columns: int) -> None:
    """Print the tables, drawn where a terminal has the columns for it, and the closing words."""
    for table in tables(results):
        lines = plain(table)
        if max(map(len, lines.splitlines())) + len(table.head) + 3 <= columns:
            _draw(table)
        else:
            print(lines, end="\n\n")
    print("\n".join(closing_words(results)))


def noise(samples: Samples, load_before: float, load_after: float) -> str:
    """How far the machine's own unrest reaches: what stands still by nature, how far it moved."""
    words = f"load average {load_before:.2f} before, {load_after:.2f} after"
    if BARE in samples:
        costs = [sample.cpu_us for sample in samples[BARE]]
        words += f"; the bare constant moved between {min(costs):.1f} and {max(costs):.1f} µs"
        words += f" ({max(costs) / min(costs):.2f} times): differences below that are noise"
    return f"noise: {words}"


def _request(row: Row, results: Results) -> tuple[str, ...]:
    taken = results.samples[row.name]
    share = capacity(row, results.samples)
    costs = [sample.cpu_us for sample in taken]
    unexpected = sum(sample.unexpected for sample in taken)
    return (
        row.label,
        _number(statistics.median(costs)),
        _number(min(costs)),
        f"{share.value:.2f}",
        f"{share.low:.2f}-{share.high:.2f}",
        f"{statistics.median(sample.rate for sample in taken):,.0f}",
        _median(taken, "p50_ms"),
        _median(taken, "p99_ms"),
        str(unexpected or ""),
        *_aim(share),
    )


def _figure(figure: Figure) -> tuple[str, ...]:
    span = f"{_number(figure.low)}-{_number(figure.high)}"
    return (figure.label, _number(figure.value), figure.unit, span, *_aim(figure))


def _aim(figure: Figure) -> tuple[str, str]:
    return (figure.aim.text if figure.aim else "", _WORDS[figure.met])


def _facts(figure: Figure) -> dict[str, Any]:
    return {**asdict(figure), "met": figure.met}


def _median(taken: Sequence[Sample], name: str) -> str:
    return _number(statistics.median(getattr(sample, name) for sample in taken))


def _number(value: float) -> str:
    """Three digits that count, or all of them before the point."""
    places = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{places}f}"


def _draw(table: Table) -> None:
    from rich.console import Console
    from rich.table import Table as Drawing

    drawing = Drawing()
    for name in table.head:
        drawing.add_column(name, justify="left" if name in table.left else "right")
    for row in table.rows:
        drawing.add_row(*row)
    Console().print(drawing)

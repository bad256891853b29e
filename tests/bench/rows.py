"""What is measured and what is aimed at, as tables, and what comes of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Aim:
    """A bound that a figure should keep, with its own words."""

    limit: float
    at_least: bool
    text: str

    def is_met(self, value: float) -> bool:
        """Whether a value keeps the bound."""
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of request to one server; its aim is about the capacity beside the bare constant."""

    name: str
    server: str
    label: str
    aim: Aim | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a request of one row costs beside one of another, within a round."""

    name: str
    label: str
    row: str
    beside: str
    aim: Aim


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one load: CPU of the server a request, and what wrk saw."""

    cpu_us: float
    requests: int
    unexpected: int
    rate: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number: the median, the lowest and the highest of its rounds.

    It is sound if every answer behind it was the one asked for; if not, no aim is met by it.
    """

    name: str
    label: str
    unit: str
    value: float
    low: float
    high: float
    aim: Aim | None = None
    sound: bool = True

    @property
    def met(self) -> bool | None:
        """Whether the aim is kept; nothing if there is none."""
        return None if self.aim is None else self.sound and self.aim.is_met(self.value)


BARE = "bare"
OURS = "crossbar"


def _capacity(limit: float) -> Aim:
    return Aim(limit, at_least=True, text=f"at least {limit:.2f} of bare")


def _at_most(limit: float, text: str) -> Aim:
    return Aim(limit, at_least=False, text=text)


def _at_least(limit: float, text: str) -> Aim:
    return Aim(limit, at_least=True, text=text)


ROWS = (
    Row(BARE, BARE, "bare ASGI constant, uvicorn"),
    Row("about", OURS, "Crossbar, about, with a token", _capacity(0.7)),
    Row("document", OURS, "Crossbar, one document", _capacity(0.35)),
    Row("page-first", OURS, "Crossbar, page of 50, at the start", _capacity(0.2)),
    Row("page-middle", OURS, "Crossbar, page of 50, in the middle", _capacity(0.2)),
    Row("page-last", OURS, "Crossbar, page of 50, at the end", _capacity(0.2)),
    Row("create", OURS, "Crossbar, create"),
    Row("missing", OURS, "Crossbar, 404"),
    Row("ringcentral-document", OURS, "RingCentral's dialect, one document"),
    Row("ringcentral-page", OURS, "RingCentral's dialect, page of 50 by number"),
    Row("realm-document", OURS, "realm dialect, one document"),
    Row("realm-page", OURS, "realm dialect, page of 50 by number"),
    Row("starlette", "starlette", "Starlette, one document"),
    Row("fastapi", "fastapi", "FastAPI, one document"),
    Row("falcon", "falcon", "Falcon ASGI, one document"),
)

# NOTE: "the same" needs a width: on a shared machine equal pages differ by up to a fifth in a run.
_SAME = _at_most(1.2, "the same (within 1.2)")

COMPARISONS = (
    Comparison("middle", "page in the middle : at the start", "page-middle", "page-first", _SAME),
    Comparison("last", "page at the end : at the start", "page-last", "page-first", _SAME),
    Comparison("create-read", "create : read", "create", "document", _at_most(3.0, "within 3 reads")),
)

LOOKUP_AIM = _at_most(1.2, "at most 1.2 µs")
FLAT_AIM = _at_most(1.2, "flat (within 1.2)")
START_AIM = _at_most(300.0, "at most 300 ms")
IMPORT_AIM = _at_most(150.0, "at most 150 ms of CPU")

FLOOD_AIM = _at_most(2.0, "at most twice as long")
MEMORY_AIM = _at_most(20.0, "at most 20 MiB")
GATEWAY_AIM = _at_most(1.3, "at most 1.3 times")
FIRST_AIM = _at_most(2.0, "at most 2 ms")
FLAT_MEMORY_AIM = _at_most(8.0, "at most 8 MiB")
EXPORT_AIMS = {
    "json": _at_least(900_000, "at least 900,000"),
    "ndjson": _at_least(900_000, "at least 900,000"),
    "csv": _at_least(250_000, "at least 250,000"),
}

GATEWAY = ("gateway", "gateway-first", "gateway-pass")
PROGRAMS = ("lookup", "start", "import", "export", "transfer", "flood", "stores", *GATEWAY)
"""What is measured beside the rows."""

NAMES = (*(row.name for row in ROWS), *PROGRAMS)
"""All that `--only` takes."""


def rows_named(names: frozenset[str]) -> tuple[Row, ...]:
    """The rows asked for, with those they are compared with, in the order of the table."""
    wanted = set(names)
    wanted.update(each.beside for each in COMPARISONS if each.row in names)
    rows = tuple(row for row in ROWS if row.name in wanted)
    return tuple(row for row in ROWS if row in rows or (rows and row.name == BARE))

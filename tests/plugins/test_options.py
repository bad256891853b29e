"""A plugin's table of settings as its own type: every type that a plugin may want, and every fault at once."""

from __future__ import annotations

import tomllib
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta, Struct

from crossbar import Options
from crossbar.plugins.options import options
from crossbar.settings import load


class Colour(Enum):
    """A choice."""

    RED = "red"
    BLUE = "blue"


class Link(Options, frozen=True):
    """A table inside of a table."""

    host: str
    ports: tuple[int, ...] = ()


class Loose(Struct):
    """A table in which unknown keys are no fault."""

    any: int = 0


class Wide(Options, frozen=True):
    """A setting of each type."""

    text: str = ""
    number: Annotated[int, Meta(ge=1, le=10)] = 1
    fraction: float = 0.5
    switch: bool = False
    perhaps: int | None = None
    unit: Literal["C", "F"] = "C"
    colour: Colour = Colour.RED
    names: list[str] = []
    numbers: tuple[int, ...] = ()
    by_name: dict[str, int] = {}
    day: date | None = None
    at: datetime | None = None
    hour: time | None = None
    span: timedelta | None = None
    price: Decimal = Decimal("0.1")
    link: Link | None = None
    links: list[Link] = []
    loose: Loose | None = None
    secret: Annotated[str, Meta(min_length=12)] = "x" * 12
    anything: Any = None


class Needy(Options, frozen=True):
    """Settings without which nothing works."""

    url: str
    token: str
    tries: int = 3


def read(toml: str) -> tuple[Any, list[str]]:
    """The table in a configuration file, as that type."""
    return options(tomllib.loads(toml)["plugins"]["x"], Wide, "plugins.x")


GOOD = [
    pytest.param("text = 'a'", "text", "a", id="text"),
    pytest.param("number = 7", "number", 7, id="an integer"),
    pytest.param("fraction = 7", "fraction", 7.0, id="an integer for a float"),
    pytest.param("fraction = 1e3", "fraction", 1000.0, id="a float"),
    pytest.param("switch = true", "switch", True, id="a boolean"),
    pytest.param("perhaps = 3", "perhaps", 3, id="an optional integer"),
    pytest.param("unit = 'F'", "unit", "F", id="a literal"),
    pytest.param("colour = 'blue'", "colour", Colour.BLUE, id="a choice"),
    pytest.param("names = ['a', 'b']", "names", ["a", "b"], id="a list"),
    pytest.param("numbers = [1, 2]", "numbers", (1, 2), id="a tuple"),
    pytest.param("by_name = {a = 1}", "by_name", {"a": 1}, id="a dict"),
    pytest.param("day = 2026-01-02", "day", date(2026, 1, 2), id="a day"),
    pytest.param("day = '2026-01-02'", "day", date(2026, 1, 2), id="a day as text"),
    pytest.param("at = 2026-01-02T03:04:05", "at", datetime(2026, 1, 2, 3, 4, 5), id="a moment"),
    pytest.param("hour = 03:04:05", "hour", time(3, 4, 5), id="an hour"),
    pytest.param("span = 'PT1M'", "span", timedelta(minutes=1), id="a time span"),
    pytest.param("price = '0.10'", "price", Decimal("0.10"), id="a decimal"),
    pytest.param("link = {host = 'a', ports = [1]}", "link", Link("a", (1,)), id="a table"),
    pytest.param("[[plugins.x.links]]\nhost = 'a'", "links", [Link("a")], id="a list of tables"),
    pytest.param("loose = {any = 1, more = 2}", "loose.any", 1, id="a table with unknown keys"),
    pytest.param("anything = [1, {a = 'b'}]", "anything", [1, {"a": "b"}], id="whatever it is"),
    pytest.param("text = 8675309", "text", "8675309", id="digits for text"),
    pytest.param("text = true", "text", "true", id="a boolean for text"),
    pytest.param("number = '7'", "number", 7, id="text for a number"),
    pytest.param("perhaps = '7'", "perhaps", 7, id="text for an optional number"),
    pytest.param("fraction = '1e3'", "fraction", 1000.0, id="text for a float"),
    pytest.param("switch = 'true'", "switch", True, id="text for a boolean"),
    pytest.param("numbers = ['7', 8]", "numbers", (7, 8), id="text for a number in a list"),
    pytest.param("link = {host = 5, ports = ['6']}", "link", Link("5", (6,)), id="mixed up in a table"),
]


@pytest.mark.parametrize(("line", "name", "expected"), GOOD)
def test_values(line: str, name: str, expected: object) -> None:
    """A value of the configuration file becomes one of the type that the plugin declares."""
    value, faults = read(f"[plugins.x]\n{line}")
    assert [] == faults
    for part in name.split("."):
        value = getattr(value, part)
    assert (expected, type(expected)) == (value, type(value))


BAD = [
    pytest.param("text = []", "plugins.x.text: must be string", id="a list for text"),
    pytest.param("number = 'many'", "plugins.x.number: must be integer", id="text for a number"),
    pytest.param("number = 1.5", "plugins.x.number: must be integer", id="a fraction for a number"),
    pytest.param("number = true", "plugins.x.number: must be integer", id="a boolean for a number"),
    pytest.param("number = 11", "plugins.x.number: the value is greater than the maximum of 10", id="too large"),
    pytest.param("switch = 'perhaps'", "plugins.x.switch: must be boolean", id="text for a boolean"),
    pytest.param("switch = 1", "plugins.x.switch: must be boolean", id="a number for a boolean"),
    pytest.param("perhaps = 'x'", "plugins.x.perhaps: must be integer or null", id="text for an optional number"),
    pytest.param("unit = 'K'", "plugins.x.unit: must be one of C, F", id="no such literal"),
    pytest.param("colour = 'grey'", "plugins.x.colour: must be one of blue, red", id="no such choice"),
    pytest.param("names = 'a'", "plugins.x.names: must be array", id="text for a list"),
    pytest.param("names = ['a', []]", "plugins.x.names.1: must be string", id="a list in a list of text"),
    pytest.param("by_name = {a = 'x'}", "plugins.x.by_name.a: must be integer", id="text in a dict"),
    pytest.param("day = 'tomorrow'", "plugins.x: Invalid RFC3339 encoded date", id="no day"),
    pytest.param("link = {}", "plugins.x.link.host: it has to be set", id="a field is missing in a table"),
    pytest.param(
        "link = {host = 'a', prots = []}",
        "plugins.x.link.prots: no such setting; did you mean 'ports'?",
        id="in a table",
    ),
    pytest.param("links = [{host = 'a', ports = ['x']}]", "plugins.x.links.0.ports.0: must be integer", id="deep down"),
    pytest.param("txet = 'a'", "plugins.x.txet: no such setting; did you mean 'text'?", id="a misspelled name"),
    pytest.param("zzzzzz = 'a'", "plugins.x.zzzzzz: no such setting", id="an unknown name"),
    pytest.param("fraction = nan", "plugins.x", id="no number"),
]


@pytest.mark.parametrize(("line", "told"), BAD)
def test_faults(line: str, told: str) -> None:
    """What is wrong is told with its key, what would do, and the nearest name."""
    value, faults = read(f"[plugins.x]\n{line}")
    assert (1, True) == (len(faults), faults[0].startswith(told)), faults
    assert value is None


def test_all_faults_at_once() -> None:
    """Every fault of a table is told, and none of what could be read as it was meant."""
    table = "[plugins.x]\nnumber = 99\nunit = 'K'\ntxet = 1\ntext = 5\nlink = {ports = ['6', 'x']}\n"
    places = ["link.host", "link.ports.1", "number", "txet", "unit"]
    assert [f"plugins.x.{place}" for place in places] == [fault.partition(":")[0] for fault in read(table)[1]]


def test_what_has_to_be_set() -> None:
    """Fields without a default are missed by name."""
    told = ["plugins.x.token: it has to be set", "plugins.x.url: it has to be set"]
    assert (None, told) == options({}, Needy, "plugins.x")
    assert Needy("a", "b") == options({"url": "a", "token": "b"}, Needy, "plugins.x")[0]


@pytest.mark.parametrize("secret", ["hunter2", "'hunter2", 'hun"ter2'])
def test_values_are_not_repeated(secret: str) -> None:
    """A fault does not repeat the value, which may be a password, and what is told ends in logs."""
    for table in ({"secret": secret}, {"number": secret}, {"perhaps": secret}, {"link": secret}, {"day": secret}):
        value, faults = options(table, Wide, "plugins.x")
        assert (None, 1) == (value, len(faults))
        assert secret not in faults[0]


def test_defaults_of_an_object() -> None:
    """What the plugin's own object says counts where the table says nothing, also inside of tables."""
    own = Wide(text="own", link=Link("own", (1, 2)))
    value, _ = options({"link": {"host": "other"}}, Wide, "plugins.x", own)
    assert value is not None
    assert ("own", Link("other", (1, 2)), Decimal("0.1")) == (value.text, value.link, value.price)


class Odd(Options, frozen=True):
    """A type that no configuration file can spell."""

    path: Path = Path()


def test_a_type_that_no_setting_can_have() -> None:
    """The fault of a plugin's author is told like any other."""
    value, faults = options({}, Odd, "plugins.x")
    assert (None, True) == (value, faults[0].startswith("plugins.x: ")), faults


# From the environment.


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        pytest.param("8675309", "text", "8675309", id="digits"),
        pytest.param("007", "text", "007", id="zeros in front"),
        pytest.param("1e10", "text", "1e10", id="something like a float"),
        pytest.param("1_000", "text", "1_000", id="something like an integer"),
        pytest.param("0x10", "text", "0x10", id="something like a hexadecimal"),
        pytest.param("true", "text", "true", id="something like a boolean"),
        pytest.param("2026-01-02 03:04:05", "text", "2026-01-02 03:04:05", id="something like a moment"),
        pytest.param('"a b"', "text", "a b", id="in quotes"),
        pytest.param("a b", "text", "a b", id="as it stands"),
        pytest.param("7", "number", 7, id="an integer"),
        pytest.param("1_0", "number", 10, id="an integer with an underscore"),
        pytest.param("1e3", "fraction", 1000.0, id="a float"),
        pytest.param("true", "switch", True, id="a boolean"),
        pytest.param('["a", "b"]', "names", ["a", "b"], id="a list"),
        pytest.param("2026-01-02", "day", date(2026, 1, 2), id="a day"),
        pytest.param("2026-01-02T03:04:05", "at", datetime(2026, 1, 2, 3, 4, 5), id="a moment"),
        pytest.param('{host = "a"}', "link", Link("a"), id="a table"),
    ],
)
@pytest.mark.parametrize("handed_down", [False, True], ids=["read here", "in a worker"])
def test_the_environment(text: str, name: str, expected: object, handed_down: bool) -> None:
    """A variable is text where text is wanted, to the letter, and TOML where it is not."""
    settings = load(environment={f"CROSSBAR__PLUGINS__X__{name.upper()}": text})
    if handed_down:
        settings = msgspec.json.decode(msgspec.json.encode(settings), type=type(settings))
    value, faults = options(settings.plugins["x"], Wide, "plugins.x")
    assert [] == faults
    assert (expected, type(expected)) == (getattr(value, name), type(getattr(value, name)))


def test_the_environment_in_a_table() -> None:
    """A variable may reach into a table, and counts more than the file."""
    name = "CROSSBAR__PLUGINS__X__LINK__HOST"
    value, faults = options(load(environment={name: "10"}).plugins["x"], Wide, "plugins.x", Wide(link=Link("a", (1,))))
    assert ([], Link("10", (1,))) == (faults, value.link if value is not None else None)

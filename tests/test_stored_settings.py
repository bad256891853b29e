"""Settings laid over others, and what those in the store may say."""

from __future__ import annotations

import datetime
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from crossbar.errors import SettingsError
from crossbar.settings import Settings, checked, known_keys, laid_over, stored_tables
from crossbar.settings.stored import MOST, TABLES

ORIGIN = "shared.toml"
OWN: dict[str, Any] = {
    "gateway": {"trusted": ["10.0.0.0/8"], "via": "edge"},
    "upstream": {"up": {"targets": ["http://one.example"], "secret": "mine", "timeout": {"connect": "3s"}}},
    "provider": {"keys": {"keys": [{"id": "x", "sha256": "0" * 64}]}},
    "route": [{"path": "/a", "to": "up", "name": "a"}, {"path": "/b", "to": "up", "auth": "none"}],
    "modules": {"disabled": ["cdrs"], "folder": "own"},
    "plugins": {"sensors": {"unit": "C", "since": datetime.date(2026, 1, 1), "most": float("inf")}},
    "server": {"port": 9},
}
MINE = msgspec.convert(OWN, Settings)


@pytest.mark.parametrize("table", TABLES)
def test_nothing_laid_over_changes_nothing(table: str) -> None:
    """An empty table leaves all as it is, also what JSON cannot hold."""
    empty: Any = [] if table == "route" else {}
    own = replace(MINE, route=()) if table == "route" else MINE
    assert own == laid_over(own, {table: empty}, ORIGIN) == laid_over(own, {}, ORIGIN)


LAID: dict[str, tuple[dict[str, Any], str, Any]] = {
    "a key of a table": ({"gateway": {"via": "x"}}, "gateway", {"via": "x"}),
    "a key of an upstream": ({"upstream": {"up": {"keep": "9s"}}}, "upstream", {"up": {"keep": "9s"}}),
    "a table in it": (
        {"upstream": {"up": {"timeout": {"idle": "9s"}}}},
        "upstream",
        {"up": {"timeout": {"idle": "9s"}}},
    ),
    "options": ({"plugins": {"sensors": {"unit": "F"}}}, "plugins", {"sensors": {"unit": "F"}}),
    "another plugin": ({"plugins": {"more": {"x": 1}}}, "plugins", {"more": {"x": 1}}),
    "modules": ({"modules": {"disabled": ["faxes"]}}, "modules", {"disabled": ["faxes"]}),
}


def merged(below: Any, above: Any) -> Any:
    """Two tables as one, the second counting more."""
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {key: merged(below.get(key), value) for key, value in above.items()}
    return above


@pytest.mark.parametrize(("tables", "name", "more"), LAID.values(), ids=LAID)
def test_tables_are_merged(tables: dict[str, Any], name: str, more: Any) -> None:
    """Key by key, as if one file had said both; lists are replaced, and all other tables are as they were."""
    expected = msgspec.convert(OWN | {name: merged(OWN[name], more)}, Settings)
    assert expected == laid_over(MINE, tables, ORIGIN)
    assert msgspec.convert(OWN, Settings) == MINE


def test_routes_are_replaced() -> None:
    """They are a list, and have no names by which one could be meant."""
    after = laid_over(MINE, {"route": [{"path": "/c", "to": "up"}]}, ORIGIN)
    assert ["/c"] == [route.path for route in after.route]


WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an unknown key": ({"gateway": {"vja": "x"}}, ["gateway.vja: no such setting; did you mean 'gateway.via'?"]),
    "an unknown table": ({"gatevay": {}}, ["gatevay: no such setting; did you mean 'gateway'?"]),
    "two": (
        {"upstream": {"up": {"targets": []}, "new": {}}},
        ["upstream.new.targets: is missing", "upstream.up.targets: is empty"],
    ),
    "no table": ({"modules": 5}, ["modules: 5 is not of type"]),
    "a date": ({"gateway": {"via": datetime.date(2026, 1, 1)}}, ['gateway.via: a date is not of type "string"']),
}


@pytest.mark.parametrize(("tables", "told"), WRONG.values(), ids=WRONG)
def test_faults_name_their_source(tables: dict[str, Any], told: list[str]) -> None:
    """All of them at once, each with its key and where it comes from."""
    with pytest.raises(SettingsError) as error:
        laid_over(MINE, tables, ORIGIN)
    assert ORIGIN == error.value.source
    assert len(told) == len(error.value.faults)
    for expected, fault in zip(told, error.value.faults, strict=True):
        assert fault.startswith(expected)
        assert fault.endswith("(from shared.toml)")


def test_what_is_not_for_the_store() -> None:
    """Every setting that counts from the next start is refused, by its table or its key; no other one is."""
    refused = set()
    for key in known_keys():
        table, *_ = key.split(".")
        try:
            stored_tables(f"[{key.rpartition('.')[0]}]\n{key.rpartition('.')[2]} = 1\n")
        except SettingsError as error:
            [fault] = error.faults
            assert fault.startswith((f"{table}: it counts from the next start", f"{key}: it counts from the next"))
            refused.add(key)
    assert {"modules.disabled", "gateway.trusted", "gateway.via"} == {*known_keys()} - refused


def test_the_longest() -> None:
    """A MiB of UTF-8 is taken, and not a byte more."""
    assert {} == stored_tables("#" + "ä" * (MOST // 2 - 1) + "a")
    with pytest.raises(SettingsError, match=f"they have {MOST + 1} bytes"):
        stored_tables("#" + "ä" * (MOST // 2))


LINES = (
    "[gateway]",
    "[upstream.up]",
    "[[route]]",
    "[plugins.sensors]",
    "[modules]",
    "via = 5",
    "targets = ['http://a']",
)
MORE = (
    "targets = 1979-05-27",
    "path = '/a'",
    "to = 'up'",
    "disabled = [1]",
    "route = 3",
    "up.keep = {}",
    "x = nan",
    "=",
)


@given(st.lists(st.sampled_from(LINES + MORE) | st.text(max_size=10), max_size=6))
def test_any_text(lines: list[str]) -> None:
    """Whatever somebody puts, it is settings, or told as faults; nothing else comes of it."""
    with suppress(SettingsError):
        after = laid_over(MINE, stored_tables("\n".join(lines)), ORIGIN)
        assert after == laid_over(after, {}, ORIGIN)
        assert (after.server, after.modules.folder) == (MINE.server, MINE.modules.folder)


def test_settings_made_in_python_are_still_held_to_bounds() -> None:
    """What no file could say is told without a source."""
    with pytest.raises(SettingsError, match=r"^settings: gateway\.trusted\.0: 5 is not of type"):
        checked(replace(MINE, gateway=replace(MINE.gateway, trusted=(5,))), ("gateway",))

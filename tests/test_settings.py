"""Settings: defaults, file, environment and options, and what is said of all that is wrong with them."""

from __future__ import annotations

import re
import tomllib
from functools import reduce
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossbar.errors import SettingsError
from crossbar.settings import Settings, from_environment, known_keys, load

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "config" / "crossbar.toml"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give the path of a settings file that is not there yet."""
    return tmp_path / "crossbar.toml"


def value_at(settings: Settings, key: str) -> Any:
    """Give the value of a dotted key."""
    return reduce(getattr, key.split("."), settings)


def rule_of(key: str) -> dict[str, Any]:
    """Give the JSON Schema of a setting."""
    *tables, name = key.split(".")
    schema: dict[str, Any] = msgspec.json.schema(type(reduce(getattr, tables, Settings())))
    rule: dict[str, Any] = schema["$defs"][schema["$ref"].rpartition("/")[2]]["properties"][name]
    return rule


def faults_of(path: Path | None = None, environment: dict[str, str] | None = None, **overrides: Any) -> list[str]:
    """Give the faults of settings that cannot be loaded."""
    with pytest.raises(SettingsError) as error:
        load(path, environment, {key.replace("__", "."): value for key, value in overrides.items()})
    return list(error.value.faults)


def test_without_anything_there_are_the_defaults() -> None:
    """No file, no environment and no options leave the defaults."""
    assert Settings() == load() == load(None, {}, {}) == load(None, {"PATH": "/bin"}, {"server.port": None})


@pytest.mark.parametrize(
    ("text", "key", "expected"),
    [
        pytest.param("[server]\nport = 9000", "server.port", 9000, id="a whole number"),
        pytest.param("server.port = 0", "server.port", 0, id="a dotted key"),
        pytest.param("[log]\naccess = false", "log.access", False, id="a boolean"),
        pytest.param("[store.mongodb]\ncache_seconds = 0.25", "store.mongodb.cache_seconds", 0.25, id="a float"),
        pytest.param(
            "[store.mongodb]\ncache_seconds = 0", "store.mongodb.cache_seconds", 0, id="a float without parts"
        ),
        pytest.param("[log]\nlevel = 'debug'", "log.level", "debug", id="one of some words"),
        pytest.param("[modules]\ndisabled = ['a', 'b']", "modules.disabled", ("a", "b"), id="a list"),
        pytest.param("[server]\nnode = 'Köln'", "server.node", "Köln", id="any letters"),
        pytest.param("", "server.port", 8000, id="an empty file"),
        pytest.param("[server]", "server.port", 8000, id="an empty table"),
    ],
)
def test_a_file(file: Path, text: str, key: str, expected: object) -> None:
    """A TOML file changes what it names and nothing else."""
    file.write_text(text, encoding="utf-8")
    loaded = load(file)
    others = [other for other in known_keys() if other != key]
    assert expected == value_at(loaded, key)
    assert [value_at(Settings(), other) for other in others] == [value_at(loaded, other) for other in others]


@pytest.mark.parametrize(
    ("name", "text", "key", "expected"),
    [
        pytest.param("CROSSBAR__SERVER__PORT", "9000", "server.port", 9000, id="a whole number"),
        pytest.param("CROSSBAR__SERVER__HOST", "::1", "server.host", "::1", id="text that is no TOML"),
        pytest.param(
            "CROSSBAR__STORE__MONGODB__WRITE_CONCERN", "2", "store.mongodb.write_concern", "2", id="a concern"
        ),
        pytest.param("CROSSBAR__SERVER__HOST", '"a b"', "server.host", "a b", id="text as TOML"),
        pytest.param("CROSSBAR__SERVER__HOST", "", "server.host", "", id="nothing is empty text"),
        pytest.param("CROSSBAR__LOG__ACCESS", "false", "log.access", False, id="a boolean"),
        pytest.param("CROSSBAR__MODULES__DISABLED", '["a"]', "modules.disabled", ("a",), id="a list"),
        pytest.param("CROSSBAR__LIMITS__QUERY_WORDS", "7", "limits.query_words", 7, id="a name with an underscore"),
        pytest.param("CROSSBAR__STORE__URL", "sqlite:////a b#c.db", "store.url", "sqlite:////a b#c.db", id="a URL"),
    ],
)
def test_the_environment(name: str, text: str, key: str, expected: object) -> None:
    """An environment variable is read as TOML where that fits the setting, and as text otherwise."""
    assert expected == value_at(load(None, {name: text}), key)


@pytest.mark.parametrize("text", ["5", "true", "2026-01-01", "12:00:00", "[]", "nan", "1e400", "{}", "0x10", "1_000"])
def test_text_that_looks_like_another_type(text: str) -> None:
    """Where a setting is text, a variable is taken as it is written, quoted or not."""
    found = [load(None, {"CROSSBAR__SERVER__NODE": written}).server.node for written in (text, f'"{text}"')]
    assert [text, text] == found


@pytest.mark.parametrize("name", ["CROSSBAR_SERVER__PORT", "crossbar__server__port", "XCROSSBAR__SERVER__PORT", "PORT"])
def test_other_variables_are_left_alone(name: str) -> None:
    """Variables without the prefix are somebody else's."""
    assert Settings() == load(None, {name: "9000"})


def test_the_environment_of_the_process(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """A server reads the variables of its process, after the file and before its options."""
    file.write_text("server.port = 1\nserver.node = 'file'\nserver.workers = 2", encoding="utf-8")
    monkeypatch.setenv("CROSSBAR__SERVER__PORT", "2")
    monkeypatch.setenv("CROSSBAR__SERVER__NODE", "environment")
    server = from_environment(file, {"server.port": 3}).server
    assert (3, "environment", 2) == (server.port, server.node, server.workers)


def test_precedence(file: Path) -> None:
    """Defaults, file, environment, options: the later wins, key by key and not table by table."""
    file.write_text("[server]\nport = 1\nworkers = 1\ngrace = 1", encoding="utf-8")
    environment = {"CROSSBAR__SERVER__PORT": "2", "CROSSBAR__SERVER__WORKERS": "2"}
    server = load(file, environment, {"server.port": 3, "server.node": None}).server
    assert (3, 2, 1, "crossbar") == (server.port, server.workers, server.grace, server.node)


@pytest.mark.parametrize(
    ("text", "key", "told"),
    [
        pytest.param("[server]\nport = 'high'", "server.port", "integer", id="text for a number"),
        pytest.param("[server]\nport = true", "server.port", "integer", id="a boolean for a number"),
        pytest.param("[server]\nport = 8000.5", "server.port", "integer", id="a fraction for a whole number"),
        pytest.param("[server]\nport = 8000.0", "server.port", "integer", id="a float for a whole number"),
        pytest.param("[store.mongodb]\ncache_seconds = nan", "store.mongodb.cache_seconds", "nan", id="no number"),
        pytest.param("[store.mongodb]\ncache_seconds = 1.5", "store.mongodb.cache_seconds", "1", id="a large float"),
        pytest.param("[store.mongodb]\nwrite_concern = '0'", "store.mongodb.write_concern", '"majority"', id="w:0"),
        pytest.param("[server]\nport = nan", "server.port", "integer", id="no number for a number"),
        pytest.param("[server]\nport = 65536", "server.port", "65535", id="above the bound"),
        pytest.param("[server]\nport = -1", "server.port", "0", id="below the bound"),
        pytest.param(f"[server]\nport = {10**30}", "server.port", "65535", id="far above the bound"),
        pytest.param("[server]\nnode = 5", "server.node", "string", id="a number for text"),
        pytest.param("[server]\nnode = 2026-01-01", "server.node", "string", id="a date for text"),
        pytest.param("[server]\nnode = 12:00:00", "server.node", "string", id="a time for text"),
        pytest.param("[server]\nnode = 2026-01-01T00:00:00Z", "server.node", "string", id="a date and time for text"),
        pytest.param("[log]\naccess = 'yes'", "log.access", "boolean", id="text for a boolean"),
        pytest.param("[log]\nlevel = 'loud'", "log.level", "warning", id="a word that is not offered"),
        pytest.param("[modules]\ndisabled = 'menus'", "modules.disabled", "array", id="text for a list"),
        pytest.param("[modules]\ndisabled = ['a', 1]", "modules.disabled.1", "string", id="a number in a list of text"),
        pytest.param("server = 5", "server", "object", id="a number for a table"),
        pytest.param("[server]\nprot = 1", "server.prot", "'server.port'", id="a misspelt key"),
        pytest.param("[sever]\nport = 1", "sever", "'server'", id="a misspelt table"),
        pytest.param("port = 1", "port", "no such setting", id="a key without its table"),
        pytest.param("[server.port]\nx = 1", "server.port", "integer", id="a table for a number"),
        pytest.param("[server]\nzzzzzz = 1", "server.zzzzzz", "no such setting", id="a key like no other"),
    ],
)
def test_a_fault_in_a_file(file: Path, text: str, key: str, told: str) -> None:
    """A fault is told with its key, what is expected or meant, and the file."""
    file.write_text(text, encoding="utf-8")
    [fault] = faults_of(file)
    assert (True, True) == (fault.startswith(f"{key}: "), told in fault), fault
    with pytest.raises(SettingsError, match=re.escape(str(file))):
        load(file)


def test_every_bound_is_kept() -> None:
    """One below the least and one above the most of every bounded setting is a fault, both ends themselves are none."""
    for key in known_keys():
        rule = rule_of(key)
        for bound, outside in (("minimum", -1), ("maximum", 1)):
            if bound in rule:
                assert rule[bound] == value_at(load(None, None, {key: rule[bound]}), key)
                assert 1 == len(faults_of(**{key.replace(".", "__"): rule[bound] + outside})), key


def test_all_faults_of_all_sources_at_once(file: Path) -> None:
    """Every fault of file, environment and options is told together, each with its key and its source."""
    file.write_text("[server]\nport = 'x'\nprot = 1\n[limits]\ndepth = 1000\n", encoding="utf-8")
    found = faults_of(file, {"CROSSBAR__LOG__LEVEL": "loud"}, paging__page_size=0)
    keys = ["limits.depth", "log.level", "paging.page_size", "server.port", "server.prot"]
    sources = [str(file), "CROSSBAR__LOG__LEVEL", "option paging.page_size", str(file), str(file)]
    assert [True] * 5 == [
        fault.startswith(f"{key}: ") and f"(from {source})" in fault
        for fault, key, source in zip(found, keys, sources, strict=True)
    ], found


def test_odd_values_do_not_hide_other_faults(file: Path) -> None:
    """Dates and floats, which JSON does not have or takes for integers, are told beside all other faults."""
    file.write_text(
        "[server]\nnode = 2026-01-01\nport = 8000.0\nprot = 1\n[limits]\ndepth = 5.0\nkeys = 0\n", encoding="utf-8"
    )
    keys = ["limits.depth", "limits.keys", "server.node", "server.port", "server.prot"]
    assert keys == sorted(fault.partition(":")[0] for fault in faults_of(file))


def test_a_fault_is_blamed_on_the_source_that_wins(file: Path) -> None:
    """A good value in the file does not hide who overrode it with a bad one."""
    file.write_text("server.port = 1", encoding="utf-8")
    [fault] = faults_of(file, {"CROSSBAR__SERVER__PORT": "no"})
    assert "(from CROSSBAR__SERVER__PORT)" in fault


@pytest.mark.parametrize("name", ["CROSSBAR__", "CROSSBAR__SERVER", "CROSSBAR__SERVER__", "CROSSBAR__SERVER__PORT__X"])
def test_a_variable_that_names_no_setting(name: str) -> None:
    """A variable with the prefix and a name that leads nowhere is a fault that names it."""
    [fault] = faults_of(None, {name: "9000"})
    assert name in fault


def test_a_file_that_is_not_there(file: Path) -> None:
    """A missing file is told with its name and the reason."""
    with pytest.raises(SettingsError, match=rf"{re.escape(str(file))}.*No such file"):
        load(file)


@pytest.mark.parametrize("raw", [b"[server", b"a = 1\na = 2\n", b"\xff\xfe"], ids=["syntax", "a key twice", "UTF-16"])
def test_a_file_that_is_no_toml(file: Path, raw: bytes) -> None:
    """A file that is not TOML is told with its name."""
    file.write_bytes(raw)
    with pytest.raises(SettingsError, match=rf"{re.escape(str(file))}: not TOML"):
        load(file)


def test_settings_cannot_be_changed() -> None:
    """Settings are a value: nobody changes them while a server runs."""
    with pytest.raises(AttributeError):
        Settings().server.port = 1  # type: ignore[misc]


# The file that is shipped.


def test_the_shipped_file_holds_the_defaults() -> None:
    """The shipped file with every setting loads equal to no file at all."""
    assert Settings() == load(SHIPPED)


def test_the_shipped_file_names_every_setting() -> None:
    """Every setting stands in the shipped file, in the order of its declaration, and nothing else does."""
    written = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
    known = known_keys()

    def keys(table: dict[str, Any], prefix: str = "") -> list[str]:
        found = []
        for name, value in table.items():
            key = f"{prefix}{name}"
            found += keys(value, f"{key}.") if isinstance(value, dict) and key not in known else [key]
        return found

    assert known == keys(written)


def test_the_shipped_file_explains_every_setting() -> None:
    """Above each setting of the shipped file stands a comment, with the bounds if the setting has any."""
    table, comment, unexplained = "", "", []
    for line in SHIPPED.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            table = line.strip("[]")
        elif line.startswith("#"):
            comment = f"{comment} {line.lstrip('# ')}"
            continue
        elif "=" in line:
            name = line.partition(" =")[0]
            rule = rule_of(f"{table}.{name}")
            bounds = [str(rule[bound]) for bound in ("minimum", "maximum") if bound in rule]
            words = re.findall(r"\w+", comment)
            if not comment or [bound for bound in bounds if bound not in words]:
                unexplained.append(f"{table}.{name}")
        comment = ""
    assert [] == unexplained

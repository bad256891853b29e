"""Settings out of their sources: a TOML file, the environment, the command line; and what is laid over them later.

All faults of all sources are reported together, each with its key and, for an unknown key, the nearest name.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec

from ..errors import SettingsError
from .faults import PLUGINS as PLUGINS
from .faults import Faults
from .shape import node_at, types_of
from .tables import Settings

ENVIRONMENT_PREFIX = "CROSSBAR__"


def load(
    path: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings from a TOML file, environment variables and dotted overrides (`{"server.port": 9000}`).

    Raises SettingsError with every fault at once: a file that cannot be read or parsed, unknown keys, wrong types,
    values out of bounds.
    """
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    source = str(path) if path else "settings"
    if path is not None:
        _merge(merged, _read(Path(path)), origins, source)
    for name, text in (environment or {}).items():
        if name.startswith(ENVIRONMENT_PREFIX):
            keys = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
            value = _literal(text)
            # NOTE: which settings of plugins are text, only they know; a value that would not be spelled so again is.
            altered = keys[0] == PLUGINS and not isinstance(value, str | list | dict) and _spelled(value) != text
            if altered or (not isinstance(value, str) and _is_text(keys, value)):
                value = text
            _merge(merged, _nested(keys, value), origins, name)
    for dotted, value in (overrides or {}).items():
        if value is not None:
            _merge(merged, _nested(dotted.split("."), value), origins, f"option {dotted}")
    if not merged:
        return Settings()
    faults = Faults(merged, origins, known_keys()).told()
    if faults:
        raise SettingsError(faults, source)
    try:
        return msgspec.convert(merged, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError([str(error)], source) from None


def from_environment(path: str | Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of this process: `load` with its environment variables."""
    return load(path, os.environ, overrides)


def only_table(table: str, path: str | Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of one table alone, all else by default, for who wants to know no more; SettingsError as `load`.

    What is wrong with other tables does not matter; a file that is no TOML tells nothing.
    """
    found = _read(Path(path)).get(table, {}) if path else {}
    prefix = f"{ENVIRONMENT_PREFIX}{table.upper()}__"
    environment = {name: text for name, text in os.environ.items() if name.startswith(prefix)}
    dotted = {f"{table}.{key}": value for key, value in found.items()} if isinstance(found, dict) else {}
    said = {key: value for key, value in (overrides or {}).items() if value is not None}
    return load(None, environment, dotted | said)


def checked(settings: Settings, tables: Sequence[str]) -> Settings:
    """The settings with these tables as a file would have made them; SettingsError for what no file could say.

    Settings that are put together in Python have the types that somebody has given them, and no bounds.
    """
    # NOTE: by way of JSON, which is what the settings of a file are held against.
    return _typed(settings, {table: _said(settings, table) for table in tables}, {}, "settings")


def laid_over(settings: Settings, tables: Mapping[str, Any], source: str) -> Settings:
    """The settings with the tables of a further source laid over them, as those of a file over the defaults.

    SettingsError, with all faults, for what no file could say either.
    """
    said = {table: _said(settings, table) for table in tables if table in Settings.__struct_fields__}
    origins: dict[str, str] = {}
    _merge(said, tables, origins, source)
    return _typed(settings, said, origins, source)


def _said(settings: Settings, table: str) -> Any:
    """A table of settings as a file would have it, free to be changed."""
    if table == PLUGINS:
        return deepcopy(settings.plugins)  # what plugins have there need not be JSON
    return _spoken(msgspec.json.decode(msgspec.json.encode(getattr(settings, table))))


def _typed(settings: Settings, said: dict[str, Any], origins: Mapping[str, str], source: str) -> Settings:
    """The settings with these tables in the place of their own; SettingsError with everything that is wrong."""
    faults = Faults(said, origins, known_keys()).told()
    if faults:
        raise SettingsError(faults, source)
    types = {entry.name: entry.type for entry in msgspec.structs.fields(Settings)}
    made = {table: msgspec.convert(value, types[table]) for table, value in said.items()}
    return msgspec.structs.replace(settings, **made)


def _spoken(value: Any) -> Any:
    """A value without what is not set: a file leaves that out, and has no word for nothing."""
    if isinstance(value, dict):
        return {key: _spoken(each) for key, each in value.items() if each is not None}
    return [_spoken(each) for each in value] if isinstance(value, list) else value


def _entries(of: Any, prefix: str = "") -> Iterator[tuple[str, msgspec.structs.FieldInfo]]:
    """The settings in a table and in the tables within it, by their dotted keys."""
    for entry in msgspec.structs.fields(of):
        if isinstance(entry.type, type) and issubclass(entry.type, msgspec.Struct):
            yield from _entries(entry.type, f"{prefix}{entry.name}.")
        elif prefix:
            yield f"{prefix}{entry.name}", entry


_ENTRIES = dict(_entries(Settings))


def known_keys() -> list[str]:
    """Every setting's dotted key, in the order of declaration; those of plugins are theirs to tell."""
    return list(_ENTRIES)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"cannot read the file: {error.strerror}"], str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"not TOML: {error}"], str(path)) from None


def _is_text(keys: list[str], value: Any) -> bool:
    """Whether a setting is text, so that a variable that spells something else in TOML is taken as it stands."""
    types = types_of(node_at(keys) or {})
    return "string" in types and not (isinstance(value, list) and "array" in types)


def _literal(text: str) -> Any:
    """The text read as a TOML value, or the text itself if it is none."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _spelled(value: Any) -> str:
    """A number or a boolean as TOML has it; dates and times have many spellings."""
    return str(value).lower() if isinstance(value, int | float) else ""


def _nested(keys: list[str], value: Any) -> dict[str, Any]:
    for key in reversed(keys):
        value = {key: value}
    nested: dict[str, Any] = value
    return nested


def _merge(
    into: dict[str, Any], new: Mapping[str, Any], origins: dict[str, str], origin: str, prefix: str = ""
) -> None:
    for key, value in new.items():
        dotted = prefix + key
        origins[dotted] = origin
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value, origins, origin, dotted + ".")
        else:
            into[key] = value
            if isinstance(value, dict):
                into[key] = {}
                _merge(into[key], value, origins, origin, dotted + ".")
